/**
 * All impaired links: what came by them waits before the path sees it, and what goes to them waits before its device does.
 *
 *     poll ─► arrive ────────────────► the path ─► egress ──────────────────► poll
 *               │    ▲ when it is due                │     ▲ when it is due
 *               └────┘ `from`: what the port sends   └─────┘ `to`: what it is sent
 *
 * A frame that has waited goes on as though it had just come, or just been decided on. Where nothing is impaired, all this is one
 * test a burst.
 */

import { BURST_MAX, SEGMENTS_MAX } from '../../limits.ts'
import * as virtio from '../../wire/virtio-net.ts'
import { Fact } from '../capture/recorded-frame.ts'
import { classify } from '../classify.ts'
import type { Counters } from '../counters.ts'
import { DropReason } from '../drop-reason.ts'
import { type Egress, NO_ROOM } from '../egress.ts'
import type { FrameMemory } from '../frame-memory.ts'
import * as frameMemory from '../frame-memory.ts'
import { completeChecksum, Segmenter } from '../offload.ts'
import { IMPAIRED, NO_DOMAIN, type PortTable } from '../port-table.ts'
import { requireLegal } from './check-settings.ts'
import { NEVER } from './delay-queue.ts'
import { StoreMemory } from './frame-store.ts'
import { ImpairedLink } from './impaired-link.ts'
import {
  type ImpairmentCounts,
  type ImpairmentSettings,
  type ImpairmentValue,
  LinkDirection,
} from './impairment-settings.ts'

// Constants of this module, whose values V8 compiles in; an imported one it would load and check at each use.
const { DESCRIPTOR_SHIFT, DESCRIPTOR_WORDS, LENGTH, OFFSET, PORT, VIRTIO_NET_HEADER_SIZE } = frameMemory

/** Of the arena, what frames may take that arrive from a link: the rest is for what the path makes of them. */
const ARRIVALS_SIZE = 3 * 1024 * 1024

export interface ImpairmentParts {
  readonly memory: FrameMemory
  readonly ports: PortTable
  readonly egress: Egress
  readonly counters: Counters
}

export class Impairments {
  /** How many frames of the burst have yet to be counted as received: those before are the first of it. */
  uncounted = BURST_MAX
  private readonly memory: FrameMemory
  private readonly words: Int32Array
  private readonly ports: PortTable
  private readonly egress: Egress
  private readonly counters: Counters
  private readonly segmenter: Segmenter
  private readonly storeMemory = new StoreMemory()
  /** By port: the link that its frames come by. */
  private readonly from: (ImpairedLink | undefined)[] = []
  // The impaired ones, in the order in which they became so.
  private fromLinks: readonly ImpairedLink[] = []
  private toLinks: readonly ImpairedLink[] = []
  /** Descriptors of the burst's frames that came by impaired links. */
  private readonly taken = new Int32Array(BURST_MAX * DESCRIPTOR_WORDS)
  /** When memory was given back last. */
  private trimmedS = 0
  /** Microseconds: the time of the turn. */
  private readonly clock = new Float64Array(1)

  constructor(parts: ImpairmentParts) {
    this.memory = parts.memory
    this.words = new Int32Array(parts.memory.bytes.buffer)
    this.ports = parts.ports
    this.egress = parts.egress
    this.counters = parts.counters
    this.segmenter = new Segmenter(parts.memory)
  }

  /** When the next frame that waits is due, in microseconds; NEVER where none waits. */
  get nextDueUs(): number {
    return Math.min(earliest(this.fromLinks), earliest(this.toLinks))
  }

  /**
   * Frames wait that were due when `arrive` was called last, and that its burst had no room for. Those of a link that has just been
   * reset are left to the next turns, however many: the other ports do not wait for them all.
   */
  get hasArrivals(): boolean {
    return this.fromLinks.some(hasPunctual)
  }

  /** Frames wait to their ports that were due when `arrive` was called last. */
  get hasDepartures(): boolean {
    return this.toLinks.some(hasDue)
  }

  /**
   * Takes what came by impaired links out of a burst of `count` frames, and puts behind the others what is due of it, or passes.
   * Returns how many frames the burst has then.
   */
  arrive(count: number, nowUs: number): number {
    this.clock[0] = nowUs
    this.uncounted = BURST_MAX
    if (this.fromLinks.length === 0) return count
    const others = this.takeOut(count)
    this.uncounted = others
    const taken = count - others
    let end = others
    for (let i = 0; i < taken; i++) end = this.enter(i << DESCRIPTOR_SHIFT, end, BURST_MAX - (taken - i - 1))
    for (const link of this.fromLinks) end = this.release(link, end)
    if (this.fromLinks.some(isOver)) this.forgetEnded()
    return end
  }

  /** The same of the frame that is the burst, and nothing else: what was due has gone on. Returns 0 where it waits, or is dropped. */
  arriveAlone(): number {
    const { taken } = this
    const { received } = this.memory
    this.uncounted = BURST_MAX
    if (this.from[received[PORT]!] === undefined) return 1
    this.uncounted = 0
    for (let word = 0; word < DESCRIPTOR_WORDS; word++) taken[word] = received[word]!
    return this.enter(0, 0, BURST_MAX)
  }

  /**
   * Adds what is due to the list of transmissions. False where it may not take all: carry it out, settle, and call again.
   */
  depart(): boolean {
    const { egress } = this
    const { trail } = this.counters
    egress.freeArrivals()
    trail.facts |= Fact.delayed
    for (const link of this.toLinks) {
      while (link.isDue) {
        egress.expect(SEGMENTS_MAX)
        const { nextLength } = link
        const offset = egress.hasRoom ? egress.allocate(nextLength) : NO_ROOM
        if (offset === NO_ROOM) return false
        trail.watcher?.passing(link.nextNumber)
        link.release(offset)
        egress.deliver(link.port, offset, nextLength)
      }
    }
    if (this.toLinks.some(isOver)) this.forgetEnded()
    return true
  }

  /** To be called in each turn: what nobody has waited in for a second is given back. */
  tick(nowS: number): void {
    if (nowS === this.trimmedS) return
    this.trimmedS = nowS
    const { fromLinks, toLinks } = this
    for (let i = 0; i < fromLinks.length; i++) fromLinks[i]!.trim()
    for (let i = 0; i < toLinks.length; i++) toLinks[i]!.trim()
  }

  /** Impairs a direction, changes how, or (undefined) ends it: see Engine.setImpairment. */
  set(port: number, direction: LinkDirection, settings: ImpairmentSettings | undefined): void {
    if ((this.ports.domain[port] ?? NO_DOMAIN) === NO_DOMAIN) throw new Error(`port ${port} does not exist`)
    const link = this.find(port, direction)
    if (settings !== undefined) {
      requireLegal(settings)
      const changed = link ?? this.add(port, direction)
      changed.change(settings)
    } else if (link !== undefined) {
      link.end()
      this.forgetEnded()
    }
  }

  /** The link, unless it is impaired no more. */
  impaired(port: number, direction: LinkDirection): ImpairedLink | undefined {
    const link = this.find(port, direction)
    return link?.isEnding === true ? undefined : link
  }

  counts(port: number, direction: LinkDirection): ImpairmentCounts | undefined {
    return this.impaired(port, direction)?.counts
  }

  list(): readonly ImpairmentValue[] {
    return [...this.fromLinks, ...this.toLinks]
      .filter(({ isEnding }) => !isEnding)
      .map(({ port, direction, settings, counts }) => ({ port, direction, settings, counts }))
  }

  /** The port goes: what waits to it, or has come from it, is dropped. */
  removePort(port: number): void {
    for (const direction of [LinkDirection.from, LinkDirection.to]) {
      const link = this.find(port, direction)
      link?.dropWaiting(DropReason.deviceGone)
      link?.end()
    }
    this.forgetEnded()
  }

  private find(port: number, direction: LinkDirection): ImpairedLink | undefined {
    return direction === LinkDirection.from ? this.from[port] : this.egress.links[port]
  }

  private add(port: number, direction: LinkDirection): ImpairedLink {
    const { words, counters, clock, storeMemory: memory } = this
    const { bytes } = this.memory
    const link = new ImpairedLink({ port, direction, bytes, words, counters, clock, memory })
    if (direction === LinkDirection.from) {
      this.from[port] = link
      this.fromLinks = [...this.fromLinks, link]
    } else {
      this.egress.links[port] = link
      this.toLinks = [...this.toLinks, link]
      this.ports.plain[port]! |= IMPAIRED
    }
    return link
  }

  /** Those that are impaired no more go as soon as nothing waits on them. */
  private forgetEnded(): void {
    for (const link of this.fromLinks.filter(isOver)) {
      this.from[link.port] = undefined
      link.giveBack()
    }
    for (const link of this.toLinks.filter(isOver)) {
      this.egress.links[link.port] = undefined
      this.ports.plain[link.port]! &= ~IMPAIRED
      link.giveBack()
    }
    this.fromLinks = this.fromLinks.filter((link) => !isOver(link))
    this.toLinks = this.toLinks.filter((link) => !isOver(link))
  }

  /** Moves the descriptors of what came by impaired links to `taken`; returns how many of the burst are left. */
  private takeOut(count: number): number {
    const { from, taken } = this
    const { received } = this.memory
    let kept = 0
    for (let i = 0; i < count; i++) {
      const descriptor = i << DESCRIPTOR_SHIFT
      const isTaken = from[received[descriptor + PORT]!] !== undefined
      const words = isTaken ? taken : received
      const at = (isTaken ? i - kept : kept++) << DESCRIPTOR_SHIFT
      words[at + PORT] = received[descriptor + PORT]!
      words[at + OFFSET] = received[descriptor + OFFSET]!
      words[at + LENGTH] = received[descriptor + LENGTH]!
    }
    return kept
  }

  /** Takes a frame of `taken` to its link. It may stand in the burst from `end` on, before `room`; returns the burst's new end. */
  private enter(descriptor: number, end: number, room: number): number {
    const { taken } = this
    const { view } = this.memory
    const port = taken[descriptor + PORT]!
    const offset = taken[descriptor + OFFSET]!
    const length = taken[descriptor + LENGTH]!
    const link = this.from[port]!
    this.counters.received(port, length)
    const header = offset - VIRTIO_NET_HEADER_SIZE
    if (link.takesWireFrames && virtio.offloads(view, header) !== 0) {
      // What asks for an offload that it does not fit is left to the path, which drops it for that.
      if (classify(view, offset, length, this.ports.frameMax[port]!) !== DropReason.none) {
        return this.place(port, offset, length, end)
      }
      if (virtio.gsoType(view, header) !== virtio.GSO_NONE)
        return this.enterSegments(link, offset, length, end, room)
      completeChecksum(view, offset, length)
    }
    return link.submit(offset, length, true) ? this.place(port, offset, length, end) : end
  }

  /** The same of a super-frame, cut up as a wire has it. */
  private enterSegments(
    link: ImpairedLink,
    offset: number,
    length: number,
    from: number,
    room: number,
  ): number {
    const { segmenter, egress } = this
    const { port } = link
    const limit = egress.arenaStart + ARRIVALS_SIZE
    // Segments that go on at once stay where they are cut. Where there is no place for them, they are cut behind, and wait as copies.
    let staysHere = segmenter.segment(offset, length, egress.free, limit) === DropReason.none
    if (!staysHere && segmenter.segment(offset, length, limit, egress.end) !== DropReason.none) {
      this.counters.dropped(port, DropReason.segmentLimit)
      this.counters.trail.watcher?.lostOnLink(
        port,
        LinkDirection.from,
        offset,
        length,
        DropReason.segmentLimit,
      )
      return from
    }
    const { count, firstOffset, stride, segmentLength, lastLength } = segmenter
    this.counters.segmented(port, count)
    let end = from
    for (let i = 0; i < count; i++) {
      const segment = firstOffset + i * stride
      const size = i === count - 1 ? lastLength : segmentLength
      if (end >= room) staysHere = false
      if (link.submit(segment, size, staysHere)) end = this.place(port, segment, size, end)
    }
    if (end > from) egress.take(segmenter.arenaNext)
    return end
  }

  /** Puts what is due behind the others, as far as there is room; returns the burst's new end. */
  private release(link: ImpairedLink, from: number): number {
    const { egress } = this
    const limit = egress.arenaStart + ARRIVALS_SIZE
    let end = from
    while (end < BURST_MAX && link.isDue) {
      const { nextLength } = link
      const before = egress.free
      const offset = egress.allocate(nextLength)
      if (offset === NO_ROOM || offset + nextLength > limit) {
        egress.take(before)
        break
      }
      link.release(offset)
      end = this.place(link.port, offset, nextLength, end)
    }
    return end
  }

  private place(port: number, offset: number, length: number, end: number): number {
    const { received } = this.memory
    const descriptor = end << DESCRIPTOR_SHIFT
    received[descriptor + PORT] = port
    received[descriptor + OFFSET] = offset
    received[descriptor + LENGTH] = length
    return end + 1
  }
}

const earliest = (links: readonly ImpairedLink[]): number => {
  let earliestUs = NEVER
  for (const link of links) earliestUs = Math.min(earliestUs, link.nextDueUs)
  return earliestUs
}

const hasDue = (link: ImpairedLink): boolean => link.isDue

const hasPunctual = (link: ImpairedLink): boolean => link.isDue && !link.isEnding

const isOver = (link: ImpairedLink): boolean => link.isEnding && link.waiting === 0
