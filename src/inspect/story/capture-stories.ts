/**
 * Stories of a capture without its lab. One of our own tells which way packets went, and in its comments why: what belongs together is found by time and
 * content. Any other has packets and nothing else: they are shown as they are, with what is wrong with them.
 */

import { STORY_TOGETHER_MAX } from '../../limits.ts'
import { commentFacts } from '../capture/comment-facts.ts'
import { type CapturedPacket, type CaptureInterface, Direction } from '../pcap/capture-file.ts'
import type { CaptureReader } from '../pcap/capture-reader.ts'
import { ReadResult } from '../pcap/read-result.ts'
import { capturedCopy, placeOfInterface, timeText } from './captured-copy.ts'
import type { FrameStory } from './frame-story.ts'
import { ALL_PACKETS, isInRange, type PacketRange } from './packet-range.ts'
import { isSamePacket } from './same-packet.ts'
import type { SourceCopy, StorySource } from './story-source.ts'
import { StoryTeller } from './tell-story.ts'

const { inbound: INBOUND, outbound: OUTBOUND } = Direction

/** What a capture of our own says of itself (pcapng: shb_userappl). */
const OWN_APPLICATION = /^tapwire\b/i

export interface CaptureStoriesOptions {
  readonly range?: PacketRange | undefined
  readonly emit: (story: FrameStory) => void
}

/** A story that may go on: more copies may have left at the same time. */
interface Draft {
  source: StorySource
  readonly departures: SourceCopy[]
  readonly packets: number[]
}

export class CaptureStories {
  /** Packets read so far. */
  packets = 0
  /** Of those that were told of, copies of what left. */
  copies = 0
  readonly #range: PacketRange
  readonly #emit: (story: FrameStory) => void
  readonly #teller = new StoryTeller()
  #interfaces: readonly CaptureInterface[] = []
  #isOwn = false
  /** All of one instant, as long as there are not too many. */
  #drafts: Draft[] = []
  #instant = ''
  /** Arrivals that wait, by number; they leave at another instant. */
  readonly #waiting = new Map<number, SourceCopy>()

  constructor({ range = ALL_PACKETS, emit }: CaptureStoriesOptions) {
    this.#range = range
    this.#emit = emit
  }

  /** Goes on until the reader needs more (false), or nothing is left to tell (true). Throws CaptureFileError. */
  read(reader: CaptureReader): boolean {
    for (;;) {
      const result = reader.next()
      if (result === ReadResult.packet) {
        this.#take(reader.packet)
        if (this.packets > this.#range.last && this.#drafts.length === 0) return true
      } else if (result === ReadResult.needMore) return false
      else if (result === ReadResult.end) return true
      else if (result === ReadResult.section) {
        this.#isOwn = OWN_APPLICATION.test(reader.format?.application ?? '')
      } else if (result === ReadResult.interface) this.#interfaces = reader.interfaces
    }
  }

  /** Tells what is left. */
  finish(): void {
    for (const { source, departures, packets } of this.#drafts) {
      if (!packets.some((packet) => isInRange(this.#range, packet))) continue
      this.copies += departures.length
      const several = packets.length > 1 ? { packets } : {}
      // Of our own captures an arrival with nothing behind it may have left by a port that was not captured.
      const whole = { ...source, ...(source.seen === undefined && several), departures }
      for (const story of this.#teller.tell(whole)) this.#emit(story)
    }
    this.#drafts = []
  }

  #take(packet: CapturedPacket): void {
    const number = ++this.packets
    const { interfaceId, seconds, nanoseconds, direction } = packet
    const found = this.#interfaces[interfaceId]!
    const time = timeText(seconds, nanoseconds)
    if (time !== this.#instant || this.#drafts.length >= STORY_TOGETHER_MAX) this.finish()
    this.#instant = time
    // What comes behind the range can still be what leaves of a frame within.
    if (number > this.#range.last && this.#drafts.length === 0) return
    const copy = capturedCopy(packet, found, placeOfInterface(found, this.#isOwn))
    if (!this.#isOwn)
      this.#add(number, { number, time, arrival: copy, facts: [], steps: [], departures: [], seen: SEEN })
    else if (direction === INBOUND) this.#arrive(number, time, copy, packet.comments)
    else if (direction === OUTBOUND) this.#leave(number, time, copy, packet.comments)
    else this.#add(number, { number, time, arrival: copy, facts: [], steps: [], departures: [], seen: SEEN })
  }

  #add(packet: number, source: StorySource): void {
    this.#drafts.push({ source, departures: [], packets: [packet] })
  }

  #arrive(number: number, time: string, arrival: SourceCopy, comments: readonly string[]): void {
    const { facts, flow, reason, sentences } = commentFacts(comments)
    const steps = sentences.map(saying)
    this.#add(number, {
      number,
      time,
      arrival,
      facts,
      steps,
      flow,
      reason,
      departures: [],
      packets: [number],
    })
    if (!facts.includes('held') && !facts.includes('delayed')) return
    this.#waiting.set(number, arrival)
    if (this.#waiting.size > STORY_TOGETHER_MAX) this.#waiting.delete(this.#waiting.keys().next().value!)
  }

  #leave(packet: number, time: string, copy: SourceCopy, comments: readonly string[]): void {
    const { flow, isMade, sentences } = commentFacts(comments)
    const cause = isMade ? undefined : this.#causeOf(copy)
    if (cause !== undefined) {
      cause.departures.push(copy)
      cause.packets.push(packet)
      return
    }
    const number = isMade ? undefined : this.#waitingLike(copy)
    this.#add(packet, {
      number: number ?? 0,
      time,
      facts: number === undefined ? [] : ['released'],
      steps: sentences.map(saying),
      flow,
      departures: [],
      packets: [packet],
    })
    this.#drafts.at(-1)!.departures.push(copy)
  }

  /** The frame that left by this copy; or else the last one, which made the router send it. */
  #causeOf(copy: SourceCopy): Draft | undefined {
    const same = this.#drafts.find(
      ({ source: { arrival }, departures }) =>
        arrival !== undefined &&
        isSamePacket(arrival.bytes, copy.bytes, false) &&
        departures.every(({ place }) => place.port !== copy.place.port),
    )
    if (same !== undefined) return same
    if (this.#waitingLike(copy) !== undefined) return undefined
    return this.#drafts.findLast(({ source }) => source.arrival !== undefined)
  }

  #waitingLike(copy: SourceCopy): number | undefined {
    for (const [number, arrival] of this.#waiting) {
      if (isSamePacket(arrival.bytes, copy.bytes, false)) return number
    }
    return undefined
  }
}

const SEEN = 'The capture does not say what became of it.'

const saying = (comment: string): StorySource['steps'][number] => ({
  stage: 'capture',
  verdict: 'says',
  values: { comment },
})
