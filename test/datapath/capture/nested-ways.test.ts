import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { NESTED_MAX, NestedWays } from '../../../src/datapath/capture/nested-ways.ts'
import { Trail } from '../../../src/datapath/capture/trail.ts'

const NONE = -1

/** What is told of a way that has just begun, and what stands on its trail. */
const fresh = (number: number, facts: number) => ({
  way: { number, facts, movedFrom: NONE, reason: 0, flow: NONE, place: NONE },
  trail: { number, facts, reason: 0, flow: NONE, made: false },
})
type State = ReturnType<typeof fresh>

/** What the path writes down of a frame. Its number stays, and so does its place: only frames at a glance have one, which nothing is inside of. */
const happened = fc.record({
  way: fc.record({
    facts: fc.nat(511),
    movedFrom: fc.integer({ min: NONE, max: 99 }),
    reason: fc.nat(99),
    flow: fc.integer({ min: NONE, max: 99 }),
  }),
  trail: fc.record({
    facts: fc.nat(511),
    reason: fc.nat(99),
    flow: fc.integer({ min: NONE, max: 99 }),
    made: fc.boolean(),
  }),
})

const step = fc.oneof(
  { weight: 2, arbitrary: happened.map((what) => ({ kind: 'happens' as const, ...what })) },
  fc.record({ kind: fc.constantFrom('enter', 'clear'), number: fc.nat(99), facts: fc.nat(511) }),
  fc.constant({ kind: 'leave' as const }),
)

describe('ways inside one another', () => {
  it('are what they were when the one inside them is over', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const trail = new Trail()
        const ways = new NestedWays(trail)
        ways.begin(1, 2)
        let open: State[] = [fresh(1, 2)]
        const check = (): void => {
          const { timeMs: _, ...way } = ways.current
          const { watcher: __, ...left } = trail
          assert.deepEqual({ way, trail: { ...left } }, open.at(-1))
          assert.equal(ways.depth, open.length)
        }
        for (const one of steps) {
          const innermost = open.at(-1)!
          if (one.kind === 'happens') {
            Object.assign(ways.current, one.way)
            Object.assign(trail, one.trail)
            Object.assign(innermost.way, one.way)
            Object.assign(innermost.trail, one.trail)
          } else if (one.kind === 'leave') {
            if (open.length === 1) continue
            ways.leave()
            open.pop()
          } else if (one.kind === 'clear') {
            ways.clear(one.number, one.facts)
            open = [...open.slice(0, -1), fresh(one.number, one.facts)]
          } else if (open.length < NESTED_MAX) {
            ways.enter(one.number, one.facts)
            open.push(fresh(one.number, one.facts))
          }
          check()
        }
        ways.end()
        assert.deepEqual([ways.depth, trail.number], [0, 0])
      }),
    )
  })

  it('may be entered where none has begun', () => {
    const trail = new Trail()
    const ways = new NestedWays(trail)
    ways.enter(5, 1)
    assert.deepEqual([ways.depth, ways.current.number, trail.number], [1, 5, 5])
    ways.leave()
    assert.deepEqual([ways.depth, ways.current.number, trail.number], [0, 0, 0])
  })

  it('keep the time, which is one for all', () => {
    const ways = new NestedWays(new Trail())
    ways.current.timeMs = 7
    ways.begin(1, 0)
    ways.enter(2, 0)
    ways.leave()
    ways.end()
    assert.equal(ways.current.timeMs, 7)
  })
})
