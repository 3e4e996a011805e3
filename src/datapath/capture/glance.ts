/** Frames of a burst that go through the path together: which of them it was that leaves now. */

import * as frameMemory from '../frame-memory.ts'

// Constants of this module, whose values V8 compiles in; an imported one it would load and check at each use.
const { DESCRIPTOR_SHIFT, OFFSET } = frameMemory
const NOWHERE = -1

export class Glance {
  /** The router has begun to deal with its packets: what leaves is no longer what came. */
  isRouted = false
  private readonly received: Int32Array
  /** From one place in the burst to before another; none where they are equal. */
  private from = 0
  private to = 0
  private firstNumber = 0
  /** Where the last one was. */
  private at = 0

  /** `received`: the frame memory's list. */
  constructor(received: Int32Array) {
    this.received = received
  }

  get active(): boolean {
    return this.to > this.from
  }

  /** `firstNumber`: of the frame at `from`; the others count up. */
  begin(from: number, to: number, firstNumber: number): void {
    this.from = from
    this.to = to
    this.firstNumber = firstNumber
    this.at = from
    this.isRouted = false
  }

  end(): void {
    this.to = this.from
  }

  /** The place of the frame that came where `offset` says; -1 where none did. Most are asked for in the order in which they came. */
  find(offset: number): number {
    const { received, from, to } = this
    let { at } = this
    for (let left = to - from; left > 0; left--) {
      if (received[(at << DESCRIPTOR_SHIFT) + OFFSET] === offset) {
        this.at = at
        return at
      }
      if (++at === to) at = from
    }
    return NOWHERE
  }

  number(place: number): number {
    return this.firstNumber + place - this.from
  }
}
