/** Other programs read what we write, and we read what they write, alike. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import * as pcapParser from 'pcap-parser'
import { PcapWriter } from '../../../src/inspect/pcap/pcap-writer.ts'
import { PcapngWriter } from '../../../src/inspect/pcap/pcapng-writer.ts'
import {
  CaptureCollector,
  captureBytes,
  type ReadPacket,
  readCapture,
} from '../../support/capture-contents.ts'
import { readPcap } from '../../support/pcap.ts'
import { repositoryRoot } from '../../support/repository.ts'
import { needs } from '../../support/requirements.ts'
import { needsScapy, scapy } from '../../support/scapy.ts'

const LAN = join(repositoryRoot, 'test/fixtures/lan.pcap')

/** What all formats have of a packet. */
interface Frame {
  readonly time: string
  readonly bytes: string
  readonly originalLength: number
}

/** `1700000000.000000001`. */
const timeOf = (seconds: number, nanoseconds: number): string =>
  `${seconds}.${String(nanoseconds).padStart(9, '0')}`

const frameOf = ({ seconds, nanoseconds, bytes, originalLength }: ReadPacket): Frame => ({
  time: timeOf(seconds, nanoseconds),
  bytes,
  originalLength,
})

const framesOf = (path: string): Frame[] => {
  const { error, packets } = readCapture(readFileSync(path))
  assert.equal(error, undefined)
  return packets.map(frameOf)
}

const folder = mkdtempSync(join(tmpdir(), 'tapwire-pcap-'))
const inFolder = (name: string): string => join(folder, name)
after(() => rmSync(folder, { recursive: true }))

/** Runs a program that must not complain; its standard output. */
function run(program: string, ...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(program, args, {
    encoding: 'utf8',
    timeout: 60_000,
    maxBuffer: 256 * 1024 * 1024,
  })
  const complaints = stderr
    .split('\n')
    .filter(
      (line) =>
        line !== '' &&
        !/^(Running as user|reading from file|Input from|Output to|Output format|Wrote packet|Read \d|-+$)/.test(
          line,
        ),
    )
  assert.deepEqual(complaints, [], `${program} ${args.join(' ')}`)
  assert.equal(status, 0)
  return stdout
}

/** The fixture's frames at times that need all digits, the last ones cut. */
const FRAMES = readPcap(readFileSync(LAN)).map((bytes, i) => ({
  seconds: 1_700_000_000 + (i >> 2),
  nanoseconds: (i * 123_456_789) % 1_000_000_000,
  bytes,
  captured: i > 140 ? Math.min(20, bytes.length) : bytes.length,
  interfaceId: i % 3,
  direction: (i % 3) as 0 | 1 | 2,
  comments: i % 10 === 0 ? [`number ${i}`, 'DNAT 203.0.113.1:3000 → 172.18.0.2:80'] : [],
}))

const expected = (digits: 6 | 9): Frame[] =>
  FRAMES.map(({ seconds, nanoseconds, bytes, captured }) => ({
    time: timeOf(seconds, digits === 9 ? nanoseconds : nanoseconds - (nanoseconds % 1000)),
    bytes: Buffer.from(bytes.subarray(0, captured)).toString('hex'),
    originalLength: bytes.length,
  }))

const NAMES = [
  { address: '172.18.0.2', names: ['web.blue'] },
  { address: '2001:db8::2', names: ['six.blue'] },
  { address: '02:42:ac:12:00:02', names: ['web'] },
]

function writePcapng(path: string): void {
  const collector = new CaptureCollector()
  const section = { hardware: 'x86_64', os: 'Linux 6.1', application: 'Tapwire', comment: 'of a lab' }
  const writer = new PcapngWriter(collector.sink, section)
  writer.addInterface({ name: 'web.eth0', description: 'web on blue', mac: '02:42:ac:12:00:02', speed: 1e10 })
  writer.addInterface({ name: 'app.eth0', filter: 'tcp port 80', snapLength: 262_144, comment: 'of the app' })
  for (const [i, frame] of FRAMES.entries()) {
    if (i === 2) writer.addInterface({ name: 'uplink' })
    const { interfaceId, seconds, nanoseconds, bytes, captured, direction, comments } = frame
    writer.packet(interfaceId, seconds, nanoseconds, bytes, 0, captured, bytes.length, {
      direction,
      comments,
      dropCount: i === 7 ? 3 : undefined,
    })
  }
  writer.names(NAMES)
  const time = { seconds: 1_700_000_100, nanoseconds: 0 }
  writer.statistics(0, {
    time,
    started: time,
    ended: time,
    received: 100,
    dropped: 3,
    delivered: 97,
    comment: 'done',
  })
  writer.flush()
  writeFileSync(path, collector.file())
}

function writeClassic(path: string, microseconds: boolean): void {
  const collector = new CaptureCollector()
  const writer = new PcapWriter(collector.sink, { microseconds })
  for (const { seconds, nanoseconds, bytes, captured } of FRAMES) {
    writer.packet(seconds, nanoseconds, bytes, 0, captured, bytes.length)
  }
  writer.flush()
  writeFileSync(path, collector.file())
}

const PCAPNG = inFolder('ours.pcapng')
const NANO = inFolder('ours-ns.pcap')
const MICRO = inFolder('ours-us.pcap')
const OURS: readonly (readonly [path: string, digits: 6 | 9])[] = [
  [PCAPNG, 9],
  [NANO, 9],
  [MICRO, 6],
]

before(() => {
  writePcapng(PCAPNG)
  writeClassic(NANO, false)
  writeClassic(MICRO, true)
})

describe('a file that we write', () => {
  it('is what tshark reads', { skip: needs('tshark') }, () => {
    const fields = [
      'time_epoch',
      'cap_len',
      'len',
      'interface_id',
      'interface_name',
      'packet_flags_direction',
    ]
    const args = [...fields, 'comment'].flatMap((field) => ['-e', `frame.${field}`])
    const lines = run('tshark', '-n', '-r', PCAPNG, '-T', 'fields', '-E', 'aggregator=|', ...args)
      .trimEnd()
      .split('\n')
    const interfaces = ['web.eth0', 'app.eth0', 'uplink']
    assert.deepEqual(
      lines.map((line) => line.split('\t')),
      FRAMES.map((frame) => [
        timeOf(frame.seconds, frame.nanoseconds),
        String(frame.captured),
        String(frame.bytes.length),
        String(frame.interfaceId),
        interfaces[frame.interfaceId],
        frame.direction === 0 ? '' : `0x0000000${frame.direction}`,
        frame.comments.join('|'),
      ]),
    )
  })

  it('is what capinfos tells of', { skip: needs('capinfos') }, () => {
    const told = run('capinfos', PCAPNG)
    for (const line of [
      /^File timestamp precision: {2}nanoseconds \(9\)$/m,
      new RegExp(`^Number of packets: +${FRAMES.length}$`, 'm'),
      /^Capture hardware: {4}x86_64$/m,
      /^Capture oper-sys: {4}Linux 6\.1$/m,
      /^Capture application: Tapwire$/m,
      /^Capture comment: {5}of a lab$/m,
      /^Number of interfaces in file: 3$/m,
      /^ +Name = web\.eth0\n +Description = web on blue\n +Encapsulation = Ethernet .*\n +Speed = 10000000000$/m,
      /^ +Filter string = tcp port 80$/m,
      /^ +Comment = of the app$/m,
      /^ +Number of stat entries = 1$/m,
      /^Number of resolved IPv4 addresses in file: 1$/m,
      /^Number of resolved IPv6 addresses in file: 1$/m,
    ]) {
      assert.match(told, line)
    }
  })

  it('gives tshark its names', { skip: needs('tshark') }, () => {
    const hosts = run('tshark', '-r', PCAPNG, '-q', '-z', 'hosts')
    assert.match(hosts, /^172\.18\.0\.2\tweb\.blue$/m)
    assert.match(hosts, /^2001:db8::2\tsix\.blue$/m)
  })

  for (const [path, digits] of OURS) {
    it(`has the same frames after editcap and tcpdump: ${path.slice(folder.length + 1)}`, {
      skip: needs('editcap', 'tcpdump'),
    }, () => {
      const copies = ['editcap', 'tcpdump', 'editcap-back'].map((program) => inFolder(`${program}.pcap`))
      run('editcap', '-F', 'nsecpcap', path, copies[0]!)
      run('tcpdump', '--nano', '-r', path, '-w', copies[1]!)
      run('editcap', '-F', 'pcapng', path, copies[2]!)
      for (const copy of copies) assert.deepEqual(framesOf(copy), expected(digits))
      // A reader that shares no code with ours, of frames alone.
      const frames = readPcap(readFileSync(copies[0]!)).map((bytes) => Buffer.from(bytes).toString('hex'))
      assert.deepEqual(
        frames,
        expected(digits).map(({ bytes }) => bytes),
      )
    })
  }

  it('keeps all that it tells through editcap', { skip: needs('editcap') }, () => {
    const copy = inFolder('again.pcapng')
    run('editcap', PCAPNG, copy)
    const [ours, theirs] = [PCAPNG, copy].map((path) => readCapture(readFileSync(path)))
    assert.equal(theirs?.error, undefined)
    assert.deepEqual(theirs?.packets, ours?.packets)
    assert.deepEqual(
      theirs?.interfaces.map(({ name, description, speed, filter }) => ({
        name,
        description,
        speed,
        filter,
      })),
      ours?.interfaces.map(({ name, description, speed, filter }) => ({ name, description, speed, filter })),
    )
  })

  it('is what Scapy reads', { skip: needsScapy() }, () => {
    const program = `
import logging, warnings
complaints = []
handler = logging.Handler()
handler.emit = lambda record: complaints.append(record.getMessage())
logging.getLogger('scapy').addHandler(handler)
from scapy.utils import RawPcapReader, RawPcapNgReader
def read(path):
  reader = RawPcapReader(path)
  if isinstance(reader, RawPcapNgReader):
    return [[str(((m.tshigh << 32) + m.tslow) * 10**9 // m.tsresol), d.hex(), m.wirelen] for d, m in reader]
  scale = 1 if reader.nano else 1000
  return [[str(m.sec * 10**9 + m.usec * scale), d.hex(), m.wirelen] for d, m in reader]
answer = {'frames': [read(path) for path in argument], 'complaints': sorted(set(complaints))}`
    const paths = OURS.map(([path]) => path)
    const { frames, complaints } = scapy(program, paths) as {
      frames: [string, string, number][][]
      complaints: string[]
    }
    // Scapy 2.5 wants a newline in each comment, and says so of Wireshark's files too.
    assert.deepEqual(
      complaints.filter((complaint) => !complaint.endsWith('PcapNg: invalid comment option')),
      [],
    )
    for (const [i, [, digits]] of OURS.entries()) {
      assert.deepEqual(
        frames[i],
        expected(digits).map(({ time, bytes, originalLength }) => [
          time.replace('.', ''),
          bytes,
          originalLength,
        ]),
      )
    }
  })

  it('of classic pcap is what pcap-parser reads', async () => {
    const frames: Frame[] = []
    const parser = pcapParser.parse(MICRO)
    parser.on('packet', ({ header, data }) => {
      const time = timeOf(header.timestampSeconds, header.timestampMicroseconds * 1000)
      frames.push({ time, bytes: data.toString('hex'), originalLength: header.originalLength })
    })
    await once(parser as unknown as NodeJS.EventEmitter, 'end')
    assert.deepEqual(frames, expected(6))
  })

  it('in big-endian order, which nobody writes any more, is read by tshark as by us', {
    skip: needs('tshark'),
  }, () => {
    const blocks = [
      '0a0d0d0a 0000001c 1a2b3c4d 0001 0000 ffffffffffffffff 0000001c',
      '00000001 0000001c 0001 0000 00000000 0009 0001 09 =000000 0000001c',
      '00000006 00000024 00000000 17979cfe 362a0001 00000003 0000003c =010203 =00 00000024',
      '00000002 00000024 0000 0009 17979cfe 362a0002 00000002 00000003 =aabb =0000 00000024',
    ]
    const file = Buffer.concat(blocks.map((block) => captureBytes(block, false)))
    const path = inFolder('big.pcapng')
    writeFileSync(path, file)
    const told = run(
      'tshark',
      '-r',
      path,
      '-T',
      'fields',
      '-e',
      'frame.time_epoch',
      '-e',
      'frame.cap_len',
      '-e',
      'frame.len',
    )
    const ours = readCapture(file).packets.map(({ seconds, nanoseconds, bytes, originalLength }) =>
      [timeOf(seconds, nanoseconds), bytes.length / 2, originalLength].join('\t'),
    )
    assert.equal(ours.length, 2)
    assert.deepEqual(told.trimEnd().split('\n'), ours)
  })
})

describe('a file that others write', () => {
  const lan = framesOf(LAN)

  for (const format of ['pcap', 'nsecpcap', 'modpcap', 'pcapng']) {
    it(`is read: editcap -F ${format}`, { skip: needs('editcap') }, () => {
      const path = inFolder(`lan-${format}`)
      run('editcap', '-F', format, LAN, path)
      assert.deepEqual(framesOf(path), lan)
    })
  }

  it('is read: tcpdump, with times of either kind', { skip: needs('tcpdump') }, () => {
    for (const option of ['--micro', '--nano']) {
      const path = inFolder('tcpdump.pcap')
      run('tcpdump', option, '-r', LAN, '-w', path)
      assert.deepEqual(framesOf(path), lan)
    }
  })

  it('is read: editcap with comments and secrets', { skip: needs('editcap') }, () => {
    const keys = inFolder('keys')
    writeFileSync(keys, `CLIENT_RANDOM ${'ab'.repeat(32)} ${'cd'.repeat(48)}\n`)
    const path = inFolder('commented.pcapng')
    run('editcap', '-F', 'pcapng', '--inject-secrets', `tls,${keys}`, '-a', '3:third → frame', LAN, path)
    const contents = readCapture(readFileSync(path))
    assert.equal(contents.error, undefined)
    assert.deepEqual(contents.packets.map(frameOf), lan)
    assert.deepEqual(contents.packets[2]?.comments, ['third → frame'])
    assert.deepEqual(
      contents.others.map(({ type }) => type),
      [0xa],
    )
  })

  it('is read: mergecap, of our files with others', { skip: needs('mergecap', 'tshark') }, () => {
    const path = inFolder('merged.pcapng')
    run('mergecap', '-F', 'pcapng', '-w', path, LAN, PCAPNG, NANO)
    const contents = readCapture(readFileSync(path))
    assert.equal(contents.error, undefined)
    const told = run(
      'tshark',
      '-n',
      '-r',
      path,
      '-T',
      'fields',
      '-e',
      'frame.time_epoch',
      '-e',
      'frame.interface_id',
      '-e',
      'frame.len',
    )
    assert.deepEqual(
      told.trimEnd().split('\n'),
      contents.packets.map((packet) =>
        [timeOf(packet.seconds, packet.nanoseconds), packet.interfaceId, packet.originalLength].join('\t'),
      ),
    )
    assert.equal(contents.packets.length, lan.length + 2 * FRAMES.length)
  })

  it('is read: text2pcap', { skip: needs('text2pcap') }, () => {
    const text = lan.slice(0, 20).map(({ bytes }) => `000000 ${bytes.replaceAll(/../g, '$& ')}\n`)
    writeFileSync(inFolder('dump'), text.join(''))
    for (const format of ['pcap', 'pcapng', 'nsecpcap']) {
      const path = inFolder(`text.${format}`)
      run('text2pcap', '-q', '-F', format, inFolder('dump'), path)
      assert.deepEqual(
        framesOf(path).map(({ bytes }) => bytes),
        lan.slice(0, 20).map(({ bytes }) => bytes),
      )
    }
  })

  it('is read: Scapy, in both byte orders', { skip: needsScapy() }, () => {
    const program = `
from scapy.utils import RawPcapWriter, RawPcapNgWriter
for name, options in argument['classic'].items():
  writer = RawPcapWriter(name, linktype=1, **options)
  writer.write_header(None)
  for sec, frac, data, wirelen in argument['frames']:
    writer.write_packet(bytes.fromhex(data), sec=sec, usec=frac, wirelen=wirelen)
  writer.close()
writer = RawPcapNgWriter(argument['pcapng'])
writer.write_header(None)
for sec, frac, data, wirelen in argument['frames']:
  writer.write_packet(bytes.fromhex(data), sec=sec, usec=0, wirelen=wirelen)
writer.close()
answer = None`
    const little = inFolder('scapy-little.pcap')
    const big = inFolder('scapy-big.pcap')
    const nano = inFolder('scapy-nano.pcap')
    const pcapng = inFolder('scapy.pcapng')
    scapy(program, {
      pcapng,
      classic: {
        [little]: { endianness: '<' },
        [big]: { endianness: '>' },
        [nano]: { endianness: '>', nano: true },
      },
      frames: FRAMES.map(({ seconds, nanoseconds, bytes }) => [
        seconds,
        nanoseconds % 1_000_000,
        Buffer.from(bytes).toString('hex'),
        bytes.length + 4,
      ]),
    })
    for (const [path, scale] of [
      [little, 1000],
      [big, 1000],
      [nano, 1],
    ] as const) {
      assert.deepEqual(
        framesOf(path),
        FRAMES.map(({ seconds, nanoseconds, bytes }) => ({
          time: timeOf(seconds, (nanoseconds % 1_000_000) * scale),
          bytes: Buffer.from(bytes).toString('hex'),
          originalLength: bytes.length + 4,
        })),
      )
    }
    assert.equal(readCapture(readFileSync(big)).formats[0]?.bigEndian, true)
    const contents = readCapture(readFileSync(pcapng))
    assert.equal(contents.error, undefined)
    assert.deepEqual(
      contents.packets.map(frameOf),
      FRAMES.map(({ seconds, bytes }) => ({
        time: timeOf(seconds, 0),
        bytes: Buffer.from(bytes).toString('hex'),
        originalLength: bytes.length + 4,
      })),
    )
  })
})
