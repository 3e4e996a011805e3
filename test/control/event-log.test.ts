import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import type { Event } from '../../src/control/api/system.ts'
import type { EventOptions } from '../../src/control/control-plane.ts'
import { EventLog } from '../../src/control/event-log.ts'

const START_MS = 1_800_000_000_000

/** A clock that goes where it is told to, and calls back on the way. */
class ManualClock {
  #nowMs = START_MS
  readonly #timers = new Set<{ readonly atMs: number; readonly callback: () => void }>()

  now(): number {
    return this.#nowMs
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { atMs: this.#nowMs + ms, callback }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  advance(ms: number): void {
    this.#nowMs += ms
    for (const timer of this.#timers) {
      if (timer.atMs <= this.#nowMs && this.#timers.delete(timer)) timer.callback()
    }
  }

  get timers(): number {
    return this.#timers.size
  }
}

const newLog = (kept?: number, size?: number): { log: EventLog; clock: ManualClock } => {
  const clock = new ManualClock()
  return { log: new EventLog({ clock, kept, size }), clock }
}

const publish = (log: EventLog, Action: string, more: Partial<Event> = {}): Event =>
  log.publish({ Type: 'network', Action, Actor: { ID: 'a1b2', Attributes: { name: 'red' } }, ...more })

const open = (log: EventLog, options: Partial<EventOptions> = {}, signal = new AbortController().signal) =>
  log.read({ filters: {}, ...options }, signal)[Symbol.asyncIterator]()

/** The actions of all that there is up to now. */
const actions = async (
  log: EventLog,
  clock: ManualClock,
  options: Partial<EventOptions>,
): Promise<string[]> => {
  const events: string[] = []
  for await (const { Action } of log.read(
    { untilMs: clock.now(), filters: {}, ...options },
    new AbortController().signal,
  )) {
    events.push(Action)
  }
  return events
}

describe('an event', () => {
  it('remembers fewer events where they are large, and always the last one', async () => {
    const { log, clock } = newLog(10, 100)
    const Actor = (size: number) => ({ ID: 'a1b2', Attributes: { name: 'x'.repeat(size - 4) } })
    for (const action of ['a', 'b', 'c']) publish(log, action, { Actor: Actor(40) })
    assert.deepEqual(await actions(log, clock, { sinceMs: 0 }), ['b', 'c'])
    publish(log, 'huge', { Actor: Actor(500) })
    assert.deepEqual(await actions(log, clock, { sinceMs: 0 }), ['huge'])
    publish(log, 'd', { Actor: Actor(40) })
    publish(log, 'e', { Actor: Actor(40) })
    assert.deepEqual(await actions(log, clock, { sinceMs: 0 }), ['d', 'e'])
  })

  it('has the time, and an id that grows by one', () => {
    const { log, clock } = newLog()
    clock.advance(1234)
    const [first, second] = [publish(log, 'create'), publish(log, 'destroy')]
    assert.deepEqual(first, {
      Id: START_MS,
      Type: 'network',
      Action: 'create',
      Actor: { ID: 'a1b2', Attributes: { name: 'red' } },
      scope: 'local',
      time: START_MS / 1000 + 1,
      timeNano: (START_MS + 1234) * 1e6,
    })
    assert.equal(second.Id, first.Id + 1)
  })

  it('has a greater id than those of the daemon before', () => {
    const { log, clock } = newLog()
    const before = publish(log, 'a').Id
    clock.advance(1)
    assert.ok(publish(new EventLog({ clock }), 'b').Id > before)
  })
})

describe('a reader', () => {
  it('gets what happens from the call on, also before it first asks', async () => {
    const { log } = newLog()
    publish(log, 'before')
    const reader = open(log)
    publish(log, 'one')
    const next = reader.next()
    assert.equal((await next).value?.Action, 'one')
    const pending = reader.next()
    publish(log, 'two')
    assert.equal((await pending).value?.Action, 'two')
  })

  it('gets what has been, from a time or behind an id', async () => {
    const { log, clock } = newLog()
    const ids: number[] = []
    for (const action of ['a', 'b', 'c']) {
      ids.push(publish(log, action).Id)
      clock.advance(1000)
    }
    assert.deepEqual(await actions(log, clock, {}), [])
    assert.deepEqual(await actions(log, clock, { sinceMs: 0 }), ['a', 'b', 'c'])
    assert.deepEqual(await actions(log, clock, { sinceMs: START_MS + 1000 }), ['b', 'c'])
    assert.deepEqual(await actions(log, clock, { sinceMs: START_MS + 1001 }), ['c'])
    assert.deepEqual(await actions(log, clock, { sinceMs: 0, untilMs: START_MS + 1000 }), ['a', 'b'])
    assert.deepEqual(await actions(log, clock, { afterId: ids[0] }), ['b', 'c'])
    assert.deepEqual(await actions(log, clock, { afterId: ids[2] }), [])
    assert.deepEqual(await actions(log, clock, { afterId: ids[0]! - 99 }), ['a', 'b', 'c'])
    assert.deepEqual(await actions(log, clock, { afterId: ids[2]! + 99 }), ['a', 'b', 'c'])
    assert.deepEqual(await actions(log, clock, { afterId: ids[0], sinceMs: START_MS + 2000 }), ['c'])
  })

  it('ends at the time asked for, and when it is aborted', async () => {
    const { log, clock } = newLog()
    const timed = open(log, { untilMs: START_MS + 5000 }).next()
    const abort = new AbortController()
    const aborted = open(log, {}, abort.signal).next()
    clock.advance(4999)
    publish(log, 'in time')
    assert.equal((await timed).value?.Action, 'in time')
    assert.equal((await aborted).value?.Action, 'in time')
    const late = open(log, { untilMs: START_MS + 5000 })
    const end = late.next()
    clock.advance(1)
    assert.deepEqual(await end, { done: true, value: undefined })
    const waiting = open(log, { untilMs: START_MS + 10_000 }, abort.signal).next()
    abort.abort()
    assert.deepEqual(await waiting, { done: true, value: undefined })
    assert.deepEqual(await open(log, { sinceMs: 0 }, abort.signal).next(), { done: true, value: undefined })
    assert.equal(clock.timers, 0)
    assert.equal(log.readers, 2)
  })

  it('waits for an end that is further away than a timer goes', async () => {
    const { log, clock } = newLog()
    const days = 86_400_000
    const end = open(log, { untilMs: START_MS + 60 * days }).next()
    clock.advance(2 ** 31 - 1)
    await new Promise(setImmediate)
    assert.equal(clock.timers, 1)
    clock.advance(60 * days)
    assert.deepEqual(await end, { done: true, value: undefined })
  })

  it('that is too slow is told so, and counted; others are not held up', async () => {
    const { log } = newLog(8)
    const [slow, quick] = [open(log), open(log)]
    for (let count = 0; count < 9; count++) {
      const next = quick.next()
      publish(log, `${count}`)
      assert.equal((await next).value?.Action, `${count}`)
    }
    await assert.rejects(slow.next(), {
      code: 'EVENTS_LOST',
      message: '1 events were lost: they were read too slowly',
    })
    assert.deepEqual(await slow.next(), { done: true, value: undefined })
    assert.equal(log.readersLost, 1)
    assert.equal(log.published, 9)
  })

  it('gets exactly what a list of all events has, whatever is kept', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 5 }),
        fc.array(fc.nat(3), { maxLength: 20 }),
        fc.nat(20),
        async (kept, pauses, sinceMs) => {
          const { log, clock } = newLog(kept)
          const all = pauses.map((pause, index) => {
            clock.advance(pause)
            return { ...publish(log, `${index}`), ms: clock.now() }
          })
          const expected = all.slice(-kept).filter(({ ms }) => ms >= START_MS + sinceMs)
          assert.deepEqual(
            await actions(log, clock, { sinceMs: START_MS + sinceMs }),
            expected.map(({ Action }) => Action),
          )
        },
      ),
    )
  })
})

describe('filters', () => {
  const { log, clock } = newLog()
  publish(log, 'create')
  publish(log, 'connect', { Actor: { ID: 'a1b2', Attributes: { name: 'red', container: 'c3d4' } } })
  publish(log, 'start', {
    Type: 'container',
    Actor: { ID: 'c3d4', Attributes: { name: 'web', colour: 'red' } },
  })
  publish(log, 'exec_create: sh', {
    Type: 'container',
    Actor: { ID: 'e5f6', Attributes: { name: 'red', colour: 'blue', '': '' } },
  })
  publish(log, 'reload', { Type: 'daemon', Actor: { ID: 'd', Attributes: {} } })

  for (const [filters, expected] of [
    [{}, ['create', 'connect', 'start', 'exec_create: sh', 'reload']],
    [{ type: ['network'] }, ['create', 'connect']],
    [{ type: ['daemon', 'container'] }, ['start', 'exec_create: sh', 'reload']],
    [{ type: ['volume'] }, []],
    [{ event: ['create'] }, ['create']],
    [{ event: ['exec_create'] }, ['exec_create: sh']],
    [{ event: ['exec_create: sh', 'start'] }, ['start', 'exec_create: sh']],
    [{ network: ['red'] }, ['create', 'connect']],
    [{ network: ['a1'] }, ['create', 'connect']],
    [{ container: ['we'] }, ['start']],
    [{ container: ['red', 'c3'] }, ['start', 'exec_create: sh']],
    [{ container: ['red'], network: ['red'] }, []],
    [{ daemon: ['d'] }, ['reload']],
    [{ label: ['colour'] }, ['start', 'exec_create: sh']],
    [{ label: ['colour=red'] }, ['start']],
    [{ label: ['colour', 'name=red'] }, ['exec_create: sh']],
    [{ scope: ['local'], event: ['reload'] }, ['reload']],
    [{ scope: ['swarm'] }, []],
  ] as const) {
    it(JSON.stringify(filters), async () => {
      assert.deepEqual(await actions(log, clock, { sinceMs: 0, filters }), expected)
    })
  }

  it('that nobody knows are refused at once', () => {
    for (const name of ['nosuch', 'toString']) {
      assert.throws(() => open(log, { filters: { [name]: ['x'] } }), {
        code: 'FILTER_INVALID',
        message: `invalid filter '${name}'`,
      })
    }
  })
})
