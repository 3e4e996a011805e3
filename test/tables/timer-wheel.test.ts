import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { DEALT, TICK_MAX, TimerWheel } from '../../src/tables/timer-wheel.ts'

/** What a timer wheel does, without a wheel: looks at every timer each time. */
class NaiveTimers {
  readonly deadlines = new Map<number, number>()
  private now = 0

  set(timer: number, deadline: number): void {
    this.deadlines.set(timer, deadline)
  }

  cancel(timer: number): void {
    this.deadlines.delete(timer)
  }

  advance(now: number): number[] {
    this.now = Math.max(this.now, now)
    const expired = [...this.deadlines].filter(([, deadline]) => deadline <= this.now).map(([timer]) => timer)
    for (const timer of expired) this.deadlines.delete(timer)
    return expired
  }
}

function takeAll(wheel: TimerWheel): number[] {
  const taken: number[] = []
  for (let timer = wheel.takeExpired(); timer !== -1; timer = wheel.takeExpired()) taken.push(timer)
  return taken
}

function expiredAt(wheel: TimerWheel, now: number): number[] {
  wheel.advance(now)
  return takeAll(wheel)
}

const ascending = (numbers: readonly number[]): number[] => [...numbers].sort((a, b) => a - b)

describe('TimerWheel', () => {
  it('expires a timer at its deadline, not before, and only once', () => {
    const wheel = new TimerWheel(4)
    wheel.set(2, 10)
    assert.deepEqual(expiredAt(wheel, 9), [])
    assert.equal(wheel.isRunning(2), true)
    assert.deepEqual(expiredAt(wheel, 10), [2])
    assert.equal(wheel.isRunning(2), false)
    assert.deepEqual(expiredAt(wheel, TICK_MAX), [])
  })

  for (const deadline of [1, 255, 256, 257, 511, 65_535, 65_536, 65_537, 1 << 24, (1 << 24) + 1, TICK_MAX]) {
    for (const start of [0, 1, 255, 256, 65_000]) {
      if (start >= deadline) continue
      it(`is exact from tick ${start} to tick ${deadline}`, () => {
        const wheel = new TimerWheel(1, start)
        wheel.set(0, deadline)
        assert.deepEqual(expiredAt(wheel, deadline - 1), [])
        assert.deepEqual(expiredAt(wheel, deadline), [0])
      })
    }
  }

  it('loses nothing in one jump over everything, and keeps the order of deadlines', () => {
    const wheel = new TimerWheel(6)
    const deadlines = [TICK_MAX, 70_000, 3, 1 << 25, 300, 299]
    for (const [timer, deadline] of deadlines.entries()) wheel.set(timer, deadline)
    assert.deepEqual(expiredAt(wheel, TICK_MAX), [2, 5, 4, 1, 3, 0])
  })

  it('expires timers of one tick in the order in which they were set', () => {
    const wheel = new TimerWheel(3)
    for (const timer of [1, 0, 2]) wheel.set(timer, 1000)
    assert.deepEqual(expiredAt(wheel, 1000), [1, 0, 2])
  })

  it('expires a timer that was set in the past at the next advance, even to the same tick', () => {
    const wheel = new TimerWheel(2)
    wheel.advance(100)
    wheel.set(0, 100)
    wheel.set(1, 3)
    assert.deepEqual(takeAll(wheel), [])
    assert.deepEqual(expiredAt(wheel, 100), [0, 1])
  })

  it('ends although the owner sets each timer anew in the past while taking', () => {
    const wheel = new TimerWheel(1)
    wheel.set(0, 5)
    wheel.advance(9)
    assert.equal(wheel.takeExpired(), 0)
    wheel.set(0, 7)
    assert.equal(wheel.takeExpired(), -1)
    assert.deepEqual(expiredAt(wheel, 9), [0])
  })

  it('moves the deadline of a running timer, both ways', () => {
    const wheel = new TimerWheel(2)
    wheel.set(0, 50)
    wheel.set(0, 5000)
    wheel.set(1, 5000)
    wheel.set(1, 50)
    assert.deepEqual(expiredAt(wheel, 4999), [1])
    assert.deepEqual(expiredAt(wheel, 5000), [0])
  })

  it('cancels timers: running, due but not taken, late, and idle ones', () => {
    const wheel = new TimerWheel(4)
    wheel.set(0, 50)
    wheel.set(1, 5)
    wheel.set(2, 5)
    wheel.advance(10)
    assert.equal(wheel.takeExpired(), 1)
    wheel.cancel(2)
    wheel.set(3, 1)
    wheel.cancel(3)
    wheel.cancel(0)
    wheel.cancel(1)
    assert.deepEqual(expiredAt(wheel, 1000), [])
  })

  it('keeps the rest for whoever stops taking early', () => {
    const wheel = new TimerWheel(3)
    for (const timer of [0, 1, 2]) wheel.set(timer, 10 + timer)
    wheel.advance(20)
    assert.equal(wheel.takeExpired(), 0)
    wheel.set(0, 15) // before the present: not in this round any more
    wheel.advance(20)
    assert.deepEqual(ascending(takeAll(wheel)), [0, 1, 2])
  })

  it('moves one timer in a step, however many share a slot, and loses none that change on the way', () => {
    const wheel = new TimerWheel(100)
    for (let timer = 0; timer < 100; timer++) wheel.set(timer, 300 + (timer & 1))
    wheel.advance(300)
    for (let timer = 0; timer < 50; timer++) assert.equal(wheel.step(), DEALT)
    wheel.cancel(0) // dealt out
    wheel.cancel(99) // not yet
    wheel.set(98, 301) // not yet
    const taken: number[] = []
    for (let timer = wheel.step(); timer !== -1; timer = wheel.step()) if (timer !== DEALT) taken.push(timer)
    assert.deepEqual(
      ascending(taken),
      Array.from({ length: 48 }, (_, i) => 2 * i + 2),
    )
    assert.equal(expiredAt(wheel, 301).length, 50)
  })

  it('forgets all timers at once', () => {
    const wheel = new TimerWheel(4)
    for (const [timer, deadline] of [3, 5, 300, 70_000].entries()) wheel.set(timer, deadline)
    wheel.advance(4)
    assert.equal(wheel.deadlineOf(2), 300)
    wheel.clear()
    assert.equal(wheel.isRunning(3), false)
    wheel.set(1, 6)
    assert.deepEqual(expiredAt(wheel, 5), [])
    assert.deepEqual(expiredAt(wheel, TICK_MAX), [1])
  })

  it('stays where it is when time goes back', () => {
    const wheel = new TimerWheel(2)
    wheel.advance(1000)
    wheel.set(0, 1001)
    assert.deepEqual(expiredAt(wheel, 10), [])
    assert.deepEqual(expiredAt(wheel, 1000), [])
    assert.deepEqual(expiredAt(wheel, 1001), [0])
  })

  it('agrees with a naive model over random sets, cancels and jumps', () => {
    const timers = 24
    const timer = fc.nat(timers - 1)
    const distance = fc.oneof(
      fc.integer({ min: -20, max: 20 }),
      fc.integer({ min: -600, max: 600 }),
      fc.integer({ min: -70_000, max: 200_000 }),
      fc.integer({ min: 0, max: 1 << 26 }),
    )
    const step = fc.oneof(
      fc.record({ kind: fc.constant('set' as const), timer, distance }),
      fc.record({ kind: fc.constant('cancel' as const), timer, distance: fc.constant(0) }),
      fc.record({ kind: fc.constant('advance' as const), timer: fc.constant(0), distance }),
    )
    fc.assert(
      fc.property(fc.nat(1 << 20), fc.array(step, { maxLength: 120 }), (start, steps) => {
        const wheel = new TimerWheel(timers, start)
        const model = new NaiveTimers()
        let now = start
        model.advance(now)
        for (const { kind, timer: which, distance: ticks } of steps) {
          if (kind === 'set') {
            wheel.set(which, now + ticks)
            model.set(which, now + ticks)
          } else if (kind === 'cancel') {
            wheel.cancel(which)
            model.cancel(which)
          } else {
            const target = now + ticks
            now = Math.max(now, target)
            assert.deepEqual(ascending(expiredAt(wheel, target)), ascending(model.advance(target)))
          }
          for (let id = 0; id < timers; id++) assert.equal(wheel.isRunning(id), model.deadlines.has(id))
        }
        assert.deepEqual(ascending(expiredAt(wheel, TICK_MAX)), ascending(model.advance(TICK_MAX)))
        assert.ok(wheel['occupied'].every((bits: number) => bits === 0))
      }),
      { numRuns: 500 },
    )
  })

  it('agrees with the model also where only some of the expired timers are taken at a time', () => {
    const timers = 16
    fc.assert(
      fc.property(
        fc.array(
          fc.record({ timer: fc.nat(timers - 1), ahead: fc.nat(800), jump: fc.nat(300), take: fc.nat(3) }),
          {
            maxLength: 200,
          },
        ),
        (steps) => {
          const wheel = new TimerWheel(timers)
          const deadlines = new Map<number, number>()
          let now = 0
          for (const { timer, ahead, jump, take } of steps) {
            wheel.set(timer, now + ahead)
            deadlines.set(timer, now + ahead)
            now += jump
            wheel.advance(now)
            for (let taken = 0; taken < take; taken++) {
              const expired = wheel.takeExpired()
              const due = [...deadlines.values()].some((deadline) => deadline <= now)
              assert.equal(expired !== -1, due)
              if (expired === -1) break
              assert.ok(deadlines.get(expired)! <= now)
              deadlines.delete(expired)
            }
          }
          assert.deepEqual(ascending(expiredAt(wheel, TICK_MAX)), ascending([...deadlines.keys()]))
        },
      ),
      { numRuns: 300 },
    )
  })

  it('crosses years of ticks with a million timers in work that the timers bound', () => {
    const timers = 1_000_000
    const wheel = new TimerWheel(timers)
    for (let timer = 0; timer < timers; timer++) wheel.set(timer, 1 + ((timer * 2_147) % TICK_MAX))
    let taken = 0
    let last = 0
    wheel.advance(TICK_MAX)
    for (let timer = wheel.takeExpired(); timer !== -1; timer = wheel.takeExpired()) {
      const deadline = 1 + ((timer * 2_147) % TICK_MAX)
      assert.ok(deadline >= last)
      last = deadline
      taken++
    }
    assert.equal(taken, timers)
  })
})
