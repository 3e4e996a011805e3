/** Tunnel endpoints that send for a network of ours and are no peers of it: for the control plane, each told of once in a while. */

import { STRANGER_AGAIN_S, STRANGERS_MAX } from '../../limits.ts'
import type { Stranger } from './tunnel-settings.ts'

/** Of a stranger: | domain | address: four words | second in which it was noted | 1 until it is told of | - | */
const ENTRY_SHIFT = 3
const DOMAIN = 0
const ADDRESS = 1
const NOTED = 5
const IS_NEW = 6

export class Strangers {
  private readonly entries = new Int32Array(STRANGERS_MAX << ENTRY_SHIFT)
  private count = 0
  private waiting = 0

  /** A datagram has come from this address. Where too many strangers have lately, it is not told of. */
  note(domain: number, a: number, b: number, c: number, d: number, nowS: number): void {
    const { entries } = this
    const at = this.place(domain, a, b, c, d, nowS)
    if (at < 0) return
    entries[at + DOMAIN] = domain
    entries[at + ADDRESS] = a
    entries[at + ADDRESS + 1] = b
    entries[at + ADDRESS + 2] = c
    entries[at + ADDRESS + 3] = d
    entries[at + NOTED] = nowS
    if (entries[at + IS_NEW] === 0) this.waiting++
    entries[at + IS_NEW] = 1
  }

  /** Those that have not been told of. */
  take(): readonly Stranger[] {
    if (this.waiting === 0) return []
    this.waiting = 0
    const taken: Stranger[] = []
    for (let index = 0; index < this.count; index++) {
      const at = index << ENTRY_SHIFT
      if (this.entries[at + IS_NEW] === 0) continue
      this.entries[at + IS_NEW] = 0
      taken.push({ domain: this.entries[at + DOMAIN]!, address: addressOf(this.entries, at + ADDRESS) })
    }
    return taken
  }

  /** Where it is to be noted: its own entry if that is old, a free one, or one that was told of long ago; or -1. */
  private place(domain: number, a: number, b: number, c: number, d: number, nowS: number): number {
    const { entries } = this
    let old = -1
    for (let index = 0; index < this.count; index++) {
      const at = index << ENTRY_SHIFT
      const isOld = nowS - entries[at + NOTED]! >= STRANGER_AGAIN_S && entries[at + IS_NEW] === 0
      if (
        entries[at + DOMAIN] === domain &&
        entries[at + ADDRESS] === a &&
        entries[at + ADDRESS + 1] === b &&
        entries[at + ADDRESS + 2] === c &&
        entries[at + ADDRESS + 3] === d
      ) {
        return isOld ? at : -1
      }
      if (isOld) old = at
    }
    return this.count < STRANGERS_MAX ? this.count++ << ENTRY_SHIFT : old
  }
}

function addressOf(words: Int32Array, at: number): Uint8Array {
  const address = new Uint8Array(16)
  const view = new DataView(address.buffer)
  for (let word = 0; word < 4; word++) view.setInt32(word << 2, words[at + word]!)
  return address
}
