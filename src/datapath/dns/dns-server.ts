/**
 * The name server of the gateways: answers questions from the names of the networks, and hands on those that it cannot.
 *
 *     frame to port 53 of a gateway ──receive──► Responder ──► answer, as a frame
 *                                                    └──────► PendingQuestions ──takeQuestions──► asked outside ──answerQuestions──► frame
 *     message that came otherwise ───resolve───► Responder ──► answer, or `forward`
 *
 * Nothing is allocated for a question that comes as a frame.
 */

import {
  DNS_MESSAGE_MAX,
  DNS_PORT,
  DNS_QUERY_MAX,
  NAME_BYTES_MAX,
  NAMED_HOSTS_MAX,
  NAMED_SERVICES_MAX,
  NAMES_MAX,
} from '../../limits.ts'
import type { ConnectionTable } from '../../tables/connection-table.ts'
import { NONE } from '../../tables/linked-lists.ts'
import { NameTable } from '../../tables/name-table.ts'
import * as dns from '../../wire/dns.ts'
import { encodeName } from '../../wire/dns-name.ts'
import * as ipProtocol from '../../wire/ip-protocol.ts'
import type { Counters } from '../counters.ts'
import { DropReason } from '../drop-reason.ts'
import type { Egress } from '../egress.ts'
import { ExplainedSteps } from '../explained-steps.ts'
import type { FrameMemory } from '../frame-memory.ts'
import type { InterfaceTable } from '../interface-table.ts'
import * as packets from '../packets.ts'
import { InterfaceKind } from '../router-settings.ts'
import type {
  DnsAnswer,
  DnsAsker,
  DnsCounts,
  DnsLogListing,
  DnsNote,
  DnsQuestion,
  DnsResolution,
  DnsServiceSettings,
  NamedHostSettings,
  ResolverSettings,
  ZoneSettings,
} from './dns-settings.ts'
import { explainDecision } from './explain-names.ts'
import { FrameQuestions, reasonOf } from './frame-questions.ts'
import { QueryStatistics } from './query-statistics.ts'
import { NO_RESOLVER, Resolvers } from './resolvers.ts'
import { ANSWER, FORWARD, NO_QUERY, NO_QUESTION, Responder } from './responder.ts'
import { Zones } from './zones.ts'

// Constants of this module, whose values V8 compiles in; an imported one it would load and check at each use.
const { DESTINATION, DOMAIN, PORTS, PROTOCOL } = packets
const { TCP, UDP } = ipProtocol
const { inside: INSIDE } = InterfaceKind
const QUERY_MAX = DNS_QUERY_MAX
const ABSENT = NONE
const DOMAIN_PORT = DNS_PORT
const PORT_MASK = 0xffff
const DROPPED = { verdict: 'drop', message: new Uint8Array(), steps: [] } as const

export interface DnsServerParts {
  readonly memory: FrameMemory
  readonly interfaces: InterfaceTable
  readonly connections: ConnectionTable
  readonly egress: Egress
  readonly counters: Counters
  /** A random int32, kept secret: see NameTableOptions. */
  readonly seed: number
}

export class DnsServer {
  /** Where questions by TCP are led; undefined: nowhere. */
  service: DnsServiceSettings | undefined = undefined

  private readonly memory: FrameMemory
  private readonly interfaces: InterfaceTable
  private readonly connections: ConnectionTable
  private readonly names: NameTable
  private readonly zones = new Zones()
  private readonly resolvers: Resolvers
  private readonly responder: Responder
  private readonly statistics = new QueryStatistics()
  private readonly questions: FrameQuestions
  /** Where messages are written that do not leave as frames. */
  private readonly scratch = new Uint8Array(DNS_MESSAGE_MAX)
  private readonly scratchView = new DataView(this.scratch.buffer)

  constructor({ memory, interfaces, connections, egress, counters, seed }: DnsServerParts) {
    this.memory = memory
    this.interfaces = interfaces
    this.connections = connections
    this.names = new NameTable({
      hosts: NAMED_HOSTS_MAX,
      names: NAMES_MAX,
      nameBytes: NAME_BYTES_MAX,
      services: NAMED_SERVICES_MAX,
      seed,
    })
    const { names, zones, statistics } = this
    this.resolvers = new Resolvers(names)
    const { resolvers } = this
    this.responder = new Responder({ names, zones, resolvers })
    const { responder } = this
    const parts = { memory, interfaces, egress, counters, resolvers, responder, statistics, seed }
    this.questions = new FrameQuestions(parts)
  }

  /** The time for the log, in milliseconds of a clock that never goes back: to be set before each burst and tick. */
  set nowMs(nowMs: number) {
    this.statistics.nowMs = nowMs
  }

  /** Throws RangeError where there is no such domain. */
  setZone(domain: number, zone: ZoneSettings | undefined): void {
    this.zones.set(domain, zone)
  }

  /** The network goes, and with it the names that it has; nobody looks for names there any more. */
  removeDomain(domain: number): void {
    this.zones.set(domain, undefined)
    this.resolvers.removeDomain(domain)
    this.names.removeScope(domain)
  }

  /** Throws RangeError where there is no room for its names; what it was called stays then. */
  setNamedHost(id: number, host: NamedHostSettings | undefined): void {
    if (host === undefined) {
      this.names.remove(id)
      return
    }
    const { domain, ipv4, ipv6, services, aside } = host
    const names = host.names.flatMap(({ text, kind }) => {
      const wire = encodeName(text)
      return wire === undefined || wire.length === 1 ? [] : [{ wire, kind }]
    })
    this.names.set(id, { scope: domain, ipv4, ipv6, names, services, aside })
  }

  /** Throws RangeError where there is no room for its private names; it stays as it was then. */
  setResolver(id: number, resolver: ResolverSettings | undefined): void {
    this.resolvers.set(id, resolver)
  }

  /** Where questions by TCP are led; undefined: nowhere. */
  setService(service: DnsServiceSettings | undefined): void {
    this.service = service
  }

  /** The port goes: what waits for it waits no more. */
  removePort(port: number): void {
    this.questions.removePort(port)
    this.resolvers.removePort(port)
  }

  /** Whether the address is a gateway's in this domain that answers questions. */
  serves(domain: number, address: number): boolean {
    const { interfaces } = this
    return (
      this.zones.served[domain] === 1 &&
      interfaces.kind[domain] === INSIDE &&
      interfaces.address[domain] === address
    )
  }

  /** Whether the packet in this row is a datagram to the name server. */
  isAsked(rows: Int32Array, row: number): boolean {
    return (
      rows[row + PROTOCOL] === UDP &&
      (rows[row + PORTS]! & PORT_MASK) === DOMAIN_PORT &&
      this.serves(rows[row + DOMAIN]!, rows[row + DESTINATION]!)
    )
  }

  /** Takes a datagram to the name server: answers it, has it wait for an answer from outside, or drops it. */
  receive(rows: Int32Array, row: number, nowS: number): void {
    this.questions.receive(rows, row, nowS)
  }

  /** Says what `receive` would do with the datagram. */
  explain(rows: Int32Array, row: number, steps: ExplainedSteps): void {
    const { responder, names } = this
    const reason = this.questions.judge(rows, row)
    if (reason !== DropReason.none) {
      steps.drop('names', reason)
      return
    }
    const decide = (): number => {
      const decision = this.questions.decide(rows, row)
      return decision === FORWARD ? this.questions.admit(rows, row) : decision
    }
    const bytes = this.memory.bytes
    const decision = explainDecision({ responder, names, steps, bytes }, decide)
    if (decision === NO_QUERY || decision === NO_QUESTION) steps.drop('names', reasonOf(decision))
  }

  /**
   * What a message that did not come as a frame is answered with. `limit`: bytes that the answer may have. With `explained` it counts as
   * not asked: nothing is written down, and the next answer begins with the same address.
   */
  resolve(
    asker: DnsAsker,
    query: Uint8Array,
    limit: number,
    nowMs: number,
    explained: boolean,
  ): DnsResolution {
    const { responder, names } = this
    const resolver = 'resolver' in asker ? asker.resolver : this.resolverOf(asker.address, asker.port)
    if (resolver === NO_RESOLVER) return { ...DROPPED, resolver }
    const view = new DataView(query.buffer, query.byteOffset, query.byteLength)
    const decide = (): number => this.decideMessage(view, query, resolver)
    const explanation = new ExplainedSteps()
    const decision = explained
      ? explainDecision({ responder, names, steps: explanation, bytes: query }, decide)
      : decide()
    const steps = explanation.all
    if (decision === NO_QUERY || decision === NO_QUESTION) return { ...DROPPED, resolver, steps }
    const isForwarded = decision === FORWARD
    const size = isForwarded ? 0 : this.writeMessage(view, limit, !explained)
    if (!explained) this.noteOther(query, resolver, nowMs, isForwarded)
    const message = this.scratch.slice(0, size)
    return { verdict: isForwarded ? 'forward' : 'answer', message, resolver, steps }
  }

  /** Questions that have come since the last call and are to be asked outside; undefined where there are none. */
  takeQuestions(): readonly DnsQuestion[] | undefined {
    return this.questions.take()
  }

  /**
   * Sends the answers from number `from` on to who has asked, and returns how many of all have been dealt with: fewer than there are where
   * the list of transmissions takes no more. To be called when all transmissions are carried out; its own then wait to be.
   */
  answerQuestions(answers: readonly DnsAnswer[], nowMs: number, from = 0): number {
    return this.questions.answerAll(answers, nowMs, from)
  }

  /** What came of questions that `resolve` had asked outside. */
  note(notes: readonly DnsNote[], nowMs: number): void {
    for (const note of notes) this.statistics.note(note, nowMs)
  }

  /** Gives up questions that nobody has answered: their clients have done so long before. */
  tick(nowS: number): void {
    this.questions.expire(nowS)
  }

  counts(): DnsCounts {
    const { names, questions } = this
    const { names: named, hosts } = names
    return { ...this.statistics.counts(), pending: questions.waiting, names: named, hosts }
  }

  log(after: number, limit: number): DnsLogListing {
    return this.statistics.log.list(after, limit)
  }

  private decideMessage(view: DataView, query: Uint8Array, resolver: number): number {
    const decision = this.responder.decide(view, query, 0, query.length, resolver)
    if (decision !== FORWARD || query.length <= QUERY_MAX) return decision
    this.responder.rejectLong()
    return ANSWER
  }

  private noteOther(query: Uint8Array, resolver: number, nowMs: number, isForwarded: boolean): void {
    const { responder, statistics } = this
    statistics.other++
    if (!isForwarded) statistics.answered(responder, nowMs, resolver, query)
  }

  private writeMessage(query: DataView, limit: number, advances: boolean): number {
    const { responder, scratch, scratchView } = this
    const size = Math.max(Math.min(limit, DNS_MESSAGE_MAX), dns.HEADER_SIZE)
    return responder.write(query, scratchView, scratch, 0, size, advances)
  }

  /** Whose connection to the service by TCP comes from this address and port. */
  private resolverOf(address: number, port: number): number {
    const { connections, service } = this
    if (service === undefined) return NO_RESOLVER
    const ports = (service.port << 16) | port
    const hash = connections.hash(TCP, service.address, address, ports)
    const reference = connections.lookup(hash, TCP, service.address, address, ports)
    return reference === ABSENT ? NO_RESOLVER : this.resolvers.ofPort[connections.owner(reference)]!
  }
}
