/** The uplink on the API: the way out of all networks. */

import { z } from 'zod'
import { impairmentSchema } from './link.ts'

const text = z.string()

/** PUT /uplink. `Uplink` is `none`, `nic`, `nic:eth0` or `tap:NAME,address=203.0.113.1/24[,…]`. */
export const uplinkSetSchema = z.strictObject({ Uplink: text })
export type UplinkSet = z.infer<typeof uplinkSetSchema>

/** GET /uplink */
export const uplinkSchema = z.object({
  /** As it was wished for; `none` where there is none. */
  Uplink: text,
  /** Whether frames pass now; `Reason` says why not, and is empty where they do. */
  Up: z.boolean(),
  Reason: text,
  /** The ones below are empty, or 0, while there is none. */
  Interface: text,
  MacAddress: text,
  /** `203.0.113.1/24` */
  Address: text,
  /** Next hop of all that is not on the link; empty where there is none. */
  Gateway: text,
  Mtu: z.int().min(0),
  /** The first and the last port that sources are translated to. */
  Ports: z.object({ First: z.int(), Last: z.int() }),
  /** What its link does to frames; absent where nothing. */
  Impairment: impairmentSchema.optional(),
})
export type Uplink = z.infer<typeof uplinkSchema>
