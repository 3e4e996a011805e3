/**
 * A set of whole numbers, kept as the intervals that it is made of. Addresses are given out lowest first, so a pool of
 * any size is a few intervals, and a /8 costs no more memory than a /29:
 *
 *     firsts   0        12          200
 *     lasts    9        12          255         in order; between two intervals at least one number is missing
 *
 * A search is binary. A change moves what stands behind it, which is one short copy even for tens of thousands of holes.
 */
export class IntervalSet {
  readonly #firsts: bigint[] = []
  readonly #lasts: bigint[] = []
  #size = 0n

  /** How many numbers are in it. */
  get size(): bigint {
    return this.#size
  }

  has(value: bigint): boolean {
    return this.overlap(value, value) !== undefined
  }

  /** The end of the first interval that has numbers of `first` to `last`; undefined where none has. */
  overlap(first: bigint, last: bigint): bigint | undefined {
    const index = indexFrom(this.#lasts, first)
    return index < this.#firsts.length && this.#firsts[index]! <= last ? this.#lasts[index] : undefined
  }

  /** The lowest number from `from` on that is not in the set. */
  firstFree(from: bigint): bigint {
    const last = this.overlap(from, from)
    return last === undefined ? from : last + 1n
  }

  /** How many numbers of `first` to `last` are in the set. */
  count(first: bigint, last: bigint): bigint {
    let count = 0n
    for (let index = indexFrom(this.#lasts, first); index < this.#firsts.length; index++) {
      const start = this.#firsts[index]!
      if (start > last) break
      count += smaller(this.#lasts[index]!, last) - larger(start, first) + 1n
    }
    return count
  }

  /** Puts `first` to `last` in, whichever of them are in already. */
  add(first: bigint, last: bigint = first): void {
    // Intervals that only touch it become one with it as well.
    const from = indexFrom(this.#lasts, first - 1n)
    const to = indexFrom(this.#firsts, last + 2n)
    const start = from < to ? smaller(first, this.#firsts[from]!) : first
    const end = from < to ? larger(last, this.#lasts[to - 1]!) : last
    this.#replace(from, to, [start], [end])
  }

  /** Takes `first` to `last` out, whichever of them are in. */
  remove(first: bigint, last: bigint = first): void {
    const from = indexFrom(this.#lasts, first)
    const to = indexFrom(this.#firsts, last + 1n)
    if (from >= to) return
    const start = this.#firsts[from]!
    const end = this.#lasts[to - 1]!
    const firsts: bigint[] = []
    const lasts: bigint[] = []
    if (start < first) {
      firsts.push(start)
      lasts.push(first - 1n)
    }
    if (end > last) {
      firsts.push(last + 1n)
      lasts.push(end)
    }
    this.#replace(from, to, firsts, lasts)
  }

  #replace(from: number, to: number, firsts: readonly bigint[], lasts: readonly bigint[]): void {
    const removedFirsts = this.#firsts.splice(from, to - from, ...firsts)
    const removedLasts = this.#lasts.splice(from, to - from, ...lasts)
    this.#size += total(firsts, lasts) - total(removedFirsts, removedLasts)
  }
}

/** Index of the first of `values`, which ascend, that is `least` or more; their count where none is. */
function indexFrom(values: readonly bigint[], least: bigint): number {
  let low = 0
  let high = values.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (values[middle]! < least) low = middle + 1
    else high = middle
  }
  return low
}

const total = (firsts: readonly bigint[], lasts: readonly bigint[]): bigint =>
  firsts.reduce((sum, first, index) => sum + lasts[index]! - first + 1n, 0n)

const smaller = (a: bigint, b: bigint): bigint => (a < b ? a : b)
const larger = (a: bigint, b: bigint): bigint => (a > b ? a : b)
