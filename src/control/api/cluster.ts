/** How a host stands in its cluster, on the API. */

import { z } from 'zod'

const text = z.string()
const count = z.int().min(0)

const hostSchema = z.object({
  id: text,
  name: text,
  isSelf: z.boolean(),
  /** False: it is away, and may have addresses still. */
  present: z.boolean(),
  /** Empty while it is away. */
  advertise: text,
  /** RFC 3339; empty while it is away. */
  started: text,
  endpoints: count,
  /** Addresses that are its own in the cluster. */
  addresses: count,
})

const networkSchema = z.object({
  id: text,
  name: text,
  vni: count,
  /** Endpoints by host. */
  endpoints: z.record(text, count),
  /** Why it is not on this host; empty where it is. */
  problem: text,
})

/** GET /cluster */
export const clusterStatusSchema = z.object({
  cluster: text,
  host: z.object({ id: text, name: text, advertise: text, udpPort: count }),
  state: z.enum(['joining', 'member', 'refused']),
  /** Why it is no member; empty where it is. */
  problem: text,
  registry: z.object({
    reachable: z.boolean(),
    /** RFC 3339: since when; empty before the first call. */
    since: text,
    problem: text,
  }),
  /** Of the registry, as far as this host has heard. */
  revision: count,
  /** Own endpoints that are yet to be told, or taken back. */
  waiting: count,
  hosts: z.array(hostSchema),
  networks: z.array(networkSchema),
})
export type ClusterStatus = z.infer<typeof clusterStatusSchema>

/** DELETE /cluster/hosts/{host} */
export const hostForgottenSchema = z.object({
  /** Ids; a name may have been several hosts'. */
  hosts: z.array(text),
  /** That were theirs, and are free now. */
  addresses: z.array(text),
})
export type HostForgotten = z.infer<typeof hostForgottenSchema>
