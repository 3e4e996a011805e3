/**
 * From what a lab file says to the lab that it means: names looked up, subnets, addresses and MAC addresses given out.
 * The same file always makes the same lab.
 */
import { DOMAINS_MAX, NAME_MAX, PORTS_MAX } from '../limits.ts'
import type { Impairment } from './api/link.ts'
import { formatSubnet, lastAddress } from './ip-address.ts'
import type { Lab } from './lab.ts'
import { planCluster, resolveCluster } from './lab-cluster.ts'
import type { HostDraft, LabDraft, LinkDraft, NetworkDraft, SandboxDraft, ScopeDraft } from './lab-draft.ts'
import { reserveFixed, resolveEndpoint } from './lab-endpoint.ts'
import { cableEnds, resolveLink } from './lab-link.ts'
import { compareBigint, LINK_POOL, NETWORK_POOL, type NetworkPlan, planNetworks } from './lab-network-plan.ts'
import type { Report } from './lab-pool-plan.ts'
import type { LabPath } from './lab-problem.ts'
import { resolveSandbox } from './lab-sandbox.ts'
import { reserveServices } from './lab-service.ts'
import { planServices, resolvePlan } from './lab-service-plan.ts'
import { LINK_LABEL } from './labs/labels.ts'
import { BRIDGE_OPTION } from './rules/bridge-options.ts'
import { DEFAULT_BRIDGE, isPredefinedNetwork } from './rules/names.ts'
import { didYouMean } from './suggest.ts'

type Scope = Pick<ScopeDraft, 'networks' | 'sandboxes'>

/** The lab, which is only to be used where nothing was reported. `folder` is the lab file's. */
export function resolveLab(draft: LabDraft, name: string, folder: string, report: Report): Lab {
  const links = draft.links.length === 0 ? NO_LINKS : draftLinks(draft, report)
  const cluster = planCluster(draft, links.networks, (link) => hostsOn(link, links), name, report)
  const linkNetworks = links.networks.map((one) => (one.name === cluster?.link.name ? cluster.link : one))
  const shared = cluster?.networks ?? []
  const registry = cluster?.sandbox === undefined ? [] : [cluster.sandbox]
  const plans = planNetworks(
    [
      { networks: draft.networks, pool: NETWORK_POOL },
      { networks: linkNetworks, pool: LINK_POOL },
      { networks: shared, pool: NETWORK_POOL },
      ...draft.hosts.map(({ networks }) => ({ networks, pool: NETWORK_POOL })),
    ],
    report,
  )
  checkHosts(draft, report)
  const outer = {
    networks: [...draft.networks, ...linkNetworks],
    sandboxes: [...draft.sandboxes, ...links.hosts, ...registry],
  }
  const services = planServices(draft, outer, shared, report)
  const scopes = [
    outer,
    ...draft.hosts.map(({ networks, sandboxes }) => ({ networks: [...networks, ...shared], sandboxes })),
  ]
  for (const scope of scopes) checkScope(scope, plans, report)
  if (cluster !== undefined) checkOverlaps([cluster.link, ...shared], plans, report)
  // What is fixed is reserved first, wherever it stands in the file: networks of the cluster are those of several hosts.
  for (const scope of scopes) reserveScope(scope, plans, report)
  reserveServices(services.all, plans, report)
  const [resolvedOuter, ...resolvedHosts] = scopes.map((scope) => resolveScope(scope, plans, folder, report))
  const served = resolvePlan(services, plans, report)
  const { sandboxes } = resolvedOuter!
  const linked = new Map(sandboxes.slice(draft.sandboxes.length).map((host) => [host.name, host.endpoints]))
  const advertised = (host: string) =>
    cluster && linked.get(host)?.find(({ network }) => network === cluster.link.name)?.address
  return {
    name,
    networks: labNetworks(draft.networks, plans),
    sandboxes: sandboxes.slice(0, draft.sandboxes.length),
    ...served.own,
    hosts: draft.hosts.map((host, index) => ({
      name: host.name,
      endpoints: linked.get(host.name) ?? [],
      networks: labNetworks(host.networks, plans),
      sandboxes: resolvedHosts[index]!.sandboxes,
      ...served.hosts[index],
      ...resolveUplink(host, report),
      ...withAdvertise(advertised(host.name)),
    })),
    links: labNetworks(linkNetworks, plans).map((network) => {
      const cable = links.cables.get(network.name)
      return cable === undefined ? network : { ...network, link: cable }
    }),
    ...(cluster && {
      cluster: resolveCluster(
        cluster,
        { networks: labNetworks(shared, plans), ...served.cluster },
        linked.get(cluster.sandbox?.name ?? '') ?? [],
      ),
    }),
  }
}

function withAdvertise(advertise: string | undefined) {
  return advertise === undefined ? undefined : { advertise }
}

function hostsOn(link: string, { hosts }: Links): ReadonlySet<string> {
  const there = hosts.filter(({ endpoints }) => endpoints.some(({ network }) => network === link))
  return new Set(there.map(({ name }) => name))
}

function resolveUplink({ uplink, uplinkLink, path }: HostDraft, report: Report) {
  if (uplink === undefined) return undefined
  const link = resolveLink(uplinkLink, [...path, 'uplink', 'link'], report)
  return { uplink, ...(link === undefined ? undefined : { uplinkLink: link }) }
}

function labNetworks(drafts: readonly NetworkDraft[], plans: ReadonlyMap<NetworkDraft, NetworkPlan>) {
  return drafts.flatMap((draft) => plans.get(draft)?.toLabNetwork() ?? [])
}

interface Links {
  readonly networks: readonly NetworkDraft[]
  readonly hosts: readonly SandboxDraft[]
  /** What they do to frames, by the names of their networks. */
  readonly cables: ReadonlyMap<string, Impairment>
}

const NO_LINKS: Links = { networks: [], hosts: [], cables: new Map() }

/** Each link becomes a network of the outer daemon, `left-right`, which its hosts join in the order of the links. */
function draftLinks(draft: LabDraft, report: Report): Links {
  const hosts = new Map(draft.hosts.map((host) => [host.name, host]))
  const used = new Set(draft.networks.map((network) => network.name))
  for (const { name, path } of draft.links) {
    if (name === undefined) continue
    if (used.has(name)) report([...path, 'name'], `link '${name}' has the name of another network`)
    used.add(name)
  }
  const endpoints = new Map<string, SandboxDraft['endpoints'][number][]>()
  const networks: NetworkDraft[] = []
  const cables = new Map<string, Impairment>()
  for (const link of draft.links) {
    if (!checkLink(link, hosts, report)) continue
    const name = link.name ?? freeName(link.between.join('-'), used)
    const { subnet, mtu } = link
    networks.push({
      name,
      path: link.path,
      settings: {
        ...(subnet === undefined ? undefined : { subnet }),
        ...(mtu === undefined ? undefined : { mtu }),
        labels: { [LINK_LABEL]: link.between.join(',') },
        // A cable does not look at addresses: a host may have stations behind it, or be a router.
        options: { [BRIDGE_OPTION.spoofGuard]: 'false' },
      },
    })
    const cable = resolveLink(link.link, [...link.path, 'link'], report)
    checkDirections(link, report)
    if (cable !== undefined) cables.set(name, cable)
    const ends = cableEnds(cable)
    for (const [index, host] of link.between.entries()) {
      const joined = endpoints.get(host) ?? []
      joined.push({
        network: name,
        path: [...link.path, 'between', index],
        settings: {},
        link: ends[Math.min(index, 1)],
      })
      endpoints.set(host, joined)
    }
  }
  return {
    networks,
    cables,
    hosts: [...endpoints].map(([name, joined]) => ({
      name,
      path: hosts.get(name)!.path,
      endpoints: joined,
      isPlaced: true,
      settings: {},
    })),
  }
}

function checkLink(link: LinkDraft, hosts: ReadonlyMap<string, HostDraft>, report: Report): boolean {
  if (link.between.length < 2) return false
  for (const [index, host] of link.between.entries()) {
    if (hosts.has(host)) continue
    const hint = hosts.size === 0 ? undefined : () => didYouMean(host, [...hosts.keys()])
    report([...link.path, 'between', index], `there is no host '${host}'`, hint)
    return false
  }
  const twice = link.between.findIndex((host, index) => link.between.indexOf(host) !== index)
  if (twice !== -1) {
    report([...link.path, 'between', twice], `host '${link.between[twice]}' is linked to itself`)
    return false
  }
  if (link.name !== undefined || link.between.join('-').length <= NAME_MAX) return true
  report(link.path, 'the names of its hosts are too long for one of the link', 'give it a name')
  return false
}

/** Of more than two ends none is the other one. */
function checkDirections({ between, link, path }: LinkDraft, report: Report): void {
  if (between.length === 2) return
  for (const direction of ['from', 'to'] as const) {
    if (link?.[direction] === undefined) continue
    const why = `a link between ${between.length} hosts is the same for all of them`
    report([...path, 'link', direction], why, 'leave the direction out')
  }
}

/** Whether a link between these hosts gets this name where the lab file gives it none. */
export function isDefaultLinkName(name: string, between: readonly string[]): boolean {
  const base = between.join('-')
  return (
    name === base || (name.startsWith(`${base}-`) && /^[2-9]\d*$|^1\d+$/.test(name.slice(base.length + 1)))
  )
}

/** `name`, or `name-2` and so on where it is taken; takes it. */
function freeName(name: string, used: Set<string>): string {
  let free = name
  for (let number = 2; used.has(free); number++) free = `${name}-${number}`
  used.add(free)
  return free
}

/** A host is a sandbox of the outer daemon, beside others. */
function checkHosts(draft: LabDraft, report: Report): void {
  const sandboxes = new Set(draft.sandboxes.map((sandbox) => sandbox.name))
  for (const host of draft.hosts) {
    if (sandboxes.has(host.name)) report(host.path, `host '${host.name}' has the name of a sandbox`)
  }
}

function checkScope(scope: Scope, plans: ReadonlyMap<NetworkDraft, NetworkPlan>, report: Report): void {
  checkCounts(scope, report)
  checkOverlaps(scope.networks, plans, report)
  for (const { name, path } of scope.networks) {
    if (isPredefinedNetwork(name)) report(path, `network '${name}' is there already, and no one's to make`)
  }
  const known = new Set(scope.networks.map((network) => network.name))
  const sandboxes = new Set(scope.sandboxes.map((sandbox) => sandbox.name))
  for (const sandbox of scope.sandboxes) {
    checkJoins(sandbox, known, report)
    checkShared(sandbox, sandboxes, report)
  }
}

function checkCounts(scope: Scope, report: Report): void {
  if (scope.networks.length > DOMAINS_MAX) {
    const { path } = scope.networks[DOMAINS_MAX]!
    report(path, `the lab has ${scope.networks.length} networks, and one switch takes ${DOMAINS_MAX}`)
  }
  const endpoints = scope.sandboxes.flatMap((sandbox) => sandbox.endpoints)
  if (endpoints.length > PORTS_MAX) {
    const { path } = endpoints[PORTS_MAX]!
    report(path, `the lab has ${endpoints.length} endpoints, and one switch takes ${PORTS_MAX}`)
  }
}

/**
 * One daemon has one address space. In the order of their first addresses, a subnet overlaps one before it only if it
 * begins inside the one that reaches farthest.
 */
function checkOverlaps(
  drafts: readonly NetworkDraft[],
  plans: ReadonlyMap<NetworkDraft, NetworkPlan>,
  report: Report,
): void {
  for (const family of [4, 6] as const) {
    const sorted = drafts
      .flatMap((draft) =>
        (plans.get(draft)?.pools ?? [])
          .filter((pool) => pool.subnet.family === family)
          .map(({ subnet }) => ({ draft, subnet })),
      )
      .toSorted(
        (a, b) =>
          compareBigint(a.subnet.value, b.subnet.value) || a.subnet.prefixLength - b.subnet.prefixLength,
      )
    let [farthest] = sorted
    for (const one of sorted.slice(1)) {
      if (farthest === undefined || one.subnet.value > lastAddress(farthest.subnet).value) {
        farthest = one
        continue
      }
      // The one that stands later in the file is the one to change.
      const [first, second] =
        drafts.indexOf(farthest.draft) < drafts.indexOf(one.draft) ? [farthest, one] : [one, farthest]
      report(
        second.draft.path,
        `subnet ${formatSubnet(second.subnet)} of network '${second.draft.name}' overlaps ${formatSubnet(first.subnet)} of network '${first.draft.name}'`,
        'give one of them another subnet',
      )
    }
  }
}

/** A sandbox joins networks that exist, each once. */
function checkJoins(sandbox: SandboxDraft, known: ReadonlySet<string>, report: Report): void {
  const seen = new Set<string>()
  for (const { network, path } of sandbox.endpoints) {
    if (!known.has(network) && network !== DEFAULT_BRIDGE) {
      const hint = known.size === 0 ? undefined : () => didYouMean(network, [...known])
      report(path, `sandbox '${sandbox.name}' joins an unknown network '${network}'`, hint)
    } else if (seen.has(network)) {
      report(path, `sandbox '${sandbox.name}' joins network '${network}' twice`)
    }
    seen.add(network)
  }
}

function checkShared(sandbox: SandboxDraft, known: ReadonlySet<string>, report: Report): void {
  const path: LabPath = [...sandbox.path, 'network_mode']
  const shared = /^container:(.+)$/.exec(sandbox.settings.network_mode ?? '')?.[1]
  if (shared === undefined) return
  if (shared === sandbox.name) report(path, `sandbox '${shared}' cannot share its own network`)
  else if (!known.has(shared)) {
    report(path, `there is no sandbox '${shared}'`, () => didYouMean(shared, [...known]))
  }
}

function plansByName({ networks }: Scope, plans: ReadonlyMap<NetworkDraft, NetworkPlan>) {
  const byName = new Map<string, NetworkPlan>()
  for (const draft of networks) {
    const plan = plans.get(draft)
    if (plan !== undefined) byName.set(draft.name, plan)
  }
  return byName
}

function reserveScope(scope: Scope, plans: ReadonlyMap<NetworkDraft, NetworkPlan>, report: Report): void {
  const byName = plansByName(scope, plans)
  for (const sandbox of scope.sandboxes) reserveFixed(sandbox, byName, report)
}

function resolveScope(
  scope: Scope,
  plans: ReadonlyMap<NetworkDraft, NetworkPlan>,
  folder: string,
  report: Report,
) {
  const byName = plansByName(scope, plans)
  const known = new Set(scope.networks.map((network) => network.name))
  return {
    sandboxes: scope.sandboxes.map((sandbox) => {
      const endpoints = sandbox.endpoints.flatMap((endpoint, index) => {
        const plan = byName.get(endpoint.network)
        if (plan === undefined && known.has(endpoint.network)) return []
        return resolveEndpoint(endpoint, index, sandbox, plan, report) ?? []
      })
      return resolveSandbox(sandbox, endpoints, folder, report)
    }),
  }
}
