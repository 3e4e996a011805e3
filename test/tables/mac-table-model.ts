import assert from 'node:assert/strict'
import { LearnResult, type MacTable, type MacTableOptions } from '../../src/tables/mac-table.ts'

export interface Key {
  readonly domain: number
  readonly hi: number
  readonly lo: number
}

interface ModelStation extends Key {
  port: number
  seen: number
  isStatic: boolean
}

const nameOf = ({ domain, hi, lo }: Key): string => `${domain}/${hi}/${lo}`

/** Names of all stations in the table, silent ones included. */
function namesIn(table: MacTable): Set<string> {
  return new Set([...table.stations(0)].map(nameOf))
}

/**
 * The MAC table as one would write it down without a thought for speed: a Map in the order of last refresh (a station
 * is taken out and put back when its second or port changes), searched from end to end for everything.
 *
 * The table may choose among equally rich ports which one gives a station up, so the model looks which it was.
 */
export class ModelTable {
  private readonly options: MacTableOptions
  private readonly byName = new Map<string, ModelStation>()
  added = 0
  moved = 0
  aged = 0
  evicted = 0

  constructor(options: MacTableOptions) {
    this.options = options
  }

  get stations(): readonly ModelStation[] {
    return [...this.byName.values()]
  }

  stationsOf(port: number): readonly ModelStation[] {
    return this.stations.filter((station) => station.port === port)
  }

  isAged(station: ModelStation, now: number): boolean {
    return !station.isStatic && now - station.seen >= this.options.ageingS
  }

  lookup(key: Key, now: number): number {
    const station = this.byName.get(nameOf(key))
    return station === undefined || this.isAged(station, now) ? -1 : station.port
  }

  /** `after` is the real table, which has learned already. */
  learn(key: Key, port: number, now: number, after: MacTable): number {
    const station = this.byName.get(nameOf(key))
    if (station?.isStatic === true) {
      return station.port === port ? LearnResult.known : LearnResult.staticElsewhere
    }
    if (station !== undefined && this.isAged(station, now)) {
      this.byName.delete(nameOf(key))
      this.aged++
      return this.learn(key, port, now, after)
    }
    if (station === undefined) {
      if (!this.makeRoom(port, after)) return LearnResult.refused
      this.put({ ...key, port, seen: now, isStatic: false })
      this.added++
      return LearnResult.added
    }
    if (station.port === port) {
      if (station.seen !== now) this.put({ ...station, seen: now })
      return LearnResult.known
    }
    if (!this.makeRoomOnPort(port)) return LearnResult.refused
    this.put({ ...station, port, seen: now })
    this.moved++
    return LearnResult.moved
  }

  addStatic(key: Key, port: number, after: MacTable): number {
    const station = this.byName.get(nameOf(key))
    if (station === undefined) {
      if (!this.makeRoom(port, after)) return LearnResult.refused
      this.put({ ...key, port, seen: 0, isStatic: true })
      this.added++
      return LearnResult.added
    }
    if (station.isStatic) return station.port === port ? LearnResult.known : LearnResult.staticElsewhere
    if (station.port === port) {
      this.put({ ...station, isStatic: true })
      return LearnResult.known
    }
    if (!this.makeRoomOnPort(port)) return LearnResult.refused
    this.put({ ...station, port, isStatic: true })
    this.moved++
    return LearnResult.moved
  }

  removeWhere(isGone: (station: ModelStation) => boolean): number {
    const gone = this.stations.filter(isGone)
    for (const station of gone) this.byName.delete(nameOf(station))
    return gone.length
  }

  expire(now: number): void {
    this.aged += this.removeWhere((station) => this.isAged(station, now))
  }

  private put(station: ModelStation): void {
    this.byName.delete(nameOf(station))
    this.byName.set(nameOf(station), station)
  }

  private learnedOf(port: number): readonly ModelStation[] {
    return this.stationsOf(port).filter((station) => !station.isStatic)
  }

  private makeRoomOnPort(port: number): boolean {
    if (this.stationsOf(port).length < this.options.stationsPerPort) return true
    return this.evict(this.learnedOf(port)[0])
  }

  private makeRoom(port: number, after: MacTable): boolean {
    if (!this.makeRoomOnPort(port)) return false
    if (this.byName.size < this.options.capacity) return true
    const holding = new Set(this.stations.map((station) => station.port)).size
    const held = this.stationsOf(port).length
    if (held > 0 && held >= this.options.capacity / holding) return this.evict(this.learnedOf(port)[0])

    const ports = Array.from({ length: this.options.ports }, (_, number) => number)
    const most = Math.max(...ports.map((number) => this.learnedOf(number).length))
    if (most === 0) return false
    const richest = ports.filter((number) => this.learnedOf(number).length === most)
    const left = namesIn(after)
    const victim = richest
      .map((number) => this.learnedOf(number)[0]!)
      .find((oldest) => !left.has(nameOf(oldest)))
    assert.ok(victim, 'the oldest station of one of the richest ports gives way')
    return this.evict(victim)
  }

  private evict(station: ModelStation | undefined): boolean {
    if (station === undefined) return false
    this.byName.delete(nameOf(station))
    this.evicted++
    return true
  }
}
