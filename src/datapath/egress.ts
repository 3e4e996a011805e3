/**
 * The last stage: the list of transmissions that the next poll carries out. A port that cannot take a super-frame or an
 * unfinished checksum gets what a wire would carry instead.
 */

import { ARENA_SIZE, SEGMENTS_MAX, TRANSMIT_MAX } from '../limits.ts'
import * as virtio from '../wire/virtio-net.ts'
import type { Counters } from './counters.ts'
import { DropReason } from './drop-reason.ts'
import {
  DESCRIPTOR_SHIFT,
  DESCRIPTOR_WORDS,
  type FrameMemory,
  LENGTH,
  OFFSET,
  PORT,
  RESULT,
  VIRTIO_NET_HEADER_SIZE,
} from './frame-memory.ts'
import { completeChecksum, Segmenter } from './offload.ts'
import type { PortTable } from './port-table.ts'

const NONE = -1

/** More of the arena than one super-frame needs: 64 KiB of payload, and 300 bytes around each of SEGMENTS_MAX segments. */
const SEGMENTS_ROOM = 512 * 1024

/** Linux's errno numbers for what a device answers to a frame (errno(3)). */
const EIO = 5
const ENXIO = 6
const EBADF = 9
const EAGAIN = 11
const ENOMEM = 12
const ENODEV = 19
const EBADFD = 77
const ENETDOWN = 100
const ENOBUFS = 105

export class Egress {
  readonly #memory: FrameMemory
  readonly #ports: PortTable
  readonly #counters: Counters
  readonly #segmenter: Segmenter
  readonly #arenaStart: number
  readonly #arenaEnd: number
  #count = 0
  #arenaNext: number
  /** The frame whose segments stand in the segmenter, so that a flood to many plain ports segments it once. */
  #segmented = NONE

  constructor(memory: FrameMemory, ports: PortTable, counters: Counters) {
    this.#memory = memory
    this.#ports = ports
    this.#counters = counters
    this.#segmenter = new Segmenter(memory)
    this.#arenaStart = memory.layout.arena
    this.#arenaEnd = memory.layout.arena + ARENA_SIZE
    this.#arenaNext = this.#arenaStart
  }

  /** Transmissions in the list. */
  get count(): number {
    return this.#count
  }

  /** Whether the list and the arena surely take one more frame that goes to `targets` ports. */
  hasRoom(targets: number): boolean {
    const room = TRANSMIT_MAX - this.#count
    return room >= targets && room >= SEGMENTS_MAX && this.#arenaEnd - this.#arenaNext >= SEGMENTS_ROOM
  }

  send(port: number, offset: number, length: number): void {
    if (this.#ports.plain[port] !== 0 && this.#offloads(offset) !== 0) this.#sendPlain(port, offset, length)
    else this.#append(port, offset, length)
  }

  /** Sends the frame to all of `members` but `from`; returns how many these were. */
  flood(members: Int32Array, from: number, offset: number, length: number): number {
    let targets = 0
    for (let i = 0; i < members.length; i++) {
      const port = members[i]!
      if (port === from) continue
      this.send(port, offset, length)
      targets++
    }
    return targets
  }

  /** Takes out what the list has for a port that goes; it counts as lost to a device that is gone. */
  withdraw(port: number): void {
    const transmits = this.#memory.transmits
    let kept = 0
    for (let i = 0; i < this.#count; i++) {
      const descriptor = i << DESCRIPTOR_SHIFT
      if (transmits[descriptor + PORT] === port) {
        this.#counters.refused(port, transmits[descriptor + LENGTH]!, DropReason.deviceGone)
      } else {
        transmits.copyWithin(kept++ << DESCRIPTOR_SHIFT, descriptor, descriptor + DESCRIPTOR_WORDS)
      }
    }
    this.#count = kept
  }

  /** After the poll that carried the list out: counts what the devices refused, and empties list and arena. */
  settle(failures: number): void {
    if (failures > 0) this.#countFailures()
    this.#count = 0
    this.#arenaNext = this.#arenaStart
    this.#segmented = NONE
  }

  #offloads(offset: number): number {
    return virtio.offloads(this.#memory.view, offset - VIRTIO_NET_HEADER_SIZE)
  }

  #append(port: number, offset: number, length: number): void {
    if (this.#count === TRANSMIT_MAX) {
      this.#counters.dropped(port, DropReason.transmitListFull)
      return
    }
    const transmits = this.#memory.transmits
    const descriptor = this.#count++ << DESCRIPTOR_SHIFT
    transmits[descriptor + PORT] = port
    transmits[descriptor + OFFSET] = offset
    transmits[descriptor + LENGTH] = length
    this.#counters.transmitted(port, length)
  }

  #sendPlain(port: number, offset: number, length: number): void {
    const view = this.#memory.view
    if (virtio.gsoType(view, offset - VIRTIO_NET_HEADER_SIZE) !== virtio.GSO_NONE) {
      this.#sendSegments(port, offset, length)
      return
    }
    // In place: ports that take offloads get the same packet with more of the work done.
    completeChecksum(view, offset, length)
    this.#append(port, offset, length)
  }

  #sendSegments(port: number, offset: number, length: number): void {
    const segmenter = this.#segmenter
    if (this.#segmented !== offset) {
      const reason = segmenter.segment(offset, length, this.#arenaNext, this.#arenaEnd)
      if (reason !== DropReason.none) {
        this.#counters.dropped(port, DropReason.segmentLimit)
        return
      }
      this.#segmented = offset
      this.#arenaNext = segmenter.arenaNext
    }
    const last = segmenter.count - 1
    this.#counters.segmented(port, segmenter.count)
    for (let i = 0; i <= last; i++) {
      const segment = segmenter.firstOffset + i * segmenter.stride
      this.#append(port, segment, i === last ? segmenter.lastLength : segmenter.segmentLength)
    }
  }

  #countFailures(): void {
    const transmits = this.#memory.transmits
    for (let i = 0; i < this.#count; i++) {
      const descriptor = i << DESCRIPTOR_SHIFT
      const error = -transmits[descriptor + RESULT]!
      if (error === 0) continue
      this.#counters.refused(
        transmits[descriptor + PORT]!,
        transmits[descriptor + LENGTH]!,
        refusalReason(error),
      )
    }
  }
}

/** A device's errno as a DropReason. */
function refusalReason(error: number): DropReason {
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
