import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { FLAG_GATHER } from '../../../src/datapath/frame-memory.ts'
import * as virtioNet from '../../../src/wire/virtio-net.ts'
import {
  finishedFrame,
  naiveSegments,
  noise,
  type PacketSpec,
  partialFrame,
  transportStart,
} from '../../support/super-frame.ts'
import {
  mac,
  peerOf,
  TUNNEL,
  type TunnelHost,
  TunnelScene,
  underlay,
  VNI,
} from '../../support/tunnel-scene.ts'

const TARGET = mac('02:42:0a:01:00:03')
const CHECKSUM_OFFSET = { tcp: 16, udp: 6 }
const PSH = 8
const FIN = 1
const ACK = 16
const CWR = 128

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** The virtio-net header of the super-frame (a gso size) or the unfinished frame (0). */
function headerOf(spec: PacketSpec, gsoSize: number): Uint8Array {
  const bytes = new Uint8Array(virtioNet.HEADER_SIZE)
  const tcp = spec.version === 4 ? virtioNet.GSO_TCPV4 : virtioNet.GSO_TCPV6
  const type = spec.transport === 'udp' ? virtioNet.GSO_UDP_L4 : tcp
  virtioNet.emit(
    {
      flags: virtioNet.FLAG_NEEDS_CSUM,
      gsoType: gsoSize === 0 ? virtioNet.GSO_NONE : type,
      headerLength: 0,
      gsoSize,
      checksumStart: transportStart(spec),
      checksumOffset: CHECKSUM_OFFSET[spec.transport],
    },
    new DataView(bytes.buffer),
    0,
  )
  return bytes
}

/** Two hosts; the target lives behind port 1 of host 1. */
function scene(plain = false, options: ConstructorParameters<typeof TunnelScene>[1] = {}): TunnelScene {
  const made = new TunnelScene(2, options)
  made.hosts[0]!.tap(1)
  made.hosts[1]!.tap(1, { plain, station: TARGET })
  made.hosts[0]!.engine.setRemote(1, TARGET, { port: peerOf(1), ipv4: [] })
  return made
}

const optionsArbitrary = (units: number) =>
  fc.nat(units).chain((count) => fc.uint8Array({ minLength: 4 * count, maxLength: 4 * count }))

const packets: fc.Arbitrary<PacketSpec> = fc.record({
  version: fc.constantFrom(4 as const, 6 as const),
  transport: fc.constantFrom('tcp' as const, 'udp' as const),
  tags: fc.constantFrom([], [], [[0x8100, 5]] as const),
  ipOptions: fc.constantFrom(new Uint8Array(), new Uint8Array(), Uint8Array.of(1, 1, 1, 1)),
  tcpOptions: optionsArbitrary(10),
  extensions: fc.constantFrom([], [], [[60, new Uint8Array(6)]] as const),
  identification: fc.nat(0xffff),
  sequenceNumber: fc.nat(2 ** 32 - 1),
  controlBits: fc.constantFrom(ACK, ACK | PSH, ACK | FIN, ACK | CWR, ACK | PSH | CWR),
  sourcePort: fc.integer({ min: 1, max: 0xffff }),
  destinationPort: fc.integer({ min: 1, max: 0xffff }),
  payload: fc.tuple(fc.integer({ min: 1, max: 9000 }), fc.nat()).map(([size, seed]) => noise(size, seed)),
})

/** As the frame's kind allows: no options of the other version or transport. */
const fitting = (spec: PacketSpec): PacketSpec => ({
  ...spec,
  ipOptions: spec.version === 4 ? spec.ipOptions : new Uint8Array(),
  extensions: spec.version === 6 ? spec.extensions : [],
  tcpOptions: spec.transport === 'tcp' ? spec.tcpOptions : new Uint8Array(),
})

const gsoSizes = fc.integer({ min: 536, max: 1340 })

describe('super-frames in tunnels', () => {
  it('leave as the segments that a sender without offloads would have sent, in as few sends as may be', () => {
    const reused = scene()
    fc.assert(
      fc.property(packets.map(fitting), gsoSizes, fc.boolean(), (spec, gsoSize, isWatched) => {
        const { hosts } = reused
        const { io, engine } = hosts[0]!
        engine.counters.trail.watcher = isWatched ? silent : undefined
        const before = engine.counters.port(peerOf(1))
        io.inject(1, partialFrame(spec), headerOf(spec, gsoSize))
        hosts[0]!.run()
        const wire = io.collectDatagrams(100).map(({ payload }) => hex(payload.slice(8)))
        assert.deepEqual(wire, naiveSegments(spec, gsoSize).map(hex))
        const { transmittedFrames, transmittedBytes } = engine.counters.port(peerOf(1))
        const bytes = naiveSegments(spec, gsoSize).reduce((sum, { length }) => sum + length, 0)
        assert.equal(transmittedBytes - before.transmittedBytes, bytes)
        if (!isWatched)
          assert.ok(transmittedFrames - before.transmittedFrames <= Math.ceil(wire.length / 45) + 1)
      }),
      { numRuns: 40 },
    )
  })

  it('leave finished where only a checksum is to be done, long and short, alone and to many', () => {
    const made = new TunnelScene(3)
    for (const host of made.hosts) host.tap(1)
    made.hosts[0]!.tap(2)
    fc.assert(
      fc.property(packets.map(fitting), fc.nat(1300), fc.boolean(), (any, size, isFlooded) => {
        const spec = { ...any, payload: any.payload.slice(0, size) }
        const { engine } = made.hosts[0]!
        engine.setRemote(1, TARGET, isFlooded ? undefined : { port: peerOf(1), ipv4: [] })
        made.inject(0, 1, partialFrame(spec), headerOf(spec, 0))
        made.hosts[0]!.run()
        const wire = made.hosts[0]!.io.collectDatagrams(100).map(({ payload }) => hex(payload.slice(8)))
        const wanted = hex(finishedFrame(spec))
        assert.deepEqual(wire, isFlooded ? [wanted, wanted] : [wanted])
      }),
      { numRuns: 40 },
    )
  })

  it('arrive as what was sent, whole at a TAP and in segments at a port that takes none', () => {
    const scenes = [scene(), scene(true)] as const
    fc.assert(
      fc.property(
        packets.map(fitting),
        gsoSizes,
        fc.boolean(),
        fc.constantFrom(1, 7, 64),
        (spec, gsoSize, plain, groMax) => {
          const made = scenes[plain ? 1 : 0]
          made.groMax = groMax
          made.inject(0, 1, partialFrame(spec), headerOf(spec, gsoSize))
          made.run()
          const arrived = made.collect(1, 1)
          const segments = naiveSegments(spec, gsoSize)
          const isMerged =
            !plain &&
            spec.transport === 'tcp' &&
            spec.tags.length + spec.ipOptions.length + spec.extensions.length === 0
          if (!isMerged) {
            assert.deepEqual(
              arrived.map(({ frame }) => hex(frame)),
              segments.map(hex),
            )
            return
          }
          assert.equal(arrived.length, 1)
          const [whole] = arrived
          if (segments.length === 1) {
            assert.equal(hex(whole!.frame), hex(segments[0]!))
            return
          }
          assert.equal(hex(whole!.frame), hex(partialFrame(spec)))
          const header = virtioNet.parse(new DataView(Uint8Array.from(whole!.virtioHeader).buffer), 0, 10)!
          assert.equal(header.flags & FLAG_GATHER, 0)
          assert.equal(header.gsoSize, gsoSize)
          const ecn = (spec.controlBits & CWR) === 0 ? 0 : virtioNet.GSO_ECN
          assert.equal(header.gsoType, (spec.version === 4 ? virtioNet.GSO_TCPV4 : virtioNet.GSO_TCPV6) | ecn)
        },
      ),
      { numRuns: 40 },
    )
  })

  it('are put together of right segments in order alone, and cut up again are what came', () => {
    const made = scene()
    const cutter = new TunnelScene(1).hosts[0]!
    cutter.tap(1)
    cutter.tap(2, { plain: true })
    const change = fc.constantFrom('none', 'none', 'swap', 'corrupt', 'drop', 'twice', 'mix')
    fc.assert(
      fc.property(packets.map(fitting), gsoSizes, change, fc.nat(), (any, gsoSize, what, where) => {
        const spec = { ...any, transport: 'tcp' as const }
        let frames = naiveSegments(spec, gsoSize)
        const at = where % frames.length
        if (what === 'swap') frames = [...frames.slice(at), ...frames.slice(0, at)]
        if (what === 'drop') frames.splice(at, 1)
        if (what === 'twice') frames.splice(at, 0, frames[at]!)
        if (what === 'mix') {
          const other = naiveSegments({ ...spec, sourcePort: spec.sourcePort ^ 1 }, gsoSize)
          frames = frames.flatMap((frame, i) => (i % 2 === at % 2 ? [frame, other[i]!] : [frame]))
        }
        if (what === 'corrupt') {
          const bad = Uint8Array.from(frames[at]!)
          bad[bad.length - 1]! ^= 0xff
          frames[at] = bad
        }
        for (const frame of frames) made.inject(0, 1, frame)
        made.run()
        const left = made.collect(1, 1).flatMap((one) => segmentsOf(cutter, one.frame, one.virtioHeader))
        assert.deepEqual(left.map(hex), frames.map(hex))
      }),
      { numRuns: 40 },
    )
  })

  it('that come as one are to a TAP what they are one by one, however one of them was altered', () => {
    const together = scene()
    const apart = scene()
    const cutter = new TunnelScene(1).hosts[0]!
    cutter.tap(1)
    cutter.tap(2, { plain: true })
    const left = (made: TunnelScene): string[] =>
      made
        .collect(1, 1)
        .flatMap((one) => segmentsOf(cutter, one.frame, one.virtioHeader))
        .map(hex)
    const large = packets.map(fitting).map((any) => ({ ...any, transport: 'tcp' as const, tags: [] }))
    // Words of 16 bits from the VXLAN header on: what has a meaning in VXLAN, Ethernet, IPv4 and IPv6, and any.
    const words = fc.oneof(fc.constantFrom(0, 1, 3, 10, 12, 13, 14, 16), fc.nat(80))
    const places = fc.record({
      segment: fc.nat(3),
      first: words,
      second: words,
      difference: fc.constantFrom(1, 0x100, 0xfffe),
      // The sum of the datagram stays the same, or does not.
      balances: fc.constantFrom(true, true, true, false),
    })
    fc.assert(
      fc.property(large, fc.integer({ min: 60, max: 120 }), places, (spec, gsoSize, place) => {
        const few = { ...spec, payload: spec.payload.slice(0, 5 * gsoSize - 100) }
        const datagrams = naiveSegments(few, gsoSize).map((frame) => inTunnel(frame))
        fc.pre(datagrams.length > 1)
        const { segment, first, second, difference, balances } = place
        // Not the first: by its lengths it says whether all are one frame.
        const altered = datagrams[1 + (segment % (datagrams.length - 1))]!
        addTo(altered, first, difference)
        if (balances) addTo(altered, second, 0xffff - difference)
        const from = { source: underlay(0), sourcePort: 50_000 }
        const payload = Buffer.concat(datagrams)
        together.hosts[1]!.io.injectDatagram(TUNNEL, {
          ...from,
          payload,
          segmentSize: datagrams[0]!.length,
        })
        drain(together.hosts[1]!)
        for (const one of datagrams) {
          apart.hosts[1]!.io.injectDatagram(TUNNEL, { ...from, payload: one })
          drain(apart.hosts[1]!)
        }
        assert.deepEqual(left(together), left(apart))
      }),
      { numRuns: 500 },
    )
  })
})

function inTunnel(frame: Uint8Array): Buffer {
  const header = Buffer.alloc(8)
  header[0] = 8
  header.writeUInt32BE(VNI * 256, 4)
  return Buffer.concat([header, frame])
}

/** Adds to a 16-bit word, in ones-complement arithmetic. */
function addTo(datagram: Buffer, word: number, value: number): void {
  const at = 2 * word
  if (at + 2 > datagram.length) return
  const sum = datagram.readUInt16BE(at) + value
  datagram.writeUInt16BE((sum & 0xffff) + (sum >>> 16), at)
}

/** As `run`, without adding up all counters each time. */
function drain(host: TunnelHost): void {
  while (host.turn() > 0 || host.engine.transmitCount > 0) {
    // Everything happens in `turn`.
  }
}

/** Cuts a super-frame up, by a switch whose port 2 takes none. */
function segmentsOf(host: TunnelHost, frame: Uint8Array, virtioHeader: Uint8Array): Uint8Array[] {
  host.io.inject(1, frame, virtioHeader)
  drain(host)
  return host.io.collect(2).map((one) => one.frame)
}

const silent = {
  handling: () => undefined,
  releasing: () => undefined,
  released: () => undefined,
  numberOf: () => 0,
  passing: () => undefined,
  lost: () => undefined,
  lostOnLink: () => undefined,
}
