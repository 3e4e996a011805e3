/**
 * The lab file of what is there. What the state does not say (the address of a sandbox that does not run and that nobody
 * fixed) is given out as for any lab file, so that the file says it, and the lab that comes up from it is saved as the same file.
 */

import { stringify } from 'yaml'
import { MTU_MAX, MTU_MIN } from '../../limits.ts'
import type { NetworkInspect } from '../api/network.ts'
import type { EndpointInspect, SandboxInspect } from '../api/sandbox.ts'
import { ErrorCode, TapwireError } from '../errors.ts'
import type { Lab } from '../lab.ts'
import { parseLab } from '../lab-file.ts'
import { formatLabProblem, LabFileError } from '../lab-problem.ts'
import { isPredefinedNetwork } from '../rules/names.ts'
import { HOST_LABEL, LINK_LABEL, userLabels } from './labels.ts'
import type { Present } from './present.ts'
import { MTU_OPTION, TRANSPARENT_OPTION } from './wanted.ts'

/** `hosts` are what the hosts' own daemons save. Throws LAB_FILE_INVALID where a lab file cannot say what is there. */
export function savedLab(name: string, present: Present, hosts: ReadonlyMap<string, Lab>): Lab {
  const made = present.networks.filter((network) => !isPredefinedNetwork(network.Name) && !network.ConfigOnly)
  const links = made.filter((network) => LINK_LABEL in network.Labels)
  const file = {
    name,
    networks: byName(
      made.filter((network) => !links.includes(network)),
      networkFile,
    ),
    sandboxes: byName(
      present.sandboxes.filter(({ Config }) => !(HOST_LABEL in Config.Labels)),
      (sandbox) => sandboxFile(sandbox, present),
    ),
    hosts: byName(
      present.sandboxes.filter(({ Config }) => HOST_LABEL in Config.Labels),
      () => null,
    ),
    links: links.length === 0 ? undefined : byOrder(links).map(linkFile),
  }
  const lab = parsed(file)
  return {
    ...lab,
    hosts: lab.hosts.map((host) => {
      const inner = hosts.get(host.name)
      return inner === undefined ? host : { ...host, networks: inner.networks, sandboxes: inner.sandboxes }
    }),
  }
}

function parsed(file: object): Lab {
  try {
    return parseLab(stringify(file), 'saved.yaml', '/')
  } catch (error) {
    if (!(error instanceof LabFileError)) throw error
    const [first] = error.problems
    throw new TapwireError(ErrorCode.labFileInvalid, 'No lab file can say what is there.', {
      hint: first === undefined ? undefined : formatLabProblem(first),
      cause: error,
    })
  }
}

function byName<T extends { readonly Name: string }>(items: readonly T[], file: (item: T) => unknown) {
  if (items.length === 0) return undefined
  return Object.fromEntries(byOrder(items).map((item) => [item.Name, file(item)]))
}

function byOrder<T extends { readonly Name: string }>(items: readonly T[]): T[] {
  return items.toSorted((a, b) => (a.Name < b.Name ? -1 : 1))
}

function networkFile({ Driver, EnableIPv4, IPAM, Internal, Options, Labels }: NetworkInspect) {
  const { [MTU_OPTION]: mtuText, [TRANSPARENT_OPTION]: transparent, ...options } = Options
  const mtu = mtuText !== undefined && /^\d+$/.test(mtuText) ? Number(mtuText) : undefined
  const fits = mtu !== undefined && mtu >= MTU_MIN && mtu <= MTU_MAX
  return {
    driver: Driver,
    subnets: (IPAM.Config ?? []).map(({ Subnet, IPRange, Gateway, AuxiliaryAddresses }) => ({
      subnet: Subnet,
      range: IPRange,
      gateway: Gateway,
      aux: AuxiliaryAddresses,
    })),
    ipv4: EnableIPv4,
    internal: Internal,
    mtu: fits ? mtu : undefined,
    transparent: transparent === 'true',
    options: { ...options, ...(fits || mtuText === undefined ? undefined : { [MTU_OPTION]: mtuText }) },
    labels: userLabels(Labels),
  }
}

function linkFile({ Labels, IPAM, Options }: NetworkInspect) {
  const mtu = Options[MTU_OPTION]
  return {
    between: Labels[LINK_LABEL]?.split(','),
    subnet: IPAM.Config?.[0]?.Subnet,
    mtu: mtu === undefined ? undefined : Number(mtu),
  }
}

function sandboxFile(sandbox: SandboxInspect, present: Present) {
  const { Name, Id, Config, HostConfig } = sandbox
  const command = Config.Cmd ?? []
  const placed = placement(sandbox, present)
  const ownsName = 'networks' in placed || placed.network_mode === 'none' || placed.network_mode === 'bridge'
  const bindings = HostConfig.PortBindings
  return {
    ...placed,
    command: command.length === 0 ? undefined : command,
    environment: Config.Env,
    working_dir: Config.WorkingDir === '' ? (command.length === 0 ? undefined : '/') : Config.WorkingDir,
    hostname: !ownsName || [Name, Id.slice(0, 12)].includes(Config.Hostname) ? undefined : Config.Hostname,
    domainname: Config.Domainname === '' ? undefined : Config.Domainname,
    dns: unless(HostConfig.Dns),
    dns_search: unless(HostConfig.DnsSearch),
    dns_opt: unless(HostConfig.DnsOptions),
    extra_hosts: unless(HostConfig.ExtraHosts),
    labels: userLabels(Config.Labels),
    ports: unless(
      sortedPorts(Object.keys(bindings)).flatMap((port) =>
        (bindings[port] ?? []).map((binding) => publishText(port, binding)),
      ),
    ),
    expose: unless(
      sortedPorts(Object.keys(Config.ExposedPorts ?? {})).filter((port) => !Object.hasOwn(bindings, port)),
    ),
    stop_signal: Config.StopSignal === '' ? undefined : Config.StopSignal,
    stop_timeout: Config.StopTimeout,
  }
}

function unless<T>(list: readonly T[]): readonly T[] | undefined {
  return list.length === 0 ? undefined : list
}

function placement(sandbox: SandboxInspect, present: Present) {
  const mode = sandbox.HostConfig.NetworkMode
  const shared = /^container:(.+)$/.exec(mode)?.[1]
  if (shared !== undefined) {
    const other = present.sandboxes.find(({ Id, Name }) => Id === shared || Name === shared)
    return { network_mode: `container:${other?.Name ?? shared}` }
  }
  if (mode === 'host') return { network_mode: mode }
  const endpoints = Object.entries(sandbox.NetworkSettings.Networks).filter(([network]) => network !== 'none')
  const running = endpoints.toSorted(([, a], [, b]) =>
    a.InterfaceName.localeCompare(b.InterfaceName, 'en', { numeric: true }),
  )
  if (endpoints.length === 0) return { network_mode: 'none' }
  return {
    networks: Object.fromEntries(
      running.map(([network, endpoint]) => [
        network,
        isPredefinedNetwork(network) ? null : endpointFile(endpoint, sandbox),
      ]),
    ),
  }
}

function endpointFile(endpoint: EndpointInspect, { Id, Name }: SandboxInspect) {
  const aliases = (endpoint.Aliases ?? []).filter((alias) => alias !== Name && alias !== Id.slice(0, 12))
  return {
    address: firstText(endpoint.IPAddress, endpoint.IPAMConfig?.IPv4Address),
    ipv6: firstText(endpoint.GlobalIPv6Address, endpoint.IPAMConfig?.IPv6Address),
    mac: firstText(endpoint.MacAddress),
    aliases: unless(aliases),
    gw_priority: endpoint.GwPriority,
    options: endpoint.DriverOpts ?? undefined,
  }
}

function firstText(...texts: readonly (string | undefined)[]): string | undefined {
  return texts.find((text) => text !== undefined && text !== '')
}

function sortedPorts(ports: readonly string[]): string[] {
  return ports.toSorted((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10) || (a < b ? -1 : 1))
}

/** `127.0.0.1:8080:80/tcp` */
function publishText(port: string, { HostIp, HostPort }: { HostIp: string; HostPort: string }): string {
  const address = HostIp.includes(':') ? `[${HostIp}]` : HostIp
  if (address !== '') return `${address}:${HostPort}:${port}`
  return HostPort === '' ? port : `${HostPort}:${port}`
}
