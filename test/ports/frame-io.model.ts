/**
 * A FrameIo beside a model of it: queues. Random sequences of everything that can be done are done to both.
 */

import assert from 'node:assert/strict'
import fc from 'fast-check'
import { DESCRIPTOR_SHIFT } from '../../src/datapath/frame-memory.ts'
import {
  assertFrames,
  copyBurst,
  events,
  failures,
  result,
  setTransmit,
  testFrames,
  woken,
} from '../support/frame-io.ts'
import type { OpenedFrameIo } from './frame-io.conformance.ts'

const PORTS = 4

/** One step. Ports are numbers below PORTS, attached or not. */
type Step =
  | { readonly kind: 'inject'; readonly port: number; readonly count: number }
  /** Polls and sends each frame of the burst to all of `targets` with the next call. */
  | { readonly kind: 'poll'; readonly targets: readonly number[] }
  | { readonly kind: 'transmit' }
  | { readonly kind: 'wake' }
  | { readonly kind: 'renew'; readonly port: number }

const port = fc.nat({ max: PORTS - 1 })

/** Ports that are made anew cost a kernel some milliseconds, so they are rare. */
export const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    {
      weight: 10,
      arbitrary: fc.record({
        kind: fc.constant('inject' as const),
        port,
        count: fc.integer({ min: 1, max: 40 }),
      }),
    },
    {
      weight: 12,
      arbitrary: fc.record({
        kind: fc.constant('poll' as const),
        targets: fc.array(fc.nat({ max: PORTS }), { maxLength: 3 }),
      }),
    },
    { weight: 5, arbitrary: fc.record({ kind: fc.constant('transmit' as const) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('wake' as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('renew' as const), port }) },
  ),
  { minLength: 20, maxLength: 80 },
)

interface Transmission {
  readonly port: number
  readonly frame: Uint8Array
}

class Model {
  readonly #opened: OpenedFrameIo
  /** By port: what was injected and has not been received. */
  readonly #arrivals: Uint8Array[][] = Array.from({ length: PORTS }, () => [])
  /** By port: what was transmitted and has not been collected. */
  readonly #departures: Uint8Array[][] = Array.from({ length: PORTS }, () => [])
  /** The list that the next poll or transmit carries out. */
  #list: Transmission[] = []
  #sequence = 0
  #wakes = 0

  constructor(opened: OpenedFrameIo) {
    this.#opened = opened
  }

  async step(step: Step): Promise<void> {
    switch (step.kind) {
      case 'inject':
        return this.#inject(step.port, step.count)
      case 'poll':
        return this.#poll(step.targets)
      case 'transmit':
        this.#opened.io.transmit(this.#list.length)
        return this.#settle()
      case 'wake':
        this.#opened.wake()
        this.#wakes = 1
        return undefined
      case 'renew':
        return this.#renew(step.port)
    }
  }

  /** Everything that was injected comes, and everything that was sent arrives. */
  async finish(): Promise<void> {
    for (let idle = 0; idle < 10 && (this.#arrivals.flat().length > 0 || this.#list.length > 0); idle++) {
      const before = this.#arrivals.flat().length
      this.#poll([])
      if (this.#arrivals.flat().length < before) idle = 0
    }
    for (const missing of this.#arrivals) assertFrames([], missing)
    for (const [index, expected] of this.#departures.entries()) {
      assertFrames(await this.#opened.collect(index), expected)
    }
    this.#poll([])
    assert.equal(this.#wakes, 0)
  }

  async #inject(to: number, count: number): Promise<void> {
    const frames = testFrames(count, { first: this.#sequence })
    this.#sequence += count
    // A device's queue is finite, and full is no matter of this test.
    if ((this.#arrivals[to]?.length ?? 0) + count > 900) return
    await this.#opened.inject(to, frames)
    this.#arrivals[to]?.push(...frames)
  }

  #poll(targets: readonly number[]): void {
    const { io } = this.#opened
    const count = io.poll(this.#list.length, 0)
    this.#settle()
    assert.deepEqual(events(io), [])
    if (woken(io)) this.#wakes--
    assert.ok(this.#wakes >= 0, 'a wake that nobody sent')
    const burst = copyBurst(io, count)
    for (const { port: from, frame } of burst) {
      const expected = this.#arrivals[from]?.shift()
      assert.ok(expected !== undefined, `port ${from} handed out a frame too many`)
      assertFrames([frame], [expected])
    }
    for (const { frame, offset } of burst) {
      for (const target of targets) {
        setTransmit(io, this.#list.length, target, offset, frame.length)
        this.#list.push({ port: target, frame })
      }
    }
  }

  /** After the list was carried out. Number PORTS is no port. */
  #settle(): void {
    const { io } = this.#opened
    const refused = this.#list.filter(({ port: to }) => to === PORTS).length
    assert.equal(failures(io), refused)
    this.#list.forEach(({ port: to, frame }, index) => {
      assert.equal(io.memory.transmits[index << DESCRIPTOR_SHIFT], to)
      assert.equal(result(io, index) < 0, to === PORTS)
      this.#departures[to]?.push(frame)
    })
    this.#list = []
  }

  /** What the port had not handed out is gone with it. What was sent to it has arrived. */
  async #renew(which: number): Promise<void> {
    const { io, attach, collect } = this.#opened
    io.transmit(this.#list.length)
    this.#settle()
    assertFrames(await collect(which), this.#departures[which] ?? [])
    this.#departures[which] = []
    this.#arrivals[which] = []
    io.detach(which)
    await attach(which)
  }
}

/** Does the steps to a FrameIo that has just been opened. */
export async function runSteps(opened: OpenedFrameIo, sequence: readonly Step[]): Promise<void> {
  for (let number = 0; number < PORTS; number++) await opened.attach(number)
  const model = new Model(opened)
  for (const step of sequence) await model.step(step)
  await model.finish()
}
