import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { ROUTES_MAX } from '../../src/limits.ts'
import { PrefixTable } from '../../src/tables/prefix-table.ts'
import { formatIpv4, parseIpv4 } from '../../src/wire/address.ts'
import { Random } from '../support/random.ts'

interface Route {
  readonly prefix: number
  readonly length: number
  readonly value: number
}

const maskOf = (length: number): number =>
  Number(BigInt.asIntN(32, (0xffff_ffffn << BigInt(32 - length)) & 0xffff_ffffn))

/** A list that is searched from end to end. */
class NaiveRoutes {
  private routes: Route[] = []
  private readonly capacity: number

  constructor(capacity: number) {
    this.capacity = capacity
  }

  add(prefix: number, length: number, value: number): boolean {
    const others = this.without(prefix, length)
    if (others.length >= this.capacity) return false
    this.routes = [...others, { prefix: prefix & maskOf(length), length, value }]
    return true
  }

  remove(prefix: number, length: number): boolean {
    const before = this.routes.length
    this.routes = this.without(prefix, length)
    return this.routes.length < before
  }

  lookup(address: number): number {
    const matching = this.routes.filter(({ prefix, length }) => (address & maskOf(length)) === prefix)
    return matching.toSorted((a, b) => b.length - a.length)[0]?.value ?? -1
  }

  sorted(): Route[] {
    return this.routes.toSorted((a, b) => (a.prefix >>> 0) - (b.prefix >>> 0) || a.length - b.length)
  }

  clear(): void {
    this.routes = []
  }

  private without(prefix: number, length: number): Route[] {
    return this.routes.filter(
      (route) => route.length !== length || route.prefix !== (prefix & maskOf(length)),
    )
  }
}

const ip = (text: string): number => {
  const address = parseIpv4(text)
  assert.ok(address !== undefined)
  return address
}

/** Chunks that the table has given out and not taken back. */
const chunksInUse = (table: PrefixTable): number => table['chunksUsed'] - 1 - table['freeChunks'].length

describe('PrefixTable', () => {
  it('knows no route at first', () => {
    const table = new PrefixTable(4)
    for (const address of ['0.0.0.0', '127.0.0.1', '128.0.0.0', '255.255.255.255']) {
      assert.equal(table.lookup(ip(address)), -1)
    }
  })

  it('takes the longest of all prefixes that contain the address', () => {
    const table = new PrefixTable(8)
    const routes: [string, number, number][] = [
      ['0.0.0.0', 0, 0],
      ['172.16.0.0', 12, 1],
      ['172.17.0.0', 16, 2],
      ['172.17.0.0', 20, 3],
      ['172.17.1.0', 24, 4],
      ['172.17.1.128', 25, 5],
      ['172.17.1.200', 32, 6],
    ]
    for (const [prefix, length, value] of routes) assert.equal(table.add(ip(prefix), length, value), true)
    const expected: [string, number][] = [
      ['1.1.1.1', 0],
      ['255.255.255.255', 0],
      ['172.31.255.255', 1],
      ['172.17.255.255', 2],
      ['172.17.15.255', 3],
      ['172.17.1.127', 4],
      ['172.17.1.199', 5],
      ['172.17.1.200', 6],
      ['172.17.1.201', 5],
      ['172.32.0.0', 0],
    ]
    for (const [address, value] of expected) assert.equal(table.lookup(ip(address)), value, address)
  })

  it('shows the shorter prefix again when the longer one goes, and gives its memory back', () => {
    const table = new PrefixTable(4)
    table.add(ip('10.0.0.0'), 8, 1)
    table.add(ip('10.1.2.3'), 32, 2)
    assert.equal(chunksInUse(table), 2)
    assert.equal(table.remove(ip('10.1.2.3'), 32), true)
    assert.equal(table.lookup(ip('10.1.2.3')), 1)
    assert.equal(chunksInUse(table), 0)
    assert.equal(table.remove(ip('10.1.2.3'), 32), false)
  })

  it('knows how long the prefix is that a word belongs to, after a longer one has come and gone', () => {
    for (const [outer, inner] of [
      [12, 32],
      [20, 32],
    ] as const) {
      const table = new PrefixTable(4)
      table.add(ip('10.0.16.0'), outer, 1)
      table.add(ip('10.0.16.1'), inner, 2)
      // Keeps the upper chunk where the lower one goes.
      if (outer === 20) table.add(ip('10.0.99.0'), 24, 3)
      table.remove(ip('10.0.16.0'), outer)
      table.remove(ip('10.0.16.1'), inner)
      table.add(ip('10.0.0.0'), 8, 4)
      assert.equal(table.lookup(ip('10.0.16.1')), 4)
      assert.equal(table.lookup(ip('10.0.17.1')), 4)
    }
  })

  it('does not look at the bits behind the length', () => {
    const table = new PrefixTable(1)
    table.add(ip('10.1.2.3'), 16, 7)
    assert.deepEqual([...table.entries()], [{ prefix: ip('10.1.0.0'), length: 16, value: 7 }])
    assert.equal(table.remove(ip('10.1.200.200'), 16), true)
  })

  it('refuses a new prefix when full, and still changes one that is there', () => {
    const table = new PrefixTable(1)
    assert.equal(table.add(0, 0, 1), true)
    assert.equal(table.add(0, 1, 2), false)
    assert.equal(table.lookup(0), 1)
    assert.equal(table.add(0, 0, 3), true)
    assert.equal(table.lookup(0), 3)
  })

  it('refuses what is no prefix, value or capacity', () => {
    const table = new PrefixTable(1)
    for (const length of [-1, 33, 1.5, NaN]) assert.throws(() => table.add(0, length, 1), RangeError)
    for (const value of [-1, 2 ** 31, 0.5]) assert.throws(() => table.add(0, 8, value), RangeError)
    for (const capacity of [0, ROUTES_MAX + 1, 1.5])
      assert.throws(() => new PrefixTable(capacity), RangeError)
  })

  it('holds as many prefixes as it may, in the memory that they need at most', () => {
    const table = new PrefixTable(ROUTES_MAX)
    // Each under other first 16 bits, so that each needs two chunks of its own.
    const prefixOf = (n: number): number => ((n * 7) << 16) | 0x0101
    for (let n = 0; n < ROUTES_MAX; n++) assert.ok(table.add(prefixOf(n), 32, n))
    assert.equal(table.add(0, 0, 0), false)
    assert.equal(table['chunkUsers'].length, 2 * ROUTES_MAX + 1)
    for (let n = 0; n < ROUTES_MAX; n++) assert.equal(table.lookup(prefixOf(n)), n)
    for (let n = 0; n < ROUTES_MAX; n++) assert.ok(table.remove(prefixOf(n), 32))
    assert.equal(chunksInUse(table), 0)
  })

  it('agrees with a naive list', () => {
    // Few bits vary, around the boundaries of the trie's levels, so that prefixes nest and meet.
    const address = fc
      .tuple(
        fc.constantFrom(10, 10, 10, 138),
        fc.constantFrom(0, 0, 255),
        fc.constantFrom(0, 0, 128),
        fc.constantFrom(0, 1, 128, 255),
      )
      .map(([a, b, c, d]) => (a << 24) | (b << 16) | (c << 8) | d)
    const length = fc.oneof(fc.nat(32), fc.constantFrom(0, 1, 15, 16, 17, 23, 24, 25, 31, 32))
    const step = fc.oneof(
      {
        weight: 8,
        arbitrary: fc.record({ call: fc.constant('add' as const), address, length, value: fc.nat(1000) }),
      },
      {
        weight: 4,
        arbitrary: fc.record({ call: fc.constant('remove' as const), address, length, again: fc.nat(9) }),
      },
      { weight: 1, arbitrary: fc.record({ call: fc.constant('clear' as const) }) },
    )
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 12 }),
        fc.array(step, { maxLength: 40 }),
        fc.integer(),
        (capacity, steps, seed) => {
          const table = new PrefixTable(capacity)
          const model = new NaiveRoutes(capacity)
          const random = new Random(seed)
          for (const command of steps) {
            if (command.call === 'add') {
              const { address: prefix, length: bits, value } = command
              assert.equal(table.add(prefix, bits, value), model.add(prefix, bits, value))
            } else if (command.call === 'remove') {
              const there = model.sorted()
              const { prefix, length: bits } = there[command.again] ?? {
                prefix: command.address,
                length: command.length,
              }
              assert.equal(table.remove(prefix, bits), model.remove(prefix, bits))
            } else {
              table.clear()
              model.clear()
            }
            const routes = model.sorted()
            assert.deepEqual([...table.entries()], routes)
            assert.equal(table.size, routes.length)
            for (const { prefix, length: bits } of routes) {
              const last = prefix | ~maskOf(bits)
              for (const probe of [
                prefix,
                prefix - 1,
                last,
                last + 1,
                (random.next() & ~maskOf(bits)) | prefix,
              ]) {
                assert.equal(table.lookup(probe | 0), model.lookup(probe | 0), formatIpv4(probe | 0))
              }
            }
          }
          for (const { prefix, length: bits } of model.sorted()) table.remove(prefix, bits)
          assert.equal(chunksInUse(table), 0)
          assert.ok(table['root'].every((word: number) => word === -1))
        },
      ),
      { numRuns: 150 },
    )
  })
})
