import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { FLAG_TC } from '../../src/wire/dns.ts'
import { addressRecord, DnsOutside, type Reply, reply, type Sent } from '../support/dns-outside.ts'

const replies: readonly Reply[] = [
  { answers: [addressRecord('203.0.113.5', 2)] },
  { answers: [addressRecord('203.0.113.5', 0)] },
  { rcode: 3 },
  { rcode: 2 },
  { rcode: 5 },
  { rcode: 1 },
  { flags: FLAG_TC },
]

type Step = (outside: DnsOutside, tickets: number[]) => void

/** One of the sockets that are open. */
const onOpen = (pick: number, act: (outside: DnsOutside, sent: Sent) => void): Step => {
  return (outside) => {
    const open = [...outside.open.values()]
    const sent = open[pick % Math.max(1, open.length)]
    if (sent !== undefined) act(outside, sent)
  }
}

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .record({ name: fc.constantFrom('a', 'b', 'C', 'c'), resolver: fc.nat(3), group: fc.nat(1) })
      .map(
        (question): Step =>
          (outside, tickets) =>
            tickets.push(outside.ask(question)),
      ),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.nat(50), fc.constantFrom(...replies))
      .map(([pick, contents]) =>
        onOpen(pick, (outside, sent) => outside.receive(sent, reply(sent, contents))),
      ),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.nat(50), fc.constantFrom('refused', 'unreachable', 'closed', 'local'))
      .map(([pick, reason]) => onOpen(pick, (outside, sent) => outside.fail(sent, reason))),
  },
  {
    weight: 1,
    // In lower case: of a server that does not keep the spelling.
    arbitrary: fc.nat(50).map((pick) =>
      onOpen(pick, (outside, sent) => {
        const message = reply(sent, replies[0])
        message[13]! |= 0x20
        outside.receive(sent, message)
      }),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.nat(5000).map(
      (ms): Step =>
        (outside) =>
          outside.wait(ms),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Step>(
      (outside) => outside.setGroup(1, '198.51.100.1'),
      (outside) => outside.setGroup(1, '198.51.100.2', '198.51.100.1'),
      (outside) => outside.setGroup(1),
      (outside) => outside.removeGroup(1),
      (outside) => outside.forwarder.flushCache(),
    ),
  },
)

describe('DnsForwarder: whatever happens', () => {
  it('answers each question once, in its time, and leaves no socket open', () => {
    const verdicts = new Map<string, number>()
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: 'max' }), fc.nat(), (steps, seed) => {
        const outside = new DnsOutside({ waiting: 6, waitingPerResolver: 3, cacheEntries: 3 }, seed)
        const tickets: number[] = []
        for (const act of steps) act(outside, tickets)
        const { waiting, cache } = outside.forwarder.stats()
        assert.equal(waiting, tickets.filter((ticket) => outside.waits(ticket)).length)
        assert.ok(waiting <= 6 && cache.entries <= 3)
        assert.equal(outside.forwarder.nextTimeoutMs() === undefined, waiting === 0)
        outside.wait(12_500)
        for (const ticket of tickets) {
          const { verdict } = outside.answered(ticket)
          verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1)
        }
        assert.equal(outside.open.size, 0)
        assert.equal(outside.forwarder.stats().waiting, 0)
      }),
      { numRuns: 400 },
    )
    assert.deepEqual([...verdicts.keys()].sort(), ['cached', 'failed', 'forwarded', 'refused'])
  })
})
