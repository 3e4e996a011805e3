/** The router on the API: the connections that it follows, what it has counted, and its neighbours. */

import { z } from 'zod'

const count = z.int().min(0)
const text = z.string()
const protocol = z.enum(['tcp', 'udp', 'icmp'])

const flowTuple = z.object({
  source: text,
  destination: text,
  /** 0 where the protocol has none; ICMP's identifier in both. */
  sourcePort: count,
  destinationPort: count,
  /** That such packets come from; empty where it is the uplink, or the host itself. */
  network: text,
  packets: count,
})

const flow = z.object({
  /** While it is there: captures and explanations name it so. Another one may have it afterwards. */
  number: count,
  protocol,
  state: text,
  /** As the first packet arrived, and as its answers arrive. */
  original: flowTuple,
  reply: flowTuple,
  /** Which end of the original direction leaves with another address or port than it came with. */
  translation: z.enum(['source', 'destination', 'both', 'none']),
  /** Unless another packet passes. */
  expiresS: z.number().min(0),
  /** That the connection is charged to; empty where it is no sandbox's. */
  sandbox: text,
  /** Where a published port has led it to the sandbox: the port as the client knows it. */
  publishedPort: count.optional(),
  /** Where a service has chosen the backend: its name. */
  service: text.optional(),
})

/** GET /nat/flows */
export const natFlowsSchema = z.object({
  flows: z.array(flow),
  /** How many match in all. */
  total: count,
})
export type NatFlows = z.infer<typeof natFlowsSchema>
export type NatFlow = NatFlows['flows'][number]

/** What GET and DELETE /nat/flows take; what is not given is any. */
export interface NatFlowSelection {
  readonly protocol?: NatFlow['protocol'] | undefined
  readonly sandbox?: string | undefined
  readonly network?: string | undefined
  /** Of either end, before or after translation; so is the port. */
  readonly address?: string | undefined
  readonly port?: number | undefined
}

/** DELETE /nat/flows */
export const natFlushedSchema = z.object({ Flows: count })
export type NatFlushed = z.infer<typeof natFlushedSchema>

/** GET /nat/stats */
export const natStatsSchema = z.object({
  /** That are followed now, of at most `capacity`, and of one sandbox at most `perOwner`. */
  flows: count,
  capacity: count,
  perOwner: count,
  byProtocol: z.object({ tcp: count, udp: count, icmp: count }),
  /** Since the start of the daemon, as are the ones below. */
  created: count,
  expired: count,
  /** Ended early, so that others could begin. */
  evicted: count,
  /** Not begun, because the sandbox had no more, or the table had none left. */
  refusedQuota: count,
  refusedFull: count,
  publishedRanges: count,
  icmpErrorsSent: count,
})
export type NatStats = z.infer<typeof natStatsSchema>

/** GET /neighbours */
export const neighboursSchema = z.object({
  neighbours: z.array(
    z.object({
      /** Empty for the uplink, and for the host itself. */
      network: text,
      uplink: z.boolean(),
      address: text,
      /** Empty while it is not known. */
      mac: text,
      /** Whose address it is; empty where it is no sandbox's. */
      sandbox: text,
      state: text,
    }),
  ),
})
export type Neighbours = z.infer<typeof neighboursSchema>
