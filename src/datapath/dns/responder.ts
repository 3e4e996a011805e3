/**
 * What a question is answered with: `decide` reads it and looks for its name, and changes nothing; `write` writes the answer to what was
 * decided on last. What no network knows is for others to answer (`FORWARD`).
 *
 *     address         A, AAAA, ANY    all addresses of all hosts that have the name
 *     reverse name    PTR             the first name of who has the address, with the network's behind it
 *     service         SRV             port and target, of each host that offers it; their addresses as additional records
 *     a name that is known, anything else: an empty answer (RFC 2308, 2.2)
 *
 * Negative answers have no SOA, and so nobody may keep them (RFC 2308, 5): what is connected is found at once.
 */

import { DNS_UDP_SIZE_MAX } from '../../limits.ts'
import { NONE } from '../../tables/linked-lists.ts'
import type { NameTable } from '../../tables/name-table.ts'
import * as dns from '../../wire/dns.ts'
import * as query from '../../wire/dns-query.ts'
import { DnsWriter } from '../../wire/dns-writer.ts'
import { AnswerRecords } from './answer-records.ts'
import { DNS_VERDICTS, type DnsVerdict } from './dns-settings.ts'
import { NameSearch } from './name-search.ts'
import type { Resolvers } from './resolvers.ts'
import { NO_ADDRESS, ReverseName } from './reverse-name.ts'
import { ServiceQuestion } from './service-question.ts'
import type { Zones } from './zones.ts'

// Constants of this module, whose values V8 compiles in; an imported one it would load and check at each use.
const { CLASS_IN, FLAG_CD, FLAG_QR, FLAG_RA, FLAG_RD, FLAG_TC, OPCODE_MASK, RCODE_MASK } = dns
const { TYPE_A, TYPE_AAAA, TYPE_ANY, TYPE_AXFR, TYPE_PTR, TYPE_SRV } = dns
const { RCODE_BAD_VERSION, RCODE_FORMAT_ERROR, RCODE_NAME_ERROR, RCODE_NOT_IMPLEMENTED } = dns
const { RCODE_NO_ERROR, RCODE_REFUSED } = dns
const { QueryReader } = query
const QUERY_BAD_VERSION = query.QUERY_BAD_VERSION
const QUERY_FORMAT_ERROR = query.QUERY_FORMAT_ERROR
const QUERY_NOT_IMPLEMENTED = query.QUERY_NOT_IMPLEMENTED
const QUERY_OK = query.QUERY_OK
const QUERY_RESPONSE = query.QUERY_RESPONSE
const QUERY_TRUNCATED = query.QUERY_TRUNCATED
const UDP_SIZE = DNS_UDP_SIZE_MAX
const ABSENT = NONE
/** RFC 1995; a part of a zone transfer. */
const TYPE_IXFR = 251

/** To be answered by `write`. */
export const ANSWER = 0
/** No network has the name, and the resolver may ask outside. */
export const FORWARD = 1
/** No question: not even a header; a response. */
export const NO_QUESTION = 2
export const NO_QUERY = 3

export const VERDICT = Object.fromEntries(DNS_VERDICTS.map((verdict, index) => [verdict, index])) as Record<
  DnsVerdict,
  number
>
const ANSWERED = VERDICT.answered
const EMPTY = VERDICT.empty
const NXDOMAIN = VERDICT.nxdomain
const REFUSED = VERDICT.refused
const MALFORMED = VERDICT.malformed
const UNSUPPORTED = VERDICT.unsupported

export interface ResponderTables {
  readonly names: NameTable
  readonly zones: Zones
  readonly resolvers: Resolvers
}

export class Responder {
  readonly reader = new QueryReader()
  readonly search: NameSearch
  readonly service = new ServiceQuestion()
  /** Of the answer: its index in DNS_VERDICTS, and the response code. */
  verdict = ANSWERED
  rcode = RCODE_NO_ERROR
  /** Of the answer that was written: its records (apart from additional ones), and whether more were left out. */
  answers = 0
  truncated = false

  private readonly names: NameTable
  private readonly resolvers: Resolvers
  private readonly reverse = new ReverseName()
  private readonly writer = new DnsWriter()
  private readonly records: AnswerRecords
  /** The answer is about a host's address, or about a service. */
  private isReverse = false
  private isService = false

  constructor({ names, zones, resolvers }: ResponderTables) {
    this.names = names
    this.resolvers = resolvers
    this.search = new NameSearch({ names, zones, resolvers })
    this.records = new AnswerRecords(this.writer, names, zones)
  }

  /** What becomes of the message from `offset` to `end` of `view`, whose bytes are `bytes`. */
  decide(view: DataView, bytes: Uint8Array, offset: number, end: number, resolver: number): number {
    const verdict = this.reader.read(view, offset, end)
    this.isReverse = false
    this.isService = false
    switch (verdict) {
      case QUERY_TRUNCATED:
        return NO_QUESTION
      case QUERY_RESPONSE:
        return NO_QUERY
      case QUERY_FORMAT_ERROR:
        return this.answer(MALFORMED, RCODE_FORMAT_ERROR)
      case QUERY_NOT_IMPLEMENTED:
        return this.answer(UNSUPPORTED, RCODE_NOT_IMPLEMENTED)
      case QUERY_BAD_VERSION:
        return this.answer(UNSUPPORTED, RCODE_BAD_VERSION)
      case QUERY_OK:
        return this.decideQuestion(bytes, resolver)
    }
  }

  /** In place of what was decided: no more questions of this resolver may wait. */
  refuse(): void {
    this.answer(REFUSED, RCODE_REFUSED)
  }

  /** In place of what was decided: the question has more bytes than one may that is asked outside. */
  rejectLong(): void {
    this.answer(MALFORMED, RCODE_FORMAT_ERROR)
  }

  /**
   * Writes the answer at `at`, `limit` bytes at most (more than a question has), and returns its size. `question`: the memory that the
   * question was read from. `advances`: the next answer begins with another address.
   */
  write(
    question: DataView,
    view: DataView,
    bytes: Uint8Array,
    at: number,
    limit: number,
    advances: boolean,
  ): number {
    const { reader, writer } = this
    writer.begin(view, bytes, at, limit)
    const hasQuestion = writer.copyQuestion(question, reader.name, reader.questionEnd)
    const hasEdns = !reader.hasEdns || writer.edns(UDP_SIZE, reader.dnssecOk, this.rcode)
    this.answers = 0
    this.truncated = !hasQuestion || !hasEdns
    if (this.verdict === ANSWERED && !this.truncated) this.writeRecords(advances)
    const asked = reader.flags & (OPCODE_MASK | FLAG_RD | FLAG_CD)
    const flags = FLAG_QR | FLAG_RA | (this.truncated ? FLAG_TC : 0) | (this.rcode & RCODE_MASK)
    return writer.finish(reader.id, asked | flags)
  }

  private writeRecords(advances: boolean): void {
    const { records, search, service } = this
    if (this.isReverse) records.writePointer(search.domain, search.host)
    else if (this.isService)
      records.writeServices(search.domain, search.name, service.protocol, service.port, advances)
    else records.writeAddresses(search.domain, search.name, this.reader.type, advances)
    this.answers = records.answers
    this.truncated = records.truncated
  }

  private decideQuestion(bytes: Uint8Array, resolver: number): number {
    const { reader, resolvers } = this
    const { type } = reader
    if (
      reader.recordClass !== CLASS_IN ||
      resolvers.exists[resolver] !== 1 ||
      type === TYPE_AXFR ||
      type === TYPE_IXFR
    ) {
      return this.answer(REFUSED, RCODE_REFUSED)
    }
    if (type === TYPE_PTR && this.findAddress(bytes, resolver)) {
      this.isReverse = true
      return this.answer(ANSWERED, RCODE_NO_ERROR)
    }
    if (this.search.findName(resolver, bytes, reader.name, reader.nameSize)) {
      return this.answer(this.hasAddress(this.search.name, type) ? ANSWERED : EMPTY, RCODE_NO_ERROR)
    }
    const isSingle = this.search.labels === 1
    if (type === TYPE_SRV && this.findService(bytes, resolver)) {
      this.isService = true
      return this.answer(this.isOffered(this.search.name) ? ANSWERED : EMPTY, RCODE_NO_ERROR)
    }
    return this.decideUnknown(resolver, isSingle)
  }

  private decideUnknown(resolver: number, isSingle: boolean): number {
    const { resolvers } = this
    const { type } = this.reader
    const isAddress = type === TYPE_A || type === TYPE_AAAA
    if (isSingle && isAddress && resolvers.singleLabelsStay[resolver] === 1)
      return this.answer(EMPTY, RCODE_NO_ERROR)
    if (resolvers.forwards[resolver] === 1) return FORWARD
    // The root is always there: without it, nothing would be (RFC 8020, 2).
    const isRoot = this.reader.nameSize === 1
    return isRoot ? this.answer(EMPTY, RCODE_NO_ERROR) : this.answer(NXDOMAIN, RCODE_NAME_ERROR)
  }

  private answer(verdict: number, rcode: number): number {
    this.verdict = verdict
    this.rcode = rcode
    return ANSWER
  }

  private findAddress(bytes: Uint8Array, resolver: number): boolean {
    const { reader, reverse } = this
    const family = reverse.read(bytes, reader.name, reader.nameSize)
    return family !== NO_ADDRESS && this.search.findAddress(resolver, family, reverse)
  }

  private findService(bytes: Uint8Array, resolver: number): boolean {
    const { reader, service } = this
    if (!service.read(bytes, reader.name, reader.nameSize)) return false
    return this.search.findName(resolver, bytes, reader.name + service.size, reader.nameSize - service.size)
  }

  /** Whether a host of this name has an address of the type that is asked for. */
  private hasAddress(name: number, type: number): boolean {
    const { names } = this
    if (type !== TYPE_A && type !== TYPE_AAAA && type !== TYPE_ANY) return false
    for (let member = names.firstMember(name); member !== ABSENT; member = names.nextMember(member)) {
      const host = names.hostOf(member)
      if (type !== TYPE_AAAA && names.hasIpv4(host)) return true
      if (type !== TYPE_A && names.hasIpv6(host)) return true
    }
    return false
  }

  private isOffered(name: number): boolean {
    const { names, service } = this
    for (let member = names.firstMember(name); member !== ABSENT; member = names.nextMember(member)) {
      if (names.offers(names.hostOf(member), service.protocol, service.port)) return true
    }
    return false
  }
}
