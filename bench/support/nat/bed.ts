import { CONGESTION_CONTROL } from '../iperf.ts'
import { Namespaces } from '../namespaces.ts'
import { run } from '../process.ts'
import { INTERFACE, TRANSMIT_QUEUE } from '../test-bed.ts'
import type { Gateway, Sandbox } from './gateway.ts'

/**
 * A sandbox that reaches the world through a host, and is reached through it:
 *
 *     sandbox ──── contender, in host ──── host: eth0 203.0.113.2/24 ──veth── internet: eth0 203.0.113.1/24
 *
 * The host's default route leads to the internet. The internet knows no network but its own, so whatever comes back has
 * been translated. What is between sandbox and host is the contender's. The sandbox's namespace is here for those that
 * do not make one themselves. The addresses are for documentation (RFC 5737).
 */
export type NatPlace = 'sandbox' | 'host' | 'internet'

export const HOST = '203.0.113.2'
export const INTERNET = '203.0.113.1'

/** The host's TCP ports that lead to the same port of the sandbox. */
export const PUBLISHED = { iperf: 5201, transfer: 5202, web: 8080 } as const
export const PUBLISHED_PORTS: readonly number[] = Object.values(PUBLISHED)

/**
 * Clients make tens of thousands of connections to one port. They take all ports there are but the published ones, and
 * those of connections that have ended again after a second.
 */
const MANY_CONNECTIONS = [
  'net.ipv4.ip_local_port_range=1024 65535',
  `net.ipv4.ip_local_reserved_ports=${PUBLISHED_PORTS.join(',')}`,
  'net.ipv4.tcp_tw_reuse=1',
]

/** Sockets for ICMP echo without privileges, by which userspace stacks send a sandbox's pings. */
const PING_SOCKETS = 'net.ipv4.ping_group_range=0 2147483647'

export class NatBed extends Namespaces<NatPlace> {
  static async create(): Promise<NatBed> {
    const bed = new NatBed(['sandbox', 'host', 'internet'])
    await bed.make()
    await bed.cable('host', INTERFACE, 'internet', INTERFACE)
    for (const [place, address] of [['host', HOST] as const, ['internet', INTERNET] as const]) {
      await bed.ip(place, ['addr', 'add', `${address}/24`, 'dev', INTERFACE])
      await bed.ip(place, ['link', 'set', INTERFACE, 'up'])
      await bed.exec(place, 'sysctl', ['-qw', ...MANY_CONNECTIONS])
    }
    await bed.setCongestionControl('203.0.113.0/24', INTERFACE)
    await bed.ip('host', ['route', 'add', 'default', 'via', INTERNET])
    await bed.exec('host', 'sysctl', ['-qw', PING_SOCKETS])
    return bed
  }

  /**
   * Contenders that make connections of their own from the host make them with the congestion control that iperf3 is
   * told to use. By the route, because a namespace may not choose one as its default that the machine restricts.
   */
  async setCongestionControl(network: string, device: string): Promise<void> {
    const route = [network, 'dev', device, 'proto', 'kernel', 'scope', 'link']
    await this.ip('host', ['route', 'replace', ...route, 'congctl', CONGESTION_CONTROL])
  }

  /** Prepares the contender's sandbox for the measures and waits until it reaches the internet. */
  async configure({ sandbox }: Gateway): Promise<void> {
    const options = { namespace: sandbox.namespace }
    await run('sysctl', ['-qw', ...MANY_CONNECTIONS], options)
    await run('ip', ['link', 'set', INTERFACE, 'txqueuelen', String(TRANSMIT_QUEUE)], options)
    await run('ping', ['-q', '-i', '0.05', '-c', '3', '-w', '5', INTERNET], options)
  }

  /** The sandbox of those that make none themselves. */
  sandbox(address: string): Sandbox {
    return { namespace: this.path('sandbox'), address }
  }
}
