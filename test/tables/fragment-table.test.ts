import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  FRAGMENT_LIFETIME_S,
  FRAGMENTED_DATAGRAMS_EXPIRED_MAX,
  FRAGMENTED_DATAGRAMS_MAX,
  PORTS_MAX,
} from '../../src/limits.ts'
import { FragmentTable, type FragmentTableOptions } from '../../src/tables/fragment-table.ts'

const tableOf = (options: Partial<FragmentTableOptions> = {}): FragmentTable =>
  new FragmentTable({ capacity: 6, owners: 3, perOwner: 4, seed: 1, ...options })

type Key = readonly [
  source: number,
  destination: number,
  identification: number,
  protocol: number,
  domain: number,
]

interface Datagram {
  readonly key: Key
  readonly value: number
  readonly owner: number
  readonly since: number
}

const sameKey = (a: Key, b: Key): boolean => a.every((part, n) => part === b[n])

/** An array in the order of insertion. `table` is asked which of several equally rich owners gave way. */
class NaiveFragments {
  datagrams: Datagram[] = []
  private readonly options: FragmentTableOptions

  constructor(options: FragmentTableOptions) {
    this.options = options
  }

  of(owner: number): Datagram[] {
    return this.datagrams.filter((datagram) => datagram.owner === owner)
  }

  lookup(key: Key, now: number): number {
    const datagram = this.datagrams.find((other) => sameKey(other.key, key))
    return datagram !== undefined && now - datagram.since < FRAGMENT_LIFETIME_S ? datagram.value : -1
  }

  insert(datagram: Datagram, after: FragmentTable): void {
    this.drop((other) => sameKey(other.key, datagram.key))
    const { capacity, perOwner, owners } = this.options
    const held = this.of(datagram.owner).length
    if (held >= perOwner) this.evict(datagram.owner)
    else if (this.datagrams.length === capacity) {
      const holding = new Set(this.datagrams.map(({ owner }) => owner)).size
      if (held * holding >= capacity) this.evict(datagram.owner)
      else {
        const counts = Array.from({ length: owners }, (_, owner) => this.of(owner).length)
        const richest = counts.flatMap((count, owner) => (count === Math.max(...counts) ? [owner] : []))
        const gaveWay = richest.find(
          (owner) => after.countOf(owner) < counts[owner]! + (owner === datagram.owner ? 1 : 0),
        )
        assert.ok(gaveWay !== undefined, 'one of the richest owners gives way')
        this.evict(gaveWay)
      }
    }
    this.datagrams.push(datagram)
  }

  drop(isGone: (datagram: Datagram) => boolean): number {
    const before = this.datagrams.length
    this.datagrams = this.datagrams.filter((datagram) => !isGone(datagram))
    return before - this.datagrams.length
  }

  private evict(owner: number): void {
    const oldest = this.of(owner)[0]
    this.drop((datagram) => datagram === oldest)
  }
}

describe('FragmentTable', () => {
  it('knows a datagram by each of the five parts of its key', () => {
    const table = tableOf()
    const key: Key = [0x0a000001, -1, 0xffff, 17, 0xfffe]
    table.insert(...key, 42, 0, 10)
    assert.equal(table.lookup(...key, 10), 42)
    const others: Key[] = [
      [0x0a000002, -1, 0xffff, 17, 0xfffe],
      [0x0a000001, -2, 0xffff, 17, 0xfffe],
      [0x0a000001, -1, 0xfffe, 17, 0xfffe],
      [0x0a000001, -1, 0xffff, 6, 0xfffe],
      [0x0a000001, -1, 0xffff, 17, 0],
    ]
    for (const other of others) assert.equal(table.lookup(...other, 10), -1)
  })

  it('follows it for its lifetime, and not a second longer, whether expired or not', () => {
    const table = tableOf()
    table.insert(1, 2, 3, 17, 0, 0, 0, 100)
    assert.equal(table.lookup(1, 2, 3, 17, 0, 100 + FRAGMENT_LIFETIME_S - 1), 0)
    assert.equal(table.lookup(1, 2, 3, 17, 0, 100 + FRAGMENT_LIFETIME_S), -1)
    assert.equal(table.expire(100 + FRAGMENT_LIFETIME_S - 1), 0)
    assert.equal(table.expire(100 + FRAGMENT_LIFETIME_S), 1)
    assert.equal(table.size, 0)
  })

  it('takes the newer decision where an identification comes round, with a life of its own', () => {
    const table = tableOf()
    table.insert(1, 2, 3, 17, 0, 5, 0, 100)
    table.insert(1, 2, 3, 17, 0, 6, 1, 120)
    assert.equal(table.size, 1)
    assert.deepEqual([table.countOf(0), table.countOf(1)], [0, 1])
    assert.equal(table.lookup(1, 2, 3, 17, 0, 140), 6)
    assert.equal(table.expire(130), 0)
  })

  it('makes a flood of fragments cost its sender alone', () => {
    const table = new FragmentTable({ capacity: 1024, owners: 8, perOwner: 256, seed: 7 })
    for (let n = 0; n < 8; n++) table.insert(1, 2, n, 17, 0, n, 1, 0)
    for (let n = 0; n < 100_000; n++) table.insert(n, 2, n & 0xffff, 17, 1, 9, 2, 0)
    for (let n = 0; n < 8; n++) assert.equal(table.lookup(1, 2, n, 17, 0, 0), n)
    assert.deepEqual([table.countOf(1), table.countOf(2)], [8, 256])
    assert.equal(table.lookup(99_999, 2, 99_999 & 0xffff, 17, 1, 0), 9)
  })

  it('makes no owner of a full table give way to one that holds more', () => {
    const table = new FragmentTable({ capacity: 8, owners: 4, perOwner: 8, seed: 7 })
    for (let n = 0; n < 8; n++) table.insert(1, 1, n, 17, 0, 0, 0, 0)
    for (let n = 0; n < 8; n++) table.insert(2, 1, n, 17, 0, 0, 1, 0)
    assert.deepEqual([table.countOf(0), table.countOf(1)], [4, 4])
  })

  it('counts only the owners who hold any when it works out a share', () => {
    const table = new FragmentTable({ capacity: 6, owners: 3, perOwner: 6, seed: 7 })
    table.insert(3, 1, 0, 17, 0, 0, 2, 0)
    table.removeOwner(2)
    for (let n = 0; n < 4; n++) table.insert(1, 1, n, 17, 0, 0, 0, 0)
    for (let n = 0; n < 3; n++) table.insert(2, 1, n, 17, 0, 0, 1, 0)
    // With two of six entries, owner 1 has its share among three, but not among two.
    assert.deepEqual([table.countOf(0), table.countOf(1)], [3, 3])
  })

  it('does a bounded piece of work in one call, and the rest in the next', () => {
    const capacity = FRAGMENTED_DATAGRAMS_EXPIRED_MAX + 10
    const table = tableOf({ capacity, perOwner: capacity })
    for (let n = 0; n < capacity; n++) table.insert(1, 1, n, 17, 0, 0, 0, 0)
    assert.equal(table.expire(1000), FRAGMENTED_DATAGRAMS_EXPIRED_MAX)
    assert.equal(table.expire(1000), 10)
    assert.equal(table.expire(1000), 0)
  })

  it('refuses options that are out of their range', () => {
    const wrong: Partial<FragmentTableOptions>[] = [
      { capacity: 0 },
      { capacity: FRAGMENTED_DATAGRAMS_MAX + 1 },
      { owners: PORTS_MAX + 1 },
      { perOwner: 0.5 },
    ]
    for (const options of wrong) assert.throws(() => tableOf(options), RangeError)
  })

  it('agrees with a naive model', () => {
    const key: fc.Arbitrary<Key> = fc.tuple(
      fc.constantFrom(0, 1, -1),
      fc.constantFrom(2, -2),
      fc.constantFrom(0, 0xffff),
      fc.constantFrom(6, 17),
      fc.constantFrom(0, 4095),
    )
    const owner = fc.constantFrom(0, 0, 0, 1, 1, 2)
    const step = fc.oneof(
      {
        weight: 20,
        arbitrary: fc.record({
          call: fc.constant('insert' as const),
          key,
          owner,
          value: fc.nat(0x7fff_ffff),
        }),
      },
      { weight: 2, arbitrary: fc.record({ call: fc.constant('wait' as const), seconds: fc.nat(20) }) },
      { weight: 2, arbitrary: fc.record({ call: fc.constant('expire' as const) }) },
      { weight: 1, arbitrary: fc.record({ call: fc.constant('removeOwner' as const), owner }) },
      { weight: 1, arbitrary: fc.record({ call: fc.constant('clear' as const) }) },
    )
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 80 }),
        fc.array(key, { minLength: 10, maxLength: 10 }),
        fc.integer(),
        (steps, probes, seed) => {
          const options = { capacity: 6, owners: 3, perOwner: 4, seed }
          const table = new FragmentTable(options)
          const model = new NaiveFragments(options)
          let now = 0
          for (const command of steps) {
            if (command.call === 'insert') {
              table.insert(...command.key, command.value, command.owner, now)
              model.insert(
                { key: command.key, value: command.value, owner: command.owner, since: now },
                table,
              )
            } else if (command.call === 'wait') {
              now += command.seconds
            } else if (command.call === 'expire') {
              assert.equal(
                table.expire(now),
                model.drop(({ since }) => now - since >= FRAGMENT_LIFETIME_S),
              )
            } else if (command.call === 'removeOwner') {
              assert.equal(
                table.removeOwner(command.owner),
                model.drop((datagram) => datagram.owner === command.owner),
              )
            } else {
              table.clear()
              model.drop(() => true)
            }
            assert.equal(table.size, model.datagrams.length)
            for (let number = 0; number < 3; number++)
              assert.equal(table.countOf(number), model.of(number).length)
            for (const probe of [...probes, ...model.datagrams.map((datagram) => datagram.key)]) {
              assert.equal(table.lookup(...probe, now), model.lookup(probe, now))
            }
          }
        },
      ),
      { numRuns: 500 },
    )
  })
})
