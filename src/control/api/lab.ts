/** Labs on the API: what is wanted is put as a whole, and the daemon makes it so. */

import { z } from 'zod'
import { impairmentSchema } from './link.ts'

const text = z.string()

/** One thing that has to be done for a lab to be as its file says. */
export const labActionSchema = z.object({
  action: z.enum(['create', 'recreate', 'remove', 'start', 'connect', 'disconnect', 'change']),
  kind: z.enum(['network', 'sandbox', 'service', 'host', 'link']),
  /** Of the network or service; of the sandbox or host, also where it is connected or disconnected; of a link its place, `web@blue`. */
  name: text,
  /** That the sandbox is connected to, or disconnected from. */
  network: text.optional(),
  /** On whose daemon; the outer one where it is missing. */
  host: text.optional(),
  /** Why, where that is not plain: what has changed. */
  reason: text.optional(),
})
export type LabAction = z.infer<typeof labActionSchema>

/** PUT /labs/{lab}?dryRun=true */
export const labPlanSchema = z.object({ actions: z.array(labActionSchema) })
export type LabPlanned = z.infer<typeof labPlanSchema>

const labEndpointStatus = z.object({
  network: text,
  /** Empty while the sandbox does not run. */
  interface: text,
  address: text,
  prefixLength: z.int(),
  ipv6: text.optional(),
  ipv6PrefixLength: z.int().optional(),
  mac: text,
  /** What its link does to frames; missing where nothing. */
  link: impairmentSchema.optional(),
})

/** GET /labs/{lab} */
export const labStatusSchema = z.object({
  name: text,
  networks: z.array(
    z.object({
      name: text,
      driver: text,
      subnets: z.array(z.object({ subnet: text, gateway: text.optional() })),
    }),
  ),
  sandboxes: z.array(
    z.object({
      name: text,
      id: text,
      /** Path of its network namespace; empty while it does not run. */
      namespace: text,
      /** Idle: it runs, and has no command. */
      state: z.enum(['idle', 'running', 'exited', 'created']),
      pid: z.int().optional(),
      exitCode: z.int().optional(),
      command: z.array(text).optional(),
      endpoints: z.array(labEndpointStatus),
    }),
  ),
  services: z.array(
    z.object({
      name: text,
      id: text,
      network: text,
      endpointMode: z.enum(['vip', 'dnsrr']),
      /** The virtual one; missing for dnsrr. */
      address: text.optional(),
      ports: z.array(
        z.object({
          protocol: z.enum(['tcp', 'udp']),
          target: z.int(),
          published: z.int(),
          mode: z.enum(['ingress', 'host']),
        }),
      ),
    }),
  ),
  hosts: z.array(
    z.object({
      name: text,
      id: text,
      state: z.enum(['running', 'exited', 'created']),
      /** Of the host's own daemon. */
      socket: text,
      endpoints: z.array(labEndpointStatus),
    }),
  ),
  /** That the hosts are in; missing where they are in none. */
  cluster: z
    .object({
      name: text,
      /** The sandbox of the lab's own, or the address of another one. */
      registry: z.union([z.object({ sandbox: text }), text]),
      /** The network between the hosts. */
      link: text,
    })
    .optional(),
})
export type LabStatus = z.infer<typeof labStatusSchema>

/** GET /labs */
export const labSummarySchema = z.object({
  name: text,
  networks: z.int(),
  sandboxes: z.int(),
  running: z.int(),
  hosts: z.array(text),
})
export type LabSummary = z.infer<typeof labSummarySchema>
