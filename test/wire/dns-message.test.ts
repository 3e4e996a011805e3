import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import packet from 'dns-packet'
import * as fc from 'fast-check'
import * as dns from '../../src/wire/dns.ts'
import { composeQuery, type DnsRecord, parseMessage } from '../../src/wire/dns-message.ts'
import { damaged, plainName, QUERIES, readGuarded, wireName } from '../support/dns-wire.ts'
import { hex } from '../support/wire-bytes.ts'

const RESPONSE = hex(`1234 8583 0001 0002 0001 0002 03776562 0566726f6e74 00 0001 0001
  c00c 0005 0001 00000e10 0006 03617069 c010
  c027 0001 0001 0000003c 0004 0a000003
  c010 0006 0001 00015180 0020 026e73 c010 046d61696c c010 00000001 00001c20 00000384 00127500 0000003c
  00 0029 04d0 01008000 000c 000a0008b823693abfacaf13
  c00c fde8 0001 ffffffff 0000`)

/** The record of `type` with this data, alone in a message; no names but those in the data, which begins at offset 23. */
const recordOf = (type: number, data: string): DnsRecord | undefined => {
  const rdata = hex(data)
  const header = hex('1234 8180 0000 0001 0000 0000 00 0000 0001 00000005 0000')
  const message = Uint8Array.from([...header, ...rdata])
  const view = new DataView(message.buffer)
  view.setUint16(13, type)
  view.setUint16(21, rdata.length)
  return parseMessage(message)?.answers[0]
}

const dataOf = (type: number, data: string): string | undefined => recordOf(type, data)?.data

describe('parseMessage', () => {
  it('reads a response', () => {
    const message = parseMessage(RESPONSE)
    assert.ok(message !== undefined)
    const { id, flags, opcode, rcode, questions } = message
    assert.deepEqual(
      { id, flags, opcode, rcode },
      { id: 0x1234, flags: 0x8583, opcode: 0, rcode: 16 + dns.RCODE_NAME_ERROR },
    )
    assert.deepEqual(questions, [{ name: 'web.front', type: 1, class: 1 }])
    const rows = [...message.answers, ...message.authorities, ...message.additionals].map(
      (record) => [record.name, record.type, record.class, record.ttl, record.data] as const,
    )
    assert.deepEqual(rows, [
      ['web.front', dns.TYPE_CNAME, 1, 3600, 'api.front.'],
      ['api.front', dns.TYPE_A, 1, 60, '10.0.0.3'],
      ['front', dns.TYPE_SOA, 1, 86_400, 'ns.front. mail.front. 1 7200 900 1209600 60'],
      ['.', dns.TYPE_OPT, 1232, 0x01008000, '10=b823693abfacaf13'],
      // RFC 2181, 8: the uppermost bit of a TTL makes it zero.
      ['web.front', 65_000, 1, 0, String.raw`\# 0`],
    ])
    assert.deepEqual([message.answers[0]?.rdataOffset, message.answers[0]?.rdataLength], [39, 6])
  })

  it('reads what stands in a larger buffer', () => {
    const memory = new Uint8Array(RESPONSE.length + 20).fill(0xa5)
    memory.set(RESPONSE, 9)
    assert.deepEqual(parseMessage(memory.subarray(9, 9 + RESPONSE.length)), parseMessage(RESPONSE))
  })

  it('answers undefined for what is cut short, anywhere', () => {
    for (let size = 0; size < RESPONSE.length; size++) {
      assert.equal(parseMessage(RESPONSE.slice(0, size)), undefined, `${size} bytes`)
    }
  })

  it('answers undefined for names that are none', () => {
    const question = (name: string): Uint8Array => hex(`1234 8180 0001 0000 0000 0000 ${name} 0001 0001`)
    assert.ok(parseMessage(question('00')) !== undefined)
    // A pointer into the header, and what stands there is no name.
    assert.equal(parseMessage(question('c002')), undefined)
    assert.equal(parseMessage(question('c00c')), undefined)
  })

  it('does not throw, nor read outside, whatever the bytes', () => {
    fc.assert(
      fc.property(damaged([RESPONSE, ...Object.values(QUERIES)]), (bytes) => {
        readGuarded(bytes, (view, offset, end) =>
          parseMessage(new Uint8Array(view.buffer, view.byteOffset + offset, end - offset)),
        )
      }),
      { numRuns: 500 },
    )
  })
})

describe('the data of records', () => {
  for (const [what, type, data, text] of [
    ['A', dns.TYPE_A, '0a000002', '10.0.0.2'],
    ['AAAA', dns.TYPE_AAAA, '20010db8000000000000000000000001', '2001:db8::1'],
    ['NS', dns.TYPE_NS, '026e73 00', 'ns.'],
    ['the root', dns.TYPE_PTR, '00', '.'],
    ['a name with a dot in a label', dns.TYPE_CNAME, '03612e62 00', String.raw`a\.b.`],
    ['a compressed name', dns.TYPE_PTR, '0177 c00c', 'w.'],
    ['MX', dns.TYPE_MX, '000a 0177 00', '10 w.'],
    ['SRV', dns.TYPE_SRV, '0001 0002 0050 0177 00', '1 2 80 w.'],
    ['TXT', dns.TYPE_TXT, '0361 2262 00 02 5cff', String.raw`"a\"b" "" "\\\255"`],
    ['CAA', dns.TYPE_CAA, '80 05 6973737565 63612e74657374', '128 issue "ca.test"'],
    ['OPT', dns.TYPE_OPT, '000a0002abcd 000c0000', '10=abcd 12='],
    ['OPT without options', dns.TYPE_OPT, '', ''],
    ['HTTPS, an alias', dns.TYPE_HTTPS, '0000 0177 00', '0 w.'],
    [
      'HTTPS, a service',
      dns.TYPE_HTTPS,
      `0001 00 0000 0004 0001 0004 0001 0006 026832 026833 0002 0000 0003 0002 01bb 0004 0008 0a000001 0a000002
       0006 0010 20010db8000000000000000000000001 fde8 0002 7f22`,
      String.raw`1 . mandatory=alpn,ipv4hint alpn=h2,h3 no-default-alpn port=443 ipv4hint=10.0.0.1,10.0.0.2 ipv6hint=2001:db8::1 key65000="\127\""`,
    ],
    ['SVCB with a path', dns.TYPE_SVCB, '0001 00 0007 0006 2f71 7b3f78 7d', '1 . dohpath="/q{?x}"'],
    ['an unknown type', 65_280, '0a000001', String.raw`\# 4 0a000001`],
    ['an unknown type without data', 65_280, '', String.raw`\# 0`],
  ] as const) {
    it(`of ${what} is as a zone file has it`, () => assert.equal(dataOf(type, data), text))
  }

  for (const [what, type, data] of [
    ['A too short', dns.TYPE_A, '0a0000'],
    ['A too long', dns.TYPE_A, '0a00000100'],
    ['AAAA too short', dns.TYPE_AAAA, '20010db8'],
    ['a name that does not end', dns.TYPE_NS, '026e73'],
    ['a name with something behind', dns.TYPE_NS, '026e73 00 00'],
    ['a loop', dns.TYPE_PTR, 'c017'],
    ['a pointer forward', dns.TYPE_PTR, 'c0ff'],
    ['MX without a name', dns.TYPE_MX, '000a'],
    ['SRV cut short', dns.TYPE_SRV, '0001 00'],
    ['SOA cut short', dns.TYPE_SOA, '00 00 00000001'],
    ['no string', dns.TYPE_TXT, ''],
    ['a string cut short', dns.TYPE_TXT, '0361'],
    ['a tag of no letters', dns.TYPE_CAA, '00 01 20'],
    ['an empty tag', dns.TYPE_CAA, '00 00 61'],
    ['an option cut short', dns.TYPE_OPT, '000a 0003 abcd'],
    ['a parameter cut short', dns.TYPE_HTTPS, '0001 00 0003 0003 01bb'],
    ['parameters in disorder', dns.TYPE_HTTPS, '0001 00 0003 0002 01bb 0002 0000'],
    ['a parameter twice', dns.TYPE_HTTPS, '0001 00 0003 0002 01bb 0003 0002 01bb'],
  ] as const) {
    it(`of ${what} is that of an unknown type`, () => {
      const bytes = hex(data)
      const digits = Buffer.from(bytes).toString('hex')
      assert.equal(dataOf(type, data), `\\# ${bytes.length} ${digits}`.trim())
    })
  }

  it('writes parameters that their keys do not allow as bytes', () => {
    assert.equal(dataOf(dns.TYPE_HTTPS, '0001 00 0001 0003 02682c'), String.raw`1 . alpn="\002h,"`.trim())
    assert.equal(dataOf(dns.TYPE_HTTPS, '0001 00 0003 0001 01'), String.raw`1 . port="\001"`)
  })
})

describe('parseMessage and dns-packet', () => {
  const ipv4 = fc.ipV4()
  const ttl = fc.nat(0x7fffffff)
  const printable = fc.stringMatching(/^[ -!#-[\]-~]{0,40}$/)
  const uint16 = fc.nat(0xffff)
  const uint32 = fc.nat(0xffffffff)
  const dotted = (name: string): string => `${name}.`

  /** A record for dns-packet, and the text that we are to read. */
  const sample = fc.oneof(
    ipv4.map((data) => ({ type: 'A', data, text: data })),
    plainName.map((data) => ({ type: 'CNAME', data, text: dotted(data) })),
    plainName.map((data) => ({ type: 'NS', data, text: dotted(data) })),
    plainName.map((data) => ({ type: 'PTR', data, text: dotted(data) })),
    fc.tuple(fc.integer({ min: 1, max: 0xffff }), plainName).map(([preference, exchange]) => ({
      type: 'MX',
      data: { preference, exchange },
      text: `${preference} ${dotted(exchange)}`,
    })),
    fc.tuple(uint16, uint16, uint16, plainName).map(([priority, weight, port, target]) => ({
      type: 'SRV',
      data: { priority, weight, port, target },
      text: `${priority} ${weight} ${port} ${dotted(target)}`,
    })),
    fc
      .tuple(plainName, plainName, uint32, uint32, uint32, uint32, uint32)
      .map(([mname, rname, serial, refresh, retry, expire, minimum]) => ({
        type: 'SOA',
        data: { mname, rname, serial, refresh, retry, expire, minimum },
        text: [dotted(mname), dotted(rname), serial, refresh, retry, expire, minimum].join(' '),
      })),
    fc.array(printable, { minLength: 1, maxLength: 4 }).map((data) => ({
      type: 'TXT',
      data,
      text: data.map((string) => `"${string}"`).join(' '),
    })),
    fc.tuple(fc.nat(255), printable).map(([flags, value]) => ({
      type: 'CAA',
      data: { flags, tag: 'issue', value },
      text: `${flags} issue "${value}"`,
    })),
    fc.uint8Array({ minLength: 1, maxLength: 30 }).map((data) => ({
      type: 'UNKNOWN_65280',
      data: Buffer.from(data),
      text: `\\# ${data.length} ${Buffer.from(data).toString('hex')}`,
    })),
  )
  const records = fc.array(fc.tuple(plainName, ttl, sample), { maxLength: 6 })

  it('read the same', () => {
    fc.assert(
      fc.property(records, records, records, uint16, (answers, authorities, additionals, id) => {
        const theirs = (section: typeof answers): packet.Answer[] =>
          section.map(([name, ttl, { type, data }]) => ({ name, type, ttl, data }) as packet.Answer)
        const bytes = packet.encode({
          type: 'response',
          id,
          questions: [{ type: 'A', name: 'web' }],
          answers: theirs(answers),
          authorities: theirs(authorities),
          additionals: theirs(additionals),
        })
        const message = parseMessage(bytes)
        assert.equal(message?.id, id)
        const ours = [message.answers, message.authorities, message.additionals].map((section) =>
          section.map(({ name, ttl, data }) => [name, ttl, data]),
        )
        const expected = [answers, authorities, additionals].map((section) =>
          section.map(([name, ttl, { text }]) => [name, ttl, text]),
        )
        assert.deepEqual(ours, expected)
      }),
    )
  })
})

describe('composeQuery', () => {
  it('writes what other resolvers write', () => {
    const web = wireName('web.front')
    assert.deepEqual(composeQuery({ id: 0x7610, name: web, type: 1, flags: dns.FLAG_RD }), QUERIES.muslA)
    assert.deepEqual(composeQuery({ id: 0xb4b9, name: web, type: 28, flags: dns.FLAG_RD }), QUERIES.glibcAaaa)
  })

  it('asks with EDNS, and in another class', () => {
    assert.deepEqual(
      composeQuery({
        id: 1,
        name: wireName('.'),
        type: 16,
        class: dns.CLASS_CH,
        edns: { udpSize: 1232, dnssecOk: true },
      }),
      hex('0001 0000 0001 0000 0000 0001 00 0010 0003 00 0029 04d0 00008000 0000'),
    )
  })
})
