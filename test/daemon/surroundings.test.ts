import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { pino } from 'pino'
import { MachineSurroundings } from '../../src/daemon/surroundings.ts'

describe('the time of the machine', () => {
  it('does not call back at once for more milliseconds than setTimeout takes', async () => {
    let called = false
    const cancel = new MachineSurroundings(pino({ enabled: false })).after(2 ** 31, () => {
      called = true
    })
    // Timers go off in their order, and one that is too long has 1 ms.
    await wait(2)
    cancel()
    assert.equal(called, false)
  })
})
