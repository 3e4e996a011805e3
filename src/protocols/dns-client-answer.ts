/**
 * The answer as a client gets it: its id and its spelling of the question, the records of a server outside, and an OPT of ours.
 *
 *     | header 12 | question | records of the server, with the time taken off that they have been here | OPT 11 |
 *
 * The question is as long as the server's, so that all that points to a place in the message points to the same as before.
 */

import { DNS_UDP_SIZE_MAX } from '../limits.ts'
import {
  FLAG_AD,
  FLAG_CD,
  FLAG_QR,
  FLAG_RA,
  FLAG_RD,
  FLAG_TC,
  HEADER_SIZE,
  RCODE_FORMAT_ERROR,
  setHeader,
  TYPE_OPT,
} from '../wire/dns.ts'
import { RecordReader } from '../wire/dns-records.ts'
import type { ClientQuestion } from './dns-client-question.ts'
import { ttlOf } from './dns-record.ts'
import type { UpstreamResponse } from './dns-upstream-response.ts'

const QUESTION_FIXED_SIZE = 4

const OPT_TYPE = 1
const OPT_UDP_SIZE = 3
const OPT_FLAGS = 7
const OPT_SIZE = 11
const DNSSEC_OK = 0x8000

/** What does not fit `limit` bytes is left out as a whole, and TC says so (RFC 2181, 9). `ageS`: seconds since it came. */
export function composeAnswer(
  question: ClientQuestion,
  response: UpstreamResponse,
  ageS: number,
  limit: number,
): Uint8Array {
  const { message, questionEnd, spelt, answers, authorities, additionals, rcode } = response
  const size = message.length + (question.hasEdns ? OPT_SIZE : 0)
  if (size > limit) return composeEmpty(question, FLAG_TC | rcode, limit)

  const bytes = new Uint8Array(size)
  const view = new DataView(bytes.buffer)
  bytes.set(message.subarray(questionEnd), questionEnd)
  putQuestion(view, bytes, question)
  for (const offset of spelt) bytes.set(question.name, offset)
  if (question.hasEdns) setOpt(view, message.length, question.dnssecOk)
  const authentic = response.isAuthentic && wantsAuthentic(question) ? FLAG_AD : 0
  const additionalsSent = additionals + (question.hasEdns ? 1 : 0)
  setHeader(
    view,
    0,
    question.id,
    answerFlags(question) | authentic | rcode,
    1,
    answers,
    authorities,
    additionalsSent,
  )
  if (ageS > 0) takeOff(view, ageS)
  return bytes
}

/** An answer without records. */
export const composeError = (question: ClientQuestion, rcode: number, limit: number): Uint8Array =>
  composeEmpty(question, rcode, limit)

/** The answer to what is no question: FORMERR and, as far as there is one, its id. */
export function composeFormatError(message: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEADER_SIZE)
  const id = ((message[0] ?? 0) << 8) | (message[1] ?? 0)
  setHeader(new DataView(bytes.buffer), 0, id, FLAG_QR | FLAG_RA | RCODE_FORMAT_ERROR, 0, 0, 0, 0)
  return bytes
}

/** Every client takes 512 bytes, and a question with OPT has 282 at most; only who says less goes without OPT. */
function composeEmpty(question: ClientQuestion, bits: number, limit: number): Uint8Array {
  const questionEnd = HEADER_SIZE + question.name.length + QUESTION_FIXED_SIZE
  const hasOpt = question.hasEdns && questionEnd + OPT_SIZE <= limit
  const bytes = new Uint8Array(questionEnd + (hasOpt ? OPT_SIZE : 0))
  const view = new DataView(bytes.buffer)
  putQuestion(view, bytes, question)
  if (hasOpt) setOpt(view, questionEnd, question.dnssecOk)
  setHeader(view, 0, question.id, answerFlags(question) | bits, 1, 0, 0, hasOpt ? 1 : 0)
  return bytes
}

function putQuestion(view: DataView, bytes: Uint8Array, question: ClientQuestion): void {
  bytes.set(question.name, HEADER_SIZE)
  view.setUint16(HEADER_SIZE + question.name.length, question.type)
  view.setUint16(HEADER_SIZE + question.name.length + 2, question.recordClass)
}

/** RD and CD as asked; AA is not ours to say. */
const answerFlags = (question: ClientQuestion): number =>
  FLAG_QR | FLAG_RA | (question.flags & (FLAG_RD | FLAG_CD))

/** RFC 6840, 5.8: AD is told to those who say that they know it, by AD or by DO. */
const wantsAuthentic = (question: ClientQuestion): boolean =>
  question.dnssecOk || (question.flags & FLAG_AD) !== 0

const records = new RecordReader()

/** No record has been here for longer than it holds: the first that would be ends the memory of all. */
function takeOff(view: DataView, ageS: number): void {
  records.begin(view, 0, view.byteLength)
  while (records.next()) {
    if (records.type === TYPE_OPT) return
    view.setUint32(records.ttlOffset, ttlOf(view, records) - ageS)
  }
}

/**
 * OPT without options, version 0 (RFC 6891, 6.1.2).
 *
 *     | root 1 | type 2 | UDP size 2 | extended rcode 1 | version 1 | DO 1 bit, Z 15 | length 2 |
 */
function setOpt(view: DataView, offset: number, dnssecOk: boolean): void {
  view.setUint16(offset + OPT_TYPE, TYPE_OPT)
  view.setUint16(offset + OPT_UDP_SIZE, DNS_UDP_SIZE_MAX)
  view.setUint16(offset + OPT_FLAGS, dnssecOk ? DNSSEC_OK : 0)
}
