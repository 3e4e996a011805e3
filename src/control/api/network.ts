/** Networks on the API: Docker's shapes and spellings, so that what people know and have written goes on working. */

import { z } from 'zod'
import { impairmentSchema } from './link.ts'

const text = z.string()
const map = z.record(text, text)
const absent = <T extends z.ZodType>(schema: T) => schema.nullish()

export const ipamConfigSchema = z.strictObject({
  /** CIDR notation. `0.0.0.0/24` and `::/64` ask for a subnet of that size. */
  Subnet: text.optional(),
  IPRange: text.optional(),
  Gateway: text.optional(),
  /** Addresses that other hosts on the network have, by their names. */
  AuxiliaryAddresses: absent(map),
})
export type IpamConfig = z.infer<typeof ipamConfigSchema>

/** POST /networks */
export const networkCreateSchema = z.strictObject({
  Name: text,
  Driver: text.optional(),
  Scope: text.optional(),
  EnableIPv4: absent(z.boolean()),
  EnableIPv6: absent(z.boolean()),
  Internal: z.boolean().optional(),
  Attachable: z.boolean().optional(),
  Ingress: z.boolean().optional(),
  ConfigOnly: z.boolean().optional(),
  ConfigFrom: absent(z.strictObject({ Network: text })),
  IPAM: absent(
    z.strictObject({
      Driver: text.optional(),
      Options: absent(map),
      Config: absent(z.array(ipamConfigSchema)),
    }),
  ),
  Options: absent(map),
  Labels: absent(map),
})
export type NetworkCreate = z.infer<typeof networkCreateSchema>

/** A sandbox's wishes for its place on a network. */
export const endpointConfigSchema = z.strictObject({
  IPAMConfig: absent(
    z.strictObject({
      IPv4Address: text.optional(),
      IPv6Address: text.optional(),
      LinkLocalIPs: absent(z.array(text)),
    }),
  ),
  Links: absent(z.array(text)),
  Aliases: absent(z.array(text)),
  MacAddress: text.optional(),
  DriverOpts: absent(map),
  GwPriority: z.int().optional(),
  /** What its link does to frames, from the first one on. */
  Impairment: absent(impairmentSchema),
})
export type EndpointConfig = z.infer<typeof endpointConfigSchema>

/** POST /networks/{network}/connect */
export const networkConnectSchema = z.strictObject({
  /** Name or id of the sandbox. */
  Container: text,
  EndpointConfig: absent(endpointConfigSchema),
})
export type NetworkConnect = z.infer<typeof networkConnectSchema>

/** POST /networks/{network}/disconnect */
export const networkDisconnectSchema = z.strictObject({ Container: text, Force: z.boolean().optional() })
export type NetworkDisconnect = z.infer<typeof networkDisconnectSchema>

/** GET /networks/{network}. Optional keys that are empty are left out. */
export const networkInspectSchema = z.object({
  Name: text,
  Id: text,
  /** RFC 3339 with nanoseconds. */
  Created: text,
  Scope: text,
  Driver: text,
  EnableIPv4: z.boolean(),
  EnableIPv6: z.boolean(),
  IPAM: z.object({
    Driver: text,
    Options: map.nullable(),
    /** Null for `host` and `none`, which give no addresses. */
    Config: z
      .array(
        z.object({
          Subnet: text,
          IPRange: text.optional(),
          Gateway: text.optional(),
          AuxiliaryAddresses: map.optional(),
        }),
      )
      .nullable(),
  }),
  Internal: z.boolean(),
  Attachable: z.boolean(),
  Ingress: z.boolean(),
  ConfigFrom: z.object({ Network: text }),
  ConfigOnly: z.boolean(),
  /** By the sandbox's id. */
  Containers: z.record(
    text,
    z.object({
      Name: text,
      EndpointID: text,
      MacAddress: text,
      IPv4Address: text,
      IPv6Address: text,
    }),
  ),
  Options: map,
  Labels: map,
  /** Of networks that give addresses. */
  Status: z
    .object({
      IPAM: z.object({
        Subnets: z.record(text, z.object({ IPsInUse: z.number(), DynamicIPsAvailable: z.number() })),
      }),
      /** Of networks that go on behind a tunnel to other hosts. */
      Tunnel: z
        .object({
          VNI: z.int(),
          /** The address of this host that is sent from; empty while there is none. */
          Local: text,
          Port: z.int(),
          /** Bytes of IP packet that interfaces on the network take. */
          MTU: z.int(),
          /** Whether anything passes; `Reason` says why not, and is empty where it does. */
          Up: z.boolean(),
          Reason: text,
        })
        .optional(),
    })
    .optional(),
  /** The other hosts that the network goes on to. */
  Peers: z.array(z.object({ Name: text, IP: text })).optional(),
})
export type NetworkInspect = z.infer<typeof networkInspectSchema>

export const networkCreatedSchema = z.object({ Id: text, Warning: text })
export type NetworkCreated = z.infer<typeof networkCreatedSchema>

export const networksPrunedSchema = z.object({ NetworksDeleted: z.array(text) })
export type NetworksPruned = z.infer<typeof networksPrunedSchema>
