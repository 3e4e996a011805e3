import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ratesBetween } from '../../src/cli/stats-text.ts'
import { statsAfter } from './fake-api.ts'

describe('ratesBetween', () => {
  it('has none without two looks at one daemon', () => {
    assert.equal(ratesBetween(undefined, statsAfter(5)), undefined)
    assert.equal(ratesBetween(statsAfter(5), statsAfter(5)), undefined)
    const begunAnew = { ...statsAfter(9), uptimeS: 1 }
    assert.equal(ratesBetween(statsAfter(5), begunAnew), undefined)
  })

  it('counts a port that has come since from 0, and never below', () => {
    const before = statsAfter(10)
    const [alice, bob] = before.ports
    const ports = [{ ...alice!, received: { frames: 1000, bytes: 0 } }]
    const rates = ratesBetween({ ...before, ports }, statsAfter(20))!
    assert.equal(rates.ports[0]?.receivedFrames, 0)
    assert.equal(rates.ports[1]?.transmittedFrames, (bob!.transmitted.frames + 10) / 10)
  })
})
