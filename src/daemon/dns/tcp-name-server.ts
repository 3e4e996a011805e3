import { createServer, type Server, type Socket } from 'node:net'
import { errorMessage } from '../system-error.ts'
import type { ConnectionShares } from './connection-shares.ts'
import { type AnswerQuestion, QuestionConnection } from './question-connection.ts'

export interface TcpClient {
  /** Whose share of connections it is. */
  readonly name: string
  readonly answer: AnswerQuestion
}

export interface TcpNameServerParts {
  /** Of a socket that listens; taken over. */
  readonly descriptor: number
  /** Undefined: it is gone already. */
  readonly client: (socket: Socket) => TcpClient | undefined
  readonly shares: ConnectionShares
  readonly warn: (message: string) => void
  readonly idleMs?: number | undefined
}

/** Answers questions by TCP. */
export class TcpNameServer {
  readonly #parts: TcpNameServerParts
  readonly #server: Server
  readonly #connections = new Set<QuestionConnection>()

  constructor(parts: TcpNameServerParts) {
    this.#parts = parts
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#take(socket))
    // Out of descriptors, as a rule. The next connection is tried nevertheless.
    this.#server.on('error', (error) => parts.warn(`a question by TCP was not heard: ${errorMessage(error)}`))
    this.#server.listen({ fd: parts.descriptor })
  }

  close(): void {
    this.#server.close()
    for (const connection of this.#connections) connection.close()
  }

  #take(socket: Socket): void {
    const { shares, idleMs } = this.#parts
    const client = this.#parts.client(socket)
    if (client === undefined || !shares.makeRoom(client.name)) {
      socket.on('error', () => undefined)
      socket.resetAndDestroy()
      return
    }
    const connection = new QuestionConnection(socket, {
      answer: client.answer,
      idleMs,
      closed: () => {
        shares.remove(connection)
        this.#connections.delete(connection)
      },
    })
    shares.add(client.name, connection)
    this.#connections.add(connection)
  }
}
