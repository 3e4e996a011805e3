import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { HashChains } from '../../src/tables/hash-chains.ts'
import { KeyedHash } from '../../src/tables/keyed-hash.ts'

function chainOf(chains: HashChains, hash: number): number[] {
  const chain: number[] = []
  for (let entry = chains.first(hash); entry !== -1; entry = chains.next(entry)) chain.push(entry)
  return chain
}

describe('HashChains', () => {
  it('finds all entries of a hash, and only entries of its chain, whatever came and went', () => {
    const entries = 12
    const hash = fc.constantFrom(0, -1, 0x7fff_ffff, -0x8000_0000, 0x1000_0000, 0x1000_0001)
    const step = fc.record({ entry: fc.nat(entries - 1), hash })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: entries }), fc.array(step, { maxLength: 60 }), (count, steps) => {
        const chains = new HashChains(count)
        const linked = new Map<number, number>()
        for (const { entry: any, hash: key } of steps) {
          const entry = any % count
          const old = linked.get(entry)
          if (old !== undefined) {
            chains.unlink(old, entry)
            linked.delete(entry)
          } else {
            chains.link(key, entry)
            linked.set(entry, key)
          }
          const reached = new Set<number>()
          for (const value of [0, -1, 0x7fff_ffff, -0x8000_0000, 0x1000_0000, 0x1000_0001]) {
            const chain = chainOf(chains, value)
            for (const [other, its] of linked) if (its === value) assert.ok(chain.includes(other))
            for (const other of chain) reached.add(other)
          }
          assert.deepEqual(reached, new Set(linked.keys()))
        }
      }),
    )
  })
})

describe('KeyedHash', () => {
  const COUNT = 4096

  /** The longest chain of a table that is full of these keys. */
  function longest(hashOf: (n: number) => number): number {
    const chains = new HashChains(COUNT)
    const lengths = new Map<number, number>()
    for (let n = 0; n < COUNT; n++) {
      const hash = hashOf(n)
      chains.link(hash, n)
      const chain = chains.first(hash)
      assert.equal(chain, n)
    }
    for (let n = 0; n < COUNT; n++) lengths.set(n, chainOf(chains, hashOf(n)).length)
    return Math.max(...lengths.values())
  }

  // Keys that count up in one place are what networks and senders have. Random ones have chains of 7 at most, 8 now and then.
  const patterns: [string, (hash: KeyedHash, n: number) => number][] = [
    ['addresses of a subnet', (hash, n) => hash.ofTwo(0x0a000000 + n, 1)],
    ['one address in many domains', (hash, n) => hash.ofTwo(0x0a000001, n)],
    ['addresses that differ in their first bits', (hash, n) => hash.ofTwo(n << 20, 1)],
    ['identifications that count up', (hash, n) => hash.ofFour(1, 2, n << 16, 17)],
    ['destinations that count up', (hash, n) => hash.ofFour(1, 2 + n, 0, 17)],
    ['sources that differ in their first bits', (hash, n) => hash.ofFour(n << 20, 2, 0, 17)],
    ['protocols and sources', (hash, n) => hash.ofFour(n >>> 8, 2, 0, n & 0xff)],
  ]
  for (const [name, hashOf] of patterns) {
    it(`spreads ${name}, whatever the seed`, () => {
      for (let seed = 0; seed < 100; seed++) {
        const hash = new KeyedHash(Math.imul(seed, 0x2545f491))
        const length = longest((n) => hashOf(hash, n))
        assert.ok(length <= 12, `seed ${seed}: a chain of ${length}`)
      }
    })
  }

  it('depends on the seed', () => {
    const hashes = new Set(Array.from({ length: 1000 }, (_, seed) => new KeyedHash(seed).ofTwo(1, 2)))
    assert.ok(hashes.size > 990)
    assert.ok(
      new Set(Array.from({ length: 1000 }, (_, seed) => new KeyedHash(seed).ofFour(1, 2, 3, 4))).size > 990,
    )
  })
})
