import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  NEIGHBOUR_FAILED_S,
  NEIGHBOUR_REACHABLE_S,
  NEIGHBOUR_RETRY_S,
  NEIGHBOUR_STALE_S,
  NEIGHBOUR_TRIES_MAX,
  NEIGHBOURS_MAX,
} from '../../src/limits.ts'
import {
  NeighbourState,
  NeighbourTable,
  type NeighbourTableOptions,
} from '../../src/tables/neighbour-table.ts'

const { free, failed, incomplete, stale, probe, reachable, permanent } = NeighbourState

const tableOf = (options: Partial<NeighbourTableOptions> = {}): NeighbourTable =>
  new NeighbourTable({ capacity: 8, domains: 4, perDomain: 6, seed: 5, ...options })

/** What `nextDue` says from second `from` to `to`: [second, index, state]. */
function dueBetween(table: NeighbourTable, from: number, to: number): [number, number, number][] {
  const due: [number, number, number][] = []
  for (let now = from; now <= to; now++) {
    for (let index = table.nextDue(now); index !== -1; index = table.nextDue(now))
      due.push([now, index, table.state(index)])
  }
  return due
}

describe('NeighbourTable', () => {
  it('asks three times, a second apart, then gives up for a while, then forgets', () => {
    const table = tableOf()
    const index = table.resolve(1, 0x0a000001, 100)
    assert.equal(table.created, true)
    assert.deepEqual(
      [table.state(index), table.domain(index), table.address(index)],
      [incomplete, 1, 0x0a000001],
    )
    assert.equal(table.resolve(1, 0x0a000001, 100), index)
    assert.equal(table.created, false)
    const givenUp = 100 + NEIGHBOUR_TRIES_MAX * NEIGHBOUR_RETRY_S
    assert.deepEqual(dueBetween(table, 100, 200), [
      [101, index, incomplete],
      [102, index, incomplete],
      [givenUp, index, failed],
      [givenUp + NEIGHBOUR_FAILED_S, index, free],
    ])
    assert.equal(table.lookup(1, 0x0a000001), -1)
    assert.equal(table.size, 0)
  })

  it('does not start to ask anew while it refuses', () => {
    const table = tableOf()
    const index = table.resolve(0, 1, 0)
    dueBetween(table, 0, 4)
    assert.equal(table.resolve(0, 1, 4), index)
    assert.equal(table.state(index), failed)
    assert.deepEqual(dueBetween(table, 4, 100), [[3 + NEIGHBOUR_FAILED_S, index, free]])
  })

  it('knows a neighbour that answers, for a time, and keeps its MAC address while it is silent', () => {
    const table = tableOf()
    const index = table.resolve(2, -1, 10)
    assert.equal(table.confirm(2, -1, 0x0242, -7, 11, false), index)
    assert.deepEqual([table.state(index), table.macHigh(index), table.macLow(index)], [reachable, 0x0242, -7])
    const staleAt = 11 + NEIGHBOUR_REACHABLE_S
    assert.deepEqual(dueBetween(table, 11, staleAt + NEIGHBOUR_STALE_S), [
      [staleAt, index, stale],
      [staleAt + NEIGHBOUR_STALE_S, index, free],
    ])
  })

  it('probes a stale neighbour that is used, first at its MAC address and then everywhere', () => {
    const table = tableOf()
    const index = table.resolve(0, 1, 0)
    table.confirm(0, 1, 2, 3, 0, false)
    const generation = table.generation(index)
    table.use(index, 29)
    assert.equal(table.state(index), reachable)
    dueBetween(table, 0, 30)
    table.use(index, 50)
    table.use(index, 50)
    assert.deepEqual([table.state(index), table.generation(index)], [probe, generation])
    assert.deepEqual(dueBetween(table, 50, 52), [
      [50, index, probe],
      [51, index, probe],
      [52, index, probe],
    ])
    assert.equal(table.generation(index), generation)
    assert.deepEqual(dueBetween(table, 53, 60), [
      [53, index, incomplete],
      [54, index, incomplete],
      [55, index, incomplete],
      [56, index, failed],
    ])
    assert.notEqual(table.generation(index), generation)
    assert.deepEqual([table.macHigh(index), table.macLow(index)], [0, 0])
  })

  it('sends the first probe in the second of the use, also where that second has been asked for already', () => {
    const table = tableOf()
    const index = table.confirm(0, 1, 2, 3, 0, true)
    assert.deepEqual(dueBetween(table, 30, 30), [[30, index, stale]])
    table.use(index, 30)
    assert.deepEqual(dueBetween(table, 30, 30), [[30, index, probe]])
  })

  it('is content with an answer to a probe', () => {
    const table = tableOf()
    const index = table.confirm(0, 1, 2, 3, 0, true)
    dueBetween(table, 0, 30)
    table.use(index, 40)
    dueBetween(table, 40, 41)
    const generation = table.generation(index)
    table.confirm(0, 1, 2, 3, 41, false)
    assert.equal(table.generation(index), generation)
    assert.deepEqual(dueBetween(table, 41, 80), [[41 + NEIGHBOUR_REACHABLE_S, index, stale]])
  })

  it('enters who was not asked for only where that is wanted', () => {
    const table = tableOf()
    assert.equal(table.confirm(0, 1, 2, 3, 0, false), -1)
    assert.deepEqual([table.created, table.size], [false, 0])
    const index = table.confirm(0, 1, 2, 3, 0, true)
    assert.deepEqual([table.created, table.state(index)], [true, reachable])
    table.confirm(0, 1, 2, 3, 0, true)
    assert.equal(table.created, false)
  })

  it('changes the generation with the MAC address, and only then', () => {
    const table = tableOf()
    const index = table.confirm(0, 1, 2, 3, 0, true)
    const generations = [table.generation(index)]
    for (const [high, low] of [
      [2, 3],
      [2, 4],
      [3, 4],
      [3, 4],
    ] as const) {
      table.confirm(0, 1, high, low, 0, false)
      generations.push(table.generation(index))
    }
    const steps = generations.slice(1).map((generation, n) => generation - generations[n]!)
    assert.deepEqual(steps, [0, 1, 1, 0])
    table.remove(0, 1)
    assert.notEqual(table.generation(index), generations.at(-1))
  })

  it('skips generation 0 when it comes round', () => {
    const table = tableOf({ capacity: 1 })
    const seen = new Set<number>()
    for (let n = 0; n < 0xffff; n++) seen.add(table.generation(table.confirm(0, 1, 2, n, 0, true)))
    assert.deepEqual([seen.size, seen.has(0), seen.has(1), seen.has(0xffff)], [0xffff, false, true, true])
  })

  it('leaves a permanent neighbour alone', () => {
    const table = tableOf({ capacity: 2 })
    const index = table.addPermanent(0, 1, 2, 3)
    assert.equal(table.confirm(0, 1, 8, 9, 0, true), index)
    table.use(index, 0)
    assert.deepEqual(dueBetween(table, 0, 1000), [])
    assert.deepEqual([table.state(index), table.macHigh(index), table.macLow(index)], [permanent, 2, 3])
    assert.equal(table.flushDomain(0), 0)
    table.addPermanent(0, 2, 2, 3)
    assert.equal(table.resolve(0, 3, 0), -1)
    assert.equal(table.addPermanent(1, 3, 1, 1), -1)
    assert.equal(table.removeDomain(0), 2)
  })

  it('makes a neighbour permanent that was learned, and stops its timer', () => {
    const table = tableOf()
    const index = table.resolve(0, 1, 0)
    assert.equal(table.addPermanent(0, 1, 2, 3), index)
    assert.deepEqual(dueBetween(table, 0, 1000), [])
    assert.equal(table.state(index), permanent)
  })

  it('keeps one address in two domains apart', () => {
    const table = tableOf()
    const one = table.confirm(0, 1, 2, 3, 0, true)
    const other = table.confirm(3, 1, 4, 5, 0, true)
    assert.notEqual(one, other)
    assert.equal(table.removeDomain(0), 1)
    assert.deepEqual([table.lookup(0, 1), table.lookup(3, 1)], [-1, other])
  })

  it('lets a scan of one network cost the others nothing, nor those who are known in it', () => {
    const table = tableOf({ capacity: 64, perDomain: 32 })
    for (let n = 0; n < 10; n++) {
      table.confirm(0, n, 2, n, 0, true)
      table.confirm(1, n, 2, n, 0, true)
    }
    for (let n = 100; n < 20_000; n++) {
      const now = n >> 6
      assert.notEqual(table.resolve(0, n, now), -1)
      dueBetween(table, now, now)
    }
    assert.equal(table.countOf(0), 32)
    for (let n = 0; n < 10; n++) assert.notEqual(table.lookup(1, n), -1)
    for (let n = 0; n < 10; n++) assert.notEqual(table.lookup(0, n), -1)
  })

  it('gives up the useless before the useful', () => {
    const table = tableOf({ capacity: 4, perDomain: 4 })
    table.resolve(0, 1, 0)
    dueBetween(table, 0, 3)
    table.confirm(0, 2, 2, 2, 3, true)
    dueBetween(table, 4, 4)
    table.confirm(0, 3, 2, 3, 4, true)
    table.confirm(0, 4, 2, 4, 5, true)
    const order: number[] = []
    const left = new Set([1, 2, 3, 4])
    for (let address = 10; left.size > 0 && address < 20; address++) {
      table.confirm(0, address, 2, address, 6, true)
      for (const gone of [...left].filter((known) => table.lookup(0, known) === -1)) {
        order.push(gone)
        left.delete(gone)
      }
    }
    assert.deepEqual(order, [1, 2, 3, 4])
    assert.equal(table.evicted, 4)
  })

  it('gives up a stale neighbour before one that is being asked for', () => {
    const table = tableOf({ capacity: 4, perDomain: 4 })
    for (const address of [1, 2, 3]) table.confirm(0, address, 2, address, 0, true)
    dueBetween(table, 0, 30)
    table.use(table.lookup(0, 1), 30)
    table.resolve(0, 4, 30)
    table.resolve(0, 5, 30)
    assert.deepEqual(
      [1, 2, 3, 4, 5].map((address) => table.lookup(0, address) !== -1),
      [true, false, true, true, true],
    )
  })

  it('counts only the domains that hold any when it works out a share', () => {
    const table = tableOf({ capacity: 6 })
    table.confirm(2, 1, 2, 3, 0, true)
    table.removeDomain(2)
    for (let n = 0; n < 4; n++) table.confirm(0, n, 2, n, 0, true)
    for (let n = 0; n < 3; n++) table.confirm(1, n, 2, n, 0, true)
    // With two of six entries, domain 1 has its share among three, but not among two.
    assert.deepEqual([table.countOf(0), table.countOf(1)], [3, 3])
  })

  it('takes half of a domain that is unknown for a scan', () => {
    const table = tableOf({ capacity: 4, perDomain: 4 })
    for (const address of [1, 2]) table.confirm(0, address, 2, address, 0, true)
    dueBetween(table, 0, 30)
    for (const address of [3, 4, 5]) table.resolve(0, address, 30)
    const left = [1, 2, 3, 4, 5].filter((address) => table.lookup(0, address) !== -1)
    assert.deepEqual(left, [1, 2, 4, 5])
  })

  it('gives up a neighbour that is probed where there is no other', () => {
    const table = tableOf({ capacity: 1 })
    table.use(table.confirm(0, 1, 2, 3, 0, true), 0)
    dueBetween(table, 0, 30)
    table.use(table.lookup(0, 1), 30)
    assert.equal(table.state(table.lookup(0, 1)), probe)
    assert.notEqual(table.resolve(0, 2, 30), -1)
    assert.equal(table.lookup(0, 1), -1)
  })

  it('lists what it holds', () => {
    const table = tableOf()
    table.resolve(1, 7, 0)
    table.addPermanent(3, -2, 0xffff, -1)
    assert.deepEqual(
      [...table.entries()],
      [
        { index: 0, domain: 1, address: 7, high: 0, low: 0, state: incomplete },
        { index: 1, domain: 3, address: -2, high: 0xffff, low: -1, state: permanent },
      ],
    )
  })

  it('refuses options that are out of their range', () => {
    const wrong: Partial<NeighbourTableOptions>[] = [
      { capacity: 0 },
      { capacity: NEIGHBOURS_MAX + 1 },
      { domains: 65_537 },
      { perDomain: 0.5 },
    ]
    for (const options of wrong) assert.throws(() => tableOf(options), RangeError)
  })
})
