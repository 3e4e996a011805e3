/**
 * Mutated capture files through the reader, 20,000 unless told otherwise. Whatever they are, it must throw nothing but CaptureFileError, must come to an
 * end, must name no byte outside of its buffer, and must not take memory for what a file only claims.
 *
 *     TAPWIRE_FUZZ_SEED=N       repeats a run; each prints its seed
 *     TAPWIRE_FUZZ_PACKETS=N    makes it shorter or longer
 */

import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'node:test'
import { CaptureFileError } from '../../../src/inspect/pcap/capture-file-error.ts'
import { CaptureReader, ReadResult } from '../../../src/inspect/pcap/capture-reader.ts'
import { PcapWriter } from '../../../src/inspect/pcap/pcap-writer.ts'
import { PcapngWriter } from '../../../src/inspect/pcap/pcapng-writer.ts'
import { CaptureCollector, captureBytes } from '../../support/capture-contents.ts'
import { Random } from '../../support/random.ts'
import { repositoryRoot } from '../../support/repository.ts'

const FILES = Number(process.env['TAPWIRE_FUZZ_PACKETS'] ?? 20_000)
const SEED = Number(process.env['TAPWIRE_FUZZ_SEED'] ?? randomInt(1, 2 ** 31))

const ODD_WORDS = Int32Array.of(
  0,
  1,
  3,
  4,
  8,
  11,
  12,
  13,
  16,
  0xffff,
  0x10000,
  0x7fffffff,
  -1,
  -4,
  0x0a0d0d0a,
)

function seeds(): Uint8Array[] {
  const collector = new CaptureCollector()
  const writer = new PcapngWriter(collector.sink, { hardware: 'h', os: 'o', application: 'a', comment: 'c' })
  const frame = new Uint8Array(60).fill(0x42)
  const time = { seconds: 1_700_000_000, nanoseconds: 5 }
  for (const name of ['a', 'b']) {
    const id = writer.addInterface({
      name,
      description: 'd',
      mac: '02:00:00:00:00:01',
      speed: 1e9,
      filter: 'tcp',
    })
    writer.packet(id, 1, 2, frame, 0, 60, 60)
    writer.packet(id, 1, 2, frame, 0, 9, 60, { direction: 1, comments: ['x', 'yy'], dropCount: 3 })
    writer.statistics(id, { time, started: time, ended: time, received: 1, dropped: 2, comment: 'z' })
  }
  writer.names([
    { address: '10.0.0.1', names: ['n', 'm'] },
    { address: '2001:db8::1', names: ['v'] },
  ])
  writer.flush()
  const classic = new CaptureCollector()
  const pcap = new PcapWriter(classic.sink)
  for (let i = 0; i < 4; i++) pcap.packet(i, i, frame, 0, 20 * i, 60)
  pcap.flush()
  const odd = [
    '0a0d0d0a 0000001c 1a2b3c4d 0001 0000 ffffffffffffffff 0000001c',
    '00000001 0000001c 0001 0000 00000060 0009 0001 =8a =000000 0000001c',
    '00000003 00000014 00000003 =010203 =00 00000014',
    '00000002 00000024 0000 0009 00000000 00000005 00000002 00000002 =aabb =0000 00000024',
    '0000000a 00000014 544c534b 00000000 00000014',
  ].map((block) => captureBytes(block, false))
  const modified = 'a1b2cd34 0002 0004 00000000 00000000 00040000 00000001'
  const packet = '00000001 00000002 00000001 00000001 00000003 0800 04 00 =aa'
  const lan = readFileSync(join(repositoryRoot, 'test/fixtures/lan.pcap')).subarray(0, 2000)
  const pcapng = collector.file()
  return [
    pcapng,
    Buffer.concat(odd),
    Buffer.concat([...odd, pcapng]),
    classic.file(),
    captureBytes(`${modified} ${packet} ${packet}`, false),
    lan,
  ]
}

function mutate(seed: Uint8Array, random: Random): Uint8Array {
  let file = Uint8Array.from(seed)
  for (let times = 1 + random.below(4); times > 0 && file.length > 4; times--) {
    const at = random.below(file.length)
    const word = at & ~3
    switch (random.below(6)) {
      case 0:
        file[at] = random.below(256)
        break
      case 1:
        file[at]! ^= 1 << random.below(8)
        break
      case 2:
        if (word + 4 <= file.length)
          new DataView(file.buffer).setInt32(word, random.from(ODD_WORDS), random.oneIn(2))
        break
      case 3:
        file = file.slice(0, at)
        break
      case 4:
        // A piece that is there twice, or not at all: every later block is displaced.
        file = Uint8Array.from([...file.subarray(0, at), ...file.subarray(random.below(file.length))])
        break
      default:
        file.copyWithin(at, random.below(file.length), random.below(file.length))
    }
  }
  return file
}

/** Reads it all; what it ended with. */
function ends(file: Uint8Array, size: number): string {
  const reader = new CaptureReader()
  // Each result takes eight bytes at least (but the section and interface of a classic file), and each need for more brings one.
  let turns = 3 + file.length / 8 + 2 + file.length / size
  let at = 0
  try {
    for (;;) {
      assert.ok(turns-- > 0, 'it comes to an end')
      const result = reader.next()
      if (result === ReadResult.end) return 'end'
      if (result === ReadResult.needMore) {
        if (at >= file.length) reader.end()
        else reader.push(file.subarray(at, at + size))
        at += size
      } else if (result === ReadResult.packet) lookAt(reader)
    }
  } catch (error) {
    if (!(error instanceof CaptureFileError)) throw error
    assert.ok(error.offset <= file.length && Number.isInteger(error.offset))
    return (
      /claims|inside of|options?|interface|version|neither|text|its start says|takes/.exec(
        error.message,
      )?.[0] ?? 'other'
    )
  } finally {
    assert.ok(reader.view.byteLength <= 64 * 1024, 'no memory for what is not there')
  }
}

function lookAt({ packet, view, interfaces }: CaptureReader): void {
  const { offset, capturedLength, nanoseconds, comments } = packet
  assert.ok(offset >= 0 && offset + capturedLength <= packet.bytes.length)
  assert.equal(packet.bytes.length, view.byteLength)
  assert.ok(packet.originalLength >= capturedLength)
  assert.ok(nanoseconds >= 0 && nanoseconds <= 999_999_999 && Number.isInteger(packet.seconds))
  assert.ok(interfaces[packet.interfaceId] !== undefined)
  for (const comment of comments) assert.equal(typeof comment, 'string')
  void [packet.dropCount, packet.packetId, packet.queue, packet.verdicts]
}

it(`mutated capture files (seed ${SEED})`, (t) => {
  const random = new Random(SEED)
  const files = seeds()
  for (const file of files)
    assert.equal(ends(file.length === 2000 ? file.subarray(0, 24) : file, file.length), 'end')
  const counts = new Map<string, number>()
  for (let i = 0; i < FILES; i++) {
    const file = mutate(random.pick(files), random)
    const end = ends(file, random.oneIn(4) ? 1 + random.below(50) : file.length + 1)
    counts.set(end, (counts.get(end) ?? 0) + 1)
  }
  t.diagnostic(JSON.stringify(Object.fromEntries(counts)))
  for (const end of ['end', 'claims', 'inside of', 'interface', 'its start says']) {
    assert.ok(counts.has(end), `${end} has been met`)
  }
})
