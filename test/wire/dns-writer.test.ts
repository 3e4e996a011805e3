import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import packet from 'dns-packet'
import * as fc from 'fast-check'
import { formatIpv4, parseIpv6 } from '../../src/wire/address.ts'
import * as dns from '../../src/wire/dns.ts'
import { composeQuery, parseMessage } from '../../src/wire/dns-message.ts'
import { DnsWriter } from '../../src/wire/dns-writer.ts'
import { plainName, wireName } from '../support/dns-wire.ts'
import { hex, POISON } from '../support/wire-bytes.ts'

const FLAGS = dns.FLAG_QR | dns.FLAG_RD | dns.FLAG_RA
const AT = 7

/** One writer for all: nothing may be left of the message before. */
const writer = new DnsWriter()

/**
 * What is written into poisoned memory with `limit`, by `add` between the question and the end. Asserts that no byte was touched in
 * front of the message or behind it, within the limit or not.
 */
function write(
  limit: number,
  question: Uint8Array,
  add: (writer: DnsWriter) => void,
  flags = FLAGS,
): Uint8Array {
  const memory = new Uint8Array(AT + limit + 300).fill(POISON)
  const view = new DataView(memory.buffer)
  writer.begin(view, memory, AT, limit)
  const source = new DataView(question.buffer, question.byteOffset, question.byteLength)
  writer.copyQuestion(source, 12, question.length)
  add(writer)
  const size = writer.finish(0x1234, flags)
  assert.ok(size <= limit, `${size} bytes of ${limit}`)
  assert.ok(memory.subarray(0, AT).every((byte) => byte === POISON))
  assert.ok(memory.subarray(AT + size).every((byte) => byte === POISON))
  return memory.slice(AT, AT + size)
}

const question = (name: string, type: number): Uint8Array =>
  composeQuery({ id: 1, name: wireName(name), type })
const QUESTION = question('web.front', dns.TYPE_A)
const QUESTION_SIZE = 27
const decode = (bytes: Uint8Array): packet.DecodedPacket => packet.decode(Buffer.from(bytes))

const pointTo = (to: DnsWriter, name: string): boolean =>
  to.pointer(5, wireName(name), 0, wireName(name).length)
const serve = (to: DnsWriter, port: number, name: string): boolean =>
  to.service(5, port, wireName(name), 0, wireName(name).length)

describe('DnsWriter', () => {
  it('writes an address', () => {
    assert.deepEqual(
      write(512, QUESTION, (to) => assert.ok(to.address4(5, 0x0a000002))),
      hex(
        '1234 8180 0001 0001 0000 0000 03776562 0566726f6e74 00 0001 0001  c00c 0001 0001 00000005 0004 0a000002',
      ),
    )
  })

  it('writes an address of IPv6', () => {
    assert.deepEqual(
      write(512, question('web', dns.TYPE_AAAA), (to) => to.address6(600, 0x20010db8, 0, -1, 1)),
      hex(`1234 8180 0001 0001 0000 0000 03776562 00 001c 0001
        c00c 001c 0001 00000258 0010 20010db8 00000000 ffffffff 00000001`),
    )
  })

  it('compresses what an address leads to, and keeps its case', () => {
    const asked = question('2.0.0.10.in-addr.arpa', dns.TYPE_PTR)
    const bytes = write(512, asked, (to) => {
      assert.ok(pointTo(to, 'web.front'))
      assert.ok(pointTo(to, 'api.front'))
      assert.ok(pointTo(to, 'api.FRONT'))
      assert.ok(pointTo(to, 'api.front'))
    })
    const data = parseMessage(bytes)?.answers.map((record) => [record.data, record.rdataLength])
    assert.deepEqual(data, [
      ['web.front.', 11],
      ['api.front.', 6],
      ['api.FRONT.', 11],
      ['api.front.', 2],
    ])
  })

  it('tells of a service, with its addresses behind', () => {
    const bytes = write(512, question('_80._tcp.web', dns.TYPE_SRV), (to) => {
      to.edns(1232, true, 0)
      assert.ok(serve(to, 8080, 'web.front'))
      assert.equal(to.nameOffset, 12 + 18 + 12 + 6)
      to.nextSection()
      to.nextSection()
      assert.ok(to.address4(5, 0x0a000002, to.nameOffset))
      assert.ok(to.address6(5, 0x20010db8, 0, 0, 2, to.nameOffset))
      assert.deepEqual([to.answers, to.authorities, to.additionals], [1, 0, 2])
    })
    // RFC 2782: the target is not compressed, although the message has `web` already.
    assert.deepEqual(
      bytes,
      hex(`1234 8180 0001 0001 0000 0003 035f3830 045f746370 03776562 00 0021 0001
        c00c 0021 0001 00000005 0011 0000 0000 1f90 03776562 0566726f6e74 00
        c030 0001 0001 00000005 0004 0a000002
        c030 001c 0001 00000005 0010 20010db8 00000000 00000000 00000002
        00 0029 04d0 00008000 0000`),
    )
    assert.equal(decode(bytes).additionals?.[1]?.name, 'web.front')
  })

  it('refers to a name that was written as a pointer alone where that stands', () => {
    const asked = question('web.front', dns.TYPE_PTR)
    const bytes = write(512, asked, (to) => {
      assert.ok(pointTo(to, 'web.front'))
      assert.equal(to.nameOffset, 12)
      assert.ok(to.address4(5, 1, to.nameOffset))
    })
    assert.equal(decode(bytes).answers?.[1]?.name, 'web.front')
  })

  it('writes the upper bits of a response code into OPT', () => {
    const bytes = write(
      512,
      QUESTION,
      (to) => to.edns(1232, false, dns.RCODE_BAD_VERSION),
      FLAGS | (dns.RCODE_BAD_VERSION & dns.RCODE_MASK),
    )
    assert.deepEqual(bytes.slice(QUESTION_SIZE), hex('00 0029 04d0 01000000 0000'))
    assert.equal(parseMessage(bytes)?.rcode, dns.RCODE_BAD_VERSION)
  })

  it('echoes no question where none could be read', () => {
    assert.deepEqual(
      write(512, QUESTION.slice(0, 12), () => {}, 0x8001),
      hex('1234 8001 0000 0000 0000 0000'),
    )
  })

  it('has the root as an owner in one byte', () => {
    const bytes = write(512, question('.', dns.TYPE_A), (to) => to.address4(1, 2))
    assert.deepEqual(bytes.slice(12), hex('00 0001 0001  00 0001 0001 00000001 0004 00000002'))
  })

  it('writes over the question that it answers', () => {
    const memory = new Uint8Array(512).fill(POISON)
    memory.set(QUESTION, 20)
    const view = new DataView(memory.buffer)
    writer.begin(view, memory, 20, 400)
    assert.ok(writer.copyQuestion(view, 32, 20 + QUESTION.length))
    assert.ok(writer.address4(5, 0x0a000002))
    const size = writer.finish(0x1234, FLAGS)
    assert.deepEqual(
      memory.slice(20, 20 + size),
      write(400, QUESTION, (to) => to.address4(5, 0x0a000002)),
    )
  })

  it('begins anew, also where the message before was not finished', () => {
    const memory = new Uint8Array(512)
    writer.begin(new DataView(memory.buffer), memory, 0, 512)
    writer.edns(1232, true, 0)
    writer.nextSection()
    assert.equal(write(512, QUESTION, () => {}).length, QUESTION_SIZE)
  })

  it('writes more names than it can refer to', () => {
    const names = Array.from({ length: 300 }, (_, index) => `host-${index}.net-${index}`)
    const bytes = write(16_000, question('a.b', dns.TYPE_PTR), (to) => {
      for (const name of names) assert.ok(pointTo(to, name))
      assert.ok(pointTo(to, 'host-1.net-1'))
    })
    const data = decode(bytes).answers?.map((answer) => 'data' in answer && answer.data)
    assert.deepEqual(data, [...names, 'host-1.net-1'])
    assert.equal(parseMessage(bytes)?.answers.at(-1)?.rdataLength, 2)
  })

  it('does not follow a loop in a question', () => {
    const bytes = write(512, hex('0000 0100 0001 0000 0000 0000 0161 c00e 000c 0001'), (to) => {
      assert.ok(pointTo(to, 'a.b'))
    })
    assert.deepEqual(bytes.slice(-5), hex('0161 0162 00'))
  })

  it('takes its records back', () => {
    const bytes = write(512, QUESTION, (to) => {
      to.edns(1232, false, 0)
      serve(to, 80, 'api.front')
      to.nextSection()
      to.address4(5, 1)
      to.clearRecords()
      assert.deepEqual([to.answers, to.authorities, to.additionals], [0, 0, 0])
      // Not compressed against the target that is no more.
      pointTo(to, 'api.front')
      to.address6(5, 1, 2, 3, 4)
    })
    const message = parseMessage(bytes)
    assert.deepEqual(
      message?.answers.map(({ type, data }) => [type, data]),
      [
        [dns.TYPE_PTR, 'api.front.'],
        [dns.TYPE_AAAA, '0:1:0:2:0:3:0:4'],
      ],
    )
    assert.deepEqual([message?.authorities.length, message?.additionals.length], [0, 1])
  })
})

describe('the limit of DnsWriter', () => {
  const additions: [what: string, size: number, add: (to: DnsWriter) => boolean][] = [
    ['address4', 16, (to) => to.address4(5, 1)],
    ['address6', 28, (to) => to.address6(5, 1, 2, 3, 4)],
    ['pointer', 12 + 11, (to) => pointTo(to, 'api.other')],
    ['pointer, compressed', 12 + 6, (to) => pointTo(to, 'api.front')],
    ['service', 12 + 6 + 11, (to) => serve(to, 80, 'api.front')],
    ['edns', 11, (to) => to.edns(1232, false, 0)],
  ]
  for (const [what, size, add] of additions) {
    it(`is kept to the byte by ${what}`, () => {
      const fits = QUESTION_SIZE + size
      assert.equal(write(fits, QUESTION, (to) => assert.equal(add(to), true)).length, fits)
      assert.equal(write(fits - 1, QUESTION, (to) => assert.equal(add(to), false)).length, QUESTION_SIZE)
      if (what === 'edns') return
      // OPT has its room, whatever comes behind it.
      const withEdns = (limit: number, expected: boolean): Uint8Array =>
        write(limit, QUESTION, (to) => {
          assert.ok(to.edns(1232, false, 0))
          assert.equal(add(to), expected)
        })
      assert.equal(withEdns(fits + 11, true).length, fits + 11)
      assert.equal(withEdns(fits + 10, false).length, QUESTION_SIZE + 11)
    })
  }

  it('is kept by the question', () => {
    const added: boolean[] = []
    const memory = new Uint8Array(100)
    const view = new DataView(memory.buffer)
    const source = new DataView(QUESTION.buffer)
    for (const limit of [QUESTION_SIZE - 1, QUESTION_SIZE]) {
      writer.begin(view, memory, 0, limit)
      added.push(writer.copyQuestion(source, 12, QUESTION.length))
    }
    assert.deepEqual(added, [false, true])
  })
})

describe('DnsWriter beyond what pointers reach', () => {
  it('writes a name that is too far behind once more', () => {
    let services = 0
    const bytes = write(65_535, question('_80._tcp.web', dns.TYPE_SRV), (to) => {
      while (serve(to, 80, `host-${services}.front`)) {
        services++
        const { nameOffset } = to
        if (!to.address4(5, services, nameOffset)) break
      }
    })
    const { answers = [] } = decode(bytes)
    assert.ok(services > 1000)
    for (const [index, answer] of answers.entries()) {
      if (answer.type === 'A') assert.equal(answer.name, `host-${(index - 1) / 2}.front`)
    }
  })

  it('does not compress against it', () => {
    const bytes = write(65_535, question('a.b', dns.TYPE_PTR), (to) => {
      for (let i = 0; i < 1200; i++) assert.ok(to.address4(5, i))
      assert.ok(pointTo(to, 'far.away'))
      assert.ok(pointTo(to, 'far.away'))
      assert.ok(pointTo(to, 'far.b'))
    })
    const data = parseMessage(bytes)
      ?.answers.slice(-3)
      .map((record) => [record.data, record.rdataLength])
    assert.deepEqual(data, [
      ['far.away.', 10],
      ['far.away.', 10],
      ['far.b.', 6],
    ])
  })
})

describe('DnsWriter and dns-packet', () => {
  const word = fc.integer({ min: -0x80000000, max: 0x7fffffff })
  const ttl = fc.nat(0x7fffffff)
  type Step =
    | { kind: 'A'; ttl: number; words: number[]; target: boolean }
    | { kind: 'AAAA'; ttl: number; words: number[]; target: boolean }
    | { kind: 'PTR'; name: string }
    | { kind: 'SRV'; name: string; port: number }
    | { kind: 'section' }
  const words = fc.array(word, { minLength: 4, maxLength: 4 })
  const step: fc.Arbitrary<Step> = fc.oneof(
    fc.record({ kind: fc.constantFrom('A' as const, 'AAAA' as const), ttl, words, target: fc.boolean() }),
    fc.record({ kind: fc.constant('PTR' as const), name: plainName }),
    fc.record({ kind: fc.constant('SRV' as const), name: plainName, port: fc.nat(0xffff) }),
    fc.record({ kind: fc.constant('section' as const) }),
  )
  const limits = fc.oneof(fc.integer({ min: 300, max: 900 }), fc.constant(16_000))

  /** What has been added, section by section, as dns-packet is to read it. */
  type Expected = { type: string; name: string; data: unknown }[][]

  it('read and write the same', () => {
    fc.assert(
      fc.property(
        plainName,
        fc.array(step, { maxLength: 40 }),
        limits,
        fc.boolean(),
        (asked, steps, limit, edns) => {
          const expected: Expected = [[], [], []]
          const bytes = write(limit, question(asked, dns.TYPE_ANY), (to) => {
            if (edns) assert.ok(to.edns(1232, false, 0))
            addAll(to, asked, steps, expected)
          })
          const message = decode(bytes)
          assert.deepEqual(message.questions?.[0]?.name, asked)
          assert.deepEqual([message.answers, message.authorities, withoutEdns(message)].map(plain), expected)
          assert.equal(message.additionals?.length, expected[2]!.length + Number(edns))
          assert.equal(parseMessage(bytes)?.answers.length, expected[0]!.length)
        },
      ),
      { numRuns: 300 },
    )
  })

  function addAll(to: DnsWriter, asked: string, steps: readonly Step[], expected: Expected): void {
    let section = 0
    let target = asked
    for (const step of steps) {
      if (step.kind === 'section') {
        to.nextSection()
        section = Math.min(section + 1, 2)
      } else if (step.kind === 'PTR' || step.kind === 'SRV') {
        const added = step.kind === 'PTR' ? pointTo(to, step.name) : serve(to, step.port, step.name)
        if (!added) continue
        target = step.name
        const data =
          step.kind === 'PTR' ? target : { priority: 0, weight: 0, port: step.port, target: step.name }
        expected[section]!.push({ type: step.kind, name: asked, data })
      } else {
        const [a = 0, b = 0, c = 0, d = 0] = step.words
        const owner = step.target ? to.nameOffset : 12
        const isIpv4 = step.kind === 'A'
        if (!(isIpv4 ? to.address4(step.ttl, a, owner) : to.address6(step.ttl, a, b, c, d, owner))) continue
        const data = isIpv4 ? formatIpv4(a) : [a, b, c, d]
        expected[section]!.push({ type: step.kind, name: step.target ? target : asked, data })
      }
    }
  }

  const withoutEdns = (message: packet.DecodedPacket): packet.Answer[] =>
    (message.additionals ?? []).filter((answer) => answer.type !== 'OPT')

  const plain = (answers: packet.Answer[] | undefined): Expected[number] =>
    (answers ?? []).map((answer) => {
      assert.ok('data' in answer)
      const data = answer.type === 'AAAA' ? ipv6Words(answer.data) : answer.data
      return { type: answer.type, name: answer.name, data }
    })

  function ipv6Words(text: string): number[] {
    const bytes = parseIpv6(text)
    assert.ok(bytes !== undefined)
    const view = new DataView(bytes.buffer, bytes.byteOffset)
    return [0, 4, 8, 12].map((at) => view.getInt32(at))
  }
})
