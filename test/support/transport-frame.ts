/**
 * TCP and UDP frames for tests, finished or as a kernel with offloads hands them to a TAP: a whole super-frame with
 * the sum of its pseudo-header only.
 */

import assert from 'node:assert/strict'
import { VIRTIO_NET_HEADER_SIZE } from '../../src/datapath/frame-memory.ts'
import type { QueuedFrame } from '../../src/ports/memory-frame-io.ts'
import * as checksum from '../../src/wire/checksum.ts'
import * as ethernet from '../../src/wire/ethernet.ts'
import * as ipProtocol from '../../src/wire/ip-protocol.ts'
import * as ipv4 from '../../src/wire/ipv4.ts'
import * as ipv6 from '../../src/wire/ipv6.ts'
import * as tcp from '../../src/wire/tcp.ts'
import * as udp from '../../src/wire/udp.ts'
import * as virtioNet from '../../src/wire/virtio-net.ts'
import * as vlan from '../../src/wire/vlan.ts'
import { macText } from './frame-text.ts'

export interface TransportFrameOptions {
  readonly protocol: 'tcp' | 'udp'
  readonly version: 4 | 6
  readonly payload: Uint8Array
  /** As in a scenario: a letter, *, or written out. */
  readonly target: string
  readonly source: string
  /** Finished, without its checksum, or with gso_size set. */
  readonly left?: 'nothing' | 'checksum' | 'segmentation'
  readonly gsoSize?: number
  /** VLAN identifiers, outermost first. */
  readonly tags?: readonly number[]
  readonly controlBits?: number
  readonly sequenceNumber?: number
}

/** What `transportFrame` has built and a receiver would read from it. */
export interface TransportContent {
  readonly headersSize: number
  readonly identification: number
  readonly sequenceNumber: number
  readonly controlBits: number
  readonly payload: Uint8Array
}

export function transportFrame(options: TransportFrameOptions): QueuedFrame {
  const { protocol, version, payload, tags = [], left = 'nothing' } = options
  const transportSize = protocol === 'tcp' ? tcp.MIN_HEADER_SIZE : udp.HEADER_SIZE
  const networkSize = version === 4 ? ipv4.MIN_HEADER_SIZE : ipv6.HEADER_SIZE
  const network = ethernet.HEADER_SIZE + tags.length * vlan.TAG_SIZE
  const transport = network + networkSize
  const length = transport + transportSize + payload.length
  const frame = new Uint8Array(length)
  const view = new DataView(frame.buffer)

  putEthernet(view, options, tags)
  putNetwork(view, network, version, protocol, transportSize + payload.length)
  frame.set(payload, transport + transportSize)
  const pseudoHeader = pseudoHeaderOf(view, network, version, protocol, transportSize + payload.length)
  putTransport(view, transport, options, transportSize + payload.length, pseudoHeader)
  if (left === 'nothing') {
    if (protocol === 'tcp') tcp.fillChecksum(view, transport, length, pseudoHeader)
    else udp.fillChecksum(view, transport, pseudoHeader)
  }

  const virtioHeader = new Uint8Array(VIRTIO_NET_HEADER_SIZE)
  if (left !== 'nothing') putVirtio(new DataView(virtioHeader.buffer), options, transport, transportSize)
  return { frame, virtioHeader }
}

/** Reads a finished frame; asserts that all its lengths and checksums are right, and nothing is left to do. */
export function readFinished({ frame, virtioHeader }: QueuedFrame): TransportContent {
  assert.deepEqual([...virtioHeader], Array<number>(VIRTIO_NET_HEADER_SIZE).fill(0), 'nothing is left to do')
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength)
  const end = frame.length
  const tags = vlan.tagsSize(view, 0, end)
  const network = ethernet.HEADER_SIZE + tags
  const version = ethernet.etherType(view, tags) === ethernet.TYPE_IPV4 ? 4 : 6
  let transport = network + ipv6.HEADER_SIZE
  if (version === 4) {
    const header = ipv4.parse(view, network, end)
    assert.equal(header?.totalLength, end - network, 'the IPv4 header is right')
    transport = network + ipv4.headerSize(view, network)
  } else {
    assert.equal(ipv6.parse(view, network, end)?.payloadLength, end - transport, 'the IPv6 header is right')
  }
  const isTcp =
    (version === 4 ? ipv4.protocol(view, network) : ipv6.nextHeader(view, network)) === ipProtocol.TCP
  const protocol = isTcp ? 'tcp' : 'udp'
  const pseudoHeader = pseudoHeaderOf(view, network, version, protocol, end - transport)
  const valid = isTcp
    ? tcp.checksumValid(view, transport, end, pseudoHeader)
    : udp.checksumValid(view, transport, pseudoHeader)
  assert.ok(valid, `the ${protocol} checksum is right`)
  if (!isTcp) assert.equal(udp.length(view, transport), end - transport, 'the UDP length is right')
  const headersSize = transport + (isTcp ? tcp.headerSize(view, transport) : udp.HEADER_SIZE)
  return {
    headersSize,
    identification: version === 4 ? ipv4.identification(view, network) : 0,
    sequenceNumber: isTcp ? tcp.sequenceNumber(view, transport) : 0,
    controlBits: isTcp ? tcp.controlBits(view, transport) : 0,
    payload: frame.subarray(headersSize),
  }
}

/** Bytes that no shift, swap or repetition leaves alike. */
export function pattern(length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  let state = 0x2545f491
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    bytes[i] = state >>> 24
  }
  return bytes
}

function putEthernet(view: DataView, options: TransportFrameOptions, tags: readonly number[]): void {
  const etherType = options.version === 4 ? ethernet.TYPE_IPV4 : ethernet.TYPE_IPV6
  ethernet.emit({ target: macText(options.target), source: macText(options.source), etherType }, view, 0)
  for (const [index, id] of tags.entries()) {
    const protocol = index < tags.length - 1 ? ethernet.TYPE_SERVICE_VLAN : ethernet.TYPE_VLAN
    const tag = vlan.firstTag(0) + index * vlan.TAG_SIZE
    vlan.emit({ protocol, priority: 0, dropEligible: false, id }, view, tag)
  }
  ethernet.setEtherType(view, tags.length * vlan.TAG_SIZE, etherType)
}

function putNetwork(
  view: DataView,
  offset: number,
  version: 4 | 6,
  protocol: 'tcp' | 'udp',
  length: number,
): void {
  const number = protocol === 'tcp' ? ipProtocol.TCP : ipProtocol.UDP
  if (version === 6) {
    const source = 'fd00::1'
    const destination = 'fd00::2'
    const header = {
      trafficClass: 0,
      flowLabel: 0x12345,
      payloadLength: length,
      nextHeader: number,
      hopLimit: 64,
    }
    ipv6.emit({ ...header, source, destination }, view, offset)
    return
  }
  ipv4.emit(
    {
      dscp: 0,
      ecn: 0,
      totalLength: ipv4.MIN_HEADER_SIZE + length,
      identification: 0xfffe,
      dontFragment: true,
      moreFragments: false,
      fragmentOffset: 0,
      timeToLive: 64,
      protocol: number,
      source: '10.1.0.2',
      destination: '10.1.0.3',
      options: new Uint8Array(0),
    },
    view,
    offset,
  )
}

function putTransport(
  view: DataView,
  offset: number,
  options: TransportFrameOptions,
  length: number,
  partial: number,
): void {
  const ports = { sourcePort: 40_000, destinationPort: 5201 }
  if (options.protocol === 'udp') {
    udp.emit({ ...ports, length, checksum: partial }, view, offset)
    return
  }
  tcp.emit(
    {
      ...ports,
      sequenceNumber: options.sequenceNumber ?? 0xffff_f000,
      acknowledgmentNumber: 7,
      controlBits: options.controlBits ?? tcp.ACK,
      window: 502,
      checksum: partial,
      urgentPointer: 0,
      options: new Uint8Array(0),
    },
    view,
    offset,
  )
}

function putVirtio(
  view: DataView,
  options: TransportFrameOptions,
  transport: number,
  transportSize: number,
): void {
  const isTcp = options.protocol === 'tcp'
  const tcpType = options.version === 4 ? virtioNet.GSO_TCPV4 : virtioNet.GSO_TCPV6
  const segmented = options.left === 'segmentation'
  virtioNet.emit(
    {
      flags: virtioNet.FLAG_NEEDS_CSUM,
      gsoType: segmented ? (isTcp ? tcpType : virtioNet.GSO_UDP_L4) : virtioNet.GSO_NONE,
      headerLength: transport + transportSize,
      gsoSize: segmented ? (options.gsoSize ?? 0) : 0,
      checksumStart: transport,
      checksumOffset: isTcp ? tcp.CHECKSUM_OFFSET : udp.CHECKSUM_OFFSET,
    },
    view,
    0,
  )
}

function pseudoHeaderOf(
  view: DataView,
  network: number,
  version: 4 | 6,
  protocol: 'tcp' | 'udp',
  length: number,
): number {
  const number = protocol === 'tcp' ? ipProtocol.TCP : ipProtocol.UDP
  return version === 4
    ? checksum.pseudoHeaderIpv4(view, network, number, length)
    : checksum.pseudoHeaderIpv6(view, network, number, length)
}
