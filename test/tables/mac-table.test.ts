import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PORTS_MAX, STATIONS_EXPIRED_MAX, STATIONS_MAX } from '../../src/limits.ts'
import { LearnResult, MacTable, type MacTableOptions } from '../../src/tables/mac-table.ts'
import { checkInvariants } from './mac-table-invariants.ts'

const DOMAIN = 7
const HI = 0x0200

function createTable(options: Partial<MacTableOptions> = {}): MacTable {
  return new MacTable({ capacity: 64, ports: 8, stationsPerPort: 64, ageingS: 300, seed: 1, ...options })
}

/** Learns stations `first` to `first + count - 1` on the port, in this order. */
function learnAll(table: MacTable, port: number, first: number, count: number, now = 0): void {
  for (let station = first; station < first + count; station++) table.learn(DOMAIN, HI, station, port, now)
}

/** Those of stations 0 to 99 that the table knows, by port. */
function known(table: MacTable, now = 0): Record<number, number[]> {
  const ports: Record<number, number[]> = {}
  for (let station = 0; station < 100; station++) {
    const port = table.lookup(DOMAIN, HI, station, now)
    if (port !== -1) (ports[port] ??= []).push(station)
  }
  return ports
}

/** A million different addresses, unicast, in no order. */
function flood(table: MacTable, ports: readonly number[], now: number): void {
  for (let frame = 0; frame < 1_000_000; frame++) {
    const lo = Math.imul(frame + 1, 0x9e3779b1)
    table.learn(DOMAIN, 0x0600 | (frame & 0xff), lo, ports[frame % ports.length]!, now)
  }
}

describe('MacTable: learning and ageing', () => {
  it('knows a station where it was heard last', () => {
    const table = createTable()
    assert.equal(table.lookup(DOMAIN, HI, 1, 0), -1)
    assert.equal(table.learn(DOMAIN, HI, 1, 3, 0), LearnResult.added)
    assert.equal(table.learn(DOMAIN, HI, 1, 3, 0), LearnResult.known)
    assert.equal(table.learn(DOMAIN, HI, 1, 3, 9), LearnResult.known)
    assert.equal(table.lookup(DOMAIN, HI, 1, 9), 3)
    assert.equal(table.learn(DOMAIN, HI, 1, 4, 9), LearnResult.moved)
    assert.equal(table.lookup(DOMAIN, HI, 1, 9), 4)
    assert.deepEqual([table.size, table.stationsOf(3), table.stationsOf(4)], [1, 0, 1])
  })

  it('keeps equal addresses of different domains apart, and the all-zero key is one like any other', () => {
    const table = createTable()
    assert.equal(table.lookup(0, 0, 0, 0), -1)
    table.learn(0, 0, 0, 0, 0)
    table.learn(0xfffe, 0, 0, 1, 0)
    assert.equal(table.lookup(0, 0, 0, 0), 0)
    assert.equal(table.lookup(0xfffe, 0, 0, 0), 1)
    assert.equal(table.lookup(1, 0, 0, 0), -1)
    table.remove(0, 0, 0)
    assert.equal(table.lookup(0, 0, 0, 0), -1)
  })

  it('forgets a station after the ageing time, whether or not expire has come by', () => {
    const table = createTable({ ageingS: 300 })
    table.learn(DOMAIN, HI, 1, 0, 100)
    table.learn(DOMAIN, HI, 2, 0, 101)
    assert.equal(table.lookup(DOMAIN, HI, 1, 399), 0)
    assert.equal(table.lookup(DOMAIN, HI, 1, 400), -1)
    assert.deepEqual(known(table, 400), { 0: [2] })
    assert.equal(table.size, 2)
    table.expire(399)
    assert.equal(table.size, 2)
    table.expire(400)
    assert.deepEqual([table.size, table.aged], [1, 1])
    assert.equal(table.learn(DOMAIN, HI, 2, 1, 401), LearnResult.added, 'aged, so it did not move')
    assert.deepEqual([table.aged, table.moved], [2, 0])
  })

  it('keeps a station that is heard, wherever its neighbours in the list go', () => {
    const table = createTable({ ageingS: 10 })
    learnAll(table, 0, 0, 5)
    for (let now = 1; now < 100; now++) {
      table.learn(DOMAIN, HI, 2, 0, now)
      table.expire(now)
      assert.deepEqual(known(table, now), { 0: now < 10 ? [0, 1, 2, 3, 4] : [2] })
    }
  })

  it('expires no more than its budget in a call, all of it in several, and port after port', () => {
    const perPort = 300
    const table = createTable({ capacity: 2400, stationsPerPort: perPort, ageingS: 10 })
    for (let port = 0; port < 8; port++) learnAll(table, port, port * perPort, perPort)
    let calls = 0
    for (let left = table.size; left > 0; left = table.size) {
      table.expire(10)
      calls++
      assert.ok(table.size < left && left - table.size <= STATIONS_EXPIRED_MAX)
      checkInvariants(table)
    }
    assert.equal(table.aged, 2400)
    assert.ok(calls >= 10 && calls <= 12, `${calls} calls`)
  })

  it('lists what it knows', () => {
    const table = createTable()
    table.learn(DOMAIN, 0xfe01, -2, 5, 40)
    table.addStatic(3, 0x0242, 9, 6)
    const byDomain = [...table.stations(100)].sort((a, b) => a.domain - b.domain)
    assert.deepEqual(byDomain, [
      { domain: 3, hi: 0x0242, lo: 9, port: 6, ageS: 0, isStatic: true },
      { domain: DOMAIN, hi: 0xfe01, lo: -2, port: 5, ageS: 60, isStatic: false },
    ])
    assert.deepEqual([...table.stations(340)].length, 1)
  })
})

describe('MacTable: static entries and flushes', () => {
  it('binds a static station for good', () => {
    const table = createTable()
    assert.equal(table.addStatic(DOMAIN, HI, 1, 2), LearnResult.added)
    assert.equal(table.addStatic(DOMAIN, HI, 1, 2), LearnResult.known)
    assert.equal(table.addStatic(DOMAIN, HI, 1, 3), LearnResult.staticElsewhere)
    assert.equal(table.learn(DOMAIN, HI, 1, 2, 5), LearnResult.known)
    assert.equal(table.learn(DOMAIN, HI, 1, 3, 5), LearnResult.staticElsewhere)
    table.expire(1_000_000)
    table.flushPort(2)
    table.flushDomain(DOMAIN)
    assert.equal(table.lookup(DOMAIN, HI, 1, 1_000_000), 2)
    assert.equal(table.remove(DOMAIN, HI, 1), true)
    assert.equal(table.remove(DOMAIN, HI, 1), false)
    assert.equal(table.lookup(DOMAIN, HI, 1, 0), -1)
  })

  it('makes a learned station static, in its place or elsewhere', () => {
    const table = createTable()
    learnAll(table, 2, 0, 2)
    assert.equal(table.addStatic(DOMAIN, HI, 0, 2), LearnResult.known)
    assert.equal(table.addStatic(DOMAIN, HI, 1, 3), LearnResult.moved)
    assert.deepEqual(known(table, 999_999), { 2: [0], 3: [1] })
    assert.equal(table.size, 2)
  })

  it('flushes a port, a port with its static entries, and a domain', () => {
    const table = createTable()
    learnAll(table, 0, 0, 10)
    learnAll(table, 1, 10, 10)
    table.addStatic(DOMAIN, HI, 20, 0)
    table.learn(DOMAIN + 1, HI, 30, 0, 0)
    assert.equal(table.flushPort(0), 11)
    assert.equal(table.stationsOf(0), 1)
    learnAll(table, 0, 0, 3)
    assert.equal(table.removePort(0), 4)
    assert.equal(table.stationsOf(0), 0)
    table.learn(DOMAIN + 1, HI, 30, 0, 0)
    assert.equal(table.flushDomain(DOMAIN), 10)
    assert.equal(table.lookup(DOMAIN + 1, HI, 30, 0), 0)
    assert.equal(table.size, 1)
    checkInvariants(table)
  })
})

describe('MacTable: who gives way', () => {
  it('a port at its limit gives up the station it has not heard for longest', () => {
    const table = createTable({ stationsPerPort: 3 })
    learnAll(table, 1, 50, 3)
    learnAll(table, 0, 0, 3)
    table.learn(DOMAIN, HI, 0, 0, 1) // heard again: now the youngest
    table.learn(DOMAIN, HI, 3, 0, 1)
    assert.deepEqual(known(table), { 0: [0, 2, 3], 1: [50, 51, 52] })
    assert.equal(table.evicted, 1)
  })

  it('a station that moves to a port at its limit takes the place of the oldest there', () => {
    const table = createTable({ stationsPerPort: 2 })
    learnAll(table, 0, 0, 2)
    learnAll(table, 1, 10, 2)
    assert.equal(table.learn(DOMAIN, HI, 10, 0, 0), LearnResult.moved)
    assert.deepEqual(known(table), { 0: [1, 10], 1: [11] })
  })

  it('finds the station that moves again where making room for it moved its entry', () => {
    let shifted = 0
    for (let seed = 0; seed < 200; seed++) {
      for (const bind of [false, true]) {
        const table = createTable({ capacity: 8, stationsPerPort: 4, seed })
        learnAll(table, 0, 0, 4)
        learnAll(table, 1, 4, 4)
        const before = table['find'](((DOMAIN + 1) << 16) | HI, 4)
        const result = bind ? table.addStatic(DOMAIN, HI, 4, 0) : table.learn(DOMAIN, HI, 4, 0, 0)
        assert.equal(result, LearnResult.moved)
        assert.deepEqual(known(table), { 0: [1, 2, 3, 4], 1: [5, 6, 7] })
        checkInvariants(table)
        if (table['find'](((DOMAIN + 1) << 16) | HI, 4) !== before) shifted++
      }
    }
    assert.ok(shifted > 10, `${shifted} of 400 were shifted`)
  })

  //      ports   0         1         2        capacity 6, three ports hold stations: a share is 2
  //      full    0 1 2 3   4         5
  it('in a full table a port below its share gets the oldest place of the richest', () => {
    const table = createTable({ capacity: 6 })
    learnAll(table, 0, 0, 4)
    learnAll(table, 1, 4, 1)
    learnAll(table, 2, 5, 1)
    learnAll(table, 1, 14, 1)
    assert.deepEqual(known(table), { 0: [1, 2, 3], 1: [4, 14], 2: [5] })
    learnAll(table, 1, 24, 1) // port 1 has its share now
    assert.deepEqual(known(table), { 0: [1, 2, 3], 1: [14, 24], 2: [5] })
    learnAll(table, 0, 34, 1) // so has port 0
    assert.deepEqual(known(table), { 0: [2, 3, 34], 1: [14, 24], 2: [5] })
  })

  it('in a full table a port that holds nothing gets a place of the richest', () => {
    const table = createTable({ capacity: 6 })
    learnAll(table, 0, 0, 2)
    learnAll(table, 1, 10, 4)
    learnAll(table, 2, 20, 1)
    assert.deepEqual(known(table), { 0: [0, 1], 1: [11, 12, 13], 2: [20] })
  })

  it('static entries give way to nobody; where only they are left, a learner is refused', () => {
    const table = createTable({ capacity: 4, stationsPerPort: 2 })
    for (const station of [0, 1]) table.addStatic(DOMAIN, HI, station, 0)
    assert.equal(table.learn(DOMAIN, HI, 2, 0, 0), LearnResult.refused)
    assert.equal(table.addStatic(DOMAIN, HI, 2, 0), LearnResult.refused)
    learnAll(table, 1, 10, 2)
    assert.equal(table.learn(DOMAIN, HI, 10, 0, 0), LearnResult.refused, 'nor can one move there')
    assert.equal(table.addStatic(DOMAIN, HI, 10, 0), LearnResult.refused)
    assert.equal(table.addStatic(DOMAIN, HI, 20, 2), LearnResult.added)
    assert.equal(table.addStatic(DOMAIN, HI, 21, 2), LearnResult.added)
    assert.equal(table.learn(DOMAIN, HI, 30, 3, 0), LearnResult.refused)
    assert.deepEqual(known(table, 1_000_000), { 0: [0, 1], 2: [20, 21] })
    checkInvariants(table)
  })

  for (const stationsPerPort of [4096, 16_384]) {
    it(`a million sources from one port leave the others' stations alone (${stationsPerPort} a port)`, () => {
      const table = createTable({ capacity: 16_384, stationsPerPort })
      learnAll(table, 0, 0, 50)
      learnAll(table, 1, 50, 50)
      const before = known(table)
      flood(table, [5], 299)
      assert.deepEqual(known(table, 299), before)
      assert.equal(table.size, Math.min(16_384, 100 + stationsPerPort))
      assert.equal(table.added, 1_000_100)
      assert.equal(table.evicted, table.added - table.size)
      checkInvariants(table)
    })
  }

  it('two ports that flood together take nothing from ports below their share', () => {
    const table = createTable({ capacity: 4096, stationsPerPort: 4096 })
    learnAll(table, 0, 0, 100)
    flood(table, [5, 6], 0)
    assert.deepEqual(known(table)[0]?.length, 100)
    assert.ok(Math.abs(table.stationsOf(5) - table.stationsOf(6)) <= 1)
    checkInvariants(table)
  })
})

describe('MacTable: hashing', () => {
  /** Mean distance of the entries from their home slots, plus one: what a successful lookup reads. */
  function meanProbes(table: MacTable): number {
    const entries = table['entries']
    const mask = entries.length - 1
    let probes = 0
    for (let at = 0; at <= mask; at += 4) {
      if (entries[at + 1] === 0) continue
      probes += 1 + ((at - table['home'](entries[at + 1]!, entries[at]!)) & mask) / 4
    }
    return probes / table.size
  }

  // Linear probing in a table that is half full reads (1 + 1 / (1 - 0.5)) / 2 = 1.5 slots in the mean (Knuth, TAOCP 6.4).
  const patterns: Record<string, (index: number) => readonly [hi: number, lo: number]> = {
    'counted-up last bytes': (index) => [HI, index],
    'counted-up first bytes': (index) => [index << 4, 1],
    'high bits only': (index) => [HI, index << 20],
    'both ends': (index) => [index & 63, (index >>> 6) << 26],
    multiples: (index) => [HI, Math.imul(index, 0x10001)],
  }
  for (const [name, address] of Object.entries(patterns)) {
    it(`spreads ${name} under any seed`, () => {
      for (let seed = 0; seed < 100; seed++) {
        const table = createTable({ capacity: 4096, stationsPerPort: 4096, seed: Math.imul(seed, 7919) })
        for (let index = 0; index < 4096; index++) table.learn(1, ...address(index), 0, 0)
        assert.equal(table.size, 4096)
        const probes = meanProbes(table)
        assert.ok(probes < 2, `${probes} probes under seed ${Math.imul(seed, 7919)}`)
      }
    })
  }

  it('sends stations to other slots under another seed', () => {
    const homes = (seed: number): number[] => {
      const table = createTable({ seed })
      return Array.from({ length: 64 }, (_, lo) => table['home'](HI, lo))
    }
    assert.deepEqual(homes(1), homes(1))
    assert.notDeepEqual(homes(1), homes(2))
  })
})

describe('MacTable: options', () => {
  it('refuses what is out of range, and names it', () => {
    const wrong: [Partial<MacTableOptions>, RegExp][] = [
      [{ capacity: 0 }, /capacity is 0/],
      [{ capacity: STATIONS_MAX + 1 }, /capacity is 1048577/],
      [{ ports: PORTS_MAX + 2 }, /ports is 4098/],
      [{ stationsPerPort: 1.5 }, /stationsPerPort is 1.5/],
      [{ ageingS: 0 }, /ageingS is 0; it must be an integer from 1 to 1000000/],
    ]
    for (const [options, message] of wrong)
      assert.throws(() => createTable(options), { name: 'RangeError', message })
  })

  it('takes the largest table there is', () => {
    const table = createTable({ capacity: STATIONS_MAX, ports: PORTS_MAX, stationsPerPort: STATIONS_MAX })
    table.learn(0xfffe, 0xffff, -1, PORTS_MAX - 1, 0x7fff_ffff - 300)
    assert.equal(table.lookup(0xfffe, 0xffff, -1, 0x7fff_ffff - 1), PORTS_MAX - 1)
    table.expire(0x7fff_ffff)
    assert.equal(table.size, 0)
  })
})
