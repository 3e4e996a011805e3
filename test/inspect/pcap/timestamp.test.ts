import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { putTimestamp, readTimestamp, resolutionOf } from '../../../src/inspect/pcap/timestamp.ts'

const NANOSECONDS = 1_000_000_000n

const read = (high: number, low: number, code: number): bigint => {
  const time = { seconds: 0, nanoseconds: 0 }
  readTimestamp(high, low, resolutionOf(code, 0), time)
  assert.ok(time.nanoseconds >= 0 && time.nanoseconds <= 999_999_999)
  return BigInt(time.seconds) * NANOSECONDS + BigInt(time.nanoseconds)
}

describe('a timestamp of 64 bits', () => {
  const word = fc.oneof(fc.nat(0xffff_ffff), fc.constantFrom(0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff))

  for (let digits = 4; digits <= 9; digits++) {
    const units = 10n ** BigInt(digits)

    it(`in units of 10^-${digits} s is what integers of any size say`, () => {
      fc.assert(
        fc.property(word, word, (high, low) => {
          const total = (BigInt(high) << 32n) | BigInt(low)
          assert.equal(read(high, low, digits), (total * NANOSECONDS) / units)
        }),
        { numRuns: 1000 },
      )
    })

    it(`in units of 10^-${digits} s is right on both sides of a full second`, () => {
      const secondsMax = (1n << 64n) / units - 1n
      fc.assert(
        fc.property(
          fc.bigInt({ min: 1n, max: secondsMax }),
          fc.constantFrom(-1n, 0n, 1n),
          (seconds, beside) => {
            const total = seconds * units + beside
            const high = Number(total >> 32n)
            assert.equal(read(high, Number(total & 0xffff_ffffn), digits), (total * NANOSECONDS) / units)
          },
        ),
        { numRuns: 1000 },
      )
    })
  }

  it('is written as it is read', () => {
    const view = new DataView(new ArrayBuffer(8))
    fc.assert(
      fc.property(fc.nat(18_446_744_072), fc.nat(709_551_615), (seconds, nanoseconds) => {
        putTimestamp(view, 0, seconds, nanoseconds)
        const total = (BigInt(view.getUint32(0, true)) << 32n) | BigInt(view.getUint32(4, true))
        assert.equal(total, BigInt(seconds) * NANOSECONDS + BigInt(nanoseconds))
        assert.equal(read(view.getUint32(0, true), view.getUint32(4, true), 9), total)
      }),
      { numRuns: 1000 },
    )
  })
})
