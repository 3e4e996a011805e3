import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { IPV6_EXTENSION_HEADERS_MAX } from '../../src/limits.ts'
import { formatIpv6 } from '../../src/wire/address.ts'
import * as ipProtocol from '../../src/wire/ip-protocol.ts'
import * as ipv6 from '../../src/wire/ipv6.ts'
import { assertWrites, hex, place } from '../support/wire-bytes.ts'

const HEADER = hex(`
  6b912345 000d 3a 3f
  20010db8 00000000 00000000 00000001
  fe800000 00000000 00000001 00020003`)
const PACKET = new Uint8Array([...HEADER, ...hex('8000 1775 1234 0007 6162636465')])
const VALUE: ipv6.Ipv6 = {
  trafficClass: 0xb9,
  flowLabel: 0x12345,
  payloadLength: 13,
  nextHeader: ipProtocol.ICMPV6,
  hopLimit: 63,
  source: '2001:db8::1',
  destination: 'fe80::1:2:3',
}

const byte = fc.integer({ min: 0, max: 255 })
const address = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(formatIpv6)
const value = fc.record(
  {
    trafficClass: byte,
    flowLabel: fc.integer({ min: 0, max: 0xfffff }),
    payloadLength: fc.integer({ min: 0, max: 60 }),
    nextHeader: byte,
    hopLimit: byte,
    source: address,
    destination: address,
  },
  { noNullPrototype: true },
)

/** A packet whose payload is `payload`, the first header of which is of type `nextHeader`. */
function packet(nextHeader: number, payload: string): Uint8Array {
  const bytes = new Uint8Array([...HEADER, ...hex(payload)])
  const view = new DataView(bytes.buffer)
  ipv6.setPayloadLength(view, 0, bytes.length - ipv6.HEADER_SIZE)
  ipv6.setNextHeader(view, 0, nextHeader)
  return bytes
}

function walk(nextHeader: number, payload: string): { protocol: number; offset: number } | undefined {
  const { view, offset, end } = place(packet(nextHeader, payload))
  assert.equal(ipv6.check(view, offset, end), true)
  const found = ipv6.upperLayer(view, offset)
  if (found === ipv6.NO_UPPER_LAYER) return undefined
  return { protocol: ipv6.upperProtocol(found), offset: ipv6.upperOffset(found) - ipv6.HEADER_SIZE }
}

describe('ipv6', () => {
  it('reads each field', () => {
    const { view, offset, end } = place(PACKET)
    assert.equal(ipv6.check(view, offset, end), true)
    assert.equal(ipv6.version(view, offset), 6)
    assert.equal(ipv6.trafficClass(view, offset), 0xb9)
    assert.equal(ipv6.flowLabel(view, offset), 0x12345)
    assert.equal(ipv6.payloadLength(view, offset), 13)
    assert.equal(ipv6.nextHeader(view, offset), 58)
    assert.equal(ipv6.hopLimit(view, offset), 63)
    const words = [0, 1, 2, 3]
    assert.deepEqual(
      words.map((word) => ipv6.sourceWord(view, offset, word)),
      [0x20010db8, 0, 0, 1],
    )
    assert.deepEqual(
      words.map((word) => ipv6.destinationWord(view, offset, word)),
      [0xfe800000 | 0, 0, 1, 0x00020003],
    )
  })

  it('builds the header with setters', () => {
    assertWrites(HEADER, (view, offset) => {
      ipv6.setClassAndFlow(view, offset, (0xb9 << 20) | 0x12345)
      ipv6.setPayloadLength(view, offset, 13)
      ipv6.setNextHeader(view, offset, 58)
      ipv6.setHopLimit(view, offset, 63)
      for (const [word, bits] of [0x20010db8, 0, 0, 1].entries()) ipv6.setSourceWord(view, offset, word, bits)
      for (const [word, bits] of [0xfe800000, 0, 1, 0x20003].entries()) {
        ipv6.setDestinationWord(view, offset, word, bits)
      }
    })
  })

  it('parses', () => {
    const { view, offset, end } = place(PACKET)
    assert.deepEqual(ipv6.parse(view, offset, end), VALUE)
    assert.equal(ipv6.parse(view, offset, end - 1), undefined, 'the payload is cut short')
    view.setUint8(offset, 0x4b)
    assert.equal(ipv6.parse(view, offset, end), undefined, 'version 4')
  })

  it('emits', () => {
    assertWrites(HEADER, (view, offset) => assert.equal(ipv6.emit(VALUE, view, offset), HEADER.length))
  })

  it('parses what it emitted', () => {
    fc.assert(
      fc.property(value, (wanted) => {
        const view = new DataView(new ArrayBuffer(100))
        ipv6.emit(wanted, view, 0)
        assert.deepEqual(ipv6.parse(view, 0, 100), wanted)
      }),
    )
  })
})

describe('ipv6.upperLayer', () => {
  it('finds the upper layer at once where there is no extension header', () => {
    assert.deepEqual(walk(6, '00'.repeat(20)), { protocol: 6, offset: 0 })
    assert.deepEqual(walk(59, ''), { protocol: 59, offset: 0 })
  })

  it('steps over each kind of extension header by its own length', () => {
    const options16 = '01'.padEnd(32, '0')
    assert.deepEqual(walk(ipProtocol.HOP_BY_HOP, `06${options16.slice(0, 30)}ff`), {
      protocol: 6,
      offset: 16,
    })
    assert.deepEqual(walk(ipProtocol.ROUTING, '11 00 000000000000'), { protocol: 17, offset: 8 })
    assert.deepEqual(walk(ipProtocol.DESTINATION_OPTIONS, '11 00 000000000000'), { protocol: 17, offset: 8 })
    assert.deepEqual(walk(ipProtocol.FRAGMENT, '06 ff 0001 00000001'), { protocol: 6, offset: 8 })
    assert.deepEqual(walk(ipProtocol.AUTHENTICATION, '06 01 0000 00000001 00000001'), {
      protocol: 6,
      offset: 12,
    })
  })

  it('walks a chain', () => {
    const chain = '3c 00 000000000000  2c 00 000000000000  11 00 0001 00000001'
    assert.deepEqual(walk(ipProtocol.HOP_BY_HOP, chain), { protocol: 17, offset: 24 })
  })

  it('stops at what it cannot see through', () => {
    assert.deepEqual(walk(ipProtocol.HOP_BY_HOP, '32 00 000000000000 06'), { protocol: 50, offset: 8 })
    assert.deepEqual(walk(200, '06 00 000000000000'), { protocol: 200, offset: 0 })
  })

  it('stops at the Fragment header of a later fragment, behind which no upper-layer header follows', () => {
    assert.deepEqual(walk(ipProtocol.FRAGMENT, '06 00 0008 00000001'), { protocol: 44, offset: 0 })
  })

  it('refuses a chain that is cut short', () => {
    assert.equal(walk(ipProtocol.HOP_BY_HOP, ''), undefined)
    assert.equal(walk(ipProtocol.FRAGMENT, '06 00'), undefined)
    assert.equal(walk(ipProtocol.HOP_BY_HOP, '06 00 0000000000'), undefined)
    assert.equal(walk(ipProtocol.HOP_BY_HOP, '06 01 000000000000 00000000000000'), undefined)
    assert.equal(walk(ipProtocol.AUTHENTICATION, '06 02 0000 00000000 000000'), undefined)
  })

  it('refuses a chain that is too long', () => {
    const options = (count: number): string => '3c00000000000000'.repeat(count - 1) + '0600000000000000'
    const most = IPV6_EXTENSION_HEADERS_MAX
    assert.deepEqual(walk(ipProtocol.DESTINATION_OPTIONS, options(most)), { protocol: 6, offset: most * 8 })
    assert.equal(walk(ipProtocol.DESTINATION_OPTIONS, options(most + 1)), undefined)
  })

  it('tells whether the walk went over or ended at a Fragment header', () => {
    const cases = [
      { payload: '06 00 000000000000', next: ipProtocol.HOP_BY_HOP, fragment: false },
      { payload: '2c 00 000000000000 06 00 0001 00000001', next: ipProtocol.HOP_BY_HOP, fragment: true },
      { payload: '06 00 0008 00000001', next: ipProtocol.FRAGMENT, fragment: true },
      { payload: '00'.repeat(20), next: 6, fragment: false },
    ]
    for (const { payload, next, fragment } of cases) {
      const { view, offset } = place(packet(next, payload))
      const upper = ipv6.upperOffset(ipv6.upperLayer(view, offset))
      assert.equal(ipv6.isFragment(view, offset, upper), fragment)
    }
  })
})
