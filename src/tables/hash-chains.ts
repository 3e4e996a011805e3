import { NONE } from './linked-lists.ts'

/**
 * The chains of a hash table whose entries keep their numbers for life, so that others may remember them: entry `n` is a
 * small integer, its key stands wherever the owner keeps it. At least as many chains as entries, so they stay short.
 *
 *     heads   | 7 | - | 2 | ...      hash >>> shift picks the chain
 *               │       └► 2 ─► 5
 *               └► 7
 */
export class HashChains {
  private readonly heads: Int32Array
  private readonly following: Int32Array
  private readonly shift: number

  /** Entries 0 to `entries - 1`, none in a chain. */
  constructor(entries: number) {
    // Two chains at least: a shift by 32 would be one by 0.
    const bits = Math.max(32 - Math.clz32(entries - 1), 1)
    this.heads = new Int32Array(1 << bits).fill(NONE)
    this.following = new Int32Array(entries).fill(NONE)
    this.shift = 32 - bits
  }

  /** The first entry of the chain that `hash` (int32) leads to, or NONE. */
  first(hash: number): number {
    return this.heads[hash >>> this.shift]!
  }

  /** The entry behind `entry` in its chain, or NONE. */
  next(entry: number): number {
    return this.following[entry]!
  }

  /** Puts an entry that is in no chain into that of its key's hash. */
  link(hash: number, entry: number): void {
    const chain = hash >>> this.shift
    this.following[entry] = this.heads[chain]!
    this.heads[chain] = entry
  }

  /** Takes an entry out of the chain that it was linked into with this hash. */
  unlink(hash: number, entry: number): void {
    const chain = hash >>> this.shift
    let before = this.heads[chain]!
    if (before === entry) {
      this.heads[chain] = this.following[entry]!
      return
    }
    while (this.following[before] !== entry) before = this.following[before]!
    this.following[before] = this.following[entry]!
  }
}
