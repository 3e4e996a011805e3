/** A lab as the text of a lab file: the shortest one that means it, always the same for the same lab. */

import { stringify } from 'yaml'
import { DNS_TTL_S_DEFAULT, MTU_DEFAULT } from '../limits.ts'
import type { Impairment } from './api/link.ts'
import { formatIpAddress, parseCidr, parseIpAddress } from './ip-address.ts'
import type {
  Lab,
  LabCluster,
  LabEndpoint,
  LabNetwork,
  LabSandbox,
  LabService,
  LabServicePort,
  LabSubnet,
} from './lab.ts'
import { linkFileOf } from './lab-link.ts'
import { isDefaultLinkName } from './lab-resolve.ts'
import { STOP_SIGNAL, STOP_TIMEOUT_S } from './lab-sandbox.ts'
import { OWN_REGISTRY } from './lab-schema-cluster.ts'
import { LINK_LABEL } from './labs/labels.ts'
import { macOfAddress } from './mac-address.ts'
import { OVERLAY_OPTION } from './rules/overlay-options.ts'
import { VXLAN_OPTION } from './rules/vxlan-options.ts'

const BRIDGE = 'bridge'

/** Whether the name is written: a file that is to be used under any name has none. */
export function labText(lab: Lab, { named }: { readonly named: boolean }): string {
  const { networks, sandboxes, services = [], hosts, links, cluster } = lab
  return stringify(
    present({
      name: named ? lab.name : undefined,
      ...scopeFile({ networks, sandboxes, services: [...services, ...(cluster?.services ?? [])] }),
      hosts: byName(hosts, ({ uplink, uplinkLink, ...host }) =>
        nullIfEmpty(present({ ...scopeFile(host), uplink: uplinkFile(uplink, uplinkLink) })),
      ),
      links: links.length === 0 ? undefined : sorted(links).map(linkFile),
      cluster: cluster && clusterFile(cluster, named ? lab.name : undefined, links.length),
    }),
    { lineWidth: 0 },
  )
}

function scopeFile({ networks, sandboxes, services = [] }: Pick<Lab, 'networks' | 'sandboxes' | 'services'>) {
  return present({
    networks: byName(networks, networkFile),
    sandboxes: byName(sandboxes, sandboxFile),
    services: byName(services, serviceFile),
  })
}

function networkFile(network: LabNetwork) {
  const { driver, subnets, internal, mtu, transparent, dns, dnsTtlS, options, labels } = network
  const ofIpv4 = subnets.filter(({ subnet }) => !subnet.includes(':'))
  const [own] = ofIpv4.length === 1 ? ofIpv4 : []
  const others = subnets.filter((one) => one !== own).map(subnetFile)
  return nullIfEmpty(
    present({
      driver: driver === BRIDGE ? undefined : driver,
      ...(own === undefined ? undefined : subnetFile(own)),
      subnets: others.length === 0 ? undefined : others,
      ipv4: ofIpv4.length === 0 ? false : undefined,
      internal: internal || undefined,
      mtu: mtu === MTU_DEFAULT ? undefined : mtu,
      transparent: transparent || undefined,
      dns,
      dns_ttl: dnsTtlS === DNS_TTL_S_DEFAULT ? undefined : dnsTtlS,
      options: undefinedIfEmpty(options),
      labels: undefinedIfEmpty(labels),
    }),
  )
}

function subnetFile({ subnet, range, gateway, aux }: LabSubnet) {
  const { address } = parseCidr(subnet)!
  const first = formatIpAddress({ ...address, value: address.value + 1n })
  return present({
    subnet,
    range,
    gateway: gateway === first ? undefined : gateway,
    aux: undefinedIfEmpty(aux),
  })
}

function uplinkFile(via: string | undefined, link: Impairment | undefined) {
  return via === undefined || link === undefined ? via : { via, link: linkFileOf(link) }
}

/** `name` is what the cluster has by default. */
function clusterFile(cluster: LabCluster, name: string | undefined, links: number) {
  const { sandbox } = cluster
  return nullIfEmpty(
    present({
      name: cluster.name === name ? undefined : cluster.name,
      registry:
        sandbox === undefined
          ? cluster.registry
          : sandbox.name === OWN_REGISTRY
            ? undefined
            : { sandbox: sandbox.name },
      link: links === 1 ? undefined : cluster.link,
      networks: byName(cluster.networks, overlayFile),
    }),
  )
}

/** Their driver goes without saying. */
function overlayFile({ options, ...network }: LabNetwork) {
  const { [OVERLAY_OPTION.vni]: vni, ...others } = options
  return networkFile({
    ...network,
    driver: BRIDGE,
    options: vni === undefined ? others : { ...others, [VXLAN_OPTION.vni]: vni },
  })
}

function linkFile({ name, subnets: [pool], mtu, labels, link }: Lab['links'][number]) {
  const between = labels[LINK_LABEL]?.split(',') ?? []
  return present({
    between,
    name: isDefaultLinkName(name, between) ? undefined : name,
    subnet: pool?.subnet,
    mtu: mtu === MTU_DEFAULT ? undefined : mtu,
    link: linkFileOf(link),
  })
}

function sandboxFile(sandbox: LabSandbox) {
  const { name, networkMode, endpoints, hostname } = sandbox
  return present({
    networks:
      networkMode === 'networks'
        ? Object.fromEntries(endpoints.map((endpoint) => [endpoint.network, endpointFile(endpoint)]))
        : undefined,
    network_mode: networkMode === 'networks' ? undefined : networkMode,
    command: sandbox.command,
    environment: undefinedIfNone(sandbox.environment),
    working_dir: sandbox.workingDirectory,
    hostname: hostname === name ? undefined : hostname,
    domainname: sandbox.domainname,
    dns: undefinedIfNone(sandbox.dns),
    dns_search: undefinedIfNone(sandbox.dnsSearch),
    dns_opt: undefinedIfNone(sandbox.dnsOptions),
    extra_hosts: undefinedIfNone(sandbox.extraHosts),
    labels: undefinedIfEmpty(sandbox.labels),
    ports: undefinedIfNone(sandbox.ports),
    expose: undefinedIfNone(sandbox.expose),
    stop_signal: sandbox.stopSignal === STOP_SIGNAL ? undefined : sandbox.stopSignal,
    stop_timeout: sandbox.stopTimeoutS === STOP_TIMEOUT_S ? undefined : sandbox.stopTimeoutS,
  })
}

export function serviceFile(service: Omit<LabService, 'name'>) {
  const { network, endpointMode, address, replicasOf, endpoints, ports, labels } = service
  const [replica] = replicasOf
  return present({
    network,
    replicas_of: replicasOf.length === 1 ? replica : undefinedIfNone(replicasOf),
    endpoints: undefinedIfNone(endpoints),
    endpoint_mode: endpointMode === 'vip' ? undefined : endpointMode,
    address,
    ports: undefinedIfNone(ports.map(servicePortFile)),
    labels: undefinedIfEmpty(labels),
  })
}

/** `8080:80`; as a map where that cannot say it. */
function servicePortFile({ target, published, protocol, mode }: LabServicePort): unknown {
  if (mode === 'ingress') {
    const port = published === undefined ? `${target}` : `${published}:${target}`
    return protocol === 'tcp' ? port : `${port}/${protocol}`
  }
  return present({ target, published, protocol: protocol === 'tcp' ? undefined : protocol, mode })
}

function endpointFile({ address, ipv6, mac, aliases, gwPriority, options, link }: LabEndpoint) {
  const parsed = parseIpAddress(address ?? ipv6 ?? '')
  const defaultMac = parsed === undefined ? undefined : macOfAddress(parsed)
  return nullIfEmpty(
    present({
      address,
      ipv6,
      mac: mac === defaultMac ? undefined : mac,
      aliases: undefinedIfNone(aliases),
      gw_priority: gwPriority === 0 ? undefined : gwPriority,
      options: undefinedIfEmpty(options),
      link: linkFileOf(link),
    }),
  )
}

function byName<T extends { readonly name: string }>(items: readonly T[], file: (item: T) => unknown) {
  if (items.length === 0) return undefined
  return Object.fromEntries(sorted(items).map((item) => [item.name, file(item)]))
}

function sorted<T extends { readonly name: string }>(items: readonly T[]): T[] {
  return items.toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

function present(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))
}

function nullIfEmpty(values: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> | null {
  return Object.keys(values).length === 0 ? null : values
}

function undefinedIfEmpty(values: Readonly<Record<string, string>>) {
  if (Object.keys(values).length === 0) return undefined
  return Object.fromEntries(Object.entries(values).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

function undefinedIfNone<T>(values: readonly T[]) {
  return values.length === 0 ? undefined : values
}
