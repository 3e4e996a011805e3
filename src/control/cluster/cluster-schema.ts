/**
 * The check of what a registry holds, before anything in it is believed: others write it, of this version or another, and so may anybody who
 * can reach the registry.
 */

import { z } from 'zod'
import { CLUSTER_VALUE_MAX, NAMES_PER_HOST_MAX } from '../../limits.ts'
import { formatIpAddress, formatSubnet, parseCidr, parseIpAddress, subnetOf } from '../ip-address.ts'
import { nameKey } from '../rules/endpoint-names.ts'
import { VNI_MAX } from '../rules/vxlan-options.ts'
import {
  type AddressClaim,
  CLUSTER_VERSION,
  type ClusterEndpoint,
  type ClusterHost,
  type ClusterNetwork,
  type ClusterService,
  type KnownHost,
} from './cluster-records.ts'

const version = z.literal(CLUSTER_VERSION)
const id = z.string().regex(/^[\da-f]{64}$/, 'is no id of 64 hexadecimal digits')
/** As names of sandboxes, networks and hosts are: nothing that a terminal would obey. */
const name = z.string().regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}$/, 'is no name')
const map = z.record(z.string(), z.string())
const mac = z.string().regex(/^[\da-f][02468ace](:[\da-f]{2}){5}$/, 'is no MAC address of a station')
const time = z.string().max(40)
const address = z.string().refine(isAddress, 'is no IP address in its normal form')
const ipv4 = address.refine((text) => !text.includes(':'), 'is no IPv4 address')
const ipv6 = address.refine((text) => text.includes(':'), 'is no IPv6 address')
const subnet = z.string().refine(isSubnet, 'is no subnet in its normal form')
const port = z.int().min(1).max(65_535)

function isAddress(text: string): boolean {
  const parsed = parseIpAddress(text)
  return parsed !== undefined && formatIpAddress(parsed) === text
}

function isSubnet(text: string): boolean {
  const cidr = parseCidr(text)
  return cidr !== undefined && formatSubnet(subnetOf(cidr.address, cidr.prefixLength)) === text
}

const hostSchema = z.object({
  version,
  id,
  name,
  advertise: address,
  udpPort: port,
  started: time,
}) satisfies z.ZodType<ClusterHost>

const knownHostSchema = z.object({ version, id, name }) satisfies z.ZodType<KnownHost>

const networkSchema = z.object({
  version,
  id,
  name,
  created: time,
  internal: z.boolean(),
  attachable: z.boolean(),
  enableIPv4: z.boolean(),
  enableIPv6: z.boolean(),
  vni: z.int().min(1).max(VNI_MAX),
  pools: z
    .array(
      z.object({
        family: z.union([z.literal(4), z.literal(6)]),
        subnet,
        range: subnet.optional(),
        gateway: address.optional(),
        gatewayGiven: z.boolean(),
        subnetGiven: z.boolean(),
        auxiliary: z.record(z.string(), address),
      }),
    )
    .max(2),
  options: map,
  labels: map,
}) satisfies z.ZodType<ClusterNetwork>

const claimSchema = z.object({
  version,
  host: z.string(),
  owner: z.string(),
}) satisfies z.ZodType<AddressClaim>

const endpointSchema = z.object({
  version,
  id,
  network: id,
  host: name,
  sandbox: z.object({ id, name, labels: map }),
  mac,
  ipv4: ipv4.optional(),
  ipv6: ipv6.optional(),
  names: z
    .array(
      z.object({
        text: z.string().refine((text) => nameKey(text) !== undefined, 'is no name that DNS can carry'),
        kind: z.enum(['sandbox', 'alias', 'short-id', 'hostname']),
      }),
    )
    .max(NAMES_PER_HOST_MAX),
  ports: z.array(z.object({ protocol: z.enum(['tcp', 'udp', 'sctp']), first: port, last: port })).max(1024),
  routerMac: mac,
}) satisfies z.ZodType<ClusterEndpoint>

const serviceSchema = z.object({
  version,
  id,
  name,
  created: time,
  network: id,
  endpointMode: z.enum(['vip', 'dnsrr']),
  virtualIp: z.union([z.literal(''), address]),
  replicasOf: z.array(z.string()),
  endpoints: z.array(z.string()),
  ports: z.array(
    z.object({
      protocol: z.enum(['tcp', 'udp']),
      published: port,
      target: port,
      mode: z.enum(['ingress', 'host']),
    }),
  ),
  labels: map,
}) satisfies z.ZodType<ClusterService>

const SCHEMAS = {
  host: hostSchema,
  'known-host': knownHostSchema,
  network: networkSchema,
  claim: claimSchema,
  endpoint: endpointSchema,
  service: serviceSchema,
} as const

export interface ClusterValues {
  readonly host: ClusterHost
  readonly 'known-host': KnownHost
  readonly network: ClusterNetwork
  readonly claim: AddressClaim
  readonly endpoint: ClusterEndpoint
  readonly service: ClusterService
}

export type Parsed<T> = { readonly value: T } | { readonly problem: string }

/** What a value says, or why it says nothing. */
export function parseClusterValue<K extends keyof ClusterValues>(
  kind: K,
  text: string,
): Parsed<ClusterValues[K]> {
  if (text.length > CLUSTER_VALUE_MAX)
    return { problem: `it has ${text.length} characters, at most ${CLUSTER_VALUE_MAX} are possible` }
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return { problem: 'it is no JSON' }
  }
  const other = (json as { version?: unknown } | null)?.version
  if (typeof other === 'number' && other !== CLUSTER_VERSION) {
    return { problem: `it is of version ${other}, and this Tapwire knows version ${CLUSTER_VERSION}` }
  }
  const parsed = SCHEMAS[kind].safeParse(json)
  if (parsed.success) return { value: parsed.data as ClusterValues[K] }
  const [issue] = parsed.error.issues
  return { problem: `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'it is nothing that is known'}` }
}
