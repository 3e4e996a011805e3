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
import { DelayQueue, NEVER } from './delay-queue.ts'
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
  // Of numbers drawn, those below are hits.
  private lossBelow = 0
  private duplicateBelow = 0
  private reorderBelow = 0
  private corruptBelow = 0
  /** Microseconds that a byte takes, and when the last one will be through. */
  private byteUs = 0
  private freeUs = 0

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

  /** Draws anew from here on. What waits keeps its time; on a link that goes down it is lost. */
  change(settings: ImpairmentSettings): void {
    const { loss, duplicate, reorder, corrupt, rate } = settings
    this.settings = settings
    this.isEnding = false
    this.random.restart(settings.seed)
    this.lossBelow = loss * DRAWN
    this.duplicateBelow = duplicate * DRAWN
    this.reorderBelow = reorder * DRAWN
    this.corruptBelow = corrupt * DRAWN
    this.byteUs = rate === 0 ? 0 : BITS_AND_MICROSECONDS / rate
    this.freeUs = 0
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

  /** Drops what waits, and gives its memory back; returns how many frames that were. */
  dropWaiting(reason: DropReason): number {
    const dropped = this.queue.clear()
    this.counters.held(this.port, -dropped)
    for (let i = 0; i < dropped; i++) this.counters.dropped(this.port, reason)
    return dropped
  }

  /**
   * Takes a frame of the frame memory. True where it goes on at once, as it is; else it waits as a copy, or is dropped, and counted
   * as either. With `mayPass` false it never goes on at once.
   */
  submit(offset: number, length: number, nowUs: number, mayPass: boolean): boolean {
    if (this.settings.down) {
      this.droppedDown++
      this.counters.dropped(this.port, DropReason.linkDown)
      return false
    }
    const isTwice = this.draws(this.duplicateBelow)
    const passes = this.submitOnce(offset, length, nowUs, mayPass)
    if (!isTwice) return passes
    this.duplicated++
    this.counters.copied(this.port, 1)
    return this.submitOnce(offset, length, nowUs, mayPass && !passes) || passes
  }

  isDue(nowUs: number): boolean {
    return this.nextDueUs <= nowUs
  }

  /** Bytes of the next frame, without its virtio-net header; there must be one. */
  get nextLength(): number {
    return this.queue.nextLength - VIRTIO_NET_HEADER_SIZE
  }

  /** Puts the next frame where `offset` says; there must be one. */
  release(offset: number): void {
    this.queue.pop(this.bytes, this.words, offset - VIRTIO_NET_HEADER_SIZE)
    this.counters.held(this.port, -1)
    this.passed++
  }

  private submitOnce(offset: number, length: number, nowUs: number, mayPass: boolean): boolean {
    if (this.draws(this.lossBelow)) {
      this.lost++
      this.counters.dropped(this.port, DropReason.linkLoss)
      return false
    }
    const isCorrupt = this.draws(this.corruptBelow) && length > 0
    const goesAhead = this.draws(this.reorderBelow)
    const dueUs = goesAhead ? nowUs : this.dueUs(length, nowUs)
    const isFree = goesAhead || !this.isDue(nowUs)
    if (goesAhead) this.reordered++
    if (mayPass && isFree && !isCorrupt && dueUs <= nowUs) {
      this.passed++
      return true
    }
    this.wait(offset, length, dueUs, isCorrupt)
    return false
  }

  /** When the frame has passed the link: behind those before it, and as much later as it is delayed. NEVER where it finds no place. */
  private dueUs(length: number, nowUs: number): number {
    const { delayUs, jitterUs, queue } = this.settings
    // Nothing overtakes what waits on a link that is impaired no more.
    if (this.isEnding) return this.waiting === 0 ? nowUs : Math.max(nowUs, this.queue.latest)
    const waits = delayUs + jitterUs + this.byteUs > 0
    if (waits && this.queue.size >= queue) return NEVER
    const jitter = jitterUs === 0 ? 0 : this.random.below(2 * jitterUs + 1) - jitterUs
    const delay = Math.max(0, delayUs + jitter)
    if (this.byteUs === 0) return nowUs + delay
    this.freeUs = Math.max(nowUs, this.freeUs) + length * this.byteUs
    return this.freeUs + delay
  }

  private wait(offset: number, length: number, dueUs: number, isCorrupt: boolean): void {
    const size = VIRTIO_NET_HEADER_SIZE + length
    const slot =
      dueUs === NEVER
        ? NO_SLOT
        : this.queue.push(this.bytes, this.words, offset - VIRTIO_NET_HEADER_SIZE, size, dueUs)
    if (slot === NO_SLOT) {
      this.queueFull++
      this.counters.dropped(this.port, DropReason.linkQueueFull)
      return
    }
    this.counters.held(this.port, 1)
    if (!isCorrupt) return
    this.corrupted++
    const bit = this.random.below(8 * length)
    this.store.turnBit(slot, VIRTIO_NET_HEADER_SIZE + (bit >> 3), bit & 7)
  }

  /** Whether a number drawn is below; draws none where none could be. */
  private draws(below: number): boolean {
    return below > 0 && this.random.next() < below
  }
}
