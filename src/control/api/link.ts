/** Links on the API: between an endpoint, or the uplink, and the switch. What they do to frames, and what they have done. */

import { z } from 'zod'

const text = z.string()
const count = z.int().min(0)

const duration = text.optional().describe('50ms, 1.5s or 200us; 0 for none.')
const percentage = text.optional().describe('1% or 0.1% of all frames; 0 for none.')

/** One direction; what is absent it does not do. */
export const linkSettingsSchema = z.strictObject({
  delay: duration,
  jitter: text
    .optional()
    .describe('By how much the delay varies, evenly, to either side; no more than the delay.'),
  loss: percentage,
  duplicate: percentage,
  reorder: text.optional().describe('25% of all frames overtake those that wait; needs a delay.'),
  corrupt: text.optional().describe('0.1% of all frames have one bit turned over.'),
  rate: text.optional().describe('10mbit, 500kbit or 1gbit a second, all headers counted; 0 for no limit.'),
  queue: z.int().optional().describe('Frames that may wait; those beyond are dropped. 1000 unless given.'),
  down: z.boolean().optional().describe('Nothing passes.'),
  seed: z
    .int()
    .optional()
    .describe('The same seed has the same frames lost. Without one, the name of the place is it.'),
})
export type LinkSettings = z.infer<typeof linkSettingsSchema>

/** PUT /links/{place}. Seen from the endpoint: what it sends, and what it is sent. What is absent is not impaired. */
export const impairmentSchema = z.strictObject({
  from: linkSettingsSchema.optional(),
  to: linkSettingsSchema.optional(),
})
export type Impairment = z.infer<typeof impairmentSchema>

const linkCountsSchema = z.object({
  passed: count,
  lost: count,
  duplicated: count,
  reordered: count,
  corrupted: count,
  /** Dropped since the queue was full, or the link down. */
  queueFull: count,
  down: count,
  /** Frames that wait now. */
  waiting: count,
})
export type LinkCounts = z.infer<typeof linkCountsSchema>

const linkDirectionSchema = z.object({
  settings: linkSettingsSchema,
  /** Since the link was impaired. Absent where frames pass unimpaired, or the sandbox does not run. */
  counts: linkCountsSchema.optional(),
})

export const linkSchema = z.object({
  /** What it is called here: `web@blue`, or `uplink`. */
  place: text,
  kind: z.enum(['endpoint', 'uplink']),
  /** Empty of the uplink, as is the network. */
  sandbox: text,
  network: text,
  /** Empty while there is none. */
  interface: text,
  from: linkDirectionSchema,
  to: linkDirectionSchema,
})
export type Link = z.infer<typeof linkSchema>

/** GET /links */
export const linksSchema = z.object({ links: z.array(linkSchema) })
export type Links = z.infer<typeof linksSchema>
