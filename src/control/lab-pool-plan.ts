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
  /** None above it is free. */
  #highest: bigint
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
    this.#highest = this.#lastUsable().value
  }

  /** Checks what the subnet's own settings say, and keeps the addresses that others have. */
  check(report: Report): void {
    const { path, aux } = this.#draft
    if (this.#gateway !== undefined) this.#isStation(this.#gateway, 'gateway', [...path, 'gateway'], report)
    this.#checkRange([...path, 'range'], report)
    for (const [name, text] of Object.entries(aux)) {
      const address = parseIpAddress(text)
      if (address !== undefined) this.reserve(address, `'${name}'`, [...path, 'aux', name], report)
    }
  }

  /** Gives the holder (`sandbox 'alice'`) the address that the lab file wants for it. Fixed addresses come before all others. */
  reserve(
    address: IpAddress,
    holder: string,
    path: LabPath,
    report: Report,
    otherwise: string = LEAVE_OUT,
  ): void {
    if (!this.#isStation(address, 'address', path, report)) return
    const text = formatIpAddress(address)
    const other = this.#holders.get(address.value)
    if (address.value === this.#gateway?.value) {
      report(path, `address ${text} is the gateway of network '${this.#network}'`, otherwise)
    } else if (other !== undefined) {
      report(path, `address ${text} is taken by ${other}`, otherwise)
    } else {
      this.#holders.set(address.value, holder)
    }
  }

  /** The lowest address that is free; undefined, told once, where none is left. */
  takeLowest(holder: string, path: LabPath, report: Report): IpAddress | undefined {
    const last = lastAddress(this.#range).value
    const beyond = last === this.#lastUsable().value + 1n ? last : last + 1n
    while (this.#holders.has(this.#next) || this.#next === this.#gateway?.value) this.#next += 1n
    if (this.#next < beyond) {
      this.#holders.set(this.#next, holder)
      return { family: this.subnet.family, value: this.#next }
    }
    this.#reportFull(this.#range, holder, path, report)
    return undefined
  }

  /** The highest one that is free: what others get stays the same, however many there are. Undefined, told once, where none is left. */
  takeHighest(holder: string, path: LabPath, report: Report): IpAddress | undefined {
    let value = this.#highest
    while (value > this.subnet.value && (this.#holders.has(value) || value === this.#gateway?.value))
      value -= 1n
    this.#highest = value
    if (value === this.subnet.value) {
      this.#reportFull(this.subnet, holder, path, report)
      return undefined
    }
    this.#holders.set(value, holder)
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

  #reportFull(range: Subnet, holder: string, path: LabPath, report: Report): void {
    if (!this.#isFullReported) {
      report(
        path,
        `network '${this.#network}' (${formatSubnet(range)}) has no address left for ${holder}`,
        'give it a larger subnet',
      )
    }
    this.#isFullReported = true
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
