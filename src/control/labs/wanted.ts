/** What a lab asks of the control plane: its networks and sandboxes as requests, and what tells two of them apart. */

import { createHash } from 'node:crypto'
import { DNS_TTL_S_DEFAULT, MTU_DEFAULT } from '../../limits.ts'
import type { EndpointConfig, NetworkCreate } from '../api/network.ts'
import type { SandboxCreate } from '../api/sandbox.ts'
import type { LabEndpoint, LabNetwork, LabSandbox } from '../lab.ts'
import { DNS_OPTION } from '../rules/dns-options.ts'
import { portRequest } from '../rules/publish.ts'
import { DIGEST_LABEL, ENDPOINTS_LABEL, HOST_LABEL, LAB_LABEL } from './labels.ts'

export const MTU_OPTION = 'com.docker.network.driver.mtu'
export const TRANSPARENT_OPTION = 'tapwire.transparent'

export interface WantedNetwork {
  readonly name: string
  readonly network: LabNetwork
  readonly request: NetworkCreate
  readonly digest: string
}

export interface WantedSandbox {
  readonly name: string
  /** Whether it is a host, in which a daemon runs. */
  readonly isHost: boolean
  /** Whether it has the registry of the lab's cluster, which hosts need. */
  readonly isRegistry: boolean
  readonly sandbox: LabSandbox
  readonly request: SandboxCreate
  readonly digest: string
  readonly endpointsDigest: string
  /** By network. Undefined where it has no endpoints of its own (the modes none, host and container). */
  readonly endpoints: ReadonlyMap<string, EndpointConfig> | undefined
  /** The sandbox whose network it shares. */
  readonly sharesWith: string | undefined
}

export function wantedNetwork(lab: string, network: LabNetwork): WantedNetwork {
  const { name, driver, internal, labels } = network
  const base: NetworkCreate = {
    Name: name,
    Driver: driver,
    EnableIPv4: network.subnets.some(({ subnet }) => !subnet.includes(':')),
    EnableIPv6: network.subnets.some(({ subnet }) => subnet.includes(':')),
    Internal: internal,
    IPAM: {
      Config: network.subnets.map(({ subnet, range, gateway, aux }) => ({
        Subnet: subnet,
        ...(range === undefined ? undefined : { IPRange: range }),
        ...(gateway === undefined ? undefined : { Gateway: gateway }),
        ...(Object.keys(aux).length === 0 ? undefined : { AuxiliaryAddresses: aux }),
      })),
    },
    Options: networkOptions(network),
    Labels: labels,
  }
  const digest = digestOf(base)
  return {
    name,
    network,
    digest,
    request: { ...base, Labels: { ...labels, [LAB_LABEL]: lab, [DIGEST_LABEL]: digest } },
  }
}

function networkOptions({ options, mtu, transparent, dns, dnsTtlS }: LabNetwork): Record<string, string> {
  return {
    ...(mtu === MTU_DEFAULT ? undefined : { [MTU_OPTION]: String(mtu) }),
    ...(transparent ? { [TRANSPARENT_OPTION]: 'true' } : undefined),
    ...(dns === undefined ? undefined : { [DNS_OPTION.place]: dns }),
    ...(dnsTtlS === DNS_TTL_S_DEFAULT ? undefined : { [DNS_OPTION.ttl]: String(dnsTtlS) }),
    ...options,
  }
}

export function wantedSandbox(
  lab: string,
  sandbox: LabSandbox,
  role: 'plain' | 'host' | 'registry' = 'plain',
): WantedSandbox {
  const isHost = role === 'host'
  const { networkMode, endpoints, labels, name } = sandbox
  const hasEndpoints = networkMode === 'networks'
  const base = baseRequest(sandbox)
  const configs = new Map(endpoints.map((endpoint) => [endpoint.network, endpointConfig(endpoint)]))
  const digest = digestOf({ ...base, networkMode, labels, isHost })
  // What links do is shown of one that does not run as well, and changes while it lives.
  const lasting = [...configs].map(
    ([network, { Impairment: _changes, ...config }]) => [network, config] as const,
  )
  const endpointsDigest = digestOf(lasting.toSorted(([a], [b]) => (a < b ? -1 : 1)))
  return {
    name,
    isHost,
    isRegistry: role === 'registry',
    sandbox,
    digest,
    endpointsDigest,
    endpoints: hasEndpoints ? configs : undefined,
    sharesWith: /^container:(.+)$/.exec(networkMode)?.[1],
    request: {
      ...base,
      Labels: {
        ...labels,
        [LAB_LABEL]: lab,
        [DIGEST_LABEL]: digest,
        [ENDPOINTS_LABEL]: endpointsDigest,
        ...(isHost ? { [HOST_LABEL]: name } : undefined),
      },
      HostConfig: {
        ...base.HostConfig,
        NetworkMode: hasEndpoints ? (endpoints[0]?.network ?? 'none') : networkMode,
      },
      ...(hasEndpoints ? { NetworkingConfig: { EndpointsConfig: Object.fromEntries(configs) } } : undefined),
    },
  }
}

/** All but labels and networks. */
function baseRequest(sandbox: LabSandbox): SandboxCreate {
  const { command, workingDirectory, hostname, domainname, stopSignal, stopTimeoutS } = sandbox
  const { ExposedPorts, PortBindings } =
    sandbox.ports.length + sandbox.expose.length === 0 ? NO_PORTS : portRequest(sandbox.ports, sandbox.expose)
  return {
    ...(hostname === undefined ? undefined : { Hostname: hostname }),
    ...(domainname === undefined ? undefined : { Domainname: domainname }),
    ...(command === undefined ? undefined : { Cmd: [...command] }),
    Env: [...sandbox.environment],
    ...(workingDirectory === undefined ? undefined : { WorkingDir: workingDirectory }),
    StopSignal: stopSignal,
    StopTimeout: stopTimeoutS,
    ExposedPorts,
    HostConfig: {
      PortBindings,
      Dns: [...sandbox.dns],
      DnsSearch: [...sandbox.dnsSearch],
      DnsOptions: [...sandbox.dnsOptions],
      ExtraHosts: [...sandbox.extraHosts],
    },
  }
}

const NO_PORTS = { ExposedPorts: {}, PortBindings: {} }

function endpointConfig(endpoint: LabEndpoint): EndpointConfig {
  const { address, ipv6, mac, aliases, gwPriority, options, link } = endpoint
  return {
    ...(address === undefined && ipv6 === undefined
      ? undefined
      : {
          IPAMConfig: {
            ...(address === undefined ? undefined : { IPv4Address: address }),
            ...(ipv6 === undefined ? undefined : { IPv6Address: ipv6 }),
          },
        }),
    ...(mac === undefined ? undefined : { MacAddress: mac }),
    ...(aliases.length === 0 ? undefined : { Aliases: [...aliases] }),
    ...(gwPriority === 0 ? undefined : { GwPriority: gwPriority }),
    ...(Object.keys(options).length === 0 ? undefined : { DriverOpts: options }),
    ...(link === undefined ? undefined : { Impairment: link }),
  }
}

/** 16 hexadecimal digits that are the same for the same settings, in whatever order a map has them. */
function digestOf(settings: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify(sorted(settings)))
    .digest('hex')
    .slice(0, 16)
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([key, one]) => [key, sorted(one)]))
}
