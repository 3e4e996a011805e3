import { createSocket, type Socket } from 'node:dgram'
import { closeSync } from 'node:fs'
import { RELAY_UDP_IDLE_MS, RELAY_UDP_QUEUE_MAX } from '../../limits.ts'

export interface UdpClientEnds {
  /** A new socket that has a port; the client takes it over. */
  readonly descriptor: number
  readonly address: string
  readonly port: number
  /** What the target sends to the client. */
  readonly answer: (bytes: Uint8Array) => void
  /** Called once, after the client was closed or was silent for too long. */
  readonly closed: () => void
}

/** A local program that sends datagrams to a target, by a socket of its own, so that the target can tell it from others. */
export class UdpClient {
  readonly #ends: UdpClientEnds
  readonly #socket: Socket
  readonly #timer: NodeJS.Timeout
  /** What came before the socket was connected. */
  #waiting: Uint8Array[] | undefined = []
  #open = true

  constructor(ends: UdpClientEnds, idleMs: number = RELAY_UDP_IDLE_MS) {
    this.#ends = ends
    this.#socket = createSocket('udp4')
    // ECONNREFUSED says that nobody listens there yet. To the client that is silence, as it is with a lost datagram.
    this.#socket.on('error', () => undefined)
    this.#socket.on('message', (bytes) => {
      this.#timer.refresh()
      ends.answer(bytes)
    })
    try {
      this.#socket.bind({ fd: ends.descriptor })
    } catch (error) {
      closeSync(ends.descriptor)
      throw error
    }
    this.#timer = setTimeout(() => this.close(), idleMs)
    this.#timer.unref()
    this.#socket.connect(ends.port, ends.address, (error?: Error) => this.#connected(error))
  }

  /** Datagrams that the socket cannot take are dropped. The bytes must stay as they are. */
  send(bytes: Uint8Array): void {
    this.#timer.refresh()
    if (this.#waiting === undefined) {
      if (this.#socket.getSendQueueCount() < RELAY_UDP_QUEUE_MAX) this.#socket.send(bytes, () => undefined)
    } else if (this.#waiting.length < RELAY_UDP_QUEUE_MAX) {
      this.#waiting.push(bytes)
    }
  }

  close(): void {
    if (!this.#open) return
    this.#open = false
    clearTimeout(this.#timer)
    this.#socket.close()
    this.#ends.closed()
  }

  #connected(error: Error | undefined): void {
    if (!this.#open) return
    if (error !== undefined) return this.close()
    const waiting = this.#waiting ?? []
    this.#waiting = undefined
    for (const bytes of waiting) this.send(bytes)
  }
}
