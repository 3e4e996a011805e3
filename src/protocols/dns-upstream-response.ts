/**
 * What a server outside has sent: whether it is to be believed, and what of it goes on to clients and into the cache.
 *
 *     | header 12 | question | answers | authorities | additionals … | OPT … |
 *     ^ 0xff until a client's                                         ^ cut
 *
 * OPT is between this server and us (RFC 6891, 6.1.1), and goes. What stands behind it goes as well: to close the gap would move names
 * that others point to, and additional records are only ever a courtesy. Servers put OPT last, so that nothing is lost.
 */

import { DNS_CACHE_NEGATIVE_TTL_S_MAX, DNS_CACHE_TTL_S_MAX, DNS_MESSAGE_MAX } from '../limits.ts'
import {
  additionalCount,
  answerCount,
  authorityCount,
  FLAG_AD,
  FLAG_QR,
  FLAG_TC,
  flags,
  HEADER_SIZE,
  id,
  OPCODE_MASK,
  questionCount,
  RCODE_MASK,
  RCODE_NAME_ERROR,
  RCODE_NO_ERROR,
  RCODE_SERVER_FAILURE,
  TYPE_ANY,
  TYPE_OPT,
  TYPE_SOA,
} from '../wire/dns.ts'
import { equalNames } from '../wire/dns-name.ts'
import { extendedRcode } from './dns-opt.ts'
import { DnsRecordReader } from './dns-record-reader.ts'
import type { UpstreamQuery } from './dns-upstream-query.ts'

export interface UpstreamResponse {
  /** Up to OPT. Its header is no header: each client gets its own. */
  readonly message: Uint8Array
  readonly questionEnd: number
  readonly answers: number
  readonly authorities: number
  readonly additionals: number
  readonly rcode: number
  /** AD: the server has checked all of it. */
  readonly isAuthentic: boolean
  /** Seconds for which it may be remembered; 0: not at all. */
  readonly ttlS: number
}

export type Judgement =
  /** Not from whom we asked, or not to what we asked: as if nothing had come. */
  | { readonly verdict: 'rejected' }
  /** To what we asked but for the case of its letters: forged, or from a server that does not keep it. */
  | { readonly verdict: 'misspelled' }
  /** To be asked for by TCP. */
  | { readonly verdict: 'truncated' }
  /** The server answers, and has no answer. */
  | { readonly verdict: 'failure'; readonly rcode: number }
  | { readonly verdict: 'response'; readonly response: UpstreamResponse; readonly isMisspelled: boolean }

const REJECTED: Judgement = { verdict: 'rejected' }
const MISSPELLED: Judgement = { verdict: 'misspelled' }
const TRUNCATED: Judgement = { verdict: 'truncated' }
const SENSELESS: Judgement = { verdict: 'failure', rcode: RCODE_SERVER_FAILURE }

/**
 * By TCP a spelling proves nothing that the connection does not, and nothing is truncated. An error may come without the question
 * (old servers answer FORMERR with a header alone): that ends the exchange with this server, and no client sees it.
 */
export function judge(query: UpstreamQuery, message: Uint8Array, transport: 'udp' | 'tcp'): Judgement {
  if (message.length < HEADER_SIZE || message.length > DNS_MESSAGE_MAX) return REJECTED
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength)
  const head = flags(view, 0)
  if ((head & FLAG_QR) === 0 || (head & OPCODE_MASK) !== 0 || id(view, 0) !== query.id) return REJECTED
  const rcode = head & RCODE_MASK
  if (questionCount(view, 0) === 0 && isError(rcode)) return { verdict: 'failure', rcode }
  if (questionCount(view, 0) !== 1 || !isSameQuestion(query, message)) return REJECTED
  const isMisspelled = !isSameSpelling(query, message)
  if (isMisspelled && query.keepsSpelling && transport === 'udp') return MISSPELLED
  if ((head & FLAG_TC) !== 0) return transport === 'udp' ? TRUNCATED : SENSELESS
  return judgeRecords(query, message, view, isMisspelled)
}

const isError = (rcode: number): boolean => rcode !== RCODE_NO_ERROR && rcode !== RCODE_NAME_ERROR

function isSameQuestion(query: UpstreamQuery, message: Uint8Array): boolean {
  const { message: asked, nameSize, questionEnd } = query
  if (message.length < questionEnd) return false
  if (!equalNames(message, HEADER_SIZE, asked, HEADER_SIZE, nameSize)) return false
  return isSame(message, asked, HEADER_SIZE + nameSize, questionEnd)
}

const isSameSpelling = (query: UpstreamQuery, message: Uint8Array): boolean =>
  isSame(message, query.message, HEADER_SIZE, HEADER_SIZE + query.nameSize)

function isSame(a: Uint8Array, b: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (a[i] !== b[i]) return false
  return true
}

const reader = new DnsRecordReader()

function judgeRecords(
  query: UpstreamQuery,
  received: Uint8Array,
  header: DataView,
  isMisspelled: boolean,
): Judgement {
  const message = new Uint8Array(received)
  const view = new DataView(message.buffer)
  // A name that leads into the header would be another one in each client's message. These bytes lead nowhere, so that it is none.
  message.fill(0xff, 0, HEADER_SIZE)

  const answers = answerCount(header, 0)
  const authorities = authorityCount(header, 0)
  const records = answers + authorities + additionalCount(header, 0)
  const times = new Times(query.type)
  let rcode = flags(header, 0) & RCODE_MASK
  let read = 0
  reader.next = query.questionEnd
  let end = reader.next
  // Each record takes eleven bytes or more, so that the message's size bounds the walk and not what it says of itself.
  for (; read < records; read++) {
    if (!reader.read(view, message.length)) return SENSELESS
    if (reader.type === TYPE_OPT) {
      if (read < answers + authorities) return SENSELESS
      rcode |= extendedRcode(reader.ttl)
      break
    }
    end = reader.next
    times.add(view, reader, read < answers, read >= answers && read < answers + authorities)
  }
  if (isError(rcode)) return { verdict: 'failure', rcode }
  const response: UpstreamResponse = {
    message: end === message.length ? message : message.slice(0, end),
    questionEnd: query.questionEnd,
    answers,
    authorities,
    additionals: read - answers - authorities,
    rcode,
    isAuthentic: (flags(header, 0) & FLAG_AD) !== 0,
    ttlS: times.ttlS(rcode),
  }
  return { verdict: 'response', response, isMisspelled }
}

/** For how long an answer may be remembered: as long as each of its records. */
class Times {
  readonly #type: number
  #leastS = DNS_CACHE_TTL_S_MAX
  #hasAnswer = false
  /** Of the SOA of the zone that does not have it; undefined without one. */
  #negativeS: number | undefined

  constructor(type: number) {
    this.#type = type
  }

  add(view: DataView, record: DnsRecordReader, isAnswer: boolean, isAuthority: boolean): void {
    this.#leastS = Math.min(this.#leastS, record.ttlS)
    if (isAnswer && (record.type === this.#type || this.#type === TYPE_ANY)) this.#hasAnswer = true
    if (isAuthority && record.type === TYPE_SOA) this.#negativeS = record.minimumS(view)
  }

  /** RFC 2308, 5: without SOA, nothing says how long a name is not there (and a referral is no answer). */
  ttlS(rcode: number): number {
    if (rcode === RCODE_NO_ERROR && this.#hasAnswer) return this.#leastS
    if (this.#negativeS === undefined) return 0
    return Math.min(this.#leastS, this.#negativeS, DNS_CACHE_NEGATIVE_TTL_S_MAX)
  }
}
