import { scramble } from './scramble.ts'

/**
 * A hash of a few words under a secret: whoever does not know the seed cannot choose keys that collide.
 *
 * Each step multiplies by a secret odd number, after which a bit depends on all bits below it, and brings the high bits
 * down for the next. So the high bits of the result are the good ones: `hash >>> (32 - bits)`.
 */

const { imul } = Math

export class KeyedHash {
  private readonly whitening: number
  private readonly multiplier0: number
  private readonly multiplier1: number
  private readonly multiplier2: number
  private readonly multiplier3: number

  /** `seed`: a random int32 that nobody outside can know. */
  constructor(seed: number) {
    this.whitening = scramble(seed, 1)
    this.multiplier0 = scramble(seed, 2) | 1
    this.multiplier1 = scramble(seed, 3) | 1
    this.multiplier2 = scramble(seed, 4) | 1
    this.multiplier3 = scramble(seed, 5) | 1
  }

  /** An int32. */
  ofTwo(a: number, b: number): number {
    const first = imul(a ^ this.whitening, this.multiplier0)
    const second = imul(first ^ (first >>> 15) ^ b, this.multiplier1)
    return imul(second ^ (second >>> 15), this.multiplier2)
  }

  /** An int32: of `size` bytes at `at`, and of what `hash` is of. */
  ofBytes(hash: number, bytes: Uint8Array, at: number, size: number): number {
    const multiplier = this.multiplier1
    const end = at + size
    let bits = hash ^ this.whitening
    for (let index = at; index < end; index++) {
      const product = imul(bits ^ bytes[index]!, multiplier)
      bits = product ^ (product >>> 15)
    }
    return imul(bits, this.multiplier2)
  }

  /** An int32. */
  ofFour(a: number, b: number, c: number, d: number): number {
    const first = imul(a ^ this.whitening, this.multiplier0)
    const second = imul(first ^ (first >>> 15) ^ b, this.multiplier1)
    const third = imul(second ^ (second >>> 15) ^ c, this.multiplier2)
    const fourth = imul(third ^ (third >>> 15) ^ d, this.multiplier3)
    return imul(fourth ^ (fourth >>> 15), this.multiplier0)
  }
}
