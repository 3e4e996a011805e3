/** What the servers of `NameServer` answer, well and ill. */

import type { Answer, Packet } from 'dns-packet'

const TTL_S = 300
const NEGATIVE_TTL_S = 60

/** Of an answer that nobody may believe. */
export const FORGED = '192.0.2.66'

/** Of a forger who guesses an id, and of one who does so with no end. */
export const GUESSES = 20
const FLOOD = 200

export const MANNERS = [
  /** No such name, with the SOA record that says for how long. */
  'absent',
  /** The name is there, and has no such record. */
  'empty',
  'silent',
  /** The answer is held back until it is released. */
  'late',
  'servfail',
  'refused',
  /** By UDP forged answers in place of the right one, many of them. */
  'flood',
  /** Forged answers before the right one. */
  'wrong-id',
  'wrong-question',
  'wrong-source',
  'garbage',
  /** A forged one in place of the right one: it does not spell the name as the question did. By TCP the right one comes. */
  'wrong-spelling',
  /** Names are in lower case, in the question and in the answer. */
  'lowercase',
  /** By UDP cut short. */
  'truncated',
  /** EDNS is not known: FORMERR, and nothing but a header. */
  'old',
] as const

export type Manner = (typeof MANNERS)[number]

export interface Reply {
  readonly message: Packet
  /** From another address, and from another port, than the one that was asked. */
  readonly isElsewhere?: boolean
}

const FLAG_RD = 0x1_00
const FLAG_RA = 0x80
const FLAG_TC = 0x2_00
const RCODE_MASK = 0xf
const FORMAT_ERROR = 1
const RCODES = { servfail: 2, absent: 3, refused: 5, empty: 0 } as const

/** By UDP or TCP; what is sent, in order. `data` is the address that the server has for all names. */
export function replies(
  question: Packet,
  data: string,
  manner?: Manner,
  transport: 'udp' | 'tcp' = 'udp',
): Reply[] {
  const right = { message: answerOf(question, data) }
  const { id = 0, questions: [asked] = [] } = question
  const { name, type } = asked!
  const forged = answerOf(question, FORGED)
  switch (manner) {
    case undefined:
    case 'late':
      return [right]
    case 'silent':
      return []
    case 'absent':
    case 'servfail':
    case 'refused':
      return [{ message: withoutRecords(right.message, RCODES[manner]) }]
    case 'empty':
      return [{ message: withoutRecords(right.message, RCODES.empty) }]
    case 'flood':
      return transport === 'tcp' ? [right] : guesses(forged, FLOOD)
    case 'wrong-id':
      return [...guesses(forged, GUESSES), right]
    case 'wrong-question':
      return [
        { message: { ...forged, questions: [{ type, name: `x${name.slice(1)}` }] } },
        { message: { ...forged, questions: [{ type: 'NULL', name }] } },
        { message: { ...forged, questions: [] } },
        right,
      ]
    case 'wrong-source':
      return [{ message: forged, isElsewhere: true }, right]
    case 'garbage':
      return [{ message: { ...forged, type: 'query' } }, right]
    case 'wrong-spelling':
      return transport === 'tcp' ? [right] : [{ message: answerOf(question, FORGED, swapCase(name)) }]
    case 'lowercase':
      return [{ message: answerOf(question, data, name.toLowerCase()) }]
    case 'old': {
      const { flags = 0 } = right.message
      const header: Packet = { type: 'response', id, flags: flags | FORMAT_ERROR }
      return question.additionals?.some((record) => record.type === 'OPT') ? [{ message: header }] : [right]
    }
    case 'truncated':
      if (transport === 'tcp') return [right]
      return [{ message: { ...right.message, flags: right.message.flags! | FLAG_TC, answers: [] } }]
  }
}

/** With other ids. */
const guesses = (forged: Packet, count: number): Reply[] =>
  Array.from({ length: count }, (_, i) => ({ message: { ...forged, id: (forged.id! + i + 1) & 0xffff } }))

function answerOf({ id = 0, flags = 0, questions = [] }: Packet, data: string, name?: string): Packet {
  const [asked] = questions
  const question = { ...asked!, name: name ?? asked!.name }
  const answers: Answer[] =
    question.type === 'A' ? [{ type: 'A', name: question.name, ttl: TTL_S, data }] : []
  return { type: 'response', id, flags: (flags & FLAG_RD) | FLAG_RA, questions: [question], answers }
}

/** Those that are final say by an SOA record for how long (RFC 2308). */
function withoutRecords(answer: Packet, rcode: number): Packet {
  const names = { mname: 'ns.test', rname: 'root.test' }
  const numbers = { serial: 1, refresh: 1, retry: 1, expire: 1, minimum: NEGATIVE_TTL_S }
  const authority: Answer = { type: 'SOA', name: 'test', ttl: TTL_S, data: { ...names, ...numbers } }
  const isFinal = rcode === RCODES.empty || rcode === RCODES.absent
  const flags = (answer.flags! & ~RCODE_MASK) | rcode
  return { ...answer, flags, answers: [], authorities: isFinal ? [authority] : [] }
}

const swapCase = (text: string): string =>
  text.replace(/[a-z]/gi, (letter) => (letter < 'a' ? letter.toLowerCase() : letter.toUpperCase()))
