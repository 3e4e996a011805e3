/**
 * Published ports: (protocol, address, port) -> where it leads. A range of ports is one entry, however long. Addresses are
 * int32, 0 for any local address; protocols are IANA's numbers.
 *
 * Entries stand in rows, whose numbers stay the same for the life of the entry; a row number is what lookups give. Two
 * indexes over the rows are sorted and searched by halving, one for each direction; changes move their words.
 *
 *     outside   | address | protocol, first | row |     ranges of one protocol and address do not overlap: the last one
 *               that begins at the port or before it is the only one that may hold it
 *     inside    the same of the targets, which may overlap: beside each word stands how far the ranges up to there reach
 */

import { PORT_MAPPINGS_MAX } from '../limits.ts'
import { IntervalIndex } from './interval-index.ts'
import { NONE } from './linked-lists.ts'

/** A published port or range. */
export interface PortMapping {
  /** int32, whatever the owner likes; no two entries have the same. */
  readonly id: number
  readonly protocol: number
  /** int32, or 0: any local address. */
  readonly address: number
  /** Both inclusive, 1 to 65,535. */
  readonly first: number
  readonly last: number
  readonly targetAddress: number
  /** Where `first` leads; the ports behind it follow. */
  readonly targetFirst: number
  readonly targetDomain: number
  /** Whatever the owner likes, as int32. */
  readonly owner: number
}

const PORT_MAX = 0xffff

const ROW_SHIFT = 3
const ROW_WORDS = 1 << ROW_SHIFT
const ID = 0
const ADDRESS = 1
/** first: 16 bits, last: 16 bits */
const RANGE = 2
const TARGET_ADDRESS = 3
const TARGET_FIRST = 4
const TARGET_DOMAIN = 5
const OWNER = 6
const PROTOCOL = 7

/** The address that stands for any. */
const ANY = 0

// Constants of this module: see mac-table.ts.
const ABSENT = -1

export class PortMap {
  readonly capacity: number
  /** Entries in the map. */
  size = 0

  private readonly rows: Int32Array
  private readonly freeRows: number[]
  private readonly rowsById = new Map<number, number>()
  private readonly outside: IntervalIndex
  private readonly inside: IntervalIndex

  /** Holds up to `capacity` entries, 1 to PORT_MAPPINGS_MAX; throws RangeError otherwise. */
  constructor(capacity: number) {
    if (!Number.isInteger(capacity) || capacity < 1 || capacity > PORT_MAPPINGS_MAX) {
      throw new RangeError(
        `PortMap: capacity is ${capacity}; it must be an integer from 1 to ${PORT_MAPPINGS_MAX}`,
      )
    }
    this.capacity = capacity
    this.rows = new Int32Array(capacity * ROW_WORDS)
    this.freeRows = Array.from({ length: capacity }, (_, index) => capacity - 1 - index)
    this.outside = new IntervalIndex(capacity)
    this.inside = new IntervalIndex(capacity)
  }

  /**
   * False, and nothing changed, where the range overlaps one of the same protocol and address, the id is there already, or the
   * map is full. Throws RangeError where a range is none.
   */
  add(mapping: PortMapping): boolean {
    requireRanges(mapping)
    const { id, protocol, address, first, last } = mapping
    if (this.size === this.capacity || this.rowsById.has(id)) return false
    if (this.outside.findOverlap(address, protocol, first, last) !== NONE) return false
    const row = this.freeRows.pop()!
    this.writeRow(row, mapping)
    this.rowsById.set(id, row)
    this.outside.insert(address, protocol, first, last, row)
    this.inside.insert(mapping.targetAddress, protocol, mapping.targetFirst, targetLast(mapping), row)
    this.size++
    return true
  }

  /** False where there is no such entry. */
  remove(id: number): boolean {
    const row = this.rowsById.get(id)
    if (row === undefined) return false
    const mapping = this.mappingAt(row)
    this.outside.remove(mapping.address, mapping.protocol, mapping.first, row)
    this.inside.remove(mapping.targetAddress, mapping.protocol, mapping.targetFirst, row)
    this.rowsById.delete(id)
    this.freeRows.push(row)
    this.size--
    return true
  }

  /** The entry for a packet to this address (one of the router's own) and port, or NONE. One of exactly this address comes first. */
  lookup(protocol: number, address: number, port: number): number {
    const exact = this.outside.find(address, protocol, port)
    return exact === ABSENT ? this.outside.find(ANY, protocol, port) : exact
  }

  /** An entry that leads to this address and port, or NONE; of several the one whose range begins last. */
  byTarget(protocol: number, targetAddress: number, targetPort: number): number {
    return this.inside.find(targetAddress, protocol, targetPort)
  }

  get(id: number): PortMapping | undefined {
    const row = this.rowsById.get(id)
    return row === undefined ? undefined : this.mappingAt(row)
  }

  /** All entries, in the order of their addresses, protocols and ports. */
  *entries(): Generator<PortMapping, void, undefined> {
    for (let place = 0; place < this.size; place++) yield this.mappingAt(this.outside.rowAt(place))
  }

  id(row: number): number {
    return this.rows[(row << ROW_SHIFT) + ID]!
  }

  targetAddress(row: number): number {
    return this.rows[(row << ROW_SHIFT) + TARGET_ADDRESS]!
  }

  /** Where a port of the entry's range leads. */
  targetPort(row: number, port: number): number {
    const at = row << ROW_SHIFT
    return this.rows[at + TARGET_FIRST]! + port - (this.rows[at + RANGE]! >>> 16)
  }

  /** The published port that leads to a target port of the entry's: the inverse of `targetPort`. */
  publishedPort(row: number, targetPort: number): number {
    const at = row << ROW_SHIFT
    return (this.rows[at + RANGE]! >>> 16) + targetPort - this.rows[at + TARGET_FIRST]!
  }

  /** The published address; 0 for any. */
  publishedAddress(row: number): number {
    return this.rows[(row << ROW_SHIFT) + ADDRESS]!
  }

  targetDomain(row: number): number {
    return this.rows[(row << ROW_SHIFT) + TARGET_DOMAIN]!
  }

  owner(row: number): number {
    return this.rows[(row << ROW_SHIFT) + OWNER]!
  }

  private writeRow(row: number, mapping: PortMapping): void {
    const at = row << ROW_SHIFT
    this.rows[at + ID] = mapping.id
    this.rows[at + ADDRESS] = mapping.address
    this.rows[at + RANGE] = (mapping.first << 16) | mapping.last
    this.rows[at + TARGET_ADDRESS] = mapping.targetAddress
    this.rows[at + TARGET_FIRST] = mapping.targetFirst
    this.rows[at + TARGET_DOMAIN] = mapping.targetDomain
    this.rows[at + OWNER] = mapping.owner
    this.rows[at + PROTOCOL] = mapping.protocol
  }

  private mappingAt(row: number): PortMapping {
    const at = row << ROW_SHIFT
    return {
      id: this.rows[at + ID]!,
      protocol: this.rows[at + PROTOCOL]!,
      address: this.rows[at + ADDRESS]!,
      first: this.rows[at + RANGE]! >>> 16,
      last: this.rows[at + RANGE]! & PORT_MAX,
      targetAddress: this.rows[at + TARGET_ADDRESS]!,
      targetFirst: this.rows[at + TARGET_FIRST]!,
      targetDomain: this.rows[at + TARGET_DOMAIN]!,
      owner: this.rows[at + OWNER]!,
    }
  }
}

function targetLast({ first, last, targetFirst }: PortMapping): number {
  return targetFirst + last - first
}

function requireRanges(mapping: PortMapping): void {
  const { protocol, first, last, targetFirst } = mapping
  const integers = [first, last, targetFirst, protocol].every(Number.isInteger)
  if (integers && first >= 1 && first <= last && last <= PORT_MAX && targetFirst >= 1) {
    if (targetLast(mapping) <= PORT_MAX && protocol >= 0 && protocol <= 0xff) return
  }
  throw new RangeError(`PortMap: ${protocol}/${first}-${last} to ${targetFirst} is no mapping`)
}
