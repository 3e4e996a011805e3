/**
 * A capture as it might be taken on a busy network, made from a seed: the same seed gives the same file. Conversations of TCP (with handshakes,
 * options, requests of HTTP, full segments and their acknowledgments), questions and answers of DNS, UDP of a call, pings and ARP, all with right
 * checksums. Frames have 42 to 1514 bytes, some 600 on average, as links between a data centre and the Internet have.
 */

import { closeSync, openSync, writeSync } from 'node:fs'
import { PcapWriter } from '../../src/inspect/pcap/pcap-writer.ts'
import { PcapngWriter } from '../../src/inspect/pcap/pcapng-writer.ts'
import { formatIpv4, formatMac } from '../../src/wire/address.ts'
import * as arp from '../../src/wire/arp.ts'
import * as checksum from '../../src/wire/checksum.ts'
import { composeQuery } from '../../src/wire/dns-message.ts'
import { encodeName } from '../../src/wire/dns-name.ts'
import * as ethernet from '../../src/wire/ethernet.ts'
import * as icmp from '../../src/wire/icmp.ts'
import * as ipProtocol from '../../src/wire/ip-protocol.ts'
import * as ipv4 from '../../src/wire/ipv4.ts'
import * as tcp from '../../src/wire/tcp.ts'
import * as udp from '../../src/wire/udp.ts'
import { Random } from './random.ts'

export interface CaptureFileSettings {
  /** Bytes that the file is to have at least; it has at most half a megabyte more. */
  readonly size: number
  readonly seed: number
  readonly format: 'pcap' | 'pcapng'
  /** Of classic pcap, for programs that know no nanoseconds. */
  readonly microseconds?: boolean | undefined
}

/** Frames that are made; the file repeats them, at other times. More than caches hold, and soon made. */
const FRAMES = 32_768

const FIRST_SECOND = 1_700_000_000
const NANOSECONDS_BETWEEN_MAX = 20_000

/** Writes the file, over what was there; packets of it. */
export function writeCaptureFile(path: string, settings: CaptureFileSettings): number {
  const { size, seed, format, microseconds } = settings
  const traffic = new TrafficMaker(seed)
  const random = new Random(seed)
  const descriptor = openSync(path, 'w')
  const progress = { written: 0 }
  const sink = (bytes: Uint8Array): void => {
    for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at)
    progress.written += bytes.length
  }
  try {
    const { packet, flush } = format === 'pcap' ? pcapOf(sink, microseconds ?? false) : pcapngOf(sink)
    let packets = 0
    let seconds = FIRST_SECOND
    let nanoseconds = 0
    while (progress.written < size) {
      packet(seconds, nanoseconds, traffic.frame(packets++ % FRAMES))
      nanoseconds += random.below(NANOSECONDS_BETWEEN_MAX)
      if (nanoseconds >= 1_000_000_000) {
        nanoseconds -= 1_000_000_000
        seconds++
      }
    }
    flush()
    return packets
  } finally {
    closeSync(descriptor)
  }
}

interface AnyWriter {
  readonly packet: (seconds: number, nanoseconds: number, frame: Uint8Array) => void
  readonly flush: () => void
}

function pcapOf(sink: (bytes: Uint8Array) => void, microseconds: boolean): AnyWriter {
  const writer = new PcapWriter(sink, { microseconds })
  return {
    packet: (seconds, nanoseconds, frame) =>
      writer.packet(seconds, nanoseconds, frame, 0, frame.length, frame.length),
    flush: () => writer.flush(),
  }
}

function pcapngOf(sink: (bytes: Uint8Array) => void): AnyWriter {
  const writer = new PcapngWriter(sink)
  const id = writer.addInterface({ name: 'bench0' })
  return {
    packet: (seconds, nanoseconds, frame) =>
      writer.packet(id, seconds, nanoseconds, frame, 0, frame.length, frame.length),
    flush: () => writer.flush(),
  }
}

/** One end of a conversation. */
interface Host {
  readonly mac: string
  readonly address: string
}

const HOSTS = 200
const SERVERS = 50
const PAYLOAD_MAX = 1448

/** Of DNS (RFC 1035, 3.2.2 and 4.1.1): a host's address, and that recursion is desired. */
const TYPE_A = 1
const FLAG_RD = 0x0100
const NO_OPTIONS = new Uint8Array(0)

/** Options as Linux sends them (RFC 9293, RFC 7323): MSS 1460, SACK permitted, timestamps, scale 7; and timestamps alone. */
const SYN_OPTIONS = Uint8Array.of(2, 4, 5, 180, 4, 2, 8, 10, 0, 1, 2, 3, 0, 0, 0, 0, 1, 3, 3, 7)
const TIMESTAMPS = Uint8Array.of(1, 1, 8, 10, 0, 1, 2, 4, 0, 5, 6, 7)

const REQUEST = text(
  'GET /index.html HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: bench/1.0\r\nAccept: */*\r\n\r\n',
)
const RESPONSE = text('HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 100000\r\n\r\n')

class TrafficMaker {
  readonly #random: Random
  readonly #made: Uint8Array[] = []
  #identification = 1

  constructor(seed: number) {
    this.#random = new Random(seed)
  }

  /** The frame of this number, made with all before it: whole conversations one after the other. */
  frame(number: number): Uint8Array {
    while (this.#made.length <= number) this.#converse()
    return this.#made[number]!
  }

  #converse(): void {
    const client = host(0x0a00_0000, this.#random.below(HOSTS))
    const server = host(0xc633_6400, this.#random.below(SERVERS))
    const kind = this.#random.below(20)
    if (kind < 9) this.#download(client, server)
    else if (kind < 14) this.#name(client, server)
    else if (kind < 16) this.#call(client, server)
    else if (kind < 18) this.#ping(client, server)
    else this.#ask(client, server)
  }

  #download(client: Host, server: Host): void {
    const port = 32_768 + this.#random.below(28_000)
    const web = this.#random.below(2) === 0 ? 80 : 443
    let clientAt = this.#random.next() >>> 0
    let serverAt = this.#random.next() >>> 0
    const up = (bits: number, payload: Uint8Array, options = TIMESTAMPS): void => {
      this.#tcp(
        client,
        server,
        port,
        web,
        clientAt,
        (bits & tcp.ACK) === 0 ? 0 : serverAt,
        bits,
        options,
        payload,
      )
      clientAt = (clientAt + payload.length + ((bits & (tcp.SYN | tcp.FIN)) === 0 ? 0 : 1)) >>> 0
    }
    const down = (bits: number, payload: Uint8Array, options = TIMESTAMPS): void => {
      this.#tcp(server, client, web, port, serverAt, clientAt, bits, options, payload)
      serverAt = (serverAt + payload.length + ((bits & (tcp.SYN | tcp.FIN)) === 0 ? 0 : 1)) >>> 0
    }
    const nothing = new Uint8Array(0)
    up(tcp.SYN, nothing, SYN_OPTIONS)
    down(tcp.SYN | tcp.ACK, nothing, SYN_OPTIONS)
    up(tcp.ACK, nothing)
    up(tcp.PSH | tcp.ACK, web === 80 ? REQUEST : this.#noise(517))
    down(tcp.ACK, nothing)
    down(tcp.PSH | tcp.ACK, web === 80 ? RESPONSE : this.#noise(1200))
    for (let segments = this.#random.below(24); segments > 0; segments--) {
      down(tcp.ACK, this.#noise(segments === 1 ? 1 + this.#random.below(PAYLOAD_MAX) : PAYLOAD_MAX))
      if (segments % 2 === 0) up(tcp.ACK, nothing)
    }
    down(tcp.FIN | tcp.ACK, nothing)
    up(tcp.FIN | tcp.ACK, nothing)
    down(tcp.ACK, nothing)
  }

  #name(client: Host, server: Host): void {
    const port = 32_768 + this.#random.below(28_000)
    const id = this.#random.below(0x10000)
    const name = encodeName(`host-${this.#random.below(1000)}.example.com`)!
    const question = composeQuery({ id, name, type: TYPE_A, flags: FLAG_RD })
    this.#udp(client, server, port, 53, question)
    // The same, as a response with one record of type A, whose owner is the question's name at byte 12.
    const record = Uint8Array.of(
      0xc0,
      12,
      0,
      1,
      0,
      1,
      0,
      0,
      0,
      60,
      0,
      4,
      198,
      51,
      100,
      this.#random.below(256),
    )
    const answer = Uint8Array.from([...question, ...record])
    answer[2] = 0x81
    answer[3] = 0x80
    answer[7] = 1
    this.#udp(server, client, 53, port, answer)
  }

  #call(client: Host, server: Host): void {
    // Between the ports that tcpdump takes for those of AppleTalk (16512 to 16639) and of access points (12222).
    const port = 14_000 + this.#random.below(2_000)
    for (let times = 4; times > 0; times--) {
      this.#udp(client, server, port, 5004, this.#noise(172))
      this.#udp(server, client, 5004, port, this.#noise(172))
    }
  }

  #ping(client: Host, server: Host): void {
    const rest = this.#random.next() >>> 0
    const data = this.#noise(56)
    for (const [from, to, type] of [
      [client, server, icmp.TYPE_ECHO],
      [server, client, icmp.TYPE_ECHO_REPLY],
    ] as const) {
      const { frame, view, at } = this.#ipv4(from, to, ipProtocol.ICMP, icmp.HEADER_SIZE + data.length)
      icmp.emit({ type, code: 0, checksum: 0, rest }, view, at)
      frame.set(data, at + icmp.HEADER_SIZE)
      icmp.fillChecksum(view, at, frame.length)
    }
  }

  #ask(client: Host, server: Host): void {
    const request = new Uint8Array(ethernet.HEADER_SIZE + arp.PACKET_SIZE)
    this.#arp(request, arp.OPERATION_REQUEST, client, server, 'ff:ff:ff:ff:ff:ff', '00:00:00:00:00:00')
    // Filled up to the smallest frame, as real network cards do with what they send.
    const reply = new Uint8Array(60)
    this.#arp(reply, arp.OPERATION_REPLY, server, client, client.mac, client.mac)
  }

  #arp(
    frame: Uint8Array,
    operation: number,
    from: Host,
    to: Host,
    target: string,
    targetHardware: string,
  ): void {
    const view = new DataView(frame.buffer)
    const etherType = ethernet.TYPE_ARP
    const at = ethernet.emit({ target, source: from.mac, etherType }, view, 0)
    const sender = { senderHardware: from.mac, senderProtocol: from.address }
    arp.emit({ operation, ...sender, targetHardware, targetProtocol: to.address }, view, at)
    this.#made.push(frame)
  }

  #tcp(
    from: Host,
    to: Host,
    sourcePort: number,
    destinationPort: number,
    sequenceNumber: number,
    acknowledgmentNumber: number,
    controlBits: number,
    options: Uint8Array,
    payload: Uint8Array,
  ): void {
    const length = tcp.MIN_HEADER_SIZE + options.length + payload.length
    const { frame, view, header, at } = this.#ipv4(from, to, ipProtocol.TCP, length)
    const ports = { sourcePort, destinationPort }
    const numbers = { sequenceNumber, acknowledgmentNumber }
    const size = tcp.emit(
      { ...ports, ...numbers, controlBits, window: 502, checksum: 0, urgentPointer: 0, options },
      view,
      at,
    )
    frame.set(payload, at + size)
    const pseudoHeader = checksum.pseudoHeaderIpv4(view, header, ipProtocol.TCP, length)
    tcp.fillChecksum(view, at, frame.length, pseudoHeader)
  }

  #udp(from: Host, to: Host, sourcePort: number, destinationPort: number, payload: Uint8Array): void {
    const length = udp.HEADER_SIZE + payload.length
    const { frame, view, header, at } = this.#ipv4(from, to, ipProtocol.UDP, length)
    udp.emit({ sourcePort, destinationPort, length, checksum: 0 }, view, at)
    frame.set(payload, at + udp.HEADER_SIZE)
    udp.fillChecksum(view, at, checksum.pseudoHeaderIpv4(view, header, ipProtocol.UDP, length))
  }

  /** A frame with room for `length` bytes at `at`, behind its IPv4 header at `header`. */
  #ipv4(
    from: Host,
    to: Host,
    protocol: number,
    length: number,
  ): { frame: Uint8Array; view: DataView; header: number; at: number } {
    const frame = new Uint8Array(ethernet.HEADER_SIZE + ipv4.MIN_HEADER_SIZE + length)
    const view = new DataView(frame.buffer)
    const etherType = ethernet.TYPE_IPV4
    const header = ethernet.emit({ target: to.mac, source: from.mac, etherType }, view, 0)
    const size = ipv4.emit(
      {
        dscp: 0,
        ecn: 0,
        totalLength: ipv4.MIN_HEADER_SIZE + length,
        identification: this.#identification++ & 0xffff,
        dontFragment: true,
        moreFragments: false,
        fragmentOffset: 0,
        timeToLive: 64,
        protocol,
        source: from.address,
        destination: to.address,
        options: NO_OPTIONS,
      },
      view,
      header,
    )
    this.#made.push(frame)
    return { frame, view, header, at: header + size }
  }

  #noise(length: number): Uint8Array {
    const words = new Int32Array((length + 3) >> 2)
    for (let i = 0; i < words.length; i++) words[i] = this.#random.next()
    return new Uint8Array(words.buffer, 0, length)
  }
}

const host = (network: number, number: number): Host => ({
  mac: formatMac(0x0242, (network + number + 2) | 0),
  address: formatIpv4((network + number + 2) | 0),
})

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value)
}
