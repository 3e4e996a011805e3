/** A name server outside, and clients: on real sockets, in whatever network namespace. */

import { createSocket, type Socket as DatagramSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type Server, Socket } from 'node:net'
import { framed, TcpMessages } from '../../src/daemon/dns/tcp-messages.ts'
import { openListener, openSocket } from '../../src/ports/namespace-sockets.ts'
import { FLAG_QR, FLAG_RA, FLAG_RD, TYPE_A } from '../../src/wire/dns.ts'
import { composeQuery, type DnsMessage, parseMessage } from '../../src/wire/dns-message.ts'
import { encodeName } from '../../src/wire/dns-name.ts'
import { QueryReader } from '../../src/wire/dns-query.ts'

export interface Asked {
  readonly message: Uint8Array
  readonly name: string
  readonly type: number
  readonly transport: 'udp' | 'tcp'
  /** The asker's end. */
  readonly port: number
  readonly address: string
  /** Sends an answer; several, or none, are no less possible. */
  readonly reply: (answer: Uint8Array) => void
}

export interface NameServerPlace {
  /** Path; undefined is this process's own. */
  readonly namespace?: string | undefined
  readonly address: string
}

/** Listens at port 53 of UDP and TCP, and does with a question what the test says. */
export class NameServer {
  readonly asked: Asked[] = []
  readonly #udp: DatagramSocket
  readonly #tcp: Server
  readonly #connections = new Set<Socket>()

  constructor({ namespace, address }: NameServerPlace, answer: (asked: Asked) => void) {
    const family = address.includes(':') ? 6 : 4
    const place = { namespace, address, family, port: 53 } as const
    const take = (asked: Omit<Asked, 'name' | 'type'>): void => {
      const question = parseMessage(asked.message)?.questions[0]
      const whole = { ...asked, name: question?.name ?? '', type: question?.type ?? 0 }
      this.asked.push(whole)
      answer(whole)
    }
    this.#udp = createSocket(`udp${family}`)
    this.#udp.bind({ fd: openListener({ ...place, protocol: 'udp' }) })
    this.#udp.on('message', (bytes, { address: from, port }) => {
      const reply = (message: Uint8Array): void => this.#udp.send(message, port, from)
      take({ message: new Uint8Array(bytes), transport: 'udp', address: from, port, reply })
    })
    this.#tcp = createServer((socket) => {
      const messages = new TcpMessages()
      this.#connections.add(socket)
      socket.on('error', () => undefined)
      socket.on('data', (chunk) => {
        messages.push(chunk)
        for (let message = messages.next(); message !== undefined; message = messages.next()) {
          const { remoteAddress = '', remotePort = 0 } = socket
          const reply = (bytes: Uint8Array): boolean => socket.write(framed(bytes))
          take({ message, transport: 'tcp', address: remoteAddress, port: remotePort, reply })
        }
      })
    })
    this.#tcp.listen({ fd: openListener({ ...place, protocol: 'tcp' }) })
  }

  async close(): Promise<void> {
    const closed = Promise.all([once(this.#udp, 'close'), once(this.#tcp, 'close')])
    for (const socket of this.#connections) socket.destroy()
    this.#udp.close()
    this.#tcp.close()
    await closed
  }
}

export interface AnswerOptions {
  readonly addresses?: readonly string[]
  readonly ttlS?: number
  readonly rcode?: number
  readonly flags?: number
}

/** An answer to the question, with address records. */
export function answerTo(
  question: Uint8Array,
  { addresses = [], ttlS = 60, rcode = 0, flags = 0 }: AnswerOptions = {},
): Uint8Array {
  const reader = new QueryReader()
  reader.read(new DataView(question.buffer, question.byteOffset, question.length), 0, question.length)
  const records = addresses.map((address) => {
    const record = Buffer.alloc(16)
    record.writeUInt16BE(0xc00c, 0)
    record.writeUInt16BE(TYPE_A, 2)
    record.writeUInt16BE(1, 4)
    record.writeUInt32BE(ttlS, 6)
    record.writeUInt16BE(4, 10)
    record.set(address.split('.').map(Number), 12)
    return record
  })
  const answer = Buffer.concat([question.subarray(0, reader.questionEnd), ...records])
  answer.writeUInt16BE(FLAG_QR | FLAG_RA | FLAG_RD | flags | rcode, 2)
  answer.writeUInt16BE(records.length, 6)
  answer.writeUInt32BE(0, 8)
  return new Uint8Array(answer)
}

/** Answers each question with this address. */
export const answering =
  (...addresses: readonly string[]) =>
  ({ message, reply }: Asked): void =>
    reply(answerTo(message, { addresses }))

let lastId = 0

export function question(name: string, type: number = TYPE_A, udpSize?: number): Uint8Array {
  return composeQuery({
    id: (lastId = (lastId + 7919) & 0xffff),
    name: encodeName(name)!,
    type,
    flags: FLAG_RD,
    edns: udpSize === undefined ? undefined : { udpSize },
  })
}

export const rawId = (message: Uint8Array): number => (message[0]! << 8) | message[1]!

export function decoded(bytes: Uint8Array): DnsMessage {
  const message = parseMessage(bytes)
  if (message === undefined) throw new Error(`malformed: ${Buffer.from(bytes).toString('hex')}`)
  return message
}

/** Asks by UDP, and waits for one answer. */
export async function askByUdp(
  { namespace, address }: NameServerPlace,
  message: Uint8Array,
): Promise<Uint8Array> {
  const socket = createSocket('udp4')
  socket.bind({ fd: openSocket({ namespace, protocol: 'udp' }) })
  try {
    const answered = once(socket, 'message')
    socket.send(message, 53, address)
    const [bytes] = (await answered) as [Buffer]
    return new Uint8Array(bytes)
  } finally {
    socket.close()
  }
}

/** A client's connection, which may ask as it likes. */
export class TcpAsker {
  readonly socket: Socket
  readonly #messages = new TcpMessages()
  readonly #received: Uint8Array[] = []
  #arrived: (() => void) | undefined
  /** Resolves when the other end has closed, to whether that was a reset. */
  readonly closed: Promise<boolean>
  #isClosed = false

  constructor({ namespace, address }: NameServerPlace, { reading = true } = {}) {
    this.socket = new Socket({ fd: openSocket({ namespace, protocol: 'tcp' }), allowHalfOpen: true })
    let reset = false
    this.socket.on('error', () => {
      reset = true
    })
    this.closed = new Promise((resolve) => {
      const ended = (): void => {
        this.#isClosed = true
        this.#arrived?.()
        resolve(reset)
      }
      this.socket.on('end', ended)
      this.socket.on('close', ended)
    })
    if (reading) this.read()
    this.socket.connect(53, address)
  }

  read(): void {
    this.socket.on('data', (chunk) => {
      this.#messages.push(chunk)
      for (let next = this.#messages.next(); next !== undefined; next = this.#messages.next()) {
        this.#received.push(next)
      }
      this.#arrived?.()
    })
  }

  send(...messages: readonly Uint8Array[]): void {
    this.socket.write(Buffer.concat(messages.map(framed)))
  }

  /** The next `count` answers; fewer where the connection ends before. */
  async answers(count: number): Promise<Uint8Array[]> {
    while (this.#received.length < count && !this.#isClosed) {
      await new Promise<void>((resolve) => {
        this.#arrived = resolve
      })
    }
    return this.#received.splice(0, count)
  }

  async ask(message: Uint8Array): Promise<Uint8Array | undefined> {
    this.send(message)
    return (await this.answers(1))[0]
  }

  close(): void {
    this.socket.destroy()
  }
}
