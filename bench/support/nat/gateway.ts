import type { Contender, Forwarder } from '../contender.ts'
import type { Measure } from '../measure.ts'
import type { NatBed } from './bed.ts'

/** A network namespace behind a gateway. Its interface is eth0. */
export interface Sandbox {
  /** Path of the namespace. */
  readonly namespace: string
  readonly address: string
}

/** What stands between the sandbox and the host's network, at work. */
export interface Gateway extends Forwarder {
  readonly sandbox: Sandbox
  /** Publishes `count` ports from `first` on, each on the same port of the running sandbox; resolves when they are. */
  publishRange?(first: number, count: number): Promise<void>
}

/**
 * It starts in the bed's host with all published ports published, and its sandbox has a default route. Where it
 * translates addresses to the host's it must do so in the host's namespace, and nowhere else.
 */
export type NatContender = Contender<NatBed, Gateway>

export type NatMeasure = Measure<NatBed, Gateway>
