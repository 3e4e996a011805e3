/** A replay that tells the story of each frame: what the lab's own data path did with it, and why. */

import type { RecordedFrame } from '../../datapath/capture/recorded-frame.ts'
import type { CapturedPacket } from '../../inspect/pcap/capture-file.ts'
import type { CaptureReader } from '../../inspect/pcap/capture-reader.ts'
import { capturedCopy, placeOfInterface, timeText } from '../../inspect/story/captured-copy.ts'
import type { FrameStory } from '../../inspect/story/frame-story.ts'
import { ALL_PACKETS, isInRange, type PacketRange } from '../../inspect/story/packet-range.ts'
import { sourceOfRecord } from '../../inspect/story/story-source.ts'
import { StoryTeller } from '../../inspect/story/tell-story.ts'
import { REPLAY_TAIL_S, STORY_TOGETHER_MAX } from '../../limits.ts'
import type { SimulatedLab } from '../simulated-lab.ts'
import { CapturedFrames, OTHER_LINK_TYPE, TOO_LONG } from './captured-frames.ts'
import { BY_ROUTER, NOT_PLACED, OUTBOUND, PlaceFinder } from './place-finder.ts'
import type { SourceRule } from './source-rules.ts'
import type { UnplacedSource } from './unplaced.ts'

const MS_PER_S = 1000
const NS_PER_MS = 1_000_000
const NS_PER_S = 1_000_000_000

export interface ExplainedReplayOptions {
  readonly rules?: readonly SourceRule[]
  readonly range?: PacketRange | undefined
  readonly emit: (story: FrameStory) => void
}

/** Why a packet arrives nowhere. */
const LEFT_OUT: Readonly<Record<number, string>> = {
  [NOT_PLACED]: 'It comes from nowhere in the lab, and so it is not replayed: --from-port says where from.',
  [OUTBOUND]:
    'It is a copy of what left Tapwire, and so it is not replayed: what caused it is in the capture, too.',
  [BY_ROUTER]:
    'A gateway of the lab has sent it, and so it is not replayed: the lab’s own does so by itself.',
  [OTHER_LINK_TYPE]: 'It is no Ethernet frame, and so it is not replayed.',
  [TOO_LONG]: 'It is longer than any frame of the data path, and so it is not replayed.',
}

/** These say nothing that their cause does not: they are told of when somebody asks for them. */
const TOLD_ON_DEMAND: ReadonlySet<number> = new Set([OUTBOUND, BY_ROUTER])

export class ExplainedReplay {
  readonly #lab: SimulatedLab
  readonly #range: PacketRange
  readonly #emit: (story: FrameStory) => void
  readonly #frames: CapturedFrames
  readonly #teller = new StoryTeller()
  /** Numbers of packets that waited in the data path, by the numbers of their records. Copies of one may go on at several times. */
  readonly #waiting = new Map<number, number>()
  #waitedMs = 0
  #reader: CaptureReader | undefined
  /** At 0 of the lab's clock, which begins with the first frame. */
  #firstS = Number.NaN
  #firstNs = 0

  /** The lab must have been started with `explained`. Throws USAGE where a rule names no place of it. */
  constructor(lab: SimulatedLab, { rules = [], range = ALL_PACKETS, emit }: ExplainedReplayOptions) {
    const { datapath, places, routerMacs } = lab
    const finder = new PlaceFinder({ places, routers: routerMacs, rules })
    this.#lab = lab
    this.#range = range
    this.#emit = emit
    this.#frames = new CapturedFrames(
      finder,
      datapath.slotSize,
      (port, reader, present, length) => this.#arrive(port, reader, present, length),
      (why, packet) => this.#leaveOut(why, packet),
    )
  }

  /** Packets read so far, and those of nowhere in the lab. */
  get packets(): number {
    return this.#frames.counts.read
  }

  /** Copies of what left, of those packets. */
  get copies(): number {
    return this.#frames.counts.outbound
  }

  get unplaced(): { readonly frames: number; readonly sources: readonly UnplacedSource[] } {
    return this.#frames.unplaced
  }

  /** Goes on until the reader needs more (false), or is at the end (true). Throws CaptureFileError. */
  read(reader: CaptureReader): boolean {
    this.#reader = reader
    return this.#frames.read(reader)
  }

  /** Whether packets to come can add nothing to what is told. */
  get isDone(): boolean {
    const mayWait = this.#waiting.size > 0 && this.#frames.timeMs <= this.#waitedMs + REPLAY_TAIL_S * MS_PER_S
    return this.packets >= this.#range.last && !mayWait
  }

  /** Lets those frames have their end that wait when the last one has come. */
  finish(): void {
    if (this.isDone) return
    this.#tellOthers(this.#lab.advance(this.#lab.datapath.timeMs + REPLAY_TAIL_S * MS_PER_S))
  }

  #arrive(port: number, { view, packet }: CaptureReader, present: number, length: number): void {
    const frames = this.#frames
    const number = frames.counts.read
    const { timeMs } = frames
    if (Number.isNaN(this.#firstS)) {
      this.#firstS = frames.seconds
      this.#firstNs = frames.nanoseconds
    }
    if (number < this.#range.first) {
      this.#lab.advanceUnrecorded(timeMs)
      this.#lab.datapath.fill(view, packet.offset, present, length)
      this.#lab.process(port, length)
      return
    }
    if (this.isDone && number > this.#range.last) return
    // What was cut off is zeroes.
    const frame = new Uint8Array(length)
    frame.set(packet.bytes.subarray(packet.offset, packet.offset + present))
    this.#tellOthers(this.#lab.advance(timeMs))
    const records = this.#lab.receive(port, frame, timeMs)
    const own = records.findIndex(({ arrival }) => arrival !== undefined)
    // What the frame has set free is recorded before the frame itself is done.
    if (isInRange(this.#range, number)) this.#tellOwn(records[own]!, number)
    this.#tellOthers(records.filter((_, index) => index !== own))
  }

  #tellOwn(record: RecordedFrame, number: number): void {
    const time = timeText(this.#frames.seconds, this.#frames.nanoseconds)
    const source = sourceOfRecord(record, this.#lab.storyNames, { number, time })
    for (const story of this.#teller.tell(source)) this.#emit(story)
    if (source.facts.includes('held') || source.facts.includes('delayed')) {
      this.#waiting.set(record.number, number)
      this.#waitedMs = this.#frames.timeMs
      if (this.#waiting.size > STORY_TOGETHER_MAX) this.#waiting.delete(this.#waiting.keys().next().value!)
    }
  }

  /** What had waited; what the router sends of itself, and what was made up, where nobody asks for certain packets alone. */
  #tellOthers(records: readonly RecordedFrame[]): void {
    const isOfAll = this.#range.first === 1 && this.#range.last === Number.POSITIVE_INFINITY
    for (const record of records) {
      const number = this.#waiting.get(record.number) ?? 0
      const time = this.#timeAt(record.timeMs)
      const stories = this.#teller.tell(sourceOfRecord(record, this.#lab.storyNames, { number, time }))
      for (const story of stories) if (story.number !== 0 || isOfAll) this.#emit(story)
    }
  }

  #leaveOut(why: number, packet: CapturedPacket): void {
    const number = this.#frames.counts.read
    const isAskedFor = this.#range.last !== Number.POSITIVE_INFINITY
    if (!isInRange(this.#range, number) || (TOLD_ON_DEMAND.has(why) && !isAskedFor)) return
    const found = this.#reader!.interfaces[packet.interfaceId]!
    const time = timeText(packet.seconds, packet.nanoseconds)
    const arrival = capturedCopy(packet, found, placeOfInterface(found, false))
    const seen = LEFT_OUT[why] ?? ''
    const source = { number, time, arrival, facts: [], steps: [], departures: [], seen }
    for (const story of this.#teller.tell(source)) this.#emit(story)
  }

  #timeAt(timeMs: number): string {
    const seconds = Math.floor(timeMs / MS_PER_S)
    const nanoseconds = this.#firstNs + Math.round((timeMs - seconds * MS_PER_S) * NS_PER_MS)
    const carry = Math.floor(nanoseconds / NS_PER_S)
    return timeText(this.#firstS + seconds + carry, nanoseconds - carry * NS_PER_S)
  }
}
