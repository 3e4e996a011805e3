/**
 * The lab file of what is there. What the state does not say (the address of a sandbox that does not run and that nobody
 * fixed) is given out as for any lab file, so that the file says it, and the lab that comes up from it is saved as the same file.
 */

import { isDeepStrictEqual } from 'node:util'
import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, stringify } from 'yaml'
import { MTU_MAX, MTU_MIN } from '../../limits.ts'
import type { Impairment } from '../api/link.ts'
import type { NetworkInspect } from '../api/network.ts'
import type { EndpointInspect, SandboxInspect } from '../api/sandbox.ts'
import type { Lab, LabNetwork } from '../lab.ts'
import { OVERLAY } from '../lab-cluster.ts'
import { parseLab } from '../lab-file.ts'
import { cableOf, linkFileOf } from '../lab-link.ts'
import { LabFileError, type LabProblem } from '../lab-problem.ts'
import { isDefaultLinkName } from '../lab-resolve.ts'
import { LAB_PARTS } from '../lab-schema.ts'
import { DNS_OPTION } from '../rules/dns-options.ts'
import { isPredefinedNetwork } from '../rules/names.ts'
import { presentCluster } from './cluster.ts'
import { HOST_LABEL, LINK_LABEL, REGISTRY_LABEL, UPLINK_LABEL, userLabels } from './labels.ts'
import type { Present } from './present.ts'
import { servicesFile, sharedServices } from './saved-services.ts'
import { MTU_OPTION, TRANSPARENT_OPTION } from './wanted.ts'

export interface Saved {
  readonly lab: Lab
  /** A sentence for each network, sandbox or host that a lab file cannot say, and for what goes with it. */
  readonly leftOut: readonly string[]
}

/** What a host's own daemon has. */
export interface SavedHost {
  readonly lab?: Lab | undefined
  readonly uplinkLink?: Impairment | undefined
}

/** `hosts` are what the hosts' own daemons save, by the names of the sandboxes that they are. */
export function savedLab(name: string, present: Present, hosts: ReadonlyMap<string, SavedHost>): Saved {
  const made = present.networks.filter((network) => !isPredefinedNetwork(network.Name) && !network.ConfigOnly)
  const links = made.filter((network) => LINK_LABEL in network.Labels)
  const services = servicesFile(present)
  const file = {
    name,
    networks: byName(
      made.filter((network) => !links.includes(network)),
      networkFile,
    ),
    sandboxes: byName(
      present.sandboxes.filter(
        ({ Config }) => !(HOST_LABEL in Config.Labels || REGISTRY_LABEL in Config.Labels),
      ),
      (sandbox) => sandboxFile(sandbox, present),
    ),
    services: services.file,
    hosts: byName(
      present.sandboxes.filter(({ Config }) => HOST_LABEL in Config.Labels),
      ({ Config }) => (UPLINK_LABEL in Config.Labels ? { uplink: Config.Labels[UPLINK_LABEL] } : null),
    ),
    links: links.length === 0 ? undefined : byOrder(links).map((link) => linkFile(link, present)),
    cluster: presentCluster(links),
  }
  const { lab, leftOut } = parsed(name, stringify(file))
  const insides = [...hosts.values()].flatMap(({ lab: inner }) => inner ?? [])
  const networks = firstOfEach(insides.flatMap((inner) => inner.networks.filter(isOverlay)))
  const shared = sharedServices(insides, networks, lab)
  return {
    lab: {
      ...lab,
      ...(lab.cluster && { cluster: { ...lab.cluster, networks, services: shared.services } }),
      hosts: lab.hosts.map((host) => {
        const { lab: inner, uplinkLink } = hosts.get(host.name) ?? {}
        return {
          ...host,
          ...(inner && insideOf(inner, lab.cluster === undefined ? [] : networks)),
          ...(host.uplink !== undefined && uplinkLink !== undefined && { uplinkLink }),
        }
      }),
    },
    leftOut: [
      ...services.leftOut,
      ...leftOut,
      ...(lab.cluster === undefined ? [] : shared.leftOut),
      ...links.filter((link) => !cable(link, present).isWhole).map(cableLeftOut),
    ],
  }
}

/** What a host has without that which all hosts have. */
function insideOf({ networks, sandboxes, services = [] }: Lab, shared: readonly LabNetwork[]) {
  const names = new Set(shared.map(({ name }) => name))
  return {
    networks: networks.filter(({ name }) => !names.has(name)),
    sandboxes,
    services: services.filter(({ network }) => !names.has(network)),
  }
}

const isOverlay = ({ driver }: LabNetwork): boolean => driver === OVERLAY

/** Every host of a cluster says the same of its networks. */
function firstOfEach(networks: readonly LabNetwork[]): LabNetwork[] {
  return [...new Map(networks.toReversed().map((network) => [network.name, network])).values()]
}

/** The lab that the file says, without the parts that a lab file cannot say: each round takes out those that are found. */
function parsed(name: string, text: string): Saved {
  const leftOut: string[] = []
  for (let rest = text; ; ) {
    if (!hasContent(rest))
      return { lab: { name, networks: [], sandboxes: [], hosts: [], links: [] }, leftOut }
    try {
      return { lab: parseLab(rest, 'saved.yaml', '/'), leftOut }
    } catch (error) {
      if (!(error instanceof LabFileError)) throw error
      const shorter = withoutProblems(rest, error.problems)
      if (shorter.leftOut.length === 0) throw error
      leftOut.push(...shorter.leftOut)
      rest = shorter.text
    }
  }
}

/** Whether a lab file has any networks, sandboxes, services or hosts. */
export function hasContent(text: string): boolean {
  const file: unknown = parseDocument(text).toJS()
  return LAB_PARTS.some((part) => Object.keys(Object(Object(file)[part])).length > 0)
}

const SINGULAR: Readonly<Record<string, string>> = {
  networks: 'Network',
  sandboxes: 'Sandbox',
  services: 'Service',
  hosts: 'Host',
  links: 'Link',
}

/** Takes what the problems are of out of the file, and out of its sandboxes the networks that are gone with that. */
function withoutProblems(text: string, problems: readonly LabProblem[]): { text: string; leftOut: string[] } {
  const lines = new LineCounter()
  const file = parseDocument(text, { lineCounter: lines })
  const leftOut: string[] = []
  const lost = new Set<unknown>()
  for (const part of ['networks', 'links', 'hosts', 'sandboxes', 'services']) {
    for (const { key, name, range } of partsOf(file.get(part))) {
      const [from, to] = range.map((at) => lines.linePos(at).line)
      const problem = problems.find(({ line }) => line === from || (line > from! && line < to!))
      if (problem === undefined) continue
      file.deleteIn([part, key])
      if (part === 'networks') lost.add(name)
      leftOut.push(`${SINGULAR[part]} ${name} is left out: ${sentenceOf(problem)}`)
    }
    if (partsOf(file.get(part)).length === 0) file.delete(part)
  }
  for (const { key, name } of lost.size === 0 ? [] : partsOf(file.get('sandboxes'))) {
    const joined = file.getIn(['sandboxes', key, 'networks'])
    if (!isMap(joined)) continue
    for (const network of lost) {
      if (joined.delete(network)) leftOut.push(`Sandbox ${name} is left off network ${String(network)}.`)
    }
  }
  return { text: file.toString(), leftOut }
}

/** The entries of a map or list, the last one first, so that the places of those before it stay. */
function partsOf(part: unknown): { key: unknown; name: string; range: [from: number, to: number] }[] {
  if (isSeq<Node>(part)) {
    return part.items
      .map((item, key) => ({ key, name: String(key + 1), range: spanOf(item, item) }))
      .toReversed()
  }
  if (!isMap<Node, Node | null>(part)) return []
  return part.items.map(({ key, value }) => {
    const name = isScalar(key) ? key.value : key
    return { key: name, name: String(name), range: spanOf(key, value ?? key) }
  })
}

/** From the first byte of what stands for one entry to the one after its last line. */
function spanOf(first: Node, last: Node): [from: number, to: number] {
  return [first.range![0], last.range![2]]
}

/** `unknown network 'x'; did you mean 'y'?` */
function sentenceOf({ message, hint }: LabProblem): string {
  const text = hint === undefined ? message : `${message}; ${hint}`
  return /[.?!]$/.test(text) ? text : `${text}.`
}

const LEFT_OUT = '# WARNING: '

/** Comment lines for the top of a file. */
export function leftOutText(leftOut: readonly string[]): string {
  return leftOut.map((what) => `${LEFT_OUT}${what.replaceAll(/\s+/g, ' ')}\n`).join('')
}

/** What stands in those lines. */
export function leftOutOf(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith(LEFT_OUT))
    .map((line) => line.slice(LEFT_OUT.length))
}

function byName<T extends { readonly Name: string }>(items: readonly T[], file: (item: T) => unknown) {
  if (items.length === 0) return undefined
  return Object.fromEntries(byOrder(items).map((item) => [item.Name, file(item)]))
}

function byOrder<T extends { readonly Name: string }>(items: readonly T[]): T[] {
  return items.toSorted((a, b) => (a.Name < b.Name ? -1 : 1))
}

function networkFile({ Driver, EnableIPv4, IPAM, Internal, Options, Labels }: NetworkInspect) {
  const {
    [MTU_OPTION]: mtuText,
    [TRANSPARENT_OPTION]: transparent,
    [DNS_OPTION.place]: dns,
    [DNS_OPTION.ttl]: dnsTtl,
    ...options
  } = Options
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
    dns,
    // The daemon has looked at it, as it has at the one before.
    dns_ttl: dnsTtl === undefined ? undefined : Number(dnsTtl),
    options: { ...options, ...(fits || mtuText === undefined ? undefined : { [MTU_OPTION]: mtuText }) },
    labels: userLabels(Labels),
  }
}

function linkFile(network: NetworkInspect, present: Present) {
  const { Labels, IPAM, Options } = network
  const mtu = Options[MTU_OPTION]
  return {
    between: Labels[LINK_LABEL]?.split(','),
    name: linkName(network),
    subnet: IPAM.Config?.[0]?.Subnet,
    mtu: mtu === undefined ? undefined : Number(mtu),
    link: linkFileOf(cable(network, present).cable),
  }
}

/** Undefined where it follows from its hosts. */
function linkName({ Name, Labels }: NetworkInspect): string | undefined {
  return isDefaultLinkName(Name, (Labels[LINK_LABEL] ?? '').split(',')) ? undefined : Name
}

/** What the ends of a link do to frames is what the link does; of those behind the second all are as that one. */
function cable({ Name, Labels }: NetworkInspect, { sandboxes }: Present) {
  const [first, second, ...others] = (Labels[LINK_LABEL] ?? '').split(',').map((host) => {
    const end = sandboxes.find(({ Config }) => Config.Labels[HOST_LABEL] === host)
    return end?.NetworkSettings.Networks[Name]?.Impairment
  })
  const { cable: whole, isWhole } = cableOf(first, second)
  return { cable: whole, isWhole: isWhole && others.every((other) => isDeepStrictEqual(other, second)) }
}

function cableLeftOut({ Name }: NetworkInspect): string {
  return `Link ${Name} is saved in part: both of its ends impair one way, and of that only what the sender's does can be said.`
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
        isPredefinedNetwork(network) ? predefinedFile(endpoint) : endpointFile(endpoint, sandbox),
      ]),
    ),
  }
}

/** All else is the daemon's to say there. */
function predefinedFile({ Impairment: link }: EndpointInspect) {
  return link === undefined ? null : { link: linkFileOf(link) }
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
    link: linkFileOf(endpoint.Impairment),
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
