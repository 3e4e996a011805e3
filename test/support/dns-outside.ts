/** The forwarder of DNS questions with servers and a clock that the test plays. */

import assert from 'node:assert/strict'
import { type Answer, decode, encode, type Packet } from 'dns-packet'
import { DnsForwarder, type DnsForwarderLimits } from '../../src/protocols/dns-forwarder.ts'
import type { ExchangeFailure, ForwarderAction } from '../../src/protocols/dns-forwarder-types.ts'
import { CLASS_IN, FLAG_RA, FLAG_RD, TYPE_A } from '../../src/wire/dns.ts'
import { composeQuery } from '../../src/wire/dns-message.ts'
import { wireName } from './dns-wire.ts'
import { Random } from './random.ts'

export type Sent = Extract<ForwarderAction, { kind: 'send' }>
export type Answered = Extract<ForwarderAction, { kind: 'answer' }>

export interface Question {
  readonly name?: string
  readonly type?: number
  readonly recordClass?: number
  readonly id?: number
  readonly flags?: number
  readonly edns?: { readonly udpSize: number; readonly dnssecOk?: boolean }
  readonly resolver?: number
  readonly group?: number
  readonly limit?: number
}

export class DnsOutside {
  nowMs = 5000
  readonly forwarder: DnsForwarder
  /** Sockets that are open. */
  readonly open = new Map<number, Sent>()
  /** All that was ever sent. */
  readonly sent: Sent[] = []
  readonly #answers = new Map<number, Answered>()
  readonly #limits = new Map<number, number>()
  #tickets = 0

  constructor(limits: Partial<DnsForwarderLimits> = {}, seed = 1) {
    const random = new Random(seed)
    this.forwarder = new DnsForwarder({
      random: (size) => Uint8Array.from({ length: size }, () => random.next() >>> 7),
      limits,
    })
    this.setGroup(0, '192.0.2.1', '192.0.2.2')
  }

  setGroup(id: number, ...addresses: readonly string[]): void {
    this.forwarder.setGroup({ id, servers: addresses.map((address) => ({ address, port: 53 })) })
    this.#act()
  }

  removeGroup(id: number): void {
    this.forwarder.removeGroup(id)
    this.#act()
  }

  /** The question's ticket. */
  ask(question: Question = {}): number {
    const {
      name = 'web.example',
      type = TYPE_A,
      recordClass = CLASS_IN,
      id = 77,
      flags = FLAG_RD,
      edns,
    } = question
    return this.askBytes(
      composeQuery({ id, name: wireName(name), type, class: recordClass, flags, edns }),
      question,
    )
  }

  askBytes(message: Uint8Array, { resolver = 1, group = 0, limit = 512 }: Question = {}): number {
    const ticket = ++this.#tickets
    this.#limits.set(ticket, limit)
    this.forwarder.ask(this.nowMs, { ticket, resolver, group, message, limit })
    this.#act()
    return ticket
  }

  receive(exchange: Sent, message: Uint8Array): void {
    this.forwarder.receive(this.nowMs, exchange.exchange, message)
    this.#act()
  }

  fail(exchange: Sent, reason: ExchangeFailure = 'refused'): void {
    this.open.delete(exchange.exchange)
    this.forwarder.failed(this.nowMs, exchange.exchange, reason)
    this.#act()
  }

  /** Lets time go by, and keeps the forwarder's appointments. */
  wait(ms: number): void {
    const end = this.nowMs + ms
    for (let at = this.forwarder.nextTimeoutMs(); at !== undefined && at <= end; ) {
      this.nowMs = Math.max(this.nowMs, at)
      this.forwarder.tick(this.nowMs)
      this.#act()
      const next = this.forwarder.nextTimeoutMs()
      assert.ok(next === undefined || next > this.nowMs, 'an appointment is made for what is over')
      at = next
    }
    this.nowMs = end
  }

  get last(): Sent {
    return this.sent.at(-1)!
  }

  /** The server, and the way to it, of all that was sent: `1 udp`. */
  get way(): readonly string[] {
    return this.sent.map(({ server, transport }) => `${server.address.split('.').at(-1)} ${transport}`)
  }

  answered(ticket: number): Answered {
    const answer = this.#answers.get(ticket)
    assert.ok(answer !== undefined, `question ${ticket} waits for an answer`)
    return answer
  }

  waits(ticket: number): boolean {
    return !this.#answers.has(ticket)
  }

  /** Verdict, rcode, and the data of the answers. */
  told(ticket: number): string {
    const { verdict, message } = this.answered(ticket)
    const packet = decode(Buffer.from(message))
    return [verdict, rcodeOf(packet), ...(packet.answers ?? []).map((answer) => String(dataOf(answer)))].join(
      ' ',
    )
  }

  /** Whatever the forwarder wants done, it has to be possible. */
  #act(): void {
    for (const action of this.forwarder.takeActions()) {
      if (action.kind === 'send') {
        assert.ok(!this.sent.some(({ exchange }) => exchange === action.exchange))
        this.open.set(action.exchange, action)
        this.sent.push(action)
      } else if (action.kind === 'close') {
        assert.ok(this.open.delete(action.exchange), 'an exchange is closed that is not open')
      } else {
        assert.ok(!this.#answers.has(action.ticket), 'a question is answered twice')
        assert.ok(action.message.length <= this.#limits.get(action.ticket)!, 'an answer is over its limit')
        this.#answers.set(action.ticket, action)
      }
    }
    assert.equal(this.forwarder.stats().exchanges, this.open.size)
  }
}

const dataOf = (answer: Answer): unknown => ('data' in answer ? answer.data : undefined)

/** dns-packet tells of it only in this way. */
const rcodeOf = (packet: Packet): string => (packet as Packet & { rcode: string }).rcode

export interface Reply {
  readonly rcode?: number
  readonly flags?: number
  readonly answers?: Answer[]
  readonly authorities?: Answer[]
  readonly additionals?: Answer[]
}

/** What a server answers to what it was sent. */
export function reply({ message }: Pick<Sent, 'message'>, contents: Reply = {}): Uint8Array {
  const { rcode = 0, flags = 0, answers = [], authorities = [], additionals = [] } = contents
  const { id, questions } = decode(Buffer.from(message))
  const packet: Packet = {
    type: 'response',
    id: id!,
    flags: FLAG_RD | FLAG_RA | flags | rcode,
    questions: questions!,
    answers,
    authorities,
    additionals,
  }
  return Uint8Array.from(encode(packet))
}

export const addressRecord = (data: string, ttl = 300, name = 'web.example'): Answer => ({
  type: 'A',
  class: 'IN',
  name,
  ttl,
  data,
})

export const startOfAuthority = (ttl: number, minimum: number): Answer => ({
  type: 'SOA',
  class: 'IN',
  name: 'example',
  ttl,
  data: { mname: 'ns.example', rname: 'admin.example', serial: 1, refresh: 2, retry: 3, expire: 4, minimum },
})

export const opt = (extendedRcode = 0): Answer => ({
  type: 'OPT',
  name: '.',
  udpPayloadSize: 4096,
  extendedRcode,
  ednsVersion: 0,
  flags: 0,
  flag_do: false,
  options: [],
})
