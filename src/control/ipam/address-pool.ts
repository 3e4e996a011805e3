/**
 * The addresses of one subnet: which are fixed (network, broadcast, gateway, auxiliary), which are leased to endpoints, and
 * which rest. Dynamic leases come out of the range; an address that is asked for may lie anywhere in the subnet.
 */

import { ErrorCode, TapwireError } from '../errors.ts'
import { formatIpAddress, lastAddress, type Subnet } from '../ip-address.ts'
import type { PoolUsage } from './address-space.ts'
import { IntervalSet } from './interval-set.ts'
import { type Rest, RestingSet } from './resting-set.ts'

export interface AddressPoolOptions {
  /** The next address behind the last one given, and round again at the end, where Docker takes the lowest that is free. */
  readonly serial: boolean
  readonly restMs: number
  /**
   * Where the search for a free address begins, as a share of the range: several machines that give out addresses of one range seldom want
   * the same one.
   */
  readonly begin?: number | undefined
}

export class AddressPool {
  readonly subnet: Subnet
  readonly #first: bigint
  readonly #last: bigint
  readonly #options: AddressPoolOptions
  /** Fixed, leased or resting. */
  readonly #taken = new IntervalSet()
  readonly #fixed = new Set<bigint>()
  readonly #resting = new RestingSet()
  /** Leased addresses whose rest the lease cut short, and that rest. */
  readonly #interrupted = new Map<bigint, Rest>()
  /** Where a serial search begins. */
  #next: bigint
  /** And any other one. */
  readonly #begin: bigint

  constructor(subnet: Subnet, range: Subnet, options: AddressPoolOptions) {
    this.subnet = subnet
    this.#first = range.value
    this.#last = lastAddress(range).value
    this.#options = options
    this.#begin = this.#first + shareOf(this.#last - this.#first, options.begin ?? 0)
    this.#next = this.#begin
    const last = lastAddress(subnet).value
    // RFC 3021: a /31 has neither network nor broadcast address. RFC 4291, 2.6.1: the first one is the routers' anycast address.
    if (subnet.family === 6 || last - subnet.value > 1n) this.fix(subnet.value)
    if (subnet.family === 4 && last - subnet.value > 1n) this.fix(last)
  }

  /** Takes an address for good. Throws ADDRESS_IN_USE. */
  fix(address: bigint): void {
    this.#claim(address)
    this.#fixed.add(address)
  }

  /** Takes a free address for good; undefined where none is left. */
  fixAny(): bigint | undefined {
    const address = this.#firstFree()
    if (address !== undefined) this.fix(address)
    return address
  }

  /** Takes an address for an endpoint, also one that rests. Throws ADDRESS_IN_USE. */
  lease(address: bigint): void {
    const rest = this.#resting.delete(address)
    if (rest === undefined) this.#claim(address)
    else this.#interrupted.set(address, rest)
  }

  /** Takes a free address of the range for an endpoint; undefined where none is left. */
  leaseAny(nowMs: number): bigint | undefined {
    this.#wake(nowMs)
    const address = this.#firstFree()
    if (address === undefined) return undefined
    this.#claim(address)
    this.#next = address + 1n
    return address
  }

  /** Takes the address of the range that rests of this owner; undefined where none does. */
  leaseAgain(owner: string, nowMs: number): bigint | undefined {
    this.#wake(nowMs)
    const address = this.#resting.addressOf(owner)
    if (address === undefined || address < this.#first || address > this.#last) return undefined
    this.lease(address)
    return address
  }

  /** Takes up a lease from before the daemon restarted; a serial search goes on behind it. */
  restoreLease(address: bigint): void {
    this.lease(address)
    if (address >= this.#next && address <= this.#last) this.#next = address + 1n
  }

  /** Ends a lease; what is none is left alone. */
  release(address: bigint, nowMs: number, owner?: string): void {
    if (!this.#isLeased(address)) return
    this.#interrupted.delete(address)
    if (this.#options.restMs === 0) this.#taken.remove(address)
    else this.#resting.add(address, { untilMs: nowMs + this.#options.restMs, owner })
  }

  /** Undoes a lease: the address is free, or rests on, as before it. */
  undoLease(address: bigint): void {
    if (!this.#isLeased(address)) return
    const rest = this.#interrupted.get(address)
    this.#interrupted.delete(address)
    if (rest === undefined) this.#taken.remove(address)
    else this.#resting.add(address, rest)
  }

  /** Lets a free address rest; no longer than a release now would, should the clock have been wrong before. */
  rest(address: bigint, { untilMs, owner }: Rest, nowMs: number): void {
    if (untilMs <= nowMs || this.#taken.has(address)) return
    this.#taken.add(address)
    this.#resting.add(address, { untilMs: Math.min(untilMs, nowMs + this.#options.restMs), owner })
  }

  /** Those that rest, until when, and whose they were. */
  resting(nowMs: number): Iterable<[address: bigint, rest: Rest]> {
    this.#wake(nowMs)
    return this.#resting.entries()
  }

  /** In IPv6 more than 2^53 addresses are rounded. */
  usage(nowMs: number): Omit<PoolUsage, 'subnet'> {
    this.#wake(nowMs)
    const free = this.#last - this.#first + 1n - this.#taken.count(this.#first, this.#last)
    return { inUse: Number(this.#taken.size) - this.#resting.size, available: Number(free) }
  }

  #firstFree(): bigint | undefined {
    const behind = this.#taken.firstFree(this.#options.serial ? this.#next : this.#begin)
    const address = behind <= this.#last ? behind : this.#taken.firstFree(this.#first)
    return address <= this.#last ? address : undefined
  }

  #claim(address: bigint): void {
    if (this.#taken.has(address)) {
      throw new TapwireError(ErrorCode.addressInUse, 'Address already in use', {
        hint: `${formatIpAddress({ family: this.subnet.family, value: address })} is taken. Choose another address, or none.`,
      })
    }
    this.#taken.add(address)
  }

  #isLeased(address: bigint): boolean {
    return this.#taken.has(address) && !this.#fixed.has(address) && !this.#resting.has(address)
  }

  #wake(nowMs: number): void {
    for (const address of this.#resting.takeRested(nowMs)) this.#taken.remove(address)
  }
}

/** To the 32nd bit of the share. */
const shareOf = (size: bigint, share: number): bigint => (size * BigInt(Math.floor(share * 2 ** 32))) >> 32n
