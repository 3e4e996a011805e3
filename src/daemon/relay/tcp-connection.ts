import { Socket, type SocketConstructorOpts } from 'node:net'
import { RELAY_CONNECT_TIMEOUT_MS, RELAY_KEEPALIVE_S } from '../../limits.ts'
import { resetOnClose } from '../../ports/namespace-sockets.ts'

export interface TcpConnectionEnds {
  /** A connection of a local program. */
  readonly client: number
  /** A new socket, to be connected. */
  readonly target: number
  readonly address: string
  readonly port: number
}

/**
 * A connection of a local program, carried on to a target. Each direction goes at its receiver's pace and ends on its own; what
 * breaks one end resets the other, and a target that cannot be reached resets the client, which is all that a relay can say.
 */
export class TcpConnection {
  readonly #ends: TcpConnectionEnds
  readonly #client: Socket
  readonly #target: Socket
  readonly #timer: NodeJS.Timeout
  #open = 2

  /** Takes both descriptors over. Calls `closed` once, when both are closed. */
  constructor(ends: TcpConnectionEnds, closed: () => void) {
    this.#ends = ends
    this.#client = adopt(ends.client)
    this.#target = adopt(ends.target)
    for (const socket of [this.#client, this.#target]) {
      socket.on('error', () => this.abort())
      socket.on('close', () => {
        if (--this.#open === 0) closed()
      })
    }
    this.#timer = setTimeout(() => this.abort(), RELAY_CONNECT_TIMEOUT_MS)
    this.#target.once('connect', () => this.#join())
    this.#target.once('close', () => clearTimeout(this.#timer))
    this.#target.connect({ host: ends.address, port: ends.port })
  }

  /** Resets both ends. */
  abort(): void {
    reset(this.#client, this.#ends.client)
    reset(this.#target, this.#ends.target)
  }

  #join(): void {
    clearTimeout(this.#timer)
    // A target that vanishes says nothing: a sandbox's network goes without a word.
    this.#target.setKeepAlive(true, RELAY_KEEPALIVE_S * 1000)
    this.#client.setNoDelay(true)
    this.#target.setNoDelay(true)
    this.#client.pipe(this.#target)
    this.#target.pipe(this.#client)
  }
}

/** Nothing is read before the two are joined: what a client sends meanwhile waits in the kernel. */
function adopt(descriptor: number): Socket {
  const options: SocketConstructorOpts & { pauseOnCreate: boolean } = {
    fd: descriptor,
    allowHalfOpen: true,
    pauseOnCreate: true,
  }
  return new Socket(options)
}

function reset(socket: Socket, descriptor: number): void {
  // Of one that is destroyed, the descriptor may be another's by now.
  if (socket.destroyed) return
  resetOnClose(descriptor)
  socket.destroy()
}
