/**
 * The second stage of a switched frame: where does it go within its bridge domain? (IEEE 802.1Q, 8.6 to 8.8: learning
 * and forwarding, without spanning tree.)
 *
 * `learn` writes and decides nothing, `decide` reads and writes nothing, so that asking what would happen to a frame never
 * changes what will.
 */

import type { MacTable, Station } from '../tables/mac-table.ts'
import * as ethernet from '../wire/ethernet.ts'
import { DropReason } from './drop-reason.ts'
import type { PortTable } from './port-table.ts'
import * as portTable from './port-table.ts'

// Constants of this module, whose values V8 compiles in; an imported one it would load and check at each use.
const { isMulticast } = ethernet
const { FROM_LAN, FROM_PEER } = portTable

/**
 * A verdict is a port's number, FLOOD, or below that a drop. FLOOD, to all ports of the domain but the one that the
 * frame came from, is what the MAC table says of a station that it does not know.
 */
export const FLOOD = -1

/** "Drop" as a verdict, and the reason of a verdict below FLOOD. */
export const dropVerdict = (reason: DropReason): number => FLOOD - reason
export const dropReasonOf = (verdict: number): DropReason => (FLOOD - verdict) as DropReason

const SAME_PORT = dropVerdict(DropReason.samePort)
const SPLIT_HORIZON = dropVerdict(DropReason.splitHorizon)

/** 01:80:c2:00:00:00 to 01:80:c2:00:00:0f: spanning tree, LACP, LLDP and others of one link (IEEE 802.1Q, 8.6.3). */
const RESERVED_HIGH = 0x0180
const RESERVED_LOW = 0xc2000000 | 0

export class Bridge {
  private readonly ports: PortTable
  private readonly stations: MacTable

  constructor(ports: PortTable, stations: MacTable) {
    this.ports = ports
    this.stations = stations
  }

  /** Notes that the station with this address lives on `port`. */
  learn(high: number, low: number, port: number, domain: number, nowS: number): void {
    this.stations.learn(domain, high, low, port, nowS)
  }

  /** The verdict on a frame from `port` to this address: a port, FLOOD, or a drop. */
  decide(high: number, low: number, port: number, domain: number, nowS: number): number {
    if (isMulticast(high)) return this.decideGroup(high, low, domain)
    const target = this.stations.lookup(domain, high, low, nowS)
    if (target === port) return SAME_PORT
    return this.ports.oneWay[port] === 0 ? target : this.decideOneWay(target, port)
  }

  /** The row of the MAC table that a verdict on this address comes from. */
  station(high: number, low: number, domain: number, nowS: number): Station | undefined {
    return this.stations.station(domain, high, low, nowS)
  }

  /**
   * From a LAN all sorts of frames come that its own switches flood, or that are the machine's: they are no sandbox's business. What came out
   * of a tunnel does not go into one again: each host sends to all others itself, and would get it back.
   */
  private decideOneWay(target: number, port: number): number {
    const { oneWay } = this.ports
    if (oneWay[port] === FROM_LAN) return target === FLOOD ? SAME_PORT : target
    return target >= 0 && oneWay[target] === FROM_PEER ? SPLIT_HORIZON : target
  }

  private decideGroup(high: number, low: number, domain: number): number {
    const reserved = high === RESERVED_HIGH && (low & ~0x0f) === RESERVED_LOW
    return reserved && this.ports.transparent[domain] === 0 ? dropVerdict(DropReason.reservedAddress) : FLOOD
  }
}
