import { NONE } from './linked-lists.ts'

/**
 * Rows of a table by (address, protocol, range of ports), sorted so that halving finds the one that holds a port. Ranges may
 * overlap: beside each range stands the furthest end of all ranges of its address and protocol up to it, which says whether
 * it is worth looking further back.
 *
 *     address, protocol   first   last   furthest
 *     10.0.0.5, 6         8000    8999   8999
 *     10.0.0.5, 6         8080    8080   8999        8500 begins behind this one and is not in it; 8999 says: look back
 *     10.0.0.5, 17        53      53     53
 *
 * Where ranges do not overlap, a search never looks back.
 */
export class IntervalIndex {
  private length = 0
  private readonly addresses: Int32Array
  /** protocol: 16 bits, first port: 16 bits */
  private readonly firsts: Int32Array
  private readonly lasts: Uint16Array
  private readonly furthest: Uint16Array
  private readonly rows: Int32Array

  constructor(capacity: number) {
    this.addresses = new Int32Array(capacity)
    this.firsts = new Int32Array(capacity)
    this.lasts = new Uint16Array(capacity)
    this.furthest = new Uint16Array(capacity)
    this.rows = new Int32Array(capacity)
  }

  /** The row at a place of the order, 0 to the number of rows - 1. */
  rowAt(place: number): number {
    return this.rows[place]!
  }

  /** The row whose range holds the port, or NONE; of several the one whose range begins last. */
  find(address: number, protocol: number, port: number): number {
    return this.findOverlap(address, protocol, port, port)
  }

  /** The same for the ports from `first` to `last`: a row whose range has one of them. */
  findOverlap(address: number, protocol: number, first: number, last: number): number {
    let place = this.placeBehind(address, (protocol << 16) | last) - 1
    while (place >= 0 && this.isAt(place, address, protocol) && this.furthest[place]! >= first) {
      if (this.lasts[place]! >= first) return this.rows[place]!
      place--
    }
    return NONE
  }

  /** There is room. */
  insert(address: number, protocol: number, first: number, last: number, row: number): void {
    const key = (protocol << 16) | first
    const place = this.placeBehind(address, key)
    this.shift(place, place + 1)
    this.length++
    this.addresses[place] = address
    this.firsts[place] = key
    this.lasts[place] = last
    this.rows[place] = row
    this.measure(place, address, protocol)
  }

  /** Removes a row that was inserted with this key. */
  remove(address: number, protocol: number, first: number, row: number): void {
    let place = this.placeBehind(address, (protocol << 16) | first) - 1
    while (this.rows[place] !== row) place--
    this.shift(place + 1, place)
    this.length--
    this.measure(place, address, protocol)
  }

  /** How many places have this key or a lower one. */
  private placeBehind(address: number, key: number): number {
    let low = 0
    let high = this.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const found = this.addresses[middle]!
      if (found < address || (found === address && this.firsts[middle]! <= key)) low = middle + 1
      else high = middle
    }
    return low
  }

  private isAt(place: number, address: number, protocol: number): boolean {
    return this.addresses[place] === address && this.firsts[place]! >>> 16 === protocol
  }

  /** Brings `furthest` up to date from a place on that has changed, as far as the change has an effect. */
  private measure(changed: number, address: number, protocol: number): void {
    const isFirst = changed === 0 || !this.isAt(changed - 1, address, protocol)
    let reach = isFirst ? 0 : this.furthest[changed - 1]!
    for (let place = changed; place < this.length && this.isAt(place, address, protocol); place++) {
      reach = Math.max(reach, this.lasts[place]!)
      if (this.furthest[place] === reach) return
      this.furthest[place] = reach
    }
  }

  private shift(from: number, to: number): void {
    this.addresses.copyWithin(to, from, this.length)
    this.firsts.copyWithin(to, from, this.length)
    this.lasts.copyWithin(to, from, this.length)
    this.furthest.copyWithin(to, from, this.length)
    this.rows.copyWithin(to, from, this.length)
  }
}
