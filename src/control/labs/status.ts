/** A lab as `ps` and programs see it. */

import type { LabStatus } from '../api/lab.ts'
import type { EndpointInspect, SandboxInspect } from '../api/sandbox.ts'
import type { ServiceInspect } from '../api/service.ts'
import { presentCluster } from './cluster.ts'
import { hostName, isHost } from './plan.ts'
import type { Present } from './present.ts'
import { addressOf, labPort } from './services.ts'

type SandboxStatus = LabStatus['sandboxes'][number]
type EndpointStatus = SandboxStatus['endpoints'][number]

/** `own` is what the lab has made; `socketOf` tells where a host's daemon listens. */
export function labStatus(lab: string, own: Present, socketOf: (host: string) => string): LabStatus {
  const sandboxes = own.sandboxes.toSorted(byName)
  const cluster = presentCluster(own.networks)
  return {
    name: lab,
    networks: own.networks.toSorted(byName).map(({ Name, Driver, IPAM }) => ({
      name: Name,
      driver: Driver,
      subnets: (IPAM.Config ?? []).map(({ Subnet, Gateway }) => ({
        subnet: Subnet,
        ...(Gateway === undefined ? undefined : { gateway: Gateway }),
      })),
    })),
    sandboxes: sandboxes.filter((sandbox) => !isHost(sandbox)).map(sandboxStatus),
    services: own.services.toSorted(byName).map(serviceStatus),
    hosts: sandboxes.filter(isHost).map((host) => ({
      name: host.Name,
      id: host.Id,
      state: host.State.Status,
      socket: socketOf(hostName(host)!),
      endpoints: endpointsOf(host),
    })),
    ...(cluster === undefined ? undefined : { cluster }),
  }
}

/** They are made at the same time: the order in which that ends says nothing. */
const byName = (a: { readonly Name: string }, b: { readonly Name: string }): number =>
  a.Name.localeCompare(b.Name, 'en', { numeric: true })

function serviceStatus(service: ServiceInspect): LabStatus['services'][number] {
  const { Name, ID, Network, EndpointMode, VirtualIP, Ports } = service
  return {
    name: Name,
    id: ID,
    network: Network.Name,
    endpointMode: EndpointMode,
    ...(VirtualIP === '' ? undefined : { address: addressOf(service) }),
    ports: Ports.map(labPort),
  }
}

function sandboxStatus(sandbox: SandboxInspect): SandboxStatus {
  const { Id, Name, State, Config, NetworkSettings } = sandbox
  const command = Config.Cmd ?? []
  return {
    name: Name,
    id: Id,
    namespace: State.Running ? NetworkSettings.SandboxKey : '',
    state: State.Status === 'running' && command.length === 0 ? 'idle' : State.Status,
    ...(State.Running && State.Pid !== 0 ? { pid: State.Pid } : undefined),
    ...(State.Status === 'exited' ? { exitCode: State.ExitCode } : undefined),
    ...(command.length === 0 ? undefined : { command }),
    endpoints: endpointsOf(sandbox),
  }
}

function endpointsOf({ NetworkSettings }: SandboxInspect): EndpointStatus[] {
  return Object.entries(NetworkSettings.Networks)
    .filter(([network]) => network !== 'none' && network !== 'host')
    .map(([network, endpoint]) => endpointStatus(network, endpoint))
    .toSorted((a, b) => a.interface.localeCompare(b.interface, 'en', { numeric: true }))
}

function endpointStatus(network: string, endpoint: EndpointInspect): EndpointStatus {
  const {
    InterfaceName,
    IPAddress,
    IPPrefixLen,
    MacAddress,
    GlobalIPv6Address,
    GlobalIPv6PrefixLen,
    Impairment,
  } = endpoint
  return {
    network,
    interface: InterfaceName,
    address: IPAddress,
    prefixLength: IPPrefixLen,
    ...(GlobalIPv6Address === ''
      ? undefined
      : { ipv6: GlobalIPv6Address, ipv6PrefixLength: GlobalIPv6PrefixLen }),
    mac: MacAddress,
    ...(Impairment === undefined ? undefined : { link: Impairment }),
  }
}
