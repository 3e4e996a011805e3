import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import {
  embeddedCheck,
  embeddedPorts,
  isErrorAboutPacket,
  rewriteEmbedded,
} from '../../src/datapath/icmp-error.ts'
import * as ipv4 from '../../src/wire/ipv4.ts'
import { ipv4Spec, samePorts, word32 } from '../support/ipv4-arbitrary.ts'
import {
  be16,
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
  PUBLIC,
  packetOf,
  placeFrame,
} from '../support/ipv4-frame.ts'
import { kernelGateway } from '../support/kernel-gateway.ts'
import { hex, naiveChecksum, naiveSum } from '../support/wire-bytes.ts'

const HOP = 0xc0000201 | 0
const MESSAGE = ETHERNET_SIZE + 20
const EMBEDDED = MESSAGE + 8
const PARTIAL = Uint8Array.of(1, 0, 0, 0, 0, 0, MESSAGE, 0, 2, 0)
const WHOLE = new Uint8Array(10)

interface Quotation {
  readonly type: number
  readonly code: number
  readonly rest: number
  /** Bytes of the quoted packet's upper header and payload. */
  readonly kept: number
  /** How many hops have taken from the quoted TTL without touching its checksum. */
  readonly staleHops: number
  /** What follows the quotation. */
  readonly extension: Uint8Array
  readonly partial: boolean
}

const QUOTATION: Quotation = {
  type: 3,
  code: 3,
  rest: 0,
  kept: 1000,
  staleHops: 0,
  extension: new Uint8Array(),
  partial: false,
}

/** An error about `quoted` from a hop to `destination`, built with the checksum model. */
function errorFrame(quoted: Ipv4FrameSpec, destination: number, quotation: Quotation): Uint8Array {
  const { type, code, rest, kept, staleHops, extension, partial } = quotation
  const packet = packetOf(quoted).slice(0, 20 + quoted.ipOptions.length + kept)
  packet[8]! -= staleHops
  const message = joined([type, code, 0, 0], be32(rest), packet, extension)
  if (!partial) message.set(be16(naiveChecksum(message)), 2)
  const outer: Ipv4FrameSpec = { ...PLAIN_IPV4, protocol: 1, source: HOP, destination }
  return frameOf({ ...outer, fragment: 0 }, message)
}

const place = (quoted: Ipv4FrameSpec, destination: number, quotation: Quotation): PlacedFrame =>
  placeFrame(errorFrame(quoted, destination, quotation), quotation.partial ? PARTIAL : WHOLE)

const check = ({ view, offset, length }: PlacedFrame): number =>
  embeddedCheck(view, offset + MESSAGE, offset + length)

function rewrite(frame: PlacedFrame, to: Ipv4FrameSpec, outerDestination: number): void {
  const { view, offset, length } = frame
  rewriteEmbedded(
    view,
    offset,
    offset + ETHERNET_SIZE,
    offset + MESSAGE,
    offset + length,
    to.source,
    to.destination,
    to.ports,
    HOP,
    outerDestination,
  )
}

/** As it was sent inside, and as a NAT sent it on: the router that refuses it has seen the latter. */
function assertTranslates(inside: Ipv4FrameSpec, outside: Ipv4FrameSpec, quotation: Quotation): void {
  const frame = place(outside, outside.source, quotation)
  assert.equal(check(frame), frame.offset + EMBEDDED)
  rewrite(frame, inside, inside.source)
  assert.equal(memoryText(frame), memoryText(place(inside, inside.source, quotation)))
}

const quotation = fc.record({
  type: fc.constantFrom(3, 4, 11, 12),
  code: fc.nat(15),
  rest: fc.constantFrom(0, 1400, 0x14000000),
  // Not 17: half of a TCP checksum is none, see below.
  kept: fc.integer({ min: 8, max: 80 }).filter((kept) => kept !== 17),
  staleHops: fc.constant(0),
  extension: fc.constant(new Uint8Array()),
  partial: fc.boolean(),
})

describe('embeddedCheck', () => {
  it('finds what a kernel quotes', () => {
    for (const { error } of [
      kernelGateway.timeExceeded,
      kernelGateway.fragmentationNeeded,
      kernelGateway.portUnreachable,
    ]) {
      const frame = placeFrame(error, WHOLE)
      assert.equal(check(frame), frame.offset + EMBEDDED)
    }
    const { view, offset } = placeFrame(kernelGateway.portUnreachable.error, WHOLE)
    const asked = new DataView(kernelGateway.portUnreachable.about.buffer)
    assert.equal(ipv4.sourceAddress(view, offset + EMBEDDED), INSIDE)
    assert.equal(ipv4.protocol(view, offset + EMBEDDED), 17)
    assert.equal(embeddedPorts(view, offset + EMBEDDED), asked.getInt32(34))
  })

  it('knows an identifier by both halves, in requests and in replies', () => {
    for (const icmpType of [8, 0]) {
      const echo: Ipv4FrameSpec = { ...PLAIN_IPV4, protocol: 1, icmpType, ports: samePorts(0xbeef) }
      const frame = place(echo, PUBLIC, QUOTATION)
      assert.equal(check(frame), frame.offset + EMBEDDED)
      assert.equal(embeddedPorts(frame.view, frame.offset + EMBEDDED), 0xbeefbeef | 0)
    }
  })

  it('finds nothing in what names no flow', () => {
    const refuse = (changes: Partial<Ipv4FrameSpec>, how: Partial<Quotation> = {}): void => {
      const frame = place({ ...PLAIN_IPV4, ...changes }, PUBLIC, { ...QUOTATION, ...how })
      assert.equal(check(frame), 0, JSON.stringify({ changes, how }))
    }
    for (const type of [0, 5, 8, 13, 255]) refuse({}, { type })
    for (const protocol of [0, 2, 41, 47, 50, 132]) refuse({ protocol, payload: new Uint8Array(20) })
    // Errors about errors, and other questions than echo.
    for (const icmpType of [3, 5, 11, 13]) refuse({ protocol: 1, icmpType })
    refuse({ fragment: 0x2001 })
    refuse({}, { kept: 7 })
    refuse({ ipOptions: new Uint8Array(40) }, { kept: 7 })
    // By RFC 4884 the quotation ends after 24 bytes; the ports would be padding or extension.
    refuse({}, { rest: 6 << 16 })
  })

  it('refuses other versions and impossible header lengths', () => {
    for (const first of [0x35, 0x65, 0x44, 0x40, 0x4f]) {
      const frame = place(PLAIN_IPV4, PUBLIC, QUOTATION)
      frame.bytes[frame.offset + EMBEDDED] = first
      // 0x4f: 60 bytes of header, of which there are 45.
      assert.equal(check(frame), 0, first.toString(16))
    }
  })

  it('never reads behind the end, however short', () => {
    const whole = errorFrame({ ...PLAIN_IPV4, ipOptions: new Uint8Array(8) }, PUBLIC, QUOTATION)
    for (let length = MESSAGE + 8; length <= whole.length; length++) {
      const view = new DataView(whole.buffer, 0, length)
      assert.equal(embeddedCheck(view, MESSAGE, length), length >= EMBEDDED + 28 + 8 ? EMBEDDED : 0)
    }
  })

  it('knows which types are errors about a packet', () => {
    const types = Array.from({ length: 256 }, (_, type) => type)
    assert.deepEqual(types.filter(isErrorAboutPacket), [3, 4, 11, 12])
  })
})

describe('rewriteEmbedded', () => {
  it('turns what came back to the NAT into what the host inside expects', () => {
    for (const protocol of [1, 6, 17]) {
      const ports = protocol === 1 ? samePorts(77) : (40_000 << 16) | 53
      const translated = protocol === 1 ? samePorts(61_000) : (61_000 << 16) | 53
      const inside: Ipv4FrameSpec = { ...PLAIN_IPV4, protocol, ports }
      const outside = { ...inside, source: PUBLIC, ports: translated }
      // The least that RFC 792 wants, the last byte before a TCP checksum, and all.
      for (const kept of [8, 16, 18, 1000]) assertTranslates(inside, outside, { ...QUOTATION, kept })
      assertTranslates(inside, outside, { ...QUOTATION, partial: true })
    }
  })

  it('equals the full computation for any flow, quotation and checksum', () => {
    fc.assert(
      fc.property(ipv4Spec, word32, word32, word32, quotation, (spec, source, destination, ports, how) => {
        const inside: Ipv4FrameSpec = { ...spec, checksum: spec.checksum === 'none' ? 'none' : 'whole' }
        const outside = {
          ...inside,
          source,
          destination,
          ports: spec.protocol === 1 ? samePorts(ports) : ports,
        }
        assertTranslates(inside, outside, how)
      }),
      { numRuns: 700 },
    )
  })

  it('leaves half a TCP checksum alone', () => {
    const outside: Ipv4FrameSpec = { ...PLAIN_IPV4, source: PUBLIC, ports: (61_000 << 16) | 443 }
    const how = { ...QUOTATION, kept: 17 }
    const frame = place(outside, PUBLIC, how)
    const half = frame.bytes[frame.offset + frame.length - 1]
    rewrite(frame, PLAIN_IPV4, INSIDE)
    assert.equal(frame.bytes[frame.offset + frame.length - 1], half)
    assert.equal(naiveSum(frame.bytes.slice(frame.offset + MESSAGE, frame.offset + frame.length)), 0xffff)
  })

  it('keeps an embedded UDP checksum of 0, and turns a computed 0 into 0xffff', () => {
    const inside: Ipv4FrameSpec = { ...PLAIN_IPV4, protocol: 17, checksum: 'none' }
    const outside = { ...inside, source: PUBLIC, ports: (61_000 << 16) | 53 }
    assertTranslates(inside, outside, QUOTATION)
    const zero = packetOf({ ...inside, checksum: 'whole', payload: hex('0000') }).slice(26, 28)
    const whole = { checksum: 'whole', payload: zero } as const
    assert.equal(Buffer.from(packetOf({ ...inside, ...whole })).readUInt16BE(26), 0xffff)
    assertTranslates({ ...inside, ...whole }, { ...outside, ...whole }, QUOTATION)
  })

  it('keeps a quoted header checksum exactly as stale as it came', () => {
    const outside = { ...PLAIN_IPV4, source: PUBLIC, ports: (61_000 << 16) | 443 }
    assertTranslates(PLAIN_IPV4, outside, { ...QUOTATION, type: 11, code: 0, staleHops: 5 })
  })

  it('leaves the extensions of RFC 4884 and their length as they are', () => {
    // 128 bytes of quotation, then an extension header with an MPLS label (RFC 4950).
    const payload = new Uint8Array(128 - 40)
    const inside: Ipv4FrameSpec = { ...PLAIN_IPV4, payload }
    const extension = hex('2000 7b5f 0008 0101 03e9e1ff')
    const how = { ...QUOTATION, type: 11, code: 0, rest: 32 << 16, extension }
    assertTranslates(inside, { ...inside, source: PUBLIC, ports: 1 }, how)
    // A quotation so short that where TCP's checksum would be there is the extension.
    const short = { ...how, kept: 8, rest: 7 << 16 }
    assertTranslates(inside, { ...inside, source: PUBLIC, ports: 1 }, short)
  })

  it('translates errors about replies, too: the embedded destination, and the outer source', () => {
    const reply: Ipv4FrameSpec = { ...PLAIN_IPV4, source: OUTSIDE, destination: INSIDE }
    const seen = { ...reply, destination: PUBLIC, ports: (443 << 16) | 61_000 }
    // The host inside refuses what the NAT handed to it.
    const frame = placeFrame(errorFrame(reply, OUTSIDE, QUOTATION), WHOLE)
    const { view, offset, length } = frame
    const [network, message, end] = [offset + ETHERNET_SIZE, offset + MESSAGE, offset + length]
    const { source, destination, ports } = seen
    rewriteEmbedded(view, offset, network, message, end, source, destination, ports, PUBLIC, OUTSIDE)
    const packet = errorFrame(seen, OUTSIDE, QUOTATION).slice(MESSAGE)
    const expected = frameOf(
      { ...PLAIN_IPV4, protocol: 1, source: PUBLIC, destination: OUTSIDE, fragment: 0 },
      packet,
    )
    assert.equal(memoryText(frame), memoryText(placeFrame(expected, WHOLE)))
  })

  it('stays within the frame, and keeps a right checksum right, whatever embeddedCheck accepts', () => {
    const change = fc.tuple(fc.nat(60), fc.nat(255))
    let accepted = 0
    fc.assert(
      fc.property(
        ipv4Spec,
        quotation,
        fc.array(change, { maxLength: 4 }),
        word32,
        (spec, how, changes, word) => {
          const frame = errorFrame(spec, PUBLIC, { ...how, partial: false })
          for (const [at, byte] of changes)
            if (MESSAGE + 4 + at < frame.length) frame[MESSAGE + 4 + at] = byte
          frame.set([0, 0], MESSAGE + 2)
          frame.set(be16(naiveChecksum(frame.slice(MESSAGE))), MESSAGE + 2)
          const { view, bytes, offset, length } = placeFrame(frame, WHOLE)
          // A view that ends with the frame: reading or writing behind it throws.
          const bounded = new DataView(view.buffer, 0, offset + length)
          if (embeddedCheck(bounded, offset + MESSAGE, offset + length) === 0) return
          accepted++
          const [network, message, end] = [offset + ETHERNET_SIZE, offset + MESSAGE, offset + length]
          rewriteEmbedded(bounded, offset, network, message, end, word, INSIDE, word, HOP, INSIDE)
          assert.equal(naiveSum(bytes.slice(message, end)), 0xffff)
          assert.equal(naiveSum(bytes.slice(network, message)), 0xffff)
        },
      ),
      { numRuns: 1000 },
    )
    assert.ok(accepted > 100, `only ${accepted} were accepted`)
  })
})
