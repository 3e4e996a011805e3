/**
 * What the name server of the data path is told and what it tells: names of endpoints by network, and whose questions are answered
 * from which of them. Addresses are int32, as frames have them; domains and ports are the engine's numbers.
 */

import type { ExplainedStep } from '../router-settings.ts'

/** What a name of an endpoint is. */
export const NameKind = {
  /** The sandbox's name. */
  sandbox: 0,
  alias: 1,
  /** The first twelve digits of its id. */
  shortId: 2,
  hostname: 3,
} as const

export type NameKind = (typeof NameKind)[keyof typeof NameKind]

export const NAME_KINDS = ['sandbox', 'alias', 'short-id', 'hostname'] as const

/** A network that has names. */
export interface ZoneSettings {
  /** The network's name: the end of `web.front`. */
  readonly name: string
  readonly ttlS: number
  /** Whether the gateway answers questions, on port 53 of UDP and, by way of `DnsServiceSettings`, TCP. */
  readonly served: boolean
}

/** Where questions by TCP to a gateway are led: a program in the relay's namespace. */
export interface DnsServiceSettings {
  readonly address: number
  readonly port: number
  readonly domain: number
}

export interface NameSettings {
  /** `web`, `web.example`; a name that DNS cannot carry has no place here (wire/dns-name.ts `encodeName`). */
  readonly text: string
  readonly kind: NameKind
}

/** An endpoint that has names: a sandbox's place on one network. */
export interface NamedHostSettings {
  /** From 0 to NAMED_HOSTS_MAX - 1. */
  readonly id: number
  readonly domain: number
  readonly ipv4?: number | undefined
  /** Four words. */
  readonly ipv6?: readonly [number, number, number, number] | undefined
  /** The first one is what its addresses lead to (PTR), with the network's name behind it. */
  readonly names: readonly NameSettings[]
  /** Ports that SRV records tell of: exposed and published ones. */
  readonly services: readonly ServiceSettings[]
  /** More names for the addresses of another host, which they go on leading to. */
  readonly aside?: boolean | undefined
}

export interface ServiceSettings {
  /** 6 TCP, 17 UDP, 132 SCTP. */
  readonly protocol: number
  readonly first: number
  readonly last: number
}

/** Whose questions are answered from which networks: one for each sandbox. */
export interface ResolverSettings {
  /** From 0 to PORTS_MAX - 1. */
  readonly id: number
  /** Ports of the switch whose questions it answers. */
  readonly ports: readonly number[]
  /** The networks that are looked through, in order (the one with the default route first). */
  readonly scopes: readonly ScopeSettings[]
  /** Whether names that no network has are asked outside; NXDOMAIN where not. */
  readonly forwards: boolean
  /** A name of one label that no network has is no name (an empty answer), and asked nowhere: the sandbox has set `ndots`. */
  readonly singleLabelsStay: boolean
}

export interface ScopeSettings {
  readonly domain: number
  /** Names that only this sandbox knows there, and the names that they stand for (--link). */
  readonly links: readonly { readonly alias: string; readonly target: string }[]
}

/** Who asks, where the question did not come as a frame to a gateway. */
export type DnsAsker =
  | { readonly resolver: number }
  /** By TCP to a gateway: the client's end of the connection. */
  | { readonly address: number; readonly port: number }

/** What is to become of a question. */
export interface DnsResolution {
  /** `forward`: no network has the name, ask outside; `drop`: no question, or nobody's. */
  readonly verdict: 'answer' | 'forward' | 'drop'
  /** The whole answer; empty unless there is one. */
  readonly message: Uint8Array
  /** Whose it is; -1 where nobody's. */
  readonly resolver: number
  /** How that came about; empty unless asked for. */
  readonly steps: readonly ExplainedStep[]
}

/** A question that came as a frame and is to be asked outside. */
export interface DnsQuestion {
  /** Names it in the answer. */
  readonly ticket: number
  readonly resolver: number
  readonly message: Uint8Array
  /** Bytes that the answer may have. */
  readonly limit: number
}

/** What came of a question that was asked outside. */
export interface DnsAnswer {
  readonly ticket: number
  /** Within the question's limit, and with its id. */
  readonly message: Uint8Array
  readonly verdict: DnsOutsideVerdict
  /** Number of the server for the log; -1 where none has answered. */
  readonly server: number
}

/** A question that did not come as a frame, and what came of it outside: for the log and the counters. Its `message` may be the header alone. */
export interface DnsNote extends Omit<DnsAnswer, 'ticket'> {
  readonly resolver: number
  readonly question: Uint8Array
  readonly waitedMs: number
}

/** `refused`: no more questions of this sandbox may wait; `closed`: there is no way out now. */
export type DnsOutsideVerdict = 'forwarded' | 'cached' | 'failed' | 'refused' | 'closed'

/** What became of a question, as the log and the counters have it. */
export const DNS_VERDICTS = [
  /** From the networks' names. */
  'answered',
  /** The name is there, and has nothing of this type. */
  'empty',
  /** No such name, and none may be asked outside. */
  'nxdomain',
  'forwarded',
  'cached',
  /** No server has answered (SERVFAIL). */
  'failed',
  /** Not IN, not for whom it is, or too many wait (REFUSED). */
  'refused',
  /** FORMERR. */
  'malformed',
  /** NOTIMP, BADVERS. */
  'unsupported',
] as const

export type DnsVerdict = (typeof DNS_VERDICTS)[number]

export interface DnsCounts {
  /** By transport: frames to a gateway, and what was asked by other ways. */
  readonly udp: number
  readonly other: number
  readonly verdicts: Readonly<Record<DnsVerdict, number>>
  /** Answers that did not fit, and said so (TC). */
  readonly truncated: number
  /** Questions that wait for an answer from outside. */
  readonly pending: number
  readonly names: number
  readonly hosts: number
}

export interface DnsLogEntry {
  /** Counts up from 1. */
  readonly sequence: number
  /** Milliseconds, of the clock that `nowMs` is of. */
  readonly atMs: number
  readonly resolver: number
  /** As it was asked, without the last dot; empty where the question could not be read. */
  readonly name: string
  readonly type: number
  readonly verdict: DnsVerdict
  readonly rcode: number
  readonly answers: number
  /** Milliseconds that it waited for an answer from outside; 0 where it did not. */
  readonly waitedMs: number
  /** See DnsAnswer. */
  readonly server: number
}

export interface DnsLogListing {
  readonly entries: readonly DnsLogEntry[]
  /** The sequence number of the last question that there was. */
  readonly last: number
  /** Entries behind `after` that were overwritten before they could be read. */
  readonly lost: number
}
