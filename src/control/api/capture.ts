/** What passes the switch, for who looks on. */

import { z } from 'zod'
import { FACT_NAMES } from '../../datapath/capture/recorded-frame.ts'
import { CAPTURE_POINTS, type CapturePoint } from '../capture-points.ts'
import { explanationSchema } from './explain.ts'

const count = z.int().min(0)
const text = z.string()

/** What GET /capture takes. */
export interface CaptureOptions {
  /** `any`, `uplink`, `host`, `web@blue`, a network or a sandbox; empty is `any`. */
  readonly places: readonly string[]
  /** Frames as they arrive at the switch, as they leave it, or both. */
  readonly point: CapturePoint
  /** pcap-filter(7), on each copy's own bytes; empty: all. */
  readonly filter: string
  /** Bytes of a packet that are kept; 0: all. */
  readonly snapLength: number
  /** Only what is dropped. */
  readonly drops: boolean
  /** As the devices give and take them: super-frames whole, checksums unfinished. */
  readonly raw: boolean
  /** Ends behind so many packets; undefined: when it is stopped. */
  readonly count?: number | undefined
}

/** GET /captures */
export const captureSummarySchema = z.object({
  id: text,
  places: z.array(text),
  point: z.enum(CAPTURE_POINTS),
  filter: text,
  snapLength: count,
  drops: z.boolean(),
  raw: z.boolean(),
  /** RFC 3339. */
  started: text,
  /** Frames that passed the places, and those that the filter accepted. */
  seen: count,
  accepted: count,
  /** Packets that have been written. */
  captured: count,
  /** Copies that were not captured, because the client read too slowly. The frames themselves went their way. */
  dropped: count,
})
export type CaptureSummary = z.infer<typeof captureSummarySchema>

const place = z.object({
  port: count,
  kind: z.enum(['sandbox', 'uplink', 'host', 'router']),
  name: text,
  interface: text,
  network: text,
})

const frame = z.object({
  place,
  /** Hexadecimal. */
  bytes: text,
  /** The virtio-net header that goes with it, of ten bytes. */
  virtioHeader: text,
})

/** Names of the bits of Fact. */
export const FOLLOWED_FACTS = FACT_NAMES

/** GET /explain/follow: the data of each event but `missed`. */
export const followedFrameSchema = z.object({
  /** The frames of a place are numbered as they arrive. 0: the router itself has made what leaves. */
  number: count,
  /** RFC 3339, with nanoseconds. */
  time: text,
  /** As it came; not there where the router itself has made what leaves, or where it had waited. */
  arrival: frame.optional(),
  facts: z.array(z.enum(FOLLOWED_FACTS)),
  /** Where the sender lived before. */
  movedFrom: place.optional(),
  steps: explanationSchema.shape.steps,
  /** Number of the connection. */
  flow: count.optional(),
  /** A name of DROP_REASONS. */
  reason: text.optional(),
  departures: z.array(frame),
})
export type FollowedFrame = z.infer<typeof followedFrameSchema>
export type FollowedPlace = FollowedFrame['departures'][number]['place']
