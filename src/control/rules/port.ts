/** Ports as Docker names them, `80/tcp`. */

import { ErrorCode, TapwireError } from '../errors.ts'
import { printable } from './names.ts'

export type PortProtocol = 'tcp' | 'udp' | 'sctp'

const PORT_MAX = 65_535

export function isProtocol(text: string): text is PortProtocol {
  return text === 'tcp' || text === 'udp' || text === 'sctp'
}

/** What stands before the slash, and the protocol behind it: TCP where there is none. Throws PORT_INVALID. */
export function parseProtocol(text: string): { readonly ports: string; readonly protocol: PortProtocol } {
  const slash = text.indexOf('/')
  const ports = slash < 0 ? text : text.slice(0, slash)
  const protocol = (slash < 0 ? '' : text.slice(slash + 1).toLowerCase()) || 'tcp'
  if (!isProtocol(protocol))
    throw new TapwireError(ErrorCode.portInvalid, `invalid proto: ${printable(protocol)}`)
  return { ports, protocol }
}

/** `80` or `80-90`, of 0 to 65535 and in ascending order; undefined if it is no such thing. */
export function parsePortRange(text: string): { readonly first: number; readonly last: number } | undefined {
  const found = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text)
  if (found === null) return undefined
  const first = Number(found[1])
  const last = found[2] === undefined ? first : Number(found[2])
  return first <= last && last <= PORT_MAX ? { first, last } : undefined
}

/** The number and the protocol of a `80/tcp` that is in normal form. */
export function splitPort(port: string): { readonly number: number; readonly protocol: PortProtocol } {
  // Ten thousand of them are looked at in one go.
  return { number: Number.parseInt(port, 10), protocol: port.slice(port.indexOf('/') + 1) as PortProtocol }
}

/** Orders `80/tcp`s by number, and those of one number by protocol. */
export function comparePorts(a: string, b: string): number {
  const [first, second] = [splitPort(a), splitPort(b)]
  return (
    first.number - second.number ||
    (first.protocol < second.protocol ? -1 : Number(first.protocol !== second.protocol))
  )
}

/** In the order of comparePorts, each once. */
export function sortPorts(ports: readonly string[]): readonly string[] {
  // As a rule they are in order already: a range is written out so.
  if (ports.every((port, index) => index === 0 || comparePorts(ports[index - 1]!, port) < 0)) return ports
  return [...new Set(ports)]
    .map((port) => ({ port, ...splitPort(port) }))
    .sort((a, b) => a.number - b.number || (a.protocol < b.protocol ? -1 : 1))
    .map(({ port }) => port)
}
