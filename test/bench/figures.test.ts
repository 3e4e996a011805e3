import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import type { Contender } from '../../bench/support/contender.ts'
import { bound, measuredText, toMarkdown } from '../../bench/support/markdown.ts'
import { roundTrips } from '../../bench/support/measures/ping.ts'
import { readWrk } from '../../bench/support/nat/measures/connections.ts'
import { replaceSection } from '../../bench/support/page.ts'
import { Collector } from '../../bench/support/result.ts'
import { median, percentile } from '../../bench/support/statistics.ts'
import { judge, L2_TARGETS, NAT_TARGETS } from '../../bench/support/targets.ts'

const contender = (id: string): Contender => ({
  id,
  title: id,
  description: '',
  needs: {},
  start: () => Promise.reject(new Error('not to be started')),
})

describe('median', () => {
  it('is the middle value, or the mean of the two in the middle', () => {
    assert.equal(median([3, 1, 2]), 2)
    assert.equal(median([10, 1, 2, 4]), 3)
    assert.equal(median([7]), 7)
    assert.ok(Number.isNaN(median([])))
  })

  it('has as many values below as above', () => {
    fc.assert(
      fc.property(fc.array(fc.integer(), { minLength: 1 }), (values) => {
        const middle = median(values)
        const below = values.filter((value) => value < middle).length
        const above = values.filter((value) => value > middle).length
        return below <= values.length / 2 && above <= values.length / 2
      }),
    )
  })
})

describe('percentile', () => {
  it('is the nearest rank', () => {
    const hundred = Array.from({ length: 100 }, (_, index) => 100 - index)
    assert.equal(percentile(hundred, 0.5), 50)
    assert.equal(percentile(hundred, 0.99), 99)
    assert.equal(percentile(hundred, 1), 100)
    assert.equal(percentile([5], 0.99), 5)
  })
})

describe('round trips', () => {
  const lines = (...times: string[]): string =>
    times
      .map((time, index) => `64 bytes from 10.99.0.2: icmp_seq=${index + 1} ttl=64 time=${time} ms\n`)
      .join('')

  it('are read in microseconds, and the summary is not one of them', () => {
    const output = `${lines('0.045', '1.20')}\n2 packets transmitted, 2 received, 0% packet loss, time 2ms\n`
    assert.deepEqual(roundTrips(output).map(Math.round), [45, 1200])
  })

  it('refuse an answer that came twice', () => {
    assert.throws(() => roundTrips(`${lines('0.045').trimEnd()} (DUP!)\n`), /twice/)
  })
})

describe('what wrk prints', () => {
  const output = [
    'Running 2s test @ http://203.0.113.2:8080/',
    '  1 threads and 64 connections',
    '  Thread Stats   Avg      Stdev     Max   +/- Stdev',
    '    Latency     1.90ms    1.35ms  12.45ms   76.57%',
    '    Req/Sec    10.77k     1.73k   14.07k    70.00%',
    '  32241 requests in 3.02s, 1.94MB read',
    'Requests/sec:  10693.48',
    'Transfer/sec:    657.90KB',
    '',
  ]

  it('is read as requests and their rate', () => {
    assert.deepEqual(readWrk(output.join('\n')), { requests: 32241, perSecond: 10693.48 })
  })

  it('is refused with errors, with answers of another status, and without answers', () => {
    const withLine = (line: string): string => output.toSpliced(6, 0, line).join('\n')
    assert.throws(
      () => readWrk(withLine('  Socket errors: connect 0, read 3, write 0, timeout 0')),
      /Socket errors: connect 0, read 3.* in 32241 requests/,
    )
    assert.throws(() => readWrk(withLine('  Non-2xx or 3xx responses: 7')), /responses: 7/)
    const nothing = output.with(5, '  0 requests in 2.00s, 0.00B read').with(6, 'Requests/sec:      0.00')
    assert.throws(() => readWrk(nothing.join('\n')), /no answer/)
    assert.throws(() => readWrk('unable to connect to 203.0.113.2:8080 Connection refused\n'), /no answer/)
  })
})

describe('the figures of a run', () => {
  it('are medians of the rounds and ratios to the median of Tapwire', () => {
    const collector = new Collector([contender('tapwire'), contender('kernel-bridge')])
    for (const tcp1 of [10, 30, 20]) collector.add('tapwire', { tcp1 })
    for (const tcp1 of [10, 9, 11]) collector.add('kernel-bridge', { tcp1 })
    const [ours, theirs] = collector.contenders()
    assert.deepEqual(ours?.medians, { tcp1: 20 })
    assert.deepEqual(theirs?.samples, { tcp1: [10, 9, 11] })
    assert.deepEqual(theirs?.ratios, { tcp1: 0.5 })
    assert.equal(collector.verdicts(L2_TARGETS).find(({ to }) => to === 'kernel-bridge')?.outcome, 'met')
  })

  it('leave out a measurement that failed', () => {
    const collector = new Collector([contender('tapwire')])
    collector.add('tapwire', { tcp1: 10 })
    collector.fail('tapwire', 'round 2, tcp1: nothing arrived')
    const [ours] = collector.contenders()
    assert.deepEqual(ours?.samples, { tcp1: [10] })
    assert.deepEqual(ours?.failures, ['round 2, tcp1: nothing arrived'])
  })
})

describe('a target', () => {
  const against = (figures: Record<string, number>) => (id: string) => figures[id]

  it('is met at its bound and missed beyond it', () => {
    const least = { metric: 'tcp1', of: 'tapwire', to: 'other', atLeast: 1.3 } as const
    assert.equal(judge(least, against({ tapwire: 13, other: 10 })).outcome, 'met')
    assert.equal(judge(least, against({ tapwire: 12.9, other: 10 })).outcome, 'missed')
    const most = { metric: 'pingP50', of: 'tapwire', to: 'other', atMost: 1.5 } as const
    assert.equal(judge(most, against({ tapwire: 15, other: 10 })).outcome, 'met')
    assert.equal(judge(most, against({ tapwire: 15.1, other: 10 })).outcome, 'missed')
  })

  it('keeps the ratio that missed it', () => {
    const target = { metric: 'tcp1', of: 'tapwire', to: 'other', atLeast: 8 } as const
    assert.equal(judge(target, against({ tapwire: 10, other: 5 })).ratio, 2)
  })

  it('is not measured when either side is missing', () => {
    const target = { metric: 'tcp1', of: 'tapwire', to: 'other', atLeast: 1 } as const
    assert.equal(judge(target, against({ tapwire: 10 })).outcome, 'not measured')
    assert.equal(judge(target, against({ other: 10 })).outcome, 'not measured')
  })
})

describe('a target for a median', () => {
  const target = { metric: 'publish', of: 'tapwire', atMost: 100 } as const
  const after = (publish: number | undefined) => judge(target, () => publish)

  it('is held against the median itself, and told with its unit', () => {
    assert.equal(after(100).outcome, 'met')
    assert.equal(after(101).outcome, 'missed')
    assert.equal(after(undefined).outcome, 'not measured')
    assert.equal(bound(after(84.4)), '≤ 100 ms')
    assert.equal(measuredText(after(84.4)), '84 ms')
    assert.equal(measuredText(after(undefined)), '–')
  })

  it('has no unit where it is a ratio', () => {
    const ratio = judge({ metric: 'tcpIn', of: 'tapwire', to: 'kernel', atLeast: 0.8 }, () => 5)
    assert.equal(bound(ratio), '≥ 0.80')
    assert.equal(measuredText(ratio), '1.00')
  })
})

describe('the report of a comparison', () => {
  const proxy = { ...contender('proxy'), description: 'a proxy', without: { ping: 'it carries TCP' } }
  const collector = new Collector([contender('tapwire'), proxy, contender('absent')])
  collector.add('tapwire', { tcpIn: 10, pingP50: 50, publish: 120 })
  collector.add('proxy', { tcpIn: 5 })
  collector.miss('absent', 'not installed (apt-get install absent)')
  const report = toMarkdown(
    {
      date: '2026-01-02T03:04:05.678Z',
      machine: { cpu: 'CPU', cores: 2, memoryGiB: 8, virtual: false, kernel: '6.1', node: '20.20.0' },
      rounds: 1,
      seconds: 2,
      busyBefore: 0,
      contenders: collector.contenders(),
      targets: collector.verdicts(NAT_TARGETS),
    },
    'nat',
  )

  it('has a dash where there is no value, and says why', () => {
    assert.match(report, /^\| \*\*proxy\*\* \| 5\.00 \(0\.50\) \| – \| – \|$/m)
    assert.match(report, /^- proxy: a proxy\.\n {2}- No value of `ping`: it carries TCP\.$/m)
    assert.match(report, /^- absent: not measured, not installed \(apt-get install absent\)\.$/m)
  })

  it('names its file, and what was missed', () => {
    assert.match(report, /`bench\/results\/nat\.json` has every sample/)
    assert.match(
      report,
      /^\| Publishing 10,000 ports \| tapwire \| ≤ 100 ms \| 120 ms \| \*\*missed\*\* \|$/m,
    )
    assert.match(report, /^\| Ping, median \| tapwire \/ kernel \| ≤ 2\.00 \| – \| not measured \|$/m)
  })
})

describe('a section of a page', () => {
  const page = 'before\n<!-- bench l2: begin -->\nold\n<!-- bench l2: end -->\nafter\n'

  it('is replaced, and nothing else is', () => {
    const replaced = replaceSection(page, 'bench l2', 'new\n')
    assert.equal(replaced, page.replace('old', 'new'))
    assert.equal(replaceSection(replaced, 'bench l2', 'old'), page)
  })

  it('must be there', () => {
    assert.throws(() => replaceSection(page, 'bench hot', 'new'), /no section/)
    assert.throws(() => replaceSection('<!-- x: end --><!-- x: begin -->', 'x', 'new'), /no section/)
  })
})
