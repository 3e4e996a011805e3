/** What the router answers with, in a word or two: `ICMP host unreachable`, `a TCP reset`. */

import * as arp from '../../wire/arp.ts'
import * as ethernet from '../../wire/ethernet.ts'
import * as icmp from '../../wire/icmp.ts'
import * as ipProtocol from '../../wire/ip-protocol.ts'
import * as ipv4 from '../../wire/ipv4.ts'
import * as tcp from '../../wire/tcp.ts'
import * as udp from '../../wire/udp.ts'
import type { StoryDeparture } from './frame-story.ts'
import { bytesOf } from './story-frame.ts'

const DNS_PORT = 53
const OTHER = 'a packet of its own'

/** Types and codes of the errors that the router makes (docs/nat.md). */
const ERRORS: Readonly<Record<string, string>> = {
  [`${icmp.TYPE_DESTINATION_UNREACHABLE}/${icmp.CODE_NET_UNREACHABLE}`]: 'ICMP network unreachable',
  [`${icmp.TYPE_DESTINATION_UNREACHABLE}/${icmp.CODE_HOST_UNREACHABLE}`]: 'ICMP host unreachable',
  [`${icmp.TYPE_DESTINATION_UNREACHABLE}/${icmp.CODE_PROTOCOL_UNREACHABLE}`]: 'ICMP protocol unreachable',
  [`${icmp.TYPE_DESTINATION_UNREACHABLE}/${icmp.CODE_PORT_UNREACHABLE}`]: 'ICMP port unreachable',
  [`${icmp.TYPE_DESTINATION_UNREACHABLE}/${icmp.CODE_FRAGMENTATION_NEEDED}`]: 'ICMP fragmentation needed',
  [`${icmp.TYPE_DESTINATION_UNREACHABLE}/${icmp.CODE_PROHIBITED}`]: 'ICMP communication prohibited',
  [`${icmp.TYPE_TIME_EXCEEDED}/${icmp.CODE_TTL_EXCEEDED}`]: 'ICMP time exceeded',
  [`${icmp.TYPE_TIME_EXCEEDED}/${icmp.CODE_REASSEMBLY_TIME_EXCEEDED}`]:
    'ICMP fragment reassembly time exceeded',
}

/** Of several, each kind once. */
export function answerNames(departures: readonly StoryDeparture[]): string {
  return [...new Set(departures.map((one) => answerName(bytesOf(one))))].join(' and ')
}

function answerName(frame: Uint8Array): string {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength)
  const end = frame.byteLength
  const packet = ethernet.HEADER_SIZE
  if (end < packet) return OTHER
  const type = ethernet.etherType(view, 0)
  if (type === ethernet.TYPE_ARP && arp.check(view, packet, end)) {
    return arp.operation(view, packet) === arp.OPERATION_REPLY ? 'an ARP reply' : 'a question by ARP'
  }
  if (type !== ethernet.TYPE_IPV4 || !ipv4.check(view, packet, end)) return OTHER
  const message = packet + ipv4.headerSize(view, packet)
  switch (ipv4.protocol(view, packet)) {
    case ipProtocol.ICMP:
      return icmp.check(view, message, end) ? icmpName(view, message) : OTHER
    case ipProtocol.TCP:
      return tcp.check(view, message, end) && (tcp.controlBits(view, message) & tcp.RST) !== 0
        ? 'a TCP reset'
        : OTHER
    case ipProtocol.UDP:
      return udp.check(view, message, end) && udp.sourcePort(view, message) === DNS_PORT
        ? 'a DNS response'
        : OTHER
    default:
      return OTHER
  }
}

function icmpName(view: DataView, message: number): string {
  const type = icmp.type(view, message)
  if (type === icmp.TYPE_ECHO_REPLY) return 'an ICMP echo reply'
  if (type === icmp.TYPE_PARAMETER_PROBLEM) return 'ICMP parameter problem'
  return ERRORS[`${type}/${icmp.code(view, message)}`] ?? 'an ICMP message'
}
