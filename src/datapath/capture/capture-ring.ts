/**
 * A ring of copies between the data path, which writes, and one reader on another thread. Where the reader is slow the ring is full, and a copy
 * that finds no room is dropped and counted: the data path never waits.
 *
 *     | state: 64 words | counts: four float64 an interface | data, a multiple of 8 bytes ................................ |
 *
 *     data:     | record | record | free …                | reserved, not yet published | free … | record | 0 |
 *                                   ▲ head (published)                                 ▲ tail             └ goes on at 0
 *
 *     record:   | size kind number interface | time | length captured reason facts movedFrom flow | protocol | source destination ports |
 *               | source destination ports (reply) | - - | virtio-net header 10 | frame, as much as was captured | padding to 8 |
 *
 * `head` and `tail` are offsets in the data; the ring is empty where they are equal, and so never quite full. A record is in one piece, and
 * published when it is whole. Frame and header are copied eight bytes at a time: where a frame begins in the frame memory its header is aligned.
 */

import { PORTS_MAX } from '../../limits.ts'
import { VIRTIO_NET_HEADER_SIZE } from '../frame-memory.ts'

const STATE_WORDS = 64
const HEAD = 0
const TAIL = 1
/** 1 where the reader has found nothing, and wants to be told. */
const WAITS = 2
const STATE_SIZE = STATE_WORDS * 4

const SEEN = 0
const ACCEPTED = 1
const DROPPED = 2
const REFUSED = 3
const COUNTS = 4
const COUNTS_SIZE = PORTS_MAX * COUNTS * 8
const DATA_START = STATE_SIZE + COUNTS_SIZE

const SIZE = 0
const KIND = 1
const NUMBER = 2
const INTERFACE = 3
/** A float64. */
const TIME = 4
const LENGTH = 6
const CAPTURED = 7
const REASON = 8
const FACTS = 9
const MOVED_FROM = 10
const FLOW = 11
const PROTOCOL = 12
const ORIGINAL = 13
const REPLY = 16
const HEADER_WORDS = 20
export const RECORD_HEADER_SIZE = HEADER_WORDS * 4

const NONE = -1
/** The share of a ring that has been full which has to be free before it takes copies again. */
const ROOM = 1 / 4
/** No room: `reserve`. */
export const RING_FULL = -1

export const RecordKind = {
  /** Withdrawn; the reader passes over it. */
  void: 0,
  arrival: 1,
  departure: 2,
  /**
   * It has not got to its device: the device has not taken it, and it has been told of as a departure already, but to those who want what was
   * dropped alone; or the impaired link there has lost it.
   */
  refused: 3,
} as const

/** What a record says beside the frame. */
export interface RecordFields {
  readonly number: number
  readonly timeMs: number
  readonly reason: number
  readonly facts: number
  readonly movedFrom: number
  readonly flow: number
}

/** Of a flow: what connection tables know. */
export interface RecordTuples {
  isUsed(reference: number): boolean
  protocol(reference: number): number
  source(reference: number): number
  destination(reference: number): number
  /** Source << 16 | destination. */
  ports(reference: number): number
}

/** Of one interface. */
export interface RingCounts {
  /** Frames that passed the port while it was looked at, those that the filter accepted, and copies dropped for want of room. */
  readonly seen: number
  readonly accepted: number
  readonly dropped: number
  /** Frames that the device did not take. */
  readonly refused: number
}

const aligned = (size: number): number => (size + 7) & ~7

/** Bytes of memory of a ring for at least `size` bytes of records. */
export const ringSize = (size: number): number => DATA_START + aligned(size)

/** For a new writer and a new reader, when the old ones are gone. */
export function clearRing(buffer: ArrayBufferLike): void {
  new Uint8Array(buffer, 0, DATA_START).fill(0)
}

class RingMemory {
  protected readonly state: Int32Array
  protected readonly counts: Float64Array
  protected readonly words: Int32Array
  protected readonly longs: BigInt64Array
  protected readonly times: Float64Array
  protected readonly bytes: Uint8Array
  /** Bytes of the data. */
  readonly capacity: number

  /** `buffer`: a SharedArrayBuffer of `ringSize` bytes where both sides are on different threads. */
  constructor(buffer: ArrayBufferLike) {
    this.capacity = buffer.byteLength - DATA_START
    this.state = new Int32Array(buffer, 0, STATE_WORDS)
    this.counts = new Float64Array(buffer, STATE_SIZE, PORTS_MAX * COUNTS)
    this.words = new Int32Array(buffer, DATA_START)
    this.longs = new BigInt64Array(buffer, DATA_START)
    this.times = new Float64Array(buffer, DATA_START)
    this.bytes = new Uint8Array(buffer, DATA_START)
  }
}

/** The data path's side. */
export class CaptureRingWriter extends RingMemory {
  /** Behind the last record that is reserved. */
  private next = 0
  /** The reader's tail as it was seen last: it is looked at again only when that leaves no room. */
  private tail = 0
  /**
   * A copy has found no room, and the reader has not made enough of it since. Then it is not worth while to look at frames one by one; and
   * copies that are lost one after the other tell more than as many that are lost here and there.
   */
  isFull = false

  /** A frame passed the interface; `isAccepted`: and the filter. */
  count(of: number, isAccepted: boolean): void {
    const at = of * COUNTS
    this.counts[at + SEEN]! += 1
    if (isAccepted) this.counts[at + ACCEPTED]! += 1
  }

  /** `frames` passed the interface, none of which the filter accepted. */
  countSeen(of: number, frames: number): void {
    this.counts[of * COUNTS + SEEN]! += frames
  }

  countDropped(of: number): void {
    this.counts[of * COUNTS + DROPPED]! += 1
  }

  countRefused(of: number): void {
    this.counts[of * COUNTS + REFUSED]! += 1
  }

  /**
   * Room for a record of a frame of which `captured` of `length` bytes are copied, with what does not change any more filled in: where it
   * is, or RING_FULL, and it counts as dropped. It is the reader's after `publish`.
   */
  reserve(kind: number, of: number, length: number, captured: number): number {
    const at = this.makeRoom(aligned(RECORD_HEADER_SIZE + VIRTIO_NET_HEADER_SIZE + captured))
    if (at === RING_FULL) {
      this.isFull = true
      this.countDropped(of)
      return RING_FULL
    }
    const word = at >>> 2
    this.words[word + KIND] = kind
    this.words[word + INTERFACE] = of
    this.words[word + LENGTH] = length
    this.words[word + CAPTURED] = captured
    return at
  }

  /** What is known of the frame in the record at `at`. */
  fill(at: number, fields: RecordFields, tuples: RecordTuples): void {
    const { words } = this
    const word = at >>> 2
    const { flow } = fields
    words[word + NUMBER] = fields.number
    this.times[(word + TIME) >>> 1] = fields.timeMs
    words[word + REASON] = fields.reason
    words[word + FACTS] = fields.facts
    words[word + MOVED_FROM] = fields.movedFrom
    words[word + FLOW] = flow
    if (flow === NONE) return
    if (!tuples.isUsed(flow)) {
      words[word + FLOW] = NONE
      return
    }
    const original = flow & ~1
    words[word + PROTOCOL] = tuples.protocol(flow)
    words[word + ORIGINAL] = tuples.source(original)
    words[word + ORIGINAL + 1] = tuples.destination(original)
    words[word + ORIGINAL + 2] = tuples.ports(original)
    words[word + REPLY] = tuples.source(original | 1)
    words[word + REPLY + 1] = tuples.destination(original | 1)
    words[word + REPLY + 2] = tuples.ports(original | 1)
  }

  /** Copies header and frame from the frame memory, which is read eight bytes at a time; `offset` is where the frame begins. */
  copy(at: number, from: BigInt64Array, offset: number): void {
    const { longs } = this
    const start = offset - VIRTIO_NET_HEADER_SIZE
    const captured = this.words[(at >>> 2) + CAPTURED]!
    if ((start & 7) !== 0) {
      this.copyBytes(at, new Uint8Array(from.buffer, from.byteOffset, from.byteLength), offset, true)
      return
    }
    const source = start >>> 3
    const target = (at + RECORD_HEADER_SIZE) >>> 3
    const count = (VIRTIO_NET_HEADER_SIZE + captured + 7) >>> 3
    // `set` would allocate the view that it copies from; and four bytes at a time take three times as long.
    for (let i = 0; i < count; i++) longs[target + i] = from[source + i]!
  }

  /** The same from anywhere, and for few: allocates. Without `header` there is none before the frame. */
  copyBytes(at: number, from: Uint8Array, offset: number, header: boolean): void {
    const target = at + RECORD_HEADER_SIZE
    const captured = this.words[(at >>> 2) + CAPTURED]!
    if (header) {
      const start = offset - VIRTIO_NET_HEADER_SIZE
      this.bytes.set(from.subarray(start, offset + captured), target)
    } else {
      this.bytes.fill(0, target, target + VIRTIO_NET_HEADER_SIZE)
      this.bytes.set(from.subarray(offset, offset + captured), target + VIRTIO_NET_HEADER_SIZE)
    }
  }

  /** Takes back a record that is not published: it is as though it had not been reserved. */
  withdraw(at: number): void {
    const { words } = this
    const word = at >>> 2
    if (this.next === at + words[word + SIZE]!) this.next = at
    else words[word + KIND] = RecordKind.void
  }

  /** Hands all records to the reader. True where the reader waits to be told. */
  publish(): boolean {
    if (this.isFull) this.isFull = !this.hasRoom()
    if (this.state[HEAD] === this.next) return false
    Atomics.store(this.state, HEAD, this.next)
    return Atomics.exchange(this.state, WAITS, 0) === 1
  }

  private hasRoom(): boolean {
    this.tail = Atomics.load(this.state, TAIL)
    const used = this.next - this.tail
    const free = used < 0 ? -used : this.capacity - used
    return free >= this.capacity * ROOM
  }

  private makeRoom(size: number): number {
    let at = this.find(size)
    if (at === RING_FULL) {
      this.tail = Atomics.load(this.state, TAIL)
      at = this.find(size)
      if (at === RING_FULL) return RING_FULL
    }
    if (at !== this.next && this.next < this.capacity) this.words[this.next >>> 2] = 0
    this.next = at + size
    this.words[at >>> 2] = size
    return at
  }

  /** Where `size` bytes in one piece are free before the tail that was seen last. `next` stays off the tail: equal is empty. */
  private find(size: number): number {
    const { next, tail, capacity } = this
    if (next < tail) return next + size < tail ? next : RING_FULL
    if (next + size <= capacity) return next
    return size < tail ? 0 : RING_FULL
  }
}

/** The reader's side. The record's values are those of the ring's memory: they hold until `release`. */
export class CaptureRingReader extends RingMemory {
  private at = 0
  private head = 0

  /** Goes to the next record. False where there is none. */
  next(): boolean {
    for (;;) {
      if (this.at === this.head) {
        this.head = Atomics.load(this.state, HEAD)
        if (this.at === this.head) return false
      }
      if (this.at === this.capacity || this.words[this.at >>> 2] === 0) this.at = 0
      if (this.at === this.head) continue
      if (this.kind !== RecordKind.void) return true
      this.release()
    }
  }

  /** Gives the record's room back. */
  release(): void {
    this.at += this.words[this.at >>> 2]!
    Atomics.store(this.state, TAIL, this.at)
  }

  /** There is nothing: wants to be told of what comes. False where something has come meanwhile. */
  wait(): boolean {
    Atomics.store(this.state, WAITS, 1)
    if (Atomics.load(this.state, HEAD) === this.at) return true
    Atomics.store(this.state, WAITS, 0)
    return false
  }

  get kind(): number {
    return this.word(KIND)
  }

  get number(): number {
    return this.word(NUMBER)
  }

  /** As the session calls the port: see ring-recorder.ts. */
  get interface(): number {
    return this.word(INTERFACE)
  }

  get timeMs(): number {
    return this.times[((this.at >>> 2) + TIME) >>> 1]!
  }

  /** Of the frame. */
  get length(): number {
    return this.word(LENGTH)
  }

  get captured(): number {
    return this.word(CAPTURED)
  }

  get reason(): number {
    return this.word(REASON)
  }

  get facts(): number {
    return this.word(FACTS)
  }

  get movedFrom(): number {
    return this.word(MOVED_FROM)
  }

  /** The reference, or -1; then there are no tuples. */
  get flow(): number {
    return this.word(FLOW)
  }

  get protocol(): number {
    return this.word(PROTOCOL)
  }

  /** Source, destination, ports of the direction 0 (original) or 1 (reply). */
  tuple(direction: number, part: number): number {
    return this.word((direction === 0 ? ORIGINAL : REPLY) + part)
  }

  /** The virtio-net header and what was captured of the frame; a view of the ring. */
  get frame(): Uint8Array {
    const start = this.at + RECORD_HEADER_SIZE
    return this.bytes.subarray(start, start + VIRTIO_NET_HEADER_SIZE + this.captured)
  }

  countsOf(number: number): RingCounts {
    const at = number * COUNTS
    return {
      seen: this.counts[at + SEEN]!,
      accepted: this.counts[at + ACCEPTED]!,
      dropped: this.counts[at + DROPPED]!,
      refused: this.counts[at + REFUSED]!,
    }
  }

  private word(index: number): number {
    return this.words[(this.at >>> 2) + index]!
  }
}
