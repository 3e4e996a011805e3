import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { NatPorts } from '../../src/tables/nat-ports.ts'

function candidates(ports: NatPorts, preferred: number, hash: number): number[] {
  return Array.from({ length: ports.count }, (_, k) => ports.candidate(k, preferred, hash))
}

describe('NatPorts', () => {
  it('offers each port of the range exactly once, whatever the range, the hash and the port of the flow', () => {
    const range = fc
      .tuple(fc.integer({ min: 1, max: 0xffff }), fc.oneof(fc.nat(40), fc.nat(3000)))
      .map(([first, more]) => ({ first, last: Math.min(first + more, 0xffff) }))
    fc.assert(
      fc.property(range, fc.nat(0xffff), fc.integer(), ({ first, last }, preferred, hash) => {
        const ports = new NatPorts(first, last)
        const offered = candidates(ports, preferred, hash)
        if (preferred >= first && preferred <= last) assert.equal(offered[0], preferred)
        assert.deepEqual(
          offered.toSorted((a, b) => a - b),
          Array.from({ length: last - first + 1 }, (_, n) => first + n),
        )
      }),
      { numRuns: 200 },
    )
  })

  it('keeps the port of the flow at both ends of the range, and not behind them', () => {
    const ports = new NatPorts(1000, 1009)
    for (let hash = 0; hash < 100; hash++) {
      assert.equal(ports.candidate(0, 1000, hash), 1000)
      assert.equal(ports.candidate(0, 1009, hash), 1009)
      for (const outside of [999, 1010]) assert.notEqual(ports.candidate(0, outside, hash), outside)
    }
  })

  it('covers the largest range too', () => {
    const offered = candidates(new NatPorts(1, 0xffff), 0, 0x7fff_ffff)
    assert.equal(new Set(offered).size, 0xffff)
    assert.deepEqual(
      [Math.min(...offered.slice(0, 1000)) >= 1, Math.max(...offered.slice(0, 1000)) <= 0xffff],
      [true, true],
    )
  })

  it('leaves the second port open to whoever does not know the hash', () => {
    const ports = new NatPorts(61_000, 65_095)
    const seconds = new Set<number>()
    for (let hash = 0; hash < 100_000; hash++)
      seconds.add(ports.candidate(1, 62_000, Math.imul(hash, 0x9e3779b1)))
    // 4096 ports, and of their 4096 strides the odd ones.
    assert.equal(seconds.size, 2048)
  })

  it('starts anywhere where it may not keep the port', () => {
    const ports = new NatPorts(61_000, 61_099)
    const firsts = new Set<number>()
    for (let hash = 0; hash < 10_000; hash++) firsts.add(ports.candidate(0, 22, Math.imul(hash, 0x9e3779b1)))
    assert.equal(firsts.size, 100)
  })

  it('refuses what is no range', () => {
    for (const [first, last] of [
      [0, 1],
      [2, 1],
      [1, 65_536],
      [1.5, 2],
      [1, NaN],
    ] as const) {
      assert.throws(() => new NatPorts(first, last), RangeError)
    }
  })
})
