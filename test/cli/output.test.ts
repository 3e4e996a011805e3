import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  formatAge,
  formatAmount,
  formatCommand,
  formatCount,
  formatTable,
  plural,
  printable,
} from '../../src/cli/output.ts'

describe('formatTable', () => {
  it('aligns columns, draws no lines and leaves no blanks at the ends', () => {
    const table = formatTable(
      ['NAME', { heading: 'COUNT', align: 'right' }, 'WHY'],
      [
        ['a', 5, ''],
        ['longer', 12_345, 'because'],
      ],
    )
    assert.equal(table, 'NAME     COUNT   WHY\na            5\nlonger   12345   because\n')
  })

  it('has its headings where there are no rows', () => {
    assert.equal(formatTable(['A', 'B'], []), 'A   B\n')
  })

  it('lets no cell steer the terminal or break its line', () => {
    assert.equal(formatTable(['A'], [['x\u001B[31m\n\ty']]), 'A\nx [31m y\n')
  })
})

describe('printable', () => {
  it('keeps letters of all scripts', () => assert.equal(printable('größe 大\u0007!'), 'größe 大 !'))
})

describe('formatAmount', () => {
  const cases: [number, string][] = [
    [0, '0 B'],
    [999, '999 B'],
    [9995, '10.0 kB'],
    [99_949, '99.9 kB'],
    [99_950, '100 kB'],
    [1000, '1.00 kB'],
    [1234, '1.23 kB'],
    [12_345, '12.3 kB'],
    [123_456, '123 kB'],
    [999_499, '999 kB'],
    [999_499.9, '999 kB'],
    [1_000_000, '1.00 MB'],
    [2 ** 53, '9.01 PB'],
    [1e20, '100000 PB'],
  ]
  for (const [value, text] of cases)
    it(`writes ${value} as ${text}`, () => assert.equal(formatAmount(value, 'B'), text))
})

describe('formatAge', () => {
  const cases: [number, string][] = [
    [0.9, '0 s'],
    [119.9, '119 s'],
    [120, '2 min'],
    [7199, '119 min'],
    [7200, '2 h'],
  ]
  for (const [seconds, text] of cases)
    it(`writes ${seconds} as ${text}`, () => assert.equal(formatAge(seconds), text))
})

describe('formatCommand', () => {
  it('quotes what a shell would take apart', () => {
    const words = ['/bin/sh', '-c', "echo 'a b'; x", '', 'a=b']
    assert.equal(formatCommand(words), `/bin/sh -c 'echo '\\''a b'\\''; x' '' a=b`)
  })
})

describe('formatCount, plural', () => {
  it('write numbers for people', () => {
    assert.equal(formatCount(1_234_567.6), '1,234,568')
    assert.equal(plural(1, 'sandbox'), '1 sandbox')
    assert.equal(plural(2, 'sandbox'), '2 sandboxes')
    assert.equal(plural(1000, 'network'), '1,000 networks')
  })
})
