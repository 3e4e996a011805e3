/** The addresses of a lab's endpoints: the fixed ones first, then the lowest free ones. */
import { formatIpAddress, type IpAddress, type IpFamily, parseIpAddress } from './ip-address.ts'
import type { LabEndpoint } from './lab.ts'
import type { EndpointDraft, SandboxDraft } from './lab-draft.ts'
import { resolveLink } from './lab-link.ts'
import type { NetworkPlan } from './lab-network-plan.ts'
import type { Report } from './lab-pool-plan.ts'
import { isMulticastMac, isZeroMac, macOfAddress, normalMac } from './mac-address.ts'

const KEYS: Readonly<Record<IpFamily, 'address' | 'ipv6'>> = { 4: 'address', 6: 'ipv6' }

export function reserveFixed(
  sandbox: SandboxDraft,
  plans: ReadonlyMap<string, NetworkPlan>,
  report: Report,
): void {
  for (const endpoint of sandbox.endpoints) {
    const plan = plans.get(endpoint.network)
    for (const family of [4, 6] as const) reserveAddress(family, sandbox, endpoint, plan, report)
    if (endpoint.settings.mac !== undefined) {
      reserveMac(endpoint.settings.mac, sandbox, endpoint, plan, report)
    }
  }
}

function reserveAddress(
  family: IpFamily,
  sandbox: SandboxDraft,
  endpoint: EndpointDraft,
  plan: NetworkPlan | undefined,
  report: Report,
): void {
  const key = KEYS[family]
  const text = endpoint.settings[key]
  const address = text === undefined ? undefined : parseIpAddress(text)
  if (address === undefined || plan === undefined) return
  const path = [...endpoint.path, key]
  const pool = plan.poolOf(address)
  if (pool === undefined) report(path, `network '${plan.name}' has no IPv${family}`)
  else pool.reserve(address, `sandbox '${sandbox.name}'`, path, report)
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

/** Undefined where no address is left. Without a plan it is an endpoint on a network that the lab does not make. */
export function resolveEndpoint(
  endpoint: EndpointDraft,
  index: number,
  sandbox: SandboxDraft,
  plan: NetworkPlan | undefined,
  report: Report,
): LabEndpoint | undefined {
  const { settings } = endpoint
  const link = endpoint.link ?? resolveLink(settings.link, [...endpoint.path, 'link'], report)
  const common = {
    network: endpoint.network,
    interface: `eth${index}`,
    aliases: settings.aliases ?? [],
    gwPriority: settings.gw_priority ?? 0,
    options: { ...settings.options, ...(sandbox.settings.offload === false ? NO_OFFLOAD : undefined) },
    ...(link === undefined ? undefined : { link }),
  }
  const fixedMac = settings.mac === undefined ? undefined : normalMac(settings.mac)
  if (plan === undefined) return { ...common, ...(fixedMac === undefined ? undefined : { mac: fixedMac }) }

  const ipv4 = addressOn(4, endpoint, sandbox, plan, report)
  const ipv6 = addressOn(6, endpoint, sandbox, plan, report)
  if (ipv4 === 'none' || ipv6 === 'none') return undefined
  const first = ipv4?.address ?? ipv6?.address
  const mac =
    fixedMac ??
    (plan.hasRandomMacs || first === undefined ? undefined : defaultMac(first, sandbox, plan, report))
  return {
    ...common,
    ...(ipv4 === undefined
      ? undefined
      : { address: formatIpAddress(ipv4.address), prefixLength: ipv4.prefixLength }),
    ...(ipv6 === undefined
      ? undefined
      : { ipv6: formatIpAddress(ipv6.address), ipv6PrefixLength: ipv6.prefixLength }),
    ...(mac === undefined ? undefined : { mac }),
  }
}

/** As `tapwire.offload=false` on each endpoint. */
const NO_OFFLOAD = { 'tapwire.offload': 'false' }

/** The endpoint's address of a family; undefined where the network has none, `none` where none is left. */
function addressOn(
  family: IpFamily,
  endpoint: EndpointDraft,
  sandbox: SandboxDraft,
  plan: NetworkPlan,
  report: Report,
): { readonly address: IpAddress; readonly prefixLength: number } | 'none' | undefined {
  const fixed = endpoint.settings[KEYS[family]]
  const parsed = fixed === undefined ? undefined : parseIpAddress(fixed)
  const pool = parsed === undefined ? plan.firstPool(family) : plan.poolOf(parsed)
  if (pool === undefined) return undefined
  const holder = `sandbox '${sandbox.name}'`
  const take = endpoint.isLast === true ? 'takeHighest' : 'takeLowest'
  const address = parsed ?? pool[take](holder, endpoint.path, report)
  return address === undefined ? 'none' : { address, prefixLength: pool.subnet.prefixLength }
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
