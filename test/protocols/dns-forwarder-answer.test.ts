import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decode } from 'dns-packet'
import * as fc from 'fast-check'
import {
  FLAG_AA,
  FLAG_AD,
  FLAG_CD,
  FLAG_QR,
  FLAG_RA,
  FLAG_RD,
  FLAG_TC,
  HEADER_SIZE,
  setHeader,
  TYPE_ANY,
} from '../../src/wire/dns.ts'
import { type DnsMessage, parseMessage } from '../../src/wire/dns-message.ts'
import {
  addressRecord,
  DnsOutside,
  opt,
  type Question,
  type Reply,
  reply,
  type Sent,
  startOfAuthority,
} from '../support/dns-outside.ts'
import { damage, wireName } from '../support/dns-wire.ts'
import { hex } from '../support/wire-bytes.ts'

const EDNS = { udpSize: 1232 }
const NXDOMAIN = 3

const answerTo = (outside: DnsOutside, question: Question, contents: Reply) => {
  const ticket = outside.ask(question)
  outside.receive(outside.last, reply(outside.last, contents))
  return parseMessage(outside.answered(ticket).message)!
}

/** A server's message: header, the question as it was sent, and `records`. */
function message(sent: Sent, counts: readonly [number, number, number], records: Uint8Array): Uint8Array {
  const { questions } = parseMessage(sent.message)!
  const end = HEADER_SIZE + wireName(questions[0]!.name).length + 4
  const bytes = Uint8Array.from([...sent.message.subarray(0, end), ...records])
  const view = new DataView(bytes.buffer)
  setHeader(view, 0, view.getUint16(0), FLAG_QR | FLAG_RD | FLAG_RA, 1, ...counts)
  return bytes
}

describe('DnsForwarder: the answer', () => {
  it('has the id, the spelling and the flags of the question, and its own', () => {
    const contents = { flags: FLAG_AA, answers: [addressRecord('203.0.113.5')] }
    const question = { id: 0xbeef, name: 'WeB.eXaMple', flags: FLAG_RD | FLAG_CD }
    const answer = answerTo(new DnsOutside(), question, contents)
    assert.equal(answer.id, 0xbeef)
    assert.equal(answer.flags, FLAG_QR | FLAG_RD | FLAG_CD | FLAG_RA)
    assert.deepEqual(answer.questions, [{ name: 'WeB.eXaMple', type: 1, class: 1 }])
    assert.equal(answerTo(new DnsOutside(), { flags: 0 }, contents).flags, FLAG_QR | FLAG_RA)
  })

  it('has its name in the spelling of each question, where the server has spelt it out', () => {
    const outside = new DnsOutside()
    const names = ['WeB.eXaMple', 'web.EXAMPLE']
    const tickets = names.map((name) => outside.ask({ name }))
    const [asked] = parseMessage(outside.last.message)!.questions
    const other = addressRecord('203.0.113.6', 300, `x${asked!.name}`)
    const answers = [addressRecord('203.0.113.5', 300, asked!.name), other]
    outside.receive(outside.last, reply(outside.last, { answers }))
    for (const [i, name] of names.entries()) {
      const answer = parseMessage(outside.answered(tickets[i]!).message)!
      assert.deepEqual(
        answer.answers.map((record) => record.name),
        [name, `x${asked!.name}`],
      )
    }
  })

  it('tells of AD only to those who know it: by AD, or by DO', () => {
    for (const [question, isTold] of [
      [{ flags: FLAG_RD }, false],
      [{ flags: FLAG_RD, edns: EDNS }, false],
      [{ flags: FLAG_RD | FLAG_AD }, true],
      [{ flags: FLAG_RD, edns: { ...EDNS, dnssecOk: true } }, true],
    ] as const) {
      for (const flags of [0, FLAG_AD]) {
        const answer = answerTo(new DnsOutside(), question, {
          flags,
          answers: [addressRecord('203.0.113.5')],
        })
        assert.equal((answer.flags & FLAG_AD) !== 0, isTold && flags === FLAG_AD)
      }
    }
  })

  it('has an OPT of ours where the question has one, and none of the server', () => {
    const additionals = [addressRecord('203.0.113.8', 9, 'ns.example'), opt()]
    const without = answerTo(new DnsOutside(), {}, { additionals })
    assert.deepEqual(
      without.additionals.map(({ name }) => name),
      ['ns.example'],
    )
    const edns = { udpSize: 4096, dnssecOk: true }
    const withOne = answerTo(new DnsOutside(), { edns }, { rcode: NXDOMAIN, additionals })
    assert.equal(withOne.rcode, NXDOMAIN)
    assert.deepEqual(
      withOne.additionals.map(({ type, class: size, ttl, data }) => [type, size, ttl, data]),
      [
        [1, 1, 9, '203.0.113.8'],
        [41, 1232, 0x8000, ''],
      ],
    )
  })

  it('keeps what points into the question or to other records, and is cut at OPT', () => {
    const outside = new DnsOutside()
    const ticket = outside.ask({ name: 'Www.Example', edns: EDNS })
    // CNAME to "host" + ".Example" of the question (offset 16), A of that name (offset 41), OPT, and what comes after it.
    const records = hex(`c00c 0005 0001 0000003c 0007 04 686f7374 c010
      c029 0001 0001 0000003c 0004 cb007105
      00 0029 04d0 00000000 0004 000f0000
      c029 0001 0001 0000003c 0004 cb007106`)
    outside.receive(outside.last, message(outside.last, [2, 0, 2], records))
    const { answers, additionals } = parseMessage(outside.answered(ticket).message)!
    assert.deepEqual(
      answers.map(({ name, data }) => `${name} ${data}`),
      ['Www.Example host.Example.', 'host.Example 203.0.113.5'],
    )
    assert.deepEqual(
      additionals.map(({ type, rdataLength }) => [type, rdataLength]),
      [[41, 0]],
    )
  })

  it('says TC, and has no records, where it does not fit', () => {
    const answers = Array.from({ length: 60 }, (_, i) => addressRecord(`203.0.113.${i}`))
    const outside = new DnsOutside()
    const question = { limit: 1232, edns: EDNS }
    const cut = answerTo(outside, question, { answers })
    assert.equal(cut.flags & FLAG_TC, FLAG_TC)
    assert.deepEqual([cut.answers.length, cut.authorities.length, cut.additionals.length], [0, 0, 1])
    // All of it is there for who asks again by TCP.
    const whole = parseMessage(outside.answered(outside.ask({ ...question, limit: 65_535 })).message)!
    assert.equal(whole.flags & FLAG_TC, 0)
    assert.equal(whole.answers.length, 60)
  })

  it('fits to the byte', () => {
    const answers = [addressRecord('203.0.113.5')]
    const outside = new DnsOutside()
    answerTo(outside, { edns: EDNS }, { answers })
    const { length } = outside.answered(outside.ask({ edns: EDNS })).message
    for (const [limit, count] of [
      [length, 1],
      [length - 1, 0],
    ] as const) {
      assert.equal(answerTo(new DnsOutside(), { edns: EDNS, limit }, { answers }).answers.length, count)
    }
  })

  it('never is nonsense that a server has sent', () => {
    const senseless: readonly [string, readonly [number, number, number], string][] = [
      ['a record too many', [2, 0, 0], 'c00c 0001 0001 0000003c 0004 cb007105'],
      ['a name that leads to itself', [1, 0, 0], 'c01d 0001 0001 0000003c 0004 cb007105'],
      ['a name that leads to the zeros of the header', [1, 0, 0], 'c00a 0001 0001 0000003c 0004 cb007105'],
      ['an address of three bytes', [1, 0, 0], 'c00c 0001 0001 0000003c 0003 cb0071'],
      ['an address of none', [1, 0, 0], 'c00c 0001 1000 0000003c 0000'],
      ['an IPv6 address of four', [1, 0, 0], 'c00c 001c 0001 0000003c 0004 cb007105'],
      ['data that ends too late', [1, 0, 0], 'c00c 0001 0001 0000003c 0005 cb007105'],
      ['a name with more behind it', [1, 0, 0], 'c00c 0005 0001 0000003c 0003 c00c00'],
      ['a name that ends too late', [1, 0, 0], 'c00c 0002 0001 0000003c 0003 026162'],
      ['no name', [1, 0, 0], 'c00c 000f 0001 0000003c 0002 000a'],
      ['half a number in front of no name', [1, 0, 0], 'c00c 000f 0001 0000003c 0001 00'],
      ['a SOA without its numbers', [0, 1, 0], 'c00c 0006 0001 0000003c 0002 0000'],
      ['a SOA without its second name', [0, 1, 0], `c00c 0006 0001 0000003c 0014 00ff ${'00'.repeat(18)}`],
      ['an OPT among the answers', [1, 0, 0], '00 0029 04d0 00000000 0000'],
    ]
    for (const [what, counts, records] of senseless) {
      const outside = new DnsOutside()
      outside.setGroup(0, '192.0.2.1')
      const ticket = outside.ask({ name: 'web.example' })
      outside.receive(outside.last, message(outside.last, counts, hex(records)))
      assert.equal(outside.told(ticket), 'failed SERVFAIL', what)
    }
  })

  it('takes records of any other type as they are', () => {
    const outside = new DnsOutside()
    const ticket = outside.ask({ name: 'web.example', type: 65_280 })
    outside.receive(
      outside.last,
      message(outside.last, [1, 0, 0], hex('c00c ff00 0001 0000003c 0003 c0ffee')),
    )
    const { answers } = parseMessage(outside.answered(ticket).message)!
    assert.deepEqual(
      answers.map(({ name, data }) => `${name} ${data}`),
      ['web.example \\# 3 c0ffee'],
    )
  })
})

describe('DnsForwarder: what it remembers', () => {
  const remembered = (contents: Reply, question: Question, afterMs: number): boolean => {
    const outside = new DnsOutside()
    answerTo(outside, question, contents)
    outside.wait(afterMs)
    const ticket = outside.ask(question)
    return !outside.waits(ticket)
  }
  /** For how long; -1 where that is none of these times. */
  const seconds = (contents: Reply, question: Question = {}): number => {
    const until = [0, 7, 60, 3600, 86_400].find((s) => !remembered(contents, question, s * 1000)) ?? -1
    return until <= 0 || remembered(contents, question, until * 1000 - 1) ? until : -1
  }

  it('remembers an answer for as long as each of its records holds, a day at most', () => {
    const short = addressRecord('203.0.113.6', 7, 'ns.example')
    const long = addressRecord('203.0.113.5', 2 ** 31 - 1)
    assert.equal(seconds({ answers: [long] }), 86_400)
    assert.equal(seconds({ answers: [long, short] }), 7)
    assert.equal(seconds({ answers: [long], authorities: [short] }), 7)
    assert.equal(seconds({ answers: [long], additionals: [short, opt()] }), 7)
    assert.equal(seconds({ answers: [addressRecord('203.0.113.5', 0)] }), 0)
    assert.equal(seconds({ answers: [addressRecord('203.0.113.5', 2 ** 31)] }), 0)
    assert.equal(seconds({ answers: [addressRecord('203.0.113.5', 7)] }, { type: TYPE_ANY }), 7)
  })

  it('remembers that there is nothing for as long as the SOA says, an hour at most, and without one not at all', () => {
    for (const rcode of [0, NXDOMAIN]) {
      assert.equal(seconds({ rcode, authorities: [startOfAuthority(7, 60)] }), 7)
      assert.equal(seconds({ rcode, authorities: [startOfAuthority(60, 7)] }), 7)
      assert.equal(seconds({ rcode, authorities: [startOfAuthority(86_400, 86_400)] }), 3600)
      assert.equal(seconds({ rcode, authorities: [addressRecord('203.0.113.5')] }), 0)
      assert.equal(seconds({ rcode }), 0)
    }
    // An alias of nothing.
    const alias = { type: 'CNAME', class: 'IN', name: 'web.example', ttl: 7, data: 'gone.example' } as const
    assert.equal(seconds({ answers: [alias], authorities: [startOfAuthority(60, 60)] }), 7)
    assert.equal(seconds({ answers: [alias] }), 0)
  })

  it('takes the time off that an answer has been here', () => {
    const outside = new DnsOutside()
    const answers = [addressRecord('203.0.113.5', 100), addressRecord('203.0.113.6', 50)]
    answerTo(outside, { edns: EDNS }, { answers, additionals: [opt()] })
    outside.wait(49_999)
    const ticket = outside.ask({ edns: { ...EDNS }, id: 9, name: 'WEB.example' })
    const answer = parseMessage(outside.answered(ticket).message)!
    assert.equal(answer.id, 9)
    assert.equal(answer.questions[0]!.name, 'WEB.example')
    assert.deepEqual(
      answer.answers.map(({ ttl }) => ttl),
      [51, 1],
    )
    assert.equal(answer.additionals[0]!.ttl, 0)
    assert.equal(outside.answered(ticket).verdict, 'cached')
    assert.equal(outside.answered(ticket).server!.address, '192.0.2.1')
  })

  it('keeps apart what differs in type, class, DO and CD, and nothing else', () => {
    const outside = new DnsOutside()
    answerTo(outside, {}, { answers: [addressRecord('203.0.113.5')] })
    for (const question of [
      { id: 3 },
      { name: 'WEB.EXAMPLE' },
      { edns: EDNS },
      { flags: FLAG_AD },
      { resolver: 9 },
    ]) {
      assert.ok(!outside.waits(outside.ask(question)))
    }
    const dnssec = { udpSize: 1232, dnssecOk: true }
    for (const question of [
      { type: 28 },
      { recordClass: 3 },
      { edns: dnssec },
      { flags: FLAG_CD },
      { name: 'web' },
    ]) {
      assert.ok(outside.waits(outside.ask(question)))
    }
  })

  it('never makes an answer of what came along with another', () => {
    const outside = new DnsOutside()
    const stray = addressRecord('203.0.113.66', 300, 'bank.example')
    answerTo(outside, {}, { answers: [addressRecord('203.0.113.5'), stray], additionals: [stray] })
    assert.ok(outside.waits(outside.ask({ name: 'bank.example' })))
  })

  it('forgets all, and says how much', () => {
    const outside = new DnsOutside()
    answerTo(outside, {}, { answers: [addressRecord('203.0.113.5')] })
    answerTo(outside, { name: 'b.example' }, { answers: [addressRecord('203.0.113.5')] })
    assert.equal(outside.forwarder.flushCache(), 2)
    assert.equal(outside.forwarder.flushCache(), 0)
    assert.ok(outside.waits(outside.ask()))
    const { hits, misses, entries, capacity } = outside.forwarder.stats().cache
    assert.deepEqual([hits, misses, entries, capacity], [0, 3, 0, 8192])
  })
})

describe('DnsForwarder: damaged messages', () => {
  const record = fc.oneof(
    fc.tuple(fc.nat(255), fc.nat(400)).map(([byte, ttl]) => addressRecord(`203.0.113.${byte}`, ttl)),
    fc.constant(startOfAuthority(60, 60)),
    fc.constant({ type: 'CNAME', name: 'web.example', ttl: 60, data: 'other.example' } as const),
    fc.constant({
      type: 'MX',
      name: 'web.example',
      data: { preference: 1, exchange: 'mail.example' },
    } as const),
    fc.constant({ type: 'TXT', name: 'web.example', ttl: 60, data: 'text' } as const),
    fc.constant({
      type: 'SRV',
      name: 'web.example',
      data: { priority: 1, weight: 1, port: 80, target: 'web.example' },
    } as const),
  )
  const records = fc.array(record, { maxLength: 6 })

  it('never throws, and answers within the limit what dns-packet can read', () => {
    let [forwarded, judged] = [0, 0]
    fc.assert(
      fc.property(
        fc.record({ answers: records, authorities: records, additionals: records, hasOpt: fc.boolean() }),
        fc.array(damage, { maxLength: 3 }),
        fc.constantFrom(512, 1232, 65_535),
        fc.boolean(),
        ({ answers, authorities, additionals, hasOpt }, damages, limit, hasEdns) => {
          const outside = new DnsOutside()
          outside.setGroup(0, '192.0.2.1')
          const ticket = outside.ask({ limit, ...(hasEdns ? { edns: EDNS } : {}) })
          const sent = outside.last
          const whole = reply(sent, {
            answers,
            authorities,
            additionals: hasOpt ? [...additionals, opt()] : additionals,
          })
          const damaged = damages.reduce((bytes, change) => change(bytes), whole)
          outside.receive(sent, damaged)
          outside.wait(20_000)
          assert.equal(outside.open.size, 0)

          const { message: answer, verdict } = outside.answered(ticket)
          const parsed = parseMessage(answer)!
          assert.equal(parsed.id, 77)
          assert.equal(parsed.flags & FLAG_QR, FLAG_QR)
          assert.deepEqual(parsed.questions, [{ name: 'web.example', type: 1, class: 1 }])
          if (verdict === 'forwarded') forwarded++
          // Other data is the client's to judge.
          if (!isJudged(parsed)) return
          if (verdict === 'forwarded') judged++
          decode(Buffer.from(answer))
        },
      ),
      { numRuns: 1000 },
    )
    assert.ok(forwarded > 100 && judged > 50, `${forwarded} answers got through, ${judged} of them were read`)
  })
})

/** A, NS, CNAME, SOA, PTR, MX, AAAA, SRV, DNAME, OPT. */
const JUDGED = new Set([1, 2, 5, 6, 12, 15, 28, 33, 39, 41])

/** Whether all data is of types that the forwarder looks into. */
const isJudged = ({ answers, authorities, additionals }: DnsMessage): boolean =>
  [...answers, ...authorities, ...additionals].every(({ type }) => JUDGED.has(type))
