/**
 * The way of a frame that is told of now, and those that it is inside of: while an answer to ARP is dealt with, what has waited for it goes on,
 * and in the turn of that one another may, or be lost.
 *
 *     begin ─── enter ─── enter ─── leave ─── leave ─── end
 *     depth 1       2         3         2         1       0
 *
 * What the path leaves on the trail is about the innermost one, so it is set aside and taken back with it.
 *
 * Allocates nothing once it is there.
 */

import type { FrameWay } from './frame-recorder.ts'
import type { Trail } from './trail.ts'

const NONE = -1

/** Frames whose ways are inside one another: an answer to ARP, the first fragment that waited for it, those that waited for that, and what is lost meanwhile. */
export const NESTED_MAX = 8

/** Of a way, and of its trail: what is there again when the one inside it is over. */
interface Aside {
  number: number
  facts: number
  movedFrom: number
  reason: number
  flow: number
  trailReason: number
  trailFacts: number
  trailFlow: number
  trailMade: boolean
}

export class NestedWays {
  /** The innermost one, as far as it has come: the path writes down here what becomes of it. */
  readonly current: { -readonly [Key in keyof FrameWay]: FrameWay[Key] } = {
    number: 0,
    timeMs: 0,
    facts: 0,
    movedFrom: NONE,
    reason: 0,
    flow: NONE,
    place: NONE,
  }
  /** 0: nothing is dealt with. */
  depth = 0
  private readonly trail: Trail
  private readonly aside: readonly Aside[]

  constructor(trail: Trail) {
    this.trail = trail
    this.aside = Array.from({ length: NESTED_MAX }, () => ({
      number: 0,
      facts: 0,
      movedFrom: NONE,
      reason: 0,
      flow: NONE,
      trailReason: 0,
      trailFacts: 0,
      trailFlow: NONE,
      trailMade: false,
    }))
  }

  /** The outermost way; `number` and `facts` as in FrameWay, as for those below. */
  begin(number: number, facts: number): void {
    this.depth = 1
    this.clear(number, facts)
  }

  /** The frame that is told of is another from here on, in the place of the one before. */
  clear(number: number, facts: number): void {
    const { current: way, trail } = this
    way.number = number
    way.facts = facts
    way.movedFrom = NONE
    way.reason = 0
    way.flow = NONE
    way.place = NONE
    trail.clear()
    trail.facts = facts
    trail.number = number
  }

  end(): void {
    this.depth = 0
    this.trail.number = 0
  }

  /** Another one, inside the one that is told of; also where none is. */
  enter(number: number, facts: number): void {
    const { current: way, trail } = this
    const aside = this.aside[this.depth++]!
    aside.number = way.number
    aside.facts = way.facts
    aside.movedFrom = way.movedFrom
    aside.reason = way.reason
    aside.flow = way.flow
    aside.trailReason = trail.reason
    aside.trailFacts = trail.facts
    aside.trailFlow = trail.flow
    aside.trailMade = trail.made
    this.clear(number, facts)
  }

  /** Back to the one that it was inside of. */
  leave(): void {
    const { current: way, trail } = this
    const aside = this.aside[--this.depth]!
    way.number = aside.number
    way.facts = aside.facts
    way.movedFrom = aside.movedFrom
    way.reason = aside.reason
    way.flow = aside.flow
    trail.reason = aside.trailReason
    trail.facts = aside.trailFacts
    trail.flow = aside.trailFlow
    trail.made = aside.trailMade
    trail.number = aside.number
  }
}
