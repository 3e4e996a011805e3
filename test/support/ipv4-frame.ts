import { naiveChecksum, naiveSum, POISON } from './wire-bytes.ts'

/** An IPv4 packet in an Ethernet frame, as a test wants it. Numbers as on the data path. */
export interface Ipv4FrameSpec {
  /** 1 ICMP echo, 6 TCP, 17 UDP; any other one carries the payload alone. */
  readonly protocol: number
  readonly source: number
  readonly destination: number
  /** Source << 16 | destination; of ICMP echo the identifier in both halves. */
  readonly ports: number
  /** The upper checksum: finished, the pseudo-header's sum with NEEDS_CSUM set, or (UDP) absent. */
  readonly checksum: 'whole' | 'partial' | 'none'
  readonly typeOfService: number
  readonly identification: number
  /** Flags and fragment offset, as the word that they are. */
  readonly fragment: number
  readonly timeToLive: number
  /** Multiples of 4 bytes. */
  readonly ipOptions: Uint8Array
  readonly tcpOptions: Uint8Array
  readonly controlBits: number
  readonly sequenceNumber: number
  readonly acknowledgmentNumber: number
  readonly window: number
  readonly icmpType: number
  readonly payload: Uint8Array
}

export const INSIDE = 0x0a010002
export const OUTSIDE = 0xc6336407 | 0
export const PUBLIC = 0xcb007105 | 0

export const PLAIN_IPV4: Ipv4FrameSpec = {
  protocol: 6,
  source: INSIDE,
  destination: OUTSIDE,
  ports: (40_000 << 16) | 443,
  checksum: 'whole',
  typeOfService: 0,
  identification: 0x1234,
  fragment: 0x4000,
  timeToLive: 64,
  ipOptions: new Uint8Array(),
  tcpOptions: new Uint8Array(),
  controlBits: 0x10,
  sequenceNumber: 0x89abcdef,
  acknowledgmentNumber: 0x12345678,
  window: 0xfaf0,
  icmpType: 8,
  payload: Uint8Array.of(1, 2, 3, 4, 5),
}

export const ETHERNET_SIZE = 14
export const VIRTIO_SIZE = 10
const TARGET = [0x02, 0x42, 0x0a, 0x01, 0x00, 0x01]
const SOURCE = [0x02, 0x42, 0x0a, 0x01, 0x00, 0x02]

export const be16 = (value: number): number[] => [(value >>> 8) & 0xff, value & 0xff]
export const be32 = (value: number): number[] => [...be16(value >>> 16), ...be16(value)]
export const joined = (...parts: readonly Iterable<number>[]): Uint8Array =>
  new Uint8Array(Buffer.concat(parts.map((part) => Uint8Array.from(part))))

/** Where in a frame the upper header begins. */
export const upperStart = (spec: Ipv4FrameSpec): number => ETHERNET_SIZE + 20 + spec.ipOptions.length

/** Upper header and payload, built byte by byte and with the checksum model: nothing of `src` takes part. */
export function upperOf(spec: Ipv4FrameSpec): Uint8Array {
  const header = upperHeader(spec)
  const field = { 1: 2, 6: 16, 17: 6 }[spec.protocol]
  if (field === undefined) return joined(header, spec.payload)
  const length = header.length + spec.payload.length
  const pseudo =
    spec.protocol === 1
      ? new Uint8Array()
      : joined(be32(spec.source), be32(spec.destination), [0, spec.protocol], be16(length))
  let checksum = 0
  if (spec.checksum === 'whole') checksum = naiveChecksum(pseudo, header, spec.payload)
  if (spec.checksum === 'whole' && spec.protocol === 17 && checksum === 0) checksum = 0xffff
  if (spec.checksum === 'partial') checksum = naiveSum(pseudo)
  header.set(be16(checksum), field)
  return joined(header, spec.payload)
}

/** The IPv4 header in front of `upper`. */
export const packetOf = (spec: Ipv4FrameSpec, upper: Uint8Array = upperOf(spec)): Uint8Array =>
  joined(ipv4Header(spec, upper.length), upper)

export const frameOf = (spec: Ipv4FrameSpec, upper: Uint8Array = upperOf(spec)): Uint8Array =>
  joined(TARGET, SOURCE, [0x08, 0x00], packetOf(spec, upper))

/** What a kernel writes in front of the frame. */
export function virtioOf(spec: Ipv4FrameSpec): Uint8Array {
  if (spec.checksum !== 'partial') return new Uint8Array(VIRTIO_SIZE)
  const field = { 1: 2, 6: 16, 17: 6 }[spec.protocol] ?? 0
  return Uint8Array.of(1, 0, 7, 0, 0, 0, upperStart(spec), 0, field, 0)
}

export interface PlacedFrame {
  readonly view: DataView
  readonly bytes: Uint8Array
  /** Of the Ethernet frame; odd, so that nothing relies on alignment. */
  readonly offset: number
  readonly length: number
}

const MARGIN = 21

/** A frame and its virtio-net header in poisoned memory that goes on for `room` bytes. */
export function placeFrame(frame: Uint8Array, virtio: Uint8Array, room = MARGIN): PlacedFrame {
  const offset = MARGIN + VIRTIO_SIZE
  const bytes = new Uint8Array(offset + frame.length + room).fill(POISON)
  bytes.set(virtio, MARGIN)
  bytes.set(frame, offset)
  return { view: new DataView(bytes.buffer), bytes, offset, length: frame.length }
}

/** All memory around and in a frame, to compare: whatever else was touched shows. */
export const memoryText = (placed: PlacedFrame): string => Buffer.from(placed.bytes).toString('hex')

export const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

function ipv4Header(spec: Ipv4FrameSpec, upperLength: number): Uint8Array {
  const size = 20 + spec.ipOptions.length
  const header = joined(
    [0x40 | (size >>> 2), spec.typeOfService],
    be16(size + upperLength),
    be16(spec.identification),
    be16(spec.fragment),
    [spec.timeToLive, spec.protocol, 0, 0],
    be32(spec.source),
    be32(spec.destination),
    spec.ipOptions,
  )
  header.set(be16(naiveChecksum(header)), 10)
  return header
}

function upperHeader(spec: Ipv4FrameSpec): Uint8Array {
  switch (spec.protocol) {
    case 1:
      return joined([spec.icmpType, 0, 0, 0], be16(spec.ports), [0, 1])
    case 6: {
      const size = 20 + spec.tcpOptions.length
      return joined(
        be32(spec.ports),
        be32(spec.sequenceNumber),
        be32(spec.acknowledgmentNumber),
        [(size >>> 2) << 4, spec.controlBits, ...be16(spec.window), 0, 0, 0, 0],
        spec.tcpOptions,
      )
    }
    case 17:
      return joined(be32(spec.ports), be16(8 + spec.payload.length), [0, 0])
    default:
      return new Uint8Array()
  }
}
