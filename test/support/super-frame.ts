import { naiveChecksum, naiveSum } from './wire-bytes.ts'

/** A TCP or UDP packet in an Ethernet frame, as a test wants it. */
export interface PacketSpec {
  readonly version: 4 | 6
  readonly transport: 'tcp' | 'udp'
  /** TPID and TCI of each VLAN tag, outermost first. */
  readonly tags: readonly (readonly [number, number])[]
  /** IPv4 options, or TCP options: multiples of 4 bytes. */
  readonly ipOptions: Uint8Array
  readonly tcpOptions: Uint8Array
  /** IPv6 extension headers: type, and bytes behind the first two (6 + 8n of them). */
  readonly extensions: readonly (readonly [number, Uint8Array])[]
  readonly identification: number
  readonly sequenceNumber: number
  readonly controlBits: number
  readonly sourcePort: number
  readonly destinationPort: number
  readonly payload: Uint8Array
  /** Whom the pseudo-header names: not the header's destination where a Routing header has segments left. */
  readonly finalDestination?: Uint8Array
}

export const PLAIN: PacketSpec = {
  version: 4,
  transport: 'tcp',
  tags: [],
  ipOptions: new Uint8Array(),
  tcpOptions: new Uint8Array(),
  extensions: [],
  identification: 0x1234,
  sequenceNumber: 0x89abcdef,
  controlBits: 0x10,
  sourcePort: 443,
  destinationPort: 50_000,
  payload: new Uint8Array(),
}

const TARGET = [0x02, 0x42, 0x0a, 0x01, 0x00, 0x03]
const SOURCE = [0x02, 0x42, 0x0a, 0x01, 0x00, 0x02]
const ADDRESSES_4 = Uint8Array.of(10, 1, 0, 2, 10, 1, 0, 3)
const ADDRESSES_6 = Uint8Array.from([
  0xfd,
  ...Array<number>(14).fill(0),
  2,
  0xfd,
  ...Array<number>(14).fill(0),
  3,
])
const PROTOCOL = { tcp: 6, udp: 17 }

const bytesOf = (...parts: readonly Iterable<number>[]): Uint8Array =>
  new Uint8Array(Buffer.concat(parts.map((part) => Uint8Array.from(part))))
const be16 = (value: number): number[] => [(value >>> 8) & 0xff, value & 0xff]
const be32 = (value: number): number[] => [...be16(value >>> 16), ...be16(value)]

/** The finished frame, built byte by byte and with the checksum model: nothing of `src` takes part. */
export const finishedFrame = (spec: PacketSpec): Uint8Array => frame(spec, 'complete')

/** The frame as a sender with checksum offload leaves it: the checksum field holds the pseudo-header's sum. */
export const partialFrame = (spec: PacketSpec): Uint8Array => frame(spec, 'partial')

/** Where TCP or UDP begins in the frame. */
export const transportStart = (spec: PacketSpec): number =>
  link(spec).length + network(spec, transportHeader(spec).length + spec.payload.length).length

/** Bytes of all headers. */
export const headersSize = (spec: PacketSpec): number => transportStart(spec) + transportHeader(spec).length

/** What a sender without offload would have sent instead of the super-frame. */
export function naiveSegments(spec: PacketSpec, gsoSize: number): Uint8Array[] {
  const count = Math.max(1, Math.ceil(spec.payload.length / gsoSize))
  return Array.from({ length: count }, (_, index) => {
    const only = { first: index === 0, last: index === count - 1 }
    return finishedFrame({
      ...spec,
      payload: spec.payload.slice(index * gsoSize, (index + 1) * gsoSize),
      identification: (spec.identification + index) % 2 ** 16,
      sequenceNumber: (spec.sequenceNumber + index * gsoSize) % 2 ** 32,
      controlBits: spec.controlBits & (only.first ? 0xff : 0x7f) & (only.last ? 0xff : 0xf6),
    })
  })
}

/** Bytes that look like nothing in particular, the same for the same seed. */
export function noise(length: number, seed: number): Uint8Array {
  let state = seed | 1
  return new Uint8Array(length).map(() => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
    return state >>> 24
  })
}

function frame(spec: PacketSpec, checksum: 'complete' | 'partial'): Uint8Array {
  const header = transportHeader(spec)
  const length = header.length + spec.payload.length
  const pseudo = pseudoHeader(spec, length)
  let field = naiveSum(pseudo)
  if (checksum === 'complete') {
    field = naiveChecksum(pseudo, header, spec.payload)
    if (spec.transport === 'udp' && field === 0) field = 0xffff
  }
  header.set(be16(field), spec.transport === 'tcp' ? 16 : 6)
  return bytesOf(link(spec), network(spec, length), header, spec.payload)
}

const link = (spec: PacketSpec): number[] => [
  ...TARGET,
  ...SOURCE,
  ...spec.tags.flatMap(([protocol, control]) => [...be16(protocol), ...be16(control)]),
  ...be16(spec.version === 4 ? 0x0800 : 0x86dd),
]

function network(spec: PacketSpec, upperLength: number): Uint8Array {
  if (spec.version === 6) return networkIpv6(spec, upperLength)
  const size = 20 + spec.ipOptions.length
  const header = bytesOf(
    [0x40 | (size / 4), 0, ...be16(size + upperLength), ...be16(spec.identification), 0x40, 0],
    [64, PROTOCOL[spec.transport], 0, 0, ...ADDRESSES_4, ...spec.ipOptions],
  )
  header.set(be16(naiveChecksum(header)), 10)
  return header
}

function networkIpv6(spec: PacketSpec, upperLength: number): Uint8Array {
  const types = [...spec.extensions.map(([type]) => type), PROTOCOL[spec.transport]]
  const extensions = spec.extensions.flatMap(([, bytes], index) => [
    types[index + 1]!,
    (bytes.length + 2) / 8 - 1,
    ...bytes,
  ])
  const first = [0x60, 0, 0, 0, ...be16(extensions.length + upperLength), types[0]!, 64]
  return bytesOf(first, ADDRESSES_6, extensions)
}

function transportHeader(spec: PacketSpec): Uint8Array {
  const ports = [...be16(spec.sourcePort), ...be16(spec.destinationPort)]
  if (spec.transport === 'udp') return bytesOf(ports, be16(8 + spec.payload.length), [0, 0])
  const size = 20 + spec.tcpOptions.length
  return bytesOf(
    [...ports, ...be32(spec.sequenceNumber), ...be32(0xfedcba98)],
    [(size / 4) << 4, spec.controlBits, ...be16(501), 0, 0, 0, 0, ...spec.tcpOptions],
  )
}

function pseudoHeader(spec: PacketSpec, length: number): Uint8Array {
  const addresses = spec.version === 4 ? ADDRESSES_4 : ADDRESSES_6
  const destination = spec.finalDestination ?? addresses.slice(addresses.length / 2)
  const source = addresses.slice(0, addresses.length / 2)
  return bytesOf(source, destination, [0, PROTOCOL[spec.transport], ...be32(length)])
}
