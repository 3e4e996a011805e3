/** Which host ports are given out: by protocol and address, where an address may stand for others. */

import type { PublishedProtocol } from './rules/publish-plan.ts'

export interface HostPortRange {
  readonly protocol: PublishedProtocol
  /** Empty for all; `0.0.0.0` and `::` for all of one family. */
  readonly hostIp: string
  readonly first: number
  readonly last: number
}

/** What can be given out without anybody's asking for it. */
export interface EphemeralPorts {
  readonly first: number
  readonly last: number
  readonly reserved: readonly (readonly [number, number])[]
}

const PORT_MAX = 65_535

export class HostPortTable {
  readonly #taken = { tcp: new Map<string, PortSet>(), udp: new Map<string, PortSet>() }
  /** The port behind the one that was last given out, by protocol; 0 where none was. */
  readonly #next = { tcp: 0, udp: 0 }

  /** The first port of the range that another one has already; undefined where all are free. */
  conflict(range: HostPortRange): number | undefined {
    const others = this.#overlapping(range)
    for (let port = range.first; port <= range.last; port++) {
      if (others.some((ports) => ports.has(port))) return port
    }
    return undefined
  }

  /** There is no conflict. */
  take({ protocol, hostIp, first, last }: HostPortRange): void {
    const ports = this.#taken[protocol].get(hostIp) ?? new PortSet()
    for (let port = first; port <= last; port++) ports.add(port)
    this.#taken[protocol].set(hostIp, ports)
  }

  /** It was taken. */
  giveBack({ protocol, hostIp, first, last }: HostPortRange): void {
    const ports = this.#taken[protocol].get(hostIp)
    for (let port = first; port <= last; port++) ports?.delete(port)
    if (ports?.size === 0) this.#taken[protocol].delete(hostIp)
  }

  /**
   * Takes the next free ports behind those that were last given out, at most `count` of them and without a gap; from the
   * beginning again behind the last. Undefined where none is free.
   */
  takeNext(
    protocol: PublishedProtocol,
    hostIp: string,
    count: number,
    ephemeral: EphemeralPorts,
  ): HostPortRange | undefined {
    const { first, last, reserved } = ephemeral
    const others = this.#overlapping({ protocol, hostIp })
    const isFree = (port: number): boolean =>
      port <= last &&
      !reserved.some(([from, to]) => from <= port && port <= to) &&
      !others.some((ports) => ports.has(port))
    const next = this.#next[protocol]
    let start = next < first || next > last ? first : next
    for (let tried = first; !isFree(start); tried++) {
      if (tried > last) return undefined
      start = start >= last ? first : start + 1
    }
    let end = start
    while (end - start + 1 < count && isFree(end + 1)) end++
    const range = { protocol, hostIp, first: start, last: end }
    this.take(range)
    this.#next[protocol] = end + 1
    return range
  }

  /** The next ports are given out from the first of these on: as a whole they could not be used. */
  goBack({ protocol, first }: HostPortRange): void {
    this.#next[protocol] = first
  }

  #overlapping({ protocol, hostIp }: Pick<HostPortRange, 'protocol' | 'hostIp'>): readonly PortSet[] {
    return [...this.#taken[protocol]].filter(([other]) => overlap(other, hostIp)).map(([, ports]) => ports)
  }
}

/** Whether two addresses have one in common. */
function overlap(a: string, b: string): boolean {
  return a === b || covers(a, b) || covers(b, a)
}

function covers(wildcard: string, address: string): boolean {
  if (wildcard === '') return true
  if (wildcard === '0.0.0.0') return address === '' || !address.includes(':')
  return wildcard === '::' && (address === '' || address.includes(':'))
}

/** A bit for each port. */
class PortSet {
  size = 0
  readonly #bits = new Uint32Array((PORT_MAX + 1) / 32)

  has(port: number): boolean {
    return (this.#bits[port >>> 5]! & (1 << (port & 31))) !== 0
  }

  add(port: number): void {
    if (this.has(port)) return
    this.#bits[port >>> 5]! |= 1 << (port & 31)
    this.size++
  }

  delete(port: number): void {
    if (!this.has(port)) return
    this.#bits[port >>> 5]! &= ~(1 << (port & 31))
    this.size--
  }
}
