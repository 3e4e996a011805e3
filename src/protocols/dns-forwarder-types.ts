/** What the forwarder of DNS questions is told and what it wants done (dns-forwarder.ts). */

/** Servers that are asked in turn for some: the machine's own, or those that a sandbox's user names. */
export interface UpstreamGroup {
  /** 0: the machine's; others are chosen by the caller. What one has cached another never sees. */
  readonly id: number
  readonly servers: readonly UpstreamServer[]
}

export interface UpstreamServer {
  /** IPv4 or IPv6, in text. */
  readonly address: string
  readonly port: number
}

export interface ForwardedQuestion {
  /** Names it in the answer; chosen by the caller. */
  readonly ticket: number
  /** Whose it is: a bounded number of one resolver's questions wait at a time. */
  readonly resolver: number
  readonly group: number
  /** A question that the name server of the data path has found well-formed. */
  readonly message: Uint8Array
  /** Bytes that the answer may have. */
  readonly limit: number
}

/** What is to be done for the forwarder, in this order. */
export type ForwarderAction =
  /** Open a socket of its own for `exchange` (its port chosen at random), connected to the server, and send. */
  | {
      readonly kind: 'send'
      readonly exchange: number
      readonly group: number
      readonly server: UpstreamServer
      readonly transport: 'udp' | 'tcp'
      /** Without the length of TCP. */
      readonly message: Uint8Array
    }
  /** The exchange is over: close its socket. */
  | { readonly kind: 'close'; readonly exchange: number }
  | {
      readonly kind: 'answer'
      readonly ticket: number
      readonly message: Uint8Array
      readonly verdict: 'forwarded' | 'cached' | 'failed' | 'refused'
      /** Who answered. */
      readonly server: UpstreamServer | undefined
    }
