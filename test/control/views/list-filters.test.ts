import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import type { Filters } from '../../../src/control/control-plane.ts'
import type { NetworkRecord, SandboxRecord } from '../../../src/control/model/records.ts'
import { findSandbox } from '../../../src/control/rules/references.ts'
import { asksForStopped, networkFilter, sandboxFilter } from '../../../src/control/views/list-filters.ts'
import { pruneFilter } from '../../../src/control/views/prune-filters.ts'
import { config, network, sandbox } from '../rules/records.ts'
import { assertRefused } from '../rules/refusal.ts'

const networks: NetworkRecord[] = [
  network({ id: `b0${'0'.repeat(62)}`, name: 'bridge' }),
  network({ id: `b1${'0'.repeat(62)}`, name: 'host', driver: 'host' }),
  network({ id: `c0${'0'.repeat(62)}`, name: 'front', labels: { tier: 'web', x: '' } }),
  network({ id: `c1${'0'.repeat(62)}`, name: 'back', labels: { tier: 'db=1' } }),
]

function networksOf(filters: Filters): string[] {
  return networks.filter(networkFilter(filters, (id) => id.startsWith('c0'))).map(({ name }) => name)
}

describe('the filters of networks', () => {
  const cases: [Filters, string][] = [
    [{}, 'bridge host front back'],
    [{ name: [] }, 'bridge host front back'],
    [{ driver: ['host'] }, 'host'],
    [{ driver: ['host', 'bridge'] }, 'bridge host front back'],
    [{ driver: ['hos'] }, ''],
    [{ id: ['c'] }, 'front back'],
    [{ id: ['^b1'] }, 'host'],
    [{ name: ['o'] }, 'host front'],
    [{ name: ['^fro', 'ack$'] }, 'front back'],
    [{ name: ['^ront'] }, ''],
    [{ name: ['^front$'] }, 'front'],
    [{ name: ['^front.*$'] }, 'front'],
    [{ name: ['f.*t'] }, 'front'],
    [{ name: ['^b.*k$'] }, 'back'],
    [{ name: ['t.*f'] }, ''],
    [{ label: ['tier'] }, 'front back'],
    [{ label: ['tier', 'x'] }, 'front'],
    [{ label: ['tier=web'] }, 'front'],
    [{ label: ['tier=db=1'] }, 'back'],
    [{ label: ['x='] }, 'front'],
    [{ label: ['toString'] }, ''],
    [{ scope: ['local'] }, 'bridge host front back'],
    [{ scope: ['swarm'] }, ''],
    [{ type: ['custom'] }, 'front back'],
    [{ type: ['builtin'] }, 'bridge host'],
    [{ type: ['builtin', 'custom'] }, 'bridge host front back'],
    [{ dangling: ['true'] }, 'back'],
    [{ dangling: ['0'] }, 'bridge host front'],
    [{ type: ['custom'], name: ['r'] }, 'front'],
  ]
  for (const [filters, names] of cases) {
    it(`${JSON.stringify(filters)} lets through ${names || 'none'}`, () =>
      assert.equal(networksOf(filters).join(' '), names))
  }
  const DANGLING = 'invalid value for filter \'dangling\', must be "true" (or "1"), or "false" (or "0")'
  const refused: [Filters, string][] = [
    [{ colour: ['red'] }, "invalid filter 'colour'"],
    [{ toString: [] }, "invalid filter 'toString'"],
    [{ type: ['custom', 'own'] }, "invalid filter: 'type'='own'"],
    [{ dangling: ['maybe'] }, DANGLING],
    [{ dangling: ['true', 'false'] }, DANGLING],
  ]
  for (const [filters, message] of refused) {
    it(message, () => assertRefused(() => networksOf(filters), 'FILTER_INVALID', message))
  }

  it('agree with regular expressions on what both know', () => {
    const piece = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 3 })
    const pattern = fc
      .tuple(
        fc.constantFrom('', '^'),
        fc.array(piece, { minLength: 1, maxLength: 4 }),
        fc.constantFrom('', '$'),
      )
      .map(([start, pieces, end]) => start + pieces.join('.*') + end)
    const name = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 8 })
    fc.assert(
      fc.property(pattern, name, (text, own) => {
        const passes = networkFilter({ name: [text] }, () => false)
        assert.equal(passes(network({ name: own })), new RegExp(text).test(own))
      }),
    )
  })

  it('are each an alternative, and all together a conjunction', () => {
    const filters = fc.record(
      {
        name: fc.subarray(['front', 'back', 'bridge', 'x']),
        driver: fc.subarray(['bridge', 'host']),
        type: fc.subarray(['custom', 'builtin']),
      },
      { requiredKeys: [], noNullPrototype: true },
    )
    fc.assert(
      fc.property(filters, (together) => {
        const expected = networks
          .map(({ name }) => name)
          .filter((name) =>
            Object.entries(together).every(
              ([filter, values]) =>
                values.length === 0 ||
                values.some((value) => networksOf({ [filter]: [value] }).includes(name)),
            ),
          )
        assert.deepEqual(networksOf(together), expected)
      }),
    )
  })
})

const { state } = sandbox()
const sandboxes: SandboxRecord[] = [
  sandbox({
    id: 'a'.repeat(64),
    name: 'web',
    created: '2026-01-01T00:00:00.000000001Z',
    config: config({ labels: { a: '1' }, exposedPorts: ['80/tcp'] }),
    ports: { '80/tcp': [{ hostIp: '', hostPort: '8080' }] },
  }),
  sandbox({ id: 'b'.repeat(64), name: 'db', state: { ...state, status: 'exited', exitCode: 137 } }),
  sandbox({
    id: 'd'.repeat(64),
    name: 'idle',
    created: '2026-01-03T00:00:00Z',
    state: { ...state, status: 'created' },
    endpoints: [],
  }),
]

function sandboxesOf(filters: Filters): string[] {
  const passes = sandboxFilter(filters, {
    networkName: () => 'net1',
    findSandbox: (reference) => findSandbox(sandboxes, reference),
  })
  return sandboxes.filter(passes).map(({ name }) => name)
}

describe('the filters of sandboxes', () => {
  const cases: [Filters, string][] = [
    [{}, 'web db idle'],
    [{ id: ['a'] }, 'web'],
    [{ name: ['d'] }, 'db idle'],
    [{ name: ['/web'] }, 'web'],
    [{ name: ['^/db$'] }, 'db'],
    [{ label: ['a'] }, 'web'],
    [{ status: ['running', 'created'] }, 'web idle'],
    [{ status: ['paused'] }, ''],
    [{ exited: ['137', '1'] }, 'db'],
    [{ exited: ['0'] }, ''],
    [{ network: ['net1'] }, 'web db'],
    [{ network: ['a1'.repeat(32)] }, 'web db'],
    [{ network: ['net'] }, ''],
    [{ before: ['db'] }, 'web'],
    [{ since: ['web'] }, 'db idle'],
    [{ since: ['web'], before: ['idle'] }, 'db'],
    [{ publish: ['8080'] }, 'web'],
    [{ publish: ['8000-8100/tcp'] }, 'web'],
    [{ publish: ['80'] }, ''],
    [{ publish: ['8080/udp'] }, ''],
    [{ expose: ['80/tcp', '81'] }, 'web'],
    [{ expose: ['8080'] }, ''],
  ]
  for (const [filters, names] of cases) {
    it(`${JSON.stringify(filters)} lets through ${names || 'none'}`, () =>
      assert.equal(sandboxesOf(filters).join(' '), names))
  }
  const refused: [Filters, string][] = [
    [{ ancestor: ['busybox'] }, "invalid filter 'ancestor'"],
    [
      { status: ['running', 'idle'] },
      "invalid filter 'status=idle': invalid value for state (idle): must be one of " +
        'created, running, paused, restarting, removing, exited, dead',
    ],
    [{ exited: ['x'] }, `invalid filter 'exited=x': strconv.Atoi: parsing "x": invalid syntax`],
    [{ publish: ['x'] }, "invalid filter 'publish=x'"],
  ]
  for (const [filters, message] of refused) {
    it(message, () => assertRefused(() => sandboxesOf(filters), 'FILTER_INVALID', message))
  }
  it('know when they ask for sandboxes that do not run', () => {
    assert.deepEqual(
      [{}, { name: ['x'] }, { status: [] }, { status: ['exited'] }, { exited: ['0'] }].map(asksForStopped),
      [false, false, false, true, true],
    )
  })
})

describe('the filters of prune', () => {
  const nowMs = Date.parse('2026-01-02T12:00:00Z')
  const passes = (filters: Filters, created: string, labels: Record<string, string> = {}) =>
    pruneFilter(filters, nowMs)({ created, labels })

  const untils: [string, string][] = [
    ['1h', '2026-01-02T11:00:00.000000000Z'],
    ['1h30m', '2026-01-02T10:30:00.000000000Z'],
    ['90m', '2026-01-02T10:30:00.000000000Z'],
    ['2026-01-02T10:30:00Z', '2026-01-02T10:30:00.000000000Z'],
    ['2026-01-02T11:30:00+01:00', '2026-01-02T10:30:00.000000000Z'],
    ['2026-01-01', '2026-01-01T00:00:00.000000000Z'],
    ['1767349800', '2026-01-02T10:30:00.000000000Z'],
  ]
  for (const [until, last] of untils) {
    it(`until=${until} lets through what was made by ${last}`, () => {
      assert.equal(passes({ until: [until] }, last), true)
      assert.equal(passes({ until: [until] }, new Date(Date.parse(last) + 1).toISOString()), false)
    })
  }
  it('take labels, and spare labels', () => {
    const created = '2026-01-01T00:00:00Z'
    assert.equal(passes({ label: ['a', 'b=1'] }, created, { a: '', b: '1' }), true)
    assert.equal(passes({ label: ['a', 'b=1'] }, created, { a: '' }), false)
    assert.equal(passes({ 'label!': ['a', 'b=1'] }, created, { b: '2' }), true)
    assert.equal(passes({ 'label!': ['a', 'b=1'] }, created, { a: '' }), false)
    assert.equal(passes({ 'label!': ['a', 'b=1'] }, created, { b: '1' }), false)
  })
  const refused: [Filters, string][] = [
    [{ name: ['a'] }, "invalid filter 'name'"],
    [{ until: ['1h', '2h'] }, 'more than one until filter specified'],
    [{ until: ['yesterday'] }, 'failed to parse value as time or duration: "yesterday"'],
    [{ until: ['2026-13-01'] }, 'failed to parse value as time or duration: "2026-13-01"'],
    [{ until: ['-1h'] }, 'failed to parse value as time or duration: "-1h"'],
  ]
  for (const [filters, message] of refused) {
    it(message, () => assertRefused(() => passes(filters, '2026-01-01T00:00:00Z'), 'FILTER_INVALID', message))
  }
})
