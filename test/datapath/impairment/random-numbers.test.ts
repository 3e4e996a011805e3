import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { RandomNumbers } from '../../../src/datapath/impairment/random-numbers.ts'

const MASK = 0xffff_ffffn
const turned = (value: bigint, bits: bigint): bigint => ((value << bits) | (value >> (32n - bits))) & MASK

/** splitmix32 and xoshiro128** as their authors write them, in numbers that never run over. */
function* reference(seed: number): Generator<number> {
  let counter = BigInt(seed) & MASK
  const state = [0n, 0n, 0n, 0n].map(() => {
    counter = (counter + 0x9e37_79b9n) & MASK
    let mixed = counter
    mixed = ((mixed ^ (mixed >> 16n)) * 0x21f0_aaadn) & MASK
    mixed = ((mixed ^ (mixed >> 15n)) * 0x735a_2d97n) & MASK
    return mixed ^ (mixed >> 15n)
  })
  for (;;) {
    yield Number((turned((state[1]! * 5n) & MASK, 7n) * 9n) & MASK)
    const shifted = (state[1]! << 9n) & MASK
    state[2]! ^= state[0]!
    state[3]! ^= state[1]!
    state[1]! ^= state[2]!
    state[0]! ^= state[3]!
    state[2]! ^= shifted
    state[3] = turned(state[3]!, 11n)
  }
}

describe('random numbers', () => {
  it('are those of xoshiro128**, for every seed', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const random = new RandomNumbers(seed)
        const wanted = reference(seed)
        for (let i = 0; i < 50; i++) assert.equal(random.next() >>> 0, wanted.next().value)
      }),
    )
  })

  it('begin anew when restarted', () => {
    const random = new RandomNumbers(7)
    const first = [random.next(), random.next(), random.next()]
    random.restart(7)
    assert.deepEqual([random.next(), random.next(), random.next()], first)
  })

  it('spread evenly over a range', () => {
    const random = new RandomNumbers(1)
    const counts = new Int32Array(10)
    for (let i = 0; i < 100_000; i++) counts[random.below(10)]!++
    // Five standard deviations of a binomial distribution: sqrt(100,000 x 0.1 x 0.9) = 95.
    for (const count of counts) assert.ok(Math.abs(count - 10_000) < 475, `${count}`)
  })
})
