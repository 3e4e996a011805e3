/** Asks servers outside for names that no network has. */

import type {
  ExchangeFailure,
  ForwardedQuestion,
  ForwarderAction,
  ForwarderStats,
  UpstreamGroup,
} from './dns-forwarder-types.ts'

export interface DnsForwarderParts {
  /** Bytes that nobody outside can foresee; a cryptographic source. */
  readonly random: (size: number) => Uint8Array
  /** Less than what limits.ts has. */
  readonly limits?: Partial<DnsForwarderLimits>
}

export interface DnsForwarderLimits {
  readonly waiting: number
  readonly waitingPerResolver: number
  readonly cacheEntries: number
  readonly cacheBytes: number
}

export class DnsForwarder {
  readonly #actions: ForwarderAction[] = []

  constructor(_parts: DnsForwarderParts) {}

  /** A new group, or other servers for one: what its old ones have answered is forgotten. */
  setGroup(_group: UpstreamGroup): void {}

  /** Its waiting questions are answered with SERVFAIL, and what its servers have answered is forgotten. */
  removeGroup(_id: number): void {}

  /** Each question is answered by one action 'answer', at once or later; of an unknown group, with SERVFAIL. */
  ask(_nowMs: number, _question: ForwardedQuestion): void {}

  /** A message that came over the exchange's socket: all of a datagram, or of a message by TCP without its length. Of an exchange that is over: ignored. */
  receive(_nowMs: number, _exchange: number, _message: Uint8Array): void {}

  /** The exchange's socket is closed, or was never opened; the caller closes it without a 'close'. */
  failed(_nowMs: number, _exchange: number, _reason: ExchangeFailure): void {}

  /** To be called at `nextTimeoutMs`, or later. */
  tick(_nowMs: number): void {}

  /** When `tick` is to be called, on the clock of `nowMs`; undefined: not before the next question. */
  nextTimeoutMs(): number | undefined {
    return undefined
  }

  /** What is to be done since the last call. To be called after each of the other methods. */
  takeActions(): readonly ForwarderAction[] {
    return this.#actions.splice(0)
  }

  /** Forgets all answers, and says how many there were. */
  flushCache(): number {
    return 0
  }

  stats(): ForwarderStats {
    return {
      waiting: 0,
      exchanges: 0,
      cache: { entries: 0, capacity: 0, bytes: 0, hits: 0, misses: 0, evicted: 0 },
      servers: [],
    }
  }
}
