/**
 * Answers from outside that are remembered. Whole ones, and for the very question that they answered: a record that a server adds to
 * its answer about one name is never an answer about another, so there is no bailiwick to be left.
 *
 * An entry belongs to the resolver that asked for it first, in its group, and is found by all resolvers of the group. Each owner has a
 * list of its entries in the order of their last use. Room is made at the cost of whoever holds most: a sandbox that asks for random
 * names pushes out what it has asked for itself.
 *
 *     entries   key -> entry                       owner, answer, until when
 *     owners    group/resolver -> entries, bytes   least recently used first
 */

import { DNS_CACHE_PER_RESOLVER_MAX } from '../limits.ts'

/** Bytes of an entry beside its message and its key: objects of V8, as measured (640) and rounded up. */
export const CACHE_ENTRY_COST = 768

export interface DnsCacheOptions {
  readonly entries: number
  /** With CACHE_ENTRY_COST for each entry. */
  readonly bytes: number
}

export interface Remembered<Answer> {
  readonly answer: Answer
  /** Whole seconds since it came. */
  readonly ageS: number
}

export interface Remembering<Answer> {
  readonly key: string
  readonly group: number
  readonly resolver: number
  readonly answer: Answer
  /** Of the message. */
  readonly size: number
  /** 0: is not remembered. */
  readonly ttlS: number
}

interface Entry<Answer> {
  readonly key: string
  readonly owner: Owner<Answer>
  readonly answer: Answer
  readonly cost: number
  readonly sinceMs: number
  readonly untilMs: number
}

interface Owner<Answer> {
  readonly key: string
  readonly group: number
  /** Least recently used first. */
  readonly entries: Set<Entry<Answer>>
  bytes: number
}

export class DnsCache<Answer> {
  readonly capacity: number
  hits = 0
  misses = 0
  /** Entries forgotten to make room for others. */
  evicted = 0
  #bytes = 0
  readonly #bytesMax: number
  readonly #perOwner: number
  readonly #entries = new Map<string, Entry<Answer>>()
  readonly #owners = new Map<string, Owner<Answer>>()

  constructor({ entries, bytes }: DnsCacheOptions) {
    this.capacity = entries
    this.#bytesMax = bytes
    this.#perOwner = Math.min(entries, DNS_CACHE_PER_RESOLVER_MAX)
  }

  get size(): number {
    return this.#entries.size
  }

  get bytes(): number {
    return this.#bytes
  }

  get(nowMs: number, key: string): Remembered<Answer> | undefined {
    const entry = this.#entries.get(key)
    if (entry !== undefined && nowMs >= entry.untilMs) this.#forget(entry)
    else if (entry !== undefined) {
      this.hits++
      entry.owner.entries.delete(entry)
      entry.owner.entries.add(entry)
      return { answer: entry.answer, ageS: Math.floor((nowMs - entry.sinceMs) / 1000) }
    }
    this.misses++
    return undefined
  }

  /** Takes the place of what the key had. An answer that is larger than the cache is not remembered. */
  put(nowMs: number, { key, group, resolver, answer, size, ttlS }: Remembering<Answer>): void {
    const old = this.#entries.get(key)
    if (old !== undefined) this.#forget(old)
    const cost = size + key.length + CACHE_ENTRY_COST
    if (ttlS === 0 || cost > this.#bytesMax) return
    this.#makeRoom(this.#owners.get(`${group}/${resolver}`), cost)
    const owner = this.#owner(group, resolver)
    const entry = { key, owner, answer, cost, sinceMs: nowMs, untilMs: nowMs + ttlS * 1000 }
    this.#entries.set(key, entry)
    owner.entries.add(entry)
    owner.bytes += cost
    this.#bytes += cost
  }

  /** Forgets what the servers of a group have answered, or all; says how many answers that were. */
  flush(group?: number): number {
    const before = this.size
    for (const owner of this.#owners.values()) {
      if (group !== undefined && owner.group !== group) continue
      for (const entry of owner.entries) this.#forget(entry)
    }
    return before - this.size
  }

  #makeRoom(owner: Owner<Answer> | undefined, cost: number): void {
    if (owner !== undefined && owner.entries.size >= this.#perOwner) this.#evict(owner)
    while (this.size >= this.capacity || this.#bytes + cost > this.#bytesMax)
      this.#evict(this.#largest(owner))
  }

  #evict(owner: Owner<Answer>): void {
    for (const entry of owner.entries) {
      this.evicted++
      this.#forget(entry)
      return
    }
  }

  /** Whoever has most of the cache's entries, or of its bytes. The asker itself, if none has more. */
  #largest(asker: Owner<Answer> | undefined): Owner<Answer> {
    let largest = asker
    let most = asker === undefined ? -1 : this.#share(asker)
    for (const owner of this.#owners.values()) {
      const share = this.#share(owner)
      if (share <= most) continue
      largest = owner
      most = share
    }
    return largest!
  }

  #share(owner: Owner<Answer>): number {
    return Math.max(owner.entries.size / this.capacity, owner.bytes / this.#bytesMax)
  }

  #owner(group: number, resolver: number): Owner<Answer> {
    const key = `${group}/${resolver}`
    let owner = this.#owners.get(key)
    if (owner === undefined) {
      owner = { key, group, entries: new Set(), bytes: 0 }
      this.#owners.set(key, owner)
    }
    return owner
  }

  /** An owner is there as long as it has entries. */
  #forget(entry: Entry<Answer>): void {
    const { owner } = entry
    this.#entries.delete(entry.key)
    owner.entries.delete(entry)
    owner.bytes -= entry.cost
    this.#bytes -= entry.cost
    if (owner.entries.size === 0) this.#owners.delete(owner.key)
  }
}
