/** Services on the API. */

import { z } from 'zod'

const text = z.string()
const map = z.record(text, text)
const absent = <T extends z.ZodType>(schema: T) => schema.nullish()

export const servicePortSchema = z.strictObject({
  Protocol: z.enum(['tcp', 'udp', 'sctp']).optional(),
  /** Of the backends. */
  TargetPort: z.int(),
  /** Of the machine; any that is free where it is absent or 0. */
  PublishedPort: z.int().optional(),
  /** `ingress`: on every host, to backends on any; `host`: where there is a backend, to those alone. */
  PublishMode: z.enum(['ingress', 'host']).optional(),
})
export type ServicePortConfig = z.infer<typeof servicePortSchema>

/** POST /services */
export const serviceCreateSchema = z.strictObject({
  Name: text,
  /** That its backends are on; where absent the only one that they are on. */
  Network: text.optional(),
  EndpointMode: z.enum(['vip', 'dnsrr']).optional(),
  /** An IPv4 address of the network; any that is free where absent. */
  VirtualIP: text.optional(),
  /** Sandboxes with one of these labels, `key` or `key=value`, are backends. */
  ReplicasOf: absent(z.array(text)),
  /** And those of these names. */
  Endpoints: absent(z.array(text)),
  Ports: absent(z.array(servicePortSchema)),
  Labels: absent(map),
})
export type ServiceCreate = z.infer<typeof serviceCreateSchema>

/** POST /services/{service}/update: what is absent stays. */
export const serviceUpdateSchema = z.strictObject({
  PublishAdd: absent(z.array(servicePortSchema)),
  /** By the target port. */
  PublishRm: absent(
    z.array(z.strictObject({ Protocol: z.enum(['tcp', 'udp', 'sctp']).optional(), TargetPort: z.int() })),
  ),
  ReplicasOf: absent(z.array(text)),
  Endpoints: absent(z.array(text)),
  LabelAdd: absent(map),
  LabelRm: absent(z.array(text)),
})
export type ServiceUpdate = z.infer<typeof serviceUpdateSchema>

/** A backend. */
export const serviceTaskSchema = z.object({
  /** The sandbox. */
  ID: text,
  Name: text,
  EndpointID: text,
  /** Of the host that it is on; empty where there is no cluster. */
  Node: text,
  Address: text,
  State: z.literal('running'),
})
export type ServiceTask = z.infer<typeof serviceTaskSchema>

/** GET /services/{service} */
export const serviceInspectSchema = z.object({
  ID: text,
  Name: text,
  /** RFC 3339 with nanoseconds. */
  CreatedAt: text,
  /** `swarm` where all hosts of the cluster have it. */
  Scope: z.enum(['local', 'swarm']),
  Network: z.object({ ID: text, Name: text }),
  EndpointMode: z.enum(['vip', 'dnsrr']),
  /** With the prefix length; empty for dnsrr. */
  VirtualIP: text,
  ReplicasOf: z.array(text),
  Endpoints: z.array(text),
  Ports: z.array(
    z.object({
      Protocol: text,
      TargetPort: z.int(),
      PublishedPort: z.int(),
      PublishMode: text,
    }),
  ),
  Tasks: z.array(serviceTaskSchema),
  Labels: map,
  /** Why not all of it is as it should be on this host; empty where it is. */
  Problem: text,
})
export type ServiceInspect = z.infer<typeof serviceInspectSchema>

export const serviceCreatedSchema = z.object({ ID: text })
export type ServiceCreated = z.infer<typeof serviceCreatedSchema>
