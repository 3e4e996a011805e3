import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { dissect } from '../../../src/inspect/dissect/dissect.ts'
import type { DissectedField, Dissection, DissectOptions } from '../../../src/inspect/dissect/dissection.ts'
import { dissectionJson } from '../../../src/inspect/dissect/dissection-json.ts'
import { treeText } from '../../../src/inspect/dissect/tree-text.ts'
import { DISSECTED_BYTES_MAX, DISSECTED_LAYERS_MAX, DISSECTED_TEXT_MAX } from '../../../src/limits.ts'
import { pseudoHeaderIpv4 } from '../../../src/wire/checksum.ts'
import { checkDissection } from '../../support/dissection-check.ts'
import { readPcap } from '../../support/pcap.ts'
import { repositoryRoot } from '../../support/repository.ts'
import { hex } from '../../support/wire-bytes.ts'

const ETHERNET = '0242ac120003 0242ac120002'
const SYN = hex(`${ETHERNET} 0800
  4500003c00074000 4006e28bac120002 ac120003
  9c40005000000001 00000000a002faf0 58530000 020405b40402080a000000010000000001030307`)
const UDP = hex(`${ETHERNET} 0800 4500001f00074000 4011e29dac120002 ac120003 9c400009000b4702 616263`)
const ARP = hex(`${ETHERNET} 0806 0001 0800 06 04 0002 0242ac120002 ac120002 0242ac120003 ac120003`)
const TOO_BIG = hex(`${ETHERNET} 0800 4500003800090000 40012295ac120001 ac120002 0304 5af3 0000 0578
  4500002800074000 4006e29fac120002 ac120003 9c40005000000000`)
const ANSWER = hex(`${ETHERNET} 0800 4500004600074000 4011e276ac120002 ac120003 00359c400032cc1c
  1234 8180 0001 0001 0000 0000 03776562 04626c7565 00 0001 0001 c00c 0001 0001 0000003c 0004 ac120003`)

/** A packet of each of the families of test/support/scapy/corpus.py, made by `corpus.py 210 7`. */
const FRAMES = readPcap(readFileSync(join(repositoryRoot, 'test/fixtures/protocols.pcap')))

const of = (bytes: Uint8Array, options?: DissectOptions): Dissection =>
  dissect(bytes, 0, bytes.length, options)

function find(dissection: Dissection, name: string): DissectedField {
  const field = dissection.layers.flatMap((layer) => [...all(layer.fields)]).find((one) => one.name === name)
  assert.ok(field !== undefined, `no ${name}`)
  return field
}

function* all(fields: readonly DissectedField[]): Generator<DissectedField> {
  for (const field of fields) {
    yield field
    yield* all(field.fields ?? [])
  }
}

const stack = (dissection: Dissection): string =>
  dissection.layers.map(({ protocol, depth }) => '>'.repeat(depth) + protocol).join(' ')

/** With one 16-bit word changed. */
function with16(bytes: Uint8Array, offset: number, value: number): Uint8Array {
  const copy = Uint8Array.from(bytes)
  new DataView(copy.buffer).setUint16(offset, value)
  return copy
}

describe('dissect', () => {
  it('shows a SYN', () => {
    const tree = treeText(of(SYN), { names: true }).split('\n')
    assert.deepEqual(tree.slice(0, 2), [
      'Ethernet, 02:42:ac:12:00:02 → 02:42:ac:12:00:03  [eth 0+14]',
      '  Destination: 02:42:ac:12:00:03  [eth.dst 0+6]',
    ])
    const ip = tree.indexOf('Internet Protocol Version 4, 172.18.0.2 → 172.18.0.3  [ip 14+20]')
    assert.deepEqual(
      tree.slice(ip + 1).filter((line) => !line.startsWith('    ')),
      [
        '  Version: 4  [ip.version 14+1]',
        '  Header length: 20 bytes  [ip.hdr_len 14+1]',
        '  Differentiated services: 0x00  [ip.dsfield 15+1]',
        '  Total length: 60  [ip.len 16+2]',
        '  Identification: 0x0007 (7)  [ip.id 18+2]',
        "  Flags: 0x2 (don't fragment)  [ip.flags 20+1]",
        '  Fragment offset: 0 (0 bytes)  [ip.frag_offset 20+2]',
        '  Time to live: 64  [ip.ttl 22+1]',
        '  Protocol: 6 (TCP)  [ip.proto 23+1]',
        '  Header checksum: 0xe28b (right)  [ip.checksum 24+2]',
        '  Source: 172.18.0.2  [ip.src 26+4]',
        '  Destination: 172.18.0.3  [ip.dst 30+4]',
        'Transmission Control Protocol, 40000 → 80, [SYN]  [tcp 34+40]',
        '  Source port: 40000  [tcp.srcport 34+2]',
        '  Destination port: 80  [tcp.dstport 36+2]',
        '  Sequence number: 1  [tcp.seq_raw 38+4]',
        '  Acknowledgment number: 0  [tcp.ack_raw 42+4]',
        '  Header length: 40 bytes  [tcp.hdr_len 46+1]',
        '  Flags: [SYN]  [tcp.flags 46+2]',
        '  Window: 64240  [tcp.window_size_value 48+2]',
        '  Checksum: 0x5853 (right)  [tcp.checksum 50+2]',
        '  Urgent pointer: 0  [tcp.urgent_pointer 52+2]',
        '  Data: 0 bytes  [tcp.len 34+0]',
        '  Options: Maximum segment size, SACK permitted, Timestamps, No operation, Window scale  [tcp.options 54+20]',
      ],
    )
    assert.equal(find(of(SYN), 'tcp.options.wscale.shift').value, 7)
    assert.deepEqual(find(of(SYN), 'tcp.flags.syn').mask, 2)
  })

  it('says what ARP asks and tells', () => {
    const layer = of(ARP).layers[1]!
    assert.equal(layer.title, 'Address Resolution Protocol, reply: 172.18.0.2 is at 02:42:ac:12:00:02')
    const probe = Uint8Array.from(ARP)
    probe.set(hex('0001 0242ac120002 00000000 000000000000'), 20)
    assert.equal(find(of(probe), 'arp.isprobe').value, true)
    probe.set(hex('ac120003'), 28)
    assert.equal(find(of(probe), 'arp.isgratuitous').value, true)
  })

  it('shows what an error of ICMP quotes, one deeper', () => {
    const dissection = of(TOO_BIG)
    assert.equal(stack(dissection), 'eth ip icmp >ip >tcp')
    assert.equal(find(dissection, 'icmp.mtu').value, 1400)
    assert.equal(dissection.layers[4]!.problem, 'cut short: 8 of 20 bytes are here')
    assert.deepEqual(
      dissection.layers[4]!.fields.map(({ name }) => name),
      ['tcp.srcport', 'tcp.dstport', 'tcp.seq_raw'],
    )
    assert.equal(find(dissection, 'ip.len').problem, undefined)
  })

  it('follows names of DNS', () => {
    const dissection = of(ANSWER)
    const record = dissection.layers[3]!.fields.find(({ label }) => label === 'Answer')!
    assert.equal(record.text, 'web.blue 60 IN A 172.18.0.3')
    assert.deepEqual([record.offset, record.length], [68, 16])
    assert.deepEqual({ ...find(dissection, 'dns.resp.name') }.value, 'web.blue')
    assert.deepEqual([find(dissection, 'dns.a').offset, find(dissection, 'dns.a').value], [80, '172.18.0.3'])
  })

  it('does not follow a name that leads in a circle', () => {
    // The answer's owner is a pointer to itself.
    const dissection = of(with16(ANSWER, 68, 0xc000 | (68 - 42)))
    assert.equal(dissection.layers[3]!.problem, 'record 1 of 1 in section answer cannot be read')
  })

  it('says what a wrong checksum should be', () => {
    assert.equal(find(of(with16(SYN, 24, 0x1234)), 'ip.checksum').problem, 'wrong, it should be 0xe28b')
    assert.equal(find(of(with16(SYN, 50, 0x1234)), 'tcp.checksum').problem, 'wrong, it should be 0x5853')
    assert.equal(find(of(with16(UDP, 40, 0x1234)), 'udp.checksum').problem, 'wrong, it should be 0x4702')
    assert.equal(find(of(with16(TOO_BIG, 36, 0x1234)), 'icmp.checksum').problem, 'wrong, it should be 0x5af3')
  })

  it('does not judge a checksum that is missing, not done yet, or of more than is here', () => {
    assert.equal(find(of(with16(UDP, 40, 0)), 'udp.checksum').text, '0x0000 (none)')
    const partial = find(of(with16(SYN, 50, 0x1234), { partialChecksum: true }), 'tcp.checksum')
    assert.deepEqual([partial.text, partial.problem], ['0x1234 (to be completed by the device)', undefined])
    // Also where nobody says so: what it holds then is known.
    const view = new DataView(SYN.buffer, SYN.byteOffset)
    const sum = pseudoHeaderIpv4(view, 14, 6, SYN.length - 34)
    const unsaid = find(of(with16(SYN, 50, sum)), 'tcp.checksum')
    assert.match(unsaid.text, /\(the pseudo-header's sum: to be completed by the device\)$/)
    assert.equal(unsaid.problem, undefined)
    const cut = find(
      dissect(with16(UDP, 40, 0x1234), 0, UDP.length - 1, { originalLength: UDP.length }),
      'udp.checksum',
    )
    assert.deepEqual([cut.text.startsWith('0x1234 (not verified'), cut.problem], [true, undefined])
    const quoted = find(of(TOO_BIG), 'tcp.seq_raw')
    assert.equal(quoted.value, 0)
  })

  it('says which length is wrong', () => {
    assert.match(find(of(with16(SYN, 16, 19)), 'ip.len').problem!, /less than the header's 20 bytes/)
    assert.match(find(of(with16(SYN, 16, 61)), 'ip.len').problem!, /more than there is: 60 bytes/)
    assert.match(find(of(with16(UDP, 38, 7)), 'udp.length').problem!, /less than the header's 8 bytes/)
    assert.match(find(of(with16(UDP, 38, 12)), 'udp.length').problem!, /more than the 11 bytes/)
    assert.match(find(of(with16(SYN, 46, 0x4002)), 'tcp.hdr_len').problem!, /less than the 20 bytes/)
    assert.match(find(of(with16(SYN, 54, 0x0203)), 'tcp.options.mss').problem!, /should be 4/)
    assert.match(find(of(with16(SYN, 14, 0x6500)), 'ip.version').problem!, /should be 4/)
  })

  it('shows padding as Ethernet’s', () => {
    const padded = new Uint8Array(60)
    padded.set(UDP)
    const padding = find(of(padded), 'eth.padding')
    assert.deepEqual([padding.offset, padding.length], [45, 15])
    assert.equal(of(padded).layers.at(-1)!.length, 3)
  })

  it('shows other link types as bytes', () => {
    assert.equal(stack(of(SYN, { linkType: 101 })), 'data')
    assert.equal(stack(of(new Uint8Array())), 'eth')
  })
})

describe('dissect, with what is made to be too much', () => {
  it('stops in tunnels within tunnels', () => {
    const header = hex(
      `${ETHERNET} 0800 4500ffff00000000 4011 0000 ac120002 ac120003 9c40 12b5 ffff 0000 0800000000004d00`,
    )
    const frame = Buffer.concat(Array.from({ length: 100 }, () => header))
    const dissection = of(frame)
    checkDissection(dissection)
    assert.equal(dissection.layers.length, DISSECTED_LAYERS_MAX)
    assert.match(dissection.layers.at(-1)!.problem!, /too much/)
  })

  it('stops in tags behind tags', () => {
    const frame = Buffer.concat([hex(ETHERNET), ...Array.from({ length: 1000 }, () => hex('8100 0001'))])
    assert.equal(of(frame).layers.length, DISSECTED_LAYERS_MAX)
  })

  it('stops in a message with thousands of records', () => {
    const records = Array.from({ length: 5000 }, () => hex('00 0001 0001 00000000 0000'))
    const message = Buffer.concat([hex('1234 8180 0000 1388 0000 0000'), ...records])
    const head = Buffer.concat([hex('0000'), hex('00359c400000000000000000500000000000 0000')])
    head.writeUInt16BE(message.length, 0)
    const tcp = hex('0035 9c40 00000000 00000000 5010 0000 0000 0000')
    const ip = hex(`4500 0000 0000 0000 4006 0000 ac120002 ac120003`)
    new DataView(ip.buffer).setUint16(2, ip.length + tcp.length + 2 + message.length)
    const frame = Buffer.concat([hex(`${ETHERNET} 0800`), ip, tcp, head.subarray(0, 2), message])
    const dissection = of(frame)
    checkDissection(dissection)
    assert.match(dissection.layers.at(-1)!.problem!, /too much/)
    assert.ok(JSON.stringify(dissection).length < 2_000_000)
  })

  it('stops in a message whose names point to long ones, and long names themselves are cut', () => {
    // A question whose name has three labels of 63 bytes that are no letters, and 2000 mail exchanges that point to it.
    const name = Buffer.concat([...Array.from({ length: 3 }, () => hex(`3f${'00'.repeat(63)}`)), hex('00')])
    const records = Array.from({ length: 2000 }, () => hex('c00c 000f 0001 00000000 0004 0001 c00c'))
    const message = Buffer.concat([hex('1234 8180 0001 07d0 0000 0000'), name, hex('000f 0001'), ...records])
    const udp = hex('0035 9c40 0000 0000')
    new DataView(udp.buffer).setUint16(4, udp.length + message.length)
    const ip = hex('4500 0000 0000 0000 4011 0000 ac120002 ac120003')
    new DataView(ip.buffer).setUint16(2, ip.length + udp.length + message.length)
    const dissection = of(Buffer.concat([hex(`${ETHERNET} 0800`), ip, udp, message]))
    checkDissection(dissection)
    assert.equal(dissection.layers.at(-1)!.problem, 'there is more, which is too much to be shown')
    const shown = find(dissection, 'dns.qry.name')
    assert.equal(
      shown.text,
      `${'\\000'.repeat(63)}.${'\\000'.repeat(63)}`.slice(0, DISSECTED_BYTES_MAX) + '…',
    )
    assert.equal(shown.value, shown.text)
    assert.ok(treeText(dissection).length < 2 * DISSECTED_TEXT_MAX)
    assert.ok(JSON.stringify(dissectionJson(dissection)).length < 4 * DISSECTED_TEXT_MAX)
    assert.match(dissection.summary, /: DNS 4660 2000\/0\/0 MX, MX, MX, MX, \.\.\.$/)
  })

  it('shows little of a super-frame’s data', () => {
    const frame = new Uint8Array(65_549).fill(0x61)
    frame.set(SYN)
    frame.set(hex('ffff'), 16)
    const dissection = of(frame)
    checkDissection(dissection)
    assert.equal(find(dissection, 'data.data').length, 65_475)
    assert.ok(JSON.stringify(dissection).length < 20_000)
  })
})

describe('dissect, of any bytes', () => {
  it('never throws and stays within the frame', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(13), (bytes, type) => {
        const known = ['0800', '86dd', '0806', '8100', '88a8', '0020']
        if (bytes.length > 14 && type < known.length) bytes.set(hex(known[type]!), 12)
        checkDissection(of(bytes))
      }),
      { numRuns: 2000 },
    )
  })

  it('shows of a frame that is cut short what it shows of the whole one', () => {
    for (const [index, frame] of FRAMES.entries()) {
      const whole = new Set(Array.from(values(of(frame)), ({ place }) => place))
      for (let length = 0; length <= frame.length; length += 1 + (index % 3)) {
        const cut = dissect(frame, 0, length, { originalLength: frame.length })
        checkDissection(cut)
        for (const { place, problem } of values(cut)) {
          assert.ok(problem || whole.has(place), `frame ${index}, ${length} bytes: ${place}`)
        }
      }
    }
  })
})

/** Name, value and place of each field that has a value of its own, whole. */
function* values({ layers }: Dissection): Generator<{ place: string; problem: boolean }> {
  for (const { protocol, fields } of layers) {
    // What has no length of its own ends where the frame does.
    if (protocol === 'data' || protocol === 'http' || protocol === 'tls') continue
    for (const { name, value, offset, length, problem, fields: inner } of all(fields)) {
      if (name.endsWith('padding')) continue
      if (inner === undefined && length > 0 && length <= 4) {
        yield { place: `${name} ${offset} ${value}`, problem: problem !== undefined }
      }
    }
  }
}
