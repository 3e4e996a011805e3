import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import {
  checksumRequestFits,
  clampMss,
  decrementTimeToLive,
  isPartial,
  rewriteAddresses,
  setEthernetAddresses,
} from '../../src/datapath/rewrite.ts'
import { ipv4Spec, samePorts, word32 } from '../support/ipv4-arbitrary.ts'
import {
  be16,
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
  placeFrame,
  text,
  upperOf,
  upperStart,
  virtioOf,
} from '../support/ipv4-frame.ts'
import { kernelGateway } from '../support/kernel-gateway.ts'
import { hex, naiveSum } from '../support/wire-bytes.ts'

interface Tuple {
  readonly source: number
  readonly destination: number
  readonly ports: number
}

const placed = (spec: Ipv4FrameSpec, upper?: Uint8Array): PlacedFrame =>
  placeFrame(frameOf(spec, upper), virtioOf(spec))

function rewrite(frame: PlacedFrame, spec: Ipv4FrameSpec, hasPorts: boolean, tuple: Tuple): void {
  const network = frame.offset + ETHERNET_SIZE
  const transport = frame.offset + upperStart(spec)
  const { source, destination, ports } = tuple
  const { view, offset } = frame
  rewriteAddresses(view, offset, network, transport, spec.protocol, hasPorts, source, destination, ports)
}

/** Asserts that a frame rewritten is, byte for byte and with all around it, one that had the tuple from the start. */
function assertRewrites(spec: Ipv4FrameSpec, tuple: Tuple): void {
  const frame = placed(spec)
  rewrite(frame, spec, true, tuple)
  assert.equal(memoryText(frame), memoryText(placed({ ...spec, ...tuple })))
}

const tuple = fc.record({ source: word32, destination: word32, ports: word32 })
const tupleFor = (spec: Ipv4FrameSpec, { source, destination, ports }: Tuple): Tuple => ({
  source,
  destination,
  ports: spec.protocol === 1 ? samePorts(ports) : ports,
})

describe('rewriteAddresses', () => {
  it('translates a segment that a kernel sent', () => {
    const sent = kernelGateway.reset.about
    const read = new DataView(sent.buffer, sent.byteOffset)
    const options = sent.slice(54)
    const spec: Ipv4FrameSpec = {
      ...PLAIN_IPV4,
      source: INSIDE,
      destination: 0x0a010001,
      ports: read.getInt32(34),
      identification: read.getUint16(18),
      controlBits: 0x02,
      sequenceNumber: read.getUint32(38),
      acknowledgmentNumber: 0,
      tcpOptions: options,
      payload: new Uint8Array(),
    }
    assert.equal(text(frameOf(spec)), text(sent), 'the model builds what the kernel built')
    assertRewrites(spec, { source: PUBLIC, destination: OUTSIDE, ports: (61_000 << 16) | 443 })
  })

  it('leaves what a sender with that tuple would have sent', () => {
    fc.assert(
      fc.property(ipv4Spec, tuple, (spec, wanted) => assertRewrites(spec, tupleFor(spec, wanted))),
      { numRuns: 1000 },
    )
  })

  it('gives all back when it is undone', () => {
    fc.assert(
      fc.property(ipv4Spec, tuple, (spec, wanted) => {
        const frame = placed(spec)
        const before = memoryText(frame)
        rewrite(frame, spec, true, tupleFor(spec, wanted))
        rewrite(frame, spec, true, spec)
        assert.equal(memoryText(frame), before)
      }),
    )
  })

  it('keeps a wrong checksum as wrong as it was, for the receiver to see', () => {
    fc.assert(
      fc.property(ipv4Spec, tuple, fc.integer({ min: 1, max: 0xfffe }), (spec, wanted, error) => {
        fc.pre(spec.checksum === 'whole' && spec.protocol !== 17)
        const upper = upperOf(spec)
        const field = spec.protocol === 1 ? 2 : 16
        upper.set(be16(((upper[field]! << 8) | upper[field + 1]!) ^ error), field)
        const frame = placed(spec, upper)
        const before = segmentSum(frame, spec)
        rewrite(frame, spec, true, tupleFor(spec, wanted))
        assert.equal(segmentSum(frame, spec) % 0xffff, before % 0xffff)
        assert.notEqual(before % 0xffff, 0)
      }),
    )
  })

  it('keeps an absent UDP checksum absent, and a computed 0 never becomes one', () => {
    const udp: Ipv4FrameSpec = { ...PLAIN_IPV4, protocol: 17, payload: hex('0000') }
    assertRewrites({ ...udp, checksum: 'none' }, { source: PUBLIC, destination: OUTSIDE, ports: -1 })
    // The checksum, added to a word of the data, makes the sum 0xffff.
    const wanted = { source: PUBLIC, destination: OUTSIDE, ports: (61_000 << 16) | 53 }
    const payload = upperOf({ ...udp, ...wanted }).slice(6, 8)
    const frame = placed({ ...udp, payload })
    rewrite(frame, udp, true, wanted)
    assert.equal(frame.view.getUint16(frame.offset + upperStart(udp) + 6), 0xffff)
    assertRewrites({ ...udp, payload }, wanted)
    // And away from 0xffff again.
    assertRewrites({ ...udp, ...wanted, payload }, { source: INSIDE, destination: OUTSIDE, ports: 7 })
  })

  it('may make a TCP checksum 0, and updates one', () => {
    const wanted = { source: PUBLIC, destination: OUTSIDE, ports: (61_000 << 16) | 80 }
    const payload = upperOf({ ...PLAIN_IPV4, ...wanted, payload: hex('0000') }).slice(16, 18)
    const frame = placed({ ...PLAIN_IPV4, payload })
    rewrite(frame, PLAIN_IPV4, true, wanted)
    assert.equal(frame.view.getUint16(frame.offset + upperStart(PLAIN_IPV4) + 16), 0)
    assertRewrites({ ...PLAIN_IPV4, payload }, wanted)
    // And away from 0 again: to TCP it means nothing.
    const { source, destination, ports } = PLAIN_IPV4
    assertRewrites({ ...PLAIN_IPV4, ...wanted, payload }, { source, destination, ports })
  })

  it('updates the checksum of a whole datagram in its first fragment, and nothing but addresses in later ones', () => {
    fc.assert(
      fc.property(ipv4Spec, tuple, fc.nat(60), (spec, wanted, more) => {
        fc.pre(spec.checksum !== 'partial')
        const changed = { ...spec, ...tupleFor(spec, wanted) }
        const headerSize = upperOf(spec).length - spec.payload.length
        const first = { fragment: 0x2000 }
        const frame = placed({ ...spec, ...first }, upperOf(spec).slice(0, headerSize + more))
        rewrite(frame, spec, true, changed)
        const expected = placed({ ...changed, ...first }, upperOf(changed).slice(0, headerSize + more))
        assert.equal(memoryText(frame), memoryText(expected))

        const later = { fragment: 0x00b9 }
        const rest = placed({ ...spec, ...later }, spec.payload)
        rewrite(rest, spec, false, changed)
        assert.equal(memoryText(rest), memoryText(placed({ ...changed, ...later }, spec.payload)))
      }),
    )
  })

  it('finishes what a tunnel left: the outer checksum is whole where NEEDS_CSUM means an inner one', () => {
    const spec: Ipv4FrameSpec = { ...PLAIN_IPV4, protocol: 17, payload: new Uint8Array(100) }
    const virtio = Uint8Array.of(1, 0, 0, 0, 0, 0, upperStart(spec) + 50, 0, 16, 0)
    const frame = placeFrame(frameOf(spec), virtio)
    const wanted = { source: PUBLIC, destination: INSIDE, ports: 77 }
    rewrite(frame, spec, true, wanted)
    assert.equal(memoryText(frame), memoryText(placeFrame(frameOf({ ...spec, ...wanted }), virtio)))
  })
})

/** The sum over pseudo-header and segment: 0xffff where the checksum is right. */
function segmentSum({ bytes, offset, length }: PlacedFrame, spec: Ipv4FrameSpec): number {
  const segment = bytes.slice(offset + upperStart(spec), offset + length)
  if (spec.protocol === 1) return naiveSum(segment)
  const addresses = bytes.slice(offset + ETHERNET_SIZE + 12, offset + ETHERNET_SIZE + 20)
  return naiveSum(addresses, joined([0, spec.protocol], be16(segment.length)), segment)
}

describe('isPartial', () => {
  it('means the header that NEEDS_CSUM names', () => {
    const spec: Ipv4FrameSpec = { ...PLAIN_IPV4, checksum: 'partial' }
    const { view, offset } = placed(spec)
    assert.equal(isPartial(view, offset, offset + upperStart(spec)), true)
    assert.equal(isPartial(view, offset, offset + upperStart(spec) + 8), false)
    const whole = placed(PLAIN_IPV4)
    assert.equal(isPartial(whole.view, whole.offset, whole.offset + upperStart(PLAIN_IPV4)), false)
  })
})

describe('checksumRequestFits', () => {
  const headersSize = { 1: 8, 6: 20, 17: 8 } as Record<number, number>

  function fits(spec: Ipv4FrameSpec, start: number, field: number): boolean {
    const { view, offset } = placeFrame(frameOf(spec), Uint8Array.of(1, 0, 0, 0, 0, 0, start, 0, field, 0))
    const transport = offset + upperStart(spec)
    const payload = transport + headersSize[spec.protocol]!
    return checksumRequestFits(view, offset, transport, payload, spec.protocol)
  }

  it('allows the checksum field and what is behind the headers, and no other byte', () => {
    for (const [protocol, own] of [
      [1, 2],
      [6, 16],
      [17, 6],
    ] as const) {
      const spec: Ipv4FrameSpec = { ...PLAIN_IPV4, protocol, payload: new Uint8Array(64) }
      const transport = upperStart(spec)
      for (let field = 0; field < 60; field++) {
        const behind = field >= headersSize[protocol]!
        assert.equal(
          fits(spec, transport, field),
          field === own || behind,
          `protocol ${protocol}, field ${field}`,
        )
        assert.equal(fits(spec, 14, field), 14 + field >= transport + headersSize[protocol]!)
      }
    }
  })

  it('allows whatever a frame says that asks for nothing', () => {
    const { view, offset } = placeFrame(frameOf(PLAIN_IPV4), Uint8Array.of(2, 0, 0, 0, 0, 0, 14, 0, 12, 0))
    assert.equal(checksumRequestFits(view, offset, offset + 34, offset + 54, 6), true)
  })
})

describe('decrementTimeToLive', () => {
  it('equals the full computation for every TTL', () => {
    fc.assert(
      fc.property(ipv4Spec, (spec) => {
        const frame = placed(spec)
        decrementTimeToLive(frame.view, frame.offset + ETHERNET_SIZE)
        assert.equal(memoryText(frame), memoryText(placed({ ...spec, timeToLive: spec.timeToLive - 1 })))
      }),
      { numRuns: 1000 },
    )
  })

  it('takes a header whose checksum becomes 0, where RFC 1141 has 0xffff', () => {
    // All other words of the header are the same, so the identification moves the checksum to any value.
    const wanted: Ipv4FrameSpec = { ...PLAIN_IPV4, timeToLive: 63, identification: 0 }
    const identification = new DataView(frameOf(wanted).buffer).getUint16(ETHERNET_SIZE + 10)
    const spec = { ...PLAIN_IPV4, identification }
    const frame = placed(spec)
    decrementTimeToLive(frame.view, frame.offset + ETHERNET_SIZE)
    assert.equal(frame.view.getUint16(frame.offset + ETHERNET_SIZE + 10), 0)
    assert.equal(memoryText(frame), memoryText(placed({ ...spec, timeToLive: 63 })))
  })
})

describe('setEthernetAddresses', () => {
  it('writes target and source, and nothing else', () => {
    const frame = placed(PLAIN_IPV4)
    const expected = placed(PLAIN_IPV4)
    expected.bytes.set(hex('0242aabbccdd fedcba987654'), expected.offset)
    setEthernetAddresses(frame.view, frame.offset, 0x0242, 0xaabbccdd | 0, 0xfedc, 0xba987654 | 0)
    assert.equal(memoryText(frame), memoryText(expected))
  })
})

describe('clampMss', () => {
  const SYN: Ipv4FrameSpec = { ...PLAIN_IPV4, controlBits: 0x02 }

  function clamp(frame: PlacedFrame, spec: Ipv4FrameSpec, mss: number): boolean {
    const network = frame.offset + ETHERNET_SIZE
    const transport = frame.offset + upperStart(spec)
    return clampMss(frame.view, frame.offset, network, transport, frame.offset + frame.length, mss)
  }

  function assertClamps(
    before: string,
    after: string,
    mss: number,
    changes: Partial<Ipv4FrameSpec> = {},
  ): void {
    const spec = { ...SYN, ...changes, tcpOptions: hex(before) }
    const frame = placed(spec)
    assert.equal(clamp(frame, spec, mss), before !== after)
    assert.equal(memoryText(frame), memoryText(placed({ ...spec, tcpOptions: hex(after) })))
  }

  it('lowers what Linux announces, in SYN and SYN+ACK', () => {
    const rest = '0402080a36eb38df000000000103030a'
    assertClamps(`020405b4${rest}`, `02040578${rest}`, 1400)
    assertClamps(`020405b4${rest}`, `02040578${rest}`, 1400, { controlBits: 0x12 })
    assertClamps(`020405b4${rest}`, `02040578${rest}`, 1400, { checksum: 'partial' })
    assertClamps(`020405b4${rest}`, `02040578${rest}`, 1400, { ipOptions: hex('94040000') })
  })

  it('lowers it at an odd distance, too, where the bytes of a word are swapped', () => {
    assertClamps('01020405b4010100', '0102040578010100', 1400)
    assertClamps('01020405b4010100', '0102040578010100', 1400, { checksum: 'partial' })
    assertClamps('01010102 04ffff00', '01010102 0400ff00', 255)
  })

  it('never raises it, and adds none', () => {
    assertClamps('020405b4', '020405b4', 1460)
    assertClamps('020405b4', '020405b4', 9000)
    assertClamps('04020101', '04020101', 100)
    assertClamps('', '', 100)
  })

  it('lowers each of several', () => {
    assertClamps('020405b402040200020405b5', '020402580204020002040258', 600)
  })

  it('leaves malformed options alone, and what is behind them', () => {
    for (const options of [
      '020305b4',
      // Cut off by the end of the header, by one byte and by more.
      '01020405',
      '01010204',
      '020605b400000000',
      '02000204',
      '0201020405b40000',
      '010101ff',
      '01010102',
    ]) {
      assertClamps(options, options, 100)
    }
    // The end of the options, with something that looks like one behind it.
    assertClamps('00020405b4000000', '00020405b4000000', 100)
    assertClamps('020405b402ff05b4', '0204006402ff05b4', 100)
  })

  it('touches neither other segments nor later fragments nor other protocols', () => {
    assertClamps('020405b4', '020405b4', 100, { controlBits: 0x10 })
    assertClamps('020405b4', '020405b4', 100, { fragment: 0x0001 })
    assertClamps('020405b4', '020405b4', 100, { protocol: 17 })
  })

  it('equals the full computation for random options, and never reads or writes beyond the header', () => {
    const option = fc.oneof(
      fc.constantFrom('01', '020405b4', '0402', '03030a', '0402ffff'),
      fc.integer({ min: 0, max: 0xffff }).map((mss) => `0204${text(Uint8Array.from(be16(mss)))}`),
    )
    let clamped = 0
    fc.assert(
      fc.property(ipv4Spec, fc.array(option, { maxLength: 9 }), fc.nat(0xffff), (anySpec, options, mss) => {
        const joinedOptions = hex(options.join('')).slice(0, 40)
        const tcpOptions = joined(joinedOptions, new Uint8Array((4 - (joinedOptions.length % 4)) % 4))
        const spec: Ipv4FrameSpec = {
          ...anySpec,
          protocol: 6,
          fragment: 0,
          controlBits: 0x02,
          tcpOptions,
          checksum: anySpec.checksum === 'none' ? 'whole' : anySpec.checksum,
        }
        const frame = placed(spec)
        if (clamp(frame, spec, mss)) clamped++
        const start = frame.offset + upperStart(spec) + 20
        const after = frame.bytes.slice(start, start + tcpOptions.length)
        assert.equal(memoryText(frame), memoryText(placed({ ...spec, tcpOptions: after })))
      }),
      { numRuns: 1000 },
    )
    assert.ok(clamped > 50, `only ${clamped} were clamped`)
  })
})
