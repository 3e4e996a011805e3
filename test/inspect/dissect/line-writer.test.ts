import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  LineWriter,
  packetLine,
  TIME_FORMATS,
  type TimeFormat,
} from '../../../src/inspect/dissect/line-writer.ts'

const hex = (...texts: readonly string[]): Uint8Array =>
  Uint8Array.from(Buffer.from(texts.join('').replaceAll(' ', ''), 'hex'))

const ethernet = (type: string): string => `02420a010002 02420a010001 ${type}`
const ipv4 = (protocol: string, total: string, fragment = '4000'): string =>
  `4500 ${total} 1c46 ${fragment} 40 ${protocol} 0000 0a010001 0a010002`
const ipv6 = (next: string, length: string): string =>
  `60000000 ${length} ${next} ff fe800000000000000000000000000001 ff020000000000000000000000010002`

const SYN = hex(
  ethernet('0800'),
  ipv4('06', '003c'),
  '9c40 0050 fffffffe 00000000 a0c2 faf0 0000 0000 020405b4 0402 080a 00000001 00000000 01 030307',
)
const VERY_LONG_NAME = '3f'.padEnd(128, '61').repeat(5)

describe('the line of a packet', () => {
  const cases: readonly [name: string, frame: Uint8Array, line: string][] = [
    [
      'TCP with options',
      SYN,
      '10.1.0.1.40000 > 10.1.0.2.80: TCP [SEW], seq 4294967294, win 64240, options [mss 1460, sackOK, TS val 1 ecr 0, nop, wscale 7], length 0',
    ],
    [
      'HTTP, and padding behind the packet',
      hex(
        ethernet('0800'),
        ipv4('06', '003a'),
        '0050 9c40 00000001 00000002 5018 0001 0000 0000 474554202f20485454502f312e310d0a4141 ffffffff',
      ),
      '10.1.0.1.80 > 10.1.0.2.40000: TCP [P.], seq 1, ack 2, win 1, length 18: HTTP GET / HTTP/1.1',
    ],
    [
      "HTTP's answer",
      hex(
        ethernet('0800'),
        ipv4('06', '0039'),
        '0050 9c40 00000001 00000002 5018 0001 0000 0000 485454502f312e3120323030204f4b0d0a',
      ),
      '10.1.0.1.80 > 10.1.0.2.40000: TCP [P.], seq 1, ack 2, win 1, length 17: HTTP 200 OK',
    ],
    [
      'HTTP that ends behind its version',
      hex(
        ethernet('0800'),
        ipv4('06', '0032'),
        '0050 9c40 00000001 00000002 5018 0001 0000 0000 485454502f312e310d0a',
      ),
      '10.1.0.1.80 > 10.1.0.2.40000: TCP [P.], seq 1, ack 2, win 1, length 10: HTTP HTTP/1.1',
    ],
    [
      'TLS with a name',
      hex(
        ethernet('0800'),
        ipv4('06', '006c'),
        '9c40 01bb 00000001 00000002 5018 0001 0000 0000',
        '160301003f 0100003b 0303',
        '00'.repeat(32),
        '00 0002 1301 01 00 0010 0000 000c 000a 00 0007 7765622e6c616e',
      ),
      '10.1.0.1.40000 > 10.1.0.2.443: TCP [P.], seq 1, ack 2, win 1, length 68: TLS client hello for web.lan',
    ],
    [
      'UDP',
      hex(ethernet('0800'), ipv4('11', '0020'), '9c40 0009 000c 0000 01020304'),
      '10.1.0.1.40000 > 10.1.0.2.9: UDP, length 4',
    ],
    [
      "DNS's question",
      hex(
        ethernet('0800'),
        ipv4('11', '0035'),
        '9c40 0035 0021 0000 1234 0100 0001 0000 0000 0000 03776562 036c616e 00 001c 0001',
      ),
      '10.1.0.1.40000 > 10.1.0.2.53: DNS 4660+ AAAA? web.lan',
    ],
    [
      "DNS's answer",
      hex(
        ethernet('0800'),
        ipv4('11', '0063'),
        '0035 9c40 004f 0000 1234 8500 0001 0002 0000 0000 03776562 036c616e 00 0001 0001',
        'c00c 0005 0001 00000005 0004 0161 c010  c025 0001 0001 00000005 0004 0a010009',
      ),
      '10.1.0.1.53 > 10.1.0.2.40000: DNS 4660*- 2/0/0 CNAME a.lan, A 10.1.0.9',
    ],
    [
      'a DNS name that points at itself',
      hex(
        ethernet('0800'),
        ipv4('11', '002e'),
        '9c40 0035 001a 0000 1234 0000 0001 0000 0000 0000 c00c 0001 0001',
      ),
      '10.1.0.1.40000 > 10.1.0.2.53: DNS 4660 A? ?',
    ],
    [
      'a question that is not there',
      hex(ethernet('0800'), ipv4('11', '0028'), '9c40 0035 0014 0000 1234 0000 0001 0000 0000 0000'),
      '10.1.0.1.40000 > 10.1.0.2.53: DNS 4660 [cut short]',
    ],
    [
      'a name that is too long',
      hex(
        ethernet('0800'),
        ipv4('11', '016d'),
        '9c40 0035 0159 0000 1234 0000 0001 0000 0000 0000',
        VERY_LONG_NAME,
        '00 0001 0001',
      ),
      `10.1.0.1.40000 > 10.1.0.2.53: DNS 4660 A? ${Array<string>(4).fill('a'.repeat(63)).join('.')}.?`,
    ],
    [
      'an echo request',
      hex(ethernet('0800'), ipv4('01', '001c'), '0800 0000 0007 0002'),
      '10.1.0.1 > 10.1.0.2: ICMP echo request, id 7, seq 2, length 8',
    ],
    [
      'a port that is closed',
      hex(
        ethernet('0800'),
        ipv4('01', '0038'),
        '0303 0000 00000000',
        ipv4('11', '0020'),
        '9c40 0009 000c 0000',
      ),
      '10.1.0.1 > 10.1.0.2: ICMP UDP port 9 of 10.1.0.2 unreachable, length 36',
    ],
    [
      'a packet too long for the way',
      hex(
        ethernet('0800'),
        ipv4('01', '0038'),
        '0304 0000 00000578',
        ipv4('06', '05dc'),
        '9c40 0009 000c 0000',
      ),
      '10.1.0.1 > 10.1.0.2: ICMP must be fragmented for MTU 1400 for 10.1.0.2, length 36',
    ],
    [
      'the end of a time to live',
      hex(
        ethernet('0800'),
        ipv4('01', '0038'),
        '0b00 0000 00000000',
        ipv4('11', '0020'),
        '9c40 0009 000c 0000',
      ),
      '10.1.0.1 > 10.1.0.2: ICMP time exceeded in transit for 10.1.0.1 to 10.1.0.2, length 36',
    ],
    [
      'a first fragment',
      hex(ethernet('0800'), ipv4('11', '0024', '2000'), '9c40 0009 0100 0000 0102030405060708'),
      '10.1.0.1.40000 > 10.1.0.2.9: UDP, length 248, fragment id 7238, offset 0+',
    ],
    [
      'a later fragment',
      hex(ethernet('0800'), ipv4('11', '001c', '2001'), '9c40 0009 0100 0000'),
      '10.1.0.1 > 10.1.0.2: UDP fragment, id 7238, offset 8+, length 8',
    ],
    [
      'ARP',
      hex(ethernet('0806'), '0001 0800 0604 0001 02420a010001 0a010001 000000000000 0a010002'),
      'ARP who-has 10.1.0.2 tell 10.1.0.1',
    ],
    [
      'an answer to it',
      hex(ethernet('0806'), '0001 0800 0604 0002 02420a010001 0a010001 02420a010002 0a010002'),
      'ARP 10.1.0.1 is-at 02:42:0a:01:00:01',
    ],
    [
      'a probe',
      hex(ethernet('0806'), '0001 0800 0604 0001 02420a010001 00000000 000000000000 0a010002'),
      'ARP probe 10.1.0.2 from 02:42:0a:01:00:01',
    ],
    [
      'an announcement',
      hex(ethernet('0806'), '0001 0800 0604 0001 02420a010001 0a010001 000000000000 0a010001'),
      'ARP announces 10.1.0.1 at 02:42:0a:01:00:01',
    ],
    [
      'ARP of another kind',
      hex(ethernet('0806'), '0006 0800 0604 0001 02420a010001 0a010001 000000000000 0a010002'),
      'ARP operation 1',
    ],
    [
      'a tag',
      hex('02420a010002 02420a010001 8100 2005 0800', ipv4('11', '001c'), '9c40 0009 0008 0000'),
      'vlan 5, 10.1.0.1.40000 > 10.1.0.2.9: UDP, length 0',
    ],
    [
      'a neighbor solicitation',
      hex(
        ethernet('86dd'),
        ipv6('3a', '0020'),
        '8700 0000 00000000 fe800000000000000000000000010002 0101 02420a010001',
      ),
      'fe80::1 > ff02::1:2: ICMPv6 neighbor solicitation, who has fe80::1:2, from 02:42:0a:01:00:01, length 32',
    ],
    [
      'a fragment of IPv6 behind options',
      hex(
        ethernet('86dd'),
        ipv6('00', '0018'),
        '2c00 0104 00000000',
        '1100 0009 00000007',
        '01020304 05060708',
      ),
      'fe80::1 > ff02::1:2: UDP fragment, id 7, offset 8+, length 8',
    ],
    [
      'DHCP',
      hex(
        ethernet('0800'),
        ipv4('11', '0118'),
        '0044 0043 0104 0000 01 01 06 00 deadbeef 0000 0000 00000000 00000000 00000000 00000000',
        '02420a010001'.padEnd(32, '0'),
        '00'.repeat(192),
        '63825363 350103 32040a010005 ff 00000000',
      ),
      '10.1.0.1.68 > 10.1.0.2.67: DHCP request for 10.1.0.5 from 02:42:0a:01:00:01, xid 0xdeadbeef',
    ],
    [
      'VXLAN',
      hex(
        ethernet('0800'),
        ipv4('11', '004e'),
        '9c40 12b5 003a 0000 08000000 00002a00',
        ethernet('0806'),
        '0001 0800 0604 0001 02420a010001 0a010001 000000000000 0a010002',
      ),
      '10.1.0.1.40000 > 10.1.0.2.4789: VXLAN vni 42: ARP who-has 10.1.0.2 tell 10.1.0.1',
    ],
    ['LLDP', hex(ethernet('88cc'), '0000'), '02:42:0a:01:00:01 > 02:42:0a:01:00:02: LLDP, length 16'],
    [
      'an unknown type',
      hex(ethernet('1234'), '0000'),
      '02:42:0a:01:00:01 > 02:42:0a:01:00:02: EtherType 0x1234, length 16',
    ],
    [
      'IEEE 802.3',
      hex(ethernet('0003'), '424203'),
      '02:42:0a:01:00:01 > 02:42:0a:01:00:02: LLC dsap 0x42 ssap 0x42, length 17',
    ],
    ['nothing', hex(), 'Ethernet [cut short]'],
    ['half of a header', SYN.subarray(0, 20), 'IP [cut short]'],
    ['half of TCP', SYN.subarray(0, 50), '10.1.0.1.40000 > 10.1.0.2.80: TCP [cut short]'],
    ['another version', hex(ethernet('0800'), '65', '00'.repeat(19)), 'IP, not version 4: 6'],
    ['a header of 16 bytes', hex(ethernet('0800'), '44', '00'.repeat(19)), 'IP, header of 16 bytes'],
  ]
  for (const [name, frame, line] of cases) it(`of ${name}`, () => assert.equal(packetLine(frame), line))

  it('tells the length on the wire of a packet that was cut', () => {
    assert.match(packetLine(SYN, 0, 54, { originalLength: SYN.length }), /win 64240, length 0 \[cut short\]$/)
  })

  it('has names in place of addresses', () => {
    const byAddress = new Map([
      ['10.1.0.1', 'client'],
      ['10.1.0.2', 'we\u001bb'],
    ])
    assert.match(packetLine(SYN, 0, SYN.length, { names: { byAddress } }), /^client\.40000 > we\?b\.80: TCP/)
  })

  it('has addresses where they are what DNS answers', () => {
    const answers = hex(
      ethernet('0800'),
      ipv4('11', '006f'),
      '0035 9c40 005b 0000 1234 8580 0001 0002 0000 0000 03776562 036c616e 00 00ff 0001',
      'c00c 0001 0001 00000005 0004 0a010001  c00c 001c 0001 00000005 0010 fd000000000000000000000000000001',
    )
    const byAddress = new Map([
      ['10.1.0.1', 'client'],
      ['fd00::1', 'client'],
    ])
    assert.equal(
      packetLine(answers, 0, answers.length, { names: { byAddress } }),
      'client.53 > 10.1.0.2.40000: DNS 4660* 2/0/0 A 10.1.0.1, AAAA fd00::1',
    )
  })

  it('of another link type tells its length', () => {
    assert.equal(packetLine(SYN, 0, SYN.length, { linkType: 113 }), 'link type 113, length 74')
  })
})

describe('the time in front of a line', () => {
  const lines = (time: TimeFormat, digits: number): string[] => {
    const writer = new LineWriter({ time })
    const packet = { offset: 0, capturedLength: 0, originalLength: 0 }
    for (const [seconds, nanoseconds] of [
      [1_700_000_000, 999_999_999],
      [1_700_000_001, 1000],
      [1_700_000_000, 0],
    ] as const) {
      writer.write(new DataView(new ArrayBuffer(0)), { ...packet, seconds, nanoseconds }, digits)
    }
    const text = Buffer.from(writer.take()).toString()
    return text
      .trimEnd()
      .split('\n')
      .map((line) => line.replace(' Ethernet [cut short]', ''))
  }
  const expected: Readonly<Record<TimeFormat, readonly string[]>> = {
    clock: ['22:13:20.999999999', '22:13:21.000001000', '22:13:20.000000000'],
    date: [
      '2023-11-14T22:13:20.999999999Z',
      '2023-11-14T22:13:21.000001000Z',
      '2023-11-14T22:13:20.000000000Z',
    ],
    epoch: ['1700000000.999999999', '1700000001.000001000', '1700000000.000000000'],
    relative: ['0.000000000', '0.000001001', '-0.999999999'],
    delta: ['0.000000000', '0.000001001', '-1.000001000'],
    none: ['Ethernet [cut short]', 'Ethernet [cut short]', 'Ethernet [cut short]'],
  }
  for (const format of TIME_FORMATS)
    it(`is ${format}`, () => assert.deepEqual(lines(format, 9), expected[format]))

  it('has microseconds where the file has no more', () => {
    assert.deepEqual(lines('clock', 6), ['22:13:20.999999', '22:13:21.000001', '22:13:20.000000'])
  })
})

describe('a writer of lines', () => {
  it('gives what it has once', () => {
    const writer = new LineWriter({ time: 'none' })
    const packet = {
      offset: 0,
      capturedLength: SYN.length,
      originalLength: SYN.length,
      seconds: 0,
      nanoseconds: 0,
    }
    writer.write(new DataView(SYN.buffer), packet, 6, 1, Buffer.from('[web in] '))
    writer.note('learned 02:42 → web\u001b[2J')
    const text = Buffer.from(writer.take()).toString()
    assert.equal(text, `[web in] ${packetLine(SYN)}\n    # learned 02:42 → web [2J\n`)
    assert.equal(writer.take().length, 0)
  })
})
