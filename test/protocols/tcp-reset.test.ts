import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { composeReset, composeResetOf, NO_RESET, RESET_FRAME_SIZE } from '../../src/protocols/tcp-reset.ts'
import { ipv4Spec } from '../support/ipv4-arbitrary.ts'
import {
  ETHERNET_SIZE,
  frameOf,
  type Ipv4FrameSpec,
  joined,
  PLAIN_IPV4,
  placeFrame,
  text,
  upperOf,
  VIRTIO_SIZE,
  virtioOf,
} from '../support/ipv4-frame.ts'
import { kernelGateway } from '../support/kernel-gateway.ts'
import { hex } from '../support/wire-bytes.ts'

const WHOLE = new Uint8Array(VIRTIO_SIZE)
const [FIN, SYN, RST, ACK] = [1, 2, 4, 16]

/** The reset composed behind a frame in the same memory, or undefined; asserts that nothing else is written. */
function resetOf(
  frame: Uint8Array,
  virtio: Uint8Array = WHOLE,
  linkSize = ETHERNET_SIZE,
): Uint8Array | undefined {
  const { view, bytes, offset } = placeFrame(frame, virtio, 150)
  const before = bytes.slice()
  const at = offset + frame.length + 31
  const length = composeReset(view, bytes, at, offset, offset + linkSize)
  if (length !== NO_RESET) {
    assert.equal(text(bytes.slice(at - VIRTIO_SIZE, at)), '00'.repeat(VIRTIO_SIZE))
    before.set(bytes.slice(at - VIRTIO_SIZE, at + length), at - VIRTIO_SIZE)
  }
  assert.equal(text(bytes), text(before))
  return length === NO_RESET ? undefined : bytes.slice(at, at + length)
}

/** The same by the model: RFC 9293, 3.10.7.1 in its own words. */
function modelReset(spec: Ipv4FrameSpec): Uint8Array {
  const hasAck = (spec.controlBits & ACK) !== 0
  const segmentLength =
    spec.payload.length + ((spec.controlBits & SYN) === 0 ? 0 : 1) + ((spec.controlBits & FIN) === 0 ? 0 : 1)
  const frame = frameOf({
    ...PLAIN_IPV4,
    source: spec.destination,
    destination: spec.source,
    ports: (spec.ports << 16) | (spec.ports >>> 16),
    identification: 0,
    sequenceNumber: hasAck ? spec.acknowledgmentNumber : 0,
    acknowledgmentNumber: hasAck ? 0 : (spec.sequenceNumber + segmentLength) % 2 ** 32,
    controlBits: hasAck ? RST : RST | ACK,
    window: 0,
    payload: new Uint8Array(),
  })
  return joined(frame.slice(6, 12), frame.slice(0, 6), frame.slice(12))
}

describe('composeReset', () => {
  it('refuses as Linux refuses, a SYN and a segment with ACK', () => {
    for (const { about, reset: expected } of [kernelGateway.reset, kernelGateway.resetOfAck]) {
      assert.equal(text(resetOf(about)!), text(expected))
    }
  })

  it('answers any segment with the numbers of RFC 9293', () => {
    fc.assert(
      fc.property(ipv4Spec, fc.nat(255), (anySpec, controlBits) => {
        const spec: Ipv4FrameSpec = {
          ...anySpec,
          protocol: 6,
          checksum: anySpec.checksum === 'none' ? 'whole' : anySpec.checksum,
          controlBits,
        }
        const padded = joined(frameOf(spec), new Uint8Array(4))
        const reset = resetOf(padded, virtioOf(spec))
        if ((controlBits & RST) !== 0) {
          assert.equal(reset, undefined)
          return
        }
        assert.equal(text(reset!), text(modelReset(spec)))
      }),
    )
  })

  it('never answers a reset, a fragment, half a header, or another protocol', () => {
    assert.equal(resetOf(frameOf({ ...PLAIN_IPV4, controlBits: RST })), undefined)
    assert.equal(resetOf(frameOf({ ...PLAIN_IPV4, controlBits: RST | ACK })), undefined)
    assert.equal(resetOf(frameOf({ ...PLAIN_IPV4, fragment: 0x2000 })), undefined)
    assert.equal(resetOf(frameOf({ ...PLAIN_IPV4, fragment: 0x0009 })), undefined)
    assert.equal(resetOf(frameOf({ ...PLAIN_IPV4, protocol: 17 })), undefined)
    for (const length of [0, 12, 19]) {
      assert.equal(resetOf(frameOf(PLAIN_IPV4, upperOf(PLAIN_IPV4).slice(0, length))), undefined)
    }
  })

  it('goes back on the VLAN that the segment came from', () => {
    const plain = frameOf(PLAIN_IPV4)
    const tagged = joined(plain.slice(0, 12), hex('8100 0007'), plain.slice(12))
    const reset = resetOf(tagged, WHOLE, ETHERNET_SIZE + 4)!
    assert.equal(text(reset.slice(0, 18)), '02420a01000202420a010001810000070800')
    assert.equal(text(joined(reset.slice(0, 12), reset.slice(16))), text(resetOf(plain)!))
  })
})

it('writes a reset that nothing has asked for, over whatever was there', () => {
  const bytes = new Uint8Array(200).fill(0xa5)
  const view = new DataView(bytes.buffer)
  composeResetOf(view, 60, {
    targetHigh: 0x0242,
    targetLow: 0x0a010002,
    sourceHigh: 0x0242,
    sourceLow: 0x0a010001,
    source: 0x0a010064,
    destination: 0x0a010002,
    ports: (80 << 16) | 4000,
    sequence: 0x89abcdef,
  })
  assert.equal(text(bytes.slice(50, 60)), '00'.repeat(10))
  assert.equal(
    text(bytes.slice(60, 60 + RESET_FRAME_SIZE)),
    // Ethernet, IPv4 with Don't Fragment, TCP with the number and nothing acknowledged.
    '02420a01000202420a0100010800' +
      '4500002800004000400626690a0100640a010002' +
      '00500fa089abcdef000000005004000033ee0000',
  )
  assert.ok(bytes.slice(0, 50).every((byte) => byte === 0xa5))
  assert.ok(bytes.slice(60 + RESET_FRAME_SIZE).every((byte) => byte === 0xa5))
})
