import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { explainFrame } from '../../../src/control/rules/explain-frame.ts'
import { pseudoHeaderIpv4 } from '../../../src/wire/checksum.ts'
import * as ethernet from '../../../src/wire/ethernet.ts'
import * as icmp from '../../../src/wire/icmp.ts'
import { TCP, UDP } from '../../../src/wire/ip-protocol.ts'
import * as ipv4 from '../../../src/wire/ipv4.ts'
import * as tcp from '../../../src/wire/tcp.ts'
import * as udp from '../../../src/wire/udp.ts'

const HEADERS = ethernet.HEADER_SIZE + ipv4.MIN_HEADER_SIZE

const address = fc.ipV4()
const port = fc.integer({ min: 1, max: 65_535 })
const mac = fc.stringMatching(/^02(:[0-9a-f]{2}){5}$/)
const packets = fc.record({
  protocol: fc.constantFrom('tcp', 'udp', 'icmp'),
  sourceMac: mac,
  targetMac: mac,
  source: address,
  destination: address,
  sourcePort: port,
  destinationPort: port,
})

describe('the frame that is explained', () => {
  it('is whole, has good checksums, and says what was asked', () => {
    fc.assert(
      fc.property(packets, (packet) => {
        const frame = explainFrame(packet)
        const view = new DataView(frame.buffer)
        const link = ethernet.parse(view, 0, frame.length)
        assert.deepEqual(link, { target: packet.targetMac, source: packet.sourceMac, etherType: 0x0800 })
        assert.ok(ipv4.check(view, ethernet.HEADER_SIZE, frame.length))
        assert.ok(ipv4.checksumValid(view, ethernet.HEADER_SIZE))
        const header = ipv4.parse(view, ethernet.HEADER_SIZE, frame.length)!
        assert.deepEqual([header.source, header.destination], [packet.source, packet.destination])
        assert.equal(header.totalLength, frame.length - ethernet.HEADER_SIZE)
        checkMessage[packet.protocol](view, frame.length, packet)
      }),
    )
  })

  it('carries what a datagram is to carry, and nothing in other packets', () => {
    const payload = Uint8Array.of(1, 2, 3)
    fc.assert(
      fc.property(packets, (packet) => {
        const frame = explainFrame({ ...packet, payload })
        const empty = explainFrame(packet)
        if (packet.protocol !== 'udp') return assert.deepEqual(frame, empty)
        assert.equal(frame.length, empty.length + payload.length)
        assert.deepEqual(frame.subarray(empty.length), payload)
        const view = new DataView(frame.buffer)
        const { totalLength } = ipv4.parse(view, ethernet.HEADER_SIZE, frame.length)!
        assert.equal(totalLength, frame.length - ethernet.HEADER_SIZE)
        assert.equal(udp.parse(view, HEADERS, frame.length)?.length, udp.HEADER_SIZE + payload.length)
        const pseudoHeader = pseudoHeaderIpv4(view, ethernet.HEADER_SIZE, UDP, frame.length - HEADERS)
        assert.ok(udp.checksumValid(view, HEADERS, pseudoHeader))
      }),
    )
  })

  it('is, as a whole, what a kernel sends', () => {
    const frame = explainFrame({
      protocol: 'icmp',
      sourceMac: '02:42:ac:12:00:02',
      targetMac: '02:42:ac:12:00:01',
      source: '172.18.0.2',
      destination: '192.0.2.9',
      sourcePort: 0x1234,
      destinationPort: 0,
    })
    assert.equal(
      Buffer.from(frame).toString('hex'),
      '0242ac1200010242ac12000208004500001c000040004001ccc3ac120002c00002090800e5ca12340001',
    )
  })
})

type Packet = typeof packets extends fc.Arbitrary<infer T> ? T : never

const ports = ({ sourcePort, destinationPort }: Packet) => ({ sourcePort, destinationPort })

const checkMessage = {
  tcp: (view: DataView, end: number, packet: Packet) => {
    const sum = pseudoHeaderIpv4(view, ethernet.HEADER_SIZE, TCP, end - HEADERS)
    assert.ok(tcp.checksumValid(view, HEADERS, end, sum))
    const segment = tcp.parse(view, HEADERS, end)!
    assert.deepEqual(
      { ...ports(packet), bits: tcp.SYN },
      {
        sourcePort: segment.sourcePort,
        destinationPort: segment.destinationPort,
        bits: segment.controlBits,
      },
    )
  },
  udp: (view: DataView, end: number, packet: Packet) => {
    assert.ok(
      udp.checksumValid(view, HEADERS, pseudoHeaderIpv4(view, ethernet.HEADER_SIZE, UDP, end - HEADERS)),
    )
    const { checksum, ...datagram } = udp.parse(view, HEADERS, end)!
    assert.notEqual(checksum, 0)
    assert.deepEqual(datagram, { ...ports(packet), length: end - HEADERS })
  },
  icmp: (view: DataView, end: number, packet: Packet) => {
    assert.ok(icmp.checksumValid(view, HEADERS, end))
    assert.equal(icmp.type(view, HEADERS), icmp.TYPE_ECHO)
    assert.equal(icmp.identifier(view, HEADERS), packet.sourcePort)
  },
}
