/** Frames of some places with what was decided on them, as they pass: a bounded number a second. */

import { FOLLOWED_FACTS, type FollowedFrame, type FollowedPlace } from '../../control/api/capture.ts'
import type { PlaceSelection, Places } from '../../control/places.ts'
import type { FilterProgram } from '../../datapath/capture/frame-filter.ts'
import type { FrameCopy, RecordedFrame } from '../../datapath/capture/recorded-frame.ts'
import { DROP_REASONS, DropReason } from '../../datapath/drop-reason.ts'
import { explainSentence } from '../../inspect/explain-text.ts'
import { FOLLOWED_FRAMES_KEPT, FOLLOWED_LOOKS_PER_S } from '../../limits.ts'
import * as ethernet from '../../wire/ethernet.ts'
import { ICMP } from '../../wire/ip-protocol.ts'
import * as ipv4 from '../../wire/ipv4.ts'
import type { Datapath } from '../datapath.ts'
import { WallClock } from './capture-clock.ts'

export type FollowSwitch = Pick<Datapath, 'openFollow' | 'setFollowPorts' | 'closeFollow'>

export interface FollowSessionParts {
  readonly number: number
  readonly datapath: FollowSwitch
  readonly places: Places
  readonly selection: PlaceSelection
  readonly filter: FilterProgram
  /** Frames a second. */
  readonly limit: number
}

/** What there is to tell: a frame, or how many were missed so far. */
export type Followed = FollowedFrame | { readonly missed: number }

export class FollowSession {
  readonly #parts: FollowSessionParts
  readonly #clock: WallClock
  readonly #forgetPlaces: () => void
  #waiting: Followed[] = []
  /** Frames that the data path has not recorded, and those that nobody has read in time. */
  #unrecorded = 0
  #unread = 0
  #missedTold = 0
  #ended = false
  #wake: (() => void) | undefined

  static async open(parts: FollowSessionParts): Promise<FollowSession> {
    const { number, datapath, filter, limit } = parts
    const clock = await datapath.openFollow({ follow: number, filter, limit, looks: FOLLOWED_LOOKS_PER_S })
    return new FollowSession(parts, new WallClock(clock))
  }

  private constructor(parts: FollowSessionParts, clock: WallClock) {
    this.#parts = parts
    this.#clock = clock
    this.#followPlaces()
    this.#forgetPlaces = parts.places.onChange(() => this.#followPlaces())
  }

  /** Names are those of now: a sandbox that has gone when its frame is read would have none. */
  take(frames: readonly RecordedFrame[], missed: number): void {
    this.#unrecorded = missed
    for (const frame of frames) {
      if (this.#waiting.length < FOLLOWED_FRAMES_KEPT) this.#waiting.push(this.#tell(frame))
      else this.#unread++
    }
    this.#notify()
  }

  stop(): void {
    this.#ended = true
    this.#notify()
  }

  /** Ends the session with itself. */
  async *frames(): AsyncGenerator<Followed, void, undefined> {
    try {
      while (!this.#ended || this.#waiting.length > 0) {
        const waiting = this.#waiting
        this.#waiting = []
        yield* waiting
        const missed = this.#unrecorded + this.#unread
        if (missed > this.#missedTold) {
          this.#missedTold = missed
          yield { missed }
        }
        if (this.#waiting.length === 0 && !this.#ended) await this.#woken()
      }
    } finally {
      this.#forgetPlaces()
      await this.#parts.datapath.closeFollow(this.#parts.number).catch(() => undefined)
    }
  }

  #followPlaces(): void {
    const { places, selection, datapath, number } = this.#parts
    const chosen = places.all().filter((place) => selection.has(place))
    const ports = chosen.map(({ port }) => port)
    datapath.setFollowPorts(number, ports).catch(() => undefined)
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  #notify(): void {
    this.#wake?.()
    this.#wake = undefined
  }

  #tell(frame: RecordedFrame): FollowedFrame {
    const { number, timeMs, arrival, facts, movedFrom, steps, flow, reason, departures } = frame
    const named = this.#parts.places.explained(steps, arrival !== undefined && isIcmp(arrival.bytes))
    return {
      number,
      time: this.#clock.text(timeMs),
      ...(arrival !== undefined && { arrival: this.#copy(arrival) }),
      facts: FOLLOWED_FACTS.filter((_, bit) => (facts & (1 << bit)) !== 0),
      ...(movedFrom >= 0 && { movedFrom: this.#place(movedFrom) }),
      steps: named.map((step) => ({ ...step, sentence: explainSentence(step) })),
      ...(flow >= 0 && { flow }),
      ...(reason !== DropReason.none && { reason: DROP_REASONS[reason]!.name }),
      departures: departures.map((departure) => this.#copy(departure)),
    }
  }

  #copy({ port, bytes, virtioHeader }: FrameCopy): FollowedFrame['departures'][number] {
    return {
      place: this.#place(port),
      bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex'),
      virtioHeader: Buffer.from(virtioHeader).toString('hex'),
    }
  }

  #place(number: number): FollowedPlace {
    const { port, kind, name, interface: device, network } = this.#parts.places.at(number)
    return { port, kind, name, interface: device, network }
  }
}

function isIcmp(frame: Uint8Array): boolean {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength)
  const end = frame.byteLength
  if (end < ethernet.HEADER_SIZE || ethernet.etherType(view, 0) !== ethernet.TYPE_IPV4) return false
  return ipv4.check(view, ethernet.HEADER_SIZE, end) && ipv4.protocol(view, ethernet.HEADER_SIZE) === ICMP
}
