import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import type { CaptureFileError } from '../../../src/inspect/pcap/capture-file-error.ts'
import { CaptureReader, ReadResult } from '../../../src/inspect/pcap/capture-reader.ts'
import {
  CAPTURE_BLOCK_MAX,
  CAPTURE_COMMENTS_MAX,
  CAPTURE_INTERFACES_MAX,
  CAPTURE_NAMES_MAX,
} from '../../../src/limits.ts'
import { captureBytes, readCapture } from '../../support/capture-contents.ts'

const SECTION = '0a0d0d0a 0000001c 1a2b3c4d 0001 0000 ffffffffffffffff 0000001c'
const INTERFACE = '00000001 00000014 0001 0000 00040000 00000014'
const PACKET = '00000006 00000024 00000000 00000000 00000001 00000001 00000001 =aa =000000 00000024'
const PCAP = 'a1b2c3d4 0002 0004 00000000 00000000 00040000 00000001'

/** What the file's reader says, having given all `packets` before; the same in one piece, byte by byte and asked twice. */
function errorOf(file: Uint8Array, packets: number = 0): CaptureFileError {
  const whole = readCapture(file)
  const { error } = whole
  assert.ok(error !== undefined, 'there is an error')
  assert.equal(whole.packets.length, packets)
  if (file.length < 1000) {
    const bytewise = readCapture(file, [1])
    assert.equal(bytewise.error?.message, error.message)
    assert.equal(bytewise.packets.length, packets)
  }
  const reader = new CaptureReader()
  reader.push(file)
  reader.end()
  const goOn = (): void => {
    while (reader.next() !== ReadResult.end);
  }
  for (let time = 0; time < 2; time++) assert.throws(goOn, { message: error.message })
  return error
}

const pcapng = (...blocks: readonly string[]): Uint8Array =>
  Buffer.concat([SECTION, ...blocks].map((block) => captureBytes(block, true)))

/** Each block, with what is said of it behind a section header and an interface. */
const BAD_BLOCKS: readonly (readonly [what: string, block: string, problem: string])[] = [
  ['of no bytes', '00000006 00000000 00000000', 'is a block that claims 0 bytes; no block has fewer than 12'],
  ['of 8 bytes', '00000006 00000008 00000008', 'is a block that claims 8 bytes; no block has fewer than 12'],
  [
    'of no multiple of four',
    '00000006 0000000d 0000000d =00',
    "is a block that claims 13 bytes; a block's length is a multiple of 4",
  ],
  [
    'of 4 GB',
    '00000006 fffffffc 00000000',
    `is a block that claims 4294967292 bytes; ${CAPTURE_BLOCK_MAX} are the most that are taken`,
  ],
  [
    'with another length at its end',
    '0000000a 00000010 00000000 00000014',
    'is a block that has 16 bytes as its start says, and 20 as its end says',
  ],
  [
    'that ends early',
    '0000000a 00000040 00000000',
    'the file ends inside of a block of type 10: 52 of its 64 bytes are missing',
  ],
  [
    'whose header is cut',
    '0000000a 00000040',
    "the file ends inside of a block's header: 4 of its 12 bytes are missing",
  ],
  [
    'of a packet without a header',
    '00000006 0000001c 00000000 00000000 00000001 00000001 0000001c',
    'is the block of a packet with 16 bytes; it takes 20 at least',
  ],
  [
    'of a packet with more bytes than the block',
    '00000006 00000024 00000000 00000000 00000001 00000005 00000005 =aabbccdd 00000024',
    'is a packet that claims 5 captured bytes, in a block that has room for 4',
  ],
  [
    'of a packet with giant lengths',
    '00000006 00000024 00000000 00000000 00000001 ffffffff ffffffff =aabbccdd 00000024',
    'is a packet that claims 4294967295 captured bytes, in a block that has room for 4',
  ],
  [
    'of a packet of an unknown interface',
    '00000006 00000024 00000001 00000000 00000001 00000001 00000001 =aa000000 00000024',
    'is a block of interface 1, but only 0 to 0 are described before it in its section',
  ],
  [
    'of a packet with an option beyond it',
    '00000006 00000024 00000000 00000000 00000001 00000000 00000000 0001 0004 00000024',
    'is a block with an option that is longer than the block',
  ],
  [
    'of a simple packet without a length',
    '00000003 0000000c 0000000c',
    'is the block of a simple packet with 0 bytes; it takes 4 at least',
  ],
  [
    'of a simple packet with too few bytes',
    '00000003 00000014 00000005 00000000 00000014',
    'is a packet that claims 5 captured bytes, in a block that has room for 4',
  ],
  [
    'of an interface without a link type',
    '00000001 0000000c 0000000c',
    'is the block of an interface with 0 bytes; it takes 8 at least',
  ],
  [
    'of an interface with a resolution of no bytes',
    '00000001 00000018 0001 0000 00000000 0009 0000 00000018',
    'is an interface whose option for the resolution of its timestamps has 0 bytes and not 1',
  ],
  [
    'of an interface with an offset of four bytes',
    '00000001 0000001c 0001 0000 00000000 000e 0004 00000000 0000001c',
    'is an interface whose option for the offset of its timestamps has 4 bytes and not 8',
  ],
  [
    'of names with a record beyond it',
    '00000004 00000014 0001 0005 =ac120002 00000014',
    'is a block of names with a record that is longer than the block',
  ],
  [
    'of statistics without an interface',
    '00000005 0000000c 0000000c',
    'is the block of interface statistics with 0 bytes; it takes 4 at least',
  ],
  [
    'of statistics without a time',
    '00000005 00000014 00000000 00000000 00000014',
    'is the block of interface statistics with 8 bytes; it takes 12 at least',
  ],
  [
    'of a section in no byte order',
    '0a0d0d0a 0000001c 1a2b3c00 0001 0000 ffffffffffffffff 0000001c',
    'is a section header whose byte order is neither 1a2b3c4d nor 4d3c2b1a but 003c2b1a',
  ],
  [
    'of a section of another version',
    '0a0d0d0a 0000001c 1a2b3c4d 0002 0000 ffffffffffffffff 0000001c',
    'is a section of version 2.0 of pcapng; only 1.x is known',
  ],
]

describe('a block of pcapng', () => {
  for (const [what, block, problem] of BAD_BLOCKS) {
    it(`${what} is refused`, () => {
      const error = errorOf(pcapng(INTERFACE, PACKET, block), 1)
      assert.equal(error.message, `At byte 84 of the capture ${problem}.`)
      assert.equal(error.offset, 84)
      assert.ok(error.hint?.startsWith('Everything before it was read.'))
    })
  }

  it('of a packet before any interface is refused', () => {
    assert.match(errorOf(pcapng(PACKET)).message, /interface 0, but none is described before it/)
  })

  it('of an interface of the section before is refused', () => {
    assert.match(
      errorOf(pcapng(INTERFACE, PACKET, SECTION, PACKET), 1).message,
      /^At byte 112 .* but none is/,
    )
  })

  it('of one interface too many is refused', () => {
    const many = Array<string>(CAPTURE_INTERFACES_MAX + 1).fill(INTERFACE)
    assert.match(errorOf(pcapng(...many)).message, /one interface more than the 16384/)
  })

  it('of interfaces that are described at too great length is refused', () => {
    const size = 8 * 1024 * 1024
    const long = new Uint8Array(size)
    const view = new DataView(long.buffer)
    view.setUint32(0, 1, true)
    view.setUint32(4, size, true)
    view.setUint32(size - 4, size, true)
    const error = errorOf(Buffer.concat([pcapng(), long, long, long]))
    assert.match(error.message, /their descriptions have more than 16777216 bytes/)
    assert.equal(error.offset, 28 + 2 * size)
  })

  const blockOfNames = (record: Uint8Array, count: number): Buffer => {
    const length = 12 + count * record.length
    const block = Buffer.alloc(length, record)
    block.copy(block, 8, 0)
    block.writeUInt32LE(4, 0)
    block.writeUInt32LE(length, 4)
    for (let at = 8; at + 4 < length; at += record.length) block.set(record, at)
    block.writeUInt32LE(length, length - 4)
    return Buffer.concat([pcapng(), block])
  }

  it('of too many addresses with names is refused', () => {
    const file = blockOfNames(captureBytes('0001 0004 =0a000001', true), CAPTURE_NAMES_MAX + 1)
    assert.match(errorOf(file).message, /names of more than 131072 addresses/)
  })

  it('of too many names of few addresses is refused', () => {
    const names = 'a\0b\0'.repeat(500)
    const record = Buffer.alloc(8 + names.length)
    record.writeUInt16LE(1, 0)
    record.writeUInt16LE(4 + names.length, 2)
    record.write(names, 8, 'latin1')
    assert.match(errorOf(blockOfNames(record, 200)).message, /a block with more than 131072 names/)
  })

  it('gives the first comments of very many', () => {
    const options = Buffer.alloc(8 * 5000, Buffer.from('\x01\0\x02\0ab\0\0', 'latin1'))
    const block = Buffer.alloc(32 + options.length)
    block.writeUInt32LE(6, 0)
    block.writeUInt32LE(block.length, 4)
    options.copy(block, 28)
    block.writeUInt32LE(block.length, block.length - 4)
    const reader = new CaptureReader()
    reader.push(Buffer.concat([pcapng('00000001 00000014 0001 0000 00000000 00000014'), block]))
    reader.end()
    while (reader.next() !== ReadResult.packet) continue
    assert.deepEqual(reader.packet.comments, Array<string>(CAPTURE_COMMENTS_MAX).fill('ab'))
  })
})

describe('a classic pcap file', () => {
  const packet = '00000001 00000000 00000002 00000002 =aabb'
  const cases: readonly (readonly [what: string, file: string, packets: number, problem: string])[] = [
    [
      'with half a header',
      'a1b2c3d4 0002 0004',
      0,
      'At byte 0 of the capture the file ends inside of the header of classic pcap: 16 of its 24 bytes are missing.',
    ],
    [
      "with half a packet's header",
      `${PCAP} ${packet} 00000001 00000000`,
      1,
      "At byte 42 of the capture the file ends inside of a packet's header: 8 of its 16 bytes are missing.",
    ],
    [
      'with half a packet',
      `${PCAP} ${packet} 00000001 00000000 00000004 00000004 =aabbcc`,
      1,
      'At byte 42 of the capture the file ends inside of a packet: 1 of its 20 bytes are missing.',
    ],
    [
      'with a giant packet',
      `${PCAP} ${packet} 00000001 00000000 7fffffff 7fffffff`,
      1,
      "At byte 42 of the capture is a packet that claims 2147483647 captured bytes; this file's packets have 262144 at most.",
    ],
    [
      'of another version',
      'a1b2c3d4 0003 0000 00000000 00000000 00040000 00000001',
      0,
      'At byte 0 of the capture is a header of version 3.0 of classic pcap; only 2.x is known.',
    ],
  ]
  for (const [what, text, packets, message] of cases) {
    it(`${what} is refused`, () => {
      assert.equal(errorOf(captureBytes(text, true), packets).message, message)
      assert.equal(errorOf(captureBytes(text, false), packets).message, message)
    })
  }

  it('may have packets as large as its header says', () => {
    const size = 1024 * 1024
    const header = captureBytes('a1b2c3d4 0002 0004 00000000 00000000 00200000 00000001', true)
    const large = captureBytes('00000001 00000000 00100000 00100000', true)
    const contents = readCapture(Buffer.concat([header, large, Buffer.alloc(size)]))
    assert.equal(contents.error, undefined)
    assert.equal(contents.packets[0]?.originalLength, size)
  })
})

describe('what is no capture', () => {
  const ascii = (text: string): Uint8Array => Buffer.from(text, 'latin1')
  const cases: readonly (readonly [what: string, file: Uint8Array, problem: RegExp, hint: RegExp])[] = [
    ['an empty file', new Uint8Array(0), /the file ends: it is empty/, /has a header/],
    ['two bytes', ascii('\xd4\xc3'), /inside of the file's magic number: 2 of its 4 bytes are missing/, /./],
    ['gzip', gzipSync('x'), /compressed by gzip/, /gunzip -c/],
    ['zstd', ascii('\x28\xb5\x2f\xfd\0\0'), /compressed by zstd/, /zstd -dc/],
    ['snoop', ascii('snoop\0\0\0\0\0\0\x02'), /a capture of snoop/, /editcap/],
    ['text', ascii('12:00:00.000000 IP 10.0.0.1 > 10.0.0.2\n'), /it looks like text/, /text2pcap/],
    ['four letters', ascii('GET '), /it looks like text/, /text2pcap/],
    [
      'noise',
      ascii('\x01\x02\x03\x04\x05'),
      /neither pcap nor pcapng: it begins with 01 02 03 04/,
      /tcpdump/,
    ],
  ]
  for (const [what, file, problem, hint] of cases) {
    it(`is named: ${what}`, () => {
      const error = errorOf(file)
      assert.match(error.message, problem)
      assert.match(error.hint ?? '', hint)
      assert.equal(error.offset, 0)
    })
  }
})

it('a reader that is asked for a packet before there is one says so', () => {
  assert.throws(() => new CaptureReader().packet, /no packet was read yet/)
})
