import { ErrorCode, TapwireError } from '../../control/errors.ts'
import { DNS_LOOPBACK_ADDRESS, DNS_PORT } from '../../limits.ts'
import { SocketError } from '../../ports/namespace-sockets.ts'
import type { ConnectionShares } from './connection-shares.ts'
import { LoopbackServer } from './loopback-server.ts'

export interface LoopbackServersParts {
  readonly shares: ConnectionShares
  readonly byUdp: (resolver: number, message: Uint8Array) => Promise<Uint8Array | undefined>
  readonly byTcp: (resolver: number, message: Uint8Array) => Promise<Uint8Array | undefined>
  readonly warn: (details: object, message: string) => void
}

const PLACE = `${DNS_LOOPBACK_ADDRESS} port ${DNS_PORT}`

/** The name servers in sandboxes, one for each resolver that has one. */
export class LoopbackServers {
  readonly #parts: LoopbackServersParts
  readonly #servers = new Map<number, LoopbackServer>()

  constructor(parts: LoopbackServersParts) {
    this.#parts = parts
  }

  /**
   * Has the resolver's server in that namespace, or nowhere. The function returned puts back what was, where it can. Throws SANDBOX_START
   * and changes nothing.
   *
   * Where a program of the sandbox has the port already, it keeps it: that is its user's doing, and no reason to have no sandbox. The
   * next change of the sandbox's networks tries again.
   */
  set(resolver: number, namespace: string | undefined): () => void {
    const before = this.#servers.get(resolver)
    if (before?.namespace === namespace) return () => undefined
    const server = namespace === undefined ? undefined : this.#open(resolver, namespace)
    this.#put(resolver, server)
    before?.close()
    return () => {
      server?.close()
      // Nothing is there if the next one cannot be opened.
      this.#servers.delete(resolver)
      this.#put(resolver, before && this.#open(resolver, before.namespace))
    }
  }

  close(): void {
    for (const server of this.#servers.values()) server.close()
    this.#servers.clear()
  }

  #put(resolver: number, server: LoopbackServer | undefined): void {
    if (server === undefined) this.#servers.delete(resolver)
    else this.#servers.set(resolver, server)
  }

  /** Undefined where the port is a program's of the sandbox. */
  #open(resolver: number, namespace: string): LoopbackServer | undefined {
    const { shares, byUdp, byTcp, warn } = this.#parts
    try {
      return new LoopbackServer({
        namespace,
        // No client of a gateway is called so: those are addresses.
        client: `resolver ${resolver}`,
        shares,
        byUdp: (message) => byUdp(resolver, message),
        byTcp: (message) => byTcp(resolver, message),
        warn: (warning) => warn({ warning, namespace }, 'names by TCP'),
      })
    } catch (error) {
      if (!(error instanceof SocketError)) throw error
      if (error.code !== 'EADDRINUSE') throw refusal(error)
      warn(
        { namespace, hint: `\`ss -lntup sport = :${DNS_PORT}\` in the sandbox shows the program` },
        `a program in the sandbox has ${PLACE}: names of its networks are not answered there`,
      )
      return undefined
    }
  }
}

const refusal = (cause: SocketError): TapwireError =>
  new TapwireError(ErrorCode.sandboxStart, `names cannot be answered at ${PLACE}: ${cause.message}`, {
    hint: 'With the option `tapwire.dns=none` a network does without names.',
    cause,
  })
