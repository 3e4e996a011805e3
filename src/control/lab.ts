/**
 * A lab: networks, and sandboxes joined to them by endpoints, as the lab file wants them, with every default filled in and
 * every address given out. This is what `up` brings about, and what the command line sends to the daemon.
 */

import { z } from 'zod'
import { LAB_NAME_MAX } from '../limits.ts'
import { impairmentSchema } from './api/link.ts'
import { nameUpTo, userLabelMap } from './lab-schema-values.ts'
import { DNS_PLACES } from './rules/dns-options.ts'

const text = z.string()
const texts = z.array(text)
const map = z.record(text, text)

const labSubnetSchema = z.strictObject({
  /** CIDR notation, host bits 0. */
  subnet: text,
  /** Addresses that are not fixed come out of it; all of the subnet where it is missing. */
  range: text.optional(),
  /** Kept free for the network's router. Missing where the driver has none. */
  gateway: text.optional(),
  /** Addresses that others have, by name. */
  aux: map,
})
export type LabSubnet = z.infer<typeof labSubnetSchema>

const labNetworkSchema = z.strictObject({
  name: text,
  driver: text,
  /** IPv4 before IPv6. */
  subnets: z.array(labSubnetSchema),
  /** Without a way out. */
  internal: z.boolean(),
  /** Bytes of IP packet that a frame may carry. */
  mtu: z.int(),
  /** Forwards frames to 01:80:c2:00:00:0X (STP, LLDP, LACP), which a bridge otherwise drops. */
  transparent: z.boolean(),
  /** Where sandboxes ask for names; missing where the driver decides. */
  dns: z.enum(DNS_PLACES).optional(),
  dnsTtlS: z.int(),
  /** The driver's. */
  options: map,
  labels: userLabelMap,
})
export type LabNetwork = z.infer<typeof labNetworkSchema>

const labEndpointSchema = z.strictObject({
  network: text,
  /** Name inside the sandbox, where it is made with all its endpoints: eth0, eth1, … in the order of the lab file. */
  interface: text,
  /** IPv4. Missing on a network whose subnets the lab does not know. */
  address: text.optional(),
  prefixLength: z.int().optional(),
  ipv6: text.optional(),
  ipv6PrefixLength: z.int().optional(),
  /** Missing where the daemon is to choose it. */
  mac: text.optional(),
  aliases: texts,
  /** The endpoint with the highest one gives the default route. */
  gwPriority: z.int(),
  /** The driver's. */
  options: map,
  /** What its link does to frames. */
  link: impairmentSchema.optional(),
})
export type LabEndpoint = z.infer<typeof labEndpointSchema>

const labSandboxSchema = z.strictObject({
  name: text,
  /** `networks`: by its endpoints. Otherwise there are no endpoints: `none`, `host`, or `container:NAME`. */
  networkMode: text,
  endpoints: z.array(labEndpointSchema),
  /** Program and arguments. Without one it is idle. */
  command: texts.min(1).optional(),
  /** `NAME=value`. */
  environment: texts,
  /** An absolute path; `/` where it is missing. */
  workingDirectory: text.optional(),
  hostname: text.optional(),
  domainname: text.optional(),
  dns: texts,
  dnsSearch: texts,
  dnsOptions: texts,
  /** `name:address` */
  extraHosts: texts,
  labels: userLabelMap,
  /** In the syntax of -p and --expose. */
  ports: texts,
  expose: texts,
  /** `SIGTERM` */
  stopSignal: text,
  stopTimeoutS: z.int(),
})
export type LabSandbox = z.infer<typeof labSandboxSchema>

const labServiceSchema = z.strictObject({
  name: text,
  network: text,
  endpointMode: z.enum(['vip', 'dnsrr']),
  /** The virtual one. Missing for dnsrr, and on a network whose subnets the lab does not know. */
  address: text.optional(),
  /** `key`, or `key=value`. */
  replicasOf: texts,
  /** Names of sandboxes. */
  endpoints: texts,
  ports: z.array(
    z.strictObject({
      protocol: z.enum(['tcp', 'udp']),
      target: z.int(),
      /** Missing where the daemon is to choose it. */
      published: z.int().optional(),
      mode: z.enum(['ingress', 'host']),
    }),
  ),
  labels: userLabelMap,
})
/** One name and one address for several sandboxes. */
export type LabService = z.infer<typeof labServiceSchema>
export type LabServicePort = LabService['ports'][number]

const labHostSchema = z.strictObject({
  name: nameUpTo(LAB_NAME_MAX, 2),
  /** Its places on the links. */
  endpoints: z.array(labEndpointSchema),
  networks: z.array(labNetworkSchema),
  sandboxes: z.array(labSandboxSchema),
  /** On its own networks. Missing where there are none. */
  services: z.array(labServiceSchema).optional(),
  /** The way out of its networks, in its text form. Missing where there is none. */
  uplink: text.optional(),
  uplinkLink: impairmentSchema.optional(),
  /** By which the cluster's other hosts reach it. Missing where there is no cluster. */
  advertise: text.optional(),
})
/** A sandbox in which a daemon of its own runs, with networks and sandboxes of its own. */
export type LabHost = z.infer<typeof labHostSchema>

const labClusterSchema = z.strictObject({
  /** In the registry. */
  name: text,
  /** `etcd://10.9.0.4:2379`, without the cluster's name. */
  registry: text,
  /** The sandbox that the lab's own registry runs in, and its place on the link. Missing where the registry is another one. */
  sandbox: z
    .strictObject({ name: nameUpTo(LAB_NAME_MAX, 2), endpoints: z.array(labEndpointSchema) })
    .optional(),
  /** The network between the hosts that tunnels go over. */
  link: text,
  /** On all hosts. */
  networks: z.array(labNetworkSchema),
  /** On those networks. Missing where there are none. */
  services: z.array(labServiceSchema).optional(),
})
/** What makes one cluster of a lab's hosts. */
export type LabCluster = z.infer<typeof labClusterSchema>

export const labSchema = z.strictObject({
  name: nameUpTo(LAB_NAME_MAX),
  networks: z.array(labNetworkSchema),
  sandboxes: z.array(labSandboxSchema),
  /** On the lab's own networks. Missing where there are none. */
  services: z.array(labServiceSchema).optional(),
  hosts: z.array(labHostSchema),
  /** Networks between hosts, which a label tells. */
  links: z.array(labNetworkSchema.extend({ labels: map, link: impairmentSchema.optional() })),
  /** What the daemon's uplink does to frames; missing where that is not the lab's to say. */
  uplinkLink: impairmentSchema.optional(),
  cluster: labClusterSchema.optional(),
  /**
   * Networks of the cluster, on a host that another one makes them for: they are waited for. Where it is there, the cluster's networks are
   * not this daemon's to make, to change or to remove.
   */
  awaited: z.array(labNetworkSchema).optional(),
})
export type Lab = z.infer<typeof labSchema>
