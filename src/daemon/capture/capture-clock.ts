import type { CaptureTime } from '../../inspect/pcap/capture-file.ts'
import type { CaptureClock } from '../datapath-messages.ts'

const MS_PER_S = 1000
const NS_PER_MS = 1e6

/** Times of the data path's clock as those since 1970. The offset is kept in two parts, since a number has no nanoseconds of so many seconds. */
export class WallClock {
  readonly #seconds: number
  readonly #restMs: number

  constructor({ offsetMs }: CaptureClock) {
    this.#seconds = Math.floor(offsetMs / MS_PER_S)
    this.#restMs = offsetMs - this.#seconds * MS_PER_S
  }

  time(timeMs: number): CaptureTime {
    const ms = this.#restMs + timeMs
    const seconds = Math.floor(ms / MS_PER_S)
    const nanoseconds = Math.floor((ms - seconds * MS_PER_S) * NS_PER_MS)
    return { seconds: this.#seconds + seconds, nanoseconds: Math.min(nanoseconds, 999_999_999) }
  }

  /** RFC 3339, UTC. */
  text(timeMs: number): string {
    const { seconds, nanoseconds } = this.time(timeMs)
    const whole = new Date(seconds * MS_PER_S).toISOString().slice(0, 19)
    return `${whole}.${String(nanoseconds).padStart(9, '0')}Z`
  }
}
