/**
 * The data path of one host of an overlay, alone: `node tapwire-overlay-forwarder.js --io BACKEND --port NAMESPACE_PATH:INTERFACE --local ADDRESS
 * --remote ADDRESS`, in the host's namespace. Prints `ready` when it forwards, and ends on SIGTERM.
 */
import { parseArgs } from 'node:util'
import { Datapath } from '../../../src/daemon/datapath.ts'
import { Tunnels } from '../../../src/daemon/tunnel/tunnels.ts'
import { PORT as VXLAN_PORT } from '../../../src/wire/vxlan.ts'
import { NETWORK_IDENTIFIER, OVERLAY_MTU } from './bed.ts'

const DOMAIN = 1
const SANDBOX = 0
const TUNNEL = 1
const PEER = 2
const TTL = 64

const { values } = parseArgs({
  options: {
    io: { type: 'string', default: 'io_uring' },
    port: { type: 'string' },
    local: { type: 'string' },
    remote: { type: 'string' },
  },
})
const { io, port, local, remote } = values
if (io !== 'io_uring' && io !== 'epoll') throw new Error(`--io ${io}: want io_uring or epoll`)
if (port === undefined || local === undefined || remote === undefined)
  throw new Error('want --port, --local and --remote')

const datapath = await Datapath.start({ io })
if (datapath.backend !== io) throw new Error(`wanted ${io}, got ${datapath.backend}`)
await datapath.addDomain({ id: DOMAIN })
const colon = port.lastIndexOf(':')
await datapath.addPort({
  port: SANDBOX,
  domain: DOMAIN,
  mtu: OVERLAY_MTU,
  namespace: port.slice(0, colon),
  name: port.slice(colon + 1),
})
const print = (details: object, message?: string): void => console.error(message, details)
const tunnels = new Tunnels(datapath, { info: print, warn: print })
await tunnels.openTunnel({ port: TUNNEL, local, udpPort: VXLAN_PORT, ttl: TTL, dscp: 0 })
await tunnels.setOverlay(DOMAIN, {
  tunnel: TUNNEL,
  vni: NETWORK_IDENTIFIER,
  floods: true,
  learns: true,
  suppressesArp: false,
})
await tunnels.addPeer({ port: PEER, domain: DOMAIN, address: remote })
console.log('ready')

async function stop(): Promise<void> {
  // It looks after the host's interfaces time and again, which would keep the process alive.
  await tunnels.close()
  await datapath.stop()
}

process.once('SIGTERM', () => {
  stop().catch((error: unknown) => {
    console.error(error)
    process.exitCode = 1
  })
})
