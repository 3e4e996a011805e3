/**
 * From what a lab file says to the lab that it means: names looked up, subnets, addresses and MAC addresses given out.
 * The same file always makes the same lab.
 */
import { DOMAINS_MAX, PORTS_MAX } from '../limits.ts'
import { formatIpAddress, formatSubnet, type IpAddress, lastAddress, parseIpAddress } from './ip-address.ts'
import type { Lab, LabEndpoint, LabSandbox } from './lab.ts'
import type { EndpointDraft, LabDraft, SandboxDraft } from './lab-draft.ts'
import { type NetworkPlan, planNetworks, type Report } from './lab-network-plan.ts'
import { isMulticastMac, isZeroMac, macOfAddress, normalMac } from './mac-address.ts'
import { didYouMean } from './suggest.ts'

/** The lab, which is only to be used where nothing was reported. */
export function resolveLab(draft: LabDraft, name: string, report: Report): Lab {
  checkCounts(draft, report)
  const plans = planNetworks(draft.networks, report)
  for (const sandbox of draft.sandboxes) checkJoins(sandbox, draft, plans, report)
  // What is fixed is reserved first, wherever it stands in the file.
  for (const sandbox of draft.sandboxes) reserveFixed(sandbox, plans, report)
  return {
    name,
    networks: [...plans.values()].map((plan) => plan.toLabNetwork()),
    sandboxes: draft.sandboxes.map((sandbox) => resolveSandbox(sandbox, plans, report)),
  }
}

function checkCounts(draft: LabDraft, report: Report): void {
  if (draft.networks.length > DOMAINS_MAX) {
    const { path } = draft.networks[DOMAINS_MAX]!
    report(path, `the lab has ${draft.networks.length} networks, and one switch takes ${DOMAINS_MAX}`)
  }
  const endpoints = draft.sandboxes.flatMap((sandbox) => sandbox.endpoints)
  if (endpoints.length > PORTS_MAX) {
    const { path } = endpoints[PORTS_MAX]!
    report(path, `the lab has ${endpoints.length} endpoints, and one switch takes ${PORTS_MAX}`)
  }
}

/** A sandbox joins networks that exist, each once, and no two of which its kernel would mistake for one. */
function checkJoins(
  sandbox: SandboxDraft,
  draft: LabDraft,
  plans: ReadonlyMap<string, NetworkPlan>,
  report: Report,
): void {
  const known = new Set(draft.networks.map((network) => network.name))
  const joined = new Map<NetworkPlan, EndpointDraft>()
  const seen = new Set<string>()
  for (const endpoint of sandbox.endpoints) {
    const { network, path } = endpoint
    const plan = plans.get(network)
    if (!known.has(network)) {
      const hint = known.size === 0 ? undefined : () => didYouMean(network, [...known])
      report(path, `sandbox '${sandbox.name}' joins an unknown network '${network}'`, hint)
    } else if (seen.has(network)) {
      report(path, `sandbox '${sandbox.name}' joins network '${network}' twice`)
    } else if (plan !== undefined) {
      joined.set(plan, endpoint)
    }
    seen.add(network)
  }
  checkOverlaps(sandbox, joined, report)
}

/**
 * Networks may have the same addresses, since they are isolated from one another; but a sandbox on both would have
 * two routes to them. In the order of their first addresses, a subnet overlaps one before it only if it begins inside
 * the one that reaches farthest.
 */
function checkOverlaps(
  sandbox: SandboxDraft,
  joined: ReadonlyMap<NetworkPlan, EndpointDraft>,
  report: Report,
): void {
  const sorted = [...joined.keys()].sort(
    (a, b) => Number(a.subnet.value - b.subnet.value) || a.subnet.prefixLength - b.subnet.prefixLength,
  )
  let farthest: NetworkPlan | undefined
  for (const plan of sorted) {
    if (farthest === undefined || plan.subnet.value > lastAddress(farthest.subnet).value) {
      farthest = plan
      continue
    }
    const names = [farthest, plan].map((one) => `'${one.name}' (${formatSubnet(one.subnet)})`).join(' and ')
    report(
      joined.get(plan)!.path,
      `sandbox '${sandbox.name}' joins networks ${names}, whose subnets overlap`,
      'give one of them another subnet, or join only one',
    )
  }
}

function reserveFixed(sandbox: SandboxDraft, plans: ReadonlyMap<string, NetworkPlan>, report: Report): void {
  for (const endpoint of sandbox.endpoints) {
    const { address, mac } = endpoint.settings
    const plan = plans.get(endpoint.network)
    const parsed = address === undefined ? undefined : parseIpAddress(address)
    if (parsed !== undefined) {
      plan?.reserve(parsed, sandbox.name, [...endpoint.path, 'address'], report)
    }
    if (mac !== undefined) reserveMac(mac, sandbox, endpoint, plan, report)
  }
}

function reserveMac(
  text: string,
  sandbox: SandboxDraft,
  endpoint: EndpointDraft,
  plan: NetworkPlan | undefined,
  report: Report,
): void {
  const path = [...endpoint.path, 'mac']
  const mac = normalMac(text)
  if (mac === undefined) return
  const holder = plan?.macs.get(mac)
  if (isMulticastMac(mac)) {
    report(path, `MAC address ${mac} is a multicast address`, 'make its first byte even')
  } else if (isZeroMac(mac)) {
    report(path, `MAC address ${mac} belongs to no station`, 'leave it out to get one')
  } else if (holder !== undefined) {
    report(
      path,
      `MAC address ${mac} is taken by sandbox '${holder.sandbox}' on network '${endpoint.network}'`,
    )
  } else {
    plan?.macs.set(mac, { sandbox: sandbox.name, path })
  }
}

function resolveSandbox(
  sandbox: SandboxDraft,
  plans: ReadonlyMap<string, NetworkPlan>,
  report: Report,
): LabSandbox {
  const endpoints = sandbox.endpoints.flatMap((endpoint, index) => {
    const plan = plans.get(endpoint.network)
    return plan === undefined ? [] : (resolveEndpoint(endpoint, index, sandbox, plan, report) ?? [])
  })
  const { command } = sandbox
  return {
    name: sandbox.name,
    endpoints,
    ...(command === undefined
      ? undefined
      : { command: typeof command === 'string' ? ['/bin/sh', '-c', command] : command }),
    offload: sandbox.offload ?? true,
  }
}

function resolveEndpoint(
  endpoint: EndpointDraft,
  index: number,
  sandbox: SandboxDraft,
  plan: NetworkPlan,
  report: Report,
): LabEndpoint | undefined {
  const fixed = endpoint.settings.address
  const address =
    fixed === undefined ? plan.takeLowest(sandbox.name, endpoint.path, report) : parseIpAddress(fixed)
  if (address === undefined) return undefined
  const { mac } = endpoint.settings
  return {
    network: plan.name,
    interface: `eth${index}`,
    address: formatIpAddress(address),
    prefixLength: plan.subnet.prefixLength,
    mac: (mac === undefined ? undefined : normalMac(mac)) ?? defaultMac(address, sandbox, plan, report),
  }
}

/** Default MAC addresses are unique as the addresses are; only a fixed one can have been there before. */
function defaultMac(address: IpAddress, sandbox: SandboxDraft, plan: NetworkPlan, report: Report): string {
  const mac = macOfAddress(address)
  const holder = plan.macs.get(mac)
  if (holder?.path !== undefined) {
    const owner = `sandbox '${sandbox.name}' gets by default for ${formatIpAddress(address)}`
    report(holder.path, `MAC address ${mac} is what ${owner}`, 'choose another')
  }
  plan.macs.set(mac, holder ?? { sandbox: sandbox.name, path: undefined })
  return mac
}
