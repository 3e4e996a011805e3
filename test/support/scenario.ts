/**
 * Tests of the data path that read as what happens on the wire:
 *
 *     network 1
 *     port 1,2,3 network=1
 *
 *     # Nobody knows b yet.
 *     1> b a ping
 *     2< b a ping
 *     3< b a ping
 *
 *     2> b a ping
 *     2! same-port
 *
 *     network N [transparent]      a bridge domain
 *     port N,… network=N           further: mtu=9000, plain (takes no offloads), queue=2 (frames until it refuses)
 *     remove N                     the port goes, and its stations with it
 *     vanish N                     its device goes, which the next poll tells
 *     t=300                        the clock, in seconds
 *     tick                         what the data path's loop does once a second
 *     1> FRAME                     a frame arrives at port 1
 *     1+ FRAME                     a frame of ours enters the path as though it had arrived at port 1
 *     1< FRAME                     it leaves by port 1
 *     1! REASON [xN]               a drop, counted at port 1
 *
 * A frame is TARGET SOURCE WORD…. An address is a letter (a is 02:00:00:00:00:61), * for all ones, or written out.
 * A word is vlan=5 or svlan=5 (a tag), type=0800, length=60 (fill up to so many bytes), cut=13 (leave so many),
 * virtio=FLAGS,TYPE,HDR_LEN,GSO_SIZE,CSUM_START,CSUM_OFFSET; anything else is payload.
 *
 * Arrivals in consecutive lines are one burst; what is injected enters behind it. What leaves, each port in its own order, what is dropped and what the
 * counters say must be exactly what the lines behind them name, and nothing is to be said where nothing happens.
 */

import assert from 'node:assert/strict'
import type { PortCount } from '../../src/datapath/counters.ts'
import { DROP_REASONS } from '../../src/datapath/drop-reason.ts'
import { Engine, type EngineOptions } from '../../src/datapath/engine.ts'
import { EVENT_WORDS, STATUS_EVENTS } from '../../src/datapath/frame-memory.ts'
import type { DomainSettings, PortSettings } from '../../src/datapath/port-table.ts'
import { MTU_DEFAULT } from '../../src/limits.ts'
import { MemoryFrameIo, type QueuedFrame } from '../../src/ports/memory-frame-io.ts'
import { frameOf, frameText } from './frame-text.ts'

/** Tables are made for each test anew; where their default size matters, a test says so. */
const SMALL = { stations: 4096, connections: 8192, connectionsPerOwner: 4096 }

/** A data path over plain memory, with a clock that stands until it is told. */
export class Scenario {
  readonly io = new MemoryFrameIo()
  readonly engine: Engine
  nowS = 0
  /** Microseconds of the second that it is. */
  laterUs = 0
  readonly #ports = new Set<number>()

  constructor(options: Partial<EngineOptions> = {}) {
    this.engine = new Engine(this.io.memory, { seed: 1, ...SMALL, ...options })
  }

  get ports(): readonly number[] {
    return [...this.#ports].toSorted((a, b) => a - b)
  }

  network(domain: number, settings: DomainSettings = { transparent: false }): void {
    this.engine.addDomain(domain, settings)
  }

  port(port: number, settings: Partial<PortSettings> = {}, queueMax = Number.POSITIVE_INFINITY): void {
    this.engine.addPort(port, { domain: 1, mtu: MTU_DEFAULT, plain: false, ...settings })
    this.io.attach(port, queueMax)
    this.#ports.add(port)
  }

  remove(port: number): void {
    this.engine.removePort(port)
    this.io.detach(port)
    this.#ports.delete(port)
  }

  arrive(port: number, { frame, virtioHeader }: QueuedFrame): void {
    this.io.inject(port, frame, virtioHeader)
  }

  inject(port: number, { frame }: QueuedFrame): void {
    const { engine, io } = this
    engine.inject(port, frame, this.nowS)
    io.transmit(engine.transmitCount)
    engine.settle()
    assertAllAccountedFor(engine.counters.total())
  }

  /** Turns as the worker does, until nothing arrives any more and all is transmitted. */
  run(): void {
    let count = this.turn()
    while (count > 0 || this.engine.transmitCount > 0 || this.engine.nextDueUs <= this.nowUs) {
      count = this.turn()
    }
    assertAllAccountedFor(this.engine.counters.totalOf(this.ports))
  }

  /** One poll, and the burst that it returned; how many frames that were. */
  turn(): number {
    const { io, engine } = this
    const count = io.poll(engine.transmitCount, 0)
    engine.settle()
    this.#process(engine.arrive(count, this.nowUs))
    while (engine.hasArrivals) {
      this.#transmit()
      this.#process(engine.arrive(0, this.nowUs))
    }
    while (!engine.depart()) this.#transmit()
    this.#takeEvents()
    return count
  }

  get nowUs(): number {
    return this.nowS * 1_000_000 + this.laterUs
  }

  #process(count: number): void {
    let done = this.engine.process(0, count, this.nowS)
    while (done < count) {
      this.#transmit()
      done = this.engine.process(done, count, this.nowS)
    }
  }

  #transmit(): void {
    this.io.transmit(this.engine.transmitCount)
    this.engine.settle()
  }

  departures(port: number): QueuedFrame[] {
    return this.io.collect(port)
  }

  #takeEvents(): void {
    const { status, events } = this.io.memory
    for (let i = 0; i < status[STATUS_EVENTS]!; i++) {
      const port = events[i * EVENT_WORDS]!
      this.engine.removePort(port)
      this.#ports.delete(port)
    }
  }
}

/** Each frame that came in, and each copy that was made, has gone out or was dropped for a reason. */
export function assertAllAccountedFor(total: PortCount): void {
  const drops = total.drops.reduce((sum, count) => sum + count, 0)
  assert.equal(
    total.receivedFrames + total.floodCopies + total.segmentCopies + total.originated,
    total.transmittedFrames + drops + total.consumed + total.held,
    'received + floodCopies + segmentCopies + originated = transmitted + drops + consumed + held',
  )
}

/** Plays the text on a new data path and returns that, for what a line cannot say. */
export function play(text: string, options: Partial<EngineOptions> = {}): Scenario {
  const player = new Player(new Scenario(options))
  for (const [index, line] of text.split('\n').entries()) {
    const words = line.trim().split(/\s+/)
    if (words[0] !== '' && words[0] !== '#') player.play(words, index + 1)
  }
  player.finish()
  return player.scenario
}

/** A burst and what is said of it. */
class Step {
  readonly line: number
  readonly arrivals: { readonly port: number; readonly frame: QueuedFrame; readonly injected: boolean }[] = []
  readonly departures: { readonly port: number; readonly frame: QueuedFrame }[] = []
  readonly drops: string[] = []

  constructor(line: number) {
    this.line = line
  }
}

class Player {
  readonly scenario: Scenario
  #step: Step | undefined
  #told = false

  constructor(scenario: Scenario) {
    this.scenario = scenario
  }

  play(words: string[], line: number): void {
    const [command, ...rest] = words
    const event = /^(\d+)([>+<!])$/.exec(command!)
    if (event === null) {
      this.finish()
      this.#command(command!, rest)
      return
    }
    const port = Number(event[1])
    if (event[2] === '>' || event[2] === '+') {
      if (this.#told) this.finish()
      this.#step ??= new Step(line)
      this.#step.arrivals.push({ port, frame: frameOf(rest), injected: event[2] === '+' })
      return
    }
    assert.ok(this.#step, `line ${line}: nothing has arrived`)
    this.#told = true
    if (event[2] === '<') this.#step.departures.push({ port, frame: frameOf(rest) })
    else this.#step.drops.push(...dropsOf(port, rest))
  }

  /** Runs the burst of the lines so far, and compares. */
  finish(): void {
    const step = this.#step
    if (step === undefined) return
    this.#step = undefined
    this.#told = false
    const { scenario } = this
    const before = new Map(scenario.ports.map((port) => [port, scenario.engine.counters.port(port)]))
    for (const { port, frame, injected } of step.arrivals) if (!injected) scenario.arrive(port, frame)
    scenario.run()
    for (const { port, frame, injected } of step.arrivals) if (injected) scenario.inject(port, frame)

    const left = scenario.ports.flatMap((port) => departureLines(port, scenario.departures(port)))
    const wanted = step.departures.toSorted((one, other) => one.port - other.port)
    const wantedLines = wanted.flatMap(({ port, frame }) => departureLines(port, [frame]))
    assert.deepEqual(left, wantedLines, `what leaves after line ${step.line}`)
    this.#compareCounters(step, before)
  }

  #compareCounters(step: Step, before: ReadonlyMap<number, PortCount>): void {
    const drops: string[] = []
    for (const port of this.scenario.ports) {
      const old = before.get(port)!
      const now = this.scenario.engine.counters.port(port)
      const received = step.arrivals.filter((arrival) => arrival.port === port)
      const transmitted = step.departures.filter((departure) => departure.port === port)
      const where = `port ${port} after line ${step.line}`
      assert.equal(now.receivedFrames - old.receivedFrames, received.length, `frames received, ${where}`)
      assert.equal(now.receivedBytes - old.receivedBytes, bytesOf(received), `bytes received, ${where}`)
      assert.equal(now.transmittedFrames - old.transmittedFrames, transmitted.length, `transmitted, ${where}`)
      assert.equal(now.transmittedBytes - old.transmittedBytes, bytesOf(transmitted), `bytes, ${where}`)
      for (const [reason, count] of now.drops.entries()) {
        for (let i = old.drops[reason]!; i < count; i++) drops.push(`${port}! ${DROP_REASONS[reason]!.name}`)
      }
    }
    assert.deepEqual(drops.toSorted(), step.drops.toSorted(), `what is dropped after line ${step.line}`)
  }

  #command(command: string, words: readonly string[]): void {
    const { scenario } = this
    const time = /^t=(\d+)$/.exec(command)
    if (time !== null) scenario.nowS = Number(time[1])
    else if (command === 'tick') scenario.engine.tick(scenario.nowS)
    else if (command === 'network')
      scenario.network(Number(words[0]), { transparent: words[1] === 'transparent' })
    else if (command === 'port') this.#addPorts(words)
    else if (command === 'remove') scenario.remove(Number(words[0]))
    else if (command === 'vanish') scenario.io.vanish(Number(words[0]))
    else throw new Error(`no such command: ${command}`)
  }

  #addPorts([ports, ...words]: readonly string[]): void {
    const setting = (name: string): number | undefined => {
      const found = words.find((word) => word.startsWith(`${name}=`))
      return found === undefined ? undefined : Number(found.slice(name.length + 1))
    }
    const domain = setting('network')
    assert.ok(domain !== undefined, 'a port needs network=N')
    for (const port of ports!.split(',')) {
      const settings = {
        domain,
        mtu: setting('mtu') ?? MTU_DEFAULT,
        plain: words.includes('plain'),
        lan: words.includes('lan'),
      }
      this.scenario.port(Number(port), settings, setting('queue'))
    }
  }
}

const departureLines = (port: number, frames: readonly QueuedFrame[]): string[] =>
  frames.map((frame) => `${port}< ${frameText(frame)}`)

const bytesOf = (frames: readonly { readonly frame: QueuedFrame }[]): number =>
  frames.reduce((sum, { frame }) => sum + frame.frame.length, 0)

function dropsOf(port: number, [reason, times]: readonly string[]): string[] {
  assert.ok(
    DROP_REASONS.some(({ name }) => name === reason),
    `no such reason: ${reason}`,
  )
  return Array<string>(Number(times?.slice(1) ?? 1)).fill(`${port}! ${reason}`)
}
