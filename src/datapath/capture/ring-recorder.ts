/**
 * A capture's part in the data path: copies the frames that it wants into its ring. Each copy is filtered by its own bytes, so a packet whose
 * addresses are translated may be kept as it arrives and not as it leaves.
 */

import { BURST_MAX, PORTS_MAX } from '../../limits.ts'
import * as virtioNet from '../../wire/virtio-net.ts'
import type { FrameMemory } from '../frame-memory.ts'
import * as frameMemory from '../frame-memory.ts'
import type { CaptureRingWriter, RecordTuples } from './capture-ring.ts'
import * as ring from './capture-ring.ts'
import * as frameFilter from './frame-filter.ts'
import type { FrameRecorder, FrameWay } from './frame-recorder.ts'
import { NESTED_MAX } from './nested-ways.ts'
import { Fact } from './recorded-frame.ts'

// Constants of this module, whose values V8 compiles in; an imported one it would load and check at each use.
const { DESCRIPTOR_SHIFT, LENGTH, OFFSET, PORT, VIRTIO_NET_HEADER_SIZE } = frameMemory
const { RecordKind, RING_FULL } = ring
const { accepts } = frameFilter
const { offloads } = virtioNet
const { released: RELEASED } = Fact
const { min } = Math

/** Which copies of a port are wanted: bits. */
export const Point = { arrival: 1, departure: 2, both: 3 } as const
const { arrival: ARRIVAL, departure: DEPARTURE } = Point
/** The word of a port: the interface's number, and the points. 0: nothing of it is wanted. */
const POINT_BITS = 2

/** `reserved`: nothing is. */
const NOTHING = -1

export interface RingRecorderOptions {
  readonly filter: frameFilter.FilterProgram
  /** Bytes of a frame that are kept; 0: all. What must be segmented or completed first is kept whole, unless `raw`. */
  readonly snapLength: number
  readonly raw: boolean
  /** Only what is dropped: arrivals that go nowhere, what an impaired link loses, and what a device does not take. */
  readonly drops: boolean
}

export class RingRecorder implements FrameRecorder {
  private readonly ring: CaptureRingWriter
  private readonly memory: FrameMemory
  private readonly longs: BigInt64Array
  private readonly tuples: RecordTuples
  private readonly tell: () => void
  private readonly filter: frameFilter.FilterProgram
  private readonly snapLength: number
  private readonly raw: boolean
  private readonly drops: boolean
  private readonly ports = new Int32Array(PORTS_MAX)
  /** Records of arrivals whose ways are not over yet, the innermost last. */
  private readonly reserved = new Int32Array(NESTED_MAX)
  /** Of each: why a copy of it was dropped that is told of by itself; 0 where none was. */
  private readonly missed = new Int32Array(NESTED_MAX)
  private depth = 0
  /** By place in the burst: what is left to be done to a frame that the filter has rejected (virtio-net.ts); NOTHING: it is not known whether it would. */
  private readonly rejected = new Int32Array(BURST_MAX).fill(NOTHING)

  /** `tell`: the ring is not empty any more, and its reader waits. */
  constructor(
    writer: CaptureRingWriter,
    memory: FrameMemory,
    tuples: RecordTuples,
    options: RingRecorderOptions,
    tell: () => void,
  ) {
    this.ring = writer
    this.memory = memory
    const { buffer, byteOffset, byteLength } = memory.bytes
    this.longs = new BigInt64Array(buffer, byteOffset, byteLength >>> 3)
    this.tuples = tuples
    this.filter = options.filter
    this.snapLength = options.snapLength
    this.raw = options.raw
    this.drops = options.drops
    this.tell = tell
  }

  get wantsRefused(): boolean {
    return this.drops
  }

  /** From here on copies of the port are kept as those of `interfaceNumber`; `points` 0: none are. */
  setPort(port: number, interfaceNumber: number, points: number): void {
    this.ports[port] = points === 0 ? 0 : (interfaceNumber << POINT_BITS) | points
  }

  begin(way: FrameWay, port: number, offset: number, length: number): void {
    let at = NOTHING
    // What had waited has been there before; to be dropped is news.
    if (this.wants(port, ARRIVAL) && (this.drops || (way.facts & RELEASED) === 0)) {
      at = this.copy(RecordKind.arrival, port, offset, length)
    }
    this.open(at)
  }

  make(): void {
    this.open(NOTHING)
  }

  depart(way: FrameWay, port: number, offset: number, length: number): void {
    if (this.drops || !this.wants(port, DEPARTURE)) return
    if (way.place !== NOTHING && this.isRejected(way.place, offset)) {
      this.ring.count(this.interfaceOf(port), false)
      return
    }
    const at = this.copy(RecordKind.departure, port, offset, length)
    if (at !== NOTHING) this.ring.fill(at, way, this.tuples)
  }

  end(way: FrameWay): void {
    const at = this.reserved[--this.depth]!
    if (at === NOTHING) return
    if (this.drops && (way.reason === 0 || way.reason === this.missed[this.depth])) this.ring.withdraw(at)
    else this.ring.fill(at, way, this.tuples)
  }

  lose(way: FrameWay, port: number, bytes: Uint8Array, offset: number, length: number): void {
    if (!this.drops || !this.wants(port, ARRIVAL)) return
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const isAccepted = accepts(this.filter, view, offset, length)
    const of = this.interfaceOf(port)
    this.ring.count(of, isAccepted)
    if (!isAccepted) return
    const at = this.ring.reserve(RecordKind.arrival, of, length, this.snapped(view, offset, length))
    if (at === RING_FULL) return
    this.ring.copyBytes(at, bytes, offset, true)
    this.ring.fill(at, way, this.tuples)
  }

  refuse(way: FrameWay, port: number, offset: number, length: number, present: boolean): void {
    if (this.ports[port] === 0) return
    this.ring.countRefused(this.interfaceOf(port))
    if (!this.drops || !present || !this.wants(port, DEPARTURE)) return
    const at = this.copy(RecordKind.refused, port, offset, length)
    if (at !== NOTHING) this.ring.fill(at, way, this.tuples)
  }

  /** Told of where it was lost rather than where it had come from: of a super-frame it may be one segment. */
  miss(way: FrameWay, port: number, offset: number, length: number): void {
    if (!this.drops || !this.wants(port, DEPARTURE)) return
    const at = this.copy(RecordKind.refused, port, offset, length)
    if (at === NOTHING) return
    this.ring.fill(at, way, this.tuples)
    if (this.depth > 0) this.missed[this.depth - 1] = way.reason
  }

  flush(): void {
    if (this.ring.publish()) this.tell()
  }

  overlooks(from: number, to: number): number {
    // What is dropped is known when it is, and not before.
    if (this.drops) return from
    if (this.ring.isFull) {
      this.rejected.fill(NOTHING, from, to)
      return to
    }
    const { filter, ports, rejected } = this
    const { view, received } = this.memory
    for (let i = from; i < to; i++) {
      const descriptor = i << DESCRIPTOR_SHIFT
      rejected[i] = NOTHING
      if ((ports[received[descriptor + PORT]!]! & ARRIVAL) === 0) continue
      const offset = received[descriptor + OFFSET]!
      if (accepts(filter, view, offset, received[descriptor + LENGTH]!)) return i
      rejected[i] = offloads(view, offset - VIRTIO_NET_HEADER_SIZE)
    }
    return to
  }

  overlook(from: number, to: number): void {
    if (this.ring.isFull) {
      this.countLost(from, to)
      return
    }
    const { ports } = this
    const { received } = this.memory
    // Of frames that follow one another most are of the same port.
    let port = 0
    let count = 0
    for (let i = from; i < to; i++) {
      const next = received[(i << DESCRIPTOR_SHIFT) + PORT]!
      if (next !== port) {
        if ((ports[port]! & ARRIVAL) !== 0) this.ring.countSeen(this.interfaceOf(port), count)
        port = next
        count = 0
      }
      count++
    }
    if ((ports[port]! & ARRIVAL) !== 0) this.ring.countSeen(this.interfaceOf(port), count)
  }

  /** Copies of frames that there is no room for, now and till the burst is over. */
  private countLost(from: number, to: number): void {
    const { view, received } = this.memory
    for (let i = from; i < to; i++) {
      const descriptor = i << DESCRIPTOR_SHIFT
      const port = received[descriptor + PORT]!
      if (!this.wants(port, ARRIVAL)) continue
      const isAccepted = accepts(
        this.filter,
        view,
        received[descriptor + OFFSET]!,
        received[descriptor + LENGTH]!,
      )
      const of = this.interfaceOf(port)
      this.ring.count(of, isAccepted)
      if (isAccepted) this.ring.countDropped(of)
    }
  }

  /** Whether the filter has rejected the same bytes as they came. */
  private isRejected(place: number, offset: number): boolean {
    return this.rejected[place] === offloads(this.memory.view, offset - VIRTIO_NET_HEADER_SIZE)
  }

  private open(at: number): void {
    this.missed[this.depth] = 0
    this.reserved[this.depth++] = at
  }

  private wants(port: number, point: number): boolean {
    return (this.ports[port]! & point) !== 0
  }

  private interfaceOf(port: number): number {
    return this.ports[port]! >>> POINT_BITS
  }

  /** Where the record is, or NOTHING: the filter does not want it, or there is no room. */
  private copy(kind: number, port: number, offset: number, length: number): number {
    const { view } = this.memory
    const of = this.interfaceOf(port)
    const isAccepted = accepts(this.filter, view, offset, length)
    this.ring.count(of, isAccepted)
    if (!isAccepted) return NOTHING
    if (this.ring.isFull) {
      this.ring.countDropped(of)
      return NOTHING
    }
    const at = this.ring.reserve(kind, of, length, this.snapped(view, offset, length))
    if (at === RING_FULL) return NOTHING
    this.ring.copy(at, this.longs, offset)
    return at
  }

  private snapped(view: DataView, offset: number, length: number): number {
    const { snapLength } = this
    if (snapLength === 0) return length
    const isWhole = !this.raw && offloads(view, offset - VIRTIO_NET_HEADER_SIZE) !== 0
    return isWhole ? length : min(length, snapLength)
  }
}
