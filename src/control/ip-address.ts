/**
 * IP addresses and subnets as the control path sees them: a family and a number of the family's width. BigInt is
 * slow and right for any width, so that IPv6 needs a row in FAMILIES and no second copy of what is below it.
 */

import { formatIpv6, parseIpv6 } from '../wire/address.ts'

export type IpFamily = 4 | 6

export interface IpAddress {
  readonly family: IpFamily
  readonly value: bigint
}

/** `value` is the network address: all host bits are 0. */
export interface Subnet extends IpAddress {
  readonly prefixLength: number
}

interface FamilyRules {
  readonly bits: number
  parse(text: string): bigint | undefined
  format(value: bigint): string
}

const FAMILIES: Readonly<Record<IpFamily, FamilyRules>> = {
  4: { bits: 32, parse: parseDottedQuad, format: formatDottedQuad },
  6: { bits: 128, parse: parseIpv6Groups, format: formatIpv6Groups },
}

/** Undefined if `text` is no address. */
export function parseIpAddress(text: string): IpAddress | undefined {
  const family = text.includes(':') ? 6 : 4
  const value = FAMILIES[family].parse(text)
  return value === undefined ? undefined : { family, value }
}

export function formatIpAddress(address: IpAddress): string {
  return FAMILIES[address.family].format(address.value)
}

/** An address as it is always written (RFC 5952); a text that is none as it is. */
export function normalAddress(text: string): string {
  const address = parseIpAddress(text)
  return address === undefined ? text : formatIpAddress(address)
}

/** An address with a prefix length, `10.1.0.5/24`, host bits and all; undefined if `text` is nothing of the kind. */
export function parseCidr(text: string): { address: IpAddress; prefixLength: number } | undefined {
  const [, addressText = '', prefixText = ''] = /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(text) ?? []
  const address = parseIpAddress(addressText)
  const prefixLength = Number(prefixText)
  if (address === undefined || prefixLength > FAMILIES[address.family].bits) return undefined
  return { address, prefixLength }
}

export function formatSubnet(subnet: Subnet): string {
  return `${formatIpAddress(subnet)}/${subnet.prefixLength}`
}

/** The subnet that an address lies in. */
export function subnetOf(address: IpAddress, prefixLength: number): Subnet {
  const hostBits = BigInt(FAMILIES[address.family].bits - prefixLength)
  return { family: address.family, value: (address.value >> hostBits) << hostBits, prefixLength }
}

/** The last address of a subnet; in IPv4 the broadcast address. */
export function lastAddress(subnet: Subnet): IpAddress {
  const hostBits = BigInt(FAMILIES[subnet.family].bits - subnet.prefixLength)
  return { family: subnet.family, value: subnet.value | ((1n << hostBits) - 1n) }
}

export function contains(subnet: Subnet, address: IpAddress): boolean {
  return (
    subnet.family === address.family &&
    subnet.value <= address.value &&
    address.value <= lastAddress(subnet).value
  )
}

/** Two subnets overlap exactly when one holds the other's first address: prefixes never cross half-way. */
export function overlap(a: Subnet, b: Subnet): boolean {
  return contains(a, b) || contains(b, a)
}

/** The address's bytes in network order. */
export function addressBytes(address: IpAddress): number[] {
  const bytes: number[] = []
  for (let shift = FAMILIES[address.family].bits - 8; shift >= 0; shift -= 8) {
    bytes.push(Number((address.value >> BigInt(shift)) & 0xffn))
  }
  return bytes
}

/** Four decimal numbers without leading zeros: `010.0.0.1` means 8.0.0.1 to some programs and 10.0.0.1 to others. */
function parseDottedQuad(text: string): bigint | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)
  if (match === null) return undefined
  let value = 0n
  for (const part of match.slice(1)) {
    if ((part.length > 1 && part.startsWith('0')) || Number(part) > 255) return undefined
    value = (value << 8n) | BigInt(part)
  }
  return value
}

function formatDottedQuad(value: bigint): string {
  return addressBytes({ family: 4, value }).join('.')
}

function parseIpv6Groups(text: string): bigint | undefined {
  const bytes = parseIpv6(text)
  return bytes && Array.from(bytes).reduce((value, byte) => (value << 8n) | BigInt(byte), 0n)
}

function formatIpv6Groups(value: bigint): string {
  return formatIpv6(Uint8Array.from(addressBytes({ family: 6, value })))
}
