/**
 * The second stage of a switched frame: where does it go within its bridge domain? (IEEE 802.1Q, 8.6 to 8.8: learning
 * and forwarding, without spanning tree.)
 *
 * `learn` writes and decides nothing, `decide` reads and writes nothing, so that asking what would happen to a frame never
 * changes what will.
 */

import type { MacTable } from '../tables/mac-table.ts'
import * as ethernet from '../wire/ethernet.ts'
import { DropReason } from './drop-reason.ts'
import type { PortTable } from './port-table.ts'

/** The verdict that is no port: to all ports of the domain but the one it came from. Port numbers are below it. */
export const FLOOD = 1 << 16

/** The verdict "drop": below zero, the negative of its reason. */
export const dropVerdict = (reason: DropReason): number => -reason

/** 01:80:c2:00:00:00 to 01:80:c2:00:00:0f: spanning tree, LACP, LLDP and others of one link (IEEE 802.1Q, 8.6.3). */
const RESERVED_HIGH = 0x0180
const RESERVED_LOW = 0xc2000000 | 0

export class Bridge {
  readonly #ports: PortTable
  readonly #stations: MacTable

  constructor(ports: PortTable, stations: MacTable) {
    this.#ports = ports
    this.#stations = stations
  }

  /** Notes that the frame's source lives on `port`. */
  learn(view: DataView, offset: number, port: number, domain: number, nowS: number): void {
    this.#stations.learn(
      domain,
      ethernet.sourceHigh(view, offset),
      ethernet.sourceLow(view, offset),
      port,
      nowS,
    )
  }

  /** The egress port, FLOOD, or a drop verdict. */
  decide(view: DataView, offset: number, port: number, domain: number, nowS: number): number {
    const high = ethernet.targetHigh(view, offset)
    const low = ethernet.targetLow(view, offset)
    if (ethernet.isMulticast(high)) return this.#decideGroup(high, low, domain)
    const target = this.#stations.lookup(domain, high, low, nowS)
    if (target < 0) return FLOOD
    return target === port ? dropVerdict(DropReason.samePort) : target
  }

  #decideGroup(high: number, low: number, domain: number): number {
    const reserved = high === RESERVED_HIGH && (low & ~0x0f) === RESERVED_LOW
    return reserved && this.#ports.transparent[domain] === 0 ? dropVerdict(DropReason.reservedAddress) : FLOOD
  }
}
