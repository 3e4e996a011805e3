/**
 * The entries of a connection table: 16 words in two halves, one for each direction, in one cache line.
 *
 *     | source | destination | ports | hop | packets | place | deadline | status |    place: owner << 16 | domain
 *     | source | destination | ports | hop | packets | place | mapping  | service|    status: see below
 *
 * What belongs to the flow as a whole stands in either half, and is reached by references of both directions.
 */

/** Words of half an entry, and where they are: `reference << HALF_SHIFT` is where the half of that direction begins. */
export const HALF_SHIFT = 3
export const HALF_WORDS = 1 << HALF_SHIFT
export const ENTRY_WORDS = 2 * HALF_WORDS
export const SOURCE = 0
export const DESTINATION = 1
export const PORTS = 2
const HOP = 3
const PACKETS = 4
const PLACE = 5
/** In the first half, which `reference & FLOW` leads to. */
export const DEADLINE = 6
export const STATUS = 7
/** In the second half. */
export const MAPPING = HALF_WORDS + 6
export const SERVICE = HALF_WORDS + 7

export const FLOW = ~1

/** The word STATUS: protocol, state and flags, 8 bits each, and these; 0 for a flow that is not in use. */
const STATE_SHIFT = 8
const FLAGS_SHIFT = 16
const BYTE = 0xff
export const USED = 1 << 24
export const CONFIRMED = 1 << 25

/** Of a flow that is not in use and has been, in the place of SOURCE: the next such. */
export const NEXT_FREE = 0

/**
 * V8 has big array buffers from mmap by way of malloc, whose header puts them 16 bytes behind the beginning of a page. Entries
 * begin here, so that each has a cache line to itself; where a buffer begins elsewhere, that costs time only.
 */
const ALIGNMENT_BYTES = 48

export class ConnectionEntries {
  protected readonly entries: Int32Array

  constructor(capacity: number) {
    const words = capacity * ENTRY_WORDS
    this.entries = new Int32Array(new ArrayBuffer(ALIGNMENT_BYTES + 4 * words), ALIGNMENT_BYTES, words)
  }

  /** Whether there is such a flow. */
  isUsed(reference: number): boolean {
    return this.entries[((reference & FLOW) << HALF_SHIFT) + STATUS] !== 0
  }

  protected isTuple(
    reference: number,
    protocol: number,
    source: number,
    destination: number,
    ports: number,
  ): boolean {
    const entries = this.entries
    const at = reference << HALF_SHIFT
    return (
      entries[at + PORTS] === ports &&
      entries[at + SOURCE] === source &&
      entries[at + DESTINATION] === destination &&
      (entries[((reference & FLOW) << HALF_SHIFT) + STATUS]! & (USED | BYTE)) === (USED | protocol)
    )
  }

  /** The tuple as received in this direction; that of the other one is at `reference ^ 1`. */
  protocol(reference: number): number {
    return this.entries[((reference & FLOW) << HALF_SHIFT) + STATUS]! & BYTE
  }

  source(reference: number): number {
    return this.entries[(reference << HALF_SHIFT) + SOURCE]!
  }

  destination(reference: number): number {
    return this.entries[(reference << HALF_SHIFT) + DESTINATION]!
  }

  ports(reference: number): number {
    return this.entries[(reference << HALF_SHIFT) + PORTS]!
  }

  /** Eight bits of the translation's own, 0 at first. */
  state(reference: number): number {
    return (this.entries[((reference & FLOW) << HALF_SHIFT) + STATUS]! >>> STATE_SHIFT) & BYTE
  }

  setState(reference: number, value: number): void {
    const at = ((reference & FLOW) << HALF_SHIFT) + STATUS
    this.entries[at] = (this.entries[at]! & ~(BYTE << STATE_SHIFT)) | (value << STATE_SHIFT)
  }

  /** Eight more. */
  flags(reference: number): number {
    return (this.entries[((reference & FLOW) << HALF_SHIFT) + STATUS]! >>> FLAGS_SHIFT) & BYTE
  }

  setFlags(reference: number, value: number): void {
    const at = ((reference & FLOW) << HALF_SHIFT) + STATUS
    this.entries[at] = (this.entries[at]! & ~(BYTE << FLAGS_SHIFT)) | (value << FLAGS_SHIFT)
  }

  /** The bridge domain that packets of this direction come from; 0 at first. */
  domain(reference: number): number {
    return this.entries[(reference << HALF_SHIFT) + PLACE]! & 0xffff
  }

  setDomain(reference: number, domain: number): void {
    const at = (reference << HALF_SHIFT) + PLACE
    this.entries[at] = (this.entries[at]! & ~0xffff) | domain
  }

  /** The router's next hop for packets of this direction, an int32 of its own; 0 at first. */
  hop(reference: number): number {
    return this.entries[(reference << HALF_SHIFT) + HOP]!
  }

  setHop(reference: number, word: number): void {
    this.entries[(reference << HALF_SHIFT) + HOP] = word
  }

  /** The published port that made the flow, an int32; 0 at first: none. */
  mapping(reference: number): number {
    return this.entries[((reference & FLOW) << HALF_SHIFT) + MAPPING]!
  }

  setMapping(reference: number, id: number): void {
    this.entries[((reference & FLOW) << HALF_SHIFT) + MAPPING] = id
  }

  /** The service whose backend was chosen for it, an int32; 0 at first: none. */
  service(reference: number): number {
    return this.entries[((reference & FLOW) << HALF_SHIFT) + SERVICE]!
  }

  setService(reference: number, id: number): void {
    this.entries[((reference & FLOW) << HALF_SHIFT) + SERVICE] = id
  }

  owner(reference: number): number {
    return this.entries[(reference << HALF_SHIFT) + PLACE]! >>> 16
  }

  /** One packet has come in this direction. */
  count(reference: number): void {
    this.entries[(reference << HALF_SHIFT) + PACKETS]!++
  }

  /** Packets in this direction: uint32, which goes round. */
  packets(reference: number): number {
    return this.entries[(reference << HALF_SHIFT) + PACKETS]! >>> 0
  }

  /** The second from which on the flow may be removed. */
  deadline(reference: number): number {
    return this.entries[((reference & FLOW) << HALF_SHIFT) + DEADLINE]!
  }

  /** Whether both ends have shown that they are there. */
  isConfirmed(reference: number): boolean {
    return (this.entries[((reference & FLOW) << HALF_SHIFT) + STATUS]! & CONFIRMED) !== 0
  }

  protected writeHalf(at: number, source: number, destination: number, ports: number, owner: number): void {
    const entries = this.entries
    entries[at + SOURCE] = source
    entries[at + DESTINATION] = destination
    entries[at + PORTS] = ports
    entries[at + HOP] = 0
    entries[at + PACKETS] = 0
    entries[at + PLACE] = owner << 16
  }
}
