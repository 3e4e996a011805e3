/** Names of numbers in IP headers (IANA's registries), and the layer that a protocol number stands for. */

import * as ipProtocol from '../../wire/ip-protocol.ts'
import type { Protocol } from './packet.ts'

export const IP_PROTOCOLS: Readonly<Record<number, string>> = {
  [ipProtocol.HOP_BY_HOP]: 'hop-by-hop options',
  [ipProtocol.ICMP]: 'ICMP',
  2: 'IGMP',
  4: 'IPv4',
  [ipProtocol.TCP]: 'TCP',
  [ipProtocol.UDP]: 'UDP',
  41: 'IPv6',
  [ipProtocol.ROUTING]: 'routing header',
  [ipProtocol.FRAGMENT]: 'fragment header',
  47: 'GRE',
  [ipProtocol.ENCAPSULATING_SECURITY]: 'ESP',
  [ipProtocol.AUTHENTICATION]: 'AH',
  [ipProtocol.ICMPV6]: 'ICMPv6',
  [ipProtocol.NO_NEXT_HEADER]: 'nothing follows',
  [ipProtocol.DESTINATION_OPTIONS]: 'destination options',
  88: 'EIGRP',
  89: 'OSPF',
  103: 'PIM',
  112: 'VRRP',
  132: 'SCTP',
  136: 'UDP-Lite',
}

/** Code points with a name (RFC 2474, 2597, 3246, 5865, 8622). */
export const DSCP_NAMES: Readonly<Record<number, string>> = {
  0: 'CS0, best effort',
  1: 'LE',
  8: 'CS1',
  10: 'AF11',
  12: 'AF12',
  14: 'AF13',
  16: 'CS2',
  18: 'AF21',
  20: 'AF22',
  22: 'AF23',
  24: 'CS3',
  26: 'AF31',
  28: 'AF32',
  30: 'AF33',
  32: 'CS4',
  34: 'AF41',
  36: 'AF42',
  38: 'AF43',
  40: 'CS5',
  44: 'VOICE-ADMIT',
  46: 'EF',
  48: 'CS6',
  56: 'CS7',
}

/** RFC 3168, 5. */
export const ECN_NAMES: Readonly<Record<number, string>> = {
  0: 'not capable',
  1: 'capable, ECT(1)',
  2: 'capable, ECT(0)',
  3: 'congestion experienced',
}

/** Whether an IPv6 payload length of 0 is that of a super-frame or a jumbogram (RFC 2675), and not that of a packet without payload. */
export const isLeftToDevice = (nextHeader: number): boolean =>
  nextHeader === ipProtocol.TCP || nextHeader === ipProtocol.UDP || nextHeader === ipProtocol.HOP_BY_HOP

/** The layer for a protocol number, behind IPv4 or behind IPv6 and its extension headers. */
export function upperLayer(number: number, version: 4 | 6): Protocol {
  switch (number) {
    case ipProtocol.TCP:
      return 'tcp'
    case ipProtocol.UDP:
      return 'udp'
    case ipProtocol.ICMP:
      return version === 4 ? 'icmp' : 'data'
    case ipProtocol.ICMPV6:
      return version === 6 ? 'icmpv6' : 'data'
    case ipProtocol.AUTHENTICATION:
      return 'ah'
    case ipProtocol.ENCAPSULATING_SECURITY:
      return 'esp'
    case IPV4_IN_IP:
      return 'ip'
    case IPV6_IN_IP:
      return 'ipv6'
    default:
      return version === 6 ? extensionHeader(number) : 'data'
  }
}

/** RFC 2003 and RFC 4213. */
const IPV4_IN_IP = 4
const IPV6_IN_IP = 41

function extensionHeader(number: number): Protocol {
  switch (number) {
    case ipProtocol.HOP_BY_HOP:
      return 'ipv6.hopopts'
    case ipProtocol.DESTINATION_OPTIONS:
      return 'ipv6.dstopts'
    case ipProtocol.ROUTING:
      return 'ipv6.routing'
    case ipProtocol.FRAGMENT:
      return 'ipv6.fraghdr'
    default:
      return 'data'
  }
}
