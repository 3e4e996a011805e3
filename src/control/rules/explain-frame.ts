/** The frame that `explain` asks the data path about: what the source's kernel would send to begin with. */

import { pseudoHeaderIpv4 } from '../../wire/checksum.ts'
import * as ethernet from '../../wire/ethernet.ts'
import * as icmp from '../../wire/icmp.ts'
import { ICMP, TCP, UDP } from '../../wire/ip-protocol.ts'
import * as ipv4 from '../../wire/ipv4.ts'
import * as tcp from '../../wire/tcp.ts'
import * as udp from '../../wire/udp.ts'

export interface ExplainPacket {
  readonly protocol: 'tcp' | 'udp' | 'icmp'
  readonly sourceMac: string
  /** Of the next hop. */
  readonly targetMac: string
  readonly source: string
  readonly destination: string
  /** ICMP: the source port is the identifier of an echo request, the other one is not used. */
  readonly sourcePort: number
  readonly destinationPort: number
  /** Of a UDP datagram; nothing unless given. */
  readonly payload?: Uint8Array | undefined
  /** Bytes of the IP packet, with zeros behind the payload; those that it needs where it needs more. Not of TCP. */
  readonly size?: number | undefined
}

/** The default of Linux (net.ipv4.ip_default_ttl). */
const TIME_TO_LIVE = 64
/** Kind, length and value of a maximum segment size of 1460 bytes (RFC 9293, 3.2): no SYN of a real kernel lacks one. */
const MAXIMUM_SEGMENT_SIZE = Uint8Array.of(2, 4, 1460 >>> 8, 1460 & 0xff)
const WINDOW = 64_240

const PROTOCOL_NUMBERS = { tcp: TCP, udp: UDP, icmp: ICMP } as const
/** Bytes of the headers behind that of IP. */
export const MESSAGE_SIZES = {
  tcp: tcp.MIN_HEADER_SIZE + MAXIMUM_SEGMENT_SIZE.length,
  udp: udp.HEADER_SIZE,
  icmp: icmp.HEADER_SIZE,
} as const

/** A TCP SYN, a UDP datagram or an ICMP echo request, with its checksums. */
export function explainFrame(packet: ExplainPacket): Uint8Array {
  const size = MESSAGE_SIZES[packet.protocol] + payloadOf(packet).length
  const frame = new Uint8Array(ethernet.HEADER_SIZE + ipv4.MIN_HEADER_SIZE + size)
  const view = new DataView(frame.buffer)
  const link = { target: packet.targetMac, source: packet.sourceMac, etherType: ethernet.TYPE_IPV4 }
  const header = ethernet.emit(link, view, 0)
  const message = header + putHeader(view, header, packet, size)
  const pseudoHeader = pseudoHeaderIpv4(view, header, PROTOCOL_NUMBERS[packet.protocol], size)
  PUT_MESSAGE[packet.protocol](view, message, packet, pseudoHeader)
  return frame
}

const NO_PAYLOAD = new Uint8Array()

function payloadOf({ protocol, payload = NO_PAYLOAD, size = 0 }: ExplainPacket): Uint8Array {
  const given = protocol === 'udp' ? payload : NO_PAYLOAD
  const room = size - ipv4.MIN_HEADER_SIZE - MESSAGE_SIZES[protocol]
  if (protocol === 'tcp' || room <= given.length) return given
  const filled = new Uint8Array(room)
  filled.set(given)
  return filled
}

function putHeader(view: DataView, at: number, packet: ExplainPacket, size: number): number {
  const { source, destination, protocol } = packet
  const length = ipv4.emit(
    {
      dscp: 0,
      ecn: 0,
      totalLength: ipv4.MIN_HEADER_SIZE + size,
      identification: 0,
      dontFragment: true,
      moreFragments: false,
      fragmentOffset: 0,
      timeToLive: TIME_TO_LIVE,
      protocol: PROTOCOL_NUMBERS[protocol],
      source,
      destination,
      options: new Uint8Array(),
    },
    view,
    at,
  )
  ipv4.fillChecksum(view, at)
  return length
}

type PutMessage = (view: DataView, at: number, packet: ExplainPacket, pseudoHeader: number) => void

const PUT_MESSAGE: Readonly<Record<ExplainPacket['protocol'], PutMessage>> = {
  tcp: (view, at, { sourcePort, destinationPort }, pseudoHeader) => {
    const syn: tcp.Tcp = {
      sourcePort,
      destinationPort,
      sequenceNumber: 0,
      acknowledgmentNumber: 0,
      controlBits: tcp.SYN,
      window: WINDOW,
      checksum: 0,
      urgentPointer: 0,
      options: MAXIMUM_SEGMENT_SIZE,
    }
    tcp.emit(syn, view, at)
    tcp.fillChecksum(view, at, at + MESSAGE_SIZES.tcp, pseudoHeader)
  },
  udp: (view, at, packet, pseudoHeader) => {
    const { sourcePort, destinationPort } = packet
    const payload = payloadOf(packet)
    const length = udp.HEADER_SIZE + payload.length
    udp.emit({ sourcePort, destinationPort, length, checksum: 0 }, view, at)
    new Uint8Array(view.buffer).set(payload, at + udp.HEADER_SIZE)
    udp.fillChecksum(view, at, pseudoHeader)
  },
  icmp: (view, at, packet) => {
    icmp.emit({ type: icmp.TYPE_ECHO, code: 0, checksum: 0, rest: 0 }, view, at)
    icmp.setIdentifier(view, at, packet.sourcePort)
    icmp.setSequenceNumber(view, at, 1)
    icmp.fillChecksum(view, at, at + MESSAGE_SIZES.icmp + payloadOf(packet).length)
  },
}
