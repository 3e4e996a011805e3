import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { pseudoHeaderIpv6 } from '../../src/wire/checksum.ts'
import * as icmpv6 from '../../src/wire/icmpv6.ts'
import { assertWrites, hex, place } from '../support/wire-bytes.ts'

const HEADER = hex('8000 1775 1234 0007')
const MESSAGE = new Uint8Array([...HEADER, ...hex('6162636465')])
const VALUE: icmpv6.IcmpHeader = { type: 128, code: 0, checksum: 0x1775, rest: 0x12340007 }

/** Of the IPv6 header that the message was sent with: 2001:db8::1 to fe80::1:2:3. */
const ADDRESSES = hex('20010db8000000000000000000000001 fe800000000000000000000100020003')
const PSEUDO_HEADER = pseudoHeaderIpv6(
  new DataView(new Uint8Array([...new Uint8Array(8), ...ADDRESSES]).buffer),
  0,
  58,
  MESSAGE.length,
)

describe('icmpv6', () => {
  it('reads each field', () => {
    const { view, offset, end } = place(MESSAGE)
    assert.equal(icmpv6.check(view, offset, end), true)
    assert.equal(icmpv6.type(view, offset), 128)
    assert.equal(icmpv6.code(view, offset), 0)
    assert.equal(icmpv6.checksum(view, offset), 0x1775)
    assert.equal(icmpv6.rest(view, offset), 0x12340007)
    assert.equal(icmpv6.identifier(view, offset), 0x1234)
    assert.equal(icmpv6.sequenceNumber(view, offset), 7)
    assert.equal(icmpv6.checksumValid(view, offset, end, PSEUDO_HEADER), true)
  })

  it('builds the header with setters', () => {
    assertWrites(MESSAGE, (view, offset) => {
      for (const [at, byte] of MESSAGE.slice(icmpv6.HEADER_SIZE).entries()) {
        view.setUint8(offset + icmpv6.HEADER_SIZE + at, byte)
      }
      icmpv6.setType(view, offset, 128)
      icmpv6.setCode(view, offset, 0)
      icmpv6.setIdentifier(view, offset, 0x1234)
      icmpv6.setSequenceNumber(view, offset, 7)
      icmpv6.fillChecksum(view, offset, offset + MESSAGE.length, PSEUDO_HEADER)
    })
    assertWrites(HEADER, (view, offset) => {
      icmpv6.setType(view, offset, 128)
      icmpv6.setCode(view, offset, 0)
      icmpv6.setChecksum(view, offset, 0x1775)
      icmpv6.setRest(view, offset, 0x12340007)
    })
  })

  it('parses', () => {
    const { view, offset, end } = place(MESSAGE)
    assert.deepEqual(icmpv6.parse(view, offset, end), VALUE)
    assert.equal(icmpv6.parse(view, offset, offset + icmpv6.HEADER_SIZE - 1), undefined)
  })

  it('emits', () => {
    assertWrites(HEADER, (view, offset) => assert.equal(icmpv6.emit(VALUE, view, offset), HEADER.length))
  })

  it('finds any changed byte by the checksum', () => {
    fc.assert(
      fc.property(fc.nat(MESSAGE.length - 1), fc.integer({ min: 1, max: 254 }), (at, change) => {
        const { view, offset, end } = place(MESSAGE)
        view.setUint8(offset + at, view.getUint8(offset + at) ^ change)
        assert.equal(icmpv6.checksumValid(view, offset, end, PSEUDO_HEADER), false)
      }),
    )
  })
})
