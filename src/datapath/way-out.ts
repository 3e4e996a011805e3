/**
 * The last steps of a routed packet, when it is known where it goes: is it too long, and how does it leave? A super-frame leaves whole;
 * its segments are what the MTU limits.
 */

import * as ethernet from '../wire/ethernet.ts'
import * as ipv4 from '../wire/ipv4.ts'
import * as tcp from '../wire/tcp.ts'
import * as udp from '../wire/udp.ts'
import * as virtioNet from '../wire/virtio-net.ts'
import type { Counters } from './counters.ts'
import { DropReason } from './drop-reason.ts'
import type { Egress } from './egress.ts'
import { Fragmenter } from './fragmenter.ts'
import * as frameMemory from './frame-memory.ts'
import type { InterfaceTable } from './interface-table.ts'
import type { LinkLayer } from './link-layer.ts'
import * as packets from './packets.ts'
import * as rewriting from './rewrite.ts'
import { InterfaceKind } from './router-settings.ts'

// Constants of this module, whose values V8 compiles in; an imported one it would load and check at each use.
const { DOMAIN, END, NETWORK, OFFSET, PORT, TRANSPORT } = packets
const { clampMss, decrementTimeToLive, setEthernetAddresses } = rewriting
const { VIRTIO_NET_HEADER_SIZE } = frameMemory
const { GSO_NONE, GSO_UDP_L4, gsoSize, gsoType } = virtioNet
const ETHERNET_HEADER_SIZE = ethernet.HEADER_SIZE
const IPV4_TCP_HEADERS = ipv4.MIN_HEADER_SIZE + tcp.MIN_HEADER_SIZE
const ACCEPTED = DropReason.none

export interface WayOutParts {
  readonly rows: Int32Array
  readonly memory: frameMemory.FrameMemory
  readonly interfaces: InterfaceTable
  readonly link: LinkLayer
  readonly egress: Egress
  readonly counters: Counters
}

export class WayOut {
  private readonly rows: Int32Array
  private readonly view: DataView
  private readonly interfaces: InterfaceTable
  private readonly link: LinkLayer
  private readonly egress: Egress
  private readonly counters: Counters
  private readonly fragmenter: Fragmenter

  constructor(parts: WayOutParts) {
    this.rows = parts.rows
    this.view = parts.memory.view
    this.interfaces = parts.interfaces
    this.link = parts.link
    this.egress = parts.egress
    this.counters = parts.counters
    this.fragmenter = new Fragmenter(parts.memory)
  }

  /** A connection that crosses to a smaller MTU announces segments that fit it; one to the world, too, whose ways may be narrower. */
  clamp(row: number, domain: number): void {
    const { rows, interfaces } = this
    const mtu = interfaces.mtu[domain]!
    const ingress = interfaces.mtu[rows[row + DOMAIN]!]!
    if (ingress === mtu && interfaces.kind[domain] !== InterfaceKind.outside) return
    const mss = Math.min(mtu, ingress) - IPV4_TCP_HEADERS
    clampMss(
      this.view,
      rows[row + OFFSET]!,
      rows[row + NETWORK]!,
      rows[row + TRANSPORT]!,
      rows[row + END]!,
      mss,
    )
  }

  /** Sends the packet, which is as it will be but for its TTL and its Ethernet addresses, to the neighbour in `domain`. */
  transmit(row: number, neighbour: number, domain: number, nowS: number): void {
    const { rows, link, interfaces, view } = this
    const { neighbours } = link
    const offset = rows[row + OFFSET]!
    const high = neighbours.macHigh(neighbour)
    const low = neighbours.macLow(neighbour)
    decrementTimeToLive(view, rows[row + NETWORK]!)
    setEthernetAddresses(view, offset, high, low, interfaces.macHigh[domain]!, interfaces.macLow[domain]!)
    // What lies behind the packet was padding of the link that it came from.
    const length = rows[row + END]! - offset
    const isLong = length - ETHERNET_HEADER_SIZE > interfaces.mtu[domain]!
    const reason =
      isLong && this.isCut(offset)
        ? this.sendFragments(row, domain, high, low, nowS)
        : link.forward(domain, high, low, offset, length, nowS)
    if (reason !== ACCEPTED) this.counters.dropped(rows[row + PORT]!, reason as DropReason)
  }

  /** A super-frame is not cut: its segments fit. */
  private isCut(offset: number): boolean {
    return gsoType(this.view, offset - VIRTIO_NET_HEADER_SIZE) === GSO_NONE
  }

  /** Whether a packet that is longer than the MTU must not be cut, and so goes no further. A super-frame is judged by its segments. */
  mustStayWhole(row: number, mtu: number): boolean {
    const { rows, view } = this
    const network = rows[row + NETWORK]!
    const header = rows[row + OFFSET]! - VIRTIO_NET_HEADER_SIZE
    const type = gsoType(view, header)
    if (type === GSO_NONE) return ipv4.dontFragment(view, network)
    const transport = rows[row + TRANSPORT]!
    const size = type === GSO_UDP_L4 ? udp.HEADER_SIZE : tcp.headerSize(view, transport)
    return transport - network + size + gsoSize(view, header) > mtu
  }

  private sendFragments(row: number, domain: number, high: number, low: number, nowS: number): number {
    const { rows, fragmenter, link, egress } = this
    const offset = rows[row + OFFSET]!
    const length = rows[row + END]! - offset
    const mtu = this.interfaces.mtu[domain]!
    if (!fragmenter.fragment(offset, length, rows[row + NETWORK]!, mtu, egress.free, egress.end)) {
      return DropReason.segmentLimit
    }
    egress.take(fragmenter.arenaNext)
    this.counters.segmented(rows[row + PORT]!, fragmenter.count)
    let lost: number = ACCEPTED
    for (let i = 0; i < fragmenter.count; i++) {
      const at = fragmenter.firstOffset + i * fragmenter.stride
      const reason = link.forward(domain, high, low, at, fragmenter.lengthOf(i), nowS)
      // Each piece is accounted for: all but the last of those lost are counted here.
      if (reason === ACCEPTED) continue
      if (lost !== ACCEPTED) this.counters.dropped(rows[row + PORT]!, lost as DropReason)
      lost = reason
    }
    return lost
  }
}
