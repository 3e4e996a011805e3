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
import { RecordReader, SECTION_ADDITIONAL, SECTION_ANSWER, SECTION_AUTHORITY } from '../wire/dns-records.ts'
import { isSound, minimumOf, ttlOf } from './dns-record.ts'
import type { UpstreamQuery } from './dns-upstream-query.ts'

export interface UpstreamResponse {
  /** Up to OPT. Its header is no header: each client gets its own. */
  readonly message: Uint8Array
  readonly questionEnd: number
  /** Where records have the name that was asked for spelt out: to each client it is to be as that has spelt it. */
  readonly spelt: readonly number[]
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
  return judgeRecords(query, message, isMisspelled)
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

const records = new RecordReader()

function judgeRecords(query: UpstreamQuery, received: Uint8Array, isMisspelled: boolean): Judgement {
  const message = new Uint8Array(received)
  const view = new DataView(message.buffer)
  const head = flags(view, 0)
  if (!records.begin(view, 0, message.length)) return SENSELESS
  // A name that leads into the header would be another one in each client's message. These bytes lead nowhere, so that it is none.
  message.fill(0xff, 0, HEADER_SIZE)

  const counts: [number, number, number] = [0, 0, 0]
  const times = new Times(query.type)
  const spelt: number[] = []
  let rcode = head & RCODE_MASK
  let end = records.questionsEnd
  while (records.next()) {
    if (records.type === TYPE_OPT) {
      if (records.section !== SECTION_ADDITIONAL) return SENSELESS
      rcode |= extendedRcode(view.getUint32(records.ttlOffset))
      break
    }
    if (!isSound(view, records, message.length)) return SENSELESS
    counts[records.section]++
    times.add(view, records)
    if (isNameAsked(query, message, records.nameOffset)) spelt.push(records.nameOffset)
    end = records.rdataOffset + records.rdataLength
  }
  if (records.malformed) return SENSELESS
  if (isError(rcode)) return { verdict: 'failure', rcode }
  const [answers, authorities, additionals] = counts
  const response: UpstreamResponse = {
    message: end === message.length ? message : message.slice(0, end),
    questionEnd: query.questionEnd,
    spelt,
    answers,
    authorities,
    additionals,
    rcode,
    isAuthentic: (head & FLAG_AD) !== 0,
    ttlS: times.ttlS(rcode),
  }
  return { verdict: 'response', response, isMisspelled }
}

/** Not where it is a pointer to the question, as with most servers. */
const isNameAsked = ({ message: asked, nameSize }: UpstreamQuery, message: Uint8Array, at: number): boolean =>
  at + nameSize <= message.length && equalNames(message, at, asked, HEADER_SIZE, nameSize)

/** The upper eight bits of the rcode, in their place, of what OPT has as its TTL (RFC 6891, 6.1.3). */
const extendedRcode = (ttl: number): number => (ttl >>> 24) << 4

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

  add(view: DataView, record: RecordReader): void {
    const { section, type } = record
    this.#leastS = Math.min(this.#leastS, ttlOf(view, record))
    if (section === SECTION_ANSWER && (type === this.#type || this.#type === TYPE_ANY)) this.#hasAnswer = true
    if (section === SECTION_AUTHORITY && type === TYPE_SOA) this.#negativeS = minimumOf(view, record)
  }

  /** RFC 2308, 5: without SOA, nothing says how long a name is not there (and a referral is no answer). */
  ttlS(rcode: number): number {
    if (rcode === RCODE_NO_ERROR && this.#hasAnswer) return this.#leastS
    if (this.#negativeS === undefined) return 0
    return Math.min(this.#leastS, this.#negativeS, DNS_CACHE_NEGATIVE_TTL_S_MAX)
  }
}
