/**
 * Services that SRV questions call by their names (RFC 2782: `_http._tcp.web`), and their ports: of IANA's registry those that sandboxes
 * are likely to offer. Any port may be asked for by its number, too: `_8080._tcp.web`.
 */

import * as ipProtocol from '../../wire/ip-protocol.ts'

const { SCTP, TCP, UDP } = ipProtocol

/** No service of this name. */
export const NO_SERVICE = -1

/** Name, TCP port, UDP port; 0 where the service is not one of this protocol. */
const SERVICES: readonly (readonly [name: string, tcp: number, udp: number])[] = [
  ['amqp', 5672, 0],
  ['amqps', 5671, 0],
  ['bgp', 179, 0],
  ['coap', 5683, 5683],
  ['coaps', 5684, 5684],
  ['domain', 53, 53],
  ['domain-s', 853, 853],
  ['etcd-client', 2379, 0],
  ['etcd-server', 2380, 0],
  ['ftp', 21, 0],
  ['git', 9418, 0],
  ['http', 80, 0],
  ['http-alt', 8080, 0],
  ['https', 443, 443],
  ['imap', 143, 0],
  ['imaps', 993, 0],
  ['ipp', 631, 0],
  ['irc', 194, 0],
  ['kerberos', 88, 88],
  ['ldap', 389, 389],
  ['ldaps', 636, 0],
  ['memcache', 11_211, 11_211],
  ['mongodb', 27_017, 0],
  ['mqtt', 1883, 0],
  ['ms-sql-s', 1433, 0],
  ['mysql', 3306, 0],
  ['nfs', 2049, 2049],
  ['nntp', 119, 0],
  ['ntp', 0, 123],
  ['pop3', 110, 0],
  ['pop3s', 995, 0],
  ['postgresql', 5432, 0],
  ['radius', 1812, 1812],
  ['redis', 6379, 0],
  ['rfb', 5900, 0],
  ['rsync', 873, 0],
  ['rtsp', 554, 554],
  ['secure-mqtt', 8883, 0],
  ['sip', 5060, 5060],
  ['sips', 5061, 5061],
  ['smtp', 25, 0],
  ['snmp', 161, 161],
  ['ssh', 22, 0],
  ['stun', 3478, 3478],
  ['submission', 587, 0],
  ['submissions', 465, 0],
  ['syslog', 0, 514],
  ['telnet', 23, 0],
  ['tftp', 0, 69],
  ['turn', 3478, 3478],
  ['xmpp-client', 5222, 0],
  ['xmpp-server', 5269, 0],
]

const NAMES = SERVICES.map(([name]) => bytesOf(name))
const TCP_PORTS = Uint16Array.from(SERVICES, ([, tcp]) => tcp)
const UDP_PORTS = Uint16Array.from(SERVICES, ([, , udp]) => udp)

const UNDERSCORE = 0x5f
const ZERO = 0x30
const NINE = 0x39
const PORT_MAX = 0xffff

const PROTOCOLS: readonly (readonly [name: Uint8Array, protocol: number])[] = [
  [bytesOf('tcp'), TCP],
  [bytesOf('udp'), UDP],
  [bytesOf('sctp'), SCTP],
]

/** The protocol that the label at `at` names (`_tcp`, in small letters), or NO_SERVICE. */
export function protocolOf(bytes: Uint8Array, at: number): number {
  if (!isService(bytes, at)) return NO_SERVICE
  for (let i = 0; i < PROTOCOLS.length; i++) {
    if (isName(PROTOCOLS[i]![0], bytes, at)) return PROTOCOLS[i]![1]
  }
  return NO_SERVICE
}

/** The port that the label at `at` names (`_http` or `_80`, in small letters) of this protocol, or NO_SERVICE. */
export function portOf(bytes: Uint8Array, at: number, protocol: number): number {
  if (!isService(bytes, at)) return NO_SERVICE
  const number = numberOf(bytes, at)
  if (number !== NO_SERVICE) return number
  for (let i = 0; i < NAMES.length; i++) {
    if (!isName(NAMES[i]!, bytes, at)) continue
    const port = protocol === TCP ? TCP_PORTS[i]! : protocol === UDP ? UDP_PORTS[i]! : 0
    return port === 0 ? NO_SERVICE : port
  }
  return NO_SERVICE
}

const isService = (bytes: Uint8Array, at: number): boolean => bytes[at]! > 1 && bytes[at + 1] === UNDERSCORE

/** Digits behind the underscore, as a port. */
function numberOf(bytes: Uint8Array, at: number): number {
  let number = 0
  for (let index = at + 2; index <= at + bytes[at]!; index++) {
    const byte = bytes[index]!
    if (byte < ZERO || byte > NINE) return NO_SERVICE
    number = number * 10 + byte - ZERO
    if (number > PORT_MAX) return NO_SERVICE
  }
  return number === 0 ? NO_SERVICE : number
}

function isName(name: Uint8Array, bytes: Uint8Array, at: number): boolean {
  if (bytes[at]! !== name.length + 1) return false
  for (let i = 0; i < name.length; i++) if (bytes[at + 2 + i] !== name[i]) return false
  return true
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0))
}
