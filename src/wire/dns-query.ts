/**
 * A question of a client, read where it lies in the frame memory; the reader is reused, so that nothing is allocated.
 *
 *     | header 12 | name, type 2, class 2 | additional records, one of them OPT at most |
 *                 ^ name                  ^ questionEnd
 *
 *     OPT (RFC 6891, 6.1.2) | 0 | type 2 | UDP size 2 | extended rcode 1 | version 1 | DO 1 bit, Z 15 | length 2 | options |
 */

import { DNS_UDP_SIZE_MIN } from '../limits.ts'
import {
  additionalCount,
  answerCount,
  authorityCount,
  FLAG_QR,
  flags,
  HEADER_SIZE,
  id,
  OPCODE_MASK,
  questionCount,
  TYPE_OPT,
} from './dns.ts'
import { MALFORMED, nameSize, skipName } from './dns-name.ts'

/** One question, well-formed. */
export const QUERY_OK = 0
/** Not even a header. To be dropped: there is no id to answer with. */
export const QUERY_TRUNCATED = 1
/** A response. To be dropped: whoever answers responses makes loops. */
export const QUERY_RESPONSE = 2
/** To be answered with RCODE_FORMAT_ERROR. */
export const QUERY_FORMAT_ERROR = 3
/** Not a QUERY, but another operation. */
export const QUERY_NOT_IMPLEMENTED = 4
/** A later version of EDNS than 0. */
export const QUERY_BAD_VERSION = 5

export type QueryVerdict =
  | typeof QUERY_OK
  | typeof QUERY_TRUNCATED
  | typeof QUERY_RESPONSE
  | typeof QUERY_FORMAT_ERROR
  | typeof QUERY_NOT_IMPLEMENTED
  | typeof QUERY_BAD_VERSION

/** Type and class, behind the name of a question. */
const QUESTION_TYPE = 0
const QUESTION_CLASS = 2
const QUESTION_FIXED_SIZE = 4

/** Behind the name of a record. */
const RECORD_TYPE = 0
const RECORD_CLASS = 2
const RECORD_TTL = 4
const RECORD_LENGTH = 8
const RECORD_FIXED_SIZE = 10

const VERSION_SHIFT = 16
const DNSSEC_OK = 0x8000

/** An option of OPT: code 2, length 2. */
const OPTION_LENGTH = 2
const OPTION_FIXED_SIZE = 4

// Constants and functions of this module that are on the path of each question: V8 folds what a module keeps to itself, but loads and
// checks what it imports or exports at each use.
const UDP_SIZE_MIN = DNS_UDP_SIZE_MIN
const OK = QUERY_OK
const TRUNCATED = QUERY_TRUNCATED
const RESPONSE = QUERY_RESPONSE
const FORMAT_ERROR = QUERY_FORMAT_ERROR
const NOT_IMPLEMENTED = QUERY_NOT_IMPLEMENTED
const BAD_VERSION = QUERY_BAD_VERSION
const QR = FLAG_QR
const OPCODE = OPCODE_MASK
const OPT = TYPE_OPT
const HEADER = HEADER_SIZE
const NO_NAME = MALFORMED
const sizeOfName = nameSize
const skip = skipName

export class QueryReader {
  id = 0
  flags = 0
  /** Where the question's name begins: behind the header. */
  name = 0
  /** In wire form, the root included; 0 where there is no question that can be read. */
  nameSize = 0
  type = 0
  recordClass = 0
  /** Where the question ends; where the header ends if there is none that can be read. */
  questionEnd = 0
  hasEdns = false
  /** Bytes that the asker takes by UDP: 512 without EDNS, and where it says less (RFC 6891, 6.2.3). */
  udpSize = UDP_SIZE_MIN
  dnssecOk = false
  ednsVersion = 0

  /**
   * Reads the message from `offset` to `end`. Whatever the verdict, all fields are set anew, as far as they could be read; bytes
   * behind the last record are nobody's. The question must be the only one (RFC 9619, 4) and uncompressed: there is nothing in front
   * of it that it could refer to.
   */
  read(view: DataView, offset: number, end: number): QueryVerdict {
    this.reset(offset)
    if (end - offset < HEADER) return TRUNCATED
    this.id = id(view, offset)
    this.flags = flags(view, offset)
    if ((this.flags & QR) !== 0) return RESPONSE

    const questions = questionCount(view, offset)
    const hasQuestion = questions === 1 && this.readQuestion(view, end)
    // Without a question to get past, what stands behind it cannot be found.
    const wellFormed = (hasQuestion || questions === 0) && this.readRecords(view, offset, end)

    // Other operations give the sections other meanings, so that theirs are not judged.
    if ((this.flags & OPCODE) !== 0) return NOT_IMPLEMENTED
    if (!hasQuestion || !wellFormed) return FORMAT_ERROR
    if (answerCount(view, offset) !== 0 || authorityCount(view, offset) !== 0) return FORMAT_ERROR
    return this.ednsVersion === 0 ? OK : BAD_VERSION
  }

  private reset(offset: number): void {
    this.id = 0
    this.flags = 0
    this.name = offset + HEADER
    this.nameSize = 0
    this.type = 0
    this.recordClass = 0
    this.questionEnd = this.name
    this.hasEdns = false
    this.udpSize = UDP_SIZE_MIN
    this.dnssecOk = false
    this.ednsVersion = 0
  }

  private readQuestion(view: DataView, end: number): boolean {
    const size = sizeOfName(view, this.name, end)
    if (size === NO_NAME || end - this.name - size < QUESTION_FIXED_SIZE) return false
    const fixed = this.name + size
    this.nameSize = size
    this.type = view.getUint16(fixed + QUESTION_TYPE)
    this.recordClass = view.getUint16(fixed + QUESTION_CLASS)
    this.questionEnd = fixed + QUESTION_FIXED_SIZE
    return true
  }

  /** Each record takes eleven bytes or more, so the message's size bounds the walk and not what it says of itself. */
  private readRecords(view: DataView, offset: number, end: number): boolean {
    const others = answerCount(view, offset) + authorityCount(view, offset)
    const records = others + additionalCount(view, offset)
    let at = this.questionEnd
    for (let record = 0; record < records; record++) {
      const ownerSize = skip(view, offset, at, end)
      if (ownerSize === NO_NAME || end - at - ownerSize < RECORD_FIXED_SIZE) return false
      const fixed = at + ownerSize
      const data = fixed + RECORD_FIXED_SIZE
      const length = view.getUint16(fixed + RECORD_LENGTH)
      if (length > end - data) return false
      if (view.getUint16(fixed + RECORD_TYPE) === OPT) {
        // RFC 6891, 6.1.1: once, among the additional records, and the root's.
        if (this.hasEdns || record < others || ownerSize !== 1) return false
        if (!areOptions(view, data, data + length)) return false
        this.readEdns(view, fixed)
      }
      at = data + length
    }
    return true
  }

  private readEdns(view: DataView, fixed: number): void {
    const size = view.getUint16(fixed + RECORD_CLASS)
    const word = view.getInt32(fixed + RECORD_TTL)
    this.hasEdns = true
    this.udpSize = size < UDP_SIZE_MIN ? UDP_SIZE_MIN : size
    this.ednsVersion = (word >>> VERSION_SHIFT) & 0xff
    this.dnssecOk = (word & DNSSEC_OK) !== 0
  }
}

/** Whether the options end where their record does; they themselves are not looked at. */
function areOptions(view: DataView, offset: number, end: number): boolean {
  let at = offset
  while (at < end) {
    if (end - at < OPTION_FIXED_SIZE) return false
    at += OPTION_FIXED_SIZE + view.getUint16(at + OPTION_LENGTH)
  }
  return at === end
}
