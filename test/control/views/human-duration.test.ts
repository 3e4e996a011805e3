import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { humanDuration, humanStatus } from '../../../src/control/views/human-duration.ts'
import { sandbox } from '../rules/records.ts'

const [SECOND, MINUTE, HOUR] = [1000, 60_000, 3_600_000]
const DAY = 24 * HOUR

describe('humanDuration', () => {
  const cases: [number, string][] = [
    [-HOUR, 'Less than a second'],
    [0, 'Less than a second'],
    [999, 'Less than a second'],
    [SECOND, '1 second'],
    [2 * SECOND, '2 seconds'],
    [59_999, '59 seconds'],
    [MINUTE, 'About a minute'],
    [2 * MINUTE - 1, 'About a minute'],
    [2 * MINUTE, '2 minutes'],
    [59 * MINUTE, '59 minutes'],
    [HOUR, 'About an hour'],
    [89 * MINUTE, 'About an hour'],
    [90 * MINUTE, '2 hours'],
    [47 * HOUR, '47 hours'],
    [47.5 * HOUR, '2 days'],
    [13 * DAY, '13 days'],
    [14 * DAY, '2 weeks'],
    [59 * DAY, '8 weeks'],
    [60 * DAY, '2 months'],
    [729 * DAY, '24 months'],
    [730 * DAY, '2 years'],
  ]
  for (const [ms, text] of cases) it(`says ${text} for ${ms} ms`, () => assert.equal(humanDuration(ms), text))
})

describe('humanStatus', () => {
  const { state } = sandbox()
  const nowMs = Date.parse('2026-01-02T03:04:16Z')
  it('tells how long it has been so', () => {
    assert.equal(humanStatus(state, nowMs), 'Up 10 seconds')
    assert.equal(humanStatus({ ...state, status: 'created' }, nowMs), 'Created')
    const exited = {
      ...state,
      status: 'exited',
      exitCode: 0,
      finishedAt: '2026-01-02T01:04:16.123456789Z',
    } as const
    assert.equal(humanStatus(exited, nowMs), 'Exited (0) 2 hours ago')
  })
})
