/**
 * One direction of an impaired link. Each frame draws its fate, in this order:
 *
 *     down? ─► duplicate? ─► lost? ─► corrupt? ─► goes ahead? ── no ─► behind those before it, at the link's rate ─► delay, jitter
 *                  └─► the copy: the same from "lost?" on               └─► too many wait: dropped
 *
 * and either goes on at once, as it is, or waits as a copy. The same seed, and the same frames at the same times, make the same
 * fates: a number is drawn for what is asked for alone, and in this order.
 *
 * On the wire a frame has its Ethernet header, which counts for the rate; preamble, FCS and the gap between two frames do not
 * (tc-netem(8) counts the same).
 */

import type { Counters } from '../counters.ts'
import { DropReason } from '../drop-reason.ts'
import * as frameMemory from '../frame-memory.ts'
import { DelayQueue } from './delay-queue.ts'
import { FrameStore, NO_SLOT, type StoreMemory } from './frame-store.ts'
import {
  type ImpairmentCounts,
  type ImpairmentSettings,
  type LinkDirection,
  NO_IMPAIRMENT,
} from './impairment-settings.ts'
import { RandomNumbers } from './random-numbers.ts'

// Constants of this module, whose values V8 compiles in; an imported one it would load and check at each use.
const { VIRTIO_NET_HEADER_SIZE } = frameMemory

/** Numbers that are drawn, below this one. */
const DRAWN = 4294967296
const BITS_AND_MICROSECONDS = 8_000_000

const LOSS = 0
const DUPLICATE = 1
const REORDER = 2
const CORRUPT = 3
const FATES = 4

/** Of a link that is impaired no more, while something waits on it: nothing overtakes that. */
const UNIMPAIRED: ImpairmentSettings = { ...NO_IMPAIRMENT, queue: Number.POSITIVE_INFINITY }

export interface ImpairedLinkParts {
  readonly port: number
  readonly direction: LinkDirection
  /** The frame memory, twice: its bytes, and the same as words. */
  readonly bytes: Uint8Array
  readonly words: Int32Array
  readonly counters: Counters
  readonly memory: StoreMemory
  /** Of one element: microseconds of the data path's clock. */
  readonly clock: Float64Array
}

export class ImpairedLink {
  readonly port: number
  readonly direction: LinkDirection
  settings: ImpairmentSettings = UNIMPAIRED
  /** It takes frames as a wire carries them: no super-frames, all checksums complete. */
  takesWireFrames = false
  /** It is impaired no more; what waits goes on at once. */
  isEnding = false

  private readonly bytes: Uint8Array
  private readonly words: Int32Array
  private readonly counters: Counters
  private readonly store: FrameStore
  private readonly queue: DelayQueue
  private readonly random = new RandomNumbers(0)
  /** By fate: of the numbers drawn, those below are hits. */
  private readonly below = new Float64Array(FATES)
  private readonly clock: Float64Array
  /** When the frame is due that is dealt with. */
  private readonly dueUs = new Float64Array(1)
  /** When the last byte will be through that the link's rate lets through, and microseconds for each. */
  private readonly freeUs = new Float64Array(1)
  private readonly byteUs = new Float64Array(1)

  private passed = 0
  private lost = 0
  private duplicated = 0
  private reordered = 0
  private corrupted = 0
  private queueFull = 0
  private droppedDown = 0

  constructor(parts: ImpairedLinkParts) {
    this.port = parts.port
    this.direction = parts.direction
    this.bytes = parts.bytes
    this.words = parts.words
    this.counters = parts.counters
    this.clock = parts.clock
    this.store = new FrameStore(parts.memory)
    this.queue = new DelayQueue(this.store)
  }

  /** Frames that wait. */
  get waiting(): number {
    return this.queue.size
  }

  /** When the next one that waits is due, or NEVER. */
  get nextDueUs(): number {
    return this.isEnding && this.queue.size > 0 ? 0 : this.queue.next
  }

  get counts(): ImpairmentCounts {
    const { passed, lost, duplicated, reordered, corrupted, queueFull, droppedDown: down, waiting } = this
    return { passed, lost, duplicated, reordered, corrupted, queueFull, down, waiting }
  }

  /**
   * Draws anew from here on. What waits keeps its time; on a link that goes down it is lost. At the same rate frames go on behind what
   * waits; another one begins with the next frame, which may overtake those.
   */
  change(settings: ImpairmentSettings): void {
    const { loss, duplicate, reorder, corrupt, rate } = settings
    if (rate !== this.settings.rate) this.freeUs[0] = 0
    this.settings = settings
    this.isEnding = false
    this.random.restart(settings.seed)
    for (const [fate, probability] of [loss, duplicate, reorder, corrupt].entries())
      this.below[fate] = probability * DRAWN
    this.byteUs[0] = rate === 0 ? 0 : BITS_AND_MICROSECONDS / rate
    this.takesWireFrames = loss + duplicate + reorder + corrupt + rate > 0
    if (settings.down) this.droppedDown += this.dropWaiting(DropReason.linkDown)
  }

  /** What waits goes on at once, and nothing more is done to what comes. */
  end(): void {
    this.change(UNIMPAIRED)
    this.isEnding = true
  }

  /** Gives the memory back that its frames stood in; nothing may wait. */
  giveBack(): void {
    this.queue.clear()
  }

  /** Gives the memory back that nothing has waited in since the call before. */
  trim(): void {
    this.queue.trim()
  }

  /** Drops what waits, and gives its memory back; returns how many frames that were. */
  dropWaiting(reason: DropReason): number {
    const dropped = this.queue.clear()
    this.freeUs[0] = 0
    this.counters.held(this.port, -dropped)
    for (let i = 0; i < dropped; i++) this.counters.dropped(this.port, reason)
    return dropped
  }

  /**
   * Takes a frame of the frame memory. True where it goes on at once, as it is; else it waits as a copy, or is dropped, and counted
   * as either. With `mayPass` false it never goes on at once.
   */
  submit(offset: number, length: number, mayPass: boolean): boolean {
    if (this.settings.down) {
      this.droppedDown++
      this.drop(offset, length, DropReason.linkDown)
      return false
    }
    const isTwice = this.draws(DUPLICATE)
    const passes = this.submitOnce(offset, length, mayPass)
    if (!isTwice) return passes
    this.duplicated++
    this.counters.copied(this.port, 1)
    return this.submitOnce(offset, length, mayPass && !passes) || passes
  }

  /** Whether the next frame's time has come. */
  get isDue(): boolean {
    return this.isEnding ? this.waiting > 0 : this.queue.isDue(this.clock)
  }

  /** Bytes of the next frame, without its virtio-net header; there must be one. */
  get nextLength(): number {
    return this.queue.nextLength - VIRTIO_NET_HEADER_SIZE
  }

  /** Who looks on knows the next frame by it; there must be one. */
  get nextNumber(): number {
    return this.queue.nextNumber
  }

  /** Puts the next frame where `offset` says; there must be one. */
  release(offset: number): void {
    this.queue.pop(this.bytes, this.words, offset - VIRTIO_NET_HEADER_SIZE)
    this.counters.held(this.port, -1)
    this.passed++
  }

  private submitOnce(offset: number, length: number, mayPass: boolean): boolean {
    if (this.draws(LOSS)) {
      this.lost++
      this.drop(offset, length, DropReason.linkLoss)
      return false
    }
    const isCorrupt = this.draws(CORRUPT) && length > 0
    const goesAhead = this.draws(REORDER)
    if (goesAhead) {
      this.reordered++
      this.dueUs[0] = this.clock[0]!
    } else if (!this.findPlace(length)) {
      this.refuse(offset, length)
      return false
    }
    const isFree = goesAhead || !this.isDue
    if (mayPass && isFree && !isCorrupt && this.dueUs[0]! <= this.clock[0]!) {
      this.passed++
      return true
    }
    this.wait(offset, length, isCorrupt)
    return false
  }

  /** Sets when the frame has passed the link: behind those before it, and as much later as it is delayed. False where too many wait. */
  private findPlace(length: number): boolean {
    const { dueUs, freeUs } = this
    const nowUs = this.clock[0]!
    dueUs[0] = nowUs
    if (this.isEnding) {
      // Nothing overtakes what waits on a link that is impaired no more.
      if (this.waiting > 0) dueUs[0] = Math.max(nowUs, this.queue.latest[0]!)
      return true
    }
    const { delayUs, jitterUs, rate, queue } = this.settings
    if (delayUs + jitterUs + rate === 0) return true
    if (this.waiting >= queue) return false
    const jitter = jitterUs === 0 ? 0 : this.random.below(2 * jitterUs + 1) - jitterUs
    if (rate !== 0) {
      freeUs[0] = Math.max(nowUs, freeUs[0]!) + length * this.byteUs[0]!
      dueUs[0] = freeUs[0]!
    }
    dueUs[0] = dueUs[0]! + Math.max(0, delayUs + jitter)
    return true
  }

  private wait(offset: number, length: number, isCorrupt: boolean): void {
    const start = offset - VIRTIO_NET_HEADER_SIZE
    const number = this.counters.trail.watcher?.numberOf(offset) ?? 0
    const size = VIRTIO_NET_HEADER_SIZE + length
    const slot = this.queue.push(this.bytes, this.words, start, size, this.dueUs, number)
    if (slot === NO_SLOT) {
      this.refuse(offset, length)
      return
    }
    this.counters.delayed(this.port)
    if (!isCorrupt) return
    this.corrupted++
    const bit = this.random.below(8 * length)
    this.store.turnBit(slot, VIRTIO_NET_HEADER_SIZE + (bit >> 3), bit & 7)
  }

  private refuse(offset: number, length: number): void {
    this.queueFull++
    this.drop(offset, length, DropReason.linkQueueFull)
  }

  private drop(offset: number, length: number, reason: DropReason): void {
    this.counters.dropped(this.port, reason)
    this.counters.trail.watcher?.lostOnLink(this.port, this.direction, offset, length, reason)
  }

  /** Whether a number drawn is a hit; draws none where none could be. */
  private draws(fate: number): boolean {
    const below = this.below[fate]!
    return below > 0 && this.random.next() >>> 0 < below
  }
}
