/** The switch on the API: its stations and its counters. Seconds or milliseconds stand in the names. */

import { z } from 'zod'
import { FRAMES_PER_REQUEST_MAX } from '../../limits.ts'

/** Frames and bytes are counted from the start of the daemon. */
const count = z.int().min(0)
const seconds = z.number().min(0)

/** GET /fdb */
export const fdbSchema = z.object({
  stations: z.array(
    z.object({
      network: z.string(),
      mac: z.string(),
      sandbox: z.string(),
      interface: z.string(),
      port: count,
      /** Since the station's last frame. */
      ageS: seconds,
      static: z.boolean(),
    }),
  ),
})
export type Fdb = z.infer<typeof fdbSchema>

/** DELETE /fdb */
export const fdbFlushedSchema = z.object({ Stations: count })
export type FdbFlushed = z.infer<typeof fdbFlushedSchema>

const traffic = z.object({ frames: count, bytes: count })

/** POST /networks/{network}/frames */
export const framesSchema = z.strictObject({
  frames: z
    .array(
      z.strictObject({
        from: z.string().describe('The sandbox that the frame is sent in the place of: its name, or its id.'),
        data: z.base64().describe('The Ethernet frame, without its frame check sequence.'),
      }),
    )
    .max(FRAMES_PER_REQUEST_MAX),
})
export type Frames = z.infer<typeof framesSchema>

export const framesSentSchema = z.object({
  frames: count,
  /** What was dropped as it came in; a frame's copies may have been dropped on their way out. */
  drops: z.array(
    z.object({
      /** A name of DROP_REASONS. */
      reason: z.string(),
      sentence: z.string(),
      frames: count,
    }),
  ),
})
export type FramesSent = z.infer<typeof framesSentSchema>

/**
 * GET /stats. Received means by the switch, from a sandbox; transmitted means to one. Every frame is accounted for:
 * received + copies + segments + originated = transmitted + dropped + consumed + held.
 */
export const statsSchema = z.object({
  /** Milliseconds of the daemon's clock, for rates between two answers. */
  at: z.number(),
  uptimeS: seconds,
  totals: z.object({
    received: count,
    /** Received frames that left by the one port of their target. */
    forwarded: count,
    /** Received frames that left by all other ports of their network. */
    flooded: count,
    /** Frames that flooding made, the originals not counted. */
    copies: count,
    /** Frames that segmentation made for ports without offload, the originals not counted. */
    segments: count,
    /** Frames that the router made itself: answers and requests of ARP, ICMP, resets. */
    originated: count,
    transmitted: count,
    dropped: count,
    /** Received frames that were for the router, and went no further. */
    consumed: count,
    /** Frames that wait at the moment: for an answer to ARP, or for a first fragment. */
    held: count,
  }),
  ports: z.array(
    z.object({
      port: count,
      network: z.string(),
      sandbox: z.string(),
      interface: z.string(),
      received: traffic,
      transmitted: traffic,
      dropped: count,
    }),
  ),
  drops: z.array(
    z.object({
      /** A name of DROP_REASONS. */
      reason: z.string(),
      sentence: z.string(),
      frames: count,
    }),
  ),
})
export type Stats = z.infer<typeof statsSchema>
