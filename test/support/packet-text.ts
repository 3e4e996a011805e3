/**
 * IPv4 packets and ARP messages as a line of words, both ways:
 *
 *     tcp 10.1.0.2:4000>8.8.8.8:53 syn mss=1460     control bits joined by commas; 4000 and 53 are ports
 *     udp 10.1.0.2:4000>8.8.8.8:53 len=3000         len: bytes of payload (0 for tcp, 8 else)
 *     echo 10.1.0.2>10.1.0.1 id=7                   and `reply`
 *     proto=47 10.1.0.2>8.8.8.8                     anything else
 *     error=3/4 192.0.2.9>192.0.2.1 rest=1400 about udp 192.0.2.1:4000>8.8.8.8:53
 *     arp 10.1.0.2 asks 10.1.0.1                    `tells` is the reply
 *
 *     data=HEX                         the payload itself; of what leaves only its length is shown
 *     ttl=64  df  ident=7  opts=HEX    of the IPv4 header; what leaves is shown without the TTL that one hop leaves (63)
 *     cut=0-1480                       the fragment with these bytes of the datagram
 *     gso=1460  partial  nosum         a super-frame; a checksum left to do; UDP's left out
 *     via=ADDRESS                      the station that it is sent to: a gateway for what arrives, the destination for what leaves
 *     from=ADDRESS                     the station that sends it, where that is neither the source nor the gateway
 *     poke=OFFSET:HEX                  these bytes in the IPv4 header or behind it, before its checksum
 *     badip  badsum                    a wrong checksum
 *     short=N  padded=N                the frame has only N bytes; or so many more than the packet
 *     vlan=N                           a tag
 *
 * A station's MAC address is 02:42 and its IPv4 address.
 */

import assert from 'node:assert/strict'
import { VIRTIO_NET_HEADER_SIZE } from '../../src/datapath/frame-memory.ts'
import type { QueuedFrame } from '../../src/ports/memory-frame-io.ts'
import { formatIpv4, parseIpv4 } from '../../src/wire/address.ts'
import { be16, be32, type Ipv4FrameSpec, joined, PLAIN_IPV4, packetOf, upperOf } from './ipv4-frame.ts'
import { pattern } from './transport-frame.ts'
import { naiveChecksum, naiveSum } from './wire-bytes.ts'

export const MAC_HIGH = 0x0242
const ETHERNET = 14
const PROTOCOLS = { icmp: 1, tcp: 6, udp: 17 }
const CONTROL_BITS = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16 }
const GSO_TCPV4 = 1
const GSO_UDP_L4 = 5
const ECHO = 8

export function address(text: string): number {
  const value = parseIpv4(text)
  assert.ok(value !== undefined, `no address: ${text}`)
  return value
}

/** The words of one packet. */
class Words {
  readonly flags = new Set<string>()
  readonly #values = new Map<string, string>()

  constructor(words: readonly string[]) {
    for (const word of words) {
      const [, name, value] = /^([a-z]+)=(.+)$/.exec(word) ?? []
      if (name === undefined) this.flags.add(word)
      else this.#values.set(name, value!)
    }
  }

  text(name: string): string | undefined {
    return this.#values.get(name)
  }

  number(name: string, otherwise: number): number {
    return Number(this.#values.get(name) ?? otherwise)
  }
}

/** The frame that the words describe, from a station to the gateway unless they say otherwise. */
export function packetFrame(line: string, gateway: number): QueuedFrame {
  const words = line.trim().split(/\s+/)
  if (words[0] === 'arp') return arpFrame(words)
  const { packet, source, rest } = packetOfWords(words)
  const target = rest.text('via')
  const via = target === '*' ? undefined : target === undefined ? gateway : address(target)
  const from = rest.text('from') === undefined ? source : address(rest.text('from')!)
  const tag = rest.text('vlan') === undefined ? [] : [0x81, 0, ...be16(rest.number('vlan', 0))]
  const padding = new Uint8Array(rest.number('padded', 0)).fill(0x77)
  const frame = joined(macOf(via), macOf(from), tag, [0x08, 0x00], packet, padding)
  return {
    frame: frame.subarray(0, rest.number('short', frame.length)),
    virtioHeader: virtioHeaderOf(rest, packet),
  }
}

function packetOfWords(words: readonly string[]): { packet: Uint8Array; source: number; rest: Words } {
  const about = words.indexOf('about')
  const own = about < 0 ? words : words.slice(0, about)
  const quoted = about < 0 ? new Uint8Array() : packetOfWords(words.slice(about + 1)).packet.slice(0, 548)
  const [kind, ends, ...more] = own
  const rest = new Words(more)
  const spec = specOf(kind!, ends!, rest, quoted)
  const packet = packetOf(...cutOf(spec, rest))
  for (const [offset, bytes] of pokesOf(rest)) packet.set(bytes, offset)
  if (rest.flags.has('badsum')) packet[packet.length - 1]! ^= 0x55
  packet.set([0, 0], 10)
  const sum = naiveChecksum(packet.subarray(0, 20 + spec.ipOptions.length))
  packet.set(be16(rest.flags.has('badip') ? sum ^ 0x0101 : sum), 10)
  return { packet, source: spec.source, rest }
}

function specOf(kind: string, ends: string, rest: Words, quoted: Uint8Array): Ipv4FrameSpec {
  const [source, destination] = ends.split('>').map(endOf)
  const number = Number(/^proto=(\d+)$/.exec(kind)?.[1] ?? 0)
  const isIcmp = kind === 'echo' || kind === 'reply' || kind.startsWith('error=')
  const protocol = isIcmp ? PROTOCOLS.icmp : (PROTOCOLS[kind as keyof typeof PROTOCOLS] ?? number)
  const id = rest.number('id', 1)
  const controlBits = Object.entries(CONTROL_BITS).filter(([name]) => controlWords(rest).includes(name))
  const mss = rest.number('mss', 0)
  const left = rest.flags.has('partial') || rest.text('gso') !== undefined
  const spec: Ipv4FrameSpec = {
    ...PLAIN_IPV4,
    protocol,
    source: source!.address,
    destination: destination!.address,
    ports: isIcmp ? (id << 16) | id : (source!.port << 16) | destination!.port,
    checksum: left ? 'partial' : rest.flags.has('nosum') ? 'none' : 'whole',
    identification: rest.number('ident', 0),
    fragment: rest.flags.has('df') ? 0x4000 : 0,
    timeToLive: rest.number('ttl', 64),
    ipOptions: Uint8Array.from(Buffer.from(rest.text('opts') ?? '', 'hex')),
    tcpOptions: mss === 0 ? new Uint8Array() : Uint8Array.from([2, 4, ...be16(mss)]),
    controlBits: controlBits.reduce((sum, [, bit]) => sum | bit, 0),
    icmpType: kind === 'reply' ? 0 : ECHO,
    payload: payloadOf(rest, protocol),
  }
  return kind.startsWith('error=') ? errorSpec(spec, kind.slice(6), rest.number('rest', 0), quoted) : spec
}

function payloadOf(rest: Words, protocol: number): Uint8Array {
  const data = rest.text('data')
  if (data !== undefined) return Uint8Array.from(Buffer.from(data, 'hex'))
  return pattern(rest.number('len', protocol === PROTOCOLS.tcp ? 0 : 8))
}

/** An ICMP error as a packet of unknown content, for the model of packets has only echoes. */
function errorSpec(
  spec: Ipv4FrameSpec,
  typeAndCode: string,
  last: number,
  quoted: Uint8Array,
): Ipv4FrameSpec {
  const message = joined(typeAndCode.split('/').map(Number), [0, 0], be32(last), quoted)
  message.set(be16(naiveChecksum(message)), 2)
  return { ...spec, protocol: PROTOCOLS.icmp, payload: message, icmpType: NaN }
}

function cutOf(spec: Ipv4FrameSpec, rest: Words): [Ipv4FrameSpec, Uint8Array] {
  const upper = Number.isNaN(spec.icmpType) ? spec.payload : upperOf(spec)
  const [, first, last] = /^(\d+)-(\d+)$/.exec(rest.text('cut') ?? '') ?? []
  if (first === undefined) return [spec, upper]
  const more = Number(last) < upper.length ? 0x2000 : 0
  const fragment = spec.fragment | more | (Number(first) >> 3)
  return [{ ...spec, fragment }, upper.subarray(Number(first), Number(last))]
}

function pokesOf(rest: Words): [number, Uint8Array][] {
  const text = rest.text('poke')
  if (text === undefined) return []
  return text.split(',').map((poke) => {
    const [offset, bytes] = poke.split(':')
    return [Number(offset), Buffer.from(bytes!, 'hex')]
  })
}

const controlWords = (rest: Words): string[] => [...rest.flags].flatMap((flag) => flag.split(','))

function endOf(text: string): { address: number; port: number } {
  const [host, port] = text.split(':')
  return { address: address(host!), port: Number(port ?? 0) }
}

const macOf = (station: number | undefined): number[] =>
  station === undefined ? Array<number>(6).fill(0xff) : [0x02, 0x42, ...be32(station)]

function virtioHeaderOf(rest: Words, packet: Uint8Array): Uint8Array {
  const header = new Uint8Array(VIRTIO_NET_HEADER_SIZE)
  const gso = rest.number('gso', 0)
  if (!rest.flags.has('partial') && gso === 0) return header
  const transport = ETHERNET + (packet[0]! & 15) * 4
  const isUdp = packet[9] === PROTOCOLS.udp
  const view = new DataView(header.buffer)
  view.setUint8(0, 1)
  view.setUint8(1, gso === 0 ? 0 : isUdp ? GSO_UDP_L4 : GSO_TCPV4)
  view.setUint16(4, gso, true)
  view.setUint16(6, rest.number('start', transport), true)
  const field = { [PROTOCOLS.icmp]: 2, [PROTOCOLS.tcp]: 16, [PROTOCOLS.udp]: 6 }[packet[9]!] ?? 0
  view.setUint16(8, rest.number('field', field), true)
  return header
}

function arpFrame([, sender, verb, target, ...more]: readonly string[]): QueuedFrame {
  const rest = new Words(more)
  const isReply = verb === 'tells'
  const from = address(rest.text('from') ?? sender!)
  const to = rest.text('via') ?? (isReply ? target : undefined)
  const asks = isReply ? macOf(address(target!)) : Array<number>(6).fill(0)
  const frame = joined(
    macOf(to === undefined ? undefined : address(to)),
    macOf(from),
    [8, 6, 0, 1, 8, 0, 6, 4, 0, isReply ? 2 : 1],
    macOf(from),
    be32(address(sender!)),
    asks,
    be32(address(target!)),
  )
  return { frame, virtioHeader: new Uint8Array(VIRTIO_NET_HEADER_SIZE) }
}

/**
 * The line of a frame that left. Fails where a length or a checksum is wrong, or a super-frame's request does not fit it. `gateway` is the
 * address of the router's own interface there.
 */
export function packetLine({ frame, virtioHeader }: QueuedFrame, gateway: number | undefined): string {
  const bytes = Buffer.from(frame)
  const type = bytes.readUInt16BE(12)
  if (type === 0x0806) return arpLine(bytes)
  if (type !== 0x0800) return `type ${type.toString(16)} ${bytes.length} bytes`
  const packet = bytes.subarray(ETHERNET)
  const virtio = new DataView(virtioHeader.buffer, virtioHeader.byteOffset, VIRTIO_NET_HEADER_SIZE)
  const words = packetWords(packet, virtio)
  const target = bytes.readInt32BE(2)
  const source = bytes.readInt32BE(8)
  assert.equal(bytes.readUInt16BE(6), MAC_HIGH, 'the source is a station')
  if (bytes.readUInt16BE(0) !== MAC_HIGH) words.push('via=*')
  else if (target !== packet.readInt32BE(16)) words.push(`via=${formatIpv4(target)}`)
  if (source !== gateway && source !== packet.readInt32BE(12)) words.push(`from=${formatIpv4(source)}`)
  const padding = packet.length - packet.readUInt16BE(2)
  if (padding > 0) words.push(`padded=${padding}`)
  return words.join(' ')
}

function arpLine(bytes: Buffer): string {
  assert.equal(bytes.length, 42)
  const reply = bytes.readUInt16BE(20) === 2
  const sender = formatIpv4(bytes.readInt32BE(28))
  const words = ['arp', sender, reply ? 'tells' : 'asks', formatIpv4(bytes.readInt32BE(38))]
  assert.equal(bytes.readInt32BE(8), bytes.readInt32BE(24), 'ARP names the station that sends it')
  if (formatIpv4(bytes.readInt32BE(24)) !== sender) words.push(`from=${formatIpv4(bytes.readInt32BE(24))}`)
  const isBroadcast = bytes.readUInt16BE(0) === 0xffff
  const target = formatIpv4(bytes.readInt32BE(2))
  if (isBroadcast ? reply : target !== words[3] || !reply) words.push(`via=${isBroadcast ? '*' : target}`)
  return words.join(' ')
}

function packetWords(packet: Buffer, virtio: DataView): string[] {
  const size = (packet[0]! & 15) * 4
  assert.equal(packet[0]! >> 4, 4)
  assert.ok(packet.readUInt16BE(2) <= packet.length, 'the packet is in the frame')
  assert.equal(naiveChecksum(packet.subarray(0, size)), 0, 'the header checksum is right')
  const fragment = packet.readUInt16BE(6)
  const upper = packet.subarray(size, packet.readUInt16BE(2))
  const words = upperWords(packet, upper, virtio)
  const start = (fragment & 0x1fff) << 3
  if ((fragment & 0x3fff) !== 0) {
    words.push(`cut=${start}-${start + upper.length}${(fragment & 0x2000) === 0 ? '' : '+'}`)
  }
  if ((fragment & 0x4000) !== 0) words.push('df')
  if (packet.readUInt16BE(4) !== 0) words.push(`ident=${packet.readUInt16BE(4)}`)
  if (size > 20) words.push(`opts=${packet.toString('hex', 20, size)}`)
  if (packet[8] !== 63) words.push(`ttl=${packet[8]}`)
  return words
}

function upperWords(packet: Buffer, upper: Buffer, virtio: DataView): string[] {
  const protocol = packet[9]!
  const source = formatIpv4(packet.readInt32BE(12))
  const destination = formatIpv4(packet.readInt32BE(16))
  const fragment = packet.readUInt16BE(6) & 0x3fff
  const name = Object.entries(PROTOCOLS).find(([, number]) => number === protocol)?.[0] ?? `proto=${protocol}`
  if ((fragment & 0x1fff) > 0) return [name, `${source}>${destination}`]
  if (fragment === 0) checkUpper(packet, upper, virtio)
  if (protocol === PROTOCOLS.icmp) return icmpWords(upper, `${source}>${destination}`)
  if (protocol !== PROTOCOLS.tcp && protocol !== PROTOCOLS.udp) return [name, `${source}>${destination}`]
  const words = [name, `${source}:${upper.readUInt16BE(0)}>${destination}:${upper.readUInt16BE(2)}`]
  const isTcp = protocol === PROTOCOLS.tcp
  const headerSize = isTcp ? (upper[12]! >> 4) * 4 : 8
  if (isTcp) {
    words.push(...tcpWords(upper, headerSize))
  } else if (upper.readUInt16BE(6) === 0) words.push('nosum')
  const payload = upper.subarray(headerSize)
  if (payload.length !== (isTcp ? 0 : 8)) words.push(`len=${payload.length}`)
  if (virtio.getUint16(4, true) > 0) words.push(`gso=${virtio.getUint16(4, true)}`)
  else if (virtio.getUint8(0) === 1) words.push('partial')
  return words
}

function tcpWords(upper: Buffer, headerSize: number): string[] {
  const bits = Object.entries(CONTROL_BITS).filter(([, bit]) => (upper[13]! & bit) !== 0)
  const words = bits.length > 0 ? [bits.map(([bit]) => bit).join(',')] : []
  if (headerSize >= 24 && upper[20] === 2) words.push(`mss=${upper.readUInt16BE(22)}`)
  return words
}

function icmpWords(upper: Buffer, ends: string): string[] {
  const [type, code] = upper
  if (type === 0 || type === ECHO) {
    const length = upper.length - 8
    const words = [type === 0 ? 'reply' : 'echo', ends, `id=${upper.readUInt16BE(4)}`]
    return length === 8 ? words : [...words, `len=${length}`]
  }
  const rest = upper.readUInt32BE(4)
  return [
    `error=${type}/${code}`,
    ends,
    ...(rest === 0 ? [] : [`rest=${rest}`]),
    'about',
    ...quoted(upper.subarray(8)),
  ]
}

/** What an error quotes, as far as it tells which flow it is about. */
function quoted(packet: Buffer): string[] {
  const size = (packet[0]! & 15) * 4
  const source = formatIpv4(packet.readInt32BE(12))
  const destination = formatIpv4(packet.readInt32BE(16))
  const protocol = packet[9]!
  const bad = naiveChecksum(packet.subarray(0, size)) === 0 ? [] : ['badip']
  if (protocol === PROTOCOLS.icmp) {
    return [
      packet[size] === 0 ? 'reply' : 'echo',
      `${source}>${destination}`,
      `id=${packet.readUInt16BE(size + 4)}`,
      ...bad,
    ]
  }
  const name = Object.entries(PROTOCOLS).find(([, number]) => number === protocol)?.[0]
  if (name === undefined) return [`proto=${protocol}`, `${source}>${destination}`, ...bad]
  return [
    name,
    `${source}:${packet.readUInt16BE(size)}>${destination}:${packet.readUInt16BE(size + 2)}`,
    ...bad,
  ]
}

/** Checksums finished are right, and those left to do have the pseudo-header's sum. */
export function checkUpper(packet: Buffer, upper: Buffer, virtio: DataView): void {
  const protocol = packet[9]!
  const field = { [PROTOCOLS.icmp]: 2, [PROTOCOLS.tcp]: 16, [PROTOCOLS.udp]: 6 }[protocol]
  if (field === undefined) return
  const pseudo =
    protocol === PROTOCOLS.icmp
      ? new Uint8Array()
      : joined(packet.subarray(12, 20), [0, protocol], be16(upper.length))
  const checksum = upper.readUInt16BE(field)
  const isLeft = virtio.getUint8(0) === 1
  if (isLeft) {
    assert.equal(
      virtio.getUint16(6, true),
      ETHERNET + (packet[0]! & 15) * 4,
      'the request is about this header',
    )
    assert.equal(virtio.getUint16(8, true), field, 'and its checksum')
    assert.equal(
      checksum % 0xffff,
      naiveSum(pseudo) % 0xffff,
      'the unfinished checksum has the pseudo-header',
    )
  } else if (checksum !== 0 || protocol !== PROTOCOLS.udp) {
    assert.equal(naiveChecksum(pseudo, upper) % 0xffff, 0, 'the upper checksum is right')
  }
}
