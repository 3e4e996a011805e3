import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  DNS_REJECTED_MAX,
  DNS_SERVER_HABIT_MS,
  DNS_SERVER_SILENT_MS,
  DNS_SERVER_TIMEOUT_MS,
} from '../../src/limits.ts'
import { FLAG_AD, FLAG_CD, FLAG_QR, FLAG_RD, FLAG_TC, HEADER_SIZE, TYPE_AAAA } from '../../src/wire/dns.ts'
import { parseMessage } from '../../src/wire/dns-message.ts'
import { addressRecord, DnsOutside, opt, reply, type Sent, startOfAuthority } from '../support/dns-outside.ts'

const FORMERR = 1
const SERVFAIL = 2
const NXDOMAIN = 3
const NOTIMP = 4
const REFUSED = 5

const good = (sent: Sent, data = '203.0.113.5'): Uint8Array => reply(sent, { answers: [addressRecord(data)] })

/** The question as it was sent, header and OPT included. */
const parsed = (sent: Sent) => parseMessage(sent.message)!

/** The question in lower case, as a server has it that does not keep its spelling. */
function lowered(message: Uint8Array): Uint8Array {
  const text = Buffer.from(message)
  const end = text.indexOf(0, HEADER_SIZE)
  return Uint8Array.from(message, (byte, i) =>
    i >= HEADER_SIZE && i < end && byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte,
  )
}

const changed = (message: Uint8Array, at: number, change: (byte: number) => number): Uint8Array =>
  message.map((byte, i) => (i === at ? change(byte) & 0xff : byte))

describe('DnsForwarder: what it asks', () => {
  it('asks the first server by UDP, afresh, and hands its answer on', () => {
    const outside = new DnsOutside()
    const ticket = outside.ask({ name: 'web.example', id: 0x1234 })
    assert.deepEqual(outside.way, ['1 udp'])
    const query = parsed(outside.last)
    assert.equal(query.flags, FLAG_RD | FLAG_AD)
    assert.equal(query.questions[0]!.name.toLowerCase(), 'web.example')
    assert.equal(query.additionals[0]!.type, 41)
    assert.equal(query.additionals[0]!.class, 1232)
    assert.equal(query.additionals[0]!.ttl, 0)
    outside.receive(outside.last, good(outside.last))
    assert.equal(outside.told(ticket), 'forwarded NOERROR 203.0.113.5')
    assert.deepEqual(outside.answered(ticket).server, { address: '192.0.2.1', port: 53 })
    assert.equal(outside.open.size, 0)
    assert.equal(outside.forwarder.nextTimeoutMs(), undefined)
  })

  it('hands CD and DO on, and nothing else of the message', () => {
    const outside = new DnsOutside()
    outside.ask({ flags: FLAG_CD, edns: { udpSize: 512, dnssecOk: true } })
    const query = parsed(outside.last)
    assert.equal(query.flags, FLAG_RD | FLAG_AD | FLAG_CD)
    assert.equal(query.additionals[0]!.class, 1232)
    assert.equal(query.additionals[0]!.ttl, 0x8000)
  })

  it('has another id and another spelling each time', () => {
    const outside = new DnsOutside()
    const name = 'a-name-with-many-letters.example'
    const queries = Array.from({ length: 64 }, () => {
      const ticket = outside.ask({ name })
      const query = outside.last
      outside.receive(query, reply(query, { answers: [addressRecord('203.0.113.5', 0, name)] }))
      assert.equal(outside.told(ticket), 'forwarded NOERROR 203.0.113.5')
      return parsed(query)
    })
    const spellings = queries.map(({ questions }) => questions[0]!.name)
    assert.equal(new Set(spellings).size, 64)
    assert.ok(spellings.every((spelling) => spelling.toLowerCase() === name))
    assert.ok(new Set(queries.map(({ id }) => id)).size > 60)
    // Each letter is spelled either way.
    for (let i = 0; i < name.length; i++) {
      const ways = new Set(spellings.map((spelling) => spelling[i])).size
      assert.equal(ways, /[a-z]/.test(name[i]!) ? 2 : 1)
    }
  })

  it('answers FORMERR to what is no question, and SERVFAIL for a group that is not there or has no server', () => {
    const outside = new DnsOutside()
    assert.equal(outside.told(outside.askBytes(Uint8Array.of(7, 8, 9))), 'failed FORMERR')
    assert.equal(outside.told(outside.ask({ group: 9 })), 'failed SERVFAIL')
    outside.setGroup(9)
    assert.equal(outside.told(outside.ask({ group: 9 })), 'failed SERVFAIL')
    assert.deepEqual(outside.way, [])
  })
})

describe('DnsForwarder: what it believes', () => {
  it('goes on waiting when an answer has a wrong id, question, type, class, or is none', () => {
    const outside = new DnsOutside()
    const ticket = outside.ask({ name: 'web.example' })
    const sent = outside.last
    const answer = good(sent)
    const nameEnd = HEADER_SIZE + 'web.example'.length + 2
    const wrong = [
      changed(answer, 0, (byte) => byte + 1),
      changed(answer, 1, (byte) => byte + 1),
      changed(answer, 2, (byte) => byte & 0x7f),
      changed(answer, 2, (byte) => byte | 0x08),
      changed(answer, 5, () => 0),
      changed(answer, 5, () => 2),
      changed(answer, HEADER_SIZE + 5, (byte) => byte + 1),
      changed(answer, nameEnd + 1, () => TYPE_AAAA),
      changed(answer, nameEnd + 3, () => 3),
      answer.slice(0, nameEnd + 3),
      answer.slice(0, 11),
      new Uint8Array(),
      new Uint8Array(70_000).fill(FLAG_QR >> 8),
    ]
    for (const [i, message] of wrong.entries()) {
      outside.receive(sent, message)
      assert.equal(outside.forwarder.stats().servers[0]!.rejected, i + 1)
    }
    assert.ok(outside.waits(ticket))
    outside.receive(sent, answer)
    assert.equal(outside.told(ticket), 'forwarded NOERROR 203.0.113.5')
    assert.deepEqual(outside.way, ['1 udp'])
  })

  it('asks by TCP where much comes that is no answer', () => {
    const outside = new DnsOutside()
    const ticket = outside.ask()
    const sent = outside.last
    for (let guess = 1; guess <= DNS_REJECTED_MAX; guess++) {
      assert.deepEqual(outside.way, ['1 udp'])
      outside.receive(
        sent,
        changed(good(sent, '203.0.113.66'), 1, (byte) => byte + guess),
      )
    }
    assert.deepEqual(outside.way, ['1 udp', '1 tcp'])
    outside.receive(sent, good(sent, '203.0.113.66'))
    assert.ok(outside.waits(ticket))
    outside.receive(outside.last, good(outside.last))
    assert.equal(outside.told(ticket), 'forwarded NOERROR 203.0.113.5')
    assert.equal(outside.open.size, 0)
  })

  it('goes to the next server where one says by TCP what is no answer', () => {
    for (const nonsense of [new Uint8Array(), Uint8Array.of(1, 2, 3)]) {
      const outside = new DnsOutside()
      const ticket = outside.ask()
      outside.receive(outside.last, reply(outside.last, { flags: FLAG_TC }))
      outside.receive(outside.last, nonsense)
      assert.deepEqual(outside.way, ['1 udp', '1 tcp', '2 udp'])
      outside.receive(outside.last, good(outside.last))
      assert.equal(outside.told(ticket), 'forwarded NOERROR 203.0.113.5')
      assert.equal(outside.forwarder.stats().servers[0]!.rejected, 1)
      assert.equal(outside.open.size, 0)
    }
  })

  it('ignores what comes when the exchange is over', () => {
    const outside = new DnsOutside()
    outside.ask()
    const sent = outside.last
    outside.receive(sent, good(sent))
    outside.receive(sent, good(sent, '203.0.113.66'))
    outside.forwarder.failed(outside.nowMs, sent.exchange, 'closed')
    assert.equal(outside.told(outside.ask()), 'cached NOERROR 203.0.113.5')
    assert.equal(outside.forwarder.stats().servers[0]!.answered, 1)
  })

  it('asks by TCP who changes the spelling, and believes it for a while if it does so there', () => {
    const outside = new DnsOutside()
    const first = outside.ask({ name: 'a.spelling.example' })
    outside.receive(outside.last, lowered(good(outside.last, '203.0.113.66')))
    assert.ok(outside.waits(first))
    assert.deepEqual(outside.way, ['1 udp', '1 tcp'])
    assert.equal(outside.open.size, 1)
    outside.receive(outside.last, lowered(good(outside.last)))
    assert.equal(outside.told(first), 'forwarded NOERROR 203.0.113.5')

    const second = outside.ask({ name: 'B.spelling.example' })
    assert.equal(parsed(outside.last).questions[0]!.name, 'B.spelling.example')
    outside.receive(outside.last, lowered(good(outside.last)))
    assert.equal(outside.told(second), 'forwarded NOERROR 203.0.113.5')
    assert.deepEqual(outside.way, ['1 udp', '1 tcp', '1 udp'])

    outside.wait(DNS_SERVER_HABIT_MS)
    outside.ask({ name: 'c.spelling.example' })
    outside.receive(outside.last, lowered(good(outside.last)))
    assert.equal(outside.last.transport, 'tcp')
  })

  it('does not let a forged answer switch the random spelling off', () => {
    const outside = new DnsOutside()
    const ticket = outside.ask({ name: 'a.spelling.example' })
    outside.receive(outside.last, lowered(good(outside.last, '203.0.113.66')))
    outside.receive(outside.last, good(outside.last))
    assert.equal(outside.told(ticket), 'forwarded NOERROR 203.0.113.5')
    outside.ask({ name: 'b.spelling.example' })
    outside.receive(outside.last, lowered(good(outside.last, '203.0.113.66')))
    assert.equal(outside.last.transport, 'tcp')
    assert.equal(outside.forwarder.stats().servers[0]!.rejected, 2)
  })

  it('asks by TCP for what was truncated', () => {
    const outside = new DnsOutside()
    const ticket = outside.ask()
    outside.receive(outside.last, reply(outside.last, { flags: FLAG_TC }))
    assert.deepEqual(outside.way, ['1 udp', '1 tcp'])
    outside.receive(outside.last, good(outside.last))
    assert.equal(outside.told(ticket), 'forwarded NOERROR 203.0.113.5')
    assert.equal(outside.open.size, 0)
  })

  it('goes to the next server where TCP gives nothing', () => {
    const outside = new DnsOutside()
    const ticket = outside.ask()
    outside.receive(outside.last, reply(outside.last, { flags: FLAG_TC }))
    outside.fail(outside.last, 'closed')
    outside.receive(outside.last, reply(outside.last, { flags: FLAG_TC }))
    outside.receive(outside.last, reply(outside.last, { flags: FLAG_TC }))
    assert.deepEqual(outside.way, ['1 udp', '1 tcp', '2 udp', '2 tcp'])
    assert.equal(outside.told(ticket), 'failed SERVFAIL')
  })

  for (const [rcode, how] of [
    [FORMERR, 'FORMERR'],
    [NOTIMP, 'NOTIMP'],
  ] as const) {
    it(`asks an old server that says ${how} without EDNS, and remembers it for a while`, () => {
      const outside = new DnsOutside()
      const ticket = outside.ask({ edns: { udpSize: 1232, dnssecOk: true } })
      outside.receive(outside.last, reply(outside.last, { rcode }))
      const query = parsed(outside.last)
      assert.equal(query.additionals.length, 0)
      assert.equal(query.flags, FLAG_RD)
      outside.receive(outside.last, good(outside.last))
      assert.equal(outside.told(ticket), 'forwarded NOERROR 203.0.113.5')
      outside.ask({ name: 'b.example' })
      assert.equal(parsed(outside.last).additionals.length, 0)
      outside.receive(outside.last, good(outside.last))
      outside.wait(DNS_SERVER_HABIT_MS)
      outside.ask({ name: 'c.example' })
      assert.equal(parsed(outside.last).additionals.length, 1)
    })
  }

  it('takes an error without the question, as old servers send it', () => {
    const outside = new DnsOutside()
    const ticket = outside.ask()
    const header = reply(outside.last, { rcode: FORMERR }).slice(0, HEADER_SIZE)
    outside.receive(
      outside.last,
      changed(header, 5, () => 0),
    )
    assert.equal(parsed(outside.last).additionals.length, 0)
    outside.receive(outside.last, reply(outside.last, { rcode: FORMERR }))
    assert.deepEqual(outside.way, ['1 udp', '1 udp', '2 udp'])
    assert.equal(parsed(outside.last).additionals.length, 1)
    outside.receive(outside.last, good(outside.last))
    assert.equal(outside.told(ticket), 'forwarded NOERROR 203.0.113.5')
    // It has not answered without EDNS, either: that is not what it lacks.
    outside.ask({ name: 'b.example' })
    assert.equal(parsed(outside.last).additionals.length, 1)
  })
})

describe('DnsForwarder: one server after the other', () => {
  it('asks the next one for SERVFAIL, REFUSED, an extended error, nonsense and errors of the network', () => {
    const ends: readonly ((outside: DnsOutside, sent: Sent) => void)[] = [
      (outside, sent) => outside.receive(sent, reply(sent, { rcode: SERVFAIL })),
      (outside, sent) => outside.receive(sent, reply(sent, { rcode: REFUSED })),
      (outside, sent) => outside.receive(sent, reply(sent, { additionals: [opt(1)] })),
      (outside, sent) => outside.receive(sent, good(sent).slice(0, -1)),
      (outside, sent) => outside.fail(sent, 'refused'),
      (outside, sent) => outside.fail(sent, 'unreachable'),
      (outside, sent) => outside.fail(sent, 'closed'),
      (outside, sent) => outside.fail(sent, 'local'),
    ]
    for (const end of ends) {
      const outside = new DnsOutside()
      const ticket = outside.ask()
      end(outside, outside.last)
      assert.deepEqual(outside.way, ['1 udp', '2 udp'])
      outside.receive(outside.last, good(outside.last))
      assert.equal(outside.told(ticket), 'forwarded NOERROR 203.0.113.5')
      assert.equal(outside.answered(ticket).server!.address, '192.0.2.2')
      assert.equal(outside.forwarder.stats().servers[0]!.failures, 1)
    }
  })

  it('takes NXDOMAIN and an empty answer for final', () => {
    for (const contents of [{ rcode: NXDOMAIN }, {}]) {
      const outside = new DnsOutside()
      const ticket = outside.ask()
      outside.receive(outside.last, reply(outside.last, contents))
      assert.equal(
        outside.told(ticket),
        contents.rcode === NXDOMAIN ? 'forwarded NXDOMAIN' : 'forwarded NOERROR',
      )
    }
  })

  it('answers SERVFAIL when all have failed, remembers that for a second, and asks again', () => {
    const outside = new DnsOutside()
    const ticket = outside.ask()
    outside.receive(outside.last, reply(outside.last, { rcode: REFUSED }))
    outside.receive(outside.last, reply(outside.last, { rcode: SERVFAIL }))
    assert.equal(outside.told(ticket), 'failed SERVFAIL')
    assert.equal(outside.answered(ticket).server, undefined)
    outside.wait(999)
    assert.equal(outside.told(outside.ask()), 'failed SERVFAIL')
    assert.equal(outside.sent.length, 2)
    outside.wait(1)
    const again = outside.ask()
    outside.receive(outside.last, good(outside.last))
    assert.equal(outside.told(again), 'forwarded NOERROR 203.0.113.5')
  })

  it('gives each server its time, and three of them no more than there is in all', () => {
    const outside = new DnsOutside()
    outside.setGroup(0, '192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4')
    const ticket = outside.ask()
    outside.wait(DNS_SERVER_TIMEOUT_MS - 1)
    assert.deepEqual(outside.way, ['1 udp'])
    outside.wait(1)
    assert.deepEqual(outside.way, ['1 udp', '2 udp'])
    outside.wait(DNS_SERVER_TIMEOUT_MS - 1)
    outside.receive(outside.last, reply(outside.last, { flags: FLAG_TC }))
    outside.wait(DNS_SERVER_TIMEOUT_MS)
    assert.deepEqual(outside.way, ['1 udp', '2 udp', '2 tcp', '3 udp'])
    // 12.5 s in all, of which 11.999 are gone.
    outside.wait(500)
    assert.ok(outside.waits(ticket))
    outside.wait(1)
    assert.equal(outside.told(ticket), 'failed SERVFAIL')
    assert.equal(outside.open.size, 0)
    assert.deepEqual(
      outside.forwarder.stats().servers.map(({ timeouts }) => timeouts),
      [1, 1, 1],
    )
    // The third one had half a second, which says nothing of it.
    outside.ask({ name: 'b.example' })
    assert.equal(outside.last.server.address, '192.0.2.3')
  })

  it('asks nobody when the time is over', () => {
    const outside = new DnsOutside()
    outside.setGroup(0, '192.0.2.1', '192.0.2.2', '192.0.2.3')
    const ticket = outside.ask()
    for (const _ of [1, 2]) {
      outside.wait(DNS_SERVER_TIMEOUT_MS - 1)
      outside.receive(outside.last, reply(outside.last, { flags: FLAG_TC }))
      outside.wait(DNS_SERVER_TIMEOUT_MS)
    }
    assert.deepEqual(outside.way, ['1 udp', '1 tcp', '2 udp', '2 tcp'])
    assert.equal(outside.told(ticket), 'failed SERVFAIL')
  })

  it('accepts the answer of a server that had its time, as long as no other has answered', () => {
    const outside = new DnsOutside()
    const ticket = outside.ask()
    const first = outside.last
    outside.wait(DNS_SERVER_TIMEOUT_MS)
    const second = outside.last
    assert.equal(outside.open.size, 2)
    outside.wait(100)
    outside.receive(first, good(first, '203.0.113.1'))
    assert.equal(outside.told(ticket), 'forwarded NOERROR 203.0.113.1')
    assert.equal(outside.open.size, 0)
    outside.receive(second, good(second, '203.0.113.2'))
    assert.equal(outside.told(outside.ask()), 'cached NOERROR 203.0.113.1')
    // Who is that slow is still asked last.
    outside.ask({ name: 'b.example' })
    assert.equal(outside.last.server.address, '192.0.2.2')
  })

  it('does not let what else comes from it disturb the next one', () => {
    for (const contents of [{ rcode: SERVFAIL }, { flags: FLAG_TC }, { rcode: FORMERR }]) {
      const outside = new DnsOutside()
      const ticket = outside.ask()
      const first = outside.last
      outside.wait(DNS_SERVER_TIMEOUT_MS)
      outside.receive(first, reply(first, contents))
      assert.deepEqual(outside.way, ['1 udp', '2 udp'])
      assert.ok(outside.waits(ticket))
      outside.receive(outside.last, good(outside.last))
      assert.equal(outside.told(ticket), 'forwarded NOERROR 203.0.113.5')
    }
  })

  it('waits for a dead first server once, and then now and then with one question', () => {
    const outside = new DnsOutside()
    outside.ask()
    outside.wait(DNS_SERVER_TIMEOUT_MS)
    outside.receive(outside.last, good(outside.last))
    for (let i = 0; i < 20; i++) {
      outside.ask({ name: `name-${i}.example` })
      assert.equal(outside.last.server.address, '192.0.2.2')
      outside.receive(outside.last, good(outside.last))
    }
    outside.wait(DNS_SERVER_SILENT_MS)
    outside.ask({ name: 'try.example' })
    assert.equal(outside.last.server.address, '192.0.2.1')
    const tried = outside.last
    outside.ask({ name: 'meanwhile.example' })
    assert.equal(outside.last.server.address, '192.0.2.2')
    // It is back.
    outside.receive(tried, good(tried))
    outside.ask({ name: 'after.example' })
    assert.equal(outside.last.server.address, '192.0.2.1')
  })

  it('goes on asking a server that has answered other questions meanwhile', () => {
    const outside = new DnsOutside()
    const slow = outside.ask({ name: 'slow.example' })
    outside.wait(1)
    outside.ask({ name: 'other.example' })
    outside.receive(outside.last, good(outside.last))
    outside.wait(DNS_SERVER_TIMEOUT_MS)
    assert.deepEqual(outside.way, ['1 udp', '1 udp', '2 udp'])
    outside.receive(outside.last, good(outside.last))
    assert.equal(outside.told(slow), 'forwarded NOERROR 203.0.113.5')
    outside.ask({ name: 'internal.example' })
    assert.equal(outside.last.server.address, '192.0.2.1')
    assert.equal(outside.forwarder.stats().servers[0]!.timeouts, 1)
    // This time it has not answered anybody.
    outside.wait(DNS_SERVER_TIMEOUT_MS)
    outside.ask({ name: 'another.example' })
    assert.equal(outside.last.server.address, '192.0.2.2')
  })

  it('asks a server last to which there is no way, but not one that refuses', () => {
    for (const [reason, next] of [
      ['unreachable', '192.0.2.2'],
      ['refused', '192.0.2.1'],
      ['closed', '192.0.2.1'],
      ['local', '192.0.2.1'],
    ] as const) {
      const outside = new DnsOutside()
      outside.ask()
      outside.fail(outside.last, reason)
      outside.ask({ name: 'b.example' })
      assert.equal(outside.last.server.address, next, reason)
    }
  })

  it('goes back at once to a server that is started again', () => {
    const outside = new DnsOutside()
    outside.setGroup(0, '192.0.2.1')
    outside.ask()
    outside.fail(outside.last, 'refused')
    outside.wait(1000)
    const ticket = outside.ask()
    outside.receive(outside.last, good(outside.last))
    assert.equal(outside.told(ticket), 'forwarded NOERROR 203.0.113.5')
  })

  it('asks all servers, also when all were silent', () => {
    const outside = new DnsOutside()
    for (const name of ['a.example', 'b.example']) {
      const ticket = outside.ask({ name })
      outside.wait(2 * DNS_SERVER_TIMEOUT_MS)
      assert.equal(outside.told(ticket), 'failed SERVFAIL')
    }
    assert.deepEqual(outside.way, ['1 udp', '2 udp', '1 udp', '2 udp'])
  })
})

describe('DnsForwarder: groups', () => {
  it('keeps what one group is told from the others', () => {
    const outside = new DnsOutside()
    outside.setGroup(5, '198.51.100.9')
    outside.ask()
    outside.receive(outside.last, good(outside.last))
    const ticket = outside.ask({ group: 5 })
    assert.equal(outside.last.server.address, '198.51.100.9')
    assert.equal(outside.last.group, 5)
    outside.receive(
      outside.last,
      reply(outside.last, { rcode: NXDOMAIN, authorities: [startOfAuthority(60, 60)] }),
    )
    assert.equal(outside.told(ticket), 'forwarded NXDOMAIN')
    assert.equal(outside.told(outside.ask()), 'cached NOERROR 203.0.113.5')
    assert.equal(outside.told(outside.ask({ group: 5 })), 'cached NXDOMAIN')
    assert.deepEqual(
      outside.forwarder.stats().servers.map(({ group, server, asked }) => [group, server.address, asked]),
      [
        [0, '192.0.2.1', 1],
        [0, '192.0.2.2', 0],
        [5, '198.51.100.9', 1],
      ],
    )
  })

  it('answers SERVFAIL to those who wait when a group goes, and forgets its answers', () => {
    const outside = new DnsOutside()
    outside.ask({ name: 'known.example' })
    outside.receive(outside.last, good(outside.last))
    const tickets = [outside.ask(), outside.ask({ resolver: 2 }), outside.ask({ name: 'b.example' })]
    outside.removeGroup(0)
    for (const ticket of tickets) assert.equal(outside.told(ticket), 'failed SERVFAIL')
    assert.equal(outside.open.size, 0)
    const { waiting, cache, servers } = outside.forwarder.stats()
    assert.deepEqual([waiting, cache.entries, cache.bytes, servers.length], [0, 0, 0, 0])
    outside.removeGroup(0)
    outside.setGroup(0, '192.0.2.1')
    outside.ask({ name: 'known.example' })
    assert.equal(outside.sent.length, 4)
  })

  it('asks other servers from now on, and believes nothing for long of what the old ones say', () => {
    const outside = new DnsOutside()
    outside.ask({ name: 'known.example' })
    outside.receive(outside.last, good(outside.last))
    outside.ask({ name: 'only-before.example' })
    const onlyBefore = outside.last
    const before = outside.ask()
    const old = outside.last
    outside.setGroup(0, '192.0.2.7')
    const after = outside.ask()
    assert.equal(outside.last.server.address, '192.0.2.7')
    outside.receive(onlyBefore, good(onlyBefore))
    outside.receive(old, good(old, '203.0.113.1'))
    outside.ask()
    assert.equal(outside.sent.length, 4, 'what is on its way to the new server is not shared')
    assert.equal(outside.told(before), 'forwarded NOERROR 203.0.113.1')
    assert.ok(outside.waits(after))
    outside.receive(outside.last, good(outside.last, '203.0.113.2'))
    assert.equal(outside.told(after), 'forwarded NOERROR 203.0.113.2')
    assert.equal(outside.told(outside.ask()), 'cached NOERROR 203.0.113.2')
    for (const name of ['known.example', 'only-before.example'])
      assert.ok(outside.waits(outside.ask({ name })))
  })

  it('keeps all that is known where the servers are the same', () => {
    const outside = new DnsOutside()
    outside.ask()
    outside.receive(outside.last, good(outside.last))
    outside.setGroup(0, '192.0.2.1', '192.0.2.2', '192.0.2.1')
    assert.equal(outside.told(outside.ask()), 'cached NOERROR 203.0.113.5')
    outside.setGroup(0, '192.0.2.2', '192.0.2.1')
    assert.equal(outside.forwarder.stats().servers[1]!.answered, 1)
  })

  it('knows how long a server takes to answer', () => {
    const outside = new DnsOutside()
    assert.equal(outside.forwarder.stats().servers[0]!.roundTripMs, undefined)
    outside.ask()
    outside.wait(80)
    outside.receive(outside.last, good(outside.last))
    assert.equal(outside.forwarder.stats().servers[0]!.roundTripMs, 80)
    outside.ask({ name: 'b.example' })
    outside.receive(outside.last, good(outside.last))
    assert.equal(outside.forwarder.stats().servers[0]!.roundTripMs, 70)
  })
})
