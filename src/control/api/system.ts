/** What concerns the daemon as a whole: version, events, clean-up. */

import { z } from 'zod'

const text = z.string()
const texts = z.array(text)

/** GET /version */
export const versionSchema = z.object({
  Version: text,
  /** Of this API; a client refuses another one. */
  ApiVersion: text,
  Pid: z.int(),
  Root: text,
  Backend: z.enum(['io_uring', 'epoll']),
  /** RFC 3339. */
  StartedAt: text,
  Networks: z.int(),
  Sandboxes: z.int(),
  SandboxesRunning: z.int(),
  /** Absent where the daemon is in none. */
  Cluster: z
    .object({
      /** Of its registry, as etcd://HOST:PORT/NAME. */
      Address: text,
      HostName: text,
      Advertise: text,
      DataPathPort: z.int(),
      /** Paths of PEM files; absent where there is none. */
      Ca: text.optional(),
      Certificate: text.optional(),
      Key: text.optional(),
      /** How the daemon finds it; absent before it has looked. */
      Registry: z
        .object({
          Reachable: z.boolean(),
          /** RFC 3339: from when on. */
          Since: text,
          /** What the last failed call said; empty where it is reachable. */
          Problem: text,
        })
        .optional(),
    })
    .optional(),
})
export type ClusterVersion = NonNullable<Version['Cluster']>
export type Version = z.infer<typeof versionSchema>

/**
 * One `data:` of GET /events. Networks: create, connect, disconnect, destroy. Sandboxes (type `container`): create, start, die, stop, kill,
 * restart, rename, destroy, exec_create, exec_start, exec_die. Endpoints: gone. Links: set, reset. Daemon: start, reload, shutdown. Cluster:
 * join, refuse, leave, host-join, host-leave, registry-lost, registry-back, registry-restored, unreadable, address-lost, stranger.
 */
export const eventSchema = z.object({
  /** Grows by one from event to event; the SSE id. */
  Id: z.int(),
  Type: z.enum([
    'network',
    'container',
    'endpoint',
    'link',
    'service',
    'lab',
    'daemon',
    'capture',
    'cluster',
  ]),
  Action: text,
  Actor: z.object({ ID: text, Attributes: z.record(text, text) }),
  scope: z.literal('local'),
  /** Seconds, and nanoseconds, since 1970. */
  time: z.int(),
  timeNano: z.number(),
})
export type Event = z.infer<typeof eventSchema>

/** POST /system/prune: what was left behind by daemons that died. */
export const systemPrunedSchema = z.object({
  Namespaces: texts,
  /** Process ids. */
  Processes: z.array(z.int()),
  /** Ids whose files were removed. */
  Sandboxes: texts,
  NetworksDeleted: texts,
  /** Roots in which sandboxes run and no daemon does: nothing of them was touched, since they still have their state. */
  RootsSpared: texts,
})
export type SystemPruned = z.infer<typeof systemPrunedSchema>
