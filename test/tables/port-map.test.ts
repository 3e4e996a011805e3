import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { PORT_MAPPINGS_MAX } from '../../src/limits.ts'
import type { IntervalIndex } from '../../src/tables/interval-index.ts'
import { PortMap, type PortMapping } from '../../src/tables/port-map.ts'

const TCP = 6
const UDP = 17

const mapping = (changes: Partial<PortMapping> = {}): PortMapping => ({
  id: 1,
  protocol: TCP,
  address: 0,
  first: 8080,
  last: 8080,
  targetAddress: 0x0a000002,
  targetFirst: 80,
  targetDomain: 3,
  owner: 9,
  ...changes,
})

const targetLast = ({ first, last, targetFirst }: PortMapping): number => targetFirst + last - first

/** A list that is searched from end to end. */
class NaiveMap {
  entries: PortMapping[] = []
  private readonly capacity: number

  constructor(capacity: number) {
    this.capacity = capacity
  }

  add(entry: PortMapping): boolean {
    const isInTheWay = this.entries.some(
      (other) =>
        other.id === entry.id ||
        (other.protocol === entry.protocol &&
          other.address === entry.address &&
          other.first <= entry.last &&
          entry.first <= other.last),
    )
    if (isInTheWay || this.entries.length === this.capacity) return false
    this.entries.push(entry)
    return true
  }

  remove(id: number): boolean {
    const before = this.entries.length
    this.entries = this.entries.filter((entry) => entry.id !== id)
    return this.entries.length < before
  }

  lookup(protocol: number, address: number, port: number): PortMapping | undefined {
    const holding = this.entries.filter((e) => e.protocol === protocol && e.first <= port && port <= e.last)
    return holding.find((e) => e.address === address) ?? holding.find((e) => e.address === 0)
  }

  /** Where the range begins that the map has to find: several may begin there. */
  targetFirst(protocol: number, address: number, port: number): number | undefined {
    return this.entries
      .filter((e) => e.protocol === protocol && e.targetAddress === address)
      .filter((e) => e.targetFirst <= port && port <= targetLast(e))
      .toSorted((a, b) => b.targetFirst - a.targetFirst)[0]?.targetFirst
  }
}

/** `furthest` is exact: more would make searches look back in vain, less would end them too early. */
function checkReach(index: IntervalIndex, size: number): void {
  let reach = 0
  for (let place = 0; place < size; place++) {
    const isSame =
      place > 0 &&
      index['addresses'][place] === index['addresses'][place - 1] &&
      index['firsts'][place]! >>> 16 === index['firsts'][place - 1]! >>> 16
    reach = Math.max(isSame ? reach : 0, index['lasts'][place]!)
    assert.equal(index['furthest'][place], reach)
  }
}

describe('PortMap', () => {
  it('leads a port of a range to the port as far into the target', () => {
    const map = new PortMap(4)
    assert.equal(map.add(mapping({ first: 20_000, last: 29_999, targetFirst: 30_000 })), true)
    assert.equal(map.size, 1)
    for (const port of [20_000, 25_000, 29_999]) {
      const row = map.lookup(TCP, 0x7f000001, port)
      assert.equal(map.id(row), 1)
      assert.equal(map.targetAddress(row), 0x0a000002)
      assert.equal(map.targetPort(row, port), port + 10_000)
      assert.equal(map.publishedPort(row, port + 10_000), port)
      assert.equal(map.targetDomain(row), 3)
      assert.equal(map.owner(row), 9)
      assert.equal(map.byTarget(TCP, 0x0a000002, port + 10_000), row)
    }
    for (const port of [0, 19_999, 30_000, 0xffff]) assert.equal(map.lookup(TCP, 0x7f000001, port), -1)
    assert.equal(map.lookup(UDP, 0x7f000001, 25_000), -1)
  })

  it('takes the entry of exactly this address before the one of any', () => {
    const map = new PortMap(4)
    map.add(mapping({ id: 1, address: 0, targetFirst: 1 }))
    map.add(mapping({ id: 2, address: 0xc0a80001 | 0, targetFirst: 2 }))
    assert.equal(map.id(map.lookup(TCP, 0xc0a80001 | 0, 8080)), 2)
    assert.equal(map.id(map.lookup(TCP, 0xc0a80002 | 0, 8080)), 1)
    assert.equal(map.publishedAddress(map.lookup(TCP, 0xc0a80001 | 0, 8080)), 0xc0a80001 | 0)
    map.remove(2)
    assert.equal(map.id(map.lookup(TCP, 0xc0a80001 | 0, 8080)), 1)
  })

  it('refuses an overlap, an id that is there, and what is too much', () => {
    const map = new PortMap(3)
    assert.equal(map.add(mapping({ id: 1, first: 100, last: 200 })), true)
    for (const [first, last] of [
      [200, 300],
      [50, 100],
      [50, 300],
      [150, 150],
    ] as const) {
      assert.equal(map.add(mapping({ id: 2, first, last })), false)
    }
    assert.equal(map.add(mapping({ id: 1, first: 300, last: 300 })), false)
    assert.equal(map.add(mapping({ id: 2, first: 201, last: 201 })), true)
    assert.equal(map.add(mapping({ id: 3, first: 150, last: 150, protocol: UDP })), true)
    assert.equal(map.add(mapping({ id: 4, first: 1, last: 1 })), false)
    assert.equal(map.size, 3)
  })

  it('refuses what is no range', () => {
    const map = new PortMap(1)
    const wrong: Partial<PortMapping>[] = [
      { first: 0, last: 0 },
      { first: 81, last: 80 },
      { last: 65_536 },
      { first: 1, last: 100, targetFirst: 65_500 },
      { targetFirst: 0 },
      { protocol: 256 },
      { first: 80.5 },
    ]
    for (const changes of wrong) assert.throws(() => map.add(mapping(changes)), RangeError)
    for (const capacity of [0, PORT_MAPPINGS_MAX + 1]) assert.throws(() => new PortMap(capacity), RangeError)
    assert.equal(map.size, 0)
  })

  it('keeps the numbers of rows while others come and go', () => {
    const map = new PortMap(8)
    map.add(mapping({ id: 5, first: 500, last: 500 }))
    const row = map.lookup(TCP, 0, 500)
    map.add(mapping({ id: 4, first: 400, last: 400 }))
    map.add(mapping({ id: 6, first: 600, last: 600 }))
    map.remove(4)
    assert.equal(map.lookup(TCP, 0, 500), row)
    assert.equal(map.id(row), 5)
  })

  it('takes the right one away of several that lead to the same port', () => {
    const map = new PortMap(3)
    for (const id of [1, 2, 3]) map.add(mapping({ id, first: id, last: id }))
    for (const id of [2, 1]) {
      map.remove(id)
      assert.notEqual(map.id(map.byTarget(TCP, 0x0a000002, 80)), id)
    }
    assert.equal(map.id(map.byTarget(TCP, 0x0a000002, 80)), 3)
    map.remove(3)
    assert.equal(map.byTarget(TCP, 0x0a000002, 80), -1)
  })

  it('fills up one by one, and empties again', () => {
    const map = new PortMap(PORT_MAPPINGS_MAX)
    const count = PORT_MAPPINGS_MAX
    // Backwards and all to one target: each goes to the front of both orders.
    for (let id = count; id >= 1; id--) {
      assert.ok(map.add(mapping({ id, first: 3 * id, last: 3 * id + 2, targetFirst: 2 * id })))
    }
    assert.equal(map.add(mapping({ id: 0, first: 1, last: 1 })), false)
    for (let id = 1; id <= count; id += 97) assert.equal(map.id(map.lookup(TCP, 1, 3 * id + 1)), id)
    for (let id = 1; id <= count; id++) assert.ok(map.remove(id))
    assert.equal(map.size, 0)
    assert.equal(map.byTarget(TCP, 0x0a000002, 500), -1)
  })

  it('agrees with a naive list', () => {
    const id = fc.nat(14)
    const protocol = fc.constantFrom(TCP, TCP, TCP, UDP, 132)
    const address = fc.constantFrom(0, 0, 1, -1, -0x8000_0000)
    const port = fc.oneof(fc.integer({ min: 1, max: 24 }), fc.integer({ min: 0xffff - 8, max: 0xffff }))
    const entry = fc
      .record({
        id,
        protocol,
        address,
        port,
        more: fc.nat(8),
        targetAddress: address,
        targetFirst: fc.integer({ min: 1, max: 6 }),
        owner: fc.nat(3),
      })
      .map(({ port: first, more, ...rest }) => {
        const last = Math.min(first + more, 0xffff, 0xffff - rest.targetFirst + first)
        return { ...rest, first, last, targetDomain: rest.owner + 1 }
      })
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.record({ call: fc.constant('add' as const), entry }) },
      { weight: 1, arbitrary: fc.record({ call: fc.constant('remove' as const), id }) },
    )
    const probe = fc.record({ protocol, address, port: fc.oneof(port, fc.constant(0)) })
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 60 }),
        fc.array(probe, { minLength: 40, maxLength: 40 }),
        (steps, probes) => {
          const map = new PortMap(10)
          const model = new NaiveMap(10)
          for (const command of steps) {
            if (command.call === 'add') assert.equal(map.add(command.entry), model.add(command.entry))
            else assert.equal(map.remove(command.id), model.remove(command.id))
            assert.equal(map.size, model.entries.length)
            for (const { protocol: number, address: ip, port: at } of probes) {
              const row = map.lookup(number, ip, at)
              assert.deepEqual(row === -1 ? undefined : map.get(map.id(row)), model.lookup(number, ip, at))
              const back = map.byTarget(number, ip, at)
              const found = back === -1 ? undefined : map.get(map.id(back))
              assert.equal(found?.targetFirst, model.targetFirst(number, ip, at))
              if (found === undefined) continue
              assert.ok(found.protocol === number && found.targetAddress === ip && targetLast(found) >= at)
            }
          }
          checkReach(map['inside'], map.size)
          const listed = [...map.entries()]
          assert.deepEqual(
            listed.toSorted((a, b) => a.id - b.id),
            model.entries.toSorted((a, b) => a.id - b.id),
          )
          for (let n = 0; n < 15; n++)
            assert.deepEqual(
              map.get(n),
              model.entries.find((e) => e.id === n),
            )
        },
      ),
      { numRuns: 300 },
    )
  })
})
