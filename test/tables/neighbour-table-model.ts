import assert from 'node:assert/strict'
import {
  NEIGHBOUR_FAILED_S,
  NEIGHBOUR_REACHABLE_S,
  NEIGHBOUR_RETRY_S,
  NEIGHBOUR_STALE_S,
  NEIGHBOUR_TRIES_MAX,
} from '../../src/limits.ts'
import {
  NeighbourState,
  type NeighbourTable,
  type NeighbourTableOptions,
} from '../../src/tables/neighbour-table.ts'

const { free, failed, incomplete, stale, probe, reachable, permanent } = NeighbourState

export interface ModelNeighbour {
  readonly domain: number
  readonly address: number
  high: number
  low: number
  state: NeighbourState
  tries: number
  dueS: number
}

const NEVER = Number.POSITIVE_INFINITY

/**
 * The neighbour table without a thought for speed: an array in the order in which neighbours came into their states. Where the
 * table may choose (the order of what is due in one call, the domain that gives way among equals), it looks what it chose.
 */
export class ModelNeighbours {
  neighbours: ModelNeighbour[] = []
  private readonly options: NeighbourTableOptions

  constructor(options: NeighbourTableOptions) {
    this.options = options
  }

  find(domain: number, address: number): ModelNeighbour | undefined {
    return this.neighbours.find((neighbour) => neighbour.domain === domain && neighbour.address === address)
  }

  of(domain: number): ModelNeighbour[] {
    return this.neighbours.filter((neighbour) => neighbour.domain === domain)
  }

  resolve(domain: number, address: number, now: number, after: NeighbourTable): ModelNeighbour | undefined {
    const known = this.find(domain, address)
    if (known !== undefined || !this.makeRoom(domain, after)) return known
    return this.put({
      domain,
      address,
      high: 0,
      low: 0,
      state: incomplete,
      tries: 1,
      dueS: now + NEIGHBOUR_RETRY_S,
    })
  }

  use(neighbour: ModelNeighbour, now: number): void {
    if (neighbour.state === stale) this.put(Object.assign(neighbour, { state: probe, tries: 0, dueS: now }))
  }

  confirm(
    key: ModelNeighbour,
    now: number,
    create: boolean,
    after: NeighbourTable,
  ): ModelNeighbour | undefined {
    const { domain, address, high, low } = key
    const known = this.find(domain, address)
    if (known?.state === permanent) return known
    if (known === undefined && (!create || !this.makeRoom(domain, after))) return undefined
    const neighbour = known ?? { ...key }
    return this.put(
      Object.assign(neighbour, { high, low, state: reachable, dueS: now + NEIGHBOUR_REACHABLE_S }),
    )
  }

  addPermanent(key: ModelNeighbour, after: NeighbourTable): ModelNeighbour | undefined {
    const { domain, address, high, low } = key
    const known = this.find(domain, address)
    if (known === undefined && !this.makeRoom(domain, after)) return undefined
    return this.put(Object.assign(known ?? { ...key }, { high, low, state: permanent, dueS: NEVER }))
  }

  removeWhere(isGone: (neighbour: ModelNeighbour) => boolean): number {
    const before = this.neighbours.length
    this.neighbours = this.neighbours.filter((neighbour) => !isGone(neighbour))
    return before - this.neighbours.length
  }

  dueAt(now: number): ModelNeighbour[] {
    return this.neighbours.filter(({ dueS }) => dueS <= now)
  }

  /** Returns the state that it comes into. */
  timeOut(neighbour: ModelNeighbour, now: number): NeighbourState {
    const { state } = neighbour
    if (state === failed || state === stale) {
      this.removeWhere((other) => other === neighbour)
      return free
    }
    if (state === reachable) {
      this.put(Object.assign(neighbour, { state: stale, dueS: now + NEIGHBOUR_STALE_S }))
    } else if (neighbour.tries < NEIGHBOUR_TRIES_MAX) {
      neighbour.tries++
      neighbour.dueS = now + NEIGHBOUR_RETRY_S
    } else if (state === probe) {
      const dueS = now + NEIGHBOUR_RETRY_S
      this.put(Object.assign(neighbour, { state: incomplete, high: 0, low: 0, tries: 1, dueS }))
    } else {
      this.put(Object.assign(neighbour, { state: failed, dueS: now + NEIGHBOUR_FAILED_S }))
    }
    return neighbour.state
  }

  private put(neighbour: ModelNeighbour): ModelNeighbour {
    this.neighbours = [...this.neighbours.filter((other) => other !== neighbour), neighbour]
    return neighbour
  }

  private makeRoom(domain: number, after: NeighbourTable): boolean {
    const { capacity, domains, perDomain } = this.options
    const held = this.of(domain).length
    if (held >= perDomain) return this.evictFrom(domain)
    if (this.neighbours.length < capacity) return true
    const holding = new Set(this.neighbours.map((neighbour) => neighbour.domain)).size
    if (held * holding >= capacity) return this.evictFrom(domain)

    const evictable = Array.from(
      { length: domains },
      (_, number) => this.of(number).filter(({ state }) => state !== permanent).length,
    )
    const most = Math.max(...evictable)
    if (most === 0) return false
    const gaveWay = evictable.findIndex(
      (count, number) =>
        count === most && after.countOf(number) < this.of(number).length + (number === domain ? 1 : 0),
    )
    assert.notEqual(gaveWay, -1, 'one of the domains with most gives way')
    return this.evictFrom(gaveWay)
  }

  private evictFrom(domain: number): boolean {
    const own = this.of(domain)
    const unknown = own.filter(({ state }) => state === failed || state === incomplete)
    const isScanned = 2 * unknown.length >= own.length
    const ranks = isScanned
      ? [[failed], [incomplete], [stale], [probe, reachable]]
      : [[failed], [stale], [incomplete], [probe, reachable]]
    const victim = ranks.flatMap((states) => own.filter(({ state }) => states.includes(state as never)))[0]
    return this.removeWhere((neighbour) => neighbour === victim) === 1
  }
}
