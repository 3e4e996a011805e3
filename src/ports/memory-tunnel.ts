/** Tunnels and their peers without sockets, for MemoryFrameIo: datagrams are put in and taken out by a test or a simulation. */
import {
  DESCRIPTOR_SHIFT,
  FACT_SEGMENT_SIZE,
  FACT_SOURCE_ADDRESS,
  FACT_SOURCE_PORT,
  FACT_SUMS,
  FACT_TOS,
  type FrameMemory,
  HEADROOM,
  LENGTH,
  OFFSET,
  SEND_RECORD_SHIFT,
  SEND_TOS_SHIFT,
  SEND_WORD,
  SLOT_SIZE,
} from '../datapath/frame-memory.ts'
import {
  TUNNEL_DATAGRAMS_MAX,
  TUNNEL_SOURCES_DEFAULT,
  UDP_PAYLOAD_MAX,
  UDP_PAYLOAD_MAX_IPV6,
} from '../limits.ts'
import { sum } from '../wire/checksum.ts'
import { framesHave, type Gathered, takeGather } from './memory-gather.ts'

/** Linux's errno numbers, as a RESULT carries them. */
const EFAULT = 14
const EINVAL = 22
const EMSGSIZE = 90
const EAFNOSUPPORT = 97
const ENOBUFS = 105

/** Where the payload stands in its slot: behind what recvmsg(2) says of it. */
const PAYLOAD_IN_SLOT = HEADROOM + 98

/** What arrives: one datagram, or several of one size, each but the last, that come as one. */
export interface ArrivingDatagram {
  readonly payload: Uint8Array
  /** 16 bytes, those of IPv4 mapped into IPv6. */
  readonly source: Uint8Array
  readonly sourcePort: number
  /** Bytes of each of several; 0, and by default: it is one. */
  readonly segmentSize?: number
  readonly tos?: number
}

/** What has left: always one datagram. */
export interface SentDatagram {
  /** The peer's port. */
  readonly port: number
  readonly payload: Uint8Array
  /** 16 bytes. */
  readonly address: Uint8Array
  readonly udpPort: number
  /** Which of the tunnel's sources. */
  readonly source: number
  readonly tos: number
}

export interface MemoryTunnelOptions {
  readonly sources?: number
  /** Of the underlay. Default false. */
  readonly ipv6?: boolean
  /** Bounds the departures that nobody collects: what goes beyond is refused with ENOBUFS. */
  readonly queueMax?: number
}

const QUEUE_MAX = 65_536

export class MemoryTunnel {
  readonly arrivals: ArrivingDatagram[] = []
  readonly departures: SentDatagram[] = []
  readonly sources: number
  readonly ipv6: boolean
  readonly queueMax: number

  constructor({ sources = TUNNEL_SOURCES_DEFAULT, ipv6 = false, queueMax = QUEUE_MAX }: MemoryTunnelOptions) {
    this.sources = sources
    this.ipv6 = ipv6
    this.queueMax = queueMax
  }
}

export interface MemoryPeerOptions {
  /** Bytes of payload beyond which a datagram is refused with EMSGSIZE, as where the path is narrow. */
  readonly payloadMax?: number
}

export interface MemoryPeer extends Required<MemoryPeerOptions> {
  readonly tunnelPort: number
  readonly address: Uint8Array
  readonly udpPort: number
  readonly ipv6: boolean
}

const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]
const isIpv6 = (address: Uint8Array): boolean => MAPPED.some((byte, i) => address[i] !== byte)

export function memoryPeer(
  tunnelPort: number,
  address: Uint8Array,
  udpPort: number,
  { payloadMax = UDP_PAYLOAD_MAX }: MemoryPeerOptions,
): MemoryPeer {
  const ipv6 = isIpv6(address)
  const most = ipv6 ? UDP_PAYLOAD_MAX_IPV6 : UDP_PAYLOAD_MAX
  return {
    tunnelPort,
    address: Uint8Array.from(address),
    udpPort,
    ipv6,
    payloadMax: Math.min(payloadMax, most),
  }
}

/** Puts a datagram into slot `index`, with its facts and its descriptor, as the `index`th of the burst. */
export function placeDatagram(
  memory: FrameMemory,
  index: number,
  port: number,
  arrival: ArrivingDatagram,
): void {
  const { payload, source, sourcePort, tos = 0 } = arrival
  const { bytes, view, received, layout } = memory
  const facts = layout.slots + index * SLOT_SIZE
  const offset = facts + PAYLOAD_IN_SLOT
  const several =
    arrival.segmentSize !== undefined && arrival.segmentSize > 0 && arrival.segmentSize < payload.length
  const segmentSize = several ? arrival.segmentSize : 0
  bytes.set(payload, offset)
  bytes.set(source, facts + FACT_SOURCE_ADDRESS)
  view.setInt32(facts + FACT_SEGMENT_SIZE, segmentSize, LITTLE_ENDIAN)
  view.setInt32(facts + FACT_SOURCE_PORT, sourcePort, LITTLE_ENDIAN)
  view.setInt32(facts + FACT_TOS, tos, LITTLE_ENDIAN)
  view.setInt32(
    facts + FACT_SUMS,
    several ? putSums(memory, index, offset, payload.length, segmentSize) : 0,
    LITTLE_ENDIAN,
  )
  received.set([port, offset, payload.length, facts], index << DESCRIPTOR_SHIFT)
}

const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1

/** Where the sums of the datagrams stand. */
function putSums(
  { sums, view, layout }: FrameMemory,
  index: number,
  offset: number,
  length: number,
  size: number,
): number {
  const first = index * TUNNEL_DATAGRAMS_MAX
  for (let at = 0, i = first; at < length; at += size, i++) {
    sums[i] = sum(view, offset + at, Math.min(size, length - at))
  }
  return layout.sums + first * 2
}

/** Carries out a transmission to a peer. 0, or an errno. */
export function sendDatagrams(
  memory: FrameMemory,
  descriptor: number,
  port: number,
  peer: MemoryPeer,
  tunnel: MemoryTunnel,
): number {
  const { bytes, view, transmits } = memory
  const offset = transmits[descriptor + OFFSET]!
  const length = transmits[descriptor + LENGTH]!
  if (!framesHave(memory, offset + SEND_WORD, -SEND_WORD) || !framesHave(memory, offset, length))
    return EFAULT
  if (peer.ipv6 !== tunnel.ipv6) return EAFNOSUPPORT
  const word = view.getInt32(offset + SEND_WORD, LITTLE_ENDIAN)
  const source = word & 0xff
  if (source >= tunnel.sources) return EINVAL
  const record = word >>> SEND_RECORD_SHIFT
  const gathered: Gathered | undefined =
    record === 0
      ? { segmentSize: 0, bytes: bytes.slice(offset, offset + length) }
      : takeGather(memory, record - 1)
  if (gathered === undefined) return EFAULT
  const whole = gathered.bytes
  const size = gathered.segmentSize > 0 ? gathered.segmentSize : Math.max(whole.length, 1)
  if (Math.min(size, whole.length) > peer.payloadMax) return EMSGSIZE
  const { address, udpPort } = peer
  const tos = (word >>> SEND_TOS_SHIFT) & 0xff
  for (let at = 0; at < Math.max(whole.length, 1); at += size) {
    if (tunnel.departures.length >= tunnel.queueMax) return ENOBUFS
    const payload = whole.slice(at, at + size)
    tunnel.departures.push({ port, payload, address, udpPort, source, tos })
  }
  return 0
}
