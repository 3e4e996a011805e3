import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CaptureReader, ReadResult } from '../../../src/inspect/pcap/capture-reader.ts'
import { type CaptureContents, captureBytes, readCapture } from '../../support/capture-contents.ts'
import { hex } from '../../support/wire-bytes.ts'

const SECTION = '0a0d0d0a 0000001c 1a2b3c4d 0001 0000 ffffffffffffffff 0000001c'
/** Ethernet, snap length 96, microseconds. */
const INTERFACE = '00000001 00000014 0001 0000 00000060 00000014'

const PLAIN_INTERFACE = {
  id: 0,
  linkType: 1,
  snapLength: 96,
  name: '',
  description: '',
  mac: '',
  speed: 0,
  filter: '',
  os: '',
  hardware: '',
  addresses: [],
  comments: [],
  fcsLength: 0,
  timestampDigits: 6,
}

const PLAIN_PACKET = {
  interfaceId: 0,
  direction: 0,
  comments: [],
  flags: 0,
  dropCount: undefined,
  packetId: undefined,
  queue: undefined,
  verdicts: [],
}

for (const littleEndian of [false, true]) {
  const read = (...blocks: readonly string[]): CaptureContents => {
    const contents = readCapture(Buffer.concat(blocks.map((block) => captureBytes(block, littleEndian))))
    assert.equal(contents.error, undefined)
    return contents
  }

  describe(`pcapng, ${littleEndian ? 'little' : 'big'}-endian`, () => {
    it('section header with options, without an end of options', () => {
      const { formats } = read(`0a0d0d0a LENGTH 1a2b3c4d 0001 0002 0000000000000040
        0001 0005 "hello" =000000 0002 0002 "x8" =0000 0003 0003 "Lin" =00 0004 0001 "t" =000000 LENGTH`)
      assert.deepEqual(formats, [
        {
          kind: 'pcapng',
          bigEndian: !littleEndian,
          version: '1.2',
          timestampDigits: undefined,
          hardware: 'x8',
          os: 'Lin',
          application: 't',
          comments: ['hello'],
        },
      ])
    })

    it('interface description with every option', () => {
      const { interfaces } = read(
        SECTION,
        `00000001 LENGTH 0001 0000 00040000
        0002 0004 "eth0" 0003 0003 "web" =00 0004 0008 =ac120002ffff0000
        0005 0011 =20010db8000000000000000000000001 =40 =000000
        0006 0006 =0242ac120002 =0000 0008 0008 000000003b9aca00 0009 0001 09 =000000
        000a 0004 00000000 000b 0004 =00 "tcp" 000c 0005 "Linux" =000000 000d 0001 20 =000000
        000e 0008 0000000000000064 000f 0002 "hw" =0000 0001 0002 "c1" =0000 0001 0002 "c2" =0000 0000 0000 LENGTH`,
        '00000006 00000020 00000000 00000000 00000005 00000000 00000000 00000020',
      )
      assert.deepEqual(interfaces, [
        {
          id: 0,
          linkType: 1,
          snapLength: 0x40000,
          name: 'eth0',
          description: 'web',
          mac: '02:42:ac:12:00:02',
          speed: 1e9,
          filter: 'tcp',
          os: 'Linux',
          hardware: 'hw',
          addresses: ['172.18.0.2/16', '2001:db8::1/64'],
          comments: ['c1', 'c2'],
          fcsLength: 4,
          timestampDigits: 9,
        },
      ])
    })

    it('interface whose filter is a program', () => {
      const { interfaces } = read(
        SECTION,
        '00000001 00000024 0001 0000 00000060 000b 0009 =01 0028 00 00 0000000c =000000 00000024',
      )
      assert.equal(interfaces[0]?.filter, '(1 instructions of BPF)')
    })

    it('enhanced packet with every option', () => {
      const { packets } = read(
        SECTION,
        INTERFACE,
        `00000006 LENGTH 00000000 00061a80 00000001 00000005 000005dc =0102030405 =000000
        0002 0004 00000002 0001 0001 "a" =000000 0004 0008 0000000000000007 0005 0008 8000000000000001
        0006 0004 00000003 0007 0002 =0205 =0000 0001 0001 "b" =000000 0000 0000 LENGTH`,
      )
      assert.deepEqual(packets, [
        {
          interfaceId: 0,
          // 0x00061a80_00000001 microseconds: 400,000 × 2^32 + 1.
          seconds: 1_717_986_918,
          nanoseconds: 400_001_000,
          bytes: '0102030405',
          originalLength: 1500,
          direction: 2,
          comments: ['a', 'b'],
          flags: 2,
          dropCount: 7,
          packetId: 0x8000000000000001n,
          queue: 3,
          verdicts: ['0205'],
        },
      ])
    })

    it('simple packets, cut at the snap length', () => {
      const { packets } = read(
        SECTION,
        '00000001 00000014 0001 0000 00000004 00000014',
        '00000003 00000014 00000003 =010203 =00 00000014',
        '00000003 00000014 000005dc =01020304 00000014',
      )
      const plain = { ...PLAIN_PACKET, seconds: 0, nanoseconds: 0 }
      assert.deepEqual(packets, [
        { ...plain, bytes: '010203', originalLength: 3 },
        { ...plain, bytes: '01020304', originalLength: 1500 },
      ])
    })

    it('obsolete packet blocks, with drops and without', () => {
      const body = '00000000 00000005 00000002 00000002 =aabb =0000'
      const { packets } = read(
        SECTION,
        INTERFACE,
        `00000002 00000024 0000 0009 ${body} 00000024`,
        `00000002 00000024 0000 ffff ${body} 00000024`,
      )
      const plain = { ...PLAIN_PACKET, seconds: 0, nanoseconds: 5000, bytes: 'aabb', originalLength: 2 }
      assert.deepEqual(packets, [{ ...plain, dropCount: 9 }, plain])
    })

    it('names of addresses of every kind, those of an unknown kind left out', () => {
      const { names, nameServers } = read(
        SECTION,
        `00000004 LENGTH
        0001 000a =ac120002 "web" =00 "w" =00 =0000
        0002 0014 =20010db8000000000000000000000001 "v6" =00 =00
        0003 0008 =0242ac120002 "m" =00
        0004 000a =0242acfffe120002 "e" =00 =0000
        0077 0002 =0102 =0000
        0000 0000 0002 0003 "dns" =00 0000 0000 LENGTH`,
      )
      assert.deepEqual(names, [
        { address: '172.18.0.2', names: ['web', 'w'] },
        { address: '2001:db8::1', names: ['v6'] },
        { address: '02:42:ac:12:00:02', names: ['m'] },
        { address: '02:42:ac:ff:fe:12:00:02', names: ['e'] },
      ])
      assert.deepEqual(nameServers, ['dns'])
    })

    it('interface statistics with every option', () => {
      const { statistics } = read(
        SECTION,
        INTERFACE,
        `00000005 LENGTH 00000000 00000000 000f4241
        0002 0008 00000000 00000001 0003 0008 00000000 00000002
        0004 0008 0000000000000004 0005 0008 0000000000000005 0006 0008 0000000000000006
        0007 0008 0000000000000007 0008 0008 0000000000000008 0001 0002 "ok" =0000 LENGTH`,
      )
      assert.deepEqual(statistics, [
        {
          interfaceId: 0,
          time: { seconds: 1, nanoseconds: 1000 },
          started: { seconds: 0, nanoseconds: 1000 },
          ended: { seconds: 0, nanoseconds: 2000 },
          received: 4,
          dropped: 5,
          accepted: 6,
          droppedByOs: 7,
          delivered: 8,
          comment: 'ok',
        },
      ])
    })

    it('steps over secrets, custom blocks, journals and what is yet to come', () => {
      const { others } = read(
        SECTION,
        '0000000a 00000014 544c534b 00000000 00000014',
        '00000bad 00000010 00000001 00000010',
        '40000bad 00000010 00000001 00000010',
        '00000009 00000010 "A=b" =0a 00000010',
        '7fffffff 0000000c 0000000c',
      )
      assert.deepEqual(
        others.map(({ type, offset }) => [type, offset]),
        [
          [0xa, 28],
          [0xbad, 48],
          [0x40000bad, 64],
          [9, 80],
          [0x7fffffff, 96],
        ],
      )
      assert.equal(Buffer.from(others[3]!.body, 'hex').toString(), 'A=b\n')
    })

    for (const { code, high, low, digits, time, what } of [
      { what: '1 s', code: '00', high: '00000000', low: '00000007', digits: 0, time: [7, 0] },
      { what: '1 ms', code: '03', high: '00000000', low: '000003e9', digits: 3, time: [1, 1_000_000] },
      {
        what: '1 ns',
        code: '09',
        high: '18000000',
        low: '00000001',
        digits: 9,
        time: [1_729_382_256, 910_270_465],
      },
      { what: '1 ps', code: '0c', high: '000000e8', low: 'd4a51000', digits: 9, time: [1, 0] },
      { what: '2^-10 s', code: '8a', high: '00000000', low: '00000401', digits: 4, time: [1, 976_562] },
      {
        what: '2^-32 s',
        code: 'a0',
        high: '00000009',
        low: '80000000',
        digits: 9,
        time: [9, 500_000_000],
      },
      { what: '10^-127 s', code: '7f', high: 'ffffffff', low: 'ffffffff', digits: 9, time: [0, 0] },
    ]) {
      it(`timestamps in units of ${what}`, () => {
        const { interfaces, packets } = read(
          SECTION,
          `00000001 0000001c 0001 0000 00000060 0009 0001 =${code} =000000 0000001c`,
          `00000006 00000020 00000000 ${high} ${low} 00000000 00000000 00000020`,
        )
        assert.equal(interfaces[0]?.timestampDigits, digits)
        assert.deepEqual([packets[0]?.seconds, packets[0]?.nanoseconds], time)
      })
    }

    it('timestamps of an interface with an offset, before 1970 too', () => {
      const { packets } = read(
        SECTION,
        '00000001 00000020 0001 0000 00000060 000e 0008 fffffffffffffffe 00000020',
        '00000006 00000020 00000000 00000000 00000001 00000000 00000000 00000020',
      )
      assert.deepEqual([packets[0]?.seconds, packets[0]?.nanoseconds], [-2, 1000])
    })

    it('timestamps that go backwards are kept', () => {
      const at = (low: string): string =>
        `00000006 00000020 00000000 00000000 ${low} 00000000 00000000 00000020`
      const { packets } = read(SECTION, INTERFACE, at('00000009'), at('00000002'), at('00000005'))
      assert.deepEqual(
        packets.map(({ nanoseconds }) => nanoseconds),
        [9000, 2000, 5000],
      )
    })

    it('a packet of more captured bytes than it had is as long as its bytes', () => {
      const { packets } = read(
        SECTION,
        INTERFACE,
        '00000006 00000024 00000000 00000000 00000000 00000004 00000002 =01020304 00000024',
      )
      assert.equal(packets[0]?.originalLength, 4)
    })

    it('sections of either byte order one after the other; interfaces go on', () => {
      const packet = '00000006 00000024 00000000 00000000 00000001 00000001 00000001 =aa =000000 00000024'
      const one = captureBytes(`${SECTION} ${INTERFACE} ${INTERFACE} ${packet}`, littleEndian)
      const two = captureBytes(`${SECTION} ${INTERFACE} ${packet}`, !littleEndian)
      const contents = readCapture(Buffer.concat([one, two, one]))
      assert.equal(contents.error, undefined)
      assert.deepEqual(
        contents.interfaces.map(({ id }) => id),
        [0, 1, 2, 3, 4],
      )
      assert.deepEqual(
        contents.packets.map(({ interfaceId, nanoseconds }) => [interfaceId, nanoseconds]),
        [
          [0, 1000],
          [2, 1000],
          [3, 1000],
        ],
      )
      assert.deepEqual(
        contents.formats.map(({ bigEndian }) => bigEndian),
        [!littleEndian, littleEndian, !littleEndian],
      )
    })
  })
}

describe('pcapng', () => {
  it('reads a file as it is, byte by byte', () => {
    const file = hex(`0a0d0d0a 1c000000 4d3c2b1a 01000000 ffffffffffffffff 1c000000
      01000000 14000000 01000000 60000000 14000000
      06000000 24000000 00000000 00000000 40420f00 02000000 3c000000 beef0000 24000000`)
    const contents = readCapture(file)
    assert.deepEqual(contents.results, [
      ReadResult.section,
      ReadResult.interface,
      ReadResult.packet,
      ReadResult.end,
    ])
    assert.deepEqual(contents.interfaces, [PLAIN_INTERFACE])
    assert.deepEqual(contents.packets, [
      { ...PLAIN_PACKET, seconds: 1, nanoseconds: 0, bytes: 'beef', originalLength: 60 },
    ])
  })

  it('gives one packet object, whose comments are gone with it', () => {
    const reader = new CaptureReader()
    const commented =
      '00000006 00000028 00000000 00000000 00000000 00000000 00000000 0001 0001 "a" =000000 00000028'
    const plain = '00000006 00000020 00000000 00000000 00000000 00000000 00000000 00000020'
    reader.push(captureBytes(`${SECTION} ${INTERFACE} ${commented} ${plain}`, true))
    const results = [reader.next(), reader.next(), reader.next()]
    assert.deepEqual(results, [ReadResult.section, ReadResult.interface, ReadResult.packet])
    const { packet } = reader
    assert.deepEqual(packet.comments, ['a'])
    assert.equal(reader.next(), ReadResult.packet)
    assert.equal(reader.packet, packet)
    assert.deepEqual(packet.comments, [])
  })
})
