/** A capture of many frames between the sandboxes of a lab, written once and then replayed. */

import { closeSync, openSync, writeSync } from 'node:fs'
import { Direction } from '../../src/inspect/pcap/capture-file.ts'
import { PcapngWriter } from '../../src/inspect/pcap/pcapng-writer.ts'
import * as arp from '../../src/wire/arp.ts'
import * as ethernet from '../../src/wire/ethernet.ts'
import { UDP } from '../../src/wire/ip-protocol.ts'
import * as ipv4 from '../../src/wire/ipv4.ts'
import * as udp from '../../src/wire/udp.ts'

export const LAB = `
name: replay
networks:
  lan: { subnet: 10.1.0.0/24 }
  internet: { subnet: 203.0.113.0/24, options: { tapwire.uplink: "true" } }
sandboxes:
  alice: { networks: [lan] }
  bob: { networks: [lan] }
  erin: { networks: [internet] }
`

/** Where frames go: to a neighbour by the switch, or out by the router with its address. */
export type Way = 'switched' | 'translated'

/** Bytes of each frame, and of those that go out the flows that they belong to. */
const FRAME = 100
const FLOWS = 64
/** Frames a second of the capture's own time. */
const RATE = 100_000
/** Frames between two answers to ARP: the router asks again every 30 s. */
const ANSWERS = 20 * RATE
const NS_PER_S = 1_000_000_000
const EPOCH_S = 1_000_000_000

const ALICE = { mac: '02:42:0a:01:00:02', address: '10.1.0.2' }
const BOB = { mac: '02:42:0a:01:00:03', address: '10.1.0.3' }
const ERIN = { mac: '02:42:cb:00:71:02', address: '203.0.113.2' }
const GATEWAY = { mac: '02:42:0a:01:00:01', address: '10.1.0.1' }
const OUTSIDE = { mac: '02:42:cb:00:71:01', address: '203.0.113.1' }

/** Writes `frames` frames to the file. */
export function writeCapture(path: string, way: Way, frames: number): void {
  const descriptor = openSync(path, 'w')
  const writer = new PcapngWriter((bytes) => void writeSync(descriptor, bytes), { application: 'bench' })
  const id = writer.addInterface({ name: 'any' })
  const flows = Array.from({ length: FLOWS }, (_, flow) =>
    way === 'switched' ? datagram(BOB, BOB.mac, 5000 + flow) : datagram(ERIN, GATEWAY.mac, 5000 + flow),
  )
  const settings = { direction: Direction.unknown }
  const answer = arpAnswer()
  for (let i = 0; i < frames; i++) {
    const seconds = EPOCH_S + Math.floor(i / RATE)
    const nanoseconds = ((i % RATE) * NS_PER_S) / RATE
    const frame = way === 'translated' && i % ANSWERS === 1 ? answer : flows[i % FLOWS]!
    writer.packet(id, seconds, nanoseconds, frame, 0, frame.length, frame.length, settings)
  }
  writer.flush()
  closeSync(descriptor)
}

function datagram(to: { readonly address: string }, mac: string, sourcePort: number): Uint8Array {
  const frame = new Uint8Array(FRAME)
  const view = new DataView(frame.buffer)
  const packet = ethernet.emit({ target: mac, source: ALICE.mac, etherType: ethernet.TYPE_IPV4 }, view, 0)
  const header: ipv4.Ipv4 = {
    dscp: 0,
    ecn: 0,
    totalLength: FRAME - packet,
    identification: 0,
    dontFragment: true,
    moreFragments: false,
    fragmentOffset: 0,
    timeToLive: 64,
    protocol: UDP,
    source: ALICE.address,
    destination: to.address,
    options: new Uint8Array(),
  }
  const message = packet + ipv4.emit(header, view, packet)
  udp.emit({ sourcePort, destinationPort: 9, length: FRAME - message, checksum: 0 }, view, message)
  ipv4.fillChecksum(view, packet)
  return frame
}

function arpAnswer(): Uint8Array {
  const frame = new Uint8Array(ethernet.HEADER_SIZE + arp.PACKET_SIZE)
  const view = new DataView(frame.buffer)
  const link = { target: OUTSIDE.mac, source: ERIN.mac, etherType: ethernet.TYPE_ARP }
  const answer: arp.Arp = {
    operation: arp.OPERATION_REPLY,
    senderHardware: ERIN.mac,
    senderProtocol: ERIN.address,
    targetHardware: OUTSIDE.mac,
    targetProtocol: OUTSIDE.address,
  }
  arp.emit(answer, view, ethernet.emit(link, view, 0))
  return frame
}
