import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import {
  DNS_CACHE_ENTRIES_MAX,
  DNS_CACHE_PER_RESOLVER_MAX,
  DNS_CACHE_SIZE_MAX,
  DNS_FORWARDS_MAX,
  DNS_FORWARDS_PER_RESOLVER_MAX,
  DNS_SERVER_TIMEOUT_MS,
} from '../../src/limits.ts'
import { DnsForwarder } from '../../src/protocols/dns-forwarder.ts'
import { DnsWaiting } from '../../src/protocols/dns-waiting.ts'
import { composeQuery, parseMessage } from '../../src/wire/dns-message.ts'
import { addressRecord, DnsOutside, reply, startOfAuthority } from '../support/dns-outside.ts'
import { wireName } from '../support/dns-wire.ts'

const good = { answers: [addressRecord('203.0.113.5')] }

describe('DnsForwarder: questions that are the same', () => {
  it('are asked once, and answered to each as it has asked', () => {
    const outside = new DnsOutside()
    const edns = { udpSize: 1232 }
    const tickets = [
      outside.ask({ id: 1, name: 'web.example', resolver: 1 }),
      outside.ask({ id: 2, name: 'WEB.example', resolver: 2, edns, limit: 1232 }),
      outside.ask({ id: 1, name: 'web.example', resolver: 1 }),
    ]
    assert.equal(outside.sent.length, 1)
    outside.receive(outside.last, reply(outside.last, good))
    const answers = tickets.map((ticket) => parseMessage(outside.answered(ticket).message)!)
    assert.deepEqual(
      answers.map(({ id, questions, additionals }) => [id, questions[0]!.name, additionals.length]),
      [
        [1, 'web.example', 0],
        [2, 'WEB.example', 1],
        [1, 'web.example', 0],
      ],
    )
    assert.equal(outside.forwarder.stats().waiting, 0)
  })

  it('fit each its own limit', () => {
    const outside = new DnsOutside()
    const small = outside.ask({ limit: 512 })
    const large = outside.ask({ limit: 65_535 })
    const answers = Array.from({ length: 30 }, (_, i) => addressRecord(`203.0.113.${i}`))
    outside.receive(outside.last, reply(outside.last, { answers }))
    assert.equal(parseMessage(outside.answered(small).message)!.answers.length, 0)
    assert.equal(parseMessage(outside.answered(large).message)!.answers.length, 30)
  })

  it('are asked anew in another group, of another type, with DO', () => {
    const outside = new DnsOutside()
    outside.setGroup(1, '192.0.2.9')
    outside.ask()
    outside.ask({ group: 1 })
    outside.ask({ type: 28 })
    outside.ask({ edns: { udpSize: 1232, dnssecOk: true } })
    assert.equal(outside.sent.length, 4)
  })
})

describe('DnsForwarder: quotas', () => {
  it('refuses more questions of one resolver than it may have waiting, and no others', () => {
    const outside = new DnsOutside()
    for (let i = 0; i < DNS_FORWARDS_PER_RESOLVER_MAX; i++) {
      assert.ok(outside.waits(outside.ask({ name: `n${i}.example` })))
    }
    assert.equal(outside.told(outside.ask({ name: 'more.example' })), 'refused REFUSED')
    // Also one that is on its way already.
    assert.equal(outside.told(outside.ask({ name: 'n0.example' })), 'refused REFUSED')
    assert.ok(outside.waits(outside.ask({ name: 'n0.example', resolver: 2 })))
    assert.ok(outside.waits(outside.ask({ name: 'more.example', resolver: 2 })))
    outside.receive(outside.sent[0]!, reply(outside.sent[0]!, good))
    assert.ok(outside.waits(outside.ask({ name: 'room.example' })))
  })

  it('lets in who has few of all that wait, in the place of who has most', () => {
    const outside = new DnsOutside({ waiting: 16, waitingPerResolver: 8 })
    const flood = [1, 2].flatMap((resolver) =>
      Array.from({ length: 8 }, (_, i) => outside.ask({ resolver, name: `r${resolver}n${i}.example` })),
    )
    const ticket = outside.ask({ resolver: 3, name: 'quiet.example' })
    assert.ok(outside.waits(ticket))
    assert.equal(outside.told(flood[0]!), 'refused REFUSED')
    assert.equal(flood.filter((each) => !outside.waits(each)).length, 1)
    assert.equal(outside.forwarder.stats().waiting, 16)
    // Nobody waits for its lookup: its socket is closed.
    assert.equal(outside.open.size, 16)
    outside.receive(outside.last, reply(outside.last, good))
    assert.equal(outside.told(ticket), 'forwarded NOERROR 203.0.113.5')
  })

  it('does not end a lookup for which somebody else waits, nor the one that is joined', () => {
    const outside = new DnsOutside({ waiting: 2, waitingPerResolver: 2 })
    const shared = outside.ask({ resolver: 1, name: 'shared.example' })
    outside.ask({ resolver: 1, name: 'other.example' })
    // Takes the place of the first one, whose lookup it joins.
    const joined = outside.ask({ resolver: 2, name: 'shared.example' })
    assert.equal(outside.told(shared), 'refused REFUSED')
    assert.equal(outside.sent.length, 2)
    assert.equal(outside.open.size, 2)
    outside.receive(outside.sent[0]!, reply(outside.sent[0]!, good))
    assert.equal(outside.told(joined), 'forwarded NOERROR 203.0.113.5')
  })

  it('answers a neighbour amid 100,000 random names of one sandbox, within its memory', () => {
    const outside = new DnsOutside()
    const known = { name: 'known.example', resolver: 2 }
    outside.ask(known)
    outside.receive(outside.last, reply(outside.last, good))

    // The harness would keep all of them.
    const { forwarder, nowMs } = outside
    const flood = (from: number, to: number, isAnswered: boolean): void => {
      for (let i = from; i < to; i++) {
        const message = composeQuery({ id: i & 0xffff, name: wireName(`x${i}.flood.example`), type: 1 })
        forwarder.ask(nowMs, { ticket: 1_000_000 + i, resolver: 1, group: 0, message, limit: 512 })
        for (const action of forwarder.takeActions()) {
          if (action.kind !== 'send' || !isAnswered) continue
          const nothing = reply(action, { rcode: 3, authorities: [startOfAuthority(300, 300)] })
          forwarder.receive(nowMs, action.exchange, nothing)
        }
        forwarder.takeActions()
      }
    }
    flood(0, 3000, true)
    assert.equal(outside.told(outside.ask(known)), 'cached NOERROR 203.0.113.5')
    assert.equal(forwarder.stats().cache.entries, DNS_CACHE_PER_RESOLVER_MAX + 1)

    flood(3000, 100_000, false)
    assert.equal(forwarder.stats().waiting, DNS_FORWARDS_PER_RESOLVER_MAX)
    assert.equal(forwarder.stats().exchanges, DNS_FORWARDS_PER_RESOLVER_MAX)
    const message = composeQuery({ id: 1, name: wireName('other.example'), type: 1 })
    forwarder.ask(nowMs, { ticket: 1, resolver: 2, group: 0, message, limit: 512 })
    const [sent] = forwarder.takeActions()
    assert.ok(sent?.kind === 'send')
    forwarder.receive(nowMs, sent.exchange, reply(sent, good))
    assert.ok(
      forwarder.takeActions().some((action) => action.kind === 'answer' && action.verdict === 'forwarded'),
    )
  })

  it('has no more open than it may, and answers all, when many resolvers flood dead servers', () => {
    const forwarder = new DnsForwarder({ random: (size) => new Uint8Array(size) })
    const servers = [1, 2, 3].map((byte) => ({ address: `192.0.2.${byte}`, port: 53 }))
    forwarder.setGroup({ id: 0, servers })
    const open = new Set<number>()
    let [nowMs, asked, answered, most] = [0, 0, 0, 0]
    const act = (): void => {
      for (const action of forwarder.takeActions()) {
        if (action.kind === 'send') open.add(action.exchange)
        else if (action.kind === 'close') open.delete(action.exchange)
        else answered++
      }
      most = Math.max(most, open.size)
    }
    for (; nowMs < 20_000; nowMs += 100) {
      for (let i = 0; i < 200; i++) {
        const message = composeQuery({ id: 1, name: wireName(`x${++asked}.example`), type: 1 })
        forwarder.ask(nowMs, { ticket: asked, resolver: asked % 20, group: 0, message, limit: 512 })
        act()
      }
      forwarder.tick(nowMs)
      act()
      assert.ok(forwarder.stats().waiting <= DNS_FORWARDS_MAX)
    }
    assert.ok(most <= 3 * DNS_FORWARDS_MAX)
    for (let i = 0; i < 4; i++) {
      forwarder.tick((nowMs += DNS_SERVER_TIMEOUT_MS))
      act()
    }
    assert.equal(answered, asked)
    assert.equal(open.size, 0)
    const { waiting, cache } = forwarder.stats()
    assert.equal(waiting, 0)
    assert.ok(cache.entries <= DNS_CACHE_ENTRIES_MAX && cache.bytes <= DNS_CACHE_SIZE_MAX)
  })
})

describe('DnsWaiting', () => {
  it('admits as a list of all that wait would', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 8 }),
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.tuple(fc.nat(4), fc.integer({ min: -1, max: 9 })), { maxLength: 60 }),
        (waiting, waitingPerResolver, steps) => {
          const quotas = new DnsWaiting<{ resolver: number }>({ waiting, waitingPerResolver })
          let model: { resolver: number }[] = []
          const count = (resolver: number): number =>
            model.filter((each) => each.resolver === resolver).length
          for (const [resolver, leaver] of steps) {
            const leaves = model[leaver]
            if (leaves !== undefined) {
              quotas.remove(leaves)
              quotas.remove(leaves)
              model = model.filter((each) => each !== leaves)
              continue
            }
            const question = { resolver }
            const most = Math.max(0, ...model.map((each) => count(each.resolver)))
            const isFull = model.length === waiting
            const admission = quotas.admit(question)
            const isAdmitted = count(resolver) < waitingPerResolver && (!isFull || most > count(resolver) + 1)
            assert.equal(admission.isAdmitted, isAdmitted)
            if (!admission.isAdmitted) continue
            const { displaced } = admission
            assert.equal(displaced !== undefined, isFull)
            if (displaced !== undefined) {
              assert.equal(count(displaced.resolver), most)
              assert.equal(
                model.find((each) => each.resolver === displaced.resolver),
                displaced,
              )
            }
            model = [...model.filter((each) => each !== displaced), question]
            assert.equal(quotas.size, model.length)
          }
        },
      ),
    )
  })
})
