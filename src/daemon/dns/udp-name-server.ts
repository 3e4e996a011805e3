import type { RemoteInfo, Socket } from 'node:dgram'
import { DNS_DATAGRAMS_MAX } from '../../limits.ts'
import { adoptDatagramSocket } from './datagram-socket.ts'
import type { AnswerQuestion } from './question-connection.ts'

/** Answers questions by UDP. Those beyond what may wait are lost, as they are in a queue that is full. */
export class UdpNameServer {
  readonly #socket: Socket
  readonly #answer: AnswerQuestion
  #waiting = 0
  #open = true

  /** Takes the descriptor over. */
  constructor(descriptor: number, answer: AnswerQuestion) {
    this.#answer = answer
    this.#socket = adoptDatagramSocket(descriptor, 4)
    // What the kernel says of a client that is gone.
    this.#socket.on('error', () => undefined)
    this.#socket.on('message', (bytes, client) => {
      // Port 0 says that no answer is wanted (RFC 768), and Node throws where it is to send there.
      if (client.port === 0 || this.#waiting >= DNS_DATAGRAMS_MAX) return
      void this.#take(new Uint8Array(bytes), client)
    })
  }

  close(): void {
    if (!this.#open) return
    this.#open = false
    this.#socket.close()
  }

  async #take(message: Uint8Array, { address, port }: RemoteInfo): Promise<void> {
    this.#waiting++
    const answer = await this.#answer(message).catch(() => undefined)
    this.#waiting--
    if (answer === undefined || !this.#open) return
    if (this.#socket.getSendQueueCount() < DNS_DATAGRAMS_MAX) {
      this.#socket.send(answer, port, address, () => undefined)
    }
  }
}
