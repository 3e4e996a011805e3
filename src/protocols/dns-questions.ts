import { DNS_UDP_SIZE_MAX } from '../limits.ts'
import { QueryReader } from '../wire/dns-query.ts'
import { composeError, composeFormatError } from './dns-client-answer.ts'
import { readQuestion } from './dns-client-question.ts'

const reader = new QueryReader()

/** Nothing but this code, in no more bytes than the question has. */
export function answerOfCode(message: Uint8Array, rcode: number): Uint8Array {
  const question = readQuestion(message)
  return question === undefined ? composeFormatError(message) : composeError(question, rcode, message.length)
}

/** Bytes that whoever asks by UDP takes (RFC 6891, 6.2.5), as far as we give them. */
export function answerLimit(question: Uint8Array): number {
  const view = new DataView(question.buffer, question.byteOffset, question.byteLength)
  reader.read(view, 0, question.length)
  return Math.min(reader.udpSize, DNS_UDP_SIZE_MAX)
}
