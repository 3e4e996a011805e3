/**
 * The order in which source NAT tries outside ports for a new flow: the port that the flow has already, so that most flows
 * keep theirs (RFC 4787, 4.2.1), and then all others of the range, in an order that a secret hash decides
 * (RFC 6056, 3.3.3: nobody who does not know it can tell which port comes next).
 *
 *     range of 10, anchor 3, stride 7:   3 0 7 4 1 8 5 2 9 6
 *
 * A stride that has no divisor in common with the size of the range meets each port exactly once before it comes
 * back to where it began. The hash picks one of all such strides.
 */
export class NatPorts {
  readonly first: number
  readonly last: number
  /** Ports of the range, and so candidates of a flow. */
  readonly count: number
  private readonly strides: Uint16Array

  /** The ports from `first` to `last`, both inclusive, 1 to 65,535. Throws RangeError where that is no range. */
  constructor(first: number, last: number) {
    if (!Number.isInteger(first) || !Number.isInteger(last) || first < 1 || first > last || last > 0xffff) {
      throw new RangeError(`NatPorts: ${first}-${last} is no range of ports`)
    }
    this.first = first
    this.last = last
    this.count = last - first + 1
    this.strides = stridesThrough(this.count)
  }

  /**
   * Candidate `k`, 0 to `count - 1`, of a flow that has port `preferred` and whose addresses and ports have this secret
   * hash (int32). Each port of the range is one candidate; `preferred` is the first where the range has it.
   */
  candidate(k: number, preferred: number, hash: number): number {
    const { first, count } = this
    const anchor = preferred >= first && preferred <= this.last ? preferred - first : (hash >>> 0) % count
    if (k === 0) return first + anchor
    // Other bits than those that chose the anchor: the high ones of a product depend on all.
    const choice = Math.imul(hash ^ (hash >>> 15), 0x9e3779b1) >>> 0
    const stride = this.strides[choice % this.strides.length]!
    return first + ((anchor + k * stride) % count)
  }
}

/** All strides below `count` that have no divisor in common with it: what is left without the multiples of its prime factors. */
function stridesThrough(count: number): Uint16Array {
  const isShared = new Uint8Array(count + 1)
  let rest = count
  for (let factor = 2; factor <= rest; factor++) {
    if (rest % factor !== 0) continue
    for (let multiple = factor; multiple <= count; multiple += factor) isShared[multiple] = 1
    while (rest % factor === 0) rest /= factor
  }
  const strides: number[] = []
  for (let stride = 1; stride < Math.max(count, 2); stride++) if (isShared[stride] === 0) strides.push(stride)
  return Uint16Array.from(strides)
}
