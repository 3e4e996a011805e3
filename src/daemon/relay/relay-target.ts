import type { TransportProtocol } from '../../ports/reserved-ports.ts'

/** Where the connections to a range of ports go: its first port to `first`, the next to the next. */
export interface RelayTarget {
  readonly address: string
  readonly first: number
}

/** Opens sockets that reach targets. */
export interface RelaySockets {
  openSocket(protocol: TransportProtocol): number
}

/** Tells what the relay could not do for a client, for the log. */
export type RelayWarning = (message: string) => void

/** The smallest number that is not a key yet: names of reservations are used again. */
export function freeTag(taken: ReadonlyMap<number, unknown>): number {
  let tag = 0
  while (taken.has(tag)) tag++
  return tag
}
