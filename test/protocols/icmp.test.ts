import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import {
  composeError,
  ERROR_FRAME_MAX,
  type ErrorSource,
  type IcmpError,
  mayAnswer,
  pointerRest,
  turnIntoEchoReply,
} from '../../src/protocols/icmp.ts'
import { ipv4Spec } from '../support/ipv4-arbitrary.ts'
import {
  be32,
  ETHERNET_SIZE,
  frameOf,
  INSIDE,
  type Ipv4FrameSpec,
  joined,
  memoryText,
  OUTSIDE,
  PLAIN_IPV4,
  type PlacedFrame,
  placeFrame,
  text,
  upperStart,
  VIRTIO_SIZE,
  virtioOf,
} from '../support/ipv4-frame.ts'
import { kernelGateway } from '../support/kernel-gateway.ts'
import { noise } from '../support/super-frame.ts'
import { hex, naiveSum } from '../support/wire-bytes.ts'

const WHOLE = new Uint8Array(VIRTIO_SIZE)
const GATEWAY: ErrorSource = { macHigh: 0x0242, macLow: 0x0a010001, address: 0x0a010001 }
const BROADCAST = 0x0a0100ff
const PROTOCOL_UNREACHABLE: IcmpError = { type: 3, code: 2, rest: 0 }

/** The error about a frame, composed behind it in the same memory; asserts that nothing else is written. */
function errorAbout(
  frame: Uint8Array,
  error: IcmpError,
  virtio: Uint8Array = WHOLE,
  linkSize = ETHERNET_SIZE,
): Uint8Array {
  const { view, bytes, offset } = placeFrame(frame, virtio, 800)
  const before = bytes.slice()
  const at = offset + frame.length + 31
  const length = composeError(view, bytes, at, error, GATEWAY, offset, offset + linkSize)
  assert.ok(length <= ERROR_FRAME_MAX)
  assert.equal(text(bytes.slice(at - VIRTIO_SIZE, at)), '00'.repeat(VIRTIO_SIZE))
  before.set(bytes.slice(at - VIRTIO_SIZE, at + length), at - VIRTIO_SIZE)
  assert.equal(text(bytes), text(before))
  return bytes.slice(at, at + length)
}

/** As text, without what Linux chooses otherwise: identification, Don't Fragment, and so the header checksum. */
function comparable(frame: Uint8Array): string {
  const copy = frame.slice()
  copy.fill(0, 18, 22)
  copy.fill(0, 24, 26)
  return text(copy)
}

describe('turnIntoEchoReply', () => {
  const reply = (placed: PlacedFrame, ipOptions = 0): void => {
    const network = placed.offset + ETHERNET_SIZE
    turnIntoEchoReply(placed.view, placed.offset, network, network + 20 + ipOptions)
  }

  it('answers what Linux answers', () => {
    const { request, reply: expected } = kernelGateway.echo
    const frame = placeFrame(request, WHOLE)
    reply(frame)
    const answered = frame.bytes.slice(frame.offset, frame.offset + frame.length)
    assert.equal(comparable(answered), comparable(expected))
    assert.equal(naiveSum(answered.slice(ETHERNET_SIZE, ETHERNET_SIZE + 20)), 0xffff)
  })

  it('equals the full computation, options turned into No Operation', () => {
    fc.assert(
      fc.property(ipv4Spec, (anySpec) => {
        const spec: Ipv4FrameSpec = {
          ...anySpec,
          protocol: 1,
          icmpType: 8,
          checksum: anySpec.checksum === 'none' ? 'whole' : anySpec.checksum,
        }
        const frame = placeFrame(frameOf(spec), virtioOf(spec))
        reply(frame, spec.ipOptions.length)
        const answer = frameOf({
          ...spec,
          icmpType: 0,
          source: spec.destination,
          destination: spec.source,
          timeToLive: 64,
          ipOptions: new Uint8Array(spec.ipOptions.length).fill(1),
        })
        const turned = joined(answer.slice(6, 12), answer.slice(0, 6), answer.slice(12))
        assert.equal(memoryText(frame), memoryText(placeFrame(turned, virtioOf(spec))))
      }),
    )
  })

  it('updates a checksum that NEEDS_CSUM does not mean', () => {
    const spec: Ipv4FrameSpec = { ...PLAIN_IPV4, protocol: 1, payload: new Uint8Array(40) }
    const virtio = Uint8Array.of(1, 0, 0, 0, 0, 0, upperStart(spec) + 20, 0, 2, 0)
    const frame = placeFrame(frameOf(spec), virtio)
    reply(frame)
    assert.equal(
      naiveSum(frame.bytes.slice(frame.offset + upperStart(spec), frame.offset + frame.length)),
      0xffff,
    )
  })
})

describe('composeError', () => {
  it('says what Linux says', () => {
    const { timeExceeded, fragmentationNeeded, portUnreachable } = kernelGateway
    const cases = [
      [timeExceeded, { type: 11, code: 0, rest: 0 }],
      [fragmentationNeeded, { type: 3, code: 4, rest: 1000 }],
      [portUnreachable, { type: 3, code: 3, rest: 0 }],
    ] as const
    for (const [{ about, error: expected }, error] of cases) {
      assert.equal(comparable(errorAbout(about, error)), comparable(expected))
    }
  })

  it('has good checksums, TTL, precedence, and the packet as it arrived, as much as fits 576 bytes', () => {
    fc.assert(
      fc.property(ipv4Spec, fc.nat(1000), fc.nat(15), fc.nat(0xffffffff), (anySpec, size, code, rest) => {
        const spec = { ...anySpec, payload: noise(size, 1) }
        const about = frameOf(spec)
        const error = errorAbout(joined(about, new Uint8Array(3)), { type: 3, code, rest }, virtioOf(spec))
        const packet = error.slice(ETHERNET_SIZE)
        const quoted = about.slice(ETHERNET_SIZE, ETHERNET_SIZE + 548)
        assert.equal(packet.length, 28 + quoted.length)
        assert.equal(text(packet.slice(0, 10)).replace(/^(.{4}).{4}/, '$1'), '45c0000040004001')
        assert.equal((packet[2]! << 8) | packet[3]!, packet.length)
        assert.equal(naiveSum(packet.slice(0, 20)), 0xffff)
        assert.equal(text(packet.slice(12, 20)), text(joined(be32(GATEWAY.address), be32(spec.source))))
        assert.equal(text(packet.slice(20, 22)), text(Uint8Array.of(3, code)))
        assert.equal(text(packet.slice(24, 28)), text(joined(be32(rest))))
        assert.equal(naiveSum(packet.slice(20)), 0xffff)
        assert.equal(text(packet.slice(28)), text(quoted))
      }),
    )
  })

  it('goes back on the VLAN that the packet came from', () => {
    const plain = frameOf(PLAIN_IPV4)
    const tagged = joined(plain.slice(0, 12), hex('8100 0007'), plain.slice(12))
    const error = errorAbout(tagged, PROTOCOL_UNREACHABLE, WHOLE, ETHERNET_SIZE + 4)
    assert.equal(text(error.slice(0, 18)), '02420a01000202420a010001810000070800')
    assert.equal(
      text(joined(error.slice(0, 12), error.slice(16))),
      text(errorAbout(plain, PROTOCOL_UNREACHABLE)),
    )
  })

  it('points to the byte that is the problem', () => {
    const error = errorAbout(frameOf(PLAIN_IPV4), { type: 12, code: 0, rest: pointerRest(200) })
    assert.equal(text(error.slice(34, 36)), '0c00')
    assert.equal(text(error.slice(38, 42)), 'c8000000')
  })
})

describe('mayAnswer', () => {
  function may(changes: Partial<Ipv4FrameSpec>, target?: string, upper?: Uint8Array): boolean {
    const frame = frameOf({ ...PLAIN_IPV4, ...changes }, upper)
    if (target !== undefined) frame.set(hex(target))
    const { view, offset } = placeFrame(frame, WHOLE)
    return mayAnswer(view, offset, offset + ETHERNET_SIZE, BROADCAST)
  }
  const address = (a: number, b: number, c: number, d: number): number => (a << 24) | (b << 16) | (c << 8) | d

  it('allows an answer to what one host sends to another, first fragments included', () => {
    assert.equal(may({}), true)
    assert.equal(may({ fragment: 0x2000 }), true)
    assert.equal(may({ source: OUTSIDE, destination: INSIDE }), true)
    assert.equal(may({ protocol: 47, payload: new Uint8Array() }), true)
    for (const last of [1, 126, 128, 223]) assert.equal(may({ source: address(last, 0, 0, 1) }), true)
  })

  it('forbids one about a later fragment', () => {
    assert.equal(may({ fragment: 0x0001 }), false)
    assert.equal(may({ fragment: 0x3fff }), false)
  })

  it('forbids one about a frame or a packet to many', () => {
    assert.equal(may({}, 'ffffffffffff'), false)
    assert.equal(may({}, '01005e000001'), false)
    for (const first of [224, 239, 240, 255])
      assert.equal(may({ destination: address(first, 0, 0, 1) }), false)
    assert.equal(may({ destination: -1 }), false)
    assert.equal(may({ destination: BROADCAST }), false)
  })

  it('forbids one to a source that is not one host', () => {
    for (const first of [0, 127, 224, 239, 240, 255])
      assert.equal(may({ source: address(first, 0, 0, 1) }), false)
    for (const source of [0, -1, BROADCAST]) assert.equal(may({ source }), false)
  })

  it('forbids one about an ICMP error and what may be one, and allows it about questions and answers', () => {
    const allowed = Array.from({ length: 256 }, (_, type) => type).filter((icmpType) =>
      may({ protocol: 1, icmpType }),
    )
    assert.deepEqual(allowed, [0, 8, 13, 14])
    assert.equal(may({ protocol: 1 }, undefined, new Uint8Array()), false, 'no type to be read')
  })

  it('reads nothing behind the packet', () => {
    const spec: Ipv4FrameSpec = { ...PLAIN_IPV4, protocol: 1 }
    const frame = frameOf(spec, Uint8Array.of(8))
    assert.equal(upperStart(spec) + 1, frame.length)
    assert.equal(mayAnswer(new DataView(frame.buffer), 0, ETHERNET_SIZE, BROADCAST), true)
    const padded = joined(frameOf(spec, new Uint8Array()), [8])
    assert.equal(mayAnswer(new DataView(padded.buffer), 0, ETHERNET_SIZE, BROADCAST), false)
  })
})
