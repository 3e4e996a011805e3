/**
 * ARP for IPv4 over Ethernet (RFC 826). Field names are the RFC's.
 *
 *     | hrd 2 | pro 2 | hln 1 | pln 1 | op 2 | sha 6 | spa 4 | tha 6 | tpa 4 |
 *
 * Accessors are only valid after `check` returned true for the same bytes.
 */

import { ipv4At, macAt, putIpv4, putMac } from './address.ts'
import { TYPE_IPV4 } from './ethernet.ts'

const HARDWARE_TYPE = 0
const PROTOCOL_TYPE = 2
const HARDWARE_LENGTH = 4
const PROTOCOL_LENGTH = 5
const OPERATION = 6
const SENDER_HARDWARE = 8
const SENDER_PROTOCOL = 14
const TARGET_HARDWARE = 18
const TARGET_PROTOCOL = 24
export const PACKET_SIZE = 28

export const OPERATION_REQUEST = 1
export const OPERATION_REPLY = 2

const HARDWARE_ETHERNET = 1
const HARDWARE_ETHERNET_LENGTH = 6
const PROTOCOL_IPV4_LENGTH = 4

export interface Arp {
  readonly operation: number
  readonly senderHardware: string
  readonly senderProtocol: string
  readonly targetHardware: string
  readonly targetProtocol: string
}

/**
 * Promises an ARP packet for IPv4 over Ethernet, complete before `end`: the types and lengths are those, so all
 * fields are where the accessors look. The operation may be any.
 */
export const check = (view: DataView, offset: number, end: number): boolean =>
  end - offset >= PACKET_SIZE &&
  view.getUint16(offset + HARDWARE_TYPE) === HARDWARE_ETHERNET &&
  view.getUint16(offset + PROTOCOL_TYPE) === TYPE_IPV4 &&
  view.getUint8(offset + HARDWARE_LENGTH) === HARDWARE_ETHERNET_LENGTH &&
  view.getUint8(offset + PROTOCOL_LENGTH) === PROTOCOL_IPV4_LENGTH

export const operation = (view: DataView, offset: number): number => view.getUint16(offset + OPERATION)
export const senderHardwareHigh = (view: DataView, offset: number): number =>
  view.getUint16(offset + SENDER_HARDWARE)
export const senderHardwareLow = (view: DataView, offset: number): number =>
  view.getInt32(offset + SENDER_HARDWARE + 2)
export const senderProtocol = (view: DataView, offset: number): number =>
  view.getInt32(offset + SENDER_PROTOCOL)
export const targetHardwareHigh = (view: DataView, offset: number): number =>
  view.getUint16(offset + TARGET_HARDWARE)
export const targetHardwareLow = (view: DataView, offset: number): number =>
  view.getInt32(offset + TARGET_HARDWARE + 2)
export const targetProtocol = (view: DataView, offset: number): number =>
  view.getInt32(offset + TARGET_PROTOCOL)

/** Writes the types and lengths that `check` demands: the first six bytes. */
export function setFormat(view: DataView, offset: number): void {
  view.setUint16(offset + HARDWARE_TYPE, HARDWARE_ETHERNET)
  view.setUint16(offset + PROTOCOL_TYPE, TYPE_IPV4)
  view.setUint8(offset + HARDWARE_LENGTH, HARDWARE_ETHERNET_LENGTH)
  view.setUint8(offset + PROTOCOL_LENGTH, PROTOCOL_IPV4_LENGTH)
}

export function setOperation(view: DataView, offset: number, value: number): void {
  view.setUint16(offset + OPERATION, value)
}

export function setSender(view: DataView, offset: number, high: number, low: number, address: number): void {
  view.setUint16(offset + SENDER_HARDWARE, high)
  view.setInt32(offset + SENDER_HARDWARE + 2, low)
  view.setInt32(offset + SENDER_PROTOCOL, address)
}

export function setTarget(view: DataView, offset: number, high: number, low: number, address: number): void {
  view.setUint16(offset + TARGET_HARDWARE, high)
  view.setInt32(offset + TARGET_HARDWARE + 2, low)
  view.setInt32(offset + TARGET_PROTOCOL, address)
}

/** The packet as a value, or undefined where `check` fails. */
export function parse(view: DataView, offset: number, end: number): Arp | undefined {
  if (!check(view, offset, end)) return undefined
  return {
    operation: operation(view, offset),
    senderHardware: macAt(view, offset + SENDER_HARDWARE),
    senderProtocol: ipv4At(view, offset + SENDER_PROTOCOL),
    targetHardware: macAt(view, offset + TARGET_HARDWARE),
    targetProtocol: ipv4At(view, offset + TARGET_PROTOCOL),
  }
}

/** Writes the packet and returns its size. Throws RangeError for an address that is none. */
export function emit(value: Arp, view: DataView, offset: number): number {
  setFormat(view, offset)
  setOperation(view, offset, value.operation)
  putMac(view, offset + SENDER_HARDWARE, value.senderHardware)
  putIpv4(view, offset + SENDER_PROTOCOL, value.senderProtocol)
  putMac(view, offset + TARGET_HARDWARE, value.targetHardware)
  putIpv4(view, offset + TARGET_PROTOCOL, value.targetProtocol)
  return PACKET_SIZE
}
