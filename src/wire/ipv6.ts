/**
 * IPv6 header (RFC 8200, 3), and the walk over extension headers (RFC 8200, 4) to the upper-layer protocol.
 *
 *     | version 4 bits, traffic class 8 bits, flow label 20 bits |
 *     | payload length 2 | next header 1 | hop limit 1           |
 *     | source address 16 | destination address 16               |
 *
 * Accessors are only valid after `check` returned true for the same bytes. On the hot path an address is four int32
 * words; no BigInt, no bytes object.
 */

import { IPV6_EXTENSION_HEADERS_MAX } from '../limits.ts'
import { ipv6At, putIpv6 } from './address.ts'
import * as ipProtocol from './ip-protocol.ts'

const VERSION_CLASS_FLOW = 0
const PAYLOAD_LENGTH = 4
const NEXT_HEADER = 6
const HOP_LIMIT = 7
const SOURCE = 8
const DESTINATION = 24
export const HEADER_SIZE = 40

const VERSION = 6

/** Extension headers: next header, length without the first 8 bytes in units of 8, and in Fragment the offset. */
const EXTENSION_NEXT_HEADER = 0
const EXTENSION_LENGTH = 1
const EXTENSION_MIN_SIZE = 8
const FRAGMENT_OFFSET = 2
const FRAGMENT_OFFSET_MASK = 0xfff8

export interface Ipv6 {
  readonly trafficClass: number
  readonly flowLabel: number
  /** Bytes behind the fixed header. */
  readonly payloadLength: number
  readonly nextHeader: number
  readonly hopLimit: number
  readonly source: string
  readonly destination: string
}

/**
 * Promises version 6, a complete fixed header before `end`, and a payload that also ends before `end` or there:
 * offset + HEADER_SIZE to offset + HEADER_SIZE + payloadLength. Bytes behind that are Ethernet padding. Says
 * nothing about extension headers: see `upperLayer`.
 */
export const check = (view: DataView, offset: number, end: number): boolean =>
  end - offset >= HEADER_SIZE &&
  version(view, offset) === VERSION &&
  payloadLength(view, offset) <= end - offset - HEADER_SIZE

export const version = (view: DataView, offset: number): number =>
  view.getUint8(offset + VERSION_CLASS_FLOW) >>> 4
export const trafficClass = (view: DataView, offset: number): number =>
  (view.getUint16(offset + VERSION_CLASS_FLOW) >>> 4) & 0xff
export const flowLabel = (view: DataView, offset: number): number =>
  view.getInt32(offset + VERSION_CLASS_FLOW) & 0xfffff
export const payloadLength = (view: DataView, offset: number): number =>
  view.getUint16(offset + PAYLOAD_LENGTH)
export const nextHeader = (view: DataView, offset: number): number => view.getUint8(offset + NEXT_HEADER)
export const hopLimit = (view: DataView, offset: number): number => view.getUint8(offset + HOP_LIMIT)
/** Word 0 to 3 of the source address, int32. */
export const sourceWord = (view: DataView, offset: number, word: number): number =>
  view.getInt32(offset + SOURCE + (word << 2))
/** Word 0 to 3 of the destination address, int32. */
export const destinationWord = (view: DataView, offset: number, word: number): number =>
  view.getInt32(offset + DESTINATION + (word << 2))

/** Sets version 6, with traffic class and flow label in one word: trafficClass << 20 | flowLabel. */
export function setClassAndFlow(view: DataView, offset: number, value: number): void {
  view.setInt32(offset + VERSION_CLASS_FLOW, (VERSION << 28) | value)
}

export function setPayloadLength(view: DataView, offset: number, value: number): void {
  view.setUint16(offset + PAYLOAD_LENGTH, value)
}

export function setNextHeader(view: DataView, offset: number, value: number): void {
  view.setUint8(offset + NEXT_HEADER, value)
}

export function setHopLimit(view: DataView, offset: number, value: number): void {
  view.setUint8(offset + HOP_LIMIT, value)
}

export function setSourceWord(view: DataView, offset: number, word: number, value: number): void {
  view.setInt32(offset + SOURCE + (word << 2), value)
}

export function setDestinationWord(view: DataView, offset: number, word: number, value: number): void {
  view.setInt32(offset + DESTINATION + (word << 2), value)
}

/** What `upperLayer` answers where the chain of extension headers is cut short or too long. */
export const NO_UPPER_LAYER = -1

/**
 * Walks the extension headers of a packet that passed `check` and returns what stands behind them, two numbers in
 * one so that nothing is allocated: `upperProtocol(walk)` and `upperOffset(walk)`.
 *
 * The walk goes over Hop-by-Hop Options, Routing, Destination Options, Authentication and Fragment headers, at most
 * IPV6_EXTENSION_HEADERS_MAX of them, each complete within the payload. It stops at the first other protocol: an
 * upper layer, ESP, No Next Header or one unknown. It also stops at a Fragment header of a later fragment, and
 * answers with that header: no upper-layer header follows it. The upper layer itself has not been checked: only
 * that it begins within the payload or at its end.
 */
export function upperLayer(view: DataView, offset: number): number {
  const end = HEADER_SIZE + payloadLength(view, offset)
  let protocol = nextHeader(view, offset)
  let at = HEADER_SIZE
  for (let count = 0; isExtension(protocol); count++) {
    if (count === IPV6_EXTENSION_HEADERS_MAX || end - at < EXTENSION_MIN_SIZE) return NO_UPPER_LAYER
    if (protocol === ipProtocol.FRAGMENT && isLaterFragment(view, offset + at)) break
    const size = extensionSize(view, offset + at, protocol)
    if (size > end - at) return NO_UPPER_LAYER
    protocol = view.getUint8(offset + at + EXTENSION_NEXT_HEADER)
    at += size
  }
  return (at << 8) | protocol
}

/** The protocol number that a walk ended at. */
export const upperProtocol = (walk: number): number => walk & 0xff
/** Bytes from the start of the IPv6 header to where a walk ended. */
export const upperOffset = (walk: number): number => walk >>> 8

/** Whether a packet has a Fragment header before `upper`, the `upperOffset` of its walk. */
export function isFragment(view: DataView, offset: number, upper: number): boolean {
  let protocol = nextHeader(view, offset)
  for (let at = HEADER_SIZE; at < upper; ) {
    if (protocol === ipProtocol.FRAGMENT) return true
    const size = extensionSize(view, offset + at, protocol)
    protocol = view.getUint8(offset + at + EXTENSION_NEXT_HEADER)
    at += size
  }
  return protocol === ipProtocol.FRAGMENT
}

const isExtension = (protocol: number): boolean =>
  protocol === ipProtocol.HOP_BY_HOP ||
  protocol === ipProtocol.ROUTING ||
  protocol === ipProtocol.FRAGMENT ||
  protocol === ipProtocol.AUTHENTICATION ||
  protocol === ipProtocol.DESTINATION_OPTIONS

const isLaterFragment = (view: DataView, extension: number): boolean =>
  (view.getUint16(extension + FRAGMENT_OFFSET) & FRAGMENT_OFFSET_MASK) !== 0

/** Fragment headers have 8 bytes and no length; Authentication counts 4-byte units, less 2 (RFC 4302, 2.2). */
function extensionSize(view: DataView, extension: number, protocol: number): number {
  if (protocol === ipProtocol.FRAGMENT) return EXTENSION_MIN_SIZE
  const length = view.getUint8(extension + EXTENSION_LENGTH)
  return protocol === ipProtocol.AUTHENTICATION ? (length + 2) << 2 : (length + 1) << 3
}

/** The fixed header as a value, or undefined where `check` fails. */
export function parse(view: DataView, offset: number, end: number): Ipv6 | undefined {
  if (!check(view, offset, end)) return undefined
  return {
    trafficClass: trafficClass(view, offset),
    flowLabel: flowLabel(view, offset),
    payloadLength: payloadLength(view, offset),
    nextHeader: nextHeader(view, offset),
    hopLimit: hopLimit(view, offset),
    source: ipv6At(view, offset + SOURCE),
    destination: ipv6At(view, offset + DESTINATION),
  }
}

/** Writes the fixed header and returns its size. Throws RangeError for an address that is none. */
export function emit(value: Ipv6, view: DataView, offset: number): number {
  setClassAndFlow(view, offset, (value.trafficClass << 20) | value.flowLabel)
  setPayloadLength(view, offset, value.payloadLength)
  setNextHeader(view, offset, value.nextHeader)
  setHopLimit(view, offset, value.hopLimit)
  putIpv6(view, offset + SOURCE, value.source)
  putIpv6(view, offset + DESTINATION, value.destination)
  return HEADER_SIZE
}
