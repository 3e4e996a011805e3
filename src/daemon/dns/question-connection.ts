import type { Socket } from 'node:net'
import { DNS_CONNECTION_IDLE_MS, DNS_CONNECTION_QUESTIONS_MAX } from '../../limits.ts'
import type { SharedConnection } from './connection-shares.ts'
import { framed, TcpMessages } from './tcp-messages.ts'

/** Answers a message; undefined where there is nothing to say to it. */
export type AnswerQuestion = (message: Uint8Array) => Promise<Uint8Array | undefined>

export interface QuestionConnectionParts {
  readonly answer: AnswerQuestion
  /** Called once, when the socket is closed. */
  closed(): void
  readonly idleMs?: number | undefined
}

/**
 * A client's connection. It may ask on without waiting for answers, which come as they are had (RFC 7766, 6.2.1.1 and 7); what it asks
 * beyond a few, or while it does not read its answers, stays in the kernel until there is room.
 */
export class QuestionConnection implements SharedConnection {
  readonly #socket: Socket
  readonly #parts: QuestionConnectionParts
  readonly #messages = new TcpMessages()
  readonly #idleMs: number
  #timer: NodeJS.Timeout | undefined
  /** Questions that are not answered yet. */
  #asked = 0
  /** The client asks no more. */
  #ended = false

  constructor(socket: Socket, parts: QuestionConnectionParts) {
    this.#socket = socket
    this.#parts = parts
    this.#idleMs = parts.idleMs ?? DNS_CONNECTION_IDLE_MS
    socket.on('data', (chunk) => {
      this.#messages.push(chunk)
      this.#serve()
    })
    socket.on('drain', () => this.#serve())
    socket.on('end', () => {
      this.#ended = true
      this.#serve()
    })
    // A client that goes without a word is none that anybody has to hear of.
    socket.on('error', () => undefined)
    socket.on('close', () => {
      clearTimeout(this.#timer)
      parts.closed()
    })
    this.#wait()
  }

  get idle(): boolean {
    return this.#asked === 0
  }

  close(): void {
    this.#socket.destroy()
  }

  #serve(): void {
    const socket = this.#socket
    if (socket.destroyed) return
    while (this.#asked < DNS_CONNECTION_QUESTIONS_MAX && !socket.writableNeedDrain) {
      const message = this.#messages.next()
      if (message === undefined) return this.#await()
      if (message.length === 0) return this.close()
      void this.#ask(message)
    }
    socket.pause()
  }

  /** All that has come is asked. */
  #await(): void {
    this.#socket.resume()
    if (this.#ended && this.#asked === 0) this.#socket.end()
  }

  async #ask(message: Uint8Array): Promise<void> {
    clearTimeout(this.#timer)
    this.#asked++
    const answer = await this.#parts.answer(message).catch(() => undefined)
    this.#asked--
    if (this.#socket.destroyed) return
    if (answer === undefined) return this.close()
    // Silence begins anew when the client has taken its answer, and not before: one that does not is silent.
    this.#socket.write(framed(answer), () => this.#wait())
    this.#wait()
    this.#serve()
  }

  /** Nothing but a whole question counts: one that comes byte by byte is silence. */
  #wait(): void {
    clearTimeout(this.#timer)
    if (this.#asked === 0 && !this.#socket.destroyed) {
      this.#timer = setTimeout(() => this.close(), this.#idleMs)
    }
  }
}
