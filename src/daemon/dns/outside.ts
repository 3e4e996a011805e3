/** Questions that no network can answer, asked of servers outside: the forwarder with its sockets, its clock and the machine's servers. */

import { randomBytes } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import type { FabricDnsStats, FabricUpstream } from '../../control/model/names.ts'
import type { DnsOutsideVerdict } from '../../datapath/dns/dns-settings.ts'
import { DNS_PORT } from '../../limits.ts'
import { DnsForwarder } from '../../protocols/dns-forwarder.ts'
import type { ForwarderAction, UpstreamServer } from '../../protocols/dns-forwarder-types.ts'
import { answerOfCode } from '../../protocols/dns-questions.ts'
import { RCODE_NAME_ERROR, RCODE_SERVER_FAILURE } from '../../wire/dns.ts'
import type { Log } from '../log.ts'
import { HostServers } from './host-servers.ts'
import { UpstreamSockets } from './upstream-sockets.ts'

/**
 * Whether the machine's servers may be asked: an uplink leads out by the daemon's own namespace; it does, but is down; there is none.
 */
export type WayOut = 'open' | 'down' | 'none'

export interface OutsideParts {
  readonly log: Pick<Log, 'info'>
  readonly wayOut: () => WayOut
  /** Path of the machine's resolv.conf(5). */
  readonly resolvConf: string
}

export interface OutsideQuestion {
  readonly resolver: number
  readonly message: Uint8Array
  /** Bytes that the answer may have. */
  readonly limit: number
}

export interface OutsideAnswer {
  readonly message: Uint8Array
  readonly verdict: DnsOutsideVerdict
  /** Who has answered; empty where nobody has. */
  readonly server: string
}

interface Waiting {
  readonly message: Uint8Array
  readonly answered: (answer: OutsideAnswer) => void
}

/** The machine's servers; those of a resolver's user have the group behind its number. */
const MACHINE = 0
const groupOf = (resolver: number): number => resolver + 1
const resolverOf = (group: number): number | undefined => (group === MACHINE ? undefined : group - 1)

export class Outside {
  readonly #parts: OutsideParts
  readonly #forwarder = new DnsForwarder({ random: randomBytes })
  readonly #sockets: UpstreamSockets
  readonly #hostServers: HostServers
  readonly #upstreams = new Map<number, FabricUpstream>()
  readonly #waiting = new Map<number, Waiting>()
  #lastTicket = 0
  #timer: NodeJS.Timeout | undefined
  #timerMs = Number.POSITIVE_INFINITY
  #acting = false
  #closed = false

  constructor(parts: OutsideParts) {
    this.#parts = parts
    this.#sockets = new UpstreamSockets({
      namespaceOf: (group) => this.#namespaceOf(group),
      received: (exchange, message) =>
        this.#act((nowMs) => this.#forwarder.receive(nowMs, exchange, message)),
      failed: (exchange, reason) => this.#act((nowMs) => this.#forwarder.failed(nowMs, exchange, reason)),
    })
    this.#hostServers = new HostServers({
      resolvConf: parts.resolvConf,
      changed: (servers) => {
        parts.log.info({ servers, file: parts.resolvConf }, 'the name servers of the machine')
        this.#act(() => this.#forwarder.setGroup({ id: MACHINE, servers: servers.map(serverAt) }))
      },
    })
  }

  setUpstream(resolver: number, upstream: FabricUpstream | undefined): void {
    const before = this.#upstreams.get(resolver)
    if (upstream === undefined) this.#upstreams.delete(resolver)
    else this.#upstreams.set(resolver, upstream)
    const group = groupOf(resolver)
    if (upstream?.kind === 'servers') {
      if (!isSame(before, upstream)) {
        this.#act(() => this.#forwarder.setGroup({ id: group, servers: upstream.servers.map(serverAt) }))
      }
    } else if (before?.kind === 'servers') {
      this.#act(() => this.#forwarder.removeGroup(group))
    }
  }

  /** Calls back once, maybe before this returns. */
  ask({ resolver, message, limit }: OutsideQuestion, answered: (answer: OutsideAnswer) => void): void {
    if (this.#closed) return answered(notNow(message))
    const group = this.#groupOf(resolver)
    if (group === undefined) return answered(noSuchName(message))
    const way = group === MACHINE ? this.#parts.wayOut() : 'open'
    if (way !== 'open') return answered(way === 'down' ? notNow(message) : noSuchName(message))
    const ticket = ++this.#lastTicket
    this.#waiting.set(ticket, { message, answered })
    this.#act((nowMs) => this.#forwarder.ask(nowMs, { ticket, resolver, group, message, limit }))
  }

  stats(): Pick<FabricDnsStats, 'cache' | 'servers'> {
    const { cache, servers } = this.#forwarder.stats()
    const { entries, capacity, hits, misses, evicted } = cache
    return {
      cache: { entries, capacity, hits, misses, evicted },
      servers: servers.map(({ group, server, ...counts }) => ({
        ...counts,
        address: server.address,
        resolver: resolverOf(group),
      })),
    }
  }

  flushCache(): number {
    return this.#forwarder.flushCache()
  }

  /** Who waits is told that there is no answer now. */
  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#hostServers.close()
    this.#sockets.closeAll()
    for (const { message, answered } of this.#waiting.values()) answered(notNow(message))
    this.#waiting.clear()
  }

  /** Undefined: nobody is to be asked. */
  #groupOf(resolver: number): number | undefined {
    const kind = this.#upstreams.get(resolver)?.kind
    if (kind === 'servers') return groupOf(resolver)
    return kind === 'machine' ? MACHINE : undefined
  }

  /** Throws where the group's servers may not be asked: by now, for a question may be on its way to the next one for seconds. */
  #namespaceOf(group: number): string | undefined {
    const resolver = resolverOf(group)
    if (resolver === undefined) {
      if (this.#parts.wayOut() === 'open') return undefined
      throw new Error("no uplink leads out, and the machine's servers are not asked")
    }
    const upstream = this.#upstreams.get(resolver)
    if (upstream?.kind === 'servers') return upstream.namespace
    throw new Error(`resolver ${resolver} has no servers of its own`)
  }

  /** Takes a step, and does what the forwarder wants done for it; what that leads to meanwhile is done with it. */
  #act(step: (nowMs: number) => void): void {
    if (this.#closed) return
    step(performance.now())
    if (this.#acting) return
    this.#acting = true
    try {
      for (;;) {
        const actions = this.#forwarder.takeActions()
        if (actions.length === 0) break
        for (const action of actions) this.#carryOut(action)
      }
    } finally {
      this.#acting = false
    }
    this.#setTimer()
  }

  #carryOut(action: ForwarderAction): void {
    switch (action.kind) {
      case 'send':
        return this.#sockets.send(action)
      case 'close':
        return this.#sockets.close(action.exchange)
      case 'answer': {
        const { ticket, message, verdict, server } = action
        const waiting = this.#waiting.get(ticket)
        this.#waiting.delete(ticket)
        waiting?.answered({ message: inOwnBuffer(message), verdict, server: server?.address ?? '' })
      }
    }
  }

  /** One that goes off too early does no harm, and is not set anew for each question. */
  #setTimer(): void {
    const dueMs = this.#forwarder.nextTimeoutMs()
    if (dueMs === undefined || this.#closed || dueMs >= this.#timerMs) return
    clearTimeout(this.#timer)
    this.#timerMs = dueMs
    this.#timer = setTimeout(
      () => {
        this.#timerMs = Number.POSITIVE_INFINITY
        this.#act((nowMs) => this.#forwarder.tick(nowMs))
      },
      Math.max(0, Math.ceil(dueMs - performance.now())),
    )
  }
}

/** Without a world there are no names of it. */
const noSuchName = (question: Uint8Array): OutsideAnswer => ({
  message: answerOfCode(question, RCODE_NAME_ERROR),
  verdict: 'closed',
  server: '',
})

/** Programs take NXDOMAIN for final; who is told that of a world which is only out of reach does not ask again. */
const notNow = (question: Uint8Array): OutsideAnswer => ({
  message: answerOfCode(question, RCODE_SERVER_FAILURE),
  verdict: 'failed',
  server: '',
})

const serverAt = (address: string): UpstreamServer => ({ address, port: DNS_PORT })

const isSame = (before: FabricUpstream | undefined, after: FabricUpstream & { kind: 'servers' }): boolean =>
  before?.kind === 'servers' &&
  before.namespace === after.namespace &&
  before.servers.join() === after.servers.join()

/** A message to another thread takes the whole buffer along that its bytes are in. */
const inOwnBuffer = (bytes: Uint8Array): Uint8Array =>
  bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice()
