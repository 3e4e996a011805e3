/** Which ports hosts offer something on: ranges by protocol, two words each, in one array for all hosts. */

import { FreeNumbers } from './free-numbers.ts'
import { LinkedLists, NONE } from './linked-lists.ts'

/** Words of a range, and where they are: PORTS has the last port in its upper half. */
const RANGE_SHIFT = 1
const PROTOCOL = 0
const PORTS = 1
const LAST_SHIFT = 16
const PORT_MASK = 0xffff

export interface PortRange {
  /** As the header of IP has it: 6 TCP, 17 UDP, 132 SCTP. */
  readonly protocol: number
  readonly first: number
  readonly last: number
}

export class ServiceList {
  private readonly ranges: Int32Array
  private readonly free: FreeNumbers
  private readonly byHost: LinkedLists

  /** Room for `ranges` ranges of hosts 0 to `hosts - 1`. */
  constructor(hosts: number, ranges: number) {
    this.ranges = new Int32Array(ranges << RANGE_SHIFT)
    this.free = new FreeNumbers(ranges)
    this.byHost = new LinkedLists(ranges, hosts)
  }

  /** Ranges for which there is room. */
  get left(): number {
    return this.free.left
  }

  count(host: number): number {
    let count = 0
    for (let range = this.byHost.first(host); range !== NONE; range = this.byHost.next(range)) count++
    return count
  }

  offers(host: number, protocol: number, port: number): boolean {
    const ranges = this.ranges
    for (let range = this.byHost.first(host); range !== NONE; range = this.byHost.next(range)) {
      const at = range << RANGE_SHIFT
      const ports = ranges[at + PORTS]!
      if (ranges[at + PROTOCOL] !== protocol) continue
      if ((ports & PORT_MASK) <= port && port <= ports >>> LAST_SHIFT) return true
    }
    return false
  }

  /** There must be room. */
  add(host: number, { protocol, first, last }: PortRange): void {
    const range = this.free.take()
    this.ranges[(range << RANGE_SHIFT) + PROTOCOL] = protocol
    this.ranges[(range << RANGE_SHIFT) + PORTS] = (last << LAST_SHIFT) | first
    this.byHost.append(host, range)
  }

  /** Forgets all ranges of the host. */
  clear(host: number): void {
    for (let range = this.byHost.first(host); range !== NONE; range = this.byHost.first(host)) {
      this.byHost.unlink(range)
      this.free.giveBack(range)
    }
  }
}
