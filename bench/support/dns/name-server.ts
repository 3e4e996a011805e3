import type { Contender, Forwarder } from '../contender.ts'
import type { Measure } from '../measure.ts'
import type { DnsBed } from './bed.ts'
import type { Size } from './names.ts'

/** From where a name server is asked, and at which address. */
export interface Asking {
  /** Path of the client's network namespace. */
  readonly namespace: string
  readonly address: string
}

/** A name server at work. */
export interface NameServer extends Forwarder {
  /** Resolves when it answers all that it is to be asked for. */
  ready(): Promise<void>
  /** Where the names of a network are known, 10 or 10,000 of them (names.ts), each with one IPv4 address. */
  readonly networks: Readonly<Record<Size, Asking>>
  /** Where questions for other names are handed on to the upstream, and answers remembered. */
  readonly outside: Asking
}

export type DnsContender = Contender<DnsBed, NameServer>

export type DnsMeasure = Measure<DnsBed, NameServer>
