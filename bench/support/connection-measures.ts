/**
 * The connection table in memory: what a lookup, a new connection and the expiry of a million cost.
 *
 * The flows are those of 64 sandboxes that sit behind SNAT and talk to random servers; the packets are of random flows and
 * directions, in bursts, as the engine has them.
 */

import { BURST_MAX, CONNECTIONS_EXPIRED_MAX, CONNECTIONS_MAX } from '../../src/limits.ts'
import { ConnectionTable } from '../../src/tables/connection-table.ts'
import { busyTime } from './cpu.ts'
import { Random } from './random.ts'
import { median, percentile } from './statistics.ts'

const SMALL = 1000
const LARGE = 1_000_000

const OWNERS = 64
const TCP = 6
const OUTSIDE = 0xc633_6401 | 0

/** Packets whose tuples are drawn beforehand: more than the caches have of a large table, and a power of two of bursts. */
const PACKETS = 1 << 19
const TUPLE_WORDS = 4

/** New flows, and removed ones, of one sample: what there is room for in a table with LARGE flows. */
const NEW_FLOWS = 32_768

/** Seconds until flows expire: so far that a slot of a higher wheel has all of them and has to be dealt out. */
const LIFETIME_S = 7440

export interface LookupFigures {
  readonly flows: number
  /** Nanoseconds of hash, warming and lookup, each done for a burst before the next. */
  readonly warmed: number
  /** Nanoseconds of hash and lookup, one packet after the other. */
  readonly plain: number
}

export interface ExpiryFigures {
  /** Nanoseconds for each flow. */
  readonly perFlow: number
  /** Microseconds that one call takes: the middle, one in a thousand, and the longest. */
  readonly median: number
  readonly thousandth: number
  readonly longest: number
}

export interface ConnectionFigures {
  readonly small: LookupFigures
  readonly large: LookupFigures
  readonly largeToSmall: number
  /** Nanoseconds of a new flow in a table with LARGE of them: both tuples looked up, and inserted. */
  readonly newFlow: number
  /** The same where the table is full and the oldest flow of the richest owner has to go. */
  readonly newFlowEvicting: number
  /** Nanoseconds to remove a random flow of LARGE. */
  readonly removal: number
  readonly expiry: ExpiryFigures
  /** Bytes of array buffers of a table for CONNECTIONS_MAX flows, over these. */
  readonly bytesPerFlow: number
}

/** Measures all of it `rounds` times, taking turns; each figure is the median of the rounds. */
export function measureConnections(rounds: number): ConnectionFigures {
  const large = createTable()
  const bytesPerFlow = bytesOf(large) / CONNECTIONS_MAX
  const small = createTable()
  const flows = new Flows()
  flows.add(small, SMALL)
  flows.add(large, LARGE)
  // The compiler gets to know the path with both tables before either is measured.
  for (let i = 0; i < 2; i++) for (const table of [small, large]) new Packets(table).measure()

  const lookups = { small: [] as LookupFigures[], large: [] as LookupFigures[] }
  const news: number[] = []
  const evictions: number[] = []
  const removals: number[] = []
  const expiries: ExpiryFigures[] = []
  for (let round = 0; round < rounds; round++) {
    lookups.small.push(new Packets(small).measure())
    lookups.large.push(new Packets(large).measure())
    news.push(flows.measureNew(large, NEW_FLOWS))
    removals.push(measureRemoval(large, NEW_FLOWS))
    evictions.push(measureEviction(flows, large))
    expiries.push(measureExpiry(large))
    flows.add(large, LARGE)
  }
  const smallLookup = middle(lookups.small)
  const largeLookup = middle(lookups.large)
  return {
    small: smallLookup,
    large: largeLookup,
    largeToSmall: largeLookup.warmed / smallLookup.warmed,
    newFlow: median(news),
    newFlowEvicting: median(evictions),
    removal: median(removals),
    expiry: middle(expiries),
    bytesPerFlow,
  }
}

function createTable(): ConnectionTable {
  const capacity = CONNECTIONS_MAX
  return new ConnectionTable({ capacity, owners: OWNERS, connectionsPerOwner: capacity, seed: 0x5eed })
}

/** The median of each figure. */
function middle<Figures extends object>(all: readonly Figures[]): Figures {
  const names = Object.keys(all[0]!) as (keyof Figures)[]
  return Object.fromEntries(
    names.map((name) => [name, median(all.map((one) => one[name] as number))]),
  ) as Figures
}

const SEED = 0x2545_f491

/** New flows, no two alike: each has a server of its own. */
class Flows {
  readonly #numbers = new Random(SEED)

  add(table: ConnectionTable, count: number): void {
    for (let i = 0; i < count; i++) this.#add(table, this.#numbers.next())
  }

  /** Nanoseconds of a new flow. */
  measureNew(table: ConnectionTable, count: number): number {
    const created = table.created
    const ns = busyTime(() => this.add(table, count)) / count
    if (table.created - created !== count) throw new Error('a flow was there already, or was refused')
    return ns
  }

  #add(table: ConnectionTable, server: number): void {
    const owner = server & (OWNERS - 1)
    const inside = 0x0a01_0000 | owner
    const outgoing = (32_768 + ((server >>> 8) & 0x3fff)) << 16
    const ports = outgoing | 443
    const replyPorts = (443 << 16) | (outgoing >>> 16)
    if (
      table.lookup(table.hash(TCP, inside, server, ports), TCP, inside, server, ports) === -1 &&
      table.lookup(table.hash(TCP, server, OUTSIDE, replyPorts), TCP, server, OUTSIDE, replyPorts) === -1
    )
      table.insert(TCP, inside, server, ports, server, OUTSIDE, replyPorts, owner, LIFETIME_S)
  }
}

/** Packets of random flows of a table. */
class Packets {
  readonly #table: ConnectionTable
  readonly #tuples = new Int32Array(PACKETS * TUPLE_WORDS)
  readonly #hashes = new Int32Array(BURST_MAX)
  #found = 0

  constructor(table: ConnectionTable) {
    this.#table = table
    const numbers = new Random(SEED)
    for (let at = 0; at < this.#tuples.length; at += TUPLE_WORDS) {
      let reference = numbers.below(table.end)
      while (!table.isUsed(reference)) reference = numbers.below(table.end)
      this.#tuples[at] = table.source(reference)
      this.#tuples[at + 1] = table.destination(reference)
      this.#tuples[at + 2] = table.ports(reference)
      this.#tuples[at + 3] = table.protocol(reference)
    }
  }

  measure(): LookupFigures {
    return {
      flows: this.#table.size,
      warmed: this.#measure((first) => this.#lookUpWarmed(first)),
      plain: this.#measure((first) => this.#lookUpPlain(first)),
    }
  }

  /** Nanoseconds for a packet. */
  #measure(lookUp: (first: number) => void): number {
    this.#found = 0
    const ns = busyTime(() => {
      for (let packet = 0; packet < PACKETS; packet += BURST_MAX) lookUp(packet * TUPLE_WORDS)
    })
    if (this.#found !== PACKETS) throw new Error(`${PACKETS - this.#found} flows were not found`)
    return ns / PACKETS
  }

  #lookUpWarmed(first: number): void {
    const table = this.#table
    const tuples = this.#tuples
    const hashes = this.#hashes
    for (let i = 0, at = first; i < BURST_MAX; i++, at += TUPLE_WORDS)
      hashes[i] = table.hash(tuples[at + 3]!, tuples[at]!, tuples[at + 1]!, tuples[at + 2]!)
    table.warmAll(hashes, BURST_MAX)
    let found = 0
    for (let i = 0, at = first; i < BURST_MAX; i++, at += TUPLE_WORDS) {
      const source = tuples[at]!
      const destination = tuples[at + 1]!
      if (table.lookupWarmed(i, hashes[i]!, tuples[at + 3]!, source, destination, tuples[at + 2]!) >= 0)
        found++
    }
    this.#found += found
  }

  #lookUpPlain(first: number): void {
    const table = this.#table
    const tuples = this.#tuples
    let found = 0
    for (let i = 0, at = first; i < BURST_MAX; i++, at += TUPLE_WORDS) {
      const hash = table.hash(tuples[at + 3]!, tuples[at]!, tuples[at + 1]!, tuples[at + 2]!)
      if (table.lookup(hash, tuples[at + 3]!, tuples[at]!, tuples[at + 1]!, tuples[at + 2]!) >= 0) found++
    }
    this.#found += found
  }
}

function measureRemoval(table: ConnectionTable, count: number): number {
  const numbers = new Random(SEED)
  const doomed = new Set<number>()
  while (doomed.size < count) {
    const reference = numbers.below(table.end) & ~1
    if (table.isUsed(reference)) doomed.add(reference)
  }
  const references = Int32Array.from(doomed)
  return busyTime(() => references.forEach((reference) => table.remove(reference))) / count
}

function measureEviction(flows: Flows, table: ConnectionTable): number {
  flows.add(table, table.capacity - table.size)
  const { evicted } = table
  const ns = flows.measureNew(table, NEW_FLOWS)
  if (table.evicted - evicted !== NEW_FLOWS) throw new Error('the table was not full')
  return ns
}

/** Empties the table by letting all its flows expire in one second, though they were used in random order. */
function measureExpiry(table: ConnectionTable): ExpiryFigures {
  const { size } = table
  const steps: number[] = []
  while (table.size > 0) steps.push(busyTime(() => void table.expire(LIFETIME_S, CONNECTIONS_EXPIRED_MAX)))
  const microseconds = steps.map((ns) => ns / 1000)
  return {
    perFlow: steps.reduce((sum, ns) => sum + ns, 0) / size,
    median: median(microseconds),
    thousandth: percentile(microseconds, 0.999),
    longest: Math.max(...microseconds),
  }
}

/** Bytes of all arrays that an object has, and the objects that it is made of. */
function bytesOf(part: object): number {
  if (ArrayBuffer.isView(part)) return part.buffer.byteLength
  const parts = Object.values(part).filter(
    (value): value is object => typeof value === 'object' && value !== null,
  )
  return parts.reduce((sum, value) => sum + bytesOf(value), 0)
}
