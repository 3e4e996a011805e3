import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import * as icmp from '../../src/wire/icmp.ts'
import { assertWrites, hex, place } from '../support/wire-bytes.ts'

const HEADER = hex('0800 bbfd 1234 0007')
const MESSAGE = new Uint8Array([...HEADER, ...hex('6162636465')])
const VALUE: icmp.IcmpHeader = { type: 8, code: 0, checksum: 0xbbfd, rest: 0x12340007 }

describe('icmp', () => {
  it('reads each field', () => {
    const { view, offset, end } = place(MESSAGE)
    assert.equal(icmp.check(view, offset, end), true)
    assert.equal(icmp.type(view, offset), 8)
    assert.equal(icmp.code(view, offset), 0)
    assert.equal(icmp.checksum(view, offset), 0xbbfd)
    assert.equal(icmp.rest(view, offset), 0x12340007)
    assert.equal(icmp.identifier(view, offset), 0x1234)
    assert.equal(icmp.sequenceNumber(view, offset), 7)
    assert.equal(icmp.checksumValid(view, offset, end), true)
  })

  it('builds the header with setters', () => {
    assertWrites(MESSAGE, (view, offset) => {
      for (const [at, byte] of MESSAGE.slice(icmp.HEADER_SIZE).entries()) {
        view.setUint8(offset + icmp.HEADER_SIZE + at, byte)
      }
      icmp.setType(view, offset, 8)
      icmp.setCode(view, offset, 0)
      icmp.setIdentifier(view, offset, 0x1234)
      icmp.setSequenceNumber(view, offset, 7)
      icmp.fillChecksum(view, offset, offset + MESSAGE.length)
    })
    assertWrites(HEADER, (view, offset) => {
      icmp.setType(view, offset, 8)
      icmp.setCode(view, offset, 0)
      icmp.setChecksum(view, offset, 0xbbfd)
      icmp.setRest(view, offset, 0x12340007)
    })
  })

  it('parses', () => {
    const { view, offset, end } = place(MESSAGE)
    assert.deepEqual(icmp.parse(view, offset, end), VALUE)
    assert.equal(icmp.parse(view, offset, offset + icmp.HEADER_SIZE - 1), undefined)
  })

  it('emits', () => {
    assertWrites(HEADER, (view, offset) => assert.equal(icmp.emit(VALUE, view, offset), HEADER.length))
  })

  it('finds any changed byte by the checksum', () => {
    fc.assert(
      fc.property(fc.nat(MESSAGE.length - 1), fc.integer({ min: 1, max: 254 }), (at, change) => {
        const { view, offset, end } = place(MESSAGE)
        view.setUint8(offset + at, view.getUint8(offset + at) ^ change)
        assert.equal(icmp.checksumValid(view, offset, end), false)
      }),
    )
  })
})
