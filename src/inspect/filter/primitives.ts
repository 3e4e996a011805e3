/**
 * What the words of a filter ask of a frame, as libpcap has it for Ethernet: reads at fixed places, one VLAN tag only where `vlan` says
 * so, ports only in packets that are no later fragment, and in IPv6 only where nothing stands between header and ports.
 *
 * A `Layout` says where things stand; each `vlan` moves all that comes after it in the text by one tag.
 */

import { allOf, anyOf, atLeast, type Condition, equal, NO_HEADER, not } from './condition.ts'
import type { FilterProtocol } from './words.ts'

export type FilterDirection = 'src' | 'dst' | 'src or dst' | 'src and dst'

/** Where the frame's EtherType and payload stand. */
export interface Layout {
  readonly etherType: number
  readonly payload: number
}

export const UNTAGGED: Layout = { etherType: 12, payload: 14 }
export const TAG_SIZE = 4

const ETHER_TARGET = 0
const ETHER_SOURCE = 6
const IPV4_FRAGMENT = 6
const IPV4_PROTOCOL = 9
const IPV4_SOURCE = 12
const IPV4_TARGET = 16
const FRAGMENT_OFFSET = 0x1fff
const IPV6_NEXT_HEADER = 6
const IPV6_SOURCE = 8
const IPV6_TARGET = 24
export const IPV6_HEADER_SIZE = 40
const IPV6_FRAGMENT = 44
const ARP_SOURCE = 14
const ARP_TARGET = 24
const SOURCE_PORT = 0
const TARGET_PORT = 2

export const IPV4 = 0x0800
export const IPV6 = 0x86dd
const ARP = 0x0806
const RARP = 0x8035
const TAG_TYPES = [0x8100, 0x88a8, 0x9100] as const
const VLAN_ID = 0x0fff

/** Protocols with ports, in the order in which they are looked for. */
const WITH_PORTS = [6, 17, 132] as const

/** Values of the EtherType field up to here are an IEEE 802.3 length. */
const LENGTH_MAX = 1500

/** `ether proto N`: the EtherType, or of small numbers the LLC service access point. */
export function etherProtocol({ etherType, payload }: Layout, number: number): Condition {
  if (number > LENGTH_MAX) return equal(etherType, 2, number)
  return allOf(not(atLeast(etherType, 2, LENGTH_MAX + 1)), equal(payload, 1, number))
}

const isIpv4 = (layout: Layout): Condition => equal(layout.etherType, 2, IPV4)
const isIpv6 = (layout: Layout): Condition => equal(layout.etherType, 2, IPV6)

export const ipv4Protocol = (layout: Layout, number: number): Condition =>
  allOf(isIpv4(layout), equal(layout.payload + IPV4_PROTOCOL, 1, number))

/** Also behind a fragment header, the one that libpcap looks behind. */
export const ipv6Protocol = (layout: Layout, number: number): Condition =>
  allOf(
    isIpv6(layout),
    anyOf(
      equal(layout.payload + IPV6_NEXT_HEADER, 1, number),
      allOf(
        equal(layout.payload + IPV6_NEXT_HEADER, 1, IPV6_FRAGMENT),
        equal(layout.payload + IPV6_HEADER_SIZE, 1, number),
      ),
    ),
  )

/** `ip`, `arp`, `tcp`: the word alone. */
export function protocolCondition(layout: Layout, { over, number }: FilterProtocol): Condition {
  switch (over) {
    case 'link':
    case 'ethernet':
      return etherProtocol(layout, number)
    case 'ipv4':
      return ipv4Protocol(layout, number)
    case 'ipv6':
      return ipv6Protocol(layout, number)
    case 'ip':
      return anyOf(ipv4Protocol(layout, number), ipv6Protocol(layout, number))
  }
}

export const noLaterFragment = ({ payload }: Layout): Condition =>
  equal(payload + IPV4_FRAGMENT, 2, 0, FRAGMENT_OFFSET)

/** Both sides, one of them, or either. */
function directed(
  direction: FilterDirection | undefined,
  source: () => Condition,
  target: () => Condition,
): Condition {
  switch (direction) {
    case 'src':
      return source()
    case 'dst':
      return target()
    case 'src and dst':
      return allOf(source(), target())
    case 'src or dst':
    case undefined:
      return anyOf(source(), target())
  }
}

/** An address or a net in IPv4, ARP or RARP (`protocol`, an EtherType), or in all of them. */
export function ipv4Host(
  layout: Layout,
  address: number,
  mask: number,
  direction: FilterDirection | undefined,
  protocol?: number,
): Condition {
  if (protocol === undefined) {
    return anyOf(
      ipv4Host(layout, address, mask, direction, IPV4),
      ipv4Host(layout, address, mask, direction, ARP),
      ipv4Host(layout, address, mask, direction, RARP),
    )
  }
  const [source, target] = protocol === IPV4 ? [IPV4_SOURCE, IPV4_TARGET] : [ARP_SOURCE, ARP_TARGET]
  const at = (offset: number) => (): Condition =>
    allOf(equal(layout.etherType, 2, protocol), equal(layout.payload + offset, 4, address & mask, mask))
  return directed(direction, at(source), at(target))
}

/** `address` has 16 bytes, of which the first `prefix` bits count. */
export function ipv6Host(
  layout: Layout,
  address: Uint8Array,
  prefix: number,
  direction: FilterDirection | undefined,
): Condition {
  const view = new DataView(address.buffer, address.byteOffset, address.length)
  const at = (offset: number) => (): Condition =>
    allOf(
      isIpv6(layout),
      ...[0, 4, 8, 12].map((word) => {
        const mask = prefixMask(prefix - 8 * word)
        return equal(layout.payload + offset + word, 4, view.getInt32(word) & mask, mask)
      }),
    )
  return directed(direction, at(IPV6_SOURCE), at(IPV6_TARGET))
}

/** The mask of 32 bits whose first `prefix` bits are set. */
export const prefixMask = (prefix: number): number =>
  prefix <= 0 ? 0 : prefix >= 32 ? -1 : (-1 << (32 - prefix)) | 0

/** Of a frame: the last four bytes are compared first, as they differ first. */
export function etherHost(high: number, low: number, direction: FilterDirection | undefined): Condition {
  const at = (offset: number) => (): Condition => allOf(equal(offset + 2, 4, low), equal(offset, 2, high))
  return directed(direction, at(ETHER_SOURCE), at(ETHER_TARGET))
}

export const etherBroadcast = (): Condition => etherHost(0xffff, -1, 'dst')
export const etherMulticast = (): Condition => not(equal(ETHER_TARGET, 1, 0, 1))
export const ipv4Multicast = (layout: Layout): Condition =>
  allOf(isIpv4(layout), atLeast(layout.payload + IPV4_TARGET, 1, 224))
export const ipv6Multicast = (layout: Layout): Condition =>
  allOf(isIpv6(layout), equal(layout.payload + IPV6_TARGET, 1, 255))

/** A port from `first` to `last`, of the protocol or of all that have ports; never in a later fragment, where no ports are. */
export function ports(
  layout: Layout,
  first: number,
  last: number,
  direction: FilterDirection | undefined,
  protocol?: number,
): Condition {
  const { payload } = layout
  const [one, ...others] = protocol === undefined ? WITH_PORTS : ([protocol] as const)
  const transport = payload + IPV6_HEADER_SIZE
  const ipv6Carries = (number: number): Condition => equal(payload + IPV6_NEXT_HEADER, 1, number)
  return anyOf(
    allOf(
      isIpv4(layout),
      anyOf(firstFragmentOf(layout, one), ...others.map((number) => firstFragmentOf(layout, number))),
      directedPorts(payload, payload, first, last, direction),
    ),
    allOf(
      isIpv6(layout),
      anyOf(ipv6Carries(one), ...others.map(ipv6Carries)),
      directedPorts(transport, NO_HEADER, first, last, direction),
    ),
  )
}

/**
 * The IPv4 packet carries the protocol, and is no later fragment: four bytes of the header, read at once.
 *
 *     | flags, fragment offset 2 | time to live 1 | protocol 1 |
 */
const firstFragmentOf = ({ payload }: Layout, number: number): Condition =>
  equal(payload + IPV4_FRAGMENT, 4, number, (FRAGMENT_OFFSET << 16) | 0xff)

function directedPorts(
  address: number,
  header: number,
  first: number,
  last: number,
  direction: FilterDirection | undefined,
): Condition {
  const either = direction === undefined || direction === 'src or dst'
  if (either && first === last) return { kind: 'either', address, header, value: first }
  const at = (offset: number) => (): Condition => portBetween(address + offset, header, first, last)
  return directed(direction, at(SOURCE_PORT), at(TARGET_PORT))
}

function portBetween(address: number, header: number, first: number, last: number): Condition {
  const test = (relation: 'equal' | 'atLeast', value: number): Condition => ({
    kind: 'test',
    address,
    header,
    size: 2,
    mask: -1,
    relation,
    value,
  })
  if (first === last) return test('equal', first)
  return allOf(test('atLeast', first), not(test('atLeast', last + 1)))
}

/** A tag; of the VLAN, where one is given. What follows it in the text is asked of what stands behind the tag. */
export function vlan(layout: Layout, id: number | undefined): Condition {
  const [one, ...others] = TAG_TYPES.map((type) => equal(layout.etherType, 2, type)) as [
    Condition,
    ...Condition[],
  ]
  const tagged = anyOf(one, ...others)
  return id === undefined ? tagged : allOf(tagged, equal(layout.payload, 2, id, VLAN_ID))
}
