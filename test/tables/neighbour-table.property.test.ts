import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { NeighbourState, NeighbourTable } from '../../src/tables/neighbour-table.ts'
import { type ModelNeighbour, ModelNeighbours } from './neighbour-table-model.ts'

const DOMAINS = 3

/** What a flow remembers of a neighbour. */
interface Reference {
  readonly index: number
  readonly generation: number
  readonly neighbour: string
}

const hasMac = (state: NeighbourState): boolean => state >= NeighbourState.stale

const named = ({
  domain,
  address,
  high,
  low,
}: Pick<ModelNeighbour, 'domain' | 'address' | 'high' | 'low'>): string =>
  `${domain}/${address} at ${high}:${low}`

function nameOf(table: NeighbourTable, index: number): string {
  return named({
    domain: table.domain(index),
    address: table.address(index),
    high: table.macHigh(index),
    low: table.macLow(index),
  })
}

// Not alike: only then is there a domain that holds most.
const domain = fc.constantFrom(0, 0, 0, 1, 1, 2)
const address = fc.constantFrom(0, 1, 2, -1, 0x7fff_ffff)
const key = fc.record({
  domain,
  address,
  high: fc.constantFrom(2, 0xfeff),
  low: fc.constantFrom(0, -1),
  state: fc.constant(NeighbourState.reachable),
  tries: fc.constant(0),
  dueS: fc.constant(0),
})

const command = fc.oneof(
  { weight: 10, arbitrary: fc.record({ call: fc.constant('resolve' as const), domain, address }) },
  { weight: 10, arbitrary: fc.record({ call: fc.constant('confirm' as const), key, create: fc.boolean() }) },
  { weight: 6, arbitrary: fc.record({ call: fc.constant('use' as const), domain, address }) },
  {
    weight: 6,
    arbitrary: fc.record({
      call: fc.constant('wait' as const),
      seconds: fc.oneof(
        { weight: 12, arbitrary: fc.nat(2) },
        { weight: 4, arbitrary: fc.nat(40) },
        fc.nat(700),
      ),
    }),
  },
  { weight: 1, arbitrary: fc.record({ call: fc.constant('addPermanent' as const), key }) },
  { weight: 1, arbitrary: fc.record({ call: fc.constant('remove' as const), domain, address }) },
  { weight: 1, arbitrary: fc.record({ call: fc.constant('flushDomain' as const), domain }) },
  { weight: 1, arbitrary: fc.record({ call: fc.constant('removeDomain' as const), domain }) },
)

/** All that is due now, in the order of the table; the model checks that it is all, and what became of it. */
function takeDue(table: NeighbourTable, model: ModelNeighbours, now: number): void {
  const expected = new Set(model.dueAt(now))
  for (let index = table.nextDue(now); index !== -1; index = table.nextDue(now)) {
    const neighbour = model.find(table.domain(index), table.address(index))
    assert.ok(neighbour !== undefined && expected.delete(neighbour), 'nothing is due that should not be')
    assert.equal(table.state(index), model.timeOut(neighbour, now))
  }
  assert.equal(expected.size, 0, 'all is taken that is due')
}

describe('NeighbourTable', () => {
  it('agrees with a naive model, and never takes a remembered neighbour for another', () => {
    const options = fc.record({
      capacity: fc.integer({ min: 1, max: 7 }),
      domains: fc.constant(DOMAINS),
      perDomain: fc.integer({ min: 1, max: 5 }),
      seed: fc.integer(),
    })
    fc.assert(
      fc.property(options, fc.array(command, { maxLength: 100 }), (chosen, commands) => {
        const table = new NeighbourTable(chosen)
        const model = new ModelNeighbours({
          ...chosen,
          perDomain: Math.min(chosen.perDomain, chosen.capacity),
        })
        const references: Reference[] = []
        let now = 1000
        for (const step of commands) {
          const before = table.size
          const evictedBefore = table.evicted
          switch (step.call) {
            case 'resolve': {
              const index = table.resolve(step.domain, step.address, now)
              assert.equal(index !== -1, model.resolve(step.domain, step.address, now, table) !== undefined)
              assert.equal(table.created, table.size + table.evicted > before + evictedBefore)
              break
            }
            case 'confirm': {
              const { domain: where, address: who, high, low } = step.key
              const index = table.confirm(where, who, high, low, now, step.create)
              assert.equal(index !== -1, model.confirm(step.key, now, step.create, table) !== undefined)
              break
            }
            case 'use': {
              const index = table.lookup(step.domain, step.address)
              if (index === -1) break
              table.use(index, now)
              model.use(model.find(step.domain, step.address)!, now)
              break
            }
            case 'wait':
              now += step.seconds
              takeDue(table, model, now)
              break
            case 'addPermanent': {
              const { domain: where, address: who, high, low } = step.key
              const index = table.addPermanent(where, who, high, low)
              assert.equal(index !== -1, model.addPermanent(step.key, table) !== undefined)
              break
            }
            case 'remove': {
              const isIt = (n: ModelNeighbour): boolean =>
                n.domain === step.domain && n.address === step.address
              assert.equal(table.remove(step.domain, step.address), model.removeWhere(isIt) === 1)
              break
            }
            case 'flushDomain':
            case 'removeDomain': {
              const all = step.call === 'removeDomain'
              const isGone = (n: ModelNeighbour): boolean =>
                n.domain === step.domain && (all || n.state !== NeighbourState.permanent)
              assert.equal(table[step.call](step.domain), model.removeWhere(isGone))
            }
          }

          assert.equal(table.size, model.neighbours.length)
          for (let number = 0; number < DOMAINS; number++) {
            assert.equal(table.countOf(number), model.of(number).length)
          }
          for (const neighbour of model.neighbours) {
            const index = table.lookup(neighbour.domain, neighbour.address)
            assert.notEqual(index, -1)
            assert.equal(table.state(index), neighbour.state)
            assert.equal(nameOf(table, index), named(neighbour))
          }
          for (const { index, generation, neighbour } of references) {
            if (table.generation(index) !== generation) continue
            assert.ok(hasMac(table.state(index)))
            assert.equal(nameOf(table, index), neighbour)
          }
          for (const { index, state } of table.entries()) {
            if (!hasMac(state)) continue
            references.push({ index, generation: table.generation(index), neighbour: nameOf(table, index) })
          }
        }
      }),
      { numRuns: 500 },
    )
  })
})
