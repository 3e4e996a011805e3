/**
 * Fragments of IPv4 datagrams. Only the first one has ports, so what was decided about it stands here for the others (see
 * tables/fragment-table.ts); one that overtakes the first waits for it.
 */

import { FRAGMENTED_DATAGRAMS_MAX, FRAGMENTED_DATAGRAMS_PER_OWNER, PORTS_MAX } from '../limits.ts'
import { FragmentTable } from '../tables/fragment-table.ts'
import * as ipv4 from '../wire/ipv4.ts'
import type { FrameMemory } from './frame-memory.ts'
import { FIRST_FRAGMENT_LIST, FRAGMENT_LISTS } from './link-layer.ts'
import * as packets from './packets.ts'

const { DESTINATION, DOMAIN, NETWORK, PORT, PROTOCOL, SOURCE } = packets

/** Nothing has been decided about the datagram: its first fragment has not come. */
export const NOT_DECIDED = -1

/** In place of a connection's reference: they are for the gateway itself. */
export const FRAGMENTS_TO_GATEWAY = 0x7fff_ffff

/** The first fragment was dropped, and so are the others: they need not wait. */
export const FRAGMENTS_REFUSED = 0x7fff_fffe

export class DatagramFragments {
  private readonly table: FragmentTable
  private readonly view: DataView
  private readonly rows: Int32Array

  constructor(memory: FrameMemory, rows: Int32Array, seed: number) {
    this.view = memory.view
    this.rows = rows
    this.table = new FragmentTable({
      capacity: FRAGMENTED_DATAGRAMS_MAX,
      owners: PORTS_MAX,
      perOwner: FRAGMENTED_DATAGRAMS_PER_OWNER,
      seed,
    })
  }

  /** What `remember` was told about the datagram of the fragment in this row, or NOT_DECIDED. */
  decided(row: number, nowS: number): number {
    const { rows } = this
    return this.table.lookup(
      rows[row + SOURCE]!,
      rows[row + DESTINATION]!,
      this.identification(row),
      rows[row + PROTOCOL]!,
      rows[row + DOMAIN]!,
      nowS,
    )
  }

  /** The other fragments of the datagram whose first one is in this row follow `value`, a connection's reference. */
  remember(row: number, value: number, nowS: number): void {
    const { rows } = this
    this.table.insert(
      rows[row + SOURCE]!,
      rows[row + DESTINATION]!,
      this.identification(row),
      rows[row + PROTOCOL]!,
      rows[row + DOMAIN]!,
      value,
      rows[row + PORT]!,
      nowS,
    )
  }

  /** The first fragment in this row has been refused. What was decided about its datagram stands: this one may be forged. */
  refuse(row: number, nowS: number): void {
    if (this.decided(row, nowS) === NOT_DECIDED) this.remember(row, FRAGMENTS_REFUSED, nowS)
  }

  /** The list of the pen in which fragments of this datagram wait, and of others with the same hash. */
  waitingList(row: number): number {
    const { rows } = this
    const hash = rows[row + SOURCE]! ^ rows[row + DESTINATION]! ^ this.identification(row)
    return FIRST_FRAGMENT_LIST + (hash & (FRAGMENT_LISTS - 1))
  }

  /** Forgets datagrams of whose fragments no more are to be expected: some of them in each call. */
  expire(nowS: number): void {
    if (this.table.size > 0) this.table.expire(nowS)
  }

  /** The port goes. */
  removeOwner(port: number): void {
    this.table.removeOwner(port)
  }

  clear(): void {
    this.table.clear()
  }

  private identification(row: number): number {
    return ipv4.identification(this.view, this.rows[row + NETWORK]!)
  }
}
