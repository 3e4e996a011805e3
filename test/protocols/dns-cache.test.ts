import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { DNS_CACHE_PER_RESOLVER_MAX } from '../../src/limits.ts'
import { CACHE_ENTRY_COST, DnsCache } from '../../src/protocols/dns-cache.ts'

interface Line {
  readonly key: string
  readonly group: number
  readonly resolver: number
  readonly answer: number
  readonly cost: number
  readonly sinceMs: number
  readonly untilMs: number
}

/** The same cache, as a list in the order of last use. */
class Model {
  lines: readonly Line[] = []
  /** In the order in which they came. */
  owners: readonly string[] = []
  hits = 0
  misses = 0
  evicted = 0
  readonly #entries: number
  readonly #bytes: number

  constructor(entries: number, bytes: number) {
    this.#entries = entries
    this.#bytes = bytes
  }

  get bytes(): number {
    return this.lines.reduce((sum, { cost }) => sum + cost, 0)
  }

  get(nowMs: number, key: string): { answer: number; ageS: number } | undefined {
    const line = this.lines.find((each) => each.key === key)
    const others = this.lines.filter((each) => each !== line)
    if (line === undefined || nowMs >= line.untilMs) {
      this.misses++
      this.#set(others)
      return undefined
    }
    this.hits++
    // In one step: who has this line alone has not been away.
    this.#set([...others, line])
    return { answer: line.answer, ageS: Math.floor((nowMs - line.sinceMs) / 1000) }
  }

  put(line: Line, ttlS: number): void {
    this.#set(this.lines.filter(({ key }) => key !== line.key))
    if (ttlS === 0 || line.cost > this.#bytes) return
    while (this.lines.length >= this.#entries || this.bytes + line.cost > this.#bytes)
      this.#evict(ownerOf(line))
    this.#set([...this.lines, line])
  }

  #set(lines: readonly Line[]): void {
    this.lines = lines
    const owners = new Set(lines.map(ownerOf))
    this.owners = [...new Set([...this.owners.filter((owner) => owners.has(owner)), ...owners])]
  }

  #evict(asker: string): void {
    const share = (owner: string): number => {
      const own = this.lines.filter((line) => ownerOf(line) === owner)
      return Math.max(own.length / this.#entries, own.reduce((sum, { cost }) => sum + cost, 0) / this.#bytes)
    }
    const most = Math.max(...this.owners.map(share))
    // Between equals, whoever asks pays, or who has been there for longest.
    const payer = share(asker) === most ? asker : this.owners.find((owner) => share(owner) === most)
    const victim = this.lines.find((line) => ownerOf(line) === payer)
    this.#set(this.lines.filter((line) => line !== victim))
    this.evicted++
  }
}

const ownerOf = ({ group, resolver }: { group: number; resolver: number }): string => `${group}/${resolver}`

describe('DnsCache', () => {
  it('does as a list would', () => {
    const put = fc.record({
      name: fc.nat(7),
      group: fc.nat(1),
      resolver: fc.nat(2),
      size: fc.integer({ min: 20, max: 2500 }),
      ttlS: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 9 })),
    })
    const step = fc.record({
      waitMs: fc.oneof(fc.constant(0), fc.nat(3000)),
      name: fc.nat(7),
      put: fc.option(put, { freq: 2 }),
    })
    let [evicted, hits] = [0, 0]
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 8 }),
        fc.integer({ min: 1000, max: 12_000 }),
        fc.array(step, { maxLength: 80, size: 'max' }),
        (entries, bytes, steps) => {
          const cache = new DnsCache<number>({ entries, bytes })
          const model = new Model(entries, bytes)
          let nowMs = 0
          for (const [i, { waitMs, name, put: what }] of steps.entries()) {
            nowMs += waitMs
            if (what === null) {
              const key = `0/${name}`
              assert.deepEqual(cache.get(nowMs, key), model.get(nowMs, key))
            } else {
              const { group, resolver, size, ttlS } = what
              const key = `${group}/${what.name}`
              cache.put(nowMs, { key, group, resolver, answer: i, size, ttlS })
              const cost = size + key.length + CACHE_ENTRY_COST
              model.put(
                { key, group, resolver, answer: i, cost, sinceMs: nowMs, untilMs: nowMs + ttlS * 1000 },
                ttlS,
              )
            }
            assert.equal(cache.size, model.lines.length)
            assert.equal(cache.bytes, model.bytes)
            assert.ok(cache.size <= entries && cache.bytes <= bytes)
          }
          const { hits: found, misses, evicted: forgotten } = cache
          assert.deepEqual([found, misses, forgotten], [model.hits, model.misses, model.evicted])
          evicted += cache.evicted
          hits += cache.hits
        },
      ),
      { numRuns: 500 },
    )
    assert.ok(evicted > 100 && hits > 100, `the steps come to nothing: ${evicted} evicted, ${hits} hits`)
  })

  const put = (cache: DnsCache<number>, resolver: number, key: string, size = 100, group = 0): void =>
    cache.put(0, { key, group, resolver, answer: 1, size, ttlS: 60 })

  it('lets a flood push out only what the flooder itself has asked for', () => {
    const cache = new DnsCache<number>({ entries: 100, bytes: 1_000_000 })
    for (let i = 0; i < 10; i++) for (const resolver of [1, 2, 3]) put(cache, resolver, `${resolver}.${i}`)
    for (let i = 0; i < 10_000; i++) put(cache, 9, `flood.${i}`)
    for (let i = 0; i < 10; i++) {
      for (const resolver of [1, 2, 3]) assert.ok(cache.get(0, `${resolver}.${i}`) !== undefined)
    }
    // And of that, what was not used lately.
    assert.ok(cache.get(0, 'flood.9999') !== undefined)
    assert.equal(cache.get(0, 'flood.9900'), undefined)
    assert.equal(cache.size, 100)
  })

  it('makes who has most bytes pay, whatever the number of entries', () => {
    const cache = new DnsCache<number>({ entries: 100, bytes: 100_000 })
    put(cache, 1, 'large', 60_000)
    for (let i = 0; i < 60; i++) put(cache, 2, `small.${i}`, 200)
    assert.equal(cache.get(0, 'large'), undefined)
    assert.ok(cache.get(0, 'small.0') !== undefined)
    put(cache, 3, 'too large', 100_000)
    assert.equal(cache.get(0, 'too large'), undefined)
    assert.ok(cache.get(0, 'small.0') !== undefined)
  })

  it('keeps no more for one resolver than its share, though there be room', () => {
    const cache = new DnsCache<number>({ entries: 4 * DNS_CACHE_PER_RESOLVER_MAX, bytes: 1e9 })
    for (let i = 0; i < DNS_CACHE_PER_RESOLVER_MAX + 5; i++) put(cache, 1, `${i}`)
    assert.equal(cache.size, DNS_CACHE_PER_RESOLVER_MAX)
    assert.equal(cache.get(0, '4'), undefined)
    assert.ok(cache.get(0, '5') !== undefined)
  })

  it('forgets one group, or all', () => {
    const cache = new DnsCache<number>({ entries: 10, bytes: 100_000 })
    put(cache, 1, 'a', 100, 0)
    put(cache, 1, 'b', 100, 5)
    put(cache, 2, 'c', 100, 5)
    assert.equal(cache.flush(5), 2)
    assert.ok(cache.get(0, 'a') !== undefined)
    assert.equal(cache.get(0, 'b'), undefined)
    assert.equal(cache.flush(), 1)
    assert.deepEqual([cache.size, cache.bytes], [0, 0])
  })
})
