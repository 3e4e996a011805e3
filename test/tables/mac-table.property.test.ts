import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { MacTable, type MacTableOptions } from '../../src/tables/mac-table.ts'
import { checkInvariants } from './mac-table-invariants.ts'
import { type Key, ModelTable } from './mac-table-model.ts'

const PORTS = 4

// Few keys, so that calls meet the same stations; edges of all three fields, so that no sign or mask goes wrong.
const key: fc.Arbitrary<Key> = fc.record({
  domain: fc.constantFrom(0, 1, 0xfffe),
  hi: fc.constantFrom(0, 0x0200, 0xfeff),
  lo: fc.constantFrom(0, 1, -1, 0x7fff_ffff),
})
const port = fc.nat(PORTS - 1)

const command = fc.oneof(
  { weight: 12, arbitrary: fc.record({ call: fc.constant('learn' as const), key, port }) },
  { weight: 3, arbitrary: fc.record({ call: fc.constant('lookup' as const), key }) },
  {
    weight: 3,
    arbitrary: fc.record({ call: fc.constant('wait' as const), seconds: fc.integer({ min: 1, max: 12 }) }),
  },
  { weight: 2, arbitrary: fc.record({ call: fc.constant('expire' as const) }) },
  { weight: 3, arbitrary: fc.record({ call: fc.constant('addStatic' as const), key, port }) },
  { weight: 3, arbitrary: fc.record({ call: fc.constant('remove' as const), key }) },
  { weight: 1, arbitrary: fc.record({ call: fc.constant('flushPort' as const), port }) },
  { weight: 1, arbitrary: fc.record({ call: fc.constant('removePort' as const), port }) },
  {
    weight: 1,
    arbitrary: fc.record({
      call: fc.constant('flushDomain' as const),
      domain: fc.constantFrom(0, 1, 0xfffe),
    }),
  },
)
type Command = typeof command extends fc.Arbitrary<infer T> ? T : never

// Eight stations in sixteen slots: chains, chains around the end, and full tables are what happens all the time.
const options: fc.Arbitrary<MacTableOptions> = fc.record({
  capacity: fc.integer({ min: 1, max: 8 }),
  ports: fc.constant(PORTS),
  stationsPerPort: fc.integer({ min: 1, max: 8 }),
  ageingS: fc.constant(10),
  seed: fc.integer(),
})

class Pair {
  private readonly table: MacTable
  private readonly model: ModelTable
  private now = 0

  constructor(tableOptions: MacTableOptions) {
    this.table = new MacTable(tableOptions)
    this.model = new ModelTable(tableOptions)
  }

  run(step: Command): void {
    const { table, model } = this
    switch (step.call) {
      case 'learn': {
        const { domain, hi, lo } = step.key
        const result = table.learn(domain, hi, lo, step.port, this.now)
        assert.equal(result, model.learn(step.key, step.port, this.now, table))
        break
      }
      case 'lookup': {
        const { domain, hi, lo } = step.key
        const before = table['entries'].slice()
        assert.equal(table.lookup(domain, hi, lo, this.now), model.lookup(step.key, this.now))
        assert.deepEqual(table['entries'], before)
        break
      }
      case 'wait':
        this.now += step.seconds
        break
      case 'expire':
        table.expire(this.now)
        model.expire(this.now)
        break
      case 'addStatic': {
        const { domain, hi, lo } = step.key
        const result = table.addStatic(domain, hi, lo, step.port)
        assert.equal(result, model.addStatic(step.key, step.port, table))
        break
      }
      case 'remove': {
        const { domain, hi, lo } = step.key
        const removed = model.removeWhere((s) => s.domain === domain && s.hi === hi && s.lo === lo)
        assert.equal(table.remove(domain, hi, lo), removed === 1)
        break
      }
      case 'flushPort':
        assert.equal(
          table.flushPort(step.port),
          model.removeWhere((station) => station.port === step.port && !station.isStatic),
        )
        break
      case 'removePort':
        assert.equal(
          table.removePort(step.port),
          model.removeWhere((station) => station.port === step.port),
        )
        break
      case 'flushDomain':
        assert.equal(
          table.flushDomain(step.domain),
          model.removeWhere((station) => station.domain === step.domain && !station.isStatic),
        )
        break
    }
    this.compare()
  }

  private compare(): void {
    const { table, model, now } = this
    checkInvariants(table)
    const listing = [...table.stations(now)].map(
      ({ domain, hi, lo, port: where, ageS, isStatic }) =>
        `${domain}/${hi}/${lo} ${where} ${ageS} ${isStatic}`,
    )
    const expected = model.stations
      .filter((station) => !model.isAged(station, now))
      .map((s) => `${s.domain}/${s.hi}/${s.lo} ${s.port} ${s.isStatic ? 0 : now - s.seen} ${s.isStatic}`)
    assert.deepEqual(listing.sort(), expected.sort())
    assert.equal(table.size, model.stations.length)
    for (let number = 0; number < PORTS; number++) {
      assert.equal(table.stationsOf(number), model.stationsOf(number).length)
    }
    assert.deepEqual(
      { added: table.added, moved: table.moved, aged: table.aged, evicted: table.evicted },
      { added: model.added, moved: model.moved, aged: model.aged, evicted: model.evicted },
    )
  }
}

describe('MacTable', () => {
  it('agrees with a naive model after every call of any sequence', () => {
    fc.assert(
      fc.property(options, fc.array(command, { maxLength: 60, size: 'max' }), (tableOptions, commands) => {
        const pair = new Pair(tableOptions)
        for (const step of commands) pair.run(step)
      }),
      { numRuns: 1500 },
    )
  })

  it('agrees with it over long sequences', () => {
    fc.assert(
      fc.property(
        options,
        fc.array(command, { minLength: 400, maxLength: 400, size: 'max' }),
        (tableOptions, commands) => {
          const pair = new Pair(tableOptions)
          for (const step of commands) pair.run(step)
        },
      ),
      { numRuns: 100 },
    )
  })
})
