import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { noteUnfinished, saidLength } from '../../../src/datapath/tunnel/unfinished.ts'
import * as checksum from '../../../src/wire/checksum.ts'
import * as virtioNet from '../../../src/wire/virtio-net.ts'

const HEADER = 10
const ETHERNET = 14

/** A packet of TCP or UDP in a frame behind a virtio-net header, its checksum finished or not, as a kernel would make it. */
function frameOf(family: 4 | 6, protocol: 6 | 17, payload: Uint8Array, isFinished: boolean): DataView {
  const ip = family === 4 ? 20 : 40
  const headers = protocol === 6 ? 20 : 8
  const size = headers + payload.length
  const view = new DataView(new ArrayBuffer(HEADER + ETHERNET + ip + size))
  const network = HEADER + ETHERNET
  const transport = network + ip
  view.setUint16(HEADER + 12, family === 4 ? 0x0800 : 0x86dd)
  if (family === 4) {
    view.setUint16(network, 0x4500)
    view.setUint16(network + 2, ip + size)
    view.setUint8(network + 9, protocol)
    view.setUint32(network + 12, 0x0a090002)
    view.setUint32(network + 16, 0x0a090003)
  } else {
    view.setUint32(network, 0x60000000)
    view.setUint16(network + 4, size)
    view.setUint8(network + 6, protocol)
    for (let i = 8; i < 40; i++) view.setUint8(network + i, i)
  }
  if (protocol === 6) view.setUint8(transport + 12, 0x50)
  else view.setUint16(transport + 4, size)
  new Uint8Array(view.buffer).set(payload, transport + headers)
  const pseudo =
    family === 4
      ? checksum.pseudoHeaderIpv4(view, network, protocol, size)
      : checksum.pseudoHeaderIpv6(view, network, protocol, size)
  const field = transport + (protocol === 6 ? 16 : 6)
  view.setUint16(field, isFinished ? checksum.finish(checksum.sum(view, transport, size, pseudo)) : pseudo)
  return view
}

const note = (view: DataView, mtu = 1450, segmentSize = 0): virtioNet.VirtioNet => {
  noteUnfinished(view, HEADER, view.byteLength - HEADER, mtu, segmentSize)
  return virtioNet.parse(view, 0, HEADER)!
}

const NOTHING = virtioNet.parse(new DataView(new ArrayBuffer(HEADER)), 0, HEADER)!

describe('a frame out of a tunnel', () => {
  for (const family of [4, 6] as const) {
    for (const protocol of [6, 17] as const) {
      const ip = family === 4 ? 20 : 40
      const name = `${protocol === 6 ? 'TCP' : 'UDP'} over IPv${family}`

      it(`whose checksum is left open says so: ${name}`, () => {
        const { flags, gsoType, checksumStart, checksumOffset } = note(
          frameOf(family, protocol, Buffer.from('abc'), false),
        )
        assert.deepEqual(
          [flags, gsoType, checksumStart, checksumOffset],
          [virtioNet.FLAG_NEEDS_CSUM, virtioNet.GSO_NONE, ETHERNET + ip, protocol === 6 ? 16 : 6],
        )
      })

      it(`is left alone where its checksum is right, or not changed by being finished: ${name}`, () => {
        fc.assert(
          fc.property(fc.uint8Array({ minLength: 1, maxLength: 64 }), (payload) => {
            const view = frameOf(family, protocol, payload, true)
            const before = view.getUint16(HEADER + ETHERNET + ip + (protocol === 6 ? 16 : 6))
            const { flags, checksumStart, checksumOffset } = note(view)
            if (flags === 0) return
            const from = HEADER + checksumStart
            const finished = checksum.finish(checksum.sum(view, from, view.byteLength - from))
            assert.equal(finished, before)
            assert.equal(from + checksumOffset, HEADER + ETHERNET + ip + (protocol === 6 ? 16 : 6))
          }),
        )
      })
    }

    it(`that is longer than the way takes is a super-frame of TCP over IPv${family}`, () => {
      const { gsoType, gsoSize } = note(frameOf(family, 6, new Uint8Array(9000), false))
      assert.equal(gsoType, family === 4 ? virtioNet.GSO_TCPV4 : virtioNet.GSO_TCPV6)
      assert.equal(gsoSize, 1450 - (family === 4 ? 40 : 60))
    })

    it(`of UDP over IPv${family} is a super-frame where the size of its segments is known`, () => {
      const view = frameOf(family, 17, new Uint8Array(9000), false)
      const { gsoType, gsoSize } = note(view, 1450, 1200)
      assert.deepEqual([gsoType, gsoSize], [virtioNet.GSO_UDP_L4, 1200])
      assert.equal(note(frameOf(family, 17, new Uint8Array(9000), false)).gsoType, virtioNet.GSO_NONE)
      assert.equal(saidLength(view, HEADER, HEADER + 80), view.byteLength - HEADER)
    })
  }

  it('that is a fragment, cut off, or of something else is left alone', () => {
    const fragment = frameOf(4, 17, new Uint8Array(100), false)
    fragment.setUint16(HEADER + ETHERNET + 6, 0x2000)
    assert.deepEqual(note(fragment), NOTHING)
    const other = frameOf(4, 6, new Uint8Array(100), false)
    other.setUint8(HEADER + ETHERNET + 9, 47)
    assert.deepEqual(note(other), NOTHING)
    const arp = frameOf(4, 6, new Uint8Array(100), false)
    arp.setUint16(HEADER + 12, 0x0806)
    assert.deepEqual(note(arp), NOTHING)
    assert.equal(saidLength(arp, HEADER, arp.byteLength), 0)
  })

  it('of any bytes gets a header that lies within it, or none', () => {
    const bytes = fc.uint8Array({ minLength: HEADER + ETHERNET, maxLength: 120 })
    fc.assert(
      fc.property(bytes, fc.constantFrom(0x0800, 0x86dd), fc.boolean(), (frame, type, isTcp) => {
        const view = new DataView(Uint8Array.from(frame).buffer)
        virtioNet.clear(view, 0)
        view.setUint16(HEADER + 12, type)
        const protocolAt = HEADER + ETHERNET + (type === 0x0800 ? 9 : 6)
        if (protocolAt < view.byteLength) view.setUint8(protocolAt, isTcp ? 6 : 17)
        const { flags, checksumStart, checksumOffset } = note(view)
        if (flags !== 0) assert.ok(checksumStart + checksumOffset + 2 <= view.byteLength - HEADER)
      }),
    )
  })
})
