/** What the kernel tells of processors, and which of it counts. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { idleTicks, parseList, SpareTime } from '../../../src/daemon/capture/spare-time.ts'

const STAT = `cpu  100 0 100 750 5 0 0 0 0 0
cpu0 10 0 10 100 1 0 0 0 0 0
cpu1 10 0 10 200 1 0 0 0 0 0
cpu10 80 0 80 450 3 0 0 0 0 0
intr 12345 0 1
ctxt 678
`

describe('spare time', () => {
  it('is that of the processors that the process may run on', () => {
    assert.equal(idleTicks(STAT, new Set([1])), 200)
    assert.equal(idleTicks(STAT, new Set([0, 10])), 550)
    assert.equal(idleTicks(STAT, new Set()), 0)
  })

  it('reads lists of processors as the kernel writes them', () => {
    assert.deepEqual([...parseList('0-3,8')], [0, 1, 2, 3, 8])
    assert.deepEqual([...parseList('5')], [5])
  })

  it('is there until it is known not to be, and is asked for once in a while', () => {
    const spare = new SpareTime()
    assert.equal(spare.isThere(0), true)
    assert.equal(spare.isThere(99), true)
    // A window of 299 ms that took microseconds: no processor can have been idle for a part of that.
    assert.equal(spare.isThere(299), false)
    assert.equal(spare.isThere(350), false)
  })
})
