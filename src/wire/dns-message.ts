/** Messages as values: for listings, for the tests of answers from outside, for questions of our own. Not for the path of frames. */

import {
  CLASS_IN,
  flags,
  HEADER_SIZE,
  id,
  OPCODE_MASK,
  OPCODE_SHIFT,
  questionCount,
  RCODE_MASK,
  setHeader,
  TYPE_OPT,
} from './dns.ts'
import { formatName, MALFORMED, NAME_SIZE_MAX, readName, skipName } from './dns-name.ts'
import { formatRdata } from './dns-rdata.ts'
import { RecordReader, SECTION_ANSWER, SECTION_AUTHORITY } from './dns-records.ts'

export interface DnsMessage {
  readonly id: number
  /** All of the header's: FLAG_..., opcode, lower bits of the response code. */
  readonly flags: number
  readonly opcode: number
  /** The response code, with the bits of OPT where there is one. */
  readonly rcode: number
  readonly questions: readonly DnsMessageQuestion[]
  readonly answers: readonly DnsRecord[]
  readonly authorities: readonly DnsRecord[]
  readonly additionals: readonly DnsRecord[]
}

export interface DnsMessageQuestion {
  /** As formatName writes it. */
  readonly name: string
  readonly type: number
  readonly class: number
}

export interface DnsRecord {
  readonly name: string
  readonly type: number
  /** OPT: bytes that the sender takes by UDP. */
  readonly class: number
  /** Seconds, 0 to 2^31 - 1 (RFC 2181, 8); OPT: the 32 bits as they are. */
  readonly ttl: number
  /** As a zone file has it; see `formatRdata`. */
  readonly data: string
  /** Where the data is in the message. */
  readonly rdataOffset: number
  readonly rdataLength: number
}

export interface DnsQueryOptions {
  readonly id: number
  /** In wire form, as encodeName makes it. */
  readonly name: Uint8Array
  readonly type: number
  /** IN unless given. */
  readonly class?: number | undefined
  /** FLAG_RD, for instance; 0 unless given. */
  readonly flags?: number | undefined
  /** Without it, the question has no record OPT. */
  readonly edns?: { readonly udpSize: number; readonly dnssecOk?: boolean | undefined } | undefined
}

const QUESTION_FIXED_SIZE = 4
/** The root, type 2, class 2, ttl 4, length 2. */
const OPT_SIZE = 11
const DNSSEC_OK = 0x8000
const EXTENDED_RCODE_PLACE = 24
const EXTENDED_RCODE_SHIFT = 4

/** The message that `bytes` are; undefined where they are malformed. Bytes behind the last record are ignored. */
export function parseMessage(bytes: Uint8Array): DnsMessage | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const records = new RecordReader()
  if (!records.begin(view, 0, view.byteLength)) return undefined
  const questions = parseQuestions(view)
  if (questions === undefined) return undefined

  const answers: DnsRecord[] = []
  const authorities: DnsRecord[] = []
  const additionals: DnsRecord[] = []
  while (records.next()) {
    const record = parseRecord(view, records)
    if (record === undefined) return undefined
    if (records.section === SECTION_ANSWER) answers.push(record)
    else if (records.section === SECTION_AUTHORITY) authorities.push(record)
    else additionals.push(record)
  }
  if (records.malformed) return undefined

  const bits = flags(view, 0)
  const opt = additionals.find((record) => record.type === TYPE_OPT)
  const extended = opt === undefined ? 0 : (opt.ttl >>> EXTENDED_RCODE_PLACE) << EXTENDED_RCODE_SHIFT
  return {
    id: id(view, 0),
    flags: bits,
    opcode: (bits & OPCODE_MASK) >>> OPCODE_SHIFT,
    rcode: extended | (bits & RCODE_MASK),
    questions,
    answers,
    authorities,
    additionals,
  }
}

function parseQuestions(view: DataView): DnsMessageQuestion[] | undefined {
  const questions: DnsMessageQuestion[] = []
  let at = HEADER_SIZE
  for (let left = questionCount(view, 0); left > 0; left--) {
    const name = nameAt(view, at)
    if (name === undefined) return undefined
    at += skipName(view, 0, at, view.byteLength)
    questions.push({ name, type: view.getUint16(at), class: view.getUint16(at + 2) })
    at += QUESTION_FIXED_SIZE
  }
  return questions
}

function parseRecord(view: DataView, record: RecordReader): DnsRecord | undefined {
  const { type, recordClass, rdataOffset, rdataLength } = record
  const name = nameAt(view, record.nameOffset)
  if (name === undefined) return undefined
  const ttl = view.getUint32(record.ttlOffset)
  return {
    name,
    type,
    class: recordClass,
    // RFC 2181, 8: a TTL with the uppermost bit counts as zero.
    ttl: type === TYPE_OPT || ttl <= 0x7fffffff ? ttl : 0,
    data: formatRdata(view, 0, type, rdataOffset, rdataLength),
    rdataOffset,
    rdataLength,
  }
}

function nameAt(view: DataView, offset: number): string | undefined {
  const name = new Uint8Array(NAME_SIZE_MAX)
  return readName(view, 0, offset, view.byteLength, name) === MALFORMED ? undefined : formatName(name)
}

/** A question of our own. */
export function composeQuery(query: DnsQueryOptions): Uint8Array {
  const { name, edns } = query
  const questionEnd = HEADER_SIZE + name.length + QUESTION_FIXED_SIZE
  const bytes = new Uint8Array(questionEnd + (edns === undefined ? 0 : OPT_SIZE))
  const view = new DataView(bytes.buffer)
  setHeader(view, 0, query.id, query.flags ?? 0, 1, 0, 0, edns === undefined ? 0 : 1)
  bytes.set(name, HEADER_SIZE)
  view.setUint16(questionEnd - 4, query.type)
  view.setUint16(questionEnd - 2, query.class ?? CLASS_IN)
  if (edns !== undefined) {
    view.setUint16(questionEnd + 1, TYPE_OPT)
    view.setUint16(questionEnd + 3, edns.udpSize)
    view.setUint32(questionEnd + 5, edns.dnssecOk === true ? DNSSEC_OK : 0)
  }
  return bytes
}
