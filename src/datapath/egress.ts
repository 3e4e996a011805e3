/**
 * The last stage: the list of transmissions that the next poll carries out. A port that cannot take a super-frame or an
 * unfinished checksum gets what a wire would carry instead.
 */

import { ARENA_SIZE, GATHER_WORDS_MAX, SEGMENTS_MAX, TRANSMIT_MAX } from '../limits.ts'
import * as virtio from '../wire/virtio-net.ts'
import type { Counters } from './counters.ts'
import { DropReason } from './drop-reason.ts'
import type { FrameMemory } from './frame-memory.ts'
import * as frameMemory from './frame-memory.ts'
import type { ImpairedLink } from './impairment/impaired-link.ts'
import { completeChecksum, Segmenter } from './offload.ts'
import type { PortTable } from './port-table.ts'
import * as portTable from './port-table.ts'

// Constants of this module, whose values V8 compiles in; an imported one it would load and check at each use.
const {
  DESCRIPTOR_SHIFT,
  DESCRIPTOR_WORDS,
  FLAG_GATHER,
  FRAME_IN_SLOT,
  GATHER_ALIGN,
  GATHER_HEADER_WORDS,
  GATHER_PIECES,
  GATHER_WORD,
  LENGTH,
  OFFSET,
  PIECE_WORDS,
  PORT,
  RESULT,
  VIRTIO_NET_HEADER_SIZE,
} = frameMemory
const { IMPAIRED, OUTWARD, PLAIN, TUNNEL } = portTable

const NONE = -1

/** What `allocate` answers where the arena is full. */
export const NO_ROOM = -1

/** More of the arena than one super-frame needs: 64 KiB of payload, and 300 bytes around each of SEGMENTS_MAX segments. */
const SEGMENTS_ROOM = 512 * 1024

/** Words of the gather records that one super-frame needs at most: two pieces a segment, and a few records. */
const GATHERS_ROOM = 16 * 1024

/** What sends to peers. */
export interface TunnelEgress {
  /** `isShared`: the frame goes to others, too, or somebody looks on; it stays as it is, but for a checksum that is completed. */
  send(port: number, offset: number, length: number, isShared: boolean): void
  /** Whether the frame is VXLAN to a tunnel endpoint: where that listens, it would take it for one of this host's. */
  isRecursive(offset: number, length: number): boolean
  /** The list has been carried out: what stood in the arena is gone. */
  forget(): void
}

/** Linux's errno numbers for what a device answers to a frame (errno(3)). */
const EIO = 5
const ENXIO = 6
const EBADF = 9
const EAGAIN = 11
const ENOMEM = 12
const ENODEV = 19
const EBADFD = 77
const EMSGSIZE = 90
const ENETDOWN = 100
const ENOBUFS = 105

export class Egress {
  /** By port: the impaired link to it. */
  readonly links: (ImpairedLink | undefined)[] = []
  /** Where the arena begins. */
  readonly arenaStart: number
  /** Set once, before the first frame. */
  tunnels: TunnelEgress | undefined = undefined
  private readonly view: DataView
  private readonly bytes: Uint8Array
  private readonly gathers: Int32Array
  private readonly transmits: Int32Array
  private readonly plain: Uint8Array
  private readonly counters: Counters
  private readonly segmenter: Segmenter
  private readonly arenaEnd: number
  /** What is before stays there until the burst is through. */
  private arenaFloor: number
  /** Transmissions in the list. */
  /** A frame was too long for the way that it was sent on. Cleared by who reads it. */
  hasFoundNarrow = false
  private listed = 0
  /** The list's length from which it may not take the next frame. */
  private listedMax = 0
  private arenaNext: number
  /** The frame whose segments stand in the segmenter, so that a flood to many plain ports segments it once. */
  private segmented = NONE
  /** What is sent stays as it is: it goes to others, too. */
  private isShared = false
  private gatherFloor = 0
  private gatherNext = 0
  /** Of each transmission to a peer: where the inner frame begins, and what it counts as. */
  private readonly innerOffsets = new Int32Array(TRANSMIT_MAX)
  private readonly innerLengths = new Int32Array(TRANSMIT_MAX)

  constructor(memory: FrameMemory, ports: PortTable, counters: Counters) {
    this.view = memory.view
    this.bytes = memory.bytes
    this.gathers = memory.gathers
    this.transmits = memory.transmits
    this.plain = ports.plain
    this.counters = counters
    this.segmenter = new Segmenter(memory)
    this.arenaStart = memory.layout.arena
    this.arenaEnd = memory.layout.arena + ARENA_SIZE
    this.arenaFloor = this.arenaStart
    this.arenaNext = this.arenaStart
  }

  /** Transmissions in the list. */
  get count(): number {
    return this.listed
  }

  /** Readies the list for frames that go to as many as `targets` ports each. */
  expect(targets: number): void {
    const isFull = this.arenaEnd - this.arenaNext < SEGMENTS_ROOM || this.gathersAreFull
    this.listedMax = isFull ? NONE : TRANSMIT_MAX - Math.max(targets, SEGMENTS_MAX)
  }

  /** Whether the list and the arena surely take one more frame. */
  get hasRoom(): boolean {
    return this.listed <= this.listedMax
  }

  /**
   * Room in the arena for a frame of our own of up to `length` bytes: where it begins, with a virtio-net header of zeroes before it.
   * NO_ROOM where there is none before the next poll. What is not sent goes back with that poll.
   */
  allocate(length: number): number {
    const start = (this.arenaNext + 7) & ~7
    const offset = start + FRAME_IN_SLOT
    if (offset + length > this.arenaEnd) return NO_ROOM
    this.arenaNext = offset + length
    virtio.clear(this.view, offset - VIRTIO_NET_HEADER_SIZE)
    return offset
  }

  /** The arena's free part, for who builds several frames there: `take` says how far it is used then. */
  get free(): number {
    return this.arenaNext
  }

  get end(): number {
    return this.arenaEnd
  }

  take(arenaNext: number): void {
    this.arenaNext = arenaNext
    if (this.arenaEnd - this.arenaNext < SEGMENTS_ROOM) this.listedMax = NONE
  }

  /** Where the next gather record may begin, in words of FrameMemory.gathers. */
  get freeGathers(): number {
    return this.gatherNext
  }

  /** The records are used up to here; the next one begins at a multiple of GATHER_ALIGN. */
  takeGathers(next: number): void {
    this.gatherNext = (next + GATHER_ALIGN - 1) & -GATHER_ALIGN
    if (this.gathersAreFull) this.listedMax = NONE
  }

  private get gathersAreFull(): boolean {
    return GATHER_WORDS_MAX - this.gatherNext < GATHERS_ROOM
  }

  /** The arrivals of the burst before are gone. */
  freeArrivals(): void {
    this.arenaFloor = this.arenaStart
    this.gatherFloor = 0
    if (this.listed > 0) return
    this.arenaNext = this.arenaStart
    this.gatherNext = 0
    this.tunnels?.forget()
    // Another frame may come to stand where the one that was cut up stood.
    this.segmented = NONE
  }

  /** What stands in the arena now are arrivals: it stays there until the burst is through. */
  keepArrivals(): void {
    this.arenaFloor = this.arenaNext
    this.gatherFloor = this.gatherNext
  }

  send(port: number, offset: number, length: number): void {
    if (this.plain[port] === 0) this.append(port, offset, length)
    else if ((this.plain[port]! & IMPAIRED) !== 0) this.sendImpaired(port, offset, length)
    else this.deliver(port, offset, length)
  }

  /** Sends what has the link to the port behind it already. */
  deliver(port: number, offset: number, length: number): void {
    if ((this.plain[port]! & TUNNEL) !== 0) this.sendTunnelled(port, offset, length)
    else if ((this.plain[port]! & OUTWARD) !== 0 && this.tunnels!.isRecursive(offset, length))
      this.counters.dropped(port, DropReason.tunnelRecursion)
    else if ((this.plain[port]! & PLAIN) === 0) this.append(port, offset, length)
    else this.sendPlain(port, offset, length)
  }

  /**
   * Adds what goes into a tunnel to the list: from its VXLAN header on. `inner`, `innerLength`: the frame in it, or of several the first and the
   * bytes of all.
   */
  appendTunnelled(port: number, offset: number, length: number, inner: number, innerLength: number): void {
    if (this.listed === TRANSMIT_MAX) {
      this.counters.dropped(port, DropReason.transmitListFull)
      return
    }
    this.innerOffsets[this.listed] = inner
    this.innerLengths[this.listed] = innerLength
    const transmits = this.transmits
    const descriptor = this.listed++ << DESCRIPTOR_SHIFT
    transmits[descriptor + PORT] = port
    transmits[descriptor + OFFSET] = offset
    transmits[descriptor + LENGTH] = length
    this.counters.transmitted(port, innerLength)
  }

  /** Where the frame of a transmission begins that an Ethernet station would see. Of one to a peer only while somebody looks on. */
  frameOffset(index: number): number {
    const descriptor = index << DESCRIPTOR_SHIFT
    const isTunnelled = (this.plain[this.transmits[descriptor + PORT]!]! & TUNNEL) !== 0
    return isTunnelled ? this.innerOffsets[index]! : this.transmits[descriptor + OFFSET]!
  }

  /** Its bytes: what the transmission counts as. */
  frameLength(index: number): number {
    const descriptor = index << DESCRIPTOR_SHIFT
    const isTunnelled = (this.plain[this.transmits[descriptor + PORT]!]! & TUNNEL) !== 0
    return isTunnelled ? this.innerLengths[index]! : this.transmits[descriptor + LENGTH]!
  }

  /** Sends the frame to all of `members` but `from`; returns how many these were. */
  flood(members: Int32Array, from: number, offset: number, length: number): number {
    let targets = 0
    this.isShared = true
    for (let i = 0; i < members.length; i++) {
      const port = members[i]!
      if (port === from) continue
      this.send(port, offset, length)
      targets++
    }
    this.isShared = false
    return targets
  }

  /** Takes out what the list has for a port that goes; it counts as lost to a device that is gone. */
  withdraw(port: number): void {
    const transmits = this.transmits
    let kept = 0
    for (let i = 0; i < this.listed; i++) {
      const descriptor = i << DESCRIPTOR_SHIFT
      if (transmits[descriptor + PORT] === port) {
        this.counters.refused(port, this.frameLength(i), DropReason.deviceGone)
      } else {
        this.innerOffsets[kept] = this.innerOffsets[i]!
        this.innerLengths[kept] = this.innerLengths[i]!
        transmits.copyWithin(kept++ << DESCRIPTOR_SHIFT, descriptor, descriptor + DESCRIPTOR_WORDS)
      }
    }
    this.listed = kept
  }

  /** After the poll that carried the list out: counts what the devices refused, and empties list and arena. */
  settle(failures: number): void {
    if (failures > 0) this.countFailures()
    this.listed = 0
    this.arenaNext = this.arenaFloor
    this.gatherNext = this.gatherFloor
    this.segmented = NONE
    this.tunnels?.forget()
  }

  private append(port: number, offset: number, length: number): void {
    if (this.listed === TRANSMIT_MAX) {
      this.counters.dropped(port, DropReason.transmitListFull)
      return
    }
    const transmits = this.transmits
    const descriptor = this.listed++ << DESCRIPTOR_SHIFT
    transmits[descriptor + PORT] = port
    transmits[descriptor + OFFSET] = offset
    transmits[descriptor + LENGTH] = length
    this.counters.transmitted(port, length)
  }

  private sendTunnelled(port: number, offset: number, length: number): void {
    this.tunnels!.send(port, offset, length, this.isShared)
  }

  /** A frame that was put together from pieces, in one: where that is, or NO_ROOM. For who takes no pieces. */
  private flatten(offset: number, length: number): number {
    const { view, bytes, gathers } = this
    const to = this.allocate(length)
    if (to === NO_ROOM) return NO_ROOM
    const record = view.getInt32(offset + GATHER_WORD, true) * GATHER_ALIGN
    let at = to - VIRTIO_NET_HEADER_SIZE
    for (let i = 0; i < gathers[record + GATHER_PIECES]!; i++) {
      const piece = record + GATHER_HEADER_WORDS + i * PIECE_WORDS
      const from = gathers[piece]!
      bytes.copyWithin(at, from, from + gathers[piece + 1]!)
      at += gathers[piece + 1]!
    }
    const header = to - VIRTIO_NET_HEADER_SIZE
    virtio.setFlags(view, header, virtio.flags(view, header) & ~FLAG_GATHER)
    return to
  }

  private isGathered(offset: number): boolean {
    return (virtio.flags(this.view, offset - VIRTIO_NET_HEADER_SIZE) & FLAG_GATHER) !== 0
  }

  /** Sends a frame in pieces to a port that takes none. */
  private sendFlat(port: number, offset: number, length: number): void {
    const flat = this.flatten(offset, length)
    if (flat === NO_ROOM) this.counters.dropped(port, DropReason.transmitListFull)
    else this.send(port, flat, length)
  }

  private sendPlain(port: number, offset: number, length: number): void {
    const view = this.view
    if (virtio.offloads(view, offset - VIRTIO_NET_HEADER_SIZE) === 0) {
      this.append(port, offset, length)
      return
    }
    if (this.isGathered(offset)) {
      this.sendFlat(port, offset, length)
      return
    }
    if (virtio.gsoType(view, offset - VIRTIO_NET_HEADER_SIZE) !== virtio.GSO_NONE) {
      this.sendSegments(port, offset, length, undefined)
      return
    }
    // In place: ports that take offloads get the same packet with more of the work done.
    completeChecksum(view, offset, length)
    this.append(port, offset, length)
  }

  private sendImpaired(port: number, offset: number, length: number): void {
    const view = this.view
    if (this.isGathered(offset)) {
      this.sendFlat(port, offset, length)
      return
    }
    const link = this.links[port]!
    const header = offset - VIRTIO_NET_HEADER_SIZE
    if (link.takesWireFrames && virtio.offloads(view, header) !== 0) {
      if (virtio.gsoType(view, header) !== virtio.GSO_NONE) {
        this.sendSegments(port, offset, length, link)
        return
      }
      completeChecksum(view, offset, length)
    }
    if (link.submit(offset, length, true)) this.deliver(port, offset, length)
  }

  /** `link`: what the segments have yet to pass. */
  private sendSegments(port: number, offset: number, length: number, link: ImpairedLink | undefined): void {
    const segmenter = this.segmenter
    if (this.segmented !== offset) {
      const reason = segmenter.segment(offset, length, this.arenaNext, this.arenaEnd)
      if (reason !== DropReason.none) {
        this.segmented = NONE
        this.counters.dropped(port, DropReason.segmentLimit)
        return
      }
      this.segmented = offset
      this.arenaNext = segmenter.arenaNext
      if (this.arenaEnd - this.arenaNext < SEGMENTS_ROOM) this.listedMax = NONE
    }
    const last = segmenter.count - 1
    this.counters.segmented(port, segmenter.count)
    for (let i = 0; i <= last; i++) {
      const segment = segmenter.firstOffset + i * segmenter.stride
      const size = i === last ? segmenter.lastLength : segmenter.segmentLength
      if (link === undefined) this.append(port, segment, size)
      else if (link.submit(segment, size, true)) this.deliver(port, segment, size)
    }
  }

  private countFailures(): void {
    const transmits = this.transmits
    for (let i = 0; i < this.listed; i++) {
      const descriptor = i << DESCRIPTOR_SHIFT
      const error = -transmits[descriptor + RESULT]!
      if (error === 0) continue
      if (error === EMSGSIZE) this.hasFoundNarrow = true
      this.counters.refused(transmits[descriptor + PORT]!, this.frameLength(i), refusalReason(error))
    }
  }
}

/** A device's errno as a DropReason. */
export function refusalReason(error: number): DropReason {
  switch (error) {
    case EAGAIN:
    case ENOMEM:
    case ENOBUFS:
      return DropReason.deviceQueueFull
    case EIO:
    case ENETDOWN:
      return DropReason.deviceDown
    case ENODEV:
    case ENXIO:
    case EBADF:
    case EBADFD:
      return DropReason.deviceGone
    default:
      return DropReason.deviceRefused
  }
}
