/**
 * The data path alone, joined to TAPs: `node tapwire-forwarder.js --io BACKEND --port NAMESPACE_PATH:INTERFACE …`.
 * Prints `ready` when it forwards, and ends on SIGTERM.
 */
import { parseArgs } from 'node:util'
import { Datapath } from '../../src/daemon/datapath.ts'
import { MTU_DEFAULT } from '../../src/limits.ts'

const DOMAIN = 1

const { values } = parseArgs({
  options: {
    io: { type: 'string', default: 'io_uring' },
    port: { type: 'string', multiple: true, default: [] },
  },
})
if (values.io !== 'io_uring' && values.io !== 'epoll')
  throw new Error(`--io ${values.io}: want io_uring or epoll`)

const datapath = await Datapath.start({ io: values.io })
if (datapath.backend !== values.io) throw new Error(`wanted ${values.io}, got ${datapath.backend}`)
await datapath.addDomain({ id: DOMAIN })
for (const [port, place] of values.port.entries()) {
  const colon = place.lastIndexOf(':')
  await datapath.addPort({
    port,
    domain: DOMAIN,
    mtu: MTU_DEFAULT,
    namespace: place.slice(0, colon),
    name: place.slice(colon + 1),
  })
}
console.log('ready')

process.once('SIGTERM', () => {
  datapath.stop().catch((error: unknown) => {
    console.error(error)
    process.exitCode = 1
  })
})
