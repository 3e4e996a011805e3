/**
 * A frame that is longer than the way to a peer takes: its sender is told, or it goes in fragments. Outer packets are never
 * fragmented (RFC 7348, 4.3).
 *
 * In IPv4 the gateway's address is where the error comes from; in a network without a gateway, and in IPv6, it is whom the packet was
 * for, since the tunnel has no address in the network that it carries. Linux's vxlan device does the same.
 */

import { ICMP_ERRORS_BURST, ICMP_ERRORS_PER_S, PORTS_MAX } from '../../limits.ts'
import * as icmpMessages from '../../protocols/icmp.ts'
import * as icmpv6Messages from '../../protocols/icmpv6.ts'
import { RateLimit } from '../../protocols/rate-limit.ts'
import type { MacTable } from '../../tables/mac-table.ts'
import * as ethernet from '../../wire/ethernet.ts'
import * as icmp from '../../wire/icmp.ts'
import * as ipv4 from '../../wire/ipv4.ts'
import * as ipv6 from '../../wire/ipv6.ts'
import type { Counters } from '../counters.ts'
import { type Egress, NO_ROOM } from '../egress.ts'
import type { FrameMemory } from '../frame-memory.ts'
import { type InterfaceTable, NO_INTERFACE } from '../interface-table.ts'
import { FROM_PEER, type PortTable } from '../port-table.ts'

const { composeError, ERROR_FRAME_MAX, mayAnswer } = icmpMessages
const { composePacketTooBig, mayTell, PACKET_TOO_BIG_MAX } = icmpv6Messages
const LIMITED_BROADCAST = -1

export interface PathMtuParts {
  readonly memory: FrameMemory
  readonly ports: PortTable
  readonly stations: MacTable
  readonly interfaces: InterfaceTable
  readonly egress: Egress
  readonly counters: Counters
}

export class PathMtu {
  /** The second that it is: what the errors' rate is told by. */
  nowS = 0
  private readonly memory: FrameMemory
  private readonly ports: PortTable
  private readonly stations: MacTable
  private readonly interfaces: InterfaceTable
  private readonly egress: Egress
  private readonly counters: Counters
  /** By the port that is told. */
  private readonly limit = new RateLimit(PORTS_MAX, ICMP_ERRORS_PER_S, ICMP_ERRORS_BURST)

  constructor(parts: PathMtuParts) {
    this.memory = parts.memory
    this.ports = parts.ports
    this.stations = parts.stations
    this.interfaces = parts.interfaces
    this.egress = parts.egress
    this.counters = parts.counters
  }

  /** Tells who has sent the frame at `offset`, with its IP header at `network`, that `mtu` bytes of packet are as much as goes. */
  tell(offset: number, length: number, network: number, version: number, domain: number, mtu: number): void {
    const { view } = this.memory
    const end = offset + length
    const port = this.stations.lookup(
      domain,
      ethernet.sourceHigh(view, offset),
      ethernet.sourceLow(view, offset),
      this.nowS,
    )
    // Not behind a peer, nor behind the router, which knows the MTU itself.
    if (port < 0 || port >= PORTS_MAX || this.ports.oneWay[port] === FROM_PEER) return
    const is6 = version === 6 && ipv6.check(view, network, end) && mayTell(view, network)
    const is4 = version === 4 && ipv4.check(view, network, end) && this.mayTellIpv4(offset, network, domain)
    if ((!is4 && !is6) || !this.limit.take(port, this.nowS)) return
    const at = this.egress.allocate(Math.max(ERROR_FRAME_MAX, PACKET_TOO_BIG_MAX))
    if (at === NO_ROOM) return
    const { bytes } = this.memory
    const size = is6
      ? composePacketTooBig(view, bytes, at, mtu, offset, network)
      : this.composeIpv4(at, mtu, offset, network, domain)
    this.counters.originated(port)
    this.egress.send(port, at, size)
  }

  private mayTellIpv4(offset: number, network: number, domain: number): boolean {
    const { interfaces } = this
    const broadcast =
      interfaces.kind[domain] === NO_INTERFACE
        ? LIMITED_BROADCAST
        : interfaces.address[domain]! | ~interfaces.mask[domain]!
    return mayAnswer(this.memory.view, offset, network, broadcast)
  }

  private composeIpv4(at: number, mtu: number, offset: number, network: number, domain: number): number {
    const { interfaces } = this
    const { view, bytes } = this.memory
    const isGateway = interfaces.kind[domain] !== NO_INTERFACE
    const error = { type: icmp.TYPE_DESTINATION_UNREACHABLE, code: icmp.CODE_FRAGMENTATION_NEEDED, rest: mtu }
    const from = {
      macHigh: isGateway ? interfaces.macHigh[domain]! : ethernet.targetHigh(view, offset),
      macLow: isGateway ? interfaces.macLow[domain]! : ethernet.targetLow(view, offset),
      address: isGateway ? interfaces.address[domain]! : ipv4.destinationAddress(view, network),
    }
    return composeError(view, bytes, at, error, from, offset, network)
  }
}
