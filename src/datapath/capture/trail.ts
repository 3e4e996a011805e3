/**
 * What the path leaves behind while it deals with a frame, for who looks on (recorded-path.ts): a few stores where something rare
 * happens. Whoever wants to know of one frame clears it before, and reads it behind.
 */

import type { LinkDirection } from '../impairment/impairment-settings.ts'

const NONE = -1

/** Is told which of many packets the router deals with; and of frames that had waited (for a neighbour, for a first fragment), in the turn of the frame that ended the wait. */
export interface TrailWatcher {
  /** What follows is about the packet whose frame begins at `offset`. */
  handling(offset: number): void
  /** It goes on: it is in the frame memory, as it came. What follows until `released` is about it. */
  releasing(number: number, port: number, offset: number, length: number): void
  released(): void
  /** By which number the frame is known that stands at `offset` and is dealt with: for who makes it wait. */
  numberOf(offset: number): number
  /** What leaves from here on had been delayed by the link to where it goes, and was known by this number; 0: by none. */
  passing(number: number): void
  /** It is dropped without another look. `offset` is where its Ethernet frame begins in `bytes`. */
  lost(number: number, port: number, bytes: Uint8Array, offset: number, length: number, reason: number): void
  /** The impaired link of `port` drops a frame, which stands in the frame memory: on its way `from` there, before it arrives, or `to` there. */
  lostOnLink(port: number, direction: LinkDirection, offset: number, length: number, reason: number): void
}

export class Trail {
  /** Of the frame that is dealt with: what stands by a frame that begins to wait. 0 while nobody looks. */
  number = 0
  /** 0, or the DropReason of the last drop. */
  reason = 0
  /** Bits of Fact, but for those of learning. */
  facts = 0
  /** Reference of its connection, of tables/connection-table.ts; -1 where it has none. */
  flow = NONE
  /** The router has made a frame because of it. */
  made = false
  watcher: TrailWatcher | undefined = undefined

  clear(): void {
    this.reason = 0
    this.facts = 0
    this.flow = NONE
    this.made = false
  }
}
