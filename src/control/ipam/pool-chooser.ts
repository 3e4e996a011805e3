/** Which subnets networks have, and which one the next network gets. */

import { createHash } from 'node:crypto'
import { ErrorCode, TapwireError } from '../errors.ts'
import {
  contains,
  formatSubnet,
  type IpFamily,
  lastAddress,
  parseCidr,
  parseIpAddress,
  type Subnet,
  subnetOf,
} from '../ip-address.ts'
import { IntervalSet } from './interval-set.ts'

/** Networks without a subnet of their own get blocks of `size`, a prefix length, out of `base`. */
export interface DefaultPool {
  readonly base: string
  readonly size: number
}

/** Docker's: 31 networks. The /14s are no single /11 because 172.16.0.0/16 is left out. */
export const DEFAULT_POOLS: readonly DefaultPool[] = [
  { base: '172.17.0.0/16', size: 16 },
  { base: '172.18.0.0/16', size: 16 },
  { base: '172.19.0.0/16', size: 16 },
  { base: '172.20.0.0/14', size: 16 },
  { base: '172.24.0.0/14', size: 16 },
  { base: '172.28.0.0/14', size: 16 },
  { base: '192.168.0.0/16', size: 20 },
]

const BITS: Readonly<Record<IpFamily, number>> = { 4: 32, 6: 128 }

export class PoolChooser {
  readonly #defaults: readonly { readonly base: Subnet; readonly size: number }[]
  readonly #claimed: Readonly<Record<IpFamily, IntervalSet>> = { 4: new IntervalSet(), 6: new IntervalSet() }

  /** `hostId`: what tells this machine from others; its IPv6 default pool follows from it. */
  constructor(hostId: string, pools: readonly DefaultPool[] = DEFAULT_POOLS) {
    const defaults = pools.map(readDefaultPool)
    const hasIpv6 = defaults.some(({ base }) => base.family === 6)
    this.#defaults = hasIpv6 ? defaults : [...defaults, { base: uniqueLocalPrefix(hostId), size: 64 }]
  }

  /** Throws POOL_OVERLAP. */
  claim(subnet: Subnet): void {
    const claimed = this.#claimed[subnet.family]
    const last = lastAddress(subnet).value
    if (claimed.overlap(subnet.value, last) !== undefined) {
      throw new TapwireError(
        ErrorCode.poolOverlap,
        'invalid pool request: Pool overlaps with other one on this address space',
        {
          hint: `Another network has addresses of ${formatSubnet(subnet)}: \`tapwire network inspect\` shows its subnets.`,
        },
      )
    }
    claimed.add(subnet.value, last)
  }

  /** Claims the first block of the default pools that is clear of claimed and reserved ones. Throws POOLS_EXHAUSTED. */
  claimDefault(family: IpFamily, reserved: readonly string[], prefixLength?: number): Subnet {
    const avoid = intervalsOf(family, reserved)
    for (const { base, size } of this.#defaults) {
      if (base.family !== family) continue
      const block = this.#firstFreeBlock(base, prefixLength ?? size, avoid)
      if (block === undefined) continue
      this.claim(block)
      return block
    }
    throw new TapwireError(
      ErrorCode.poolsExhausted,
      'all predefined address pools have been fully subnetted',
      {
        hint: 'Name a subnet with --subnet, remove networks that nobody uses (`tapwire network prune`), or give the daemon more default-address-pools.',
      },
    )
  }

  release(subnet: Subnet): void {
    this.#claimed[subnet.family].remove(subnet.value, lastAddress(subnet).value)
  }

  /** Steps from one obstacle's end to the next block, so that 65,536 blocks cost no more than the obstacles in between. */
  #firstFreeBlock(base: Subnet, prefixLength: number, avoid: IntervalSet): Subnet | undefined {
    if (prefixLength < base.prefixLength) return undefined
    const { family } = base
    let block = subnetOf(base, prefixLength)
    while (contains(base, block)) {
      const last = lastAddress(block).value
      const obstacle = this.#claimed[family].overlap(block.value, last) ?? avoid.overlap(block.value, last)
      if (obstacle === undefined) return block
      const behind = obstacle > last ? obstacle : last
      const next = subnetOf({ family, value: behind }, prefixLength)
      block = { family, value: lastAddress(next).value + 1n, prefixLength }
    }
    return undefined
  }
}

/** RFC 4193: fd00::/8 and 40 bits that no other site is likely to have; here of the hash of the host's id. */
function uniqueLocalPrefix(hostId: string): Subnet {
  const hash = createHash('sha256').update(hostId).digest()
  const globalId = hash.readBigUInt64BE(0) & 0xff_ffff_ffffn
  return { family: 6, value: ((0xfdn << 40n) | globalId) << 80n, prefixLength: 48 }
}

function readDefaultPool({ base, size }: DefaultPool): { base: Subnet; size: number } {
  const cidr = parseCidr(base)
  const subnet = cidr && subnetOf(cidr.address, cidr.prefixLength)
  if (cidr === undefined || subnet === undefined || subnet.value !== cidr.address.value) {
    const should = subnet === undefined ? 'a subnet as 10.0.0.0/8' : formatSubnet(subnet)
    throw invalidPool(`invalid default address pool ${base}: it should be ${should}`)
  }
  if (!Number.isInteger(size) || size < subnet.prefixLength || size > BITS[subnet.family]) {
    throw invalidPool(
      `invalid default address pool ${base}: size ${size} is not between ${subnet.prefixLength} and ${BITS[subnet.family]}`,
    )
  }
  return { base: subnet, size }
}

const invalidPool = (message: string): TapwireError =>
  new TapwireError(ErrorCode.networkConfigInvalid, message)

/** The addresses of prefixes, and of addresses, of one family; what is neither is passed over. */
function intervalsOf(family: IpFamily, prefixes: readonly string[]): IntervalSet {
  const set = new IntervalSet()
  for (const text of prefixes) {
    const cidr = parseCidr(text)
    const address = cidr?.address ?? parseIpAddress(text)
    if (address?.family !== family) continue
    const subnet = subnetOf(address, cidr?.prefixLength ?? BITS[family])
    set.add(subnet.value, lastAddress(subnet).value)
  }
  return set
}
