import { LinkedLists, NONE } from './linked-lists.ts'

/**
 * How many things each port holds, and which port holds most, all in constant time. Ports with equal counts share
 * a list; since a count changes by one, the highest count that occurs does too.
 *
 *     count   0        1        2        3        4
 *             5, 1     2        -        3, 0     -        highest = 3, richest = port 3
 */
export class PortRanking {
  private readonly counts: Int32Array
  private readonly equals: LinkedLists
  private highest = 0

  /** Ports 0 to `ports - 1`, each with a count of 0 that may rise to `countMax`. */
  constructor(ports: number, countMax: number) {
    this.counts = new Int32Array(ports)
    this.equals = new LinkedLists(ports, countMax + 1)
    this.clear()
  }

  /** Sets all counts to 0. */
  clear(): void {
    this.counts.fill(0)
    this.equals.clear()
    for (let port = 0; port < this.counts.length; port++) this.equals.append(0, port)
    this.highest = 0
  }

  countOf(port: number): number {
    return this.counts[port]!
  }

  /** The port with the highest count; among equals the one that has had this count longest. */
  richest(): number {
    return this.equals.first(this.highest)
  }

  increment(port: number): void {
    const count = this.counts[port]! + 1
    this.enter(port, count)
    if (count > this.highest) this.highest = count
  }

  decrement(port: number): void {
    const count = this.counts[port]! - 1
    this.enter(port, count)
    if (this.equals.first(this.highest) === NONE) this.highest = count
  }

  private enter(port: number, count: number): void {
    this.equals.unlink(port)
    this.counts[port] = count
    this.equals.append(count, port)
  }
}
