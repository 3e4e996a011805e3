/** Names, as the control plane tells the machine of them, and what the machine tells of questions. */

import type { ExplainStep } from './machine.ts'

export interface FabricZone {
  /** The network's. */
  readonly name: string
  readonly ttlS: number
  /** Whether the gateway answers questions. */
  readonly served: boolean
}

export type FabricNameKind = 'sandbox' | 'alias' | 'short-id' | 'hostname'

export interface FabricNamedHost {
  readonly domain: number
  readonly ipv4?: string | undefined
  readonly ipv6?: string | undefined
  /** The first is what its addresses lead to. Each is one that DNS can carry. */
  readonly names: readonly { readonly text: string; readonly kind: FabricNameKind }[]
  /** Ports that SRV records tell of. */
  readonly services: readonly {
    readonly protocol: 'tcp' | 'udp' | 'sctp'
    readonly first: number
    readonly last: number
  }[]
  /** More names for the addresses of another host, which they go on leading to. */
  readonly aside?: boolean | undefined
}

export interface FabricResolver {
  /** Ports of the switch whose questions are answered. */
  readonly ports: readonly number[]
  /** The networks that are looked through, in order. */
  readonly scopes: readonly {
    readonly domain: number
    /** Names that only this sandbox knows there, and the names that they stand for. */
    readonly links: readonly { readonly alias: string; readonly target: string }[]
  }[]
  readonly upstream: FabricUpstream
  /** A name of one label that no network has is asked nowhere, and the answer is empty. */
  readonly singleLabelsStay: boolean
  /** Path of the sandbox's namespace where it is to be answered at 127.0.0.11 there, too. */
  readonly loopback: string | undefined
}

/** Who is asked for names that no network has. */
export type FabricUpstream =
  /** Nobody: no such name. */
  | { readonly kind: 'none' }
  /** The machine's servers, from the daemon's own namespace, as long as there is an uplink that leads out by it. */
  | { readonly kind: 'machine' }
  /** Those that the user named, from the sandbox's namespace. */
  | { readonly kind: 'servers'; readonly servers: readonly string[]; readonly namespace: string }

export interface FabricQuestion {
  readonly resolver: number
  readonly name: string
  /** A number of IANA's list. */
  readonly type: number
}

export interface FabricResolution {
  /** `NOERROR`, `NXDOMAIN` … */
  readonly rcode: string
  readonly verdict: string
  readonly answers: readonly FabricRecord[]
  readonly additionals: readonly FabricRecord[]
  /** How that came about, in order. */
  readonly steps: readonly ExplainStep[]
  /** The server outside that has answered; empty where none has. */
  readonly server: string
  readonly durationMs: number
}

export interface FabricRecord {
  readonly name: string
  readonly type: string
  readonly ttlS: number
  /** As a zone file has it (RFC 1035, 5.1; RFC 3597 for types that have no other). */
  readonly data: string
}

export interface FabricDnsStats {
  readonly udp: number
  readonly other: number
  /** By what became of them: `answered`, `empty`, `nxdomain`, `forwarded` … */
  readonly verdicts: Readonly<Record<string, number>>
  readonly truncated: number
  /** That wait for an answer from outside. */
  readonly pending: number
  readonly names: number
  readonly hosts: number
  readonly cache: {
    readonly entries: number
    readonly capacity: number
    readonly hits: number
    readonly misses: number
    readonly evicted: number
  }
  readonly servers: readonly {
    readonly address: string
    /** Empty: the machine's own servers; else of a sandbox's. */
    readonly resolver: number | undefined
    readonly asked: number
    readonly answered: number
    readonly timeouts: number
    readonly failures: number
    /** Answers that were not believed: wrong id, question or spelling. */
    readonly rejected: number
    /** Of the answers lately; undefined where there is none yet. */
    readonly roundTripMs: number | undefined
  }[]
}

export interface FabricDnsLog {
  readonly entries: readonly {
    readonly sequence: number
    /** Milliseconds since 1970. */
    readonly atMs: number
    readonly resolver: number
    readonly name: string
    readonly type: string
    readonly verdict: string
    readonly rcode: string
    readonly answers: number
    readonly waitedMs: number
    /** Empty where none outside has answered. */
    readonly server: string
  }[]
  readonly last: number
  readonly lost: number
}
