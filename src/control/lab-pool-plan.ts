/** One subnet of a network while its addresses are given out. */
import {
  contains,
  formatIpAddress,
  formatSubnet,
  type IpAddress,
  type IpFamily,
  lastAddress,
  parseCidr,
  parseIpAddress,
  type Subnet,
  subnetOf,
} from './ip-address.ts'
import type { LabSubnet } from './lab.ts'
import type { LabPath } from './lab-problem.ts'

/** Tells a problem of what stands at a path. */
export type Report = (path: LabPath, message: string, hint?: string | (() => string | undefined)) => void

/** What a lab file says of a subnet; `path` is where its settings stand. */
export interface SubnetDraft {
  readonly family: IpFamily
  readonly subnet: string | undefined
  readonly range: string | undefined
  readonly gateway: string | undefined
  readonly aux: Readonly<Record<string, string>>
  readonly path: LabPath
}

const LEAVE_OUT = 'leave the address out to get the lowest free one'

export class PoolPlan {
  readonly subnet: Subnet
  readonly #network: string
  readonly #draft: SubnetDraft
  readonly #gateway: IpAddress | undefined
  readonly #range: Subnet
  readonly #holders = new Map<bigint, string>()
  #next: bigint
  #isFullReported = false

  /** `wantsGateway`: one is kept free, although the lab file names none. */
  constructor(network: string, draft: SubnetDraft, subnet: Subnet, wantsGateway: boolean) {
    const given = draft.gateway === undefined ? undefined : parseIpAddress(draft.gateway)
    const range = draft.range === undefined ? undefined : parseCidr(draft.range)
    this.subnet = subnet
    this.#network = network
    this.#draft = draft
    this.#gateway = given ?? (wantsGateway ? { family: subnet.family, value: subnet.value + 1n } : undefined)
    this.#range = range === undefined ? subnet : subnetOf(range.address, range.prefixLength)
    this.#next = this.#range.value > subnet.value ? this.#range.value : subnet.value + 1n
  }

  /** Checks what the subnet's own settings say, and keeps the addresses that others have. */
  check(report: Report): void {
    const { path, aux } = this.#draft
    if (this.#gateway !== undefined) this.#isStation(this.#gateway, 'gateway', [...path, 'gateway'], report)
    this.#checkRange([...path, 'range'], report)
    for (const [name, text] of Object.entries(aux)) {
      const address = parseIpAddress(text)
      if (address !== undefined) this.#take(address, `'${name}'`, [...path, 'aux', name], report)
    }
  }

  /** Gives a sandbox the address that the lab file wants for it. Fixed addresses come before all lowest free ones. */
  reserve(address: IpAddress, sandbox: string, path: LabPath, report: Report): void {
    this.#take(address, `sandbox '${sandbox}'`, path, report)
  }

  /** The lowest address that is free; undefined, told once, where none is left. */
  takeLowest(sandbox: string, path: LabPath, report: Report): IpAddress | undefined {
    const last = lastAddress(this.#range).value
    const beyond = last === this.#lastUsable().value + 1n ? last : last + 1n
    while (this.#holders.has(this.#next) || this.#next === this.#gateway?.value) this.#next += 1n
    if (this.#next < beyond) {
      this.#holders.set(this.#next, `sandbox '${sandbox}'`)
      return { family: this.subnet.family, value: this.#next }
    }
    if (!this.#isFullReported) {
      report(
        path,
        `network '${this.#network}' (${formatSubnet(this.#range)}) has no address left for sandbox '${sandbox}'`,
        'give it a larger subnet',
      )
    }
    this.#isFullReported = true
    return undefined
  }

  /** The highest one that is free: what others get stays the same, however many there are. Undefined where none is left. */
  takeHighest(sandbox: string): IpAddress | undefined {
    let { value } = this.#lastUsable()
    while (value > this.subnet.value && (this.#holders.has(value) || value === this.#gateway?.value))
      value -= 1n
    if (value === this.subnet.value) return undefined
    this.#holders.set(value, `sandbox '${sandbox}'`)
    return { family: this.subnet.family, value }
  }

  toLabSubnet(): LabSubnet {
    const { range, aux } = this.#draft
    return {
      subnet: formatSubnet(this.subnet),
      ...(range === undefined ? undefined : { range: formatSubnet(this.#range) }),
      ...(this.#gateway === undefined ? undefined : { gateway: formatIpAddress(this.#gateway) }),
      aux: Object.fromEntries(Object.entries(aux).map(([name, text]) => [name, normalAddress(text)])),
    }
  }

  #take(address: IpAddress, holder: string, path: LabPath, report: Report): void {
    if (!this.#isStation(address, 'address', path, report)) return
    const text = formatIpAddress(address)
    const other = this.#holders.get(address.value)
    if (address.value === this.#gateway?.value) {
      report(path, `address ${text} is the gateway of network '${this.#network}'`, LEAVE_OUT)
    } else if (other !== undefined) {
      report(path, `address ${text} is taken by ${other}`, LEAVE_OUT)
    } else {
      this.#holders.set(address.value, holder)
    }
  }

  #checkRange(path: LabPath, report: Report): void {
    const cidr = this.#draft.range === undefined ? undefined : parseCidr(this.#draft.range)
    if (cidr === undefined) return
    const subnet = formatSubnet(this.subnet)
    if (!contains(this.subnet, cidr.address) || cidr.prefixLength < this.subnet.prefixLength) {
      report(
        path,
        `range ${this.#draft.range} is not inside the subnet ${subnet} of network '${this.#network}'`,
      )
    } else if (cidr.address.value !== this.#range.value) {
      report(
        path,
        `range ${this.#draft.range} has host bits set`,
        `it should be ${formatSubnet(this.#range)}`,
      )
    }
  }

  /** IPv4 has a broadcast address; in IPv6 the last address is one as any other (RFC 4291, 2.6.1 takes the first). */
  #lastUsable(): IpAddress {
    const last = lastAddress(this.subnet)
    return this.subnet.family === 4 ? { family: 4, value: last.value - 1n } : last
  }

  #isStation(address: IpAddress, what: string, path: LabPath, report: Report): boolean {
    const text = formatIpAddress(address)
    const subnet = formatSubnet(this.subnet)
    const first = { family: this.subnet.family, value: this.subnet.value + 1n }
    const last = this.#lastUsable()
    const hint = () => `take one from ${formatIpAddress(first)} to ${formatIpAddress(last)}`
    if (!contains(this.subnet, address)) {
      report(path, `${what} ${text} is outside the subnet ${subnet} of network '${this.#network}'`, hint)
    } else if (address.value < first.value) {
      report(path, `${what} ${text} is the network address of ${subnet}`, hint)
    } else if (address.value > last.value) {
      report(path, `${what} ${text} is the broadcast address of ${subnet}`, hint)
    } else {
      return true
    }
    return false
  }
}

/** As we write it: lower case, the longest run of zeros left out. */
export function normalAddress(text: string): string {
  const address = parseIpAddress(text)
  return address === undefined ? text : formatIpAddress(address)
}
