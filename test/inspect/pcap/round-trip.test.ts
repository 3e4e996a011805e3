import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import type { CaptureName, CaptureStatistics } from '../../../src/inspect/pcap/capture-file.ts'
import { PcapWriter } from '../../../src/inspect/pcap/pcap-writer.ts'
import { type InterfaceSettings, PcapngWriter } from '../../../src/inspect/pcap/pcapng-writer.ts'
import { CaptureCollector, readCapture } from '../../support/capture-contents.ts'

const text = fc.string({ unit: 'grapheme', maxLength: 40 }).map((value) => value.replaceAll('\0', ''))
/** Objects like those of literals. */
const record = <T>(model: { [Key in keyof T]: fc.Arbitrary<T[Key]> }): fc.Arbitrary<T> =>
  fc.record<T>(model, { noNullPrototype: true }) as fc.Arbitrary<T>

const count = fc.option(fc.nat(Number.MAX_SAFE_INTEGER), { nil: undefined })
const time = record({
  seconds: fc.oneof(fc.nat(0xffff_ffff), fc.constantFrom(0, 0xffff, 0x10000, 18_446_744_071)),
  nanoseconds: fc.nat(999_999_999),
})
const direction = fc.constantFrom(0, 1, 2)
const bytes = fc.uint8Array({ maxLength: 200 })
const mac = fc
  .uint8Array({ minLength: 6, maxLength: 6 })
  .map((octets) => Array.from(octets, (octet) => octet.toString(16).padStart(2, '0')).join(':'))
const ipv4 = fc.uint8Array({ minLength: 4, maxLength: 4 }).map((octets) => octets.join('.'))
const name = fc.stringMatching(/^[a-z0-9.-]{1,30}$/)

const interfaceSettings = record({
  name: text,
  description: text,
  mac,
  speed: fc.nat(Number.MAX_SAFE_INTEGER),
  linkType: fc.nat(0xffff),
  snapLength: fc.nat(0xffff_ffff),
  filter: text,
  os: text,
  hardware: text,
  comment: text,
})

const packet = record({
  kind: fc.constant('packet' as const),
  interfaceId: fc.nat(50),
  time,
  bytes,
  more: fc.nat(1000),
  settings: fc.option(
    record({
      direction,
      comments: fc.array(
        text.filter((comment) => comment !== ''),
        { maxLength: 3 },
      ),
      dropCount: count,
    }),
    { nil: undefined },
  ),
})

const block = fc.oneof(
  { weight: 3, arbitrary: packet },
  interfaceSettings.map((settings) => ({ kind: 'interface' as const, settings })),
  fc
    .array(
      record({
        address: fc.oneof(ipv4, mac, fc.constant('2001:db8::7')),
        names: fc.array(name, { minLength: 1, maxLength: 4 }),
      }),
      {
        minLength: 1,
        maxLength: 5,
      },
    )
    .map((entries) => ({ kind: 'names' as const, entries })),
  record({
    kind: fc.constant('statistics' as const),
    interfaceId: fc.nat(50),
    statistics: record({
      time,
      started: fc.option(time, { nil: undefined }),
      ended: fc.option(time, { nil: undefined }),
      received: count,
      dropped: count,
      accepted: count,
      droppedByOs: count,
      delivered: count,
      comment: fc.option(
        text.filter((comment) => comment !== ''),
        { nil: undefined },
      ),
    }),
  }),
)

const chunkSizes = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 5 })

/** What reads as undefined and what is not there are the same. */
const defined = (statistics: CaptureStatistics): object =>
  Object.fromEntries(Object.entries(statistics).filter(([, value]) => value !== undefined))

const read = (settings: InterfaceSettings, id: number): object => ({
  id,
  linkType: settings.linkType,
  snapLength: settings.snapLength,
  name: settings.name,
  description: settings.description,
  mac: settings.mac,
  speed: settings.speed,
  filter: settings.filter,
  os: settings.os,
  hardware: settings.hardware,
  addresses: [],
  comments: settings.comment === '' ? [] : [settings.comment],
  fcsLength: 0,
  timestampDigits: 9,
})

describe('what was written is read', () => {
  it('as pcapng, in chunks of any size', () => {
    fc.assert(
      fc.property(
        record({ hardware: text, os: text, application: text, comment: text }),
        fc.array(interfaceSettings, { minLength: 1, maxLength: 3 }),
        fc.array(block, { maxLength: 20 }),
        chunkSizes,
        fc.boolean(),
        (section, first, blocks, sizes, flushes) => {
          const collector = new CaptureCollector()
          const writer = new PcapngWriter(collector.sink, section)
          const interfaces = [...first]
          for (const settings of first) writer.addInterface(settings)
          const packets: object[] = []
          const names: CaptureName[] = []
          const statistics: object[] = []
          for (const each of blocks) {
            if (flushes) writer.flush()
            if (each.kind === 'interface') {
              assert.equal(writer.addInterface(each.settings), interfaces.length)
              interfaces.push(each.settings)
            } else if (each.kind === 'names') {
              writer.names(each.entries)
              names.push(...each.entries)
            } else if (each.kind === 'statistics') {
              const interfaceId = each.interfaceId % interfaces.length
              writer.statistics(interfaceId, each.statistics)
              statistics.push(defined({ interfaceId, ...each.statistics }))
            } else {
              const interfaceId = each.interfaceId % interfaces.length
              const { seconds, nanoseconds } = each.time
              const length = each.bytes.length
              // In the middle of other bytes, none of which may get into the file.
              const around = Buffer.concat([Buffer.alloc(3, 0xee), each.bytes, Buffer.alloc(3, 0xee)])
              writer.packet(
                interfaceId,
                seconds,
                nanoseconds,
                around,
                3,
                length,
                length + each.more,
                each.settings,
              )
              packets.push({
                interfaceId,
                seconds,
                nanoseconds,
                bytes: Buffer.from(each.bytes).toString('hex'),
                originalLength: length + each.more,
                direction: each.settings?.direction ?? 0,
                comments: each.settings?.comments ?? [],
                flags: each.settings?.direction ?? 0,
                dropCount: each.settings?.dropCount,
                packetId: undefined,
                queue: undefined,
                verdicts: [],
              })
            }
          }
          writer.flush()
          const file = collector.file()
          const contents = readCapture(file, sizes)
          assert.equal(contents.error, undefined)
          assert.deepEqual(contents, readCapture(file))
          assert.deepEqual(contents, readCapture(file, [1]))
          const [format] = contents.formats
          assert.deepEqual(format, {
            kind: 'pcapng',
            bigEndian: false,
            version: '1.0',
            timestampDigits: undefined,
            hardware: section.hardware,
            os: section.os,
            application: section.application,
            comments: section.comment === '' ? [] : [section.comment],
          })
          assert.deepEqual(contents.interfaces, interfaces.map(read))
          assert.deepEqual(contents.packets, packets)
          assert.deepEqual(contents.names, names)
          assert.deepEqual(contents.statistics.map(defined), statistics)
        },
      ),
      { numRuns: 150 },
    )
  })

  it('as classic pcap, in chunks of any size', () => {
    const simple = record({
      seconds: fc.nat(0xffff_ffff),
      nanoseconds: fc.nat(999_999_999),
      bytes,
      more: fc.nat(1000),
    })
    fc.assert(
      fc.property(
        fc.array(simple),
        fc.boolean(),
        fc.nat(0xffff),
        chunkSizes,
        (packets, microseconds, linkType, sizes) => {
          const collector = new CaptureCollector()
          const writer = new PcapWriter(collector.sink, { microseconds, linkType, snapLength: 4711 })
          for (const each of packets) {
            const length = each.bytes.length
            writer.packet(each.seconds, each.nanoseconds, each.bytes, 0, length, length + each.more)
          }
          writer.flush()
          const contents = readCapture(collector.file(), sizes)
          assert.equal(contents.error, undefined)
          assert.deepEqual(contents, readCapture(collector.file()))
          assert.equal(contents.interfaces[0]?.linkType, linkType)
          assert.equal(contents.interfaces[0].snapLength, 4711)
          assert.equal(contents.interfaces[0].timestampDigits, microseconds ? 6 : 9)
          assert.deepEqual(
            contents.packets.map(({ seconds, nanoseconds, bytes: hex, originalLength }) => ({
              seconds,
              nanoseconds,
              hex,
              originalLength,
            })),
            packets.map((each) => ({
              seconds: each.seconds,
              nanoseconds: microseconds ? each.nanoseconds - (each.nanoseconds % 1000) : each.nanoseconds,
              hex: Buffer.from(each.bytes).toString('hex'),
              originalLength: each.bytes.length + each.more,
            })),
          )
        },
      ),
    )
  })
})

describe('PcapngWriter', () => {
  it('hands over batches, and the rest when it is asked to', () => {
    const batches: Uint8Array[] = []
    const writer = new PcapngWriter((batch) => batches.push(batch))
    const id = writer.addInterface({ name: 'eth0' })
    const frame = new Uint8Array(1500)
    for (let i = 0; i < 1000; i++) writer.packet(id, i, 0, frame, 0, frame.length, frame.length)
    assert.equal(batches.length, 5)
    assert.ok(batches.every(({ length }) => length > 250_000 && length <= 256 * 1024))
    writer.flush()
    writer.flush()
    assert.equal(batches.length, 6)
    assert.equal(readCapture(Buffer.concat(batches)).packets.length, 1000)
  })

  it('writes a packet larger than a batch', () => {
    const collector = new CaptureCollector()
    const writer = new PcapngWriter(collector.sink)
    const frame = new Uint8Array(300_001).fill(7)
    writer.packet(writer.addInterface({ name: 'a' }), 1, 2, frame, 0, frame.length, frame.length)
    writer.flush()
    assert.equal(readCapture(collector.file()).packets[0]?.bytes.length, 600_002)
  })

  it('cuts a text that is too long between two characters', () => {
    const collector = new CaptureCollector()
    const writer = new PcapngWriter(collector.sink)
    writer.packet(writer.addInterface({ name: 'a' }), 0, 0, new Uint8Array(0), 0, 0, 0, {
      comments: ['é'.repeat(40_000)],
    })
    writer.flush()
    assert.equal(readCapture(collector.file()).packets[0]?.comments[0], 'é'.repeat(32_767))
  })

  it('writes names beyond what one record and one block hold', () => {
    const collector = new CaptureCollector()
    const writer = new PcapngWriter(collector.sink)
    const names = Array.from({ length: 3000 }, (_, i) => `name-of-some-length-${i}.example`)
    writer.names([{ address: '10.0.0.1', names }])
    writer.names(names.map((each, i) => ({ address: `10.1.${i >> 8}.${i & 255}`, names: [each] })))
    writer.names([{ address: 'nowhere', names: ['x'] }])
    writer.flush()
    const contents = readCapture(collector.file())
    assert.equal(contents.error, undefined)
    const first = contents.names.filter(({ address }) => address === '10.0.0.1')
    assert.deepEqual(
      first.flatMap((entry) => entry.names),
      names,
    )
    assert.deepEqual(
      contents.names.slice(first.length).map((entry) => entry.names[0]),
      names,
    )
  })

  it('writes times that 64 bits cannot tell as the nearest that they can', () => {
    const collector = new CaptureCollector()
    const writer = new PcapngWriter(collector.sink)
    const id = writer.addInterface({ name: 'a' })
    for (const seconds of [-5, 1e15]) writer.packet(id, seconds, 1, new Uint8Array(0), 0, 0, 0)
    writer.flush()
    const read = readCapture(collector.file()).packets.map(({ seconds, nanoseconds }) => [
      seconds,
      nanoseconds,
    ])
    assert.deepEqual(read, [
      [0, 0],
      [18_446_744_072, 1],
    ])
  })

  it('refuses a packet of an interface that it does not have', () => {
    const writer = new PcapngWriter(() => {})
    const time = { seconds: 0, nanoseconds: 0 }
    assert.throws(() => writer.packet(0, 0, 0, new Uint8Array(1), 0, 1, 1), RangeError)
    assert.throws(() => writer.statistics(-1, { time }), RangeError)
  })
})
