import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { captureBytes, readCapture } from '../../support/capture-contents.ts'
import { hex } from '../../support/wire-bytes.ts'

/** Version 2.4, snap length 262,144; the magic stands before it and the link type behind. */
const HEADER = '0002 0004 00000000 00000000 00040000'

const times = (file: Uint8Array): number[][] =>
  readCapture(file).packets.map(({ seconds, nanoseconds }) => [seconds, nanoseconds])

for (const littleEndian of [false, true]) {
  describe(`classic pcap, ${littleEndian ? 'little' : 'big'}-endian`, () => {
    const file = (text: string): Uint8Array => captureBytes(text, littleEndian)

    it('in microseconds', () => {
      const contents = readCapture(
        file(
          `a1b2c3d4 ${HEADER} 00000001 65000000 000f423f 00000002 000005dc =beef 00000000 00000000 00000000 00000000`,
        ),
      )
      assert.equal(contents.error, undefined)
      assert.deepEqual(contents.formats, [
        {
          kind: 'pcap',
          bigEndian: !littleEndian,
          version: '2.4',
          timestampDigits: 6,
          hardware: '',
          os: '',
          application: '',
          comments: [],
        },
      ])
      const { linkType, snapLength, fcsLength, timestampDigits, name } = contents.interfaces[0]!
      assert.deepEqual(
        { linkType, snapLength, fcsLength, timestampDigits, name },
        { linkType: 1, snapLength: 262_144, fcsLength: 0, timestampDigits: 6, name: '' },
      )
      const [first, second] = contents.packets
      assert.equal(first?.seconds, 0x65000000)
      assert.equal(first.nanoseconds, 999_999_000)
      assert.equal(first.bytes, 'beef')
      assert.equal(first.originalLength, 1500)
      assert.equal(first.interfaceId, 0)
      assert.equal(first.direction, 0)
      assert.equal(second?.bytes, '')
    })

    it('in nanoseconds, after 2038 too', () => {
      assert.deepEqual(times(file(`a1b23c4d ${HEADER} 00000001 fffffffe 3b9ac9ff 00000001 00000001 =aa`)), [
        [0xfffffffe, 999_999_999],
      ])
    })

    it('with a fraction of more than a second, which is carried', () => {
      assert.deepEqual(times(file(`a1b2c3d4 ${HEADER} 00000001 00000001 001e8481 00000000 00000000`)), [
        [3, 1000],
      ])
    })

    it('modified, with directions', () => {
      const packet = (kind: string): string =>
        `00000001 00000002 00000001 00000001 00000003 0800 ${kind} 00 =aa`
      const text = `a1b2cd34 ${HEADER} 00000001 ${['00', '01', '02', '03', '04', '09'].map(packet).join(' ')}`
      const contents = readCapture(file(text))
      assert.equal(contents.error, undefined)
      assert.deepEqual(
        contents.packets.map(({ direction }) => direction),
        [1, 1, 1, 0, 2, 0],
      )
      assert.ok(contents.packets.every(({ bytes, nanoseconds }) => bytes === 'aa' && nanoseconds === 2000))
    })

    it('with a frame check sequence', () => {
      const [description] = readCapture(file(`a1b2c3d4 ${HEADER} 24000001`)).interfaces
      assert.equal(description?.linkType, 1)
      assert.equal(description.fcsLength, 4)
    })

    it('with more captured bytes than the packet had', () => {
      const [packet] = readCapture(
        file(`a1b2c3d4 ${HEADER} 00000001 00000001 00000000 00000002 00000001 =aabb`),
      ).packets
      assert.equal(packet?.originalLength, 2)
    })
  })
}

it('classic pcap as it is, byte by byte', () => {
  const contents = readCapture(
    hex(`d4c3b2a1 02000400 00000000 00000000 ffff0000 01000000
      01000000 02000000 03000000 3c000000 010203`),
  )
  const [packet] = contents.packets
  assert.deepEqual(
    [packet?.seconds, packet?.nanoseconds, packet?.bytes, packet?.originalLength],
    [1, 2000, '010203', 60],
  )
  assert.equal(contents.interfaces[0]?.snapLength, 65_535)
})
