import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import packet from 'dns-packet'
import * as fc from 'fast-check'
import { FLAG_AD, FLAG_RD } from '../../src/wire/dns.ts'
import { composeQuery } from '../../src/wire/dns-message.ts'
import * as query from '../../src/wire/dns-query.ts'
import { damaged, plainName, QUERIES, readGuarded, wireName } from '../support/dns-wire.ts'
import { hex } from '../support/wire-bytes.ts'

/** Verdict and fields, with offsets counted from the message's start. One reader for all: nothing may be left of the question before. */
const reader = new query.QueryReader()
const read = (bytes: Uint8Array) =>
  readGuarded(bytes, (view, offset, end) => {
    const verdict = reader.read(view, offset, end)
    const { id, flags, nameSize, type, recordClass, hasEdns, udpSize, dnssecOk, ednsVersion } = reader
    const places = { name: reader.name - offset, nameSize, questionEnd: reader.questionEnd - offset }
    return { verdict, id, flags, ...places, type, recordClass, hasEdns, udpSize, dnssecOk, ednsVersion }
  })

const verdictOf = (text: string): query.QueryVerdict => read(hex(text)).verdict

/** A record OPT: version 0, 1232 bytes. */
const OPT = '00 0029 04d0 00000000 0000'
const WEB = '03776562 00 0001 0001'
const header = (counts: string, flags = '0100'): string => `1234 ${flags} ${counts}`

describe('QueryReader', () => {
  it('reads the question of a resolver without EDNS', () => {
    for (const [bytes, id, type] of [
      [QUERIES.muslA, 0x7610, 1],
      [QUERIES.muslAaaa, 0x76ce, 28],
      [QUERIES.glibcA, 0x45bb, 1],
      [QUERIES.glibcAaaa, 0xb4b9, 28],
    ] as const) {
      assert.deepEqual(read(bytes), {
        verdict: query.QUERY_OK,
        id,
        flags: FLAG_RD,
        name: 12,
        nameSize: 11,
        type,
        recordClass: 1,
        questionEnd: 27,
        hasEdns: false,
        udpSize: 512,
        dnssecOk: false,
        ednsVersion: 0,
      })
    }
  })

  it('reads EDNS', () => {
    const { verdict, flags, type, nameSize, questionEnd, hasEdns, udpSize, dnssecOk } = read(
      QUERIES.digReverse,
    )
    assert.deepEqual(
      { verdict, flags, type, nameSize, questionEnd, hasEdns, udpSize, dnssecOk },
      {
        verdict: query.QUERY_OK,
        flags: FLAG_RD | FLAG_AD,
        type: 12,
        nameSize: 23,
        questionEnd: 39,
        hasEdns: true,
        udpSize: 1232,
        dnssecOk: false,
      },
    )
    assert.ok(read(hex(`${header('0001 0000 0000 0001')} ${WEB} 00 0029 1000 00008000 0000`)).dnssecOk)
  })

  it('takes less than 512 bytes by UDP as 512', () => {
    assert.equal(read(hex(`${header('0001 0000 0000 0001')} ${WEB} 00 0029 01ff 00000000 0000`)).udpSize, 512)
    assert.equal(read(hex(`${header('0001 0000 0000 0001')} ${WEB} 00 0029 0201 00000000 0000`)).udpSize, 513)
  })

  it('reads the root and the longest name', () => {
    assert.equal(read(hex(`${header('0001 0000 0000 0000')} 00 0002 0001`)).nameSize, 1)
    const labels = `${'x'.repeat(63)}.`.repeat(3)
    const longest = composeQuery({ id: 1, name: wireName(labels + 'y'.repeat(61)), type: 1 })
    assert.deepEqual(
      [read(longest).verdict, read(longest).nameSize, read(longest).questionEnd],
      [query.QUERY_OK, 255, 271],
    )
  })

  it('drops what has no header, and responses', () => {
    assert.equal(verdictOf(''), query.QUERY_TRUNCATED)
    assert.equal(verdictOf('1234 0100 0001 0000 0000 00'), query.QUERY_TRUNCATED)
    assert.equal(verdictOf(`${header('0001 0000 0000 0000', '8180')} ${WEB}`), query.QUERY_RESPONSE)
    assert.equal(verdictOf(header('0000 0000 0000 0000', '8000')), query.QUERY_RESPONSE)
  })

  for (const [what, bytes] of [
    ['no question', header('0000 0000 0000 0000')],
    ['two questions', `${header('0002 0000 0000 0000')} ${WEB} ${WEB}`],
    ['a question too few', header('0001 0000 0000 0000')],
    ['an answer', `${header('0001 0001 0000 0000')} ${WEB} 00 0001 0001 00000000 0000`],
    ['an authority', `${header('0001 0000 0001 0000')} ${WEB} 00 0001 0001 00000000 0000`],
    ['a name that does not end', `${header('0001 0000 0000 0000')} 03776562`],
    ['no class', `${header('0001 0000 0000 0000')} 03776562 00 0001 00`],
    ['a pointer', `${header('0001 0000 0000 0000')} c000 0001 0001`],
    ['a pointer to itself', `${header('0001 0000 0000 0000')} c00c 0001 0001`],
    ['a label with a pointer behind', `${header('0001 0000 0000 0000')} 03776562 c00c 0001 0001`],
    ['a label of 64', `${header('0001 0000 0000 0000')} 40 ${'78'.repeat(64)} 00 0001 0001`],
    ['a reserved label', `${header('0001 0000 0000 0000')} 80 00 0001 0001`],
    [
      '256 bytes of name',
      `${header('0001 0000 0000 0000')} ${`3f${'78'.repeat(63)}`.repeat(4)} 00 0001 0001`,
    ],
    ['an additional record too few', `${header('0001 0000 0000 0001')} ${WEB}`],
    ['65,535 of them', `${header('0001 0000 0000 ffff')} ${WEB} ${OPT}`],
    ['two records OPT', `${header('0001 0000 0000 0002')} ${WEB} ${OPT} ${OPT}`],
    ['OPT of another owner', `${header('0001 0000 0000 0001')} ${WEB} 0161 ${OPT}`],
    ['OPT of the root by a pointer', `${header('0001 0000 0000 0001')} ${WEB} c010 ${OPT.slice(2)}`],
    ['OPT cut short', `${header('0001 0000 0000 0001')} ${WEB} 00 0029 04d0 00000000 00`],
    ['data cut short', `${header('0001 0000 0000 0001')} ${WEB} 00 0029 04d0 00000000 0001`],
    ['an option cut short', `${header('0001 0000 0000 0001')} ${WEB} 00 0029 04d0 00000000 0003 000a00`],
    ['an option too long', `${header('0001 0000 0000 0001')} ${WEB} 00 0029 04d0 00000000 0004 000a0001`],
    ['an owner that leads forward', `${header('0001 0000 0000 0001')} ${WEB} c0ff 0001 0001 00000000 0000`],
  ] as const) {
    it(`finds ${what} to be malformed`, () => assert.equal(verdictOf(bytes), query.QUERY_FORMAT_ERROR))
  }

  it('says where the question would begin if there is none', () => {
    const { name, nameSize, questionEnd } = read(hex(`${header('0002 0000 0000 0000')} ${WEB} ${WEB}`))
    assert.deepEqual({ name, nameSize, questionEnd }, { name: 12, nameSize: 0, questionEnd: 12 })
  })

  it('keeps the question and EDNS of what it finds malformed behind them', () => {
    const result = read(hex(`${header('0001 0000 0000 0002')} ${WEB} ${OPT} ${OPT}`))
    assert.deepEqual([result.nameSize, result.questionEnd, result.hasEdns], [5, 21, true])
  })

  it('finds EDNS where there is no question, and none among other records than additional ones', () => {
    const withoutQuestion = read(hex(`${header('0000 0000 0000 0001')} ${OPT}`))
    assert.deepEqual([withoutQuestion.verdict, withoutQuestion.hasEdns], [query.QUERY_FORMAT_ERROR, true])
    const asAnswer = read(hex(`${header('0001 0001 0000 0000')} ${WEB} ${OPT}`))
    assert.deepEqual([asAnswer.verdict, asAnswer.hasEdns], [query.QUERY_FORMAT_ERROR, false])
  })

  it('reads past other additional records, before OPT and behind it', () => {
    const tsig = `03 6b6579 00 00fa 00ff 00000000 0004 01020304`
    const compressed = 'c00c 0001 0001 00000005 0004 0a000001'
    const result = read(hex(`${header('0001 0000 0000 0003')} ${WEB} ${compressed} ${OPT} ${tsig}`))
    assert.deepEqual([result.verdict, result.hasEdns, result.udpSize], [query.QUERY_OK, true, 1232])
  })

  it('ignores what is behind the message', () => {
    assert.equal(verdictOf(`${header('0001 0000 0000 0000')} ${WEB} ${OPT}`), query.QUERY_OK)
    assert.equal(verdictOf(`${header('0001 0000 0000 0001')} ${WEB} ${OPT} ${OPT}`), query.QUERY_OK)
  })

  it('knows version 0 of EDNS only', () => {
    const result = read(hex(`${header('0001 0000 0000 0001')} ${WEB} 00 0029 04d0 00018000 0000`))
    assert.deepEqual(
      [result.verdict, result.ednsVersion, result.dnssecOk, result.questionEnd],
      [query.QUERY_BAD_VERSION, 1, true, 21],
    )
    assert.equal(
      read(hex(`${header('0001 0000 0000 0001')} ${WEB} 00 0029 04d0 00ff0000 0000`)).ednsVersion,
      255,
    )
  })

  it('takes no other operation, and says what it asked if that can be read', () => {
    for (const opcode of [1, 2, 3, 4, 5, 6, 15]) {
      const flags = (opcode << 11).toString(16).padStart(4, '0')
      const update = read(hex(`${header('0001 0001 0001 0001', flags)} ${WEB} ${OPT.slice(0, 2)}`))
      assert.deepEqual([update.verdict, update.questionEnd], [query.QUERY_NOT_IMPLEMENTED, 21])
      assert.equal(verdictOf(header('0000 0000 0000 0000', flags)), query.QUERY_NOT_IMPLEMENTED)
    }
    const notify = read(
      hex(`${header('0001 0001 0000 0001', '2000')} ${WEB} c00c 0006 0001 00000000 0000 ${OPT}`),
    )
    assert.deepEqual([notify.verdict, notify.hasEdns], [query.QUERY_NOT_IMPLEMENTED, true])
  })
})

describe('QueryReader and dns-packet', () => {
  const questions = fc.record({
    id: fc.nat(0xffff),
    name: plainName,
    type: fc.constantFrom('A', 'AAAA', 'PTR', 'SRV', 'MX', 'TXT', 'NS') as fc.Arbitrary<packet.RecordType>,
    edns: fc.option(
      fc.record({
        udpSize: fc.integer({ min: 1, max: 0xffff }),
        dnssecOk: fc.boolean(),
        padding: fc.uint8Array({ maxLength: 24 }),
      }),
    ),
  })
  const types: Partial<Record<packet.RecordType, number>> = {
    A: 1,
    AAAA: 28,
    PTR: 12,
    SRV: 33,
    MX: 15,
    TXT: 16,
    NS: 2,
  }

  it('find the same in what that has written', () => {
    fc.assert(
      fc.property(questions, ({ id, name, type, edns }) => {
        const bytes = packet.encode({
          type: 'query',
          id,
          flags: packet.RECURSION_DESIRED,
          questions: [{ type, name, class: 'IN' }],
          additionals: edns === null ? [] : [opt(edns)],
        })
        const result = read(bytes)
        assert.deepEqual(result, {
          verdict: query.QUERY_OK,
          id,
          flags: FLAG_RD,
          name: 12,
          nameSize: name.length + 2,
          type: types[type],
          recordClass: 1,
          questionEnd: 12 + name.length + 2 + 4,
          hasEdns: edns !== null,
          udpSize: Math.max(512, edns?.udpSize ?? 0),
          dnssecOk: edns?.dnssecOk ?? false,
          ednsVersion: 0,
        })
      }),
    )
  })

  it('find the same in what composeQuery has written', () => {
    fc.assert(
      fc.property(questions, ({ id, name, type, edns }) => {
        const bytes = composeQuery({
          id,
          name: wireName(name),
          type: types[type]!,
          flags: FLAG_RD,
          edns: edns ?? undefined,
        })
        const theirs = packet.decode(Buffer.from(bytes))
        assert.deepEqual(theirs.questions, [{ name, type, class: 'IN' }])
        assert.equal(theirs.id, id)
        assert.equal(theirs.additionals?.length, edns === null ? 0 : 1)
        const ours = read(bytes)
        assert.deepEqual([ours.verdict, ours.hasEdns], [query.QUERY_OK, edns !== null])
        if (edns === null) return
        const [additional] = theirs.additionals as [packet.OptAnswer]
        assert.deepEqual([additional.udpPayloadSize, additional.flag_do], [edns.udpSize, edns.dnssecOk])
      }),
    )
  })
})

describe('QueryReader and any bytes', () => {
  const samples = [
    ...Object.values(QUERIES),
    hex(
      `${header('0001 0000 0000 0003')} ${WEB} c00c 0001 0001 00000005 0004 0a000001 ${OPT} 03 6b6579 00 00fa 00ff 00000000 0000`,
    ),
    hex(`${header('0001 0000 0000 0001')} ${WEB} 00 0029 04d0 00018000 0000`),
  ]

  it('agree with a naive reader', () => {
    const verdicts = new Set<number>()
    fc.assert(
      fc.property(damaged(samples), (bytes) => {
        const verdict = naiveVerdict(Buffer.from(bytes))
        verdicts.add(verdict)
        assert.equal(read(bytes).verdict, verdict)
      }),
      { numRuns: 1500 },
    )
    // Else the samples would not show what they are for.
    assert.ok(verdicts.size >= 5, `only the verdicts ${[...verdicts].join()} came up`)
  })
})

function opt(edns: { udpSize: number; dnssecOk: boolean; padding: Uint8Array }): packet.OptAnswer {
  return {
    type: 'OPT',
    name: '.',
    udpPayloadSize: edns.udpSize,
    extendedRcode: 0,
    ednsVersion: 0,
    flags: edns.dnssecOk ? packet.DNSSEC_OK : 0,
    flag_do: edns.dnssecOk,
    options: [{ code: 12, data: Buffer.from(edns.padding) }],
  }
}

/** What QueryReader is to say, from the RFCs again and by the exceptions of Buffer. */
function naiveVerdict(bytes: Buffer): query.QueryVerdict {
  if (bytes.length < 12) return query.QUERY_TRUNCATED
  const bits = bytes.readUInt16BE(2)
  if (bits >= 0x8000) return query.QUERY_RESPONSE
  if (((bits >> 11) & 15) !== 0) return query.QUERY_NOT_IMPLEMENTED
  try {
    const counts = [4, 6, 8].map((at) => bytes.readUInt16BE(at)).join()
    return counts === '1,0,0' ? naiveRecords(bytes) : query.QUERY_FORMAT_ERROR
  } catch {
    return query.QUERY_FORMAT_ERROR
  }
}

function naiveRecords(bytes: Buffer): query.QueryVerdict {
  let at = naiveName(bytes, 12, false)
  bytes.readUInt32BE(at)
  at += 4
  const versions: number[] = []
  for (let left = bytes.readUInt16BE(10); left > 0; left--) {
    const data = naiveName(bytes, at, true) + 10
    const end = data + bytes.readUInt16BE(data - 2)
    if (end > bytes.length) throw new RangeError('data behind the end')
    if (bytes.readUInt16BE(data - 10) === 41) {
      if (bytes[at] !== 0) throw new RangeError('not the root')
      versions.push(bytes.readUInt8(data - 5))
      let option = data
      while (option < end) option += 4 + bytes.subarray(0, end).readUInt16BE(option + 2)
      if (option !== end) throw new RangeError('option behind the end')
    }
    at = end
  }
  if (versions.length > 1) return query.QUERY_FORMAT_ERROR
  return (versions[0] ?? 0) > 0 ? query.QUERY_BAD_VERSION : query.QUERY_OK
}

/** Where the name at `from` ends. */
function naiveName(bytes: Buffer, from: number, compressed: boolean): number {
  let at = from
  for (;;) {
    const label = bytes.readUInt8(at)
    if (label >= 0xc0 && compressed) {
      if ((bytes.readUInt16BE(at) & 0x3fff) >= from) throw new RangeError('forwards')
      return at + 2
    }
    if (label > 63) throw new RangeError('no label')
    at += 1 + label
    if (at - from > 255) throw new RangeError('too long')
    if (label === 0) return at
  }
}
