import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { arpFrame } from '../../../src/control/rules/arp-frame.ts'
import { explainFrame, MESSAGE_SIZES } from '../../../src/control/rules/explain-frame.ts'
import { firstFragment, fragmentsOf } from '../../../src/control/rules/first-fragment.ts'
import * as arp from '../../../src/wire/arp.ts'
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

  it('has the size that is asked for, where its headers leave room for it', () => {
    fc.assert(
      fc.property(packets, fc.integer({ min: 28, max: 65_535 }), (packet, size) => {
        const frame = explainFrame({ ...packet, size })
        if (packet.protocol === 'tcp') return assert.deepEqual(frame, explainFrame(packet))
        assert.equal(frame.length, ethernet.HEADER_SIZE + size)
        const view = new DataView(frame.buffer)
        assert.equal(ipv4.parse(view, ethernet.HEADER_SIZE, frame.length)!.totalLength, size)
        assert.ok(frame.subarray(HEADERS + MESSAGE_SIZES[packet.protocol]).every((byte) => byte === 0))
        checkMessage[packet.protocol](view, frame.length, packet)
      }),
    )
  })

  it('is cut to a first fragment as the MTU has it', () => {
    const sizes = fc.tuple(fc.integer({ min: 68, max: 9000 }), fc.integer({ min: 1, max: 50_000 }))
    fc.assert(
      fc.property(packets, sizes, (packet, [mtu, more]) => {
        fc.pre(packet.protocol !== 'tcp')
        const size = mtu + more
        const whole = explainFrame({ ...packet, size })
        const frame = firstFragment(whole, mtu)
        const view = new DataView(frame.buffer)
        const header = ipv4.parse(view, ethernet.HEADER_SIZE, frame.length)!
        const payload = header.totalLength - ipv4.MIN_HEADER_SIZE
        assert.ok(header.totalLength <= mtu && header.totalLength > mtu - 8)
        assert.equal(payload % 8, 0)
        assert.equal(frame.length, ethernet.HEADER_SIZE + header.totalLength)
        assert.deepEqual([header.moreFragments, header.dontFragment, header.fragmentOffset], [true, false, 0])
        assert.ok(ipv4.checksumValid(view, ethernet.HEADER_SIZE))
        assert.deepEqual(frame.subarray(HEADERS), whole.subarray(HEADERS, frame.length))
        let count = 1
        // The last one may fill the MTU.
        for (let left = size; left > mtu; left -= payload) count++
        assert.equal(fragmentsOf(size, mtu), count)
      }),
    )
  })

  it('may be a question by ARP first', () => {
    const asker = { sourceMac: '02:42:0a:01:00:02', source: '10.1.0.2', nextHop: '10.1.0.9' }
    const hex = Buffer.from(arpFrame(asker)).toString('hex')
    const [nobody, address, target] = ['000000000000', '0a010002', '0a010009']
    const mac = '02420a010002'
    assert.equal(hex, `ffffffffffff${mac}08060001080006040001${mac}${address}${nobody}${target}`)
    assert.equal(hex.length, 2 * (ethernet.HEADER_SIZE + arp.PACKET_SIZE))
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
