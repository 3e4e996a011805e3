import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { VIRTIO_NET_HEADER_SIZE } from '../../src/datapath/frame-memory.ts'
import * as virtioNet from '../../src/wire/virtio-net.ts'
import { assertWrites, hex, place } from '../support/wire-bytes.ts'

/** As a Linux TAP gives it for a TCP super-frame: 66 bytes of headers, segments of 1448, TCP at 34. */
const HEADER = hex('01 81 4200 a805 2200 1000')
const VALUE: virtioNet.VirtioNet = {
  flags: virtioNet.FLAG_NEEDS_CSUM,
  gsoType: virtioNet.GSO_TCPV4 | virtioNet.GSO_ECN,
  headerLength: 66,
  gsoSize: 1448,
  checksumStart: 34,
  checksumOffset: 16,
}

describe('virtio-net', () => {
  it('reads each field, 16-bit ones little-endian', () => {
    const { view, offset, end } = place(HEADER)
    assert.equal(virtioNet.check(view, offset, end), true)
    assert.equal(virtioNet.flags(view, offset), 1)
    assert.equal(virtioNet.gsoType(view, offset), 0x81)
    assert.equal(virtioNet.headerLength(view, offset), 66)
    assert.equal(virtioNet.gsoSize(view, offset), 1448)
    assert.equal(virtioNet.checksumStart(view, offset), 34)
    assert.equal(virtioNet.checksumOffset(view, offset), 16)
  })

  it('builds the header with setters', () => {
    assertWrites(HEADER, (view, offset) => {
      virtioNet.setFlags(view, offset, 1)
      virtioNet.setGsoType(view, offset, 0x81)
      virtioNet.setHeaderLength(view, offset, 66)
      virtioNet.setGsoSize(view, offset, 1448)
      virtioNet.setChecksumStart(view, offset, 34)
      virtioNet.setChecksumOffset(view, offset, 16)
    })
  })

  it('parses', () => {
    const { view, offset, end } = place(HEADER)
    assert.deepEqual(virtioNet.parse(view, offset, end), VALUE)
    assert.equal(virtioNet.parse(view, offset, end - 1), undefined)
  })

  it('emits', () => {
    assertWrites(HEADER, (view, offset) => assert.equal(virtioNet.emit(VALUE, view, offset), HEADER.length))
  })

  it('clears all ten bytes and no other', () => {
    assertWrites(new Uint8Array(10), (view, offset) => virtioNet.clear(view, offset))
  })

  it('tells by one number whether anything is asked for', () => {
    const { view, offset } = place(hex('00 00 4200 a805 2200 1000'))
    assert.equal(virtioNet.offloads(view, offset), 0)
    virtioNet.setFlags(view, offset, virtioNet.FLAG_DATA_VALID)
    assert.notEqual(virtioNet.offloads(view, offset), 0)
    virtioNet.setFlags(view, offset, 0)
    virtioNet.setGsoType(view, offset, virtioNet.GSO_TCPV6)
    assert.notEqual(virtioNet.offloads(view, offset), 0)
  })

  it('has the size that frames in memory leave room for', () => {
    assert.equal(virtioNet.HEADER_SIZE, VIRTIO_NET_HEADER_SIZE)
  })
})
