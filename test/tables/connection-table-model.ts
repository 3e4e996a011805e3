import assert from 'node:assert/strict'
import {
  type ConnectionTable,
  type ConnectionTableOptions,
  INSERT_FULL,
  INSERT_QUOTA,
  NONE,
} from '../../src/tables/connection-table.ts'

export interface Tuple {
  readonly source: number
  readonly destination: number
  readonly ports: number
}

export interface ModelFlow {
  readonly reference: number
  readonly protocol: number
  readonly tuples: readonly [Tuple, Tuple]
  readonly owner: number
  deadlineS: number
  isConfirmed: boolean
  state: number
  flags: number
  mapping: number
  readonly domain: [number, number]
  readonly hop: [number, number]
  readonly packets: [number, number]
}

const isTuple = (a: Tuple, b: Tuple): boolean =>
  a.source === b.source && a.destination === b.destination && a.ports === b.ports

/**
 * The connection table as one would write it down without a thought for speed: unconfirmed flows in the order of their
 * insertion, confirmed ones in that of their confirmation, searched from end to end for everything.
 *
 * The table may choose among equally rich owners which one gives a flow up, and in which order it expires what is due,
 * so the model looks which it was.
 */
export class ModelConnections {
  private readonly options: ConnectionTableOptions
  private unconfirmed: ModelFlow[] = []
  private confirmed: ModelFlow[] = []
  readonly counters = { created: 0, expired: 0, evicted: 0, refusedQuota: 0, refusedFull: 0 }

  constructor(options: ConnectionTableOptions) {
    this.options = options
  }

  get flows(): readonly ModelFlow[] {
    return [...this.unconfirmed, ...this.confirmed]
  }

  flowsOf(owner: number): readonly ModelFlow[] {
    return this.flows.filter((flow) => flow.owner === owner)
  }

  find(protocol: number, tuple: Tuple): number {
    for (const flow of this.flows) {
      const direction = flow.tuples.findIndex((own) => flow.protocol === protocol && isTuple(own, tuple))
      if (direction !== -1) return flow.reference | direction
    }
    return NONE
  }

  /** `result` is what the table has returned, `isThere` whether it has a flow after that. */
  insert(
    protocol: number,
    tuples: readonly [Tuple, Tuple],
    owner: number,
    deadlineS: number,
    result: number,
    isThere: (flow: ModelFlow) => boolean,
  ): void {
    const oldest = this.unconfirmed.find((flow) => flow.owner === owner)
    if (this.flowsOf(owner).length >= this.options.connectionsPerOwner) {
      if (oldest === undefined) {
        this.counters.refusedQuota++
        assert.equal(result, INSERT_QUOTA)
        return
      }
      this.evict(oldest)
    }
    if (this.flows.length >= this.options.capacity) {
      if (this.unconfirmed.length === 0) {
        this.counters.refusedFull++
        assert.equal(result, INSERT_FULL)
        return
      }
      const victim = this.oldestOfTheRichest().find((flow) => flow.reference === result || !isThere(flow))
      assert.ok(victim, 'the oldest flow of one of the richest owners gives way')
      this.evict(victim)
    }
    assert.ok(result >= 0 && (result & 1) === 0, `${result} is an original reference`)
    assert.ok(
      this.flows.every((flow) => flow.reference !== result),
      'a reference that no other flow has',
    )
    this.counters.created++
    this.unconfirmed.push({
      reference: result,
      protocol,
      tuples,
      owner,
      deadlineS,
      isConfirmed: false,
      state: 0,
      flags: 0,
      mapping: 0,
      domain: [0, 0],
      hop: [0, 0],
      packets: [0, 0],
    })
  }

  confirm(flow: ModelFlow): void {
    if (flow.isConfirmed) return
    this.remove(flow)
    flow.isConfirmed = true
    this.confirmed.push(flow)
  }

  remove(flow: ModelFlow): void {
    this.unconfirmed = this.unconfirmed.filter((other) => other !== flow)
    this.confirmed = this.confirmed.filter((other) => other !== flow)
  }

  clear(): void {
    this.unconfirmed = []
    this.confirmed = []
  }

  /** The table has handled up to `max` timers, and has said whether there are more. */
  expire(nowS: number, max: number, hasMore: boolean, isThere: (flow: ModelFlow) => boolean): void {
    const due = this.flows.filter((flow) => flow.deadlineS <= nowS)
    const gone = due.filter((flow) => !isThere(flow))
    assert.ok(gone.length <= max)
    if (!hasMore) assert.equal(gone.length, due.length, 'all that is due is gone')
    for (const flow of gone) this.remove(flow)
    this.counters.expired += gone.length
  }

  private oldestOfTheRichest(): readonly ModelFlow[] {
    const owners = [...new Set(this.unconfirmed.map((flow) => flow.owner))]
    const byOwner = owners.map((owner) => this.unconfirmed.filter((flow) => flow.owner === owner))
    const most = Math.max(...byOwner.map((flows) => flows.length))
    return byOwner.filter((flows) => flows.length === most).map((flows) => flows[0]!)
  }

  private evict(flow: ModelFlow): void {
    this.remove(flow)
    this.counters.evicted++
  }
}

/** The table shows what the model has, by each of the ways in. */
export function compare(table: ConnectionTable, model: ModelConnections, owners: number): void {
  const { flows } = model
  assert.equal(table.size, flows.length)
  for (const [name, value] of Object.entries(model.counters)) {
    assert.equal(table[name as keyof typeof model.counters], value, name)
  }
  for (const flow of flows) compareFlow(table, flow)

  const all: number[] = []
  for (let at = table.next(NONE); at !== NONE; at = table.next(at)) all.push(at)
  assert.deepEqual(
    all,
    flows.map(({ reference }) => reference).toSorted((a, b) => a - b),
  )
  for (let reference = 0; reference < table.end; reference++) {
    assert.equal(table.isUsed(reference), all.includes(reference & ~1))
  }
  for (let owner = 0; owner < owners; owner++) {
    const own: number[] = []
    for (let at = table.firstOf(owner); at !== NONE; at = table.nextOf(at)) own.push(at)
    assert.deepEqual(
      own,
      model.flowsOf(owner).map(({ reference }) => reference),
    )
    assert.equal(table.connectionsOf(owner), own.length)
  }
}

function compareFlow(table: ConnectionTable, flow: ModelFlow): void {
  for (const direction of [0, 1] as const) {
    const reference = flow.reference | direction
    const { source, destination, ports } = flow.tuples[direction]
    const hash = table.hash(flow.protocol, source, destination, ports)
    const found = table.lookup(hash, flow.protocol, source, destination, ports)
    assert.equal(found, isTuple(...flow.tuples) ? flow.reference : reference)
    assert.deepEqual(
      {
        protocol: table.protocol(reference),
        tuple: {
          source: table.source(reference),
          destination: table.destination(reference),
          ports: table.ports(reference),
        },
        owner: table.owner(reference),
        deadlineS: table.deadline(reference),
        isConfirmed: table.isConfirmed(reference),
        state: table.state(reference),
        flags: table.flags(reference),
        mapping: table.mapping(reference),
        domain: table.domain(reference),
        hop: table.hop(reference),
        packets: table.packets(reference),
      },
      {
        protocol: flow.protocol,
        tuple: flow.tuples[direction],
        owner: flow.owner,
        deadlineS: flow.deadlineS,
        isConfirmed: flow.isConfirmed,
        state: flow.state,
        flags: flow.flags,
        mapping: flow.mapping,
        domain: flow.domain[direction],
        hop: flow.hop[direction],
        packets: flow.packets[direction],
      },
    )
  }
}
