/**
 * Ethernet II header (IEEE 802.3, 3.1.1, without preamble and FCS).
 *
 *     | target 6 | source 6 | EtherType 2 | payload, or VLAN tag: see vlan.ts
 *
 * Accessors are only valid after `check` returned true for the same bytes. An address is two integers, so that
 * the hot path compares and hashes it without a string or a BigInt: high = bytes 0-1 as uint16, low = bytes 2-5 as
 * int32.
 */

import { macAt, putMac } from './address.ts'

const TARGET = 0
const SOURCE = 6
const TYPE = 12
export const HEADER_SIZE = 14

export const TYPE_IPV4 = 0x0800
export const TYPE_ARP = 0x0806
export const TYPE_VLAN = 0x8100
/** Service tag of IEEE 802.1ad. */
export const TYPE_SERVICE_VLAN = 0x88a8
export const TYPE_IPV6 = 0x86dd

/** Smaller values of the type field are an IEEE 802.3 length. */
export const TYPE_MIN = 0x0600

export interface Ethernet {
  readonly target: string
  readonly source: string
  readonly etherType: number
}

/** Promises that the 14 bytes of the header lie before `end`. Judges no content. */
export const check = (_view: DataView, offset: number, end: number): boolean => end - offset >= HEADER_SIZE

export const targetHigh = (view: DataView, offset: number): number => view.getUint16(offset + TARGET)
export const targetLow = (view: DataView, offset: number): number => view.getInt32(offset + TARGET + 2)
export const sourceHigh = (view: DataView, offset: number): number => view.getUint16(offset + SOURCE)
export const sourceLow = (view: DataView, offset: number): number => view.getInt32(offset + SOURCE + 2)
export const etherType = (view: DataView, offset: number): number => view.getUint16(offset + TYPE)

/** The I/G bit of an address's first byte: a group address, broadcast included. */
export const isMulticast = (high: number): boolean => (high & 0x0100) !== 0
export const isBroadcast = (high: number, low: number): boolean => high === 0xffff && low === -1

export function setTarget(view: DataView, offset: number, high: number, low: number): void {
  view.setUint16(offset + TARGET, high)
  view.setInt32(offset + TARGET + 2, low)
}

export function setSource(view: DataView, offset: number, high: number, low: number): void {
  view.setUint16(offset + SOURCE, high)
  view.setInt32(offset + SOURCE + 2, low)
}

export function setEtherType(view: DataView, offset: number, value: number): void {
  view.setUint16(offset + TYPE, value)
}

/** The header as a value, or undefined where `check` fails. */
export function parse(view: DataView, offset: number, end: number): Ethernet | undefined {
  if (!check(view, offset, end)) return undefined
  return {
    target: macAt(view, offset + TARGET),
    source: macAt(view, offset + SOURCE),
    etherType: etherType(view, offset),
  }
}

/** Writes the header and returns its size. Throws RangeError for an address that is none. */
export function emit(value: Ethernet, view: DataView, offset: number): number {
  putMac(view, offset + TARGET, value.target)
  putMac(view, offset + SOURCE, value.source)
  setEtherType(view, offset, value.etherType)
  return HEADER_SIZE
}
