/** Published ports as ranges: what a record keeps of them, and what people are shown. */

import type { PortBinding } from '../model/records.ts'
import { type PortProtocol, parsePortRange, parseProtocol } from './port.ts'

/** Neighbouring ports of a sandbox that are published alike. */
export interface PortRange {
  readonly protocol: PortProtocol
  /** The sandbox's ports. */
  readonly first: number
  readonly last: number
  /** Empty for all addresses of the machine. */
  readonly hostIp: string
  /** Where the first one is published. 0: nowhere on the machine, for the network is routed. */
  readonly hostFirst: number
}

/** A range by `3000-3009/tcp`, at a host port `8000-8009`. */
export function recordRanges(ranges: readonly PortRange[]): Readonly<Record<string, readonly PortBinding[]>> {
  const ports = new Map<string, PortBinding[]>()
  for (const { protocol, first, last, hostIp, hostFirst } of ranges) {
    const name = `${rangeText(first, last)}/${protocol}`
    const hostPort = hostFirst === 0 ? '' : rangeText(hostFirst, hostFirst + last - first)
    const bindings = ports.get(name) ?? []
    // A routed sandbox has the same ports on each of its networks.
    if (!bindings.some((other) => other.hostIp === hostIp && other.hostPort === hostPort)) {
      ports.set(name, [...bindings, { hostIp, hostPort }])
    }
  }
  return Object.fromEntries(ports)
}

/** The other way round. */
export function recordedRanges(ports: Readonly<Record<string, readonly PortBinding[]>>): PortRange[] {
  return Object.entries(ports).flatMap(([name, bindings]) => {
    const { ports: text, protocol } = parseProtocol(name)
    const { first, last } = parsePortRange(text)!
    return bindings.map(({ hostIp, hostPort }) => {
      const hostFirst = hostPort === '' ? 0 : parsePortRange(hostPort)!.first
      return { protocol, first, last, hostIp, hostFirst }
    })
  })
}

/** Each port by itself, as `80/tcp`, with the addresses that it is published on, as Docker shows them. */
export function shownPorts(
  ports: Readonly<Record<string, readonly PortBinding[]>>,
): Record<string, PortBinding[]> {
  const shown = new Map<string, PortBinding[]>()
  for (const range of recordedRanges(ports)) {
    for (let port = range.first; port <= range.last; port++) {
      const name = `${port}/${range.protocol}`
      const bindings = shown.get(name) ?? []
      bindings.push(...shownBindings(range, port, port))
      shown.set(name, bindings)
    }
  }
  return Object.fromEntries(shown)
}

/** The same in ranges, by `3000-3009/tcp`. */
export function shownRanges(
  ports: Readonly<Record<string, readonly PortBinding[]>>,
): Record<string, PortBinding[]> {
  const shown = new Map<string, PortBinding[]>()
  for (const range of recordedRanges(ports)) {
    const { protocol, first, last } = range
    const name = `${rangeText(first, last)}/${protocol}`
    shown.set(name, [...(shown.get(name) ?? []), ...shownBindings(range, first, last)])
  }
  return Object.fromEntries(shown)
}

/** Of a part of a range. No address is every address, of both families. */
function shownBindings(range: PortRange, first: number, last: number): PortBinding[] {
  const { hostIp, hostFirst } = range
  if (hostFirst === 0) return [{ hostIp: hostIp || '0.0.0.0', hostPort: '' }]
  const distance = hostFirst - range.first
  const hostPort = rangeText(first + distance, last + distance)
  return (hostIp === '' ? ['0.0.0.0', '::'] : [hostIp]).map((address) => ({ hostIp: address, hostPort }))
}

export function rangeText(first: number, last: number): string {
  return first === last ? String(first) : `${first}-${last}`
}
