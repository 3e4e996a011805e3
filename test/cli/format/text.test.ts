/** Columns, times and ports, as docker writes them. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { alignColumns } from '../../../src/cli/format/columns.ts'
import { formatPorts } from '../../../src/cli/format/ports.ts'
import { goTime, humanDuration, parseDuration, parseMoment } from '../../../src/cli/format/time.ts'

describe('columns', () => {
  it('are as wide as their widest cell and three, ten at least', () => {
    assert.equal(
      alignColumns([
        ['ID', 'NAME', 'X'],
        ['123456789012', 'ä', ''],
      ]),
      'ID             NAME      X\n123456789012   ä         \n',
    )
  })

  it('end with a line that lacks them', () => {
    assert.equal(
      alignColumns([['a', 'b'], ['only one that is long'], ['cccccccccc', 'd'], ['e', 'f', 'g']]),
      'a         b\nonly one that is long\ncccccccccc   d\ne            f         g\n',
    )
  })

  it('begin at the same place in all lines', () => {
    const cell = fc.stringMatching(/^[a-z]{0,12}$/)
    fc.assert(
      fc.property(fc.array(fc.tuple(cell, cell), { minLength: 1 }), (rows) => {
        const lines = alignColumns(rows.map(([a, b]) => [a, `|${b}`]))
          .trimEnd()
          .split('\n')
        assert.equal(new Set(lines.map((line) => line.indexOf('|'))).size, 1)
      }),
    )
  })
})

describe('times', () => {
  it('are told as people do', () => {
    const cases: [number, string][] = [
      [0.5, 'Less than a second'],
      [1, '1 second'],
      [59, '59 seconds'],
      [60, 'About a minute'],
      [119, 'About a minute'],
      [120, '2 minutes'],
      [3600, 'About an hour'],
      [5 * 3600, '5 hours'],
      [47 * 3600, '47 hours'],
      [48 * 3600, '2 days'],
      [14 * 86_400, '2 weeks'],
      [60 * 86_400, '2 months'],
      [3 * 365 * 86_400, '3 years'],
    ]
    for (const [seconds, expected] of cases) assert.equal(humanDuration(seconds), expected)
  })

  it('are written as Go does', () => {
    assert.equal(goTime('2026-01-02T03:04:05.678901234Z'), '2026-01-02 03:04:05.678901234 +0000 UTC')
    assert.equal(goTime('2026-01-02T03:04:05.120000000Z'), '2026-01-02 03:04:05.12 +0000 UTC')
    assert.equal(goTime('2026-01-02T03:04:05.000Z'), '2026-01-02 03:04:05 +0000 UTC')
    assert.equal(goTime('2026-01-02T03:04:05Z'), '2026-01-02 03:04:05 +0000 UTC')
  })

  it('are taken as durations, RFC 3339 or seconds', () => {
    const now = Date.parse('2026-01-02T03:04:05Z')
    assert.equal(parseMoment('1h30m', now), String(now / 1000 - 5400) + '.000')
    assert.equal(parseMoment('2026-01-02T03:04:05Z', 0), `${now / 1000}.000`)
    assert.equal(parseMoment('2026-01-02T03:04:05.25+01:00', 0), `${now / 1000 - 3600}.250`)
    assert.equal(parseMoment('1767323045.123456789', 0), '1767323045.123456789')
    for (const text of ['2026-01-02', '2026-01-02T03', '2026-01-02T03:04']) {
      const [day, time = '00:00'] = text.split('T')
      const local = Date.parse(`${day}T${time.includes(':') ? time : `${time}:00`}`)
      assert.equal(parseMoment(text, 0), (local / 1000).toFixed(3))
    }
    for (const text of ['foo', '', '5 m', '2026-13-45', '-5m']) {
      assert.throws(() => parseMoment(text, 0), /failed to parse value as time or duration: /)
    }
    assert.equal(parseDuration('1m1.5s500ms'), 62)
  })
})

describe('ports', () => {
  it('are drawn together where they are neighbours', () => {
    const tcp = (PrivatePort: number, PublicPort?: number, IP?: string) => ({
      Type: 'tcp' as const,
      PrivatePort,
      ...(PublicPort === undefined ? undefined : { PublicPort }),
      ...(IP === undefined ? undefined : { IP }),
    })
    assert.equal(formatPorts([]), '')
    assert.equal(formatPorts([tcp(81), tcp(80), tcp(443)]), '80-81/tcp, 443/tcp')
    assert.equal(
      formatPorts([tcp(80, 8080, '0.0.0.0'), tcp(81, 9000, '0.0.0.0')]),
      '0.0.0.0:8080->80/tcp, 0.0.0.0:9000->81/tcp',
    )
    assert.equal(
      formatPorts([tcp(80, 8080, '::'), tcp(81, 8081, '::'), tcp(82)]),
      '82/tcp, [::]:8080-8081->80-81/tcp',
    )
  })
})
