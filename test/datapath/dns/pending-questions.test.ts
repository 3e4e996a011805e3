/** Questions that wait, held against a list of them. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  ASKED_ALREADY,
  PendingQuestions,
  QUOTA_REACHED,
} from '../../../src/datapath/dns/pending-questions.ts'
import { DNS_FORWARDS_MAX, DNS_FORWARDS_PER_RESOLVER_MAX, DNS_PENDING_S } from '../../../src/limits.ts'
import type { HashChains } from '../../../src/tables/hash-chains.ts'

interface Waiting {
  readonly key: string
  readonly port: number
  readonly slot: number
  readonly deadlineS: number
  ticket: number | undefined
}

const ascending = (one: number, other: number): number => one - other
const message = (id: number, rest: number): Uint8Array => Uint8Array.of(id >> 8, id & 0xff, rest)

describe('PendingQuestions', () => {
  it('does what a list does', () => {
    const command = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({
          kind: fc.constant('add' as const),
          port: fc.nat(2),
          id: fc.nat(3),
          rest: fc.nat(1),
          client: fc.nat(1),
        }),
      },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('take' as const) }) },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('answer' as const), index: fc.nat(20) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('remove' as const), port: fc.nat(2) }) },
      {
        weight: 1,
        arbitrary: fc.record({ kind: fc.constant('pass' as const), seconds: fc.nat(DNS_PENDING_S) }),
      },
    )
    fc.assert(
      fc.property(fc.array(command, { maxLength: 60 }), fc.integer(), (commands, seed) => {
        const pending = new PendingQuestions(seed)
        let model: Waiting[] = []
        const tickets: number[] = []
        let nowS = 0
        for (const one of commands) {
          if (one.kind === 'add') {
            const { port, id, rest, client } = one
            const key = [port, id, rest, client].join()
            const slot = pending.add(port, port, client, 53, message(id, rest), 0, 3, nowS)
            if (model.some((waiting) => waiting.key === key)) assert.equal(slot, ASKED_ALREADY)
            else {
              assert.ok(slot >= 0 && model.every((waiting) => waiting.slot !== slot))
              model.push({ key, port, slot, deadlineS: nowS + DNS_PENDING_S, ticket: undefined })
            }
          } else if (one.kind === 'take') {
            const taken: [number, number][] = []
            pending.takeNew((slot, ticket) => taken.push([slot, ticket]))
            const fresh = model.filter(({ ticket }) => ticket === undefined)
            assert.deepEqual(
              taken.map(([slot]) => slot).toSorted(ascending),
              fresh.map(({ slot }) => slot).toSorted(ascending),
            )
            for (const [slot, ticket] of taken) {
              assert.ok(!tickets.includes(ticket), 'a ticket is given once')
              tickets.push(ticket)
              model.find((waiting) => waiting.slot === slot)!.ticket = ticket
            }
          } else if (one.kind === 'answer') {
            const ticket = tickets[one.index]
            if (ticket === undefined) continue
            const known = model.find((waiting) => waiting.ticket === ticket)
            assert.equal(pending.find(ticket), known?.slot ?? -1)
            if (known === undefined) continue
            pending.remove(known.slot)
            model = model.filter((waiting) => waiting !== known)
          } else if (one.kind === 'remove') {
            pending.removePort(one.port)
            model = model.filter(({ port }) => port !== one.port)
          } else {
            nowS += one.seconds
            for (let slot = pending.overdue(nowS, 0); slot >= 0; slot = pending.overdue(nowS, slot + 1)) {
              assert.ok(model.some((waiting) => waiting.slot === slot && waiting.deadlineS <= nowS))
              model = model.filter((waiting) => waiting.slot !== slot)
              pending.remove(slot)
            }
            assert.ok(one.seconds === 0 || model.every(({ deadlineS }) => deadlineS > nowS))
          }
          assert.equal(pending.size, model.length)
        }
      }),
      { numRuns: 60 },
    )
  })

  it('has room for so many', () => {
    const pending = new PendingQuestions(1)
    for (let index = 0; index < DNS_FORWARDS_MAX; index++) {
      assert.ok(pending.add(1, index, 1, 1, message(index, 0), 0, 3, 0) >= 0)
    }
    assert.equal(pending.add(1, DNS_FORWARDS_MAX, 1, 1, message(9999, 0), 0, 3, 0), QUOTA_REACHED)
    pending.removePort(1)
    assert.equal(pending.size, 0)
  })

  for (const floods of [8, 20, 100]) {
    it(`has room for others, though ${floods} resolvers ask for all there is`, () => {
      const pending = new PendingQuestions(1)
      for (let index = 0; index < 2 * DNS_FORWARDS_MAX; index++) {
        pending.add(1, index % floods, 1, 1, message(index, 0), 0, 3, 0)
      }
      const left = DNS_FORWARDS_MAX - pending.size
      assert.ok(left >= Math.floor(DNS_FORWARDS_MAX / (floods + 1)), `${left} places`)
      assert.ok(pending.add(2, floods, 1, 1, message(9999, 0), 0, 3, 0) >= 0)
    })
  }

  it('has room for so many of a resolver', () => {
    const pending = new PendingQuestions(1)
    for (let index = 0; index < DNS_FORWARDS_PER_RESOLVER_MAX; index++) {
      assert.ok(pending.add(1, 0, 1, 1, message(index, 0), 0, 3, 0) >= 0)
    }
    assert.equal(pending.add(1, 0, 1, 1, message(9999, 0), 0, 3, 0), QUOTA_REACHED)
    assert.ok(pending.add(1, 1, 1, 1, message(9999, 0), 0, 3, 0) >= 0)
  })

  it('spreads messages that differ in one byte alone, whichever', () => {
    const pending = new PendingQuestions(1)
    const { chains } = pending as unknown as { chains: HashChains }
    const size = 40
    const slots: number[] = []
    for (let index = 0; index < DNS_FORWARDS_PER_RESOLVER_MAX; index++) {
      const bytes = new Uint8Array(size).fill(0x61)
      bytes[index % 2 === 0 ? size - 1 : 20] = index
      slots.push(pending.add(1, 0, 1, 1, bytes, 0, size, 0))
    }
    const followed = slots.filter((slot) => chains.next(slot) !== -1).length
    assert.ok(followed < slots.length / 4, `${followed} of ${slots.length} share a chain`)
  })

  it('loses none of the new ones, however many were gone before they were taken', () => {
    const pending = new PendingQuestions(1)
    const kept = pending.add(2, 0, 1, 1, message(0, 1), 0, 3, 0)
    for (let round = 0; round < 3 * DNS_FORWARDS_MAX; round++) {
      pending.remove(pending.add(1, 0, 1, 1, message(round, 0), 0, 3, 0))
    }
    const last = pending.add(1, 0, 1, 1, message(0, 2), 0, 3, 0)
    const taken: number[] = []
    pending.takeNew((slot) => taken.push(slot))
    assert.deepEqual(taken.toSorted(ascending), [kept, last].toSorted(ascending))
  })

  it('takes no answer to another question that had the slot', () => {
    const pending = new PendingQuestions(1)
    const tickets: number[] = []
    for (let round = 0; round < 5; round++) {
      pending.add(1, 0, 1, 1, message(round, 0), 0, 3, 0)
      pending.takeNew((slot, ticket) => {
        for (const stale of tickets) assert.equal(pending.find(stale), -1)
        tickets.push(ticket)
        assert.equal(pending.find(ticket), slot)
        pending.remove(slot)
      })
    }
    assert.equal(new Set(tickets).size, 5)
  })
})
