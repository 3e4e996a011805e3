/**
 * The legacy virtio-net header in front of each frame on a TAP with IFF_VNET_HDR (VIRTIO 1.2, 5.1.6 and 5.1.6.1;
 * Linux struct virtio_net_hdr). It says which work of the sender's network stack is left to "hardware".
 *
 *     | flags 1 | gso_type 1 | hdr_len 2 | gso_size 2 | csum_start 2 | csum_offset 2 | Ethernet frame
 *
 * Its 16-bit fields have the machine's byte order, which is little-endian on all that Tapwire runs on. Offsets here
 * are those of the header; csum_start counts from the frame behind it.
 */

const FLAGS = 0
const GSO_TYPE = 1
const HEADER_LENGTH = 2
const GSO_SIZE = 4
const CHECKSUM_START = 6
const CHECKSUM_OFFSET = 8
export const HEADER_SIZE = 10

/** The checksum field holds the pseudo-header's sum; the rest from csum_start on is to be added. */
export const FLAG_NEEDS_CSUM = 1
/** The sender knows the checksum to be right; nothing is left to do. */
export const FLAG_DATA_VALID = 2

export const GSO_NONE = 0
/** Segment as TCP over IPv4. */
export const GSO_TCPV4 = 1
/** Fragment as UDP over IPv4 (UFO). */
export const GSO_UDP = 3
/** Segment as TCP over IPv6. */
export const GSO_TCPV6 = 4
/** Segment as UDP over either IP (USO): each segment is a datagram. */
export const GSO_UDP_L4 = 5
/** Or-ed to a TCP type: the super-frame carries CWR, which belongs to the first segment only (RFC 3168, 6.1.2). */
export const GSO_ECN = 0x80

export interface VirtioNet {
  readonly flags: number
  readonly gsoType: number
  readonly headerLength: number
  readonly gsoSize: number
  readonly checksumStart: number
  readonly checksumOffset: number
}

/** Promises that the 10 bytes of the header lie before `end`. Judges no content: see datapath/offload.ts. */
export const check = (_view: DataView, offset: number, end: number): boolean => end - offset >= HEADER_SIZE

/** Flags and gso_type in one read: 0 where nothing is left to do, whatever the other fields hold. */
export const offloads = (view: DataView, offset: number): number => view.getUint16(offset)

export const flags = (view: DataView, offset: number): number => view.getUint8(offset + FLAGS)
export const gsoType = (view: DataView, offset: number): number => view.getUint8(offset + GSO_TYPE)
/** hdr_len: a hint about the headers' size. Forwarded frames have wrong ones; parse the headers instead. */
export const headerLength = (view: DataView, offset: number): number =>
  view.getUint16(offset + HEADER_LENGTH, true)
/** gso_size: payload bytes of each segment but the last. */
export const gsoSize = (view: DataView, offset: number): number => view.getUint16(offset + GSO_SIZE, true)
/** csum_start: where summing begins, from the start of the frame. */
export const checksumStart = (view: DataView, offset: number): number =>
  view.getUint16(offset + CHECKSUM_START, true)
/** csum_offset: where the checksum field is, from csum_start. */
export const checksumOffset = (view: DataView, offset: number): number =>
  view.getUint16(offset + CHECKSUM_OFFSET, true)

export function setFlags(view: DataView, offset: number, value: number): void {
  view.setUint8(offset + FLAGS, value)
}

export function setGsoType(view: DataView, offset: number, value: number): void {
  view.setUint8(offset + GSO_TYPE, value)
}

export function setHeaderLength(view: DataView, offset: number, value: number): void {
  view.setUint16(offset + HEADER_LENGTH, value, true)
}

export function setGsoSize(view: DataView, offset: number, value: number): void {
  view.setUint16(offset + GSO_SIZE, value, true)
}

export function setChecksumStart(view: DataView, offset: number, value: number): void {
  view.setUint16(offset + CHECKSUM_START, value, true)
}

export function setChecksumOffset(view: DataView, offset: number, value: number): void {
  view.setUint16(offset + CHECKSUM_OFFSET, value, true)
}

/** Writes the header of a frame that is finished: ten zeros. */
export function clear(view: DataView, offset: number): void {
  view.setInt32(offset, 0)
  view.setInt32(offset + 4, 0)
  view.setInt16(offset + 8, 0)
}

/** The header as a value, or undefined where `check` fails. */
export function parse(view: DataView, offset: number, end: number): VirtioNet | undefined {
  if (!check(view, offset, end)) return undefined
  return {
    flags: flags(view, offset),
    gsoType: gsoType(view, offset),
    headerLength: headerLength(view, offset),
    gsoSize: gsoSize(view, offset),
    checksumStart: checksumStart(view, offset),
    checksumOffset: checksumOffset(view, offset),
  }
}

/** Writes the header and returns its size. */
export function emit(value: VirtioNet, view: DataView, offset: number): number {
  setFlags(view, offset, value.flags)
  setGsoType(view, offset, value.gsoType)
  setHeaderLength(view, offset, value.headerLength)
  setGsoSize(view, offset, value.gsoSize)
  setChecksumStart(view, offset, value.checksumStart)
  setChecksumOffset(view, offset, value.checksumOffset)
  return HEADER_SIZE
}
