/**
 * Random numbers that are the same for the same seed: xoshiro128** 1.1 of Blackman and Vigna ("Scrambled linear pseudorandom number
 * generators", 2021), its state filled by splitmix32. Not for secrets.
 */
export class RandomNumbers {
  private a = 0
  private b = 0
  private c = 0
  private d = 0

  /** `seed` is an int32. */
  constructor(seed: number) {
    this.restart(seed)
  }

  restart(seed: number): void {
    this.a = mix((seed + 0x9e3779b9) | 0)
    this.b = mix((seed + 0x3c6ef372) | 0)
    this.c = mix((seed + 0xdaa66d2b) | 0)
    this.d = mix((seed + 0x78dde6e4) | 0)
  }

  /** 32 bits, as an int32: what is larger would have to be allocated. */
  next(): number {
    const product = Math.imul(this.b, 5)
    const result = Math.imul((product << 7) | (product >>> 25), 9)
    const shifted = this.b << 9
    this.c ^= this.a
    this.d ^= this.b
    this.b ^= this.c
    this.a ^= this.d
    this.c ^= shifted
    this.d = (this.d << 11) | (this.d >>> 21)
    return result
  }

  /** 0 to `limit - 1`; `limit` is 1 to 2^32. The odds of two numbers differ by less than `limit` in 2^32. */
  below(limit: number): number {
    return Math.floor(((this.next() >>> 0) * limit) / 4294967296)
  }
}

/** The finaliser of splitmix32: each bit of `value` changes half of those of the result. */
function mix(value: number): number {
  let mixed = value
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad)
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
  return mixed ^ (mixed >>> 15)
}
