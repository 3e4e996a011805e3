import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  BURST_MAX,
  CONNECTIONS_DEFAULT,
  CONNECTIONS_EXPIRED_MAX,
  CONNECTIONS_MAX,
  CONNECTIONS_PER_OWNER_DEFAULT,
  PORTS_MAX,
} from '../../src/limits.ts'
import {
  ConnectionTable,
  type ConnectionTableOptions,
  INSERT_FULL,
  INSERT_QUOTA,
  NONE,
} from '../../src/tables/connection-table.ts'
import { leastGrowth } from '../support/least-growth.ts'

const TCP = 6
const INSIDE = 0x0a01_0002
const OUTSIDE = 0xc633_6401 | 0

function createTable(options: Partial<ConnectionTableOptions> = {}): ConnectionTable {
  return new ConnectionTable({ capacity: 64, owners: 8, connectionsPerOwner: 64, seed: 1, ...options })
}

/** A flow to a server of this number. */
function insert(table: ConnectionTable, server: number, owner = 0, deadlineS = 100): number {
  const ports = (40_000 << 16) | 443
  return table.insert(TCP, INSIDE, server, ports, server, OUTSIDE, (443 << 16) | 61_007, owner, deadlineS)
}

/** The reference of its original tuple. */
function find(table: ConnectionTable, server: number): number {
  const ports = (40_000 << 16) | 443
  return table.lookup(table.hash(TCP, INSIDE, server, ports), TCP, INSIDE, server, ports)
}

/** The servers of the owner's flows, in the order of its lists. */
function serversOf(table: ConnectionTable, owner: number): number[] {
  const servers: number[] = []
  for (let at = table.firstOf(owner); at !== NONE; at = table.nextOf(at)) servers.push(table.destination(at))
  return servers
}

/** All typed arrays that the object has, at any depth. */
function arraysOf(object: object): Int32Array[] {
  return Object.values(object).flatMap((value: unknown) => {
    if (value instanceof Int32Array) return [value]
    return typeof value === 'object' && value !== null ? arraysOf(value) : []
  })
}

describe('ConnectionTable: tuples', () => {
  it('finds a flow by both of its tuples, and by nothing that differs in one field', () => {
    const table = createTable()
    const reference = table.insert(17, 1, 2, 3, 4, 5, 6, 7, 100)
    const lookup = (...tuple: [number, number, number, number]): number =>
      table.lookup(table.hash(...tuple), ...tuple)
    assert.equal(lookup(17, 1, 2, 3), reference)
    assert.equal(lookup(17, 4, 5, 6), reference ^ 1)
    assert.deepEqual(
      [lookup(6, 1, 2, 3), lookup(17, 4, 2, 3), lookup(17, 1, 5, 3), lookup(17, 1, 2, 6)],
      [NONE, NONE, NONE, NONE],
    )
    // The same with a hash that leads to the entry: the tuple is compared, not the hash alone.
    const hash = table.hash(17, 1, 2, 3)
    assert.deepEqual(
      [
        table.lookup(hash, 6, 1, 2, 3),
        table.lookup(hash, 17, 0, 2, 3),
        table.lookup(hash, 17, 1, 0, 3),
        table.lookup(hash, 17, 1, 2, 0),
      ],
      [NONE, NONE, NONE, NONE],
    )
  })

  it('finds what has come, and not what has gone, since the burst was warmed', () => {
    const table = createTable()
    const hash = table.hash(0, -1, 2, 3)
    const hashes = Int32Array.of(hash, 0, 0, 0)
    const find = (): number => table.lookupWarmed(0, hash, 0, -1, 2, 3)
    // Its source, -1, is what stands there when the flow is free and no other is.
    const reference = table.insert(0, -1, 2, 3, 4, 5, 6, 0, 100)
    table.warmAll(hashes, 1)
    assert.equal(find(), reference)
    table.remove(reference)
    assert.equal(find(), NONE)
    assert.equal(insert(table, 1), reference, 'another flow has its number')
    assert.equal(find(), NONE)
    assert.notEqual(table.insert(0, -1, 2, 3, 4, 5, 6, 0, 100), reference)
    assert.equal(find(), table.lookup(hash, 0, -1, 2, 3))
  })

  it('holds as many flows as it may, each of which is found', () => {
    const table = createTable({ capacity: CONNECTIONS_MAX, connectionsPerOwner: CONNECTIONS_MAX })
    for (let server = 0; server < CONNECTIONS_MAX; server++) insert(table, server)
    assert.deepEqual([table.size, table.evicted], [CONNECTIONS_MAX, 0])
    for (let server = 0; server < CONNECTIONS_MAX; server++) {
      if (find(table, server) !== server << 1) assert.fail(`flow ${server}`)
    }
  })

  it('counts packets of each direction up to the end of uint32', () => {
    const table = createTable()
    const reference = insert(table, 1)
    const words = table['entries']
    table.count(reference)
    table.count(reference | 1)
    table.count(reference | 1)
    assert.deepEqual([table.packets(reference), table.packets(reference | 1)], [1, 2])
    words[(reference << 3) + 4] = 0x7fff_ffff
    table.count(reference)
    assert.equal(table.packets(reference), 0x8000_0000)
    words[(reference << 3) + 4] = -1
    table.count(reference)
    assert.deepEqual([table.packets(reference), table.packets(reference | 1)], [0, 2])
  })
})

describe('ConnectionTable: who gives way', () => {
  it('takes from an owner at its quota the oldest flow without a reply', () => {
    const table = createTable({ connectionsPerOwner: 3 })
    for (const server of [1, 2, 3]) insert(table, server, 5)
    table.confirm(find(table, 1) | 1)
    insert(table, 4, 5)
    assert.deepEqual(serversOf(table, 5), [3, 4, 1])
    for (const server of [3, 4]) table.confirm(find(table, server))
    assert.equal(insert(table, 5, 5), INSERT_QUOTA)
    assert.equal(insert(table, 5, 6) & 1, 0, 'another owner has room')
    assert.deepEqual([table.size, table.evicted, table.refusedQuota, table.refusedFull], [4, 1, 1, 0])
  })

  it('takes from the owner with the most flows without a reply where the table is full', () => {
    const table = createTable({ capacity: 6 })
    for (const server of [1, 2]) insert(table, server, 0)
    for (const server of [3, 4, 5]) insert(table, server, 1)
    for (const server of [4, 5]) table.confirm(find(table, server))
    insert(table, 6, 2)
    insert(table, 7, 3)
    assert.deepEqual(
      [0, 1, 2, 3].map((owner) => serversOf(table, owner)),
      [[2], [3, 4, 5], [6], [7]],
    )
    for (const server of [2, 3, 6, 7]) table.confirm(find(table, server))
    assert.equal(insert(table, 8, 3), INSERT_FULL)
    assert.deepEqual([table.size, table.evicted, table.refusedQuota, table.refusedFull], [6, 1, 0, 1])
  })

  it('lets a flood of one owner cost the others nothing', () => {
    const table = createTable({ capacity: 1000, connectionsPerOwner: 1000 })
    for (let server = 0; server < 100; server++) insert(table, server, server & 3)
    for (let server = 1000; server < 100_000; server++) insert(table, server, 7)
    assert.deepEqual(
      [0, 1, 2, 3, 7].map((owner) => table.connectionsOf(owner)),
      [25, 25, 25, 25, 900],
    )
  })

  it('is like a new one once it is cleared', () => {
    const table = createTable()
    for (let server = 0; server < 64; server++) insert(table, server, server & 7, 300 + server)
    for (const server of [1, 2]) table.confirm(find(table, server))
    table.remove(find(table, 5))
    table.clear()
    assert.deepEqual(
      [table['index'], table['entries']].map((array) => array.some((word) => word !== 0)),
      [false, false],
    )
    assert.deepEqual([table.size, table.end, table.next(NONE)], [0, 0, NONE])
    assert.equal(insert(table, 1, 3, 9000), 0)
    table.expire(1000, 1000)
    assert.deepEqual([table.size, table.expired, serversOf(table, 3)], [1, 0, [1]])
  })

  it('gives the number of a flow that has gone to the next', () => {
    const table = createTable()
    for (const server of [1, 2, 3]) insert(table, server)
    table.remove(find(table, 2))
    assert.equal(table.end, 6)
    assert.equal(insert(table, 4), 2)
    assert.equal(table.end, 6)
  })
})

describe('ConnectionTable: expiry', () => {
  it('removes a flow at its deadline, which packets move', () => {
    const table = createTable()
    const reference = insert(table, 1, 0, 100)
    assert.equal(table.expire(99, 10), false)
    table.refresh(reference | 1, 130)
    assert.equal(table.deadline(reference), 130)
    table.expire(129, 10)
    assert.equal(find(table, 1), reference)
    table.expire(130, 10)
    assert.deepEqual([find(table, 1), table.expired, table.size], [NONE, 1, 0])
  })

  it('does not wait for the old deadline where the new one is earlier', () => {
    const table = createTable()
    const reference = insert(table, 1, 0, 7440)
    table.refresh(reference, 8000)
    table.refresh(reference, 240)
    table.expire(239, 10)
    assert.equal(table.size, 1)
    table.expire(240, 10)
    assert.equal(table.size, 0)
  })

  it('writes nothing but the entry where the deadline moves ahead', () => {
    const table = createTable()
    const reference = insert(table, 1, 0, 100)
    const arrays = arraysOf(table)
    const before = arrays.map((array) => array.slice())
    table.refresh(reference, 200)
    table.refresh(reference, 150) // still behind the timer
    const changed = arrays.filter((array, i) => array.some((value, at) => value !== before[i]![at]))
    assert.deepEqual(changed, [table['entries']])
  })

  it('does no more in one call than it is told, also where thousands share a slot of a higher wheel', () => {
    const table = createTable({ capacity: 4096, connectionsPerOwner: 4096 })
    for (let server = 0; server < 4096; server++) insert(table, server, 0, 7440 + (server & 1))
    const wheel = table['wheel']
    const place = wheel['place'].bind(wheel)
    let dealt = 0
    wheel['place'] = (timer: number): void => {
      dealt++
      place(timer)
    }
    let calls = 0
    for (let hasMore = true; hasMore; calls++) {
      const before = { dealt, expired: table.expired }
      hasMore = table.expire(7441, 64)
      assert.ok(dealt - before.dealt + table.expired - before.expired <= 64)
    }
    assert.equal(table.size, 0)
    assert.ok(calls <= (dealt + 4096) / 64 + 1)
    assert.ok(dealt <= 4 * 4096)
  })

  it('says that there is more where its budget is zero', () => {
    const table = createTable()
    insert(table, 1, 0, 5)
    assert.equal(table.expire(5, 0), true)
    assert.equal(table.expire(5, 1), true)
    assert.equal(table.expire(5, 1), false)
  })
})

describe('ConnectionTable: the hash', () => {
  it('depends on the seed and on each bit of the tuple', () => {
    const tuple = [TCP, INSIDE, OUTSIDE, 0x9c40_01bb] as [number, number, number, number]
    const table = createTable()
    const hash = table.hash(...tuple)
    assert.notEqual(createTable({ seed: 2 }).hash(...tuple), hash)
    for (const [field, bits] of [8, 32, 32, 32].entries()) {
      for (let bit = 0; bit < bits; bit++) {
        const other = [...tuple] as typeof tuple
        other[field]! ^= 1 << bit
        assert.notEqual(table.hash(...other), hash, `bit ${bit} of field ${field}`)
      }
    }
  })

  it('keeps chains short for tuples that were counted up, and for differences in the high bits', () => {
    const KINDS: Readonly<Record<string, (i: number) => [number, number]>> = {
      'destination ports': (i) => [OUTSIDE, (40_000 << 16) | i],
      'source ports': (i) => [OUTSIDE, (i << 16) | 443],
      'both ports': (i) => [OUTSIDE, (i << 16) | i],
      addresses: (i) => [i, 443],
      networks: (i) => [i << 16, 443],
      'high bits, and what undoes them in a product': (i) => [i << 24, Math.imul(i, 0x0002_0200)],
    }
    for (const [name, tupleOf] of Object.entries(KINDS)) {
      for (let seed = 0; seed < 8; seed++) {
        const table = createTable({ seed })
        const homes = new Map<number, number>()
        const tuples = new Set<string>()
        for (let i = 0; i < 16_384; i++) {
          const [destination, ports] = tupleOf(i)
          if (tuples.size === tuples.add(`${destination} ${ports}`).size) continue
          const home = table.hash(TCP, INSIDE, destination, ports) >>> 16
          homes.set(home, (homes.get(home) ?? 0) + 1)
        }
        // 16,384 balls in 65,536 bins: one with nine of them turns up once in tens of millions of trials.
        assert.ok(Math.max(...homes.values()) < 9, `${name}, seed ${seed}: ${Math.max(...homes.values())}`)
      }
    }
  })
})

describe('ConnectionTable: what it takes', () => {
  const SIZES: readonly Pick<ConnectionTableOptions, 'capacity' | 'connectionsPerOwner'>[] = [
    { capacity: CONNECTIONS_MAX, connectionsPerOwner: CONNECTIONS_MAX },
    { capacity: CONNECTIONS_MAX - 1, connectionsPerOwner: CONNECTIONS_MAX },
    { capacity: 1_000_000, connectionsPerOwner: CONNECTIONS_PER_OWNER_DEFAULT },
    { capacity: CONNECTIONS_DEFAULT, connectionsPerOwner: CONNECTIONS_PER_OWNER_DEFAULT },
    { capacity: CONNECTIONS_DEFAULT + 1, connectionsPerOwner: CONNECTIONS_DEFAULT + 1 },
  ]
  for (const size of SIZES) {
    it(`is at most 124 bytes a flow beside what does not grow with them: ${size.capacity} flows`, () => {
      const table = createTable({ ...size, owners: PORTS_MAX })
      const bytes = arraysOf(table).reduce((sum, array) => sum + array.buffer.byteLength, 0)
      assert.ok(bytes <= 124 * size.capacity + 36 * PORTS_MAX + 88 * 1024, `${bytes / size.capacity}`)
      assert.ok(bytes <= 128 * size.capacity)
    })
  }

  it('is no allocation, whatever it does', () => {
    const table = createTable({ capacity: 512, connectionsPerOwner: 128, owners: 8 })
    const hashes = new Int32Array(BURST_MAX)
    let now = 0
    let server = 0
    const work = (): void => {
      for (let burst = 0; burst < 200; burst++) {
        for (let i = 0; i < BURST_MAX; i++) hashes[i] = table.hash(TCP, INSIDE, server + i, 0x9c40_01bb | 0)
        table.warmAll(hashes, BURST_MAX)
        for (let i = 0; i < BURST_MAX; i++) {
          table.warmEntry(table.warm(hashes[i]!))
          table.lookupWarmed(i, hashes[i]!, TCP, INSIDE, server + i, 0x9c40_01bb | 0)
          const reference = insert(table, server + i, i & 7, now + 1 + (i & 1023))
          if (reference < 0) continue
          table.count(reference | 1)
          // Not -i: that of 0 is no integer, so that to hand it to a function that is not inlined takes a number on the heap.
          table.setHop(reference, ~i)
          table.setMapping(reference, ~i)
          table.refresh(reference, now + (i & 15))
          if ((i & 3) === 0) table.confirm(reference)
          if ((i & 31) === 0) table.remove(reference)
        }
        server += BURST_MAX
        table.expire(++now, CONNECTIONS_EXPIRED_MAX)
        if ((burst & 63) === 63) table.removeOwner(burst & 7)
      }
    }
    for (let i = 0; i < 20; i++) work()
    const bytes = leastGrowth(work, ALLOWED)
    assert.ok(bytes < ALLOWED, `${200 * BURST_MAX} flows allocated ${bytes} bytes`)
    const { created, expired, evicted, refusedQuota } = table
    assert.ok(Math.min(created, expired, evicted, refusedQuota) > 0)
  })

  for (const [options, message] of [
    [{ capacity: 0 }, /capacity is 0/],
    [{ capacity: CONNECTIONS_MAX + 1 }, /capacity is 1048577/],
    [{ capacity: 1.5 }, /capacity is 1.5/],
    [{ owners: 0 }, /owners is 0/],
    [{ owners: PORTS_MAX + 1 }, /owners is 4097/],
    [{ connectionsPerOwner: 0 }, /connectionsPerOwner is 0/],
    [{ connectionsPerOwner: CONNECTIONS_MAX + 1 }, /connectionsPerOwner is 1048577/],
  ] as const) {
    it(`refuses ${JSON.stringify(options)}`, () => {
      assert.throws(() => createTable(options), { name: 'RangeError', message })
    })
  }
})

/** Bytes that 51,200 flows may allocate: one for each would be fifty times as much. */
const ALLOWED = 1024
