/** All captures of the daemon, and those who follow frames. */

import { randomBytes } from 'node:crypto'
import type { CaptureOptions, CaptureSummary } from '../../control/api/capture.ts'
import type { EventJournal } from '../../control/controller/context.ts'
import { ErrorCode, TapwireError } from '../../control/errors.ts'
import type { Places } from '../../control/places.ts'
import type { FilterProgram } from '../../datapath/capture/frame-filter.ts'
import { compileFilter } from '../../inspect/filter/compile-filter.ts'
import { FilterError } from '../../inspect/filter/filter-error.ts'
import { CAPTURES_MAX, FOLLOWERS_MAX } from '../../limits.ts'
import type { Datapath } from '../datapath.ts'
import type { Log } from '../log.ts'
import { CaptureRings } from './capture-rings.ts'
import { CaptureSession, type CaptureSwitch } from './capture-session.ts'
import { type Followed, FollowSession, type FollowSwitch } from './follow-session.ts'

const ID_BYTES = 6

export interface CaptureServiceParts {
  readonly datapath: CaptureSwitch & FollowSwitch & Pick<Datapath, 'on'>
  readonly places: Places
  readonly events: Pick<EventJournal, 'publish'>
  readonly log: Pick<Log, 'info'>
}

export interface OpenCapture {
  readonly id: string
  /** Its file; the capture ends with the iteration. */
  readonly pieces: AsyncGenerator<Uint8Array, void, undefined>
  stop(): Promise<void>
}

export interface FollowOptions {
  readonly places: readonly string[]
  readonly filter: string
  /** Frames a second. */
  readonly limit: number
}

export interface OpenFollow {
  readonly frames: AsyncGenerator<Followed, void, undefined>
  stop(): void
}

/** Since the start of the daemon. */
export interface CaptureTotals {
  readonly running: number
  readonly started: number
  readonly packets: number
  readonly dropped: number
  readonly followers: number
}

export class CaptureService {
  readonly #parts: CaptureServiceParts
  /** By number; undefined: about to be opened. */
  readonly #sessions = new Map<number, CaptureSession | undefined>()
  readonly #rings = new CaptureRings()
  readonly #follows = new Map<number, FollowSession | undefined>()
  #lastNumber = 0
  #started = 0
  /** Of captures that have ended. */
  readonly #ended = { packets: 0, dropped: 0 }
  #closing = false

  constructor(parts: CaptureServiceParts) {
    this.#parts = parts
    parts.datapath.on('captured', (capture) => this.#sessions.get(capture)?.notify())
    parts.datapath.on('followed', (follow, frames, missed) => this.#follows.get(follow)?.take(frames, missed))
  }

  /**
   * Throws FILTER_INVALID, LIMIT_REACHED, and what Places.select throws. The file has to be iterated over: the capture runs until that is
   * over.
   */
  async open(options: CaptureOptions): Promise<OpenCapture> {
    const { datapath, places } = this.#parts
    this.#refuseWhileClosing()
    const filter = this.#compile(options.filter)
    const selection = places.select(options.places)
    if (this.#sessions.size >= CAPTURES_MAX) {
      throw new TapwireError(
        ErrorCode.limitReached,
        `${CAPTURES_MAX} captures run already, and no more can`,
        {
          hint: 'GET /captures names them.',
        },
      )
    }
    const number = ++this.#lastNumber
    const id = randomBytes(ID_BYTES).toString('hex')
    const ring = this.#rings.take()
    this.#sessions.set(number, undefined)
    try {
      const parts = { number, id, ring, datapath, places, selection, filter, options }
      const session = await CaptureSession.open(parts)
      this.#sessions.set(number, session)
      this.#started++
      this.#publish('start', session)
      return { id, pieces: this.#run(number, session, ring), stop: () => session.stop() }
    } catch (error) {
      this.#sessions.delete(number)
      throw error
    }
  }

  list(): readonly CaptureSummary[] {
    return [...this.#sessions.values()].flatMap((session) => session?.summary() ?? [])
  }

  /** Ends a capture; its file is whole. Throws OBJECT_UNKNOWN. */
  async stop(id: string): Promise<void> {
    const session = [...this.#sessions.values()].find((one) => one?.id === id)
    if (session === undefined) throw new TapwireError(ErrorCode.objectUnknown, `there is no capture ${id}`)
    await session.stop()
  }

  /** Throws as `open`. */
  async follow({ places: chosen, filter: text, limit }: FollowOptions): Promise<OpenFollow> {
    const { datapath, places } = this.#parts
    this.#refuseWhileClosing()
    const filter = this.#compile(text)
    const selection = places.select(chosen)
    if (this.#follows.size >= FOLLOWERS_MAX) {
      throw new TapwireError(
        ErrorCode.limitReached,
        `${FOLLOWERS_MAX} clients follow frames already, and no more can`,
      )
    }
    const number = ++this.#lastNumber
    this.#follows.set(number, undefined)
    try {
      const session = await FollowSession.open({ number, datapath, places, selection, filter, limit })
      this.#follows.set(number, session)
      return { frames: this.#runFollow(number, session), stop: () => session.stop() }
    } catch (error) {
      this.#follows.delete(number)
      throw error
    }
  }

  totals(): CaptureTotals {
    const running = this.list()
    const sum = (of: (one: CaptureSummary) => number): number =>
      running.reduce((total, one) => total + of(one), 0)
    return {
      running: running.length,
      started: this.#started,
      packets: this.#ended.packets + sum(({ captured }) => captured),
      dropped: this.#ended.dropped + sum(({ dropped }) => dropped),
      followers: this.#follows.size,
    }
  }

  /** Ends all; their files become whole as far as their clients read. */
  async close(): Promise<void> {
    this.#closing = true
    for (const session of this.#follows.values()) session?.stop()
    await Promise.all([...this.#sessions.values()].map(async (session) => session?.stop()))
  }

  async *#run(
    number: number,
    session: CaptureSession,
    ring: SharedArrayBuffer,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      yield* session.pieces()
    } finally {
      this.#sessions.delete(number)
      const { captured, dropped } = session.summary()
      this.#ended.packets += captured
      this.#ended.dropped += dropped
      this.#publish('stop', session)
      // The session has ended before: see CaptureSession.pieces.
      this.#rings.giveBack(ring)
    }
  }

  async *#runFollow(number: number, session: FollowSession): AsyncGenerator<Followed, void, undefined> {
    try {
      yield* session.frames()
    } finally {
      this.#follows.delete(number)
    }
  }

  #publish(action: 'start' | 'stop', session: CaptureSession): void {
    const { id, places, filter, captured, dropped } = session.summary()
    const counts = action === 'stop' ? { packets: String(captured), dropped: String(dropped) } : {}
    const attributes = { places: places.join(' ') || 'any', filter, ...counts }
    this.#parts.events.publish({
      Type: 'capture',
      Action: action,
      Actor: { ID: id, Attributes: attributes },
    })
    this.#parts.log.info(
      { capture: id, ...attributes },
      `a capture ${action === 'start' ? 'starts' : 'ends'}`,
    )
  }

  /** Throws FILTER_INVALID. */
  #compile(text: string): FilterProgram {
    try {
      return compileFilter(text, (name) => this.#parts.places.addressesOf(name))
    } catch (error) {
      if (!(error instanceof FilterError)) throw error
      const { message, excerpt, hint } = error
      throw new TapwireError(
        ErrorCode.filterInvalid,
        `${message} in the filter:\n${excerpt.replaceAll(/^/gm, '    ')}`,
        { cause: error, hint },
      )
    }
  }

  #refuseWhileClosing(): void {
    if (this.#closing) throw new TapwireError(ErrorCode.daemonStopping, 'the daemon is about to end')
  }
}
