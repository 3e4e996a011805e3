/**
 * Sockets to servers outside: a new one for each exchange, so that each has a port that nobody can foresee (RFC 5452, 9.2), and connected,
 * so that only the server's address can answer by it and what its machine says of it (ICMP) is heard.
 */

import { Socket } from 'node:net'
import { DNS_FORWARDS_MAX, DNS_SERVERS_MAX } from '../../limits.ts'
import { openSocket } from '../../ports/namespace-sockets.ts'
import type { ExchangeFailure, ForwarderAction, UpstreamServer } from '../../protocols/dns-forwarder-types.ts'
import { adoptDatagramSocket } from './datagram-socket.ts'
import { framed, TcpMessages } from './tcp-messages.ts'

export type UpstreamExchange = Omit<Extract<ForwarderAction, { kind: 'send' }>, 'kind'>

export interface UpstreamSocketsParts {
  /** Path of the namespace that a group's servers are asked from; undefined is the daemon's own. */
  namespaceOf(group: number): string | undefined
  /** A whole message. There may be several for one exchange. */
  received(exchange: number, message: Uint8Array): void
  /** The exchange's socket is closed. It may be that none was opened; then this is called before `send` returns. */
  failed(exchange: number, reason: ExchangeFailure): void
}

/** An exchange's socket, as it is told of. */
interface Ends {
  received(message: Uint8Array): void
  failed(reason: ExchangeFailure): void
}

/**
 * As many as the forwarder may want: each question's servers are asked one after the other, and one that was silent is listened to on.
 * With fewer, sandboxes whose servers are silent would take those away that others need.
 */
const OPEN_MAX = DNS_FORWARDS_MAX * DNS_SERVERS_MAX

export class UpstreamSockets {
  readonly #parts: UpstreamSocketsParts
  readonly #open = new Map<number, () => void>()
  readonly #openMax: number

  constructor(parts: UpstreamSocketsParts, openMax: number = OPEN_MAX) {
    this.#parts = parts
    this.#openMax = openMax
  }

  /** How many are open. */
  get size(): number {
    return this.#open.size
  }

  send(exchange: UpstreamExchange): void {
    const { exchange: id, transport } = exchange
    if (this.#open.size >= this.#openMax) return this.#parts.failed(id, 'local')
    try {
      const begin = transport === 'udp' ? askByUdp : askByTcp
      this.#open.set(id, begin(exchange, this.#descriptor(exchange), this.#endsOf(id)))
    } catch (error) {
      this.#parts.failed(id, reasonOf(error))
    }
  }

  /** One that is not open is none. */
  close(exchange: number): void {
    const close = this.#open.get(exchange)
    this.#open.delete(exchange)
    close?.()
  }

  closeAll(): void {
    for (const exchange of this.#open.keys()) this.close(exchange)
  }

  #descriptor({ group, server, transport }: UpstreamExchange): number {
    const namespace = this.#parts.namespaceOf(group)
    return openSocket({ namespace, protocol: transport, family: familyOf(server) })
  }

  /** Whoever is closed is heard no more. */
  #endsOf(id: number): Ends {
    return {
      received: (message) => {
        if (this.#open.has(id)) this.#parts.received(id, message)
      },
      failed: (reason) => {
        if (!this.#open.has(id)) return
        this.close(id)
        this.#parts.failed(id, reason)
      },
    }
  }
}

const familyOf = ({ address }: UpstreamServer): 4 | 6 => (address.includes(':') ? 6 : 4)

/** Both take the descriptor over, and give the way to close it. */
type Ask = (exchange: UpstreamExchange, descriptor: number, ends: Ends) => () => void

const askByUdp: Ask = ({ server, message }, descriptor, ends) => {
  const socket = adoptDatagramSocket(descriptor, familyOf(server))
  const failed = (error: Error): void => ends.failed(reasonOf(error))
  let open = true
  socket.on('error', failed)
  socket.on('message', (bytes) => ends.received(new Uint8Array(bytes)))
  socket.once('connect', () => {
    // It tells so at the end of the turn, when the exchange may be over.
    if (!open) return
    socket.send(message, (error) => {
      if (error !== null) failed(error)
    })
  })
  socket.connect(server.port, server.address)
  return () => {
    open = false
    socket.close()
  }
}

const askByTcp: Ask = ({ server, message }, descriptor, ends) => {
  const socket = new Socket({ fd: descriptor })
  const messages = new TcpMessages()
  socket.on('error', (error) => ends.failed(reasonOf(error)))
  socket.on('close', () => ends.failed('closed'))
  socket.on('data', (chunk) => {
    messages.push(chunk)
    for (let next = messages.next(); next !== undefined; next = messages.next()) ends.received(next)
  })
  socket.connect({ host: server.address, port: server.port })
  socket.write(framed(message))
  return () => socket.destroy()
}

const REASONS: Readonly<Record<string, ExchangeFailure>> = {
  ECONNREFUSED: 'refused',
  ECONNRESET: 'closed',
  EPIPE: 'closed',
  ENETUNREACH: 'unreachable',
  EHOSTUNREACH: 'unreachable',
  EHOSTDOWN: 'unreachable',
  ENETDOWN: 'unreachable',
  EADDRNOTAVAIL: 'unreachable',
  ENOPROTOOPT: 'unreachable',
  EPROTO: 'unreachable',
}

const reasonOf = (error: unknown): ExchangeFailure =>
  REASONS[(error as NodeJS.ErrnoException).code ?? ''] ?? 'local'
