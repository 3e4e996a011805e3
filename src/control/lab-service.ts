/**
 * Services of a lab file: on whose network each is, with which address, and what does not go together.
 *
 *     services ──► placed: on a network of the lab's own daemon, of a host's, or of the cluster
 *              ──► fixed addresses, with those of sandboxes
 *              ──► the highest free addresses, when sandboxes have the lowest: those that come later keep clear of them
 */

import { SERVICES_MAX } from '../limits.ts'
import { formatIpAddress, parseIpAddress } from './ip-address.ts'
import type { LabNetwork, LabService } from './lab.ts'
import { OVERLAY } from './lab-cluster.ts'
import type { NetworkDraft, SandboxDraft, ServiceDraft } from './lab-draft.ts'
import type { NetworkPlan } from './lab-network-plan.ts'
import type { Report } from './lab-pool-plan.ts'
import { type PlacedPort, servicePorts } from './lab-service-ports.ts'
import { DEFAULT_BRIDGE } from './rules/names.ts'
import { isBackend } from './rules/service-members.ts'
import { canHaveServices } from './rules/service-networks.ts'
import { didYouMean } from './suggest.ts'

/** Networks that services can be on, and the sandboxes that can be on those: of one daemon, or of all hosts of the cluster. */
export interface ServiceGround {
  readonly networks: readonly NetworkDraft[]
  readonly sandboxes: readonly SandboxDraft[]
  readonly isShared: boolean
}

export interface PlacedService {
  readonly draft: ServiceDraft
  readonly ground: ServiceGround
  /** Undefined where it is the default bridge, which no lab makes. */
  readonly network: NetworkDraft | undefined
}

export interface ResolvedService extends PlacedService {
  readonly service: LabService
  readonly ports: readonly PlacedPort[]
}

type Plans = ReadonlyMap<NetworkDraft, NetworkPlan>

/** Those whose network is known. `beyond` are networks that are the cluster's, where that is not among the grounds. */
export function placeServices(
  drafts: readonly ServiceDraft[],
  grounds: readonly ServiceGround[],
  beyond: readonly NetworkDraft[],
  report: Report,
): readonly PlacedService[] {
  if (drafts.length > SERVICES_MAX) {
    const { path } = drafts[SERVICES_MAX]!
    report(path, `there are ${drafts.length} services, and one switch takes ${SERVICES_MAX}`)
  }
  return drafts.flatMap((draft) => {
    checkBackends(draft, report)
    if (draft.unfit.has('network')) return []
    const { network: name } = draft.settings
    return name === undefined
      ? onlyPlace(draft, grounds, report)
      : namedPlace(draft, name, grounds, beyond, report)
  })
}

/** With fixed addresses of sandboxes, before any others are given out. */
export function reserveServices(placed: readonly PlacedService[], plans: Plans, report: Report): void {
  for (const { draft, network } of placed) {
    const { name, path, settings } = draft
    const address = parseIpAddress(settings.address ?? '')
    if (address === undefined) continue
    const at = [...path, 'address']
    if (settings.endpoint_mode === 'dnsrr') {
      report(at, `service '${name}' has the endpoint_mode dnsrr, and so no address`)
      continue
    }
    const plan = network && plans.get(network)
    if (plan === undefined) continue
    const pool = plan.poolOf(address)
    if (pool === undefined) report(at, `network '${plan.name}' has no IPv4`)
    else pool.reserve(address, `service '${name}'`, at, report, 'leave it out to get the highest free one')
  }
}

/** When all sandboxes have their addresses. In the order of the drafts. */
export function resolveServices(
  placed: readonly PlacedService[],
  plans: Plans,
  report: Report,
): readonly ResolvedService[] {
  const addresses = new Map<PlacedService, string | undefined>()
  // Whatever their order in the file: a file that is saved has them by name.
  for (const one of placed.toSorted((a, b) => (a.draft.name < b.draft.name ? -1 : 1))) {
    addresses.set(one, addressOf(one, plans, report))
  }
  return placed.map((one) => {
    const { name, settings } = one.draft
    const address = addresses.get(one)
    checkNetwork(one, plans, report)
    checkEndpoints(one, plans, report)
    const ports = servicePorts(one.draft, report)
    const service = {
      name,
      network: one.network?.name ?? DEFAULT_BRIDGE,
      endpointMode: settings.endpoint_mode ?? 'vip',
      ...(address === undefined ? undefined : { address }),
      replicasOf: labelsOf(settings),
      endpoints: [...new Set(settings.endpoints)],
      ports: ports.map(({ port }) => port),
      labels: settings.labels ?? {},
    }
    return { ...one, service, ports }
  })
}

function labelsOf({ replicas_of: labels = [] }: ServiceDraft['settings']): string[] {
  return typeof labels === 'string' ? [labels] : [...new Set(labels)]
}

/** Undefined without a virtual address, and on the default bridge, where the daemon chooses one. */
function addressOf({ draft, network }: PlacedService, plans: Plans, report: Report): string | undefined {
  const { name, path, settings } = draft
  if (settings.endpoint_mode === 'dnsrr') return undefined
  const fixed = parseIpAddress(settings.address ?? '')
  if (fixed !== undefined) return formatIpAddress(fixed)
  const pool = network && plans.get(network)?.firstPool(4)
  const taken = pool?.takeHighest(`service '${name}'`, path, report)
  return taken && formatIpAddress(taken)
}

function checkBackends({ name, path, settings, unfit }: ServiceDraft, report: Report): void {
  if (unfit.has('replicas_of') || unfit.has('endpoints')) return
  if (labelsOf(settings).length + (settings.endpoints ?? []).length > 0) return
  report(path, `service '${name}' has no sandboxes that serve`, 'say whose with replicas_of or endpoints')
}

function namedPlace(
  draft: ServiceDraft,
  name: string,
  grounds: readonly ServiceGround[],
  beyond: readonly NetworkDraft[],
  report: Report,
): readonly PlacedService[] {
  const path = [...draft.path, 'network']
  const found = grounds.flatMap((ground): PlacedService[] => {
    const network = ground.networks.find((one) => one.name === name)
    return network === undefined ? [] : [{ draft, ground, network }]
  })
  if (found.length === 1) return found
  if (found.length > 1) {
    report(path, `network '${name}' is one of the lab and one of its cluster`, 'give one another name')
  } else if (name === DEFAULT_BRIDGE) {
    return [{ draft, ground: grounds[0]!, network: undefined }]
  } else if (beyond.some((one) => one.name === name)) {
    report(path, `network '${name}' is on all hosts`, 'say the service once, in the services of the lab')
  } else {
    const known = grounds.flatMap(({ networks }) => networks.map((network) => network.name))
    const hint = known.length === 0 ? undefined : () => didYouMean(name, known)
    report(path, `service '${draft.name}' is on an unknown network '${name}'`, hint)
  }
  return []
}

/** On the network that its backends are on, where that is one. */
function onlyPlace(
  draft: ServiceDraft,
  grounds: readonly ServiceGround[],
  report: Report,
): readonly PlacedService[] {
  const { settings, unfit } = draft
  const service = { replicasOf: labelsOf(settings), endpoints: settings.endpoints ?? [] }
  const places = grounds.flatMap((ground): readonly PlacedService[] => {
    const served = new Set(
      ground.sandboxes.flatMap((sandbox) =>
        isBackend(service, { name: sandbox.name, sandbox: '', labels: sandbox.settings.labels ?? {} })
          ? networksOf(sandbox)
          : [],
      ),
    )
    const networks = ground.networks.filter(({ name }) => served.has(name))
    const onBridge = !ground.isShared && served.has(DEFAULT_BRIDGE)
    return [...networks, ...(onBridge ? [undefined] : [])].map((network) => ({ draft, ground, network }))
  })
  if (places.length === 1) return places
  if (service.replicasOf.length + service.endpoints.length === 0 || unfit.size > 0) return []
  const names = places.map(({ network }) => network?.name ?? DEFAULT_BRIDGE)
  report(
    draft.path,
    'network is missing',
    names.length === 0
      ? 'no sandbox serves of which it would follow'
      : `sandboxes that serve are on ${names.join(', ')}`,
  )
  return []
}

function networksOf({ endpoints, settings }: SandboxDraft): readonly string[] {
  return settings.network_mode === 'bridge' ? [DEFAULT_BRIDGE] : endpoints.map(({ network }) => network)
}

/** As the daemon refuses it. */
function checkNetwork({ draft, network }: PlacedService, plans: Plans, report: Report): void {
  const planned = network && plans.get(network)?.toLabNetwork()
  if (planned === undefined || canHaveServices({ ...planned, gateway: gatewayOf(planned) })) return
  report(
    'network' in draft.settings ? [...draft.path, 'network'] : draft.path,
    `network '${planned.name}' cannot have services: it has no IPv4 gateway of Tapwire's`,
    'networks of the drivers bridge, vxlan and overlay have one, unless they are isolated',
  )
}

function gatewayOf({ subnets }: LabNetwork): string | undefined {
  return subnets.find(({ subnet }) => !subnet.includes(':'))?.gateway
}

/** On a network that is the cluster's of this daemon, and not the lab's, sandboxes of other hosts can serve. */
function checkEndpoints({ draft, ground, network }: PlacedService, plans: Plans, report: Report): void {
  const { path, settings } = draft
  const isBeyond = !ground.isShared && network !== undefined && plans.get(network)?.driver === OVERLAY
  if (isBeyond) return
  const known = ground.sandboxes.map(({ name }) => name)
  for (const [index, name] of (settings.endpoints ?? []).entries()) {
    if (known.includes(name)) continue
    const hint = known.length === 0 ? undefined : () => didYouMean(name, known)
    report([...path, 'endpoints', index], `there is no sandbox '${name}'`, hint)
  }
}

/** Names that two services of one daemon have: of a host's own, and of the cluster's. */
export function checkServiceNames(
  own: readonly ServiceDraft[],
  shared: readonly PlacedService[],
  report: Report,
): void {
  const names = new Set(shared.map(({ draft }) => draft.name))
  for (const { name, path } of own) {
    if (names.has(name)) report(path, `service '${name}' has the name of a service of the cluster`)
  }
}
