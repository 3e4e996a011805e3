import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  ConnectionTable,
  type ConnectionTableOptions,
  NONE,
  WARM_STEP,
} from '../../src/tables/connection-table.ts'
import { compare, ModelConnections, type ModelFlow, type Tuple } from './connection-table-model.ts'

const OWNERS = 3

// Few values, so that calls meet the same tuples; edges of all fields, so that no sign or mask goes wrong.
const protocol = fc.constantFrom(0, 1, 6, 17, 255)
const tuple: fc.Arbitrary<Tuple> = fc.record(
  {
    source: fc.constantFrom(0, 0x0a00_0001, -1),
    destination: fc.constantFrom(0, 0x7fff_ffff, -0x8000_0000),
    ports: fc.constantFrom(0, 1, -1, 0x1f90_01bb),
  },
  { noNullPrototype: true },
)
const owner = fc.nat(OWNERS - 1)
/** Which of the flows that are there; taken modulo their number. */
const which = fc.nat(63)
const ahead = fc.oneof(fc.integer({ min: 0, max: 20 }), fc.constantFrom(255, 256, 300, 7440, 100_000))
const direction = fc.constantFrom(0 as const, 1 as const)
const word = fc.constantFrom(0, 1, 0x7f, 0x80, 0xff)

const command = fc.oneof(
  {
    weight: 14,
    arbitrary: fc.record({
      call: fc.constant('insert' as const),
      protocol,
      tuples: fc.tuple(tuple, tuple),
      owner,
      ahead,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ call: fc.constant('lookup' as const), tuples: fc.array(tuple), protocol }),
  },
  { weight: 5, arbitrary: fc.record({ call: fc.constant('confirm' as const), which, direction }) },
  { weight: 5, arbitrary: fc.record({ call: fc.constant('refresh' as const), which, direction, ahead }) },
  {
    weight: 4,
    arbitrary: fc.record({ call: fc.constant('write' as const), which, direction, state: word, flags: word }),
  },
  { weight: 3, arbitrary: fc.record({ call: fc.constant('remove' as const), which, direction }) },
  {
    weight: 3,
    arbitrary: fc.record({
      call: fc.constant('wait' as const),
      seconds: fc.oneof(fc.nat(30), fc.constant(8000)),
    }),
  },
  { weight: 5, arbitrary: fc.record({ call: fc.constant('expire' as const), max: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ call: fc.constant('removeOwner' as const), owner }) },
  {
    weight: 2,
    arbitrary: fc.record({ call: fc.constant('weed' as const), owner, isDoomed: fc.func(fc.boolean()) }),
  },
  { weight: 1, arbitrary: fc.record({ call: fc.constant('clear' as const) }) },
)
type Command = typeof command extends fc.Arbitrary<infer T> ? T : never

const options: fc.Arbitrary<ConnectionTableOptions> = fc.record({
  capacity: fc.integer({ min: 1, max: 9 }),
  owners: fc.constant(OWNERS),
  connectionsPerOwner: fc.integer({ min: 1, max: 9 }),
  seed: fc.integer(),
})

/** Hashes that make all chains run into each other, and around the end of the index. */
const HASHES: Readonly<Record<string, ((protocol: number, source: number) => number) | undefined>> = {
  'its own hash': undefined,
  'one chain around the end': () => -1,
  'two chains, one of them around the end': (_, source) => (source === 0 ? 0 : -1),
  'one chain of different tags': (own, source) => (own ^ source) & 0x3ff,
}

class Pair {
  private readonly table: ConnectionTable
  private readonly model: ModelConnections
  private nowS = 1000

  constructor(tableOptions: ConnectionTableOptions, hash: ((...tuple: number[]) => number) | undefined) {
    this.table = new ConnectionTable(tableOptions)
    if (hash !== undefined) this.table.hash = hash
    this.model = new ModelConnections(tableOptions)
  }

  run(step: Command): void {
    this.apply(step)
    compare(this.table, this.model, OWNERS)
  }

  private apply(step: Command): void {
    const { table, model } = this
    switch (step.call) {
      case 'insert':
        this.insert(step.protocol, step.tuples, step.owner, this.nowS + step.ahead)
        break
      case 'lookup':
        this.lookup(step.protocol, step.tuples)
        break
      case 'wait':
        this.nowS += step.seconds
        break
      case 'expire': {
        const hasMore = table.expire(this.nowS, step.max)
        model.expire(this.nowS, step.max, hasMore, this.isThere)
        break
      }
      case 'removeOwner': {
        const flows = model.flowsOf(step.owner)
        assert.equal(table.removeOwner(step.owner), flows.length)
        for (const flow of flows) model.remove(flow)
        break
      }
      case 'weed': {
        const flows = model.flowsOf(step.owner)
        let next = NONE
        for (let at = table.firstOf(step.owner); at !== NONE; at = next) {
          next = table.nextOf(at)
          if (step.isDoomed(at)) table.remove(at)
        }
        for (const flow of flows) if (step.isDoomed(flow.reference)) model.remove(flow)
        break
      }
      case 'clear':
        table.clear()
        model.clear()
        break
      case 'confirm':
      case 'refresh':
      case 'remove':
      case 'write': {
        const flow = model.flows[step.which % model.flows.length]
        if (flow !== undefined) this.change(step, flow)
      }
    }
  }

  private change(step: Extract<Command, { readonly which: number }>, flow: ModelFlow): void {
    const { table, model } = this
    const reference = flow.reference | step.direction
    switch (step.call) {
      case 'confirm':
        table.confirm(reference)
        model.confirm(flow)
        break
      case 'refresh':
        flow.deadlineS = this.nowS + step.ahead
        table.refresh(reference, flow.deadlineS)
        break
      case 'remove':
        table.remove(reference)
        model.remove(flow)
        break
      case 'write':
        table.setState(reference, (flow.state = step.state))
        table.setFlags(reference, (flow.flags = step.flags))
        table.setMapping(reference, (flow.mapping = ~step.state))
        table.setDomain(reference, (flow.domain[step.direction] = 0xffff ^ step.flags))
        table.setHop(reference, (flow.hop[step.direction] = ~step.flags))
        table.count(reference)
        flow.packets[step.direction]++
        break
    }
  }

  private readonly isThere = (flow: ModelFlow): boolean => {
    const { source, destination, ports } = flow.tuples[0]
    return this.find(flow.protocol, source, destination, ports) === flow.reference
  }

  private find(...[own, source, destination, ports]: [number, number, number, number]): number {
    const hash = this.table.hash(own, source, destination, ports)
    return this.table.lookup(hash, own, source, destination, ports)
  }

  private insert(own: number, tuples: readonly [Tuple, Tuple], of: number, deadlineS: number): void {
    const [original, reply] = tuples
    const { model } = this
    if (model.find(own, original) !== NONE || model.find(own, reply) !== NONE) return
    const result = this.table.insert(
      own,
      original.source,
      original.destination,
      original.ports,
      reply.source,
      reply.destination,
      reply.ports,
      of,
      deadlineS,
    )
    model.insert(own, tuples, of, deadlineS, result, this.isThere)
  }

  /** With all ways to warm up, none of which changes anything. */
  private lookup(own: number, tuples: readonly Tuple[]): void {
    const { table, model } = this
    const arrays = [table['index'], table['entries']]
    const before = arrays.map((array) => array.slice())
    const hashes = new Int32Array(Math.ceil(tuples.length / WARM_STEP) * WARM_STEP)
    tuples.forEach((one, i) => (hashes[i] = table.hash(own, one.source, one.destination, one.ports)))
    table.warmAll(hashes, tuples.length)
    tuples.forEach((one, i) => {
      const { source, destination, ports } = one
      const expected = model.find(own, one)
      table.warmEntry(table.warm(hashes[i]!))
      assert.equal(table.lookup(hashes[i]!, own, source, destination, ports), expected)
      assert.equal(table.lookupWarmed(i, hashes[i]!, own, source, destination, ports), expected)
    })
    assert.deepEqual(
      arrays.map((array) => array.slice()),
      before,
    )
  }
}

describe('ConnectionTable: against a naive model', () => {
  for (const [name, hash] of Object.entries(HASHES)) {
    it(name, () => {
      fc.assert(
        fc.property(options, fc.array(command, { maxLength: 60 }), (tableOptions, steps) => {
          const pair = new Pair(tableOptions, hash)
          for (const step of steps) pair.run(step)
        }),
        { numRuns: 300 },
      )
    })
  }
})
