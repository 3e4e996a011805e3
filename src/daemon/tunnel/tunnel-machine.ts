import { networkInterfaces } from 'node:os'
import { underlayBytes } from '../../control/fabric/underlay-address.ts'
import { tunnelMtu } from '../../control/rules/tunnel-mtu.ts'
import { INTERFACE_LOOK_MS } from '../../limits.ts'
import { closeUdpTunnel, openUdpTunnel, routeMtu, type TunnelSockets } from '../../ports/udp-tunnel.ts'
import { run } from '../program.ts'

/** What tunnels ask of the machine, and what a test may decide. */
export interface TunnelMachine {
  /** Throws TunnelError. */
  open(local: string, udpPort: number, ttl: number): TunnelSockets
  close(sockets: TunnelSockets): void
  /** Whether an interface that is up has the address now. */
  has(address: string): boolean
  /** Bytes of an inner IP packet that go to `address` in one piece; undefined where there is no route. */
  wayTo(local: string, address: string): number | undefined
  /** The same for the interface that has the address `local`. */
  interfaceOf(local: string): Promise<number | undefined>
  /** What packets for `remote` have for their source; undefined where there is no route. */
  localAddressTo(remote: string): Promise<string | undefined>
  /** Calls back at each look until the function returned is called. */
  everyLook(callback: () => void): () => void
}

/** As `ip -json` prints a route, and an interface. */
interface IpEntry {
  readonly prefsrc?: string
  readonly mtu?: number
}

/** The machine that the daemon runs on, in its own network namespace. */
export const tunnelMachine: TunnelMachine = {
  open: (local, udpPort, ttl) => openUdpTunnel({ local: underlayBytes(local), udpPort, ttl }),
  close: closeUdpTunnel,
  has: (address) =>
    Object.values(networkInterfaces()).some((entries) => entries?.some((entry) => entry.address === address)),
  wayTo(local, address) {
    const mtu = routeMtu({ local: underlayBytes(local), address: underlayBytes(address) })
    return mtu === undefined ? undefined : tunnelMtu(address, mtu)
  },
  async interfaceOf(local) {
    const [entry] = await ask('address', 'show', 'to', local)
    return entry?.mtu === undefined ? undefined : tunnelMtu(local, entry.mtu)
  },
  async localAddressTo(remote) {
    const [entry] = await ask('route', 'get', remote)
    return entry?.prefsrc
  },
  everyLook(callback) {
    const timer = setInterval(callback, INTERFACE_LOOK_MS)
    return () => clearInterval(timer)
  },
}

/** Nothing where there is no route, or no interface. */
async function ask(...words: readonly string[]): Promise<readonly IpEntry[]> {
  try {
    const text = await run('ip', ['-json', ...words])
    const entries = JSON.parse(text.trim() === '' ? '[]' : text) as readonly IpEntry[]
    // `ip` prints empty objects for what a filter leaves out.
    return entries.filter((entry) => Object.keys(entry).length > 0)
  } catch {
    return []
  }
}
