/** The records of a message, one after the other, without a value for each: for whoever changes some in place, or looks for a few. */

import { additionalCount, answerCount, authorityCount, HEADER_SIZE, questionCount } from './dns.ts'
import { MALFORMED, skipName } from './dns-name.ts'

/** Type and class, behind the name of a question. */
const QUESTION_FIXED_SIZE = 4
/** Behind the name of a record: type 2, class 2, ttl 4, length of the data 2. */
const RECORD_CLASS = 2
const RECORD_TTL = 4
const RECORD_LENGTH = 8
const RECORD_FIXED_SIZE = 10

export const SECTION_ANSWER = 0
export const SECTION_AUTHORITY = 1
export const SECTION_ADDITIONAL = 2

export type Section = typeof SECTION_ANSWER | typeof SECTION_AUTHORITY | typeof SECTION_ADDITIONAL

/**
 *     const records = new RecordReader()
 *     records.begin(view, message, end)
 *     while (records.next()) ...
 *     if (records.malformed) ...
 *
 * Offsets are those of the view. Whatever the bytes, all of a record that it stops at is within the message.
 */
export class RecordReader {
  /** The walk has ended early: the message does not have what its header says. */
  malformed = false
  /** Where the questions end. */
  questionsEnd = 0
  section: Section = SECTION_ANSWER
  /** The owner: for `readName`, which judges what a pointer in it leads to. */
  nameOffset = 0
  type = 0
  recordClass = 0
  ttlOffset = 0
  rdataOffset = 0
  rdataLength = 0

  private view: DataView = new DataView(new ArrayBuffer(0))
  private message = 0
  private end = 0
  /** Where the next record begins. */
  private at = 0
  private answers = 0
  private authorities = 0
  private additionals = 0

  /** Begins with the message from `message` to `end`: behind its questions. False where it is malformed up to there. */
  begin(view: DataView, message: number, end: number): boolean {
    this.view = view
    this.message = message
    this.end = end
    this.answers = 0
    this.authorities = 0
    this.additionals = 0
    this.at = message + HEADER_SIZE
    this.questionsEnd = this.at
    this.malformed = true
    if (end - message < HEADER_SIZE || !this.skipQuestions()) return false
    this.questionsEnd = this.at
    this.answers = answerCount(view, message)
    this.authorities = authorityCount(view, message)
    this.additionals = additionalCount(view, message)
    this.malformed = false
    return true
  }

  /** Goes to the next record; false behind the last one, and where there is none although there should be. */
  next(): boolean {
    if (this.answers > 0) {
      this.answers--
      this.section = SECTION_ANSWER
    } else if (this.authorities > 0) {
      this.authorities--
      this.section = SECTION_AUTHORITY
    } else if (this.additionals > 0) {
      this.additionals--
      this.section = SECTION_ADDITIONAL
    } else return false
    if (this.readRecord()) return true
    this.answers = 0
    this.authorities = 0
    this.additionals = 0
    this.malformed = true
    return false
  }

  /** A question takes five bytes or more: the message bounds the walk, and not what it says of itself. */
  private skipQuestions(): boolean {
    for (let question = questionCount(this.view, this.message); question > 0; question--) {
      const size = skipName(this.view, this.message, this.at, this.end)
      if (size === MALFORMED || this.end - this.at - size < QUESTION_FIXED_SIZE) return false
      this.at += size + QUESTION_FIXED_SIZE
    }
    return true
  }

  private readRecord(): boolean {
    const { view, at, end } = this
    const size = skipName(view, this.message, at, end)
    if (size === MALFORMED || end - at - size < RECORD_FIXED_SIZE) return false
    const fixed = at + size
    const rdata = fixed + RECORD_FIXED_SIZE
    const length = view.getUint16(fixed + RECORD_LENGTH)
    if (length > end - rdata) return false
    this.nameOffset = at
    this.type = view.getUint16(fixed)
    this.recordClass = view.getUint16(fixed + RECORD_CLASS)
    this.ttlOffset = fixed + RECORD_TTL
    this.rdataOffset = rdata
    this.rdataLength = length
    this.at = rdata + length
    return true
  }
}
