import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Ipv6Words } from '../../src/tables/host-addresses.ts'
import { NameTable } from '../../src/tables/name-table.ts'
import type { NamedHost } from '../../src/tables/named-host.ts'
import { findName, type ModelHost, ModelNames, wireOf } from './name-table-model.ts'

const HOSTS = 5
const SCOPES = [0, 1, 0x7fff_ffff]
const TEXTS = [
  'a',
  'b',
  'a.b',
  'b.a',
  'ab',
  'web-1.example',
  'x'.repeat(63),
  `${'y'.repeat(63)}.${'z'.repeat(20)}`,
]
const IPV4S = [0, 1, -1]
const IPV6S: Ipv6Words[] = [
  [0, 0, 0, 1],
  [1, 0, 0, 0],
  [-1, 7, -7, 1],
  [-1, 8, -7, 1],
  [-1, 7, -8, 1],
]

// Not alike: only then do many hosts share a name.
const scope = fc.constantFrom(...SCOPES, 0, 0)
const id = fc.nat(HOSTS - 1)
const text = fc.constantFrom(...TEXTS)
const spelled = fc.tuple(text, fc.boolean()).map(([name, loud]) => (loud ? name.toUpperCase() : name))

const host: fc.Arbitrary<ModelHost> = fc.record({
  scope,
  ipv4: fc.option(fc.constantFrom(...IPV4S), { nil: undefined }),
  ipv6: fc.option(fc.constantFrom(...IPV6S), { nil: undefined }),
  names: fc.array(fc.record({ text: spelled, kind: fc.constantFrom(0, 1, 255) }), { maxLength: 4 }),
  services: fc.array(
    fc.constantFrom(
      { protocol: 6, first: 80, last: 80 },
      { protocol: 6, first: 80, last: 90 },
      { protocol: 17, first: 0, last: 65_535 },
    ),
    { maxLength: 3 },
  ),
})

const command = fc.oneof(
  { weight: 8, arbitrary: fc.record({ call: fc.constant('set' as const), id, host }) },
  { weight: 2, arbitrary: fc.record({ call: fc.constant('remove' as const), id }) },
  { weight: 1, arbitrary: fc.record({ call: fc.constant('removeScope' as const), scope }) },
  {
    weight: 4,
    arbitrary: fc.record({ call: fc.constant('addLink' as const), scope, name: spelled, target: spelled }),
  },
  { weight: 1, arbitrary: fc.record({ call: fc.constant('clearLinks' as const), scope }) },
  {
    weight: 4,
    arbitrary: fc.record({ call: fc.constant('advance' as const), scope, name: spelled, row: fc.nat(1) }),
  },
)

type Command = typeof command extends fc.Arbitrary<infer T> ? T : never

const inWireForm = (model: ModelHost): NamedHost => ({
  ...model,
  names: model.names.map(({ text: name, kind }) => ({ wire: wireOf(name), kind })),
})

/** False where the table has no room. */
function hasRoom(change: () => void): boolean {
  try {
    change()
    return true
  } catch (error) {
    assert.ok(error instanceof RangeError && error.message.includes('no room'), String(error))
    return false
  }
}

function carryOut(step: Command, table: NameTable, model: ModelNames): void {
  switch (step.call) {
    case 'set':
      assert.equal(
        hasRoom(() => table.set(step.id, inWireForm(step.host))),
        model.set(step.id, step.host),
      )
      break
    case 'remove':
      assert.equal(table.remove(step.id), model.remove(step.id))
      break
    case 'removeScope':
      assert.equal(table.removeScope(step.scope), model.removeScope(step.scope))
      break
    case 'addLink':
      assert.equal(
        hasRoom(() => table.addLink(step.scope, wireOf(step.name), wireOf(step.target))),
        model.addLink(step.scope, step.name, step.target),
      )
      break
    case 'clearLinks':
      table.clearLinks(step.scope)
      model.clearLinks(step.scope)
      break
    case 'advance': {
      const name = findName(table, step.scope, step.name)
      if (name !== -1) table.advance(name, step.row)
      model.advance(step.scope, step.name, step.row)
    }
  }
}

describe('NameTable', () => {
  it('agrees with a naive model, and with itself when there is no room', () => {
    const options = fc.record({
      hosts: fc.constant(HOSTS),
      names: fc.integer({ min: 1, max: 16 }),
      nameBytes: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.constant(1000)),
      services: fc.integer({ min: 1, max: 8 }),
      seed: fc.integer(),
    })
    fc.assert(
      fc.property(options, fc.array(command, { maxLength: 60, size: 'max' }), (chosen, commands) => {
        const table = new NameTable(chosen)
        const model = new ModelNames(chosen)
        for (const step of commands) {
          carryOut(step, table, model)
          model.check(table, SCOPES, TEXTS, IPV4S, IPV6S)
        }
      }),
      { numRuns: 300 },
    )
  })
})
