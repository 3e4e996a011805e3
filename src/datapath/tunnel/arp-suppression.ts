/**
 * ARP requests for stations behind peers are answered here, so that they need not go to all hosts (as RFC 9161 has it for EVPN). A probe
 * (RFC 5227, 2.1.1) is answered, too: who wants to take an address must learn that it is taken. Not so the station itself that has it.
 */

import * as arpMessages from '../../protocols/arp.ts'
import * as arp from '../../wire/arp.ts'
import * as ethernet from '../../wire/ethernet.ts'
import type { Counters } from '../counters.ts'
import { type Egress, NO_ROOM } from '../egress.ts'
import type { FrameMemory } from '../frame-memory.ts'
import { FROM_PEER, type PortTable } from '../port-table.ts'
import type { RemoteStations } from './remote-stations.ts'
import type { TunnelTables } from './tunnel-tables.ts'

const { ArpKind, ARP_FRAME_SIZE, arpPacket, classifyArp, composeReply } = arpMessages
const NONE = -1

export interface ArpSuppressionParts {
  readonly memory: FrameMemory
  readonly ports: PortTable
  readonly tables: TunnelTables
  readonly remotes: RemoteStations
  readonly egress: Egress
  readonly counters: Counters
}

export class ArpSuppression {
  private readonly memory: FrameMemory
  private readonly ports: PortTable
  private readonly tables: TunnelTables
  private readonly remotes: RemoteStations
  private readonly egress: Egress
  private readonly counters: Counters

  constructor(parts: ArpSuppressionParts) {
    this.memory = parts.memory
    this.ports = parts.ports
    this.tables = parts.tables
    this.remotes = parts.remotes
    this.egress = parts.egress
    this.counters = parts.counters
  }

  /** The slot of `remotes.addresses` with what a frame for everybody asks for; or -1: it is to be flooded. Only reads. */
  decide(port: number, offset: number, length: number, domain: number): number {
    if (this.tables.suppressesArp[domain] === 0 || this.ports.oneWay[port] === FROM_PEER) return NONE
    const { view } = this.memory
    const kind = classifyArp(view, offset, length)
    if (kind !== ArpKind.request && kind !== ArpKind.probe) return NONE
    const packet = arpPacket(offset)
    const { addresses } = this.remotes
    const slot = addresses.find(domain, arp.targetProtocol(view, packet), 0, 0, 0)
    if (slot < 0) return NONE
    const isItself =
      addresses.value(slot) === arp.senderHardwareHigh(view, packet) &&
      addresses.value2(slot) === arp.senderHardwareLow(view, packet)
    return isItself ? NONE : slot
  }

  /** Whether the frame has been answered, and goes no further. */
  answer(port: number, offset: number, length: number, domain: number): boolean {
    const slot = this.decide(port, offset, length, domain)
    if (slot < 0) return false
    const at = this.egress.allocate(ARP_FRAME_SIZE)
    if (at === NO_ROOM) return false
    const { view } = this.memory
    const { addresses } = this.remotes
    const packet = arpPacket(offset)
    const size = composeReply(
      view,
      at,
      addresses.value(slot),
      addresses.value2(slot),
      arp.targetProtocol(view, packet),
      ethernet.sourceHigh(view, offset),
      ethernet.sourceLow(view, offset),
      arp.senderProtocol(view, packet),
    )
    this.counters.consumed(port)
    this.counters.originated(port)
    this.egress.send(port, at, size)
    return true
  }
}
