/** What every FrameIo does with tunnels. Each implementation brings an underlay that joins two of them. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  DESCRIPTOR_SHIFT,
  FLAG_GATHER,
  GATHER_WORD,
  VIRTIO_NET_HEADER_SIZE,
} from '../../src/datapath/frame-memory.ts'
import { GATHER_WORDS_MAX, UDP_PAYLOAD_MAX } from '../../src/limits.ts'
import type { FrameIo } from '../../src/ports/frame-io.ts'
import {
  assertFrames,
  events,
  failures,
  receiveNothing,
  result,
  setTransmit,
  testFrame,
} from '../support/frame-io.ts'
import {
  Arena,
  concat,
  copyDatagrams,
  type Datagram,
  type Piece,
  Records,
  setSend,
  testPayload,
  testPayloads,
} from '../support/tunnel.ts'

export type Side = 'near' | 'far'

/** A FrameIo, and an underlay with two addresses of each family. */
export interface OpenedTunnels {
  readonly io: FrameIo
  /** Of the underlay, IPv6 if asked. */
  address(side: Side, ipv6?: boolean): Uint8Array
  /** One with 4 sources at UDP port 4789. */
  attachTunnel(port: number, side: Side, ipv6?: boolean): void
  /** Sends to UDP port 4789. No datagram with more payload than 1472 bytes reaches it over IPv4, none with more than 1452 over IPv6. */
  attachPeer(port: number, tunnelPort: number, address: Uint8Array): void
  /** A port of frames that speaks the virtio-net header. */
  attachFrames(port: number): void
  /** What went to it, each with its virtio-net header in front. */
  collectFrames(port: number): Uint8Array[]
  /** What has left arrives. */
  settle(): void
  close(): void
}

export interface TunnelsUnderTest {
  readonly name: string
  open(slots?: number): OpenedTunnels
}

const NEAR = 1
const FAR = 2
/** A peer of the near tunnel: the far one; and the other way round. */
const TO_FAR = 3
const TO_NEAR = 4

const LONGEST = 1472
const LENGTHS = [1, 8, 9, 57, 58, 1000, 1471, LONGEST]

/** errno(3), Linux. */
const EFAULT = 14
const ENODEV = 19
const EINVAL = 22
const EMSGSIZE = 90
const EOPNOTSUPP = 95
const EAFNOSUPPORT = 97

export function tunnelConformance(subject: TunnelsUnderTest): void {
  /** Opens, attaches both tunnels with a peer each, runs, and closes whatever happened. */
  const joined =
    (body: (opened: OpenedTunnels) => void, ipv6 = false, slots?: number) =>
    () => {
      const opened = subject.open(slots)
      try {
        // What is not written shows.
        const { bytes, layout } = opened.io.memory
        bytes.fill(0xa5, layout.slots, layout.arena + 262_144)
        opened.attachTunnel(NEAR, 'near', ipv6)
        opened.attachTunnel(FAR, 'far', ipv6)
        opened.attachPeer(TO_FAR, NEAR, opened.address('far', ipv6))
        opened.attachPeer(TO_NEAR, FAR, opened.address('near', ipv6))
        body(opened)
      } finally {
        opened.close()
      }
    }

  describe(subject.name, () => {
    describe('datagrams', () => datagrams(joined))
    describe('gathered datagrams', () => gathered(joined))
    describe('gathered frames', () => gatheredFrames(joined))
    describe('refusals', () => refusals(joined))
    describe('tunnels that come and go', () => comingAndGoing(joined))
  })
}

type Joined = (body: (opened: OpenedTunnels) => void, ipv6?: boolean, slots?: number) => () => void

/** Polls until `count` datagrams have come. */
function receive(opened: OpenedTunnels, count: number): Datagram[] {
  const { io } = opened
  const datagrams: Datagram[] = []
  opened.settle()
  for (let empty = 0; datagrams.length < count && empty < 10; ) {
    const burst = io.poll(0, 1_000_000)
    datagrams.push(...copyDatagrams(io, burst))
    if (burst === 0) empty++
  }
  assert.equal(datagrams.length, count, `received ${datagrams.length} datagrams, not ${count}`)
  return datagrams
}

/** Carries the list out; nothing fails. */
function transmit(io: FrameIo, count: number): void {
  io.transmit(count)
  assert.deepEqual(
    Array.from({ length: count }, (_, index) => result(io, index)).filter((each) => each !== 0),
    [],
  )
  assert.equal(failures(io), 0)
}

function assertPayloads(actual: readonly Datagram[], expected: readonly Uint8Array[]): void {
  assert.deepEqual(
    actual.map(({ payload }) => payload.length),
    expected.map(({ length }) => length),
  )
  for (const [index, payload] of expected.entries()) {
    assert.ok(Buffer.compare(payload, actual[index]?.payload ?? new Uint8Array()) === 0, `datagram ${index}`)
  }
}

function datagrams(joined: Joined): void {
  for (const ipv6 of [false, true]) {
    it(
      `arrive byte for byte, with where they come from, over IPv${ipv6 ? 6 : 4}`,
      joined((opened) => {
        const { io } = opened
        const arena = new Arena(io)
        const payloads = LENGTHS.map((length, index) =>
          testPayload(index, ipv6 ? Math.min(length, 1452) : length),
        )
        payloads.forEach((payload, index) => setSend(io, index, TO_FAR, arena.put(payload), payload.length))
        transmit(io, payloads.length)
        const received = receive(opened, payloads.length)
        assertPayloads(received, payloads)
        for (const datagram of received) {
          assert.equal(datagram.port, FAR)
          assert.deepEqual(datagram.sourceAddress, opened.address('near', ipv6))
          assert.ok(datagram.sourcePort >= 49_152 && datagram.sourcePort <= 65_535)
          assert.equal(datagram.tos, 0)
        }
        receiveNothing(io)
      }, ipv6),
    )

    it(
      `carry their traffic class, all eight bits of it, over IPv${ipv6 ? 6 : 4}`,
      joined((opened) => {
        const { io } = opened
        const arena = new Arena(io)
        const classes = [0, 1, 2, 3, 0x28, 0xb8, 0xb9, 0xff, 0xff, 0]
        classes.forEach((tos, index) =>
          setSend(io, index, TO_FAR, arena.put(testPayload(index, 100)), 100, { tos }),
        )
        transmit(io, classes.length)
        assert.deepEqual(
          receive(opened, classes.length).map(({ tos }) => tos),
          classes,
        )
      }, ipv6),
    )
  }

  it(
    'leave by the source that is asked for, in both directions, each in order',
    joined((opened) => {
      const { io } = opened
      const arena = new Arena(io)
      for (let index = 0; index < 200; index++) {
        const port = index % 2 === 0 ? TO_FAR : TO_NEAR
        setSend(io, index, port, arena.put(testPayload(index, 300)), 300, { source: (index >> 1) % 4 })
      }
      transmit(io, 200)
      const received = receive(opened, 200)
      const flows = new Map<string, number[]>()
      for (const { port, sourcePort, payload } of received) {
        const flow = `${port} ${sourcePort}`
        flows.set(flow, [...(flows.get(flow) ?? []), new DataView(payload.buffer).getUint32(4)])
      }
      const expected = Array.from({ length: 8 }, (_, flow) =>
        Array.from({ length: 25 }, (__, i) => i * 8 + flow),
      )
      assert.deepEqual(
        [...flows.values()].toSorted((a, b) => (a[0] ?? 0) - (b[0] ?? 0)),
        expected,
      )
    }),
  )

  it(
    'of changing lengths keep their order',
    joined((opened) => {
      const { io } = opened
      const property = fc.property(
        fc.array(fc.constantFrom(8, 60, 61, 700, 1400, 1472), { minLength: 1, maxLength: 100 }),
        (lengths) => {
          const arena = new Arena(io)
          const payloads = lengths.map((length, index) => testPayload(index, length))
          payloads.forEach((payload, index) => setSend(io, index, TO_FAR, arena.put(payload), payload.length))
          transmit(io, payloads.length)
          assertPayloads(receive(opened, payloads.length), payloads)
        },
      )
      fc.assert(property, { numRuns: 20 })
    }),
  )

  it(
    'by the thousand arrive in order and whole, with far fewer slots',
    joined(
      (opened) => {
        const { io } = opened
        const length = 1401
        for (let first = 0; first < 6000; first += 500) {
          const arena = new Arena(io)
          const payloads = testPayloads(500, length, first)
          payloads.forEach((payload, index) => setSend(io, index, TO_FAR, arena.put(payload), length))
          transmit(io, payloads.length)
          assertPayloads(receive(opened, payloads.length), payloads)
        }
        receiveNothing(io)
      },
      false,
      8,
    ),
  )

  it(
    'that were received are sent on from where they stand',
    joined((opened) => {
      const { io } = opened
      const arena = new Arena(io)
      testPayloads(4, 900).forEach((payload, index) => {
        setSend(io, index, TO_FAR, arena.put(payload), 900, { source: index })
      })
      transmit(io, 4)
      opened.settle()
      const there: Datagram[] = []
      const back: Datagram[] = []
      // The very poll that takes the slots back sends from them.
      for (let polls = 0, transmits = 0; back.length < 4 && polls < 20; polls++) {
        const count = io.poll(transmits, transmits > 0 ? 0 : 1_000_000)
        assert.equal(failures(io), 0)
        transmits = 0
        for (const datagram of copyDatagrams(io, count)) (datagram.port === FAR ? there : back).push(datagram)
        for (let index = 0; index < count; index++) {
          const [port, offset = 0, length = 0] = io.memory.received.subarray(index << DESCRIPTOR_SHIFT)
          if (port === FAR) setSend(io, transmits++, TO_NEAR, offset, length)
        }
        opened.settle()
      }
      assertPayloads(
        back,
        there.map(({ payload }) => payload),
      )
      assert.equal(back.length, 4)
    }),
  )
}

/** As RFC 1071 says it, word by word: an oracle that shares nothing with what is tested. */
function plainSum(bytes: Uint8Array, initial: number): number {
  let total = initial
  for (let i = 0; i < bytes.length; i += 2) total += (bytes[i]! << 8) | (bytes[i + 1] ?? 0)
  while (total > 0xffff) total = (total & 0xffff) + Math.floor(total / 65_536)
  return total
}

function gathered(joined: Joined): void {
  it(
    'are put together from pieces, with checksums that cover a piece and what stood in the field',
    joined((opened) => {
      const { io } = opened
      const property = fc.property(
        fc.array(
          fc.record({
            header: fc.integer({ min: 20, max: 60 }),
            body: fc.integer({ min: 0, max: 1400 }),
            field: fc.integer({ min: 0, max: 18 }),
            kind: fc.constantFrom('none', 'own', 'outside', 'udp'),
          }),
          {
            minLength: 1,
            maxLength: 12,
          },
        ),
        fc.integer({ min: 0, max: 1000 }),
        (parts, seed) => {
          const room = new Arena(io)
          const list = new Records(io)
          const expected = parts.map(({ header, body, field, kind }, index) => {
            const head = testPayload(seed + index * 2, header)
            const rest = testPayload(seed + index * 2 + 1, body)
            const at = room.put(head)
            const behind = room.put(rest)
            const field16 = (head[field]! << 8) | head[field + 1]!
            const pieces: Piece[] =
              kind === 'own'
                ? [
                    [at, header, at + field],
                    [behind, body, 0],
                  ]
                : [
                    [at, header, 0],
                    [behind, body, kind === 'none' ? 0 : kind === 'udp' ? ~(at + field) : at + field],
                  ]
            setSend(io, index, TO_FAR, at, header, { record: list.put(0, pieces) })
            if (kind !== 'none') {
              const value = kind === 'own' ? plainSum(head, 0) : plainSum(rest, field16)
              const complement = ~value & 0xffff
              new DataView(head.buffer).setUint16(
                field,
                kind === 'udp' && complement === 0 ? 0xffff : complement,
              )
            }
            return concat([head, rest])
          })
          transmit(io, parts.length)
          assertPayloads(receive(opened, parts.length), expected)
        },
      )
      fc.assert(property, { numRuns: 30 })
    }),
  )

  it(
    'whose UDP checksum comes to 0 have 0xffff, and others 0',
    joined((opened) => {
      const { io } = opened
      const arena = new Arena(io)
      const records = new Records(io)
      for (const index of [0, 1]) {
        const at = arena.put(Uint8Array.of(0xff, 0xfe, 0xaa))
        const body = arena.put(Uint8Array.of(0x00, 0x01))
        const field = index === 0 ? at : ~at
        setSend(io, index, TO_FAR, at, 3, {
          record: records.put(0, [
            [at, 3, 0],
            [body, 2, field],
          ]),
        })
      }
      transmit(io, 2)
      assertPayloads(receive(opened, 2), [
        Uint8Array.of(0, 0, 0xaa, 0, 1),
        Uint8Array.of(0xff, 0xff, 0xaa, 0, 1),
      ])
    }),
  )

  it(
    'of one record leave by segment, more bytes than one datagram may have',
    joined((opened) => {
      const { io } = opened
      const arena = new Arena(io)
      const records = new Records(io)
      // A super-frame in an arena of headers: 47 of them, and what lies between in one piece of payload.
      const payload = testPayload(1, 47 * 1390 - 89)
      const at = arena.put(payload)
      const expected: Uint8Array[] = []
      const pieces: Piece[] = []
      let start = 0
      for (let from = 0; from < payload.length; from += 1390) {
        const header = testPayload(100 + expected.length, 74)
        const body = payload.subarray(from, from + 1390)
        const field = 20 + (expected.length % 2)
        const head = arena.put(header)
        start ||= head
        pieces.push([head, 74, 0], [at + from, body.length, head + field])
        const partial = (header[field]! << 8) | header[field + 1]!
        new DataView(header.buffer).setUint16(field, ~plainSum(body, partial) & 0xffff)
        expected.push(concat([header, body]))
      }
      setSend(io, 0, TO_FAR, start, 0, { record: records.put(74 + 1390, pieces), tos: 2 })
      transmit(io, 1)
      const received = receive(opened, expected.length)
      assertPayloads(received, expected)
      assert.deepEqual(new Set(received.map(({ tos }) => tos)), new Set([2]))
    }),
  )

  it(
    'are cut where a segment ends, wherever a piece does',
    joined((opened) => {
      const { io } = opened
      fc.assert(
        fc.property(
          fc.array(fc.integer({ min: 0, max: 900 }), { minLength: 1, maxLength: 40 }),
          fc.integer({ min: 1, max: 1472 }),
          (lengths, wanted) => {
            const total = lengths.reduce((sofar, each) => sofar + each, 0)
            // Not more datagrams than a socket's buffer holds.
            const segment = Math.max(wanted, Math.ceil(total / 200), 1)
            fc.pre(total > 0)
            const arena = new Arena(io)
            const parts = lengths.map((length, index) => testPayload(index, length))
            const pieces = parts.map((part): Piece => [arena.put(part), part.length, 0])
            const whole = concat(parts)
            setSend(io, 0, TO_FAR, pieces[0]![0], 0, { record: new Records(io).put(segment, pieces) })
            transmit(io, 1)
            const expected = Array.from({ length: Math.ceil(total / segment) }, (_, index) =>
              whole.subarray(index * segment, (index + 1) * segment),
            )
            assertPayloads(receive(opened, expected.length), expected)
          },
        ),
        { numRuns: 30 },
      )
    }),
  )

  it(
    'of one record that several transmissions name are all the same',
    joined((opened) => {
      const { io } = opened
      const arena = new Arena(io)
      opened.attachPeer(5, NEAR, opened.address('far'))
      const header = testPayload(1, 50)
      const body = testPayload(2, 333)
      const at = arena.put(header)
      const record = new Records(io).put(0, [
        [at, 50, 0],
        [arena.put(body), 333, at + 16],
      ])
      const other = arena.put(header)
      setSend(io, 0, TO_FAR, at, 50, { record })
      setSend(io, 1, 5, other, 50, { record, source: 1 })
      setSend(io, 2, TO_FAR, at, 50, { record })
      transmit(io, 3)
      new DataView(header.buffer).setUint16(16, ~plainSum(body, (header[16]! << 8) | header[17]!) & 0xffff)
      assertPayloads(
        receive(opened, 3),
        [1, 2, 3].map(() => concat([header, body])),
      )
    }),
  )
}

function gatheredFrames(joined: Joined): void {
  it(
    'leave whole and without the flag, among others in order, to several ports',
    joined((opened) => {
      const { io } = opened
      const arena = new Arena(io)
      const records = new Records(io)
      const { view, bytes } = io.memory
      opened.attachFrames(6)
      opened.attachFrames(7)
      const frames = Array.from({ length: 40 }, (_, index) => testFrame(index, 60 + index * 31))
      const expected: Uint8Array[] = []
      let transmits = 0
      for (const [index, frame] of frames.entries()) {
        const at = arena.put(concat([new Uint8Array(VIRTIO_NET_HEADER_SIZE), frame.subarray(0, 18)]))
        const offset = at + VIRTIO_NET_HEADER_SIZE
        let whole = frame
        if (index % 3 === 0) {
          // In one piece.
          bytes.set(frame, arena.put(frame))
          const plain =
            arena.put(concat([new Uint8Array(VIRTIO_NET_HEADER_SIZE), frame])) + VIRTIO_NET_HEADER_SIZE
          for (const port of [6, 7]) setTransmit(io, transmits++, port, plain, frame.length)
        } else {
          const cut = 18 + Math.floor((frame.length - 18) / 2)
          const field = at + VIRTIO_NET_HEADER_SIZE + 16
          const pieces: Piece[] = [
            [at, VIRTIO_NET_HEADER_SIZE + 18, 0],
            [arena.put(frame.subarray(18, cut)), cut - 18, index % 3 === 1 ? 0 : field],
            [arena.put(frame.subarray(cut)), frame.length - cut, 0],
          ]
          view.setUint8(at, FLAG_GATHER)
          view.setInt32(offset + GATHER_WORD, records.put(0, pieces), true)
          if (index % 3 === 2) {
            whole = Uint8Array.from(frame)
            const before = (frame[16]! << 8) | frame[17]!
            new DataView(whole.buffer).setUint16(16, ~plainSum(frame.subarray(18, cut), before) & 0xffff)
          }
          for (const port of [6, 7]) setTransmit(io, transmits++, port, offset, frame.length)
        }
        expected.push(concat([new Uint8Array(VIRTIO_NET_HEADER_SIZE), whole]))
      }
      transmit(io, transmits)
      for (const port of [6, 7]) assertFrames(opened.collectFrames(port), expected)
    }),
  )

  it(
    'of a record that is none are refused, and the rest goes',
    joined((opened) => {
      const { io } = opened
      const arena = new Arena(io)
      const records = new Records(io)
      const { view, layout } = io.memory
      opened.attachFrames(6)
      const frame = testFrame(1, 60)
      const at = arena.put(concat([new Uint8Array(VIRTIO_NET_HEADER_SIZE), frame]))
      const bad = [
        records.put(0, [[layout.gathers - 8, 10, 0]]),
        records.put(0, [[layout.slots - 4, 70, 0]]),
        records.put(0, [[at, -1, 0]]),
        records.put(0, [[at, 5, 0]]),
        records.put(0, []),
        records.put(-1, [[at, 70, 0]]),
        -1,
        GATHER_WORDS_MAX,
        2 ** 31 - 1,
      ]
      bad.forEach((record, index) => {
        const each = arena.put(concat([new Uint8Array(VIRTIO_NET_HEADER_SIZE), frame]))
        view.setUint8(each, FLAG_GATHER)
        view.setInt32(each + VIRTIO_NET_HEADER_SIZE + GATHER_WORD, record, true)
        setTransmit(io, index, 6, each + VIRTIO_NET_HEADER_SIZE, 60)
      })
      setTransmit(io, bad.length, 6, at + VIRTIO_NET_HEADER_SIZE, 60)
      io.transmit(bad.length + 1)
      bad.forEach((_, index) => assert.equal(result(io, index), -EFAULT, `record ${index}`))
      assert.equal(result(io, bad.length), 0)
      assertFrames(opened.collectFrames(6), [concat([new Uint8Array(VIRTIO_NET_HEADER_SIZE), frame])])
    }),
  )
}

function refusals(joined: Joined): void {
  it(
    'name what is too long for the path, wherever it stands, and send the rest',
    joined((opened) => {
      const { io } = opened
      const arena = new Arena(io)
      const lengths = [100, 1473, 100, 1473, 1473, 1000, 1000, 1473, 50, 60_000, 65_507]
      const payloads = lengths.map((length, index) => testPayload(index, length))
      payloads.forEach((payload, index) => setSend(io, index, TO_FAR, arena.put(payload), payload.length))
      io.transmit(lengths.length)
      const results = lengths.map((length) => (length > LONGEST ? -EMSGSIZE : 0))
      assert.deepEqual(
        lengths.map((_, index) => result(io, index)),
        results,
      )
      assert.equal(failures(io), results.filter((each) => each !== 0).length)
      assertPayloads(
        receive(opened, 5),
        payloads.filter(({ length }) => length <= LONGEST),
      )
    }),
  )

  it(
    'name what no datagram holds',
    joined((opened) => {
      const { io } = opened
      const arena = new Arena(io)
      const at = arena.put(testPayload(1, UDP_PAYLOAD_MAX + 1))
      const records = new Records(io)
      setSend(io, 0, TO_FAR, at, UDP_PAYLOAD_MAX + 1)
      io.transmit(1)
      assert.equal(result(io, 0), -EMSGSIZE)
      setSend(io, 0, TO_FAR, at, 0, { record: records.put(0, [[at, UDP_PAYLOAD_MAX + 1, 0]]) })
      io.transmit(1)
      assert.equal(result(io, 0), -EMSGSIZE)
      setSend(io, 0, TO_FAR, at, 0, { record: records.put(1473, [[at, 2 * 1473, 0]]) })
      io.transmit(1)
      assert.equal(result(io, 0), -EMSGSIZE)
      receiveNothing(io)
    }),
  )

  it(
    'are EFAULT for what lies outside of slots and arena, and nothing of it is changed',
    joined((opened) => {
      const { io } = opened
      const arena = new Arena(io)
      const records = new Records(io)
      const { layout, bytes, gathers } = io.memory
      const at = arena.put(testPayload(1, 100))
      for (const [offset, length] of [
        [layout.slots, 10],
        [layout.slots + 3, 10],
        [layout.gathers - 9, 10],
        [layout.gathers + 10, 0],
        [layout.sums, 10],
        [-1, 10],
        [at, -1],
        [at, 2 ** 31 - 1],
        [2 ** 31 - 1, 2 ** 31 - 1],
      ] as const) {
        setTransmit(io, 0, TO_FAR, offset, length)
        io.transmit(1)
        assert.equal(result(io, 0), -EFAULT, `${offset}, ${length}`)
      }
      const good: Piece = [at, 20, at + 4]
      const bad: (readonly [number, readonly Piece[]])[] = [
        [0, []],
        [-1, [good]],
        [0, [good, [layout.slots - 1, 10, 0]]],
        [0, [good, [layout.gathers - 9, 10, 0]]],
        [0, [good, [at, -1, 0]]],
        [0, [good, [at, 20, layout.slots - 1]]],
        [0, [good, [at, 20, layout.gathers - 1]]],
        [0, [good, [at, 20, ~(layout.gathers - 1)]]],
        [0, [good, [at, 20, -1]]],
        [0, [good, [2 ** 31 - 1, 2 ** 31 - 1, 0]]],
      ]
      const before = bytes.slice(at, at + 100)
      for (const [segment, pieces] of bad) {
        const record = records.put(segment, pieces)
        setSend(io, 0, TO_FAR, at, 0, { record })
        io.transmit(1)
        assert.equal(result(io, 0), -EFAULT, JSON.stringify(pieces))
      }
      // A record that would go on behind the region.
      gathers.set([0, 1], GATHER_WORDS_MAX - 4)
      setSend(io, 0, TO_FAR, at, 0, { record: GATHER_WORDS_MAX / 4 - 1 })
      io.transmit(1)
      assert.equal(result(io, 0), -EFAULT)
      assert.deepEqual(bytes.slice(at, at + 100), before)
      receiveNothing(io)
    }),
  )

  it(
    'name a source that is none, a peer of the other family, a tunnel that is not there, and the tunnel itself',
    joined((opened) => {
      const { io } = opened
      const at = new Arena(io).put(testPayload(1, 100))
      opened.attachPeer(5, NEAR, opened.address('far', true))
      opened.attachPeer(6, 77, opened.address('far'))
      opened.attachPeer(7, TO_FAR, opened.address('far'))
      const refusedWith = (port: number, errno: number, source = 0): void => {
        setSend(io, 0, port, at, 100, { source })
        io.transmit(1)
        assert.equal(result(io, 0), -errno, `port ${port}`)
        assert.equal(failures(io), 1)
      }
      refusedWith(TO_FAR, EINVAL, 4)
      refusedWith(TO_FAR, EINVAL, 255)
      refusedWith(5, EAFNOSUPPORT)
      refusedWith(6, ENODEV)
      refusedWith(7, ENODEV)
      refusedWith(NEAR, EOPNOTSUPP)
      receiveNothing(io)
      assert.throws(() => opened.attachPeer(TO_FAR, NEAR, opened.address('far')))
      assert.throws(() => opened.attachTunnel(TO_FAR, 'near'))
      setSend(io, 0, TO_FAR, at, 100)
      transmit(io, 1)
      assertPayloads(receive(opened, 1), [testPayload(1, 100)])
    }),
  )
}

function comingAndGoing(joined: Joined): void {
  it(
    'take what waits with them, and their peers go on when they are back',
    joined((opened) => {
      const { io } = opened
      for (let times = 0; times < 3; times++) {
        const arena = new Arena(io)
        const offsets = testPayloads(300, 700).map((payload) => arena.put(payload))
        offsets.forEach((offset, index) => setSend(io, index, TO_FAR, offset, 700, { source: index % 4 }))
        transmit(io, 300)
        opened.settle()
        // Some of it is handed out already, more waits in slots and in the socket.
        assert.ok(copyDatagrams(io, io.poll(0, 1_000_000)).length > 0)
        offsets.forEach((offset, index) => setSend(io, index, TO_FAR, offset, 700, { source: index % 4 }))
        transmit(io, 300)
        opened.settle()
        io.detach(FAR)
        receiveNothing(io)
        io.detach(NEAR)
        io.transmit(2)
        assert.equal(result(io, 1), -ENODEV)
        assert.equal(failures(io), 2)
        opened.attachTunnel(NEAR, 'near')
        opened.attachTunnel(FAR, 'far')
        const marker = testPayload(5000 + times, 710)
        setSend(io, 0, TO_FAR, arena.put(marker), marker.length)
        transmit(io, 1)
        opened.settle()
        // A busy kernel may have had some on their way between the sockets.
        let last: Uint8Array | undefined
        for (let polls = 0; polls < 20 && last?.length !== marker.length; polls++) {
          last = copyDatagrams(io, io.poll(0, 1_000_000)).at(-1)?.payload
        }
        assert.deepEqual(last, marker)
      }
      io.detach(TO_FAR)
      setSend(io, 0, TO_FAR, new Arena(io).put(testPayload(1, 100)), 100)
      io.transmit(1)
      assert.equal(result(io, 0), -ENODEV)
      assert.deepEqual(events(io), [])
    }),
  )
}
