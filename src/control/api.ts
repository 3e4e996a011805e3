/**
 * What the daemon and the command line say to each other: JSON over HTTP on the lab's Unix socket, and JSON lines on
 * the daemon's standard output while it brings a lab up. The daemon builds these types; the command line checks them.
 */
import { z } from 'zod'
import { labActionSchema } from './api/lab.ts'

/** Seconds or milliseconds stand in the names; frames and bytes are counted from the start of the daemon. */
const count = z.int().min(0)
const seconds = z.number().min(0)

const endpointStatus = z.object({
  network: z.string(),
  interface: z.string(),
  address: z.string(),
  prefixLength: z.int(),
  mac: z.string(),
  /** The switch's number for it. */
  port: count,
  /** Gone: the interface has vanished, for example with its namespace. */
  state: z.enum(['up', 'gone']),
})

const sandboxStatus = z.object({
  name: z.string(),
  /** Under /run/netns. */
  namespace: z.string(),
  /** Idle: it has no command. */
  state: z.enum(['idle', 'running', 'exited']),
  pid: count.optional(),
  /** Of the command that has exited; 128 and the signal's number if a signal ended it. */
  exitCode: z.int().optional(),
  command: z.array(z.string()).optional(),
  endpoints: z.array(endpointStatus),
})

/** GET /lab */
export const labStatusSchema = z.object({
  name: z.string(),
  /** The daemon's. */
  pid: count,
  /** ISO 8601. */
  startedAt: z.string(),
  backend: z.enum(['io_uring', 'epoll']),
  networks: z.array(
    z.object({
      name: z.string(),
      subnet: z.string(),
      gateway: z.string(),
      mtu: z.int(),
      transparent: z.boolean(),
    }),
  ),
  sandboxes: z.array(sandboxStatus),
})
export type LabStatus = z.infer<typeof labStatusSchema>

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

/**
 * GET /stats. Received means by the switch, from a sandbox; transmitted means to one. Every frame is accounted for:
 * received + copies + segments = transmitted + dropped.
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
    transmitted: count,
    dropped: count,
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

/** What the body of an answer other than 2xx is, and how the daemon tells why it cannot start. */
export const failureSchema = z.object({
  code: z.string(),
  message: z.string(),
  hint: z.string().optional(),
})
export type Failure = z.infer<typeof failureSchema>

/** One line of the daemon's standard output. */
export const progressSchema = z.union([
  z.object({
    /** Names the step, in words for people; its later lines repeat it. */
    step: z.string(),
    state: z.enum(['start', 'done', 'failed']),
    /** Takes the place of `step` from here on. */
    message: z.string().optional(),
    /** What the step came to, in brief. */
    detail: z.string().optional(),
  }),
  /** The last line where all went well; the pipe is closed behind it. */
  z.object({ ready: z.literal(true), actions: z.array(labActionSchema).optional() }),
  /** The last line where it did not. */
  z.object({ failed: failureSchema }),
])
export type Progress = z.infer<typeof progressSchema>

/** What `--doctor` prints. */
export const doctorSchema = z.object({
  checks: z.array(
    z.object({
      name: z.string(),
      state: z.enum(['ok', 'warn', 'fail']),
      detail: z.string(),
      hint: z.string().optional(),
    }),
  ),
})
export type DoctorCheck = z.infer<typeof doctorSchema>['checks'][number]
