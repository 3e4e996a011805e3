/** What the forwarder of DNS questions is told and what it wants done (dns-forwarder.ts). */

/** Servers that are asked in turn for some: the machine's own, or those that a sandbox's user names. */
export interface UpstreamGroup {
  /** 0: the machine's; others are chosen by the caller. What one has cached another never sees. */
  readonly id: number
  /** The first DNS_SERVERS_MAX of them are asked. */
  readonly servers: readonly UpstreamServer[]
}

export interface UpstreamServer {
  /** IPv4 or IPv6, in text. */
  readonly address: string
  readonly port: number
}

export interface ForwardedQuestion {
  /** Names it in the answer; chosen by the caller, who gives no number to two questions that wait. */
  readonly ticket: number
  /** Whose it is: a bounded number of one resolver's questions wait at a time. */
  readonly resolver: number
  readonly group: number
  /** A question that the name server of the data path has found well-formed. Not kept. */
  readonly message: Uint8Array
  /** Bytes that the answer may have. */
  readonly limit: number
}

/** What is to be done for the forwarder, in this order. */
export type ForwarderAction =
  /** Open a socket of its own for `exchange` (its port chosen at random), connected to the server, and send. */
  | {
      readonly kind: 'send'
      /** Never used again. */
      readonly exchange: number
      readonly group: number
      readonly server: UpstreamServer
      readonly transport: 'udp' | 'tcp'
      /** Without the length of TCP. */
      readonly message: Uint8Array
    }
  /** The exchange is over: close its socket. Each 'send' has one 'close', unless `failed` told of its end. */
  | { readonly kind: 'close'; readonly exchange: number }
  /** Each question has one. */
  | {
      readonly kind: 'answer'
      readonly ticket: number
      readonly message: Uint8Array
      readonly verdict: ForwarderVerdict
      /** Who answered, also where that was long ago; undefined where nobody has. */
      readonly server: UpstreamServer | undefined
    }

/** `failed`: SERVFAIL, since no server has answered; `refused`: REFUSED, since too many questions wait. */
export type ForwarderVerdict = 'forwarded' | 'cached' | 'failed' | 'refused'

/**
 * Why an exchange came to its end without the forwarder's doing: the server's machine refuses (ICMP, RST), there is no way to it,
 * the connection was closed before an answer, or there is no socket to be had here.
 */
export type ExchangeFailure = 'refused' | 'unreachable' | 'closed' | 'local'

export interface ForwarderStats {
  /** Questions that wait for an answer. */
  readonly waiting: number
  /** Sockets that the caller has open for the forwarder. */
  readonly exchanges: number
  readonly cache: ForwarderCacheStats
  readonly servers: readonly ForwarderServerStats[]
}

export interface ForwarderCacheStats {
  readonly entries: number
  readonly capacity: number
  /** With what an entry costs beside its message. */
  readonly bytes: number
  readonly hits: number
  readonly misses: number
  /** Answers that were forgotten to make room for others. */
  readonly evicted: number
}

/** Counts since the server came to its group. */
export interface ForwarderServerStats {
  readonly group: number
  readonly server: UpstreamServer
  /** Messages to it. */
  readonly asked: number
  /** Answers that were believed, errors included. */
  readonly answered: number
  readonly timeouts: number
  /** Errors of the network, and answers that are none: SERVFAIL, REFUSED and the like. */
  readonly failures: number
  /** Messages that were not believed: a wrong id, another question. */
  readonly rejected: number
  /** Smoothed; undefined until it has answered. */
  readonly roundTripMs: number | undefined
}
