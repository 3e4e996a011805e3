/**
 * What was counted, a row of 64-bit floats a port: exact up to 2^53, and read by other threads while the data path,
 * their only writer, goes on. Each frame is accounted for:
 *
 *     received + floodCopies + segmentCopies + originated = transmitted + all drops + consumed + held
 *
 * where a flooded frame makes one copy fewer than the ports that it goes to, a segmented or fragmented one makes one fewer than its
 * pieces, and an impaired link that doubles a frame makes one. The router originates frames (ARP, ICMP), consumes those that were for it alone, and holds some for a while, as impaired links do. A drop on the way in counts at the port that the frame came from, one on the way out at the port it went to.
 *
 *     traffic   | received frames, bytes | transmitted frames, bytes |               a row a port: half a cache line
 *     events    | flooded | floodCopies | segmentCopies | originated | consumed | held | drops by reason | unused |
 *
 * What every frame touches stands close together, so that the counts of a thousand ports stay in the cache.
 */

import { PORTS_MAX } from '../limits.ts'
import { Fact } from './capture/recorded-frame.ts'
import { Trail } from './capture/trail.ts'
import { DROP_REASON_COUNT, type DropReason } from './drop-reason.ts'

const TRAFFIC_SHIFT = 2
const RECEIVED_FRAMES = 0
const RECEIVED_BYTES = 1
const TRANSMITTED_FRAMES = 2
const TRANSMITTED_BYTES = 3
const TRAFFIC_CELLS = 4

const EVENTS_SHIFT = 7
const FLOODED = 0
const FLOOD_COPIES = 1
const SEGMENT_COPIES = 2
const ORIGINATED = 3
const CONSUMED = 4
const HELD = 5
const DROPS = 6
const EVENT_CELLS = DROPS + DROP_REASON_COUNT

/** The row behind the last port's: what ports counted that have since been removed. */
const REMOVED = PORTS_MAX
const ROWS = PORTS_MAX + 1

const TRAFFIC_SIZE = (ROWS << TRAFFIC_SHIFT) * Float64Array.BYTES_PER_ELEMENT
const EVENTS_SIZE = (ROWS << EVENTS_SHIFT) * Float64Array.BYTES_PER_ELEMENT
export const COUNTERS_SIZE = TRAFFIC_SIZE + EVENTS_SIZE

// Constants of this module, whose values V8 compiles in; an imported one it would load and check at each use.
const { consumed: WAS_CONSUMED, delayed: IS_DELAYED, flooded: WAS_FLOODED, held: IS_HELD } = Fact

export interface PortCount {
  readonly receivedFrames: number
  readonly receivedBytes: number
  readonly transmittedFrames: number
  readonly transmittedBytes: number
  /** Frames of this port that were flooded. */
  readonly flooded: number
  readonly floodCopies: number
  readonly segmentCopies: number
  /** Frames that the router itself made. */
  readonly originated: number
  /** Frames that were for the router and went no further. */
  readonly consumed: number
  /** Frames that wait: for an answer to ARP, for a first fragment, or on an impaired link. */
  readonly held: number
  /** Frames by DropReason. */
  readonly drops: readonly number[]
}

export class Counters {
  /** What has been counted of the frame that is dealt with. */
  readonly trail = new Trail()
  private readonly traffic: Float64Array
  private readonly events: Float64Array

  /** `buffer` has COUNTERS_SIZE bytes; a SharedArrayBuffer lets another thread read along. */
  constructor(buffer: ArrayBufferLike = new ArrayBuffer(COUNTERS_SIZE)) {
    this.traffic = new Float64Array(buffer, 0, ROWS << TRAFFIC_SHIFT)
    this.events = new Float64Array(buffer, TRAFFIC_SIZE, ROWS << EVENTS_SHIFT)
  }

  received(port: number, bytes: number): void {
    const row = port << TRAFFIC_SHIFT
    this.traffic[row + RECEIVED_FRAMES]! += 1
    this.traffic[row + RECEIVED_BYTES]! += bytes
  }

  transmitted(port: number, bytes: number): void {
    const row = port << TRAFFIC_SHIFT
    this.traffic[row + TRANSMITTED_FRAMES]! += 1
    this.traffic[row + TRANSMITTED_BYTES]! += bytes
  }

  /** The device refused a frame that was counted as transmitted. */
  refused(port: number, bytes: number, reason: DropReason): void {
    const row = port << TRAFFIC_SHIFT
    this.traffic[row + TRANSMITTED_FRAMES]! -= 1
    this.traffic[row + TRANSMITTED_BYTES]! -= bytes
    this.dropped(port, reason)
  }

  /** A frame of `port` went to `targets` ports, one or more. */
  flooded(port: number, targets: number): void {
    const row = port << EVENTS_SHIFT
    this.events[row + FLOODED]! += 1
    this.trail.facts |= WAS_FLOODED
    this.events[row + FLOOD_COPIES]! += targets - 1
  }

  /** A frame that the router sent onto a link went to `copies` ports more than one; or an impaired link doubled one. */
  copied(port: number, copies: number): void {
    this.events[(port << EVENTS_SHIFT) + FLOOD_COPIES]! += copies
  }

  /** A super-frame to `port` became `segments` frames, one or more. */
  segmented(port: number, segments: number): void {
    this.events[(port << EVENTS_SHIFT) + SEGMENT_COPIES]! += segments - 1
  }

  /** The router has made a frame, which goes to `port`. */
  originated(port: number): void {
    this.events[(port << EVENTS_SHIFT) + ORIGINATED]! += 1
    this.trail.made = true
  }

  /** A frame of `port` was for the router. */
  consumed(port: number): void {
    this.events[(port << EVENTS_SHIFT) + CONSUMED]! += 1
    this.trail.facts |= WAS_CONSUMED
  }

  /** A frame of `port` waits, or (-1) waits no more. */
  held(port: number, change: number): void {
    this.events[(port << EVENTS_SHIFT) + HELD]! += change
    if (change > 0) this.trail.facts |= IS_HELD
  }

  /** A frame of `port` waits on its impaired link; `held` counts it out. */
  delayed(port: number): void {
    this.events[(port << EVENTS_SHIFT) + HELD]! += 1
    this.trail.facts |= IS_DELAYED
  }

  dropped(port: number, reason: DropReason): void {
    this.events[(port << EVENTS_SHIFT) + DROPS + reason]! += 1
    this.trail.reason = reason
  }

  /** Moves the port's counts to those of removed ports, so that its number starts at zero for the next one. */
  remove(port: number): void {
    this.add(port, REMOVED)
    this.traffic.fill(0, port << TRAFFIC_SHIFT, (port + 1) << TRAFFIC_SHIFT)
    this.events.fill(0, port << EVENTS_SHIFT, (port + 1) << EVENTS_SHIFT)
  }

  port(port: number): PortCount {
    return countOf(
      this.traffic.subarray(port << TRAFFIC_SHIFT, (port + 1) << TRAFFIC_SHIFT),
      this.events.subarray(port << EVENTS_SHIFT, (port + 1) << EVENTS_SHIFT),
    )
  }

  /** The sum over all ports, those removed included. */
  total(): PortCount {
    return this.totalOf(Array.from({ length: PORTS_MAX }, (_, port) => port))
  }

  /** The same at a fraction of the cost, for who knows all ports that there are now. */
  totalOf(ports: Iterable<number>): PortCount {
    const traffic = new Float64Array(TRAFFIC_CELLS)
    const events = new Float64Array(EVENT_CELLS)
    for (const port of [...ports, REMOVED]) {
      for (let cell = 0; cell < TRAFFIC_CELLS; cell++) {
        traffic[cell]! += this.traffic[(port << TRAFFIC_SHIFT) + cell]!
      }
      for (let cell = 0; cell < EVENT_CELLS; cell++) {
        events[cell]! += this.events[(port << EVENTS_SHIFT) + cell]!
      }
    }
    return countOf(traffic, events)
  }

  /** Adds a row to another one. */
  private add(from: number, to: number): void {
    for (let cell = 0; cell < TRAFFIC_CELLS; cell++) {
      this.traffic[(to << TRAFFIC_SHIFT) + cell]! += this.traffic[(from << TRAFFIC_SHIFT) + cell]!
    }
    for (let cell = 0; cell < EVENT_CELLS; cell++) {
      this.events[(to << EVENTS_SHIFT) + cell]! += this.events[(from << EVENTS_SHIFT) + cell]!
    }
  }
}

/** One row of each kind, as it is told. */
function countOf(traffic: Float64Array, events: Float64Array): PortCount {
  return {
    receivedFrames: traffic[RECEIVED_FRAMES]!,
    receivedBytes: traffic[RECEIVED_BYTES]!,
    transmittedFrames: traffic[TRANSMITTED_FRAMES]!,
    transmittedBytes: traffic[TRANSMITTED_BYTES]!,
    flooded: events[FLOODED]!,
    floodCopies: events[FLOOD_COPIES]!,
    segmentCopies: events[SEGMENT_COPIES]!,
    originated: events[ORIGINATED]!,
    consumed: events[CONSUMED]!,
    held: events[HELD]!,
    drops: Array.from(events.subarray(DROPS, EVENT_CELLS)),
  }
}
