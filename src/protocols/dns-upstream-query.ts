/**
 * The question as a server outside is asked: composed afresh, so that nothing of a client's message goes out but what it asks.
 *
 *     | header 12: random id, RD | name in random spelling | type 2 | class 2 | OPT 11: size, DO |
 *
 * Whoever wants to forge an answer without seeing the question has to guess the id (16 bits), the port of the socket (about as many)
 * and the case of each letter of the name ("0x20"; it is RFC 1034, 3.1 that makes servers keep it).
 */

import { DNS_UDP_SIZE_MAX } from '../limits.ts'
import { FLAG_AD, FLAG_CD, FLAG_RD, HEADER_SIZE } from '../wire/dns.ts'
import { composeQuery } from '../wire/dns-message.ts'
import { fold } from '../wire/dns-name.ts'
import type { ClientQuestion } from './dns-client-question.ts'

export interface UpstreamQuery {
  readonly id: number
  readonly message: Uint8Array
  readonly nameSize: number
  /** Where the question ends and, with EDNS, OPT begins. */
  readonly questionEnd: number
  readonly type: number
  /** Whether an answer is to have the name in this very spelling. */
  readonly keepsSpelling: boolean
  readonly hasEdns: boolean
}

const ID_SIZE = 2
const QUESTION_FIXED_SIZE = 4
const CASE = 0x20

/** Random bytes that `composeUpstreamQuery` takes. */
export const randomSize = (question: ClientQuestion): number => ID_SIZE + Math.ceil(question.name.length / 8)

/**
 * AD asks for the server's word on whether the answer is authentic (RFC 6840, 5.7), and CD and DO are the client's. An old server
 * that knows no EDNS gets neither it nor AD. `spells`: whether the spelling is random; the client's own where the server does not
 * keep it anyway.
 */
export function composeUpstreamQuery(
  question: ClientQuestion,
  random: Uint8Array,
  { hasEdns, spells }: { readonly hasEdns: boolean; readonly spells: boolean },
): UpstreamQuery {
  const { name, type, recordClass, dnssecOk, checkingDisabled } = question
  const id = (random[0]! << 8) | random[1]!
  const message = composeQuery({
    id,
    name: spells ? spell(name, random.subarray(ID_SIZE)) : name,
    type,
    class: recordClass,
    flags: FLAG_RD | (hasEdns ? FLAG_AD : 0) | (checkingDisabled ? FLAG_CD : 0),
    edns: hasEdns ? { udpSize: DNS_UDP_SIZE_MAX, dnssecOk } : undefined,
  })
  const questionEnd = HEADER_SIZE + name.length + QUESTION_FIXED_SIZE
  return { id, message, nameSize: name.length, questionEnd, type, keepsSpelling: spells, hasEdns }
}

/** A bit of `random` for each byte of the name: upper case where it is 1 and the byte is a letter. */
function spell(name: Uint8Array, random: Uint8Array): Uint8Array {
  return name.map((byte, i) => {
    const lower = fold(byte)
    const isLetter = lower >= 0x61 && lower <= 0x7a
    const isUpper = ((random[i >> 3]! >> (i & 7)) & 1) === 1
    return isLetter && isUpper ? lower & ~CASE : lower
  })
}
