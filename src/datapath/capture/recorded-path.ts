/**
 * The path for who looks on: takes frames that somebody wants through the engine one by one, so that what each one caused is known exactly.
 * What leaves is what stands in the list of transmissions behind it, why it was dropped is what the trail says then.
 *
 *     begin ─► Engine.process(i, i + 1) ─► depart, for each transmission that has come to the list ─► end
 *
 * Frames that nobody wants as they came, which may be most of those that there are, go at a glance: as many at once as follow one another.
 * Somebody may want them as they leave. What the switch sends on stands where it came; the router says which packet it deals with.
 *
 *     overlook ─► Engine.process(i, j) ─► depart, for each transmission that has come to the list
 *
 * The same frames leave as without it, where bursts are of one frame each: the engine learns from all frames of a burst before it
 * forwards the first, so in larger ones a station that speaks for the first time is found by frames of the same burst.
 *
 * Allocates nothing.
 */

import { BURST_MAX, TRANSMIT_MAX } from '../../limits.ts'
import * as ethernet from '../../wire/ethernet.ts'
import * as virtioNet from '../../wire/virtio-net.ts'
import { refusalReason } from '../egress.ts'
import type { Engine } from '../engine.ts'
import { ExplainedSteps } from '../explained-steps.ts'
import type { FrameMemory } from '../frame-memory.ts'
import * as frameMemory from '../frame-memory.ts'
import { LinkDirection } from '../impairment/impairment-settings.ts'
import type { ExplainedStep } from '../router-settings.ts'
import type { FrameRecorder } from './frame-recorder.ts'
import { Glance } from './glance.ts'
import { NestedWays } from './nested-ways.ts'
import { Fact } from './recorded-frame.ts'
import type { Trail, TrailWatcher } from './trail.ts'

// Constants of this module, whose values V8 compiles in; an imported one it would load and check at each use.
const { DESCRIPTOR_SHIFT, LENGTH, OFFSET, PORT, RESULT, STATUS_TRANSMIT_FAILURES, VIRTIO_NET_HEADER_SIZE } =
  frameMemory
const { etherType, TYPE_ARP } = ethernet
const { gsoType, GSO_NONE } = virtioNet
const {
  consumed: CONSUMED,
  delayed: DELAYED,
  learned: LEARNED,
  made: MADE,
  moved: MOVED,
  released: RELEASED,
} = Fact
const { from: FROM } = LinkDirection
const NONE = -1
const NUMBER_MAX = 2 ** 31 - 1
const MS_PER_S = 1000

export class RecordedPath implements TrailWatcher {
  private readonly engine: Engine
  private readonly memory: FrameMemory
  private readonly trail: Trail
  private readonly transmit: () => void
  private recorders: readonly FrameRecorder[] = []
  private lastNumber = 0
  private readonly ways: NestedWays
  /** Transmissions in the list that the recorders have been told of. */
  private told = 0
  /** Numbers of the frames that the transmissions in the list are of. */
  private readonly numbers = new Int32Array(TRANSMIT_MAX)
  private adds = 0
  private moves = 0
  /** Why the frame that begins its way never arrives; 0: it does. */
  private linkReason = 0
  private readonly together: Glance

  /** `transmit` carries out the transmissions in the list, as `FrameIo.transmit`; the path settles them itself. */
  constructor(engine: Engine, memory: FrameMemory, transmit: () => void) {
    this.engine = engine
    this.memory = memory
    this.trail = engine.counters.trail
    this.transmit = transmit
    this.ways = new NestedWays(this.trail)
    this.together = new Glance(memory.received)
  }

  /** Whether anybody looks. Where nobody does, the engine is to be called itself. */
  get active(): boolean {
    return this.recorders.length > 0
  }

  /** To be called between two bursts, as is `remove`. */
  add(recorder: FrameRecorder): void {
    this.recorders = [...this.recorders, recorder]
    if (this.recorders.length === 1) {
      this.told = this.engine.transmitCount
      this.numbers.fill(0, 0, this.told)
    }
    this.trail.watcher = this
  }

  remove(recorder: FrameRecorder): void {
    this.recorders = this.recorders.filter((one) => one !== recorder)
    if (this.active) return
    this.trail.watcher = undefined
    // Of the frame that was dealt with last: none that waits from here on is that one.
    this.trail.number = 0
  }

  /** Engine.arrive, for what is lost on the way: `nowMs` and `nowUs` are the same. */
  arrive(count: number, nowMs: number, nowUs: number): number {
    this.ways.current.timeMs = nowMs
    return this.engine.arrive(count, nowUs)
  }

  /** Engine.inject: the frame arrives at the port. `byLink`: as with Engine.place. */
  inject(port: number, frame: Uint8Array, nowMs: number, byLink = false): void {
    this.ways.current.timeMs = nowMs
    this.process(this.engine.place(port, frame, byLink), nowMs)
  }

  /** Takes a burst of `count` frames through the path; transmits where the list is full. */
  process(count: number, nowMs: number): void {
    if (count > BURST_MAX) throw new RangeError(`a burst has at most ${BURST_MAX} frames, not ${count}`)
    const nowS = Math.floor(nowMs / MS_PER_S)
    this.ways.current.timeMs = nowMs
    for (let i = 0; i < count; ) {
      const end = this.overlooked(i, count)
      if (end > i) this.glance(i, end, nowS)
      else this.look(i, nowS)
      i = Math.max(end, i + 1)
    }
    if (this.wantsRefused()) this.transmitNow()
    this.flush()
  }

  /** Engine.tick. */
  tick(nowMs: number): boolean {
    this.make(nowMs, 0)
    const more = this.engine.tick(Math.floor(nowMs / MS_PER_S))
    this.made()
    return more
  }

  /** Anything else that may put frames into the list: what it does is the router's own doing. */
  run<Result>(nowMs: number, action: () => Result): Result {
    if (!this.active) return action()
    this.make(nowMs, 0)
    try {
      return action()
    } finally {
      this.made()
    }
  }

  /** The same of what lets frames go on that had been told of: who had delayed them. */
  release<Result>(nowMs: number, action: () => Result): Result {
    if (!this.active) return action()
    this.make(nowMs, RELEASED)
    try {
      return action()
    } finally {
      this.made()
    }
  }

  /** Instead of Engine.settle, after a poll. `present`: the frames are still in the memory, since it was a transmit. */
  settle(present = false): void {
    const failures = this.memory.status[STATUS_TRANSMIT_FAILURES]!
    if (failures > 0 && this.active) this.refused(present)
    this.engine.settle()
    this.told = 0
  }

  /** Transmits what stands in the list. */
  transmitNow(): void {
    if (this.ways.depth > 0) this.depart()
    if (this.engine.transmitCount > 0) this.transmit()
    this.settle(true)
  }

  /**
   * For a recorder, of the frame that begins its way: what the path would do with it, before it does so. Transmits what stands in the
   * list. Slow. Empty for what had waited.
   */
  explain(port: number, offset: number, length: number): readonly ExplainedStep[] {
    if (this.ways.depth > 1) return []
    if (this.linkReason !== 0) return this.explainLoss(port)
    this.transmitNow()
    const frame = this.memory.bytes.slice(offset, offset + length)
    const virtioHeader = this.memory.bytes.slice(offset - VIRTIO_NET_HEADER_SIZE, offset)
    const nowS = Math.floor(this.ways.current.timeMs / MS_PER_S)
    return this.engine.explain(port, frame, nowS, { hasArrived: true, virtioHeader })
  }

  handling(offset: number): void {
    if (!this.together.active) return
    this.depart()
    this.together.isRouted = true
    const { ways } = this
    ways.clear(ways.current.number, 0)
    this.placeAt(offset)
    this.trail.number = ways.current.number
  }

  releasing(number: number, port: number, offset: number, length: number): void {
    this.depart()
    this.ways.enter(number, RELEASED)
    for (const recorder of this.recorders) recorder.begin(this.ways.current, port, offset, length)
  }

  released(): void {
    this.depart()
    for (const recorder of this.recorders) recorder.end(this.ways.current)
    this.ways.leave()
  }

  /** Frames at a glance are not told of one by one, but for those that the router deals with. */
  numberOf(offset: number): number {
    const { ways, together } = this
    if (ways.depth === 0) return 0
    if (!together.active || together.isRouted) return ways.current.number
    const place = together.find(offset)
    return place === NONE ? 0 : together.number(place)
  }

  passing(number: number): void {
    if (number === this.ways.current.number) return
    this.depart()
    const { recorders } = this
    for (let r = 0; r < recorders.length; r++) recorders[r]!.end(this.ways.current)
    this.ways.clear(number, RELEASED | DELAYED)
    for (let r = 0; r < recorders.length; r++) recorders[r]!.make(this.ways.current)
  }

  lost(
    number: number,
    port: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
    reason: number,
  ): void {
    this.ways.enter(number, RELEASED)
    this.ways.current.reason = reason
    for (const recorder of this.recorders) recorder.lose(this.ways.current, port, bytes, offset, length)
    this.ways.leave()
  }

  lostOnLink(port: number, direction: LinkDirection, offset: number, length: number, reason: number): void {
    if (direction === FROM) this.neverArrives(port, offset, length, reason)
    // Outside of any way nothing is sent but what had been told of.
    else if (this.ways.depth > 0) this.neverDeparts(port, offset, length, reason)
  }

  private neverArrives(port: number, offset: number, length: number, reason: number): void {
    this.linkReason = reason
    this.begin(port, offset, length)
    this.linkReason = 0
    this.trail.reason = reason
    this.end()
  }

  private neverDeparts(port: number, offset: number, length: number, reason: number): void {
    const { trail, recorders } = this
    const way = this.ways.current
    if (this.ways.depth === 1 && this.together.active) this.placeAt(offset)
    const before = way.reason
    way.facts = trail.facts
    way.flow = trail.flow
    way.reason = reason
    for (let r = 0; r < recorders.length; r++) recorders[r]!.miss(way, port, offset, length)
    way.reason = before
  }

  private explainLoss(port: number): readonly ExplainedStep[] {
    const steps = new ExplainedSteps()
    steps.drop('link', this.linkReason, { port, way: 'from' })
    return steps.all
  }

  private look(i: number, nowS: number): void {
    const { received } = this.memory
    const descriptor = i << DESCRIPTOR_SHIFT
    this.begin(received[descriptor + PORT]!, received[descriptor + OFFSET]!, received[descriptor + LENGTH]!)
    while (this.engine.process(i, i + 1, nowS) <= i) this.transmitNow()
    this.end()
  }

  /** The first frame from `from` on that has to be looked at. */
  private overlooked(from: number, count: number): number {
    const { recorders } = this
    let end = count
    for (let r = 0; r < recorders.length && end > from; r++) end = recorders[r]!.overlooks(from, end)
    return end > from ? this.plain(from, end) : from
  }

  /**
   * The first frame from `from` on of which it would not be known what leaves because of it: ARP, which others may have waited for, and
   * super-frames, whose segments stand elsewhere.
   */
  private plain(from: number, count: number): number {
    const { received, view } = this.memory
    for (let i = from; i < count; i++) {
      const offset = received[(i << DESCRIPTOR_SHIFT) + OFFSET]!
      if (etherType(view, offset) === TYPE_ARP) return i
      if (gsoType(view, offset - VIRTIO_NET_HEADER_SIZE) !== GSO_NONE) return i
    }
    return count
  }

  private glance(from: number, to: number, nowS: number): void {
    const { recorders } = this
    for (let r = 0; r < recorders.length; r++) recorders[r]!.overlook(from, to)
    if (this.lastNumber + to - from > NUMBER_MAX) this.lastNumber = 0
    this.together.begin(from, to, this.lastNumber + 1)
    this.ways.begin(this.lastNumber + 1, 0)
    this.lastNumber += to - from
    for (let done = from; done < to; ) {
      done = this.engine.process(done, to, nowS)
      if (done < to) this.transmitNow()
    }
    this.depart()
    this.together.end()
    this.ways.end()
  }

  /** Tells of the frame at a glance that came where `offset` says, if one did: else of the one before. */
  private placeAt(offset: number): void {
    const { together } = this
    const way = this.ways.current
    const place = together.find(offset)
    if (place !== NONE) way.number = together.number(place)
    way.place = together.isRouted ? NONE : place
  }

  private begin(port: number, offset: number, length: number): void {
    const { stations } = this.engine
    this.lastNumber = this.lastNumber === NUMBER_MAX ? 1 : this.lastNumber + 1
    this.adds = stations.added
    this.moves = stations.moved
    this.ways.begin(this.lastNumber, 0)
    const { recorders } = this
    for (let r = 0; r < recorders.length; r++) recorders[r]!.begin(this.ways.current, port, offset, length)
  }

  private end(): void {
    this.depart()
    const { recorders } = this
    for (let r = 0; r < recorders.length; r++) recorders[r]!.end(this.ways.current)
    this.ways.end()
  }

  private make(nowMs: number, facts: number): void {
    this.ways.current.timeMs = nowMs
    this.adds = this.engine.stations.added
    this.moves = this.engine.stations.moved
    this.ways.begin(0, facts)
    const { recorders } = this
    for (let r = 0; r < recorders.length; r++) recorders[r]!.make(this.ways.current)
  }

  private made(): void {
    this.end()
    this.flush()
  }

  /** Takes from the trail what has become of the frame, and tells of what has come to the list since. */
  private depart(): void {
    const { ways, trail, memory, recorders } = this
    const way = ways.current
    const isGlance = ways.depth === 1 && this.together.active
    // What the trail says is about any of many frames: that they were flooded, or dropped.
    if (isGlance && !this.together.isRouted) trail.clear()
    way.facts = trail.facts | (ways.depth === 1 && !isGlance ? this.learnt() : 0)
    way.reason = trail.reason
    way.flow = trail.flow
    const { transmits, view } = memory
    const count = this.engine.transmitCount
    // What the router makes because of a frame does not belong to that one's connection.
    const { facts, flow } = way
    const isAnswer = trail.made && (way.reason !== 0 || (facts & CONSUMED) !== 0)
    for (let i = this.told; i < count; i++) {
      const descriptor = i << DESCRIPTOR_SHIFT
      const port = transmits[descriptor + PORT]!
      const offset = this.engine.transmittedOffset(i)
      const length = this.engine.transmittedLength(i)
      if (isGlance) this.placeAt(offset)
      this.numbers[i] = way.number
      const isMade = isAnswer || (trail.made && etherType(view, offset) === TYPE_ARP)
      way.facts = isMade ? facts | MADE : facts
      way.flow = isMade ? NONE : flow
      for (let r = 0; r < recorders.length; r++) recorders[r]!.depart(way, port, offset, length)
    }
    way.facts = facts
    way.flow = flow
    this.told = count
  }

  /** What the switch has learned from the frame. */
  private learnt(): number {
    const { stations } = this.engine
    if (stations.moved !== this.moves) {
      this.ways.current.movedFrom = stations.movedFrom
      return MOVED
    }
    return stations.added === this.adds ? 0 : LEARNED
  }

  private refused(present: boolean): void {
    const { transmits } = this.memory
    const count = this.engine.transmitCount
    for (let i = 0; i < count; i++) {
      const descriptor = i << DESCRIPTOR_SHIFT
      const error = -transmits[descriptor + RESULT]!
      if (error === 0) continue
      this.ways.enter(this.numbers[i]!, 0)
      this.ways.current.reason = refusalReason(error)
      const port = transmits[descriptor + PORT]!
      const offset = this.engine.transmittedOffset(i)
      const length = this.engine.transmittedLength(i)
      for (const recorder of this.recorders) recorder.refuse(this.ways.current, port, offset, length, present)
      this.ways.leave()
    }
  }

  /** A loop by index, as in all that comes with each burst: closures and iterators are allocated until the compiler does away with them. */
  private wantsRefused(): boolean {
    const { recorders } = this
    for (let r = 0; r < recorders.length; r++) if (recorders[r]!.wantsRefused) return true
    return false
  }

  private flush(): void {
    const { recorders } = this
    for (let r = 0; r < recorders.length; r++) recorders[r]!.flush()
  }
}
