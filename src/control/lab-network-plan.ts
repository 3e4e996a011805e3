/** One network while its addresses are given out, and the choice of the subnets themselves. */
import { MTU_DEFAULT, SUBNET_PREFIX_MAX, SUBNET_PREFIX_MIN } from '../limits.ts'
import {
  contains,
  formatIpAddress,
  formatSubnet,
  type IpAddress,
  lastAddress,
  overlap,
  parseCidr,
  parseIpAddress,
  type Subnet,
  subnetOf,
} from './ip-address.ts'
import type { LabNetwork } from './lab.ts'
import type { NetworkDraft } from './lab-draft.ts'
import type { LabPath } from './lab-problem.ts'

/** Tells a problem of what stands at a path. */
export type Report = (path: LabPath, message: string, hint?: string | (() => string | undefined)) => void

/** Where default subnets come from: each the lowest /24 that is free. */
const DEFAULT_POOL = { first: parseIpAddress('10.1.0.0')!, last: parseIpAddress('10.255.255.255')! }
const DEFAULT_PREFIX_LENGTH = 24

/** Ranges in which no station of a network can live. */
const UNUSABLE: readonly { readonly subnet: Subnet; readonly what: string }[] = [
  { subnet: subnetFrom('0.0.0.0/8'), what: 'addresses of "this network" (RFC 1122, 3.2.1.3)' },
  { subnet: subnetFrom('127.0.0.0/8'), what: 'loopback addresses (RFC 1122, 3.2.1.3)' },
  { subnet: subnetFrom('224.0.0.0/4'), what: 'multicast addresses (RFC 5771)' },
  { subnet: subnetFrom('240.0.0.0/4'), what: 'reserved addresses (RFC 1112, 4)' },
]

export class NetworkPlan {
  readonly name: string
  readonly subnet: Subnet
  readonly gateway: IpAddress
  readonly mtu: number
  readonly transparent: boolean
  /** Who holds which MAC address, and where the lab file says so if it does. */
  readonly macs = new Map<string, { readonly sandbox: string; readonly path: LabPath | undefined }>()
  readonly #sandboxOf = new Map<bigint, string>()
  readonly #gatewayPath: LabPath
  #next: bigint
  #isFullReported = false

  constructor(draft: NetworkDraft, subnet: Subnet) {
    const { gateway, mtu, transparent } = draft.settings ?? {}
    this.name = draft.name
    this.subnet = subnet
    this.gateway = (gateway === undefined ? undefined : parseIpAddress(gateway)) ?? {
      family: subnet.family,
      value: subnet.value + 1n,
    }
    this.mtu = mtu ?? MTU_DEFAULT
    this.transparent = transparent ?? false
    this.#gatewayPath = [...draft.path, 'gateway']
    this.#next = subnet.value + 1n
  }

  checkGateway(report: Report): void {
    this.#isStation(this.gateway, 'gateway', this.#gatewayPath, report)
  }

  /** Gives a sandbox the address that the lab file wants for it. Fixed addresses come before all lowest free ones. */
  reserve(address: IpAddress, sandbox: string, path: LabPath, report: Report): void {
    if (!this.#isStation(address, 'address', path, report)) return
    const text = formatIpAddress(address)
    const holder = this.#sandboxOf.get(address.value)
    if (address.value === this.gateway.value) {
      report(path, `address ${text} is the gateway of network '${this.name}'`, LEAVE_OUT)
    } else if (holder !== undefined) {
      report(path, `address ${text} is taken by sandbox '${holder}'`, LEAVE_OUT)
    } else {
      this.#sandboxOf.set(address.value, sandbox)
    }
  }

  /** The lowest address that is free; undefined, told once, where none is left. */
  takeLowest(sandbox: string, path: LabPath, report: Report): IpAddress | undefined {
    const end = lastAddress(this.subnet).value
    while (this.#sandboxOf.has(this.#next) || this.#next === this.gateway.value) this.#next += 1n
    if (this.#next < end) {
      this.#sandboxOf.set(this.#next, sandbox)
      return { family: this.subnet.family, value: this.#next }
    }
    if (!this.#isFullReported) {
      const subnet = formatSubnet(this.subnet)
      report(
        path,
        `network '${this.name}' (${subnet}) has no address left for sandbox '${sandbox}'`,
        'give it a larger subnet',
      )
    }
    this.#isFullReported = true
    return undefined
  }

  toLabNetwork(): LabNetwork {
    return {
      name: this.name,
      subnet: formatSubnet(this.subnet),
      gateway: formatIpAddress(this.gateway),
      mtu: this.mtu,
      transparent: this.transparent,
    }
  }

  #isStation(address: IpAddress, what: string, path: LabPath, report: Report): boolean {
    const text = formatIpAddress(address)
    const subnet = formatSubnet(this.subnet)
    const last = lastAddress(this.subnet)
    const hint = () => {
      const [from, to] = [this.subnet.value + 1n, last.value - 1n].map((value) =>
        formatIpAddress({ family: this.subnet.family, value }),
      )
      return `take one from ${from} to ${to}`
    }
    if (!contains(this.subnet, address)) {
      report(path, `${what} ${text} is outside the subnet ${subnet} of network '${this.name}'`, hint)
    } else if (address.value === this.subnet.value) {
      report(path, `${what} ${text} is the network address of ${subnet}`, hint)
    } else if (address.value === last.value) {
      report(path, `${what} ${text} is the broadcast address of ${subnet}`, hint)
    } else {
      return true
    }
    return false
  }
}

const LEAVE_OUT = 'leave the address out to get the lowest free one'

/** Plans of the networks whose settings are sound, by name: first those with a subnet of their own, then the others. */
export function planNetworks(drafts: readonly NetworkDraft[], report: Report): Map<string, NetworkPlan> {
  const fixed = new Map<NetworkDraft, Subnet>()
  for (const draft of drafts) {
    const subnet = draft.settings?.subnet
    const usable = subnet === undefined ? undefined : usableSubnet(subnet, [...draft.path, 'subnet'], report)
    if (usable !== undefined) fixed.set(draft, usable)
  }
  const defaults = freeSubnets([...fixed.values()])

  const plans = new Map<string, NetworkPlan>()
  for (const draft of drafts) {
    if (draft.settings === undefined) continue
    let subnet = fixed.get(draft)
    if (subnet === undefined && draft.settings.subnet === undefined) {
      subnet = defaults.next().value
      if (subnet === undefined) {
        report(draft.path, `no default subnet is left for network '${draft.name}'`, 'give it a subnet')
      }
    }
    if (subnet === undefined) continue
    const plan = new NetworkPlan(draft, subnet)
    plan.checkGateway(report)
    plans.set(draft.name, plan)
  }
  return plans
}

function usableSubnet(text: string, path: LabPath, report: Report): Subnet | undefined {
  const cidr = parseCidr(text)
  if (cidr === undefined) return undefined
  const subnet = subnetOf(cidr.address, cidr.prefixLength)
  if (cidr.prefixLength > SUBNET_PREFIX_MAX) {
    report(path, `subnet ${text} is too small`, `its prefix length can be at most ${SUBNET_PREFIX_MAX}`)
  } else if (cidr.prefixLength < SUBNET_PREFIX_MIN) {
    report(path, `subnet ${text} is too large`, `its prefix length must be at least ${SUBNET_PREFIX_MIN}`)
  } else if (subnet.value !== cidr.address.value) {
    report(path, `subnet ${text} has host bits set`, `it should be ${formatSubnet(subnet)}`)
  } else {
    const unusable = UNUSABLE.find((range) => overlap(range.subnet, subnet))
    if (unusable === undefined) return subnet
    report(path, `subnet ${text} holds ${unusable.what}`, 'take one from 10.0.0.0/8')
  }
  return undefined
}

/**
 * The free default subnets, lowest first. Both the candidates and the subnets in the way go up, so one walk is enough:
 * prefixes nest or are apart, hence of two that start together the wider one comes first and hides the other.
 */
function* freeSubnets(taken: readonly Subnet[]): Generator<Subnet, undefined> {
  const inTheWay = [...taken].sort((a, b) => Number(a.value - b.value) || a.prefixLength - b.prefixLength)
  let index = 0
  let { value } = DEFAULT_POOL.first
  while (value <= DEFAULT_POOL.last.value) {
    const candidate = subnetOf({ family: 4, value }, DEFAULT_PREFIX_LENGTH)
    while (index < inTheWay.length && lastAddress(inTheWay[index]!).value < candidate.value) index += 1
    const obstacle = inTheWay[index]
    if (obstacle !== undefined && overlap(obstacle, candidate)) {
      const wider = obstacle.prefixLength < candidate.prefixLength ? obstacle : candidate
      value = lastAddress(wider).value + 1n
    } else {
      yield candidate
      value = lastAddress(candidate).value + 1n
    }
  }
  return undefined
}

function subnetFrom(text: string): Subnet {
  const { address, prefixLength } = parseCidr(text)!
  return subnetOf(address, prefixLength)
}
