/**
 * Questions that come as frames, and the frames that answer them. Who asks is answered at the port of the switch that he has asked by, whatever
 * the bridge has learned meanwhile.
 */

import { DNS_QUERY_MAX, DNS_UDP_SIZE_MAX, SEGMENTS_MAX } from '../../limits.ts'
import { NONE } from '../../tables/linked-lists.ts'
import * as checksum from '../../wire/checksum.ts'
import * as dns from '../../wire/dns.ts'
import * as ethernet from '../../wire/ethernet.ts'
import * as ipProtocol from '../../wire/ip-protocol.ts'
import * as udp from '../../wire/udp.ts'
import * as virtioNet from '../../wire/virtio-net.ts'
import type { Counters } from '../counters.ts'
import { DropReason } from '../drop-reason.ts'
import { type Egress, NO_ROOM } from '../egress.ts'
import type { FrameMemory } from '../frame-memory.ts'
import type { InterfaceTable } from '../interface-table.ts'
import * as packets from '../packets.ts'
import { HEADERS_SIZE, PACKET_HEADERS_SIZE, writeHeaders } from './answer-frame.ts'
import type { DnsAnswer, DnsQuestion } from './dns-settings.ts'
import { ASKED_ALREADY, PendingQuestions, QUOTA_REACHED } from './pending-questions.ts'
import type { QueryStatistics } from './query-statistics.ts'
import type { Resolvers } from './resolvers.ts'
import { ANSWER, FORWARD, NO_QUERY, type Responder } from './responder.ts'

// Constants of this module, whose values V8 compiles in; an imported one it would load and check at each use.
const { DESTINATION, DOMAIN, FIRST_FRAGMENT, NETWORK, OFFSET, PORT, PORTS, SOURCE, TRAITS, TRANSPORT } =
  packets
const { UDP } = ipProtocol
const { pseudoHeaderIpv4 } = checksum
const { sourceHigh, sourceLow } = ethernet
const { checksumValid } = udp
const UDP_HEADER = udp.HEADER_SIZE
const { FLAG_DATA_VALID, FLAG_NEEDS_CSUM, GSO_NONE, gsoSize, gsoType } = virtioNet
const VIRTIO_HEADER = virtioNet.HEADER_SIZE
const UDP_SIZE = DNS_UDP_SIZE_MAX
const QUERY_MAX = DNS_QUERY_MAX
const HEADERS = HEADERS_SIZE
const PACKET_HEADERS = PACKET_HEADERS_SIZE
const ABSENT = NONE
const SEGMENTS = SEGMENTS_MAX

export interface FrameQuestionsParts {
  readonly memory: FrameMemory
  readonly interfaces: InterfaceTable
  readonly egress: Egress
  readonly counters: Counters
  readonly resolvers: Resolvers
  readonly responder: Responder
  readonly statistics: QueryStatistics
  readonly seed: number
}

export class FrameQuestions {
  private readonly pending: PendingQuestions
  private readonly memory: FrameMemory
  private readonly interfaces: InterfaceTable
  private readonly egress: Egress
  private readonly counters: Counters
  private readonly resolvers: Resolvers
  private readonly responder: Responder
  private readonly statistics: QueryStatistics

  constructor(parts: FrameQuestionsParts) {
    this.pending = new PendingQuestions(parts.seed)
    this.memory = parts.memory
    this.interfaces = parts.interfaces
    this.egress = parts.egress
    this.counters = parts.counters
    this.resolvers = parts.resolvers
    this.responder = parts.responder
    this.statistics = parts.statistics
  }

  /** Questions that wait for an answer from outside. */
  get waiting(): number {
    return this.pending.size
  }

  /** Takes a datagram to the name server, or a super-frame of several: each is answered, waits for an answer from outside, or is dropped. */
  receive(rows: Int32Array, row: number, nowS: number): void {
    const { view } = this.memory
    const reason = this.judge(rows, row)
    if (reason !== DropReason.none) {
      this.counters.dropped(rows[row + PORT]!, reason)
      return
    }
    const transport = rows[row + TRANSPORT]!
    const from = transport + UDP_HEADER
    const end = transport + udp.length(view, transport)
    if (gsoType(view, rows[row + OFFSET]! - VIRTIO_HEADER) === GSO_NONE)
      this.receiveMessage(rows, row, from, end, nowS)
    else this.receiveSegments(rows, row, from, end, nowS)
  }

  /** Questions that have come since the last call and are to be asked outside; undefined where there are none. */
  take(): readonly DnsQuestion[] | undefined {
    const { pending } = this
    if (pending.newCount === 0) return undefined
    const questions: DnsQuestion[] = []
    pending.takeNew((slot, ticket) => {
      const start = pending.message(slot)
      const message = pending.bytes.slice(start, start + pending.length[slot]!)
      questions.push({ ticket, resolver: pending.resolver[slot]!, message, limit: pending.limit[slot]! })
    })
    return questions.length === 0 ? undefined : questions
  }

  /**
   * Sends the answers from number `from` on to who has asked, and returns how many of all have been dealt with: fewer than there are where
   * the list of transmissions takes no more. To be called when all transmissions are carried out.
   */
  answerAll(answers: readonly DnsAnswer[], nowMs: number, from: number): number {
    const { egress, pending } = this
    egress.expect(1)
    for (let index = from; index < answers.length; index++) {
      if (!egress.hasRoom) return index
      const answer = answers[index]!
      const slot = pending.find(answer.ticket)
      if (slot === ABSENT) continue
      const isSent = this.sendOutside(slot, answer.message)
      this.statistics.noteOutside(pending, slot, isSent ? answer : undefined, nowMs)
      pending.remove(slot)
    }
    return answers.length
  }

  /** Gives up questions that nobody has answered: their clients have done so long before. */
  expire(nowS: number): void {
    const { pending } = this
    for (let slot = pending.overdue(nowS, 0); slot !== ABSENT; slot = pending.overdue(nowS, slot + 1)) {
      this.statistics.noteOutside(pending, slot, undefined, this.statistics.nowMs)
      pending.remove(slot)
    }
  }

  /** The port goes: nobody waits there any more. */
  removePort(port: number): void {
    this.pending.removePort(port)
  }

  /** Why the datagram is dropped unread: DropReason.none where it is not. */
  judge(rows: Int32Array, row: number): DropReason {
    if ((rows[row + TRAITS]! & FIRST_FRAGMENT) !== 0) return DropReason.dnsTruncated
    const { view } = this.memory
    const flags = virtioNet.flags(view, rows[row + OFFSET]! - VIRTIO_HEADER)
    if ((flags & (FLAG_NEEDS_CSUM | FLAG_DATA_VALID)) !== 0) return DropReason.none
    const transport = rows[row + TRANSPORT]!
    const pseudoHeader = pseudoHeaderIpv4(view, rows[row + NETWORK]!, UDP, udp.length(view, transport))
    return checksumValid(view, transport, pseudoHeader) ? DropReason.none : DropReason.udpChecksum
  }

  /** What becomes of the datagram, which `judge` has passed, as the responder says it; nothing changes. */
  decide(rows: Int32Array, row: number): number {
    const transport = rows[row + TRANSPORT]!
    const end = transport + udp.length(this.memory.view, transport)
    return this.decideMessage(rows, row, transport + UDP_HEADER, end)
  }

  /** Of a question that is to be asked outside: whether it may be, as FORWARD, or is refused, as ANSWER. */
  admit(rows: Int32Array, row: number): number {
    const { responder, pending } = this
    if (udp.length(this.memory.view, rows[row + TRANSPORT]!) - UDP_HEADER > QUERY_MAX) responder.rejectLong()
    else if (pending.hasRoom(this.resolvers.ofPort[rows[row + PORT]!]!)) return FORWARD
    else responder.refuse()
    return ANSWER
  }

  /** The data of a super-frame (UDP segmentation offload) are messages of gso_size bytes each, the last one of what is left. */
  private receiveSegments(rows: Int32Array, row: number, from: number, end: number, nowS: number): void {
    const { counters } = this
    const port = rows[row + PORT]!
    const size = gsoSize(this.memory.view, rows[row + OFFSET]! - VIRTIO_HEADER)
    const count = Math.max(Math.ceil((end - from) / size), 1)
    if (count > SEGMENTS) {
      counters.dropped(port, DropReason.segmentLimit)
      return
    }
    counters.segmented(port, count)
    for (let index = 0; index < count; index++) {
      const at = from + index * size
      this.receiveMessage(rows, row, at, Math.min(at + size, end), nowS)
    }
  }

  private receiveMessage(rows: Int32Array, row: number, from: number, end: number, nowS: number): void {
    const decision = this.decideMessage(rows, row, from, end)
    if (decision === ANSWER) this.answer(rows, row)
    else if (decision === FORWARD) this.forward(rows, row, from, end - from, nowS)
    else this.counters.dropped(rows[row + PORT]!, reasonOf(decision))
  }

  private decideMessage(rows: Int32Array, row: number, from: number, end: number): number {
    const { view, bytes } = this.memory
    return this.responder.decide(view, bytes, from, end, this.resolvers.ofPort[rows[row + PORT]!]!)
  }

  private forward(rows: Int32Array, row: number, message: number, length: number, nowS: number): void {
    const { pending, responder, counters, memory } = this
    const { view, bytes } = memory
    const port = rows[row + PORT]!
    if (length > QUERY_MAX) {
      responder.rejectLong()
      this.answer(rows, row)
      return
    }
    const resolver = this.resolvers.ofPort[port]!
    const slot = pending.add(
      port,
      resolver,
      rows[row + SOURCE]!,
      rows[row + PORTS]!,
      bytes,
      message,
      length,
      nowS,
    )
    if (slot === ASKED_ALREADY) counters.dropped(port, DropReason.dnsRepeated)
    else if (slot === QUOTA_REACHED) {
      responder.refuse()
      this.answer(rows, row)
    } else {
      pending.domain[slot] = rows[row + DOMAIN]!
      pending.clientMacHigh[slot] = sourceHigh(view, rows[row + OFFSET]!)
      pending.clientMacLow[slot] = sourceLow(view, rows[row + OFFSET]!)
      pending.serverAddress[slot] = rows[row + DESTINATION]!
      pending.limit[slot] = this.limitOf(rows[row + DOMAIN]!)
      pending.askedMs[slot] = this.statistics.nowMs
      counters.consumed(port)
    }
  }

  /** Sends the answer to what was decided on. */
  private answer(rows: Int32Array, row: number): void {
    const { egress, memory, responder, statistics } = this
    const { view, bytes } = memory
    const port = rows[row + PORT]!
    const domain = rows[row + DOMAIN]!
    const limit = this.limitOf(domain)
    const at = egress.allocate(HEADERS + limit)
    if (at === NO_ROOM) {
      this.counters.dropped(port, DropReason.transmitListFull)
      return
    }
    const size = responder.write(view, view, bytes, at + HEADERS, limit, true)
    const ports = rows[row + PORTS]!
    const offset = rows[row + OFFSET]!
    this.counters.consumed(port)
    this.send(
      port,
      domain,
      sourceHigh(view, offset),
      sourceLow(view, offset),
      rows[row + DESTINATION]!,
      rows[row + SOURCE]!,
      ports,
      at,
      size,
    )
    statistics.udp++
    statistics.answered(responder, this.statistics.nowMs, this.resolvers.ofPort[port]!, bytes)
  }

  /** Bytes that the answer to the question read last may have: what its client takes, and the link without fragments. */
  private limitOf(domain: number): number {
    const size = this.responder.reader.udpSize
    const linkSize = this.interfaces.mtu[domain]! - PACKET_HEADERS
    const clientSize = size < UDP_SIZE ? size : UDP_SIZE
    return clientSize < linkSize ? clientSize : linkSize
  }

  /** Sends the message of `size` bytes in a frame of the arena at `at`. `ports`: those of the question. */
  private send(
    port: number,
    domain: number,
    macHigh: number,
    macLow: number,
    server: number,
    client: number,
    ports: number,
    at: number,
    size: number,
  ): void {
    const { egress, interfaces } = this
    const length = writeHeaders(
      this.memory.view,
      at,
      macHigh,
      macLow,
      interfaces.macHigh[domain]!,
      interfaces.macLow[domain]!,
      server,
      client,
      (ports << 16) | (ports >>> 16),
      size,
    )
    egress.take(at + length)
    this.counters.originated(port)
    egress.send(port, at, length)
  }

  /** Sends an answer from outside. False where it is none that its client could take. */
  private sendOutside(slot: number, message: Uint8Array): boolean {
    const { pending, egress } = this
    if (message.length < dns.HEADER_SIZE || message.length > pending.limit[slot]!) return false
    // Without a gateway there is nobody who could answer.
    if (!this.interfaces.isInside(pending.domain[slot]!)) return false
    const at = egress.allocate(HEADERS + message.length)
    if (at === NO_ROOM) return false
    this.memory.bytes.set(message, at + HEADERS)
    this.send(
      pending.port[slot]!,
      pending.domain[slot]!,
      pending.clientMacHigh[slot]!,
      pending.clientMacLow[slot]!,
      pending.serverAddress[slot]!,
      pending.clientAddress[slot]!,
      pending.ports[slot]!,
      at,
      message.length,
    )
    return true
  }
}

/** Why a message that is no question is dropped. */
export const reasonOf = (decision: number): DropReason =>
  decision === NO_QUERY ? DropReason.dnsResponse : DropReason.dnsTruncated
