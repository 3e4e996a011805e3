import { closeSync } from 'node:fs'
import { DNS_LOOPBACK_ADDRESS, DNS_PORT } from '../../limits.ts'
import { openListener } from '../../ports/namespace-sockets.ts'
import type { ConnectionShares } from './connection-shares.ts'
import type { AnswerQuestion } from './question-connection.ts'
import { TcpNameServer } from './tcp-name-server.ts'
import { UdpNameServer } from './udp-name-server.ts'

export interface LoopbackServerParts {
  /** Path of the sandbox's namespace. */
  readonly namespace: string
  /** Whose share of connections its are. */
  readonly client: string
  readonly byUdp: AnswerQuestion
  readonly byTcp: AnswerQuestion
  readonly shares: ConnectionShares
  readonly warn: (message: string) => void
}

/** A name server at 127.0.0.11 in a sandbox, for networks whose gateway is none of ours. */
export class LoopbackServer {
  readonly namespace: string
  readonly #udp: UdpNameServer
  readonly #tcp: TcpNameServer

  /** Throws SocketError, and has no socket. */
  constructor({ namespace, client, byUdp, byTcp, shares, warn }: LoopbackServerParts) {
    this.namespace = namespace
    const place = { namespace, address: DNS_LOOPBACK_ADDRESS, port: DNS_PORT }
    const udp = openListener({ ...place, protocol: 'udp' })
    let tcp: number
    try {
      tcp = openListener({ ...place, protocol: 'tcp' })
    } catch (error) {
      closeSync(udp)
      throw error
    }
    this.#udp = new UdpNameServer(udp, byUdp)
    this.#tcp = new TcpNameServer({
      descriptor: tcp,
      shares,
      warn,
      client: () => ({ name: client, answer: byTcp }),
    })
  }

  close(): void {
    this.#udp.close()
    this.#tcp.close()
  }
}
