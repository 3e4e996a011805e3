import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, describe, it } from 'node:test'
import * as fc from 'fast-check'
import { DropReason } from '../../src/datapath/drop-reason.ts'
import { FrameMemory, frameLayout, VIRTIO_NET_HEADER_SIZE } from '../../src/datapath/frame-memory.ts'
import {
  completeChecksum,
  offloadReason,
  SEGMENTS_DO_NOT_FIT,
  Segmenter,
} from '../../src/datapath/offload.ts'
import { ARENA_SIZE, SEGMENTS_MAX } from '../../src/limits.ts'
import * as tcp from '../../src/wire/tcp.ts'
import * as virtioNet from '../../src/wire/virtio-net.ts'
import { needs } from '../support/requirements.ts'
import {
  finishedFrame,
  headersSize,
  naiveSegments,
  noise,
  type PacketSpec,
  PLAIN,
  partialFrame,
  transportStart,
} from '../support/super-frame.ts'
import { CHECK_CHECKSUMS } from '../support/tshark-checksums.ts'
import { hex, POISON } from '../support/wire-bytes.ts'

const memory = new FrameMemory(frameLayout(1))
const { view, bytes } = memory
const segmenter = new Segmenter(memory)
const OFFSET = memory.slotFrame(0)
const HEADER = OFFSET - VIRTIO_NET_HEADER_SIZE
const ARENA = memory.layout.arena
const ARENA_END = ARENA + ARENA_SIZE

/** Ethernet header and MTU 1500. */
const FRAME_MAX = 1514

const CHECKSUM_OFFSET = { tcp: 16, udp: 6 }

/** What a sender writes in front of a frame that is to be cut, with a hdr_len that nobody should trust. */
function superFrameHeader(spec: PacketSpec, gsoSize: number): virtioNet.VirtioNet {
  const tcpType = spec.version === 4 ? virtioNet.GSO_TCPV4 : virtioNet.GSO_TCPV6
  return {
    flags: virtioNet.FLAG_NEEDS_CSUM,
    gsoType: spec.transport === 'udp' ? virtioNet.GSO_UDP_L4 : tcpType,
    headerLength: 7,
    gsoSize,
    checksumStart: transportStart(spec),
    checksumOffset: CHECKSUM_OFFSET[spec.transport],
  }
}

const checksumHeader = (spec: PacketSpec): virtioNet.VirtioNet => ({
  ...superFrameHeader(spec, 0),
  gsoType: virtioNet.GSO_NONE,
})

/** Puts a frame with its virtio-net header where the kernel would, and returns its length. */
function receive(frame: Uint8Array, header: virtioNet.VirtioNet): number {
  bytes.fill(POISON, memory.layout.slots, HEADER)
  virtioNet.emit(header, view, HEADER)
  bytes.set(frame, OFFSET)
  bytes.fill(POISON, OFFSET + frame.length, OFFSET + frame.length + 64)
  return frame.length
}

const text = (part: Uint8Array): string => Buffer.from(part).toString('hex')

function segments(): Uint8Array[] {
  return Array.from({ length: segmenter.count }, (_, index) => {
    const offset = segmenter.firstOffset + index * segmenter.stride
    const length = index === segmenter.count - 1 ? segmenter.lastLength : segmenter.segmentLength
    assert.equal(text(bytes.slice(offset - VIRTIO_NET_HEADER_SIZE, offset)), '00'.repeat(10))
    return bytes.slice(offset, offset + length)
  })
}

const uint16 = fc.integer({ min: 0, max: 0xffff })
const words = (max: number): fc.Arbitrary<Uint8Array> =>
  fc.integer({ min: 0, max }).chain((count) => fc.uint8Array({ minLength: count * 4, maxLength: count * 4 }))
/** Hop-by-Hop Options, Routing with no segments left, Destination Options. */
const extension = fc
  .tuple(fc.constantFrom(0, 43, 60), fc.constantFrom(6, 14, 22))
  .map(([type, size]) => [type, new Uint8Array(size)] as const)

const packetOf = (payloadMax: number): fc.Arbitrary<PacketSpec> =>
  fc.record({
    version: fc.constantFrom(4 as const, 6 as const),
    transport: fc.constantFrom('tcp' as const, 'udp' as const),
    tags: fc.constantFrom(
      [],
      [[0x8100, 5]] as const,
      [
        [0x88a8, 5],
        [0x8100, 0x2006],
      ] as const,
    ),
    ipOptions: words(10),
    tcpOptions: words(10),
    extensions: fc.array(extension, { maxLength: 3 }),
    identification: uint16,
    sequenceNumber: fc.oneof(fc.constant(0xffffff00), fc.integer({ min: 0, max: 0xffffffff })),
    controlBits: fc.integer({ min: 0, max: 0xff }),
    sourcePort: uint16,
    destinationPort: uint16,
    payload: fc.tuple(fc.nat(payloadMax), fc.integer()).map(([length, seed]) => noise(length, seed)),
  })

const packet = packetOf(3000)

describe('offloadReason', () => {
  const spec = { ...PLAIN, payload: noise(5000, 1) }
  const request = superFrameHeader(spec, 1448)

  function reason(frame: Uint8Array, header: virtioNet.VirtioNet, frameMax = FRAME_MAX): number {
    return offloadReason(view, OFFSET, receive(frame, header), frameMax)
  }

  it('accepts every well-formed super-frame', () => {
    fc.assert(
      fc.property(packet, fc.integer({ min: 1, max: 1200 }), (wanted, gsoSize) => {
        assert.equal(reason(partialFrame(wanted), superFrameHeader(wanted, gsoSize)), DropReason.none)
      }),
    )
  })

  it('accepts CWR in a TCP super-frame', () => {
    assert.equal(reason(partialFrame(spec), { ...request, gsoType: request.gsoType | virtioNet.GSO_ECN }), 0)
    const spec6 = { ...spec, version: 6 as const }
    const request6 = { ...superFrameHeader(spec6, 1428), gsoType: virtioNet.GSO_TCPV6 | virtioNet.GSO_ECN }
    assert.equal(reason(partialFrame(spec6), request6), 0)
  })

  it('measures headers and one segment against the MTU, never the super-frame', () => {
    // 14 Ethernet + 20 IPv4 + 20 TCP + 1460 = 1514
    assert.equal(reason(partialFrame(spec), { ...request, gsoSize: 1460 }), DropReason.none)
    assert.equal(reason(partialFrame(spec), { ...request, gsoSize: 1461 }), DropReason.frameTooLong)
    const tagged = {
      ...spec,
      tags: [
        [0x88a8, 1],
        [0x8100, 2],
      ] as const,
    }
    assert.equal(reason(partialFrame(tagged), superFrameHeader(tagged, 1460)), DropReason.none)
    assert.equal(reason(partialFrame(tagged), superFrameHeader(tagged, 1461)), DropReason.frameTooLong)
  })

  it('measures the whole of a frame that is not to be cut, VLAN tags on top', () => {
    for (const { tags, extra } of [
      { tags: [], extra: 0 },
      { tags: [[0x8100, 1]] as const, extra: 0 },
      {
        tags: [
          [0x88a8, 1],
          [0x8100, 2],
        ] as const,
        extra: 0,
      },
      { tags: [], extra: 1 },
      { tags: [[0x8100, 1]] as const, extra: 1 },
    ]) {
      const whole = { ...spec, tags, payload: noise(1460 + extra, 1) }
      const expected = extra === 0 ? DropReason.none : DropReason.frameTooLong
      assert.equal(reason(partialFrame(whole), checksumHeader(whole)), expected)
      assert.equal(
        reason(finishedFrame(whole), { ...checksumHeader(whole), flags: virtioNet.FLAG_DATA_VALID }),
        expected,
      )
    }
  })

  it('wants the checksum field within the frame and behind the Ethernet header', () => {
    const whole = { ...spec, payload: noise(10, 1) }
    const header = checksumHeader(whole)
    const length = finishedFrame(whole).length
    const judge = (start: number, offset: number): number =>
      reason(partialFrame(whole), { ...header, checksumStart: start, checksumOffset: offset })
    assert.equal(judge(14, 0), DropReason.none)
    assert.equal(judge(13, 0), DropReason.offloadInvalid)
    assert.equal(judge(34, length - 36), DropReason.none)
    assert.equal(judge(34, length - 35), DropReason.offloadInvalid)
    assert.equal(judge(0xffff, 0xffff), DropReason.offloadInvalid)
  })

  const withByte = (frame: Uint8Array, at: number, byte: number): Uint8Array => frame.with(at, byte)
  const spec6 = { ...spec, version: 6 as const }
  const udp = { ...spec, transport: 'udp' as const }
  const fragment = [44, hex('0001 00000001')] as const
  const invalid: Record<string, [Uint8Array, virtioNet.VirtioNet]> = {
    'an unknown flag': [partialFrame(spec), { ...request, flags: 5 }],
    'an unknown gso_type': [partialFrame(spec), { ...request, gsoType: 2 }],
    'UDP fragmentation, which no port is offered': [
      partialFrame(udp),
      { ...superFrameHeader(udp, 1000), gsoType: virtioNet.GSO_UDP },
    ],
    'the ECN bit alone': [partialFrame(spec), { ...request, gsoType: virtioNet.GSO_ECN }],
    'the ECN bit with UDP': [partialFrame(udp), { ...superFrameHeader(udp, 1000), gsoType: 0x85 }],
    'a gso_size of 0': [partialFrame(spec), { ...request, gsoSize: 0 }],
    'segmentation without NEEDS_CSUM': [partialFrame(spec), { ...request, flags: 0 }],
    'segmentation with DATA_VALID only': [
      finishedFrame(spec),
      { ...request, flags: virtioNet.FLAG_DATA_VALID },
    ],
    'TCPV6 over IPv4': [partialFrame(spec), { ...request, gsoType: virtioNet.GSO_TCPV6 }],
    'TCPV4 over IPv6': [
      partialFrame(spec6),
      { ...superFrameHeader(spec6, 1400), gsoType: virtioNet.GSO_TCPV4 },
    ],
    'UDP_L4 of TCP': [partialFrame(spec), { ...request, gsoType: virtioNet.GSO_UDP_L4 }],
    'TCPV4 of UDP': [partialFrame(udp), { ...superFrameHeader(udp, 1400), gsoType: virtioNet.GSO_TCPV4 }],
    'csum_start beside the transport header': [partialFrame(spec), { ...request, checksumStart: 36 }],
    'csum_offset beside the checksum field of TCP': [partialFrame(spec), { ...request, checksumOffset: 18 }],
    'csum_offset beside the checksum field of UDP': [
      partialFrame(udp),
      { ...superFrameHeader(udp, 1400), checksumOffset: 4 },
    ],
    'another EtherType': [withByte(partialFrame(spec), 13, 0x06), request],
    'another IP version than the EtherType': [withByte(partialFrame(spec), 14, 0x65), request],
    'an IPv4 fragment': [withByte(partialFrame(spec), 20, 0x20), request],
    'an IPv4 total length that is not the frame': [partialFrame(spec).slice(0, -1), request],
    'bytes behind the IPv4 packet': [Uint8Array.from([...partialFrame(spec), 0]), request],
    'bytes behind the IPv6 packet': [
      Uint8Array.from([...partialFrame(spec6), 0]),
      superFrameHeader(spec6, 1400),
    ],
    'an IPv6 Fragment header': [
      partialFrame({ ...spec6, extensions: [fragment] }),
      superFrameHeader({ ...spec6, extensions: [fragment] }, 1400),
    ],
    'a TCP data offset below 5': [withByte(partialFrame(spec), 34 + 12, 0x40), request],
    'a UDP length that is not the datagram': [
      withByte(partialFrame(udp), 34 + 5, 1),
      superFrameHeader(udp, 1400),
    ],
  }
  for (const [what, [frame, header]] of Object.entries(invalid)) {
    it(`refuses ${what}`, () => assert.equal(reason(frame, header, 100_000), DropReason.offloadInvalid))
  }

  it('refuses a TCP header that is longer than the frame', () => {
    const short = { ...spec, payload: noise(4, 1) }
    assert.equal(
      reason(withByte(partialFrame(short), 34 + 12, 0x70), superFrameHeader(short, 1000)),
      DropReason.offloadInvalid,
    )
  })
})

describe('completeChecksum', () => {
  it('gives the frame that a sender without offload would have sent', () => {
    fc.assert(
      fc.property(packet, (spec) => {
        const length = receive(partialFrame(spec), checksumHeader(spec))
        completeChecksum(view, OFFSET, length)
        assert.equal(text(bytes.slice(HEADER, OFFSET)), '00'.repeat(10))
        assert.equal(text(bytes.slice(OFFSET, OFFSET + length)), text(finishedFrame(spec)))
        assert.equal(bytes[OFFSET + length], POISON)
      }),
    )
  })

  it('sends 0xffff for a computed 0 with UDP, and 0 with TCP', () => {
    for (const transport of ['udp', 'tcp'] as const) {
      const spec = { ...PLAIN, transport, payload: hex('00000001') }
      const field = transportStart(spec) + CHECKSUM_OFFSET[transport]
      const frame = finishedFrame(spec)
      // The checksum, added to a word of the data, makes the sum 0xffff.
      const payload = Uint8Array.from([frame[field]!, frame[field + 1]!, 0, 1])
      const length = receive(partialFrame({ ...spec, payload }), checksumHeader(spec))
      completeChecksum(view, OFFSET, length)
      assert.equal(view.getUint16(OFFSET + field), transport === 'udp' ? 0xffff : 0)
    }
  })

  it('only clears the header where the checksum is known to be right', () => {
    const frame = finishedFrame({ ...PLAIN, payload: noise(100, 2) })
    const length = receive(frame, { ...checksumHeader(PLAIN), flags: virtioNet.FLAG_DATA_VALID })
    completeChecksum(view, OFFSET, length)
    assert.equal(text(bytes.slice(HEADER, OFFSET)), '00'.repeat(10))
    assert.equal(text(bytes.slice(OFFSET, OFFSET + length)), text(frame))
  })
})

describe('Segmenter', () => {
  /** Segments into the arena from `from`, and asserts that nothing but the arena's part changed. */
  function segment(spec: PacketSpec, gsoSize: number, from = ARENA): number {
    const frame = partialFrame(spec)
    const length = receive(frame, superFrameHeader(spec, gsoSize))
    const before = text(bytes.slice(memory.layout.slots, OFFSET + length + 64))
    const result = segmenter.segment(OFFSET, length, from, ARENA_END)
    assert.equal(text(bytes.slice(memory.layout.slots, OFFSET + length + 64)), before)
    return result
  }

  it('makes the very frames that a sender without offload would have sent', () => {
    fc.assert(
      fc.property(packet, fc.integer({ min: 50, max: 1200 }), fc.nat(20), (spec, gsoSize, skip) => {
        const from = ARENA + skip
        bytes.fill(POISON, ARENA, ARENA + 32 * 1024)
        assert.equal(segment(spec, gsoSize, from), DropReason.none)
        const made = segments()
        assert.deepEqual(made.map(text), naiveSegments(spec, gsoSize).map(text))

        const headers = headersSize(spec)
        const payload = Buffer.concat(made.map((frame) => frame.slice(headers)))
        assert.equal(text(payload), text(spec.payload))

        assert.equal((segmenter.firstOffset - VIRTIO_NET_HEADER_SIZE) % 8, 0)
        assert.equal(segmenter.stride % 8, 0)
        assert.ok(segmenter.firstOffset - VIRTIO_NET_HEADER_SIZE >= from)
        assert.equal(
          segmenter.arenaNext,
          segmenter.firstOffset - VIRTIO_NET_HEADER_SIZE + segmenter.count * segmenter.stride,
        )
        const outside = [
          ...bytes.slice(ARENA, from),
          ...bytes.slice(segmenter.arenaNext, segmenter.arenaNext + 64),
        ]
        assert.ok(outside.every((byte) => byte === POISON))
      }),
      { numRuns: 300 },
    )
  })

  it('cuts 64 KB', () => {
    for (const version of [4, 6] as const) {
      const spec = { ...PLAIN, version, controlBits: 0xff, payload: noise(65_495, 3) }
      assert.equal(segment(spec, 1428), DropReason.none)
      assert.equal(segmenter.count, 46)
      assert.deepEqual(segments().map(text), naiveSegments(spec, 1428).map(text))
    }
  })

  it('leaves a frame whole that is no longer than one segment, with its checksum finished', () => {
    for (const payload of [noise(1000, 4), new Uint8Array()]) {
      const spec = { ...PLAIN, controlBits: tcp.CWR | tcp.ACK | tcp.PSH | tcp.FIN, payload }
      assert.equal(segment(spec, 1000), DropReason.none)
      assert.equal(segmenter.count, 1)
      assert.deepEqual(segments().map(text), [text(finishedFrame(spec))])
    }
  })

  it('keeps the final destination of an IPv6 Routing header in the checksums', () => {
    const spec: PacketSpec = {
      ...PLAIN,
      version: 6,
      extensions: [[43, hex('04 01 00000000 fd000000000000000000000000000009')]],
      finalDestination: hex('fd000000000000000000000000000009'),
      payload: noise(3000, 5),
    }
    assert.equal(segment(spec, 1400), DropReason.none)
    assert.deepEqual(segments().map(text), naiveSegments(spec, 1400).map(text))
  })

  it('makes up to SEGMENTS_MAX segments and no more', () => {
    const spec = { ...PLAIN, transport: 'udp' as const }
    assert.equal(segment({ ...spec, payload: noise(SEGMENTS_MAX * 2, 6) }, 2), DropReason.none)
    assert.equal(segmenter.count, SEGMENTS_MAX)
    assert.equal(segment({ ...spec, payload: noise(SEGMENTS_MAX * 2 + 1, 6) }, 2), DropReason.segmentLimit)
  })

  it('drops what even an empty arena does not hold', () => {
    // Options of 2048 bytes, eight times, and again in each of 1,300 segments: 21 MB.
    const extensions = Array.from({ length: 8 }, () => [60, new Uint8Array(2046)] as const)
    const spec: PacketSpec = { ...PLAIN, version: 6, extensions, payload: noise(1300, 7) }
    assert.equal(segment(spec, 1), DropReason.segmentLimit)
  })

  it('says when the rest of the arena is too small, and writes nothing then', () => {
    const spec = { ...PLAIN, payload: noise(3000, 8) }
    assert.equal(segment(spec, 1000), DropReason.none)
    const size = segmenter.arenaNext - ARENA
    const length = receive(partialFrame(spec), superFrameHeader(spec, 1000))

    bytes.fill(POISON, ARENA, ARENA + size)
    assert.equal(segmenter.segment(OFFSET, length, ARENA, ARENA + size - 1), SEGMENTS_DO_NOT_FIT)
    assert.equal(segmenter.segment(OFFSET, length, ARENA + 1, ARENA + size + 7), SEGMENTS_DO_NOT_FIT)
    assert.ok(bytes.slice(ARENA, ARENA + size).every((byte) => byte === POISON))
    assert.equal(segmenter.segment(OFFSET, length, ARENA, ARENA + size), DropReason.none)
    assert.equal(segmenter.segment(OFFSET, length, ARENA + 1, ARENA + size + 8), DropReason.none)
  })

  it('sends 0xffff for a computed 0 in a UDP segment', () => {
    const spec = { ...PLAIN, transport: 'udp' as const }
    const field = transportStart(spec) + CHECKSUM_OFFSET.udp
    const first = finishedFrame({ ...spec, payload: hex('00000001') })
    // The checksum, added to a word of the data, makes the sum 0xffff.
    const payload = Uint8Array.from([first[field]!, first[field + 1]!, 0, 1, 2, 3])
    assert.equal(segment({ ...spec, payload }, 4), DropReason.none)
    assert.equal(view.getUint16(segmenter.firstOffset + field), 0xffff)
  })

  it('has headers of the same length, and payload of the same bytes, in whatever offloadReason accepts', () => {
    let accepted = 0
    const change = fc.tuple(fc.nat(90), fc.nat(255))
    fc.assert(
      fc.property(
        packetOf(400),
        fc.nat(200),
        fc.array(change, { maxLength: 3 }),
        fc.nat(500),
        (wanted, gsoSize, changes, cut) => {
          let frame = partialFrame(wanted)
          if (cut < 100) frame = frame.slice(0, Math.max(14, frame.length - cut))
          const length = receive(frame, superFrameHeader(wanted, gsoSize))
          for (const [at, byte] of changes) if (at < length + 10) bytes[HEADER + at] = byte
          // A view that ends with the frame: reading behind it throws.
          const bounded = new DataView(view.buffer, 0, OFFSET + length)
          if (offloadReason(bounded, OFFSET, length, 70_000) !== DropReason.none) return
          const original = bytes.slice(OFFSET, OFFSET + length)
          if (virtioNet.gsoType(view, HEADER) === virtioNet.GSO_NONE) {
            completeChecksum(bounded, OFFSET, length)
            return
          }
          accepted++
          if (segmenter.segment(OFFSET, length, ARENA, ARENA_END) !== DropReason.none) return
          const size = virtioNet.gsoSize(view, HEADER)
          const headers = segmenter.count === 1 ? length : segmenter.segmentLength - size
          const payload = Buffer.concat(segments().map((part) => part.slice(headers)))
          assert.equal(text(payload), text(original.slice(headers)))
          assert.equal(text(bytes.slice(OFFSET, OFFSET + length)), text(original))
        },
      ),
      { numRuns: 1000 },
    )
    assert.ok(accepted > 100, `only ${accepted} frames were accepted`)
  })
})

describe('segments as tshark sees them', { skip: needs('tshark') }, () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'tapwire-offload-'))
  const file = path.join(directory, 'segments.pcap')
  after(() => rmSync(directory, { recursive: true }))

  const streams: { readonly name: string; readonly spec: PacketSpec }[] = [
    {
      name: 'TSO4',
      spec: { ...PLAIN, tcpOptions: hex('0101080a0000000100000002'), payload: noise(64_000, 11) },
    },
    { name: 'TSO6', spec: { ...PLAIN, version: 6, tags: [[0x8100, 7]], payload: noise(30_001, 12) } },
    {
      name: 'TSO6 with extension headers',
      spec: {
        ...PLAIN,
        version: 6,
        sourcePort: 444,
        extensions: [[60, hex('0104 00000000')]],
        payload: noise(9000, 13),
      },
    },
    { name: 'USO4', spec: { ...PLAIN, transport: 'udp', payload: noise(20_000, 14) } },
    { name: 'USO6', spec: { ...PLAIN, version: 6, transport: 'udp', payload: noise(7_000, 15) } },
  ]

  function tshark(...args: string[]): string {
    return execFileSync('tshark', ['-n', '-r', file, ...CHECK_CHECKSUMS, ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
  }

  let frames = 0

  it('are written to a capture file', () => {
    const made: Uint8Array[] = []
    for (const { spec } of streams) {
      const flagged = { ...spec, controlBits: tcp.ACK | tcp.PSH | tcp.FIN }
      const length = receive(partialFrame(flagged), superFrameHeader(flagged, 1400))
      assert.equal(offloadReason(view, OFFSET, length, FRAME_MAX), DropReason.none)
      assert.equal(segmenter.segment(OFFSET, length, ARENA, ARENA_END), DropReason.none)
      made.push(...segments())
    }
    frames = made.length
    writeFileSync(file, pcap(made))
  })

  it('have good checksums throughout', () => {
    const statuses = ['ip', 'tcp', 'udp'].flatMap((protocol) => ['-e', `${protocol}.checksum.status`])
    const lines = tshark('-T', 'fields', ...statuses, '-e', 'ipv6.src')
      .trimEnd()
      .split('\n')
    assert.equal(lines.length, frames)
    for (const line of lines) {
      // 1 is "Good". IPv6 has no header checksum; a frame is either TCP or UDP.
      const [ip, tcpStatus, udpStatus, ipv6Source] = line.split('\t')
      assert.equal(ip, ipv6Source === '' ? '1' : '', line)
      assert.equal(`${tcpStatus}${udpStatus}`, '1', line)
    }
    assert.equal(tshark('-Y', '_ws.malformed || _ws.expert.severity == "Error"'), '')
  })

  it('are contiguous TCP streams', () => {
    const gaps = 'tcp.analysis.lost_segment || tcp.analysis.ack_lost_segment || tcp.analysis.out_of_order'
    assert.equal(tshark('-Y', `${gaps} || tcp.analysis.retransmission || tcp.analysis.zero_window`), '')
  })

  const numbers = { tcp: 0, udp: 0 }
  for (const { name, spec } of streams) {
    const number = numbers[spec.transport]++
    it(`carry the payload of the ${name} super-frame, byte for byte`, () => {
      const followed = tshark('-q', '-z', `follow,${spec.transport},raw,${number}`)
      const payload = followed.split('\n').filter((line) => /^[0-9a-f]+$/.test(line))
      assert.equal(payload.join(''), text(spec.payload))
    })
  }
})

/** A capture file in the classic format: header, then each frame behind its own. All little-endian. */
function pcap(frames: readonly Uint8Array[]): Uint8Array {
  const le32 = (...values: number[]): Uint8Array => new Uint8Array(Uint32Array.from(values).buffer)
  const LINKTYPE_ETHERNET = 1
  // Magic, version 2.4, time zone, accuracy, longest frame, link type.
  const header = le32(0xa1b2c3d4, 0x0004_0002, 0, 0, 65_535, LINKTYPE_ETHERNET)
  return Buffer.concat([
    header,
    ...frames.flatMap((frame, index) => [le32(index, 0, frame.length, frame.length), frame]),
  ])
}
