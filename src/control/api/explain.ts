/** What the data path would do with a packet, and why. */

import { z } from 'zod'

const text = z.string()

/** POST /explain */
export const explainRequestSchema = z.strictObject({
  /** `web`, `web@blue` or an address of a sandbox; another address, or `internet`, is one beyond the uplink. */
  source: text,
  /** The same, and `uplink` for the uplink's own address, `gateway` for that of the source's network. */
  destination: text,
  /** Where it is given, the protocol is TCP unless given as well. */
  port: z.int().min(1).max(65_535).optional(),
  /** ICMP echo unless given. */
  protocol: z.enum(['tcp', 'udp', 'icmp']).optional(),
  /** Of TCP and UDP; 49152 unless given. Another one is another flow: a service may choose another backend for it. */
  sourcePort: z.int().min(1).max(65_535).optional(),
  /** Bytes of the IP packet, of ICMP and UDP; no more than the headers unless given. */
  size: z.int().min(28).max(65_535).optional(),
  /** Of the next hop, as the source's kernel knows it; found out unless given. */
  mac: text.optional(),
})
export type ExplainRequest = z.infer<typeof explainRequestSchema>

const values = z.record(text, z.union([text, z.number(), z.boolean()]))

/** One decision on the way. */
export const explanationStepSchema = z.object({
  /** `names` and `kernel` are the source's own, `cluster` is what is known of other hosts; then the data path's: ingress, guard, bridge, router, flow, … */
  stage: text,
  /** accept, drop, forward, flood, translate, … */
  verdict: text,
  /** A name of DROP_REASONS, where the verdict is drop. */
  reason: text.optional(),
  sentence: text,
  /** What was looked at and found. */
  values,
})

export const explanationSchema = z.object({
  /** The packet that the question came to. */
  packet: z.object({
    protocol: z.enum(['tcp', 'udp', 'icmp']),
    source: text,
    destination: text,
    /** 0 for ICMP. */
    sourcePort: z.int(),
    destinationPort: z.int(),
    /** Where it starts: the sandbox and its network, empty beyond the uplink. */
    sandbox: text,
    network: text,
  }),
  steps: z.array(explanationStepSchema),
  /**
   * Answered: by the router itself, with an echo reply for example. Tunnelled: it goes on to another host, whose daemon knows the
   * rest. Unknown: the way goes on where nobody can look.
   */
  outcome: z.enum(['delivered', 'answered', 'tunnelled', 'dropped', 'unknown']),
})
/** With a sentence for each step, as people read it. */
export type ExplainAnswer = z.infer<typeof explanationSchema>

export type ExplanationStep = Omit<ExplainAnswer['steps'][number], 'sentence'>
export type Explanation = Omit<ExplainAnswer, 'steps'> & { readonly steps: readonly ExplanationStep[] }
