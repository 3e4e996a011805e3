/**
 * What has happened and happens, the last EVENTS_KEPT_MAX of it, or fewer where they are large. Who reads has a place in the log and no queue of its own:
 *
 *     ids    17   18   19   20   21   22
 *            |         |              |
 *            oldest    a reader       the next one
 *
 * A reader that falls behind the oldest event has lost some; its stream ends with an error instead of going on with a gap.
 */

import { EVENTS_KEPT_MAX, EVENTS_SIZE_MAX } from '../limits.ts'
import type { Event } from './api/system.ts'
import type { EventOptions } from './control-plane.ts'
import type { EventJournal } from './controller/context.ts'
import { ErrorCode, TapwireError } from './errors.ts'
import { eventFilter } from './event-filter.ts'
import type { Surroundings } from './model/machine.ts'

/** What setTimeout takes at most, 2^31 - 1 ms; who waits longer looks again then. */
const WAIT_MAX_MS = 2 ** 31 - 1

export interface EventLogOptions {
  readonly clock: Pick<Surroundings, 'now' | 'after'>
  /** Events that are remembered. */
  readonly kept?: number | undefined
  /** Characters of their attributes that are remembered. */
  readonly size?: number | undefined
}

export class EventLog implements EventJournal {
  readonly #clock: EventLogOptions['clock']
  readonly #kept: number
  readonly #sizeMax: number
  /** Each at its id modulo the count that is kept. */
  readonly #events: (Event | undefined)[] = []
  #size = 0
  #oldestId: number
  readonly #firstId: number
  #nextId: number
  /** Wakes the readers that have read everything. */
  readonly #waiting = new Set<() => void>()
  #readers = 0
  #readersLost = 0

  constructor({ clock, kept = EVENTS_KEPT_MAX, size = EVENTS_SIZE_MAX }: EventLogOptions) {
    this.#clock = clock
    this.#kept = kept
    this.#sizeMax = size
    // By the clock, so that the ids of a restarted daemon go on behind those that clients have of the one before it.
    this.#firstId = Math.floor(clock.now())
    this.#nextId = this.#firstId
    this.#oldestId = this.#firstId
  }

  publish({ Type, Action, Actor }: Pick<Event, 'Type' | 'Action' | 'Actor'>): Event {
    const nowMs = this.#clock.now()
    const event: Event = {
      Id: this.#nextId,
      Type,
      Action,
      Actor,
      scope: 'local',
      time: Math.floor(nowMs / 1000),
      timeNano: nowMs * 1e6,
    }
    this.#size += sizeOf(event)
    this.#forgetOldest()
    this.#events[event.Id % this.#kept] = event
    this.#nextId += 1
    for (const wake of this.#waiting) wake()
    return event
  }

  /**
   * Events from now on; with `sinceMs` or `afterId` also those before, as far as they are remembered. Ends at `untilMs`, or when
   * `signal` aborts. Throws FILTER_INVALID at once; the iterator throws EVENTS_LOST where it is read too slowly.
   */
  read(options: EventOptions, signal: AbortSignal): AsyncIterable<Event> {
    const passes = eventFilter(options.filters)
    const from = this.#startOf(options)
    return this.#follow(from, options, passes, signal)
  }

  /** Streams that are being read. */
  get readers(): number {
    return this.#readers
  }

  /** Streams that ended because they were read too slowly, since the start. */
  get readersLost(): number {
    return this.#readersLost
  }

  /** Events published since the start. */
  get published(): number {
    return this.#nextId - this.#firstId
  }

  /** Makes room for the next event, whose size is counted already: in number, and in size as far as there are others. */
  #forgetOldest(): void {
    while (
      this.#oldestId < this.#nextId &&
      (this.#nextId - this.#oldestId >= this.#kept || this.#size > this.#sizeMax)
    ) {
      const place = this.#oldestId % this.#kept
      this.#size -= sizeOf(this.#events[place]!)
      this.#events[place] = undefined
      this.#oldestId += 1
    }
  }

  #startOf({ sinceMs, afterId }: EventOptions): number {
    if (sinceMs === undefined && afterId === undefined) return this.#nextId
    // An id that is yet to come is of a daemon whose clock was ahead: its client has seen nothing of this one.
    const after = afterId === undefined || afterId >= this.#nextId ? this.#oldestId : afterId + 1
    return Math.max(after, this.#oldestId)
  }

  async *#follow(
    from: number,
    { sinceMs = Number.NEGATIVE_INFINITY, untilMs = Number.POSITIVE_INFINITY }: EventOptions,
    passes: (event: Event) => boolean,
    signal: AbortSignal,
  ): AsyncGenerator<Event, void, undefined> {
    this.#readers += 1
    try {
      let id = from
      while (!signal.aborted) {
        if (id < this.#oldestId) throw this.#lost(this.#oldestId - id)
        if (id < this.#nextId) {
          const event = this.#events[id % this.#kept]!
          id += 1
          const ms = millisecondsOf(event)
          if (ms > untilMs) return
          if (ms >= sinceMs && passes(event)) yield event
        } else {
          if (this.#clock.now() >= untilMs) return
          await this.#nextEvent(untilMs, signal)
        }
      }
    } finally {
      this.#readers -= 1
    }
  }

  /** Resolves at the next event, at `untilMs`, or when `signal` aborts. */
  #nextEvent(untilMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#waiting.delete(done)
        signal.removeEventListener('abort', done)
        cancel()
        resolve()
      }
      const waitMs = Math.min(untilMs - this.#clock.now(), WAIT_MAX_MS)
      const cancel = untilMs === Number.POSITIVE_INFINITY ? () => undefined : this.#clock.after(waitMs, done)
      this.#waiting.add(done)
      signal.addEventListener('abort', done)
    })
  }

  #lost(count: number): TapwireError {
    this.#readersLost += 1
    return new TapwireError(ErrorCode.eventsLost, `${count} events were lost: they were read too slowly`, {
      hint: 'Ask again, and look at the present state: what happened meanwhile is not told any more.',
    })
  }
}

const sizeOf = ({ Actor }: Event): number =>
  Object.entries(Actor.Attributes).reduce((sum, [name, value]) => sum + name.length + value.length, 0)

/** To the microsecond: nanoseconds since 1970 are more than a float has digits for. */
const millisecondsOf = (event: Event): number => Math.round(event.timeNano / 1000) / 1000
