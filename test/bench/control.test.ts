import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { groupMedians } from '../../bench/support/control/chart.ts'
import { Gathering } from '../../bench/support/control/figures.ts'
import { cell, toMarkdown } from '../../bench/support/control/report.ts'
import type { Result } from '../../bench/support/control/result.ts'
import { bound, judge, measuredText, TARGETS, targetTitle } from '../../bench/support/control/targets.ts'

describe('samples of the control plane', () => {
  it('are kept for each side, in the order of measuring', () => {
    const gathering = new Gathering()
    gathering.add('tapwire', 'run', 90)
    gathering.add('docker', 'run', 400)
    gathering.add('tapwire', 'run', 80, 85)
    assert.deepEqual(gathering.samples('tapwire'), { run: [90, 80, 85] })
    assert.deepEqual(gathering.samples('docker'), { run: [400] })
  })

  it('are shown as their median, with the spread of more than one', () => {
    assert.equal(cell('run', [90, 80, 85]), '85 (80–90)')
    assert.equal(cell('memory', [183.2]), '183')
    assert.equal(cell('run', []), '–')
    assert.equal(cell('run', undefined), '–')
  })

  it('are drawn in groups, the last of which may be smaller', () => {
    assert.deepEqual(groupMedians([1, 2, 9, 4, 5, 6, 7], 3), [2, 5, 7])
  })
})

describe('a target of the control plane', () => {
  const most = { figure: 'run', atMost: 100 } as const
  const ratio = { figure: 'endpointLast', to: 'endpointFirst', atMost: 2 } as const

  it('is held against the median', () => {
    assert.equal(judge(most, { run: [1, 100, 5000] }).outcome, 'met')
    const missed = judge(most, { run: [1, 101, 5000] })
    assert.equal(missed.outcome, 'missed')
    assert.equal(missed.measured, 101)
  })

  it('may be a ratio of two', () => {
    const verdict = judge(ratio, { endpointFirst: [10, 12], endpointLast: [22] })
    assert.equal(verdict.measured, 2)
    assert.equal(verdict.outcome, 'met')
    assert.equal(judge(ratio, { endpointFirst: [10], endpointLast: [21] }).outcome, 'missed')
  })

  it('is not measured where a value is missing', () => {
    assert.equal(judge(most, {}).outcome, 'not measured')
    assert.equal(judge(ratio, { endpointLast: [21] }).outcome, 'not measured')
    assert.equal(measuredText(judge(most, {})), '–')
  })

  it('is told with its unit, a ratio without', () => {
    assert.equal(bound(most), '≤ 100 ms')
    assert.equal(measuredText(judge(most, { run: [84.4] })), '84 ms')
    assert.equal(bound(ratio), '≤ 2.0 times')
    assert.equal(measuredText(judge(ratio, { endpointFirst: [10], endpointLast: [12.3] })), '1.23 times')
    assert.equal(targetTitle(ratio), 'a late endpoint alone / an early endpoint alone')
  })
})

describe('the report of the control plane', () => {
  const samples = { run: [140], list: [90], listRequest: [1] }
  const result: Result = {
    date: '2026-01-02T03:04:05.678Z',
    machine: { cpu: 'CPU', cores: 2, memoryGiB: 8, virtual: false, kernel: '6.1', node: '20.20.0' },
    rounds: 20,
    labSize: 200,
    endpoints: 1000,
    busyBefore: 0.04,
    versions: { tapwire: '0.1.0', docker: '' },
    missing: { docker: 'an engine could not be started (why)' },
    samples: { tapwire: samples, docker: {} },
    growth: [],
    targets: TARGETS.map((target) => judge(target, samples)),
    failures: ['growth: the last one\nand its output'],
  }
  const report = toMarkdown(result)

  it('says what was missed, and by how much', () => {
    assert.match(report, /^\| `run -d` \| ≤ 100 ms \| 140 ms \| \*\*missed\*\* \|$/m)
    assert.match(report, /^\| `network ls` \| ≤ 150 ms \| 90 ms \| met \|$/m)
    assert.match(report, /^\| .*RSS.* \| ≤ 300 MB \| – \| not measured \|$/m)
  })

  it('says why there is nothing of Docker, and what failed', () => {
    assert.match(report, /Docker was not measured: an engine could not be started \(why\)\./)
    assert.match(report, /^- Failed: growth: the last one$/m)
  })

  it('has a row for what was measured only', () => {
    assert.match(report, /^\| `run -d` \(ms\) \| 140 \| – \|$/m)
    assert.doesNotMatch(report, /`network connect` \(ms\)/)
  })
})
