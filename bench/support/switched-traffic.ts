/**
 * The traffic of `npm run bench -- hot`, made exactly as the comment in bench/reference/switch.c says, and taken
 * through the data path that the switch runs. Memory takes the place of devices: nothing is read, nothing is written.
 */

import { Counters } from '../../src/datapath/counters.ts'
import { Engine } from '../../src/datapath/engine.ts'
import {
  DESCRIPTOR_SHIFT,
  DESCRIPTOR_WORDS,
  FRAME_IN_SLOT,
  type FrameLayout,
  FrameMemory,
  frameLayout,
  LENGTH,
  OFFSET,
  PORT,
} from '../../src/datapath/frame-memory.ts'
import { BURST_MAX, MTU_DEFAULT, SLOTS_DEFAULT } from '../../src/limits.ts'

/** How large a switch is. */
export interface Shape {
  readonly ports: number
  readonly stations: number
}

/** What both sides must agree on before their times mean anything. */
export interface Outcome {
  readonly received: number
  readonly transmitted: number
  readonly transmittedBytes: number
  readonly dropped: number
  /** Of port, offset and length of all transmissions of one pass over the frames: FNV-1a over int32 words. */
  readonly checksum: number
}

/** Frames of small packets, prepared beforehand, and how far they are apart. */
export const FRAMES = 16_384
export const STRIDE = 256
const FRAME_LENGTH = 60
const ETHERTYPE_LOCAL_EXPERIMENTAL = 0x88b5
const DOMAIN = 1
const STATION_HIGH = 0x0200
const SEED = 1

export class SwitchedTraffic {
  readonly #memory = new FrameMemory(compactLayout())
  readonly #counters = new Counters()
  readonly #engine: Engine
  readonly #shape: Shape
  /** The descriptors of all frames, a burst each. */
  readonly #bursts: readonly Int32Array[]
  #randomState = 1
  #nowS = 0

  constructor(shape: Shape) {
    this.#shape = shape
    const { stations, ports } = shape
    this.#engine = new Engine(this.#memory, { seed: SEED, stations, counters: this.#counters })
    this.#engine.addDomain(DOMAIN, { transparent: false })
    for (let port = 0; port < ports; port++) {
      this.#engine.addPort(port, { domain: DOMAIN, mtu: MTU_DEFAULT, plain: false })
    }
    const prepared = this.#prepare()
    this.#bursts = Array.from({ length: FRAMES / BURST_MAX }, (_, burst) => {
      const words = BURST_MAX * DESCRIPTOR_WORDS
      return prepared.subarray(burst * words, (burst + 1) * words)
    })
    for (let station = 0; station < stations; station++) {
      this.#engine.stations.learn(DOMAIN, STATION_HIGH, station, station % ports, this.#nowS)
    }
  }

  /** Takes `bursts` bursts through the data path, a second after the last round. */
  round(bursts: number): void {
    this.#nowS++
    const engine = this.#engine
    for (let burst = 0; burst < bursts; burst++) {
      this.#poll(burst)
      engine.settle()
      if (engine.process(0, BURST_MAX, this.#nowS) < BURST_MAX)
        throw new Error('the list of transmissions is full')
    }
  }

  outcome(): Outcome {
    const total = this.#counters.total()
    return {
      received: total.receivedFrames,
      transmitted: total.transmittedFrames,
      transmittedBytes: total.transmittedBytes,
      dropped: total.drops.reduce((sum, count) => sum + count, 0),
      checksum: this.#checksumOfPass(),
    }
  }

  #poll(burst: number): void {
    this.#memory.received.set(this.#bursts[burst % this.#bursts.length]!)
  }

  #checksumOfPass(): number {
    const { transmits } = this.#memory
    let sum = 0x811c9dc5
    for (let burst = 0; burst < this.#bursts.length; burst++) {
      this.#poll(burst)
      this.#engine.settle()
      this.#engine.process(0, BURST_MAX, this.#nowS)
      for (let i = 0; i < this.#engine.transmitCount; i++) {
        for (const word of [PORT, OFFSET, LENGTH]) {
          sum = Math.imul(sum ^ transmits[(i << DESCRIPTOR_SHIFT) + word]!, 0x01000193)
        }
      }
    }
    return sum >>> 0
  }

  #prepare(): Int32Array {
    const { stations, ports } = this.#shape
    const { view } = this.#memory
    const prepared = new Int32Array(FRAMES * DESCRIPTOR_WORDS)
    for (let frame = 0; frame < FRAMES; frame++) {
      const source = this.#draw(stations)
      let target = this.#draw(stations)
      while (target % ports === source % ports) target = this.#draw(stations)
      const offset = frame * STRIDE + FRAME_IN_SLOT
      view.setUint16(offset, STATION_HIGH)
      view.setInt32(offset + 2, target)
      view.setUint16(offset + 6, STATION_HIGH)
      view.setInt32(offset + 8, source)
      view.setUint16(offset + 12, ETHERTYPE_LOCAL_EXPERIMENTAL)
      prepared.set([source % ports, offset, FRAME_LENGTH, 0], frame << DESCRIPTOR_SHIFT)
    }
    return prepared
  }

  #draw(below: number): number {
    this.#randomState = (Math.imul(this.#randomState, 1_664_525) + 1_013_904_223) >>> 0
    return (this.#randomState >>> 8) % below
  }
}

/** The slots first, from byte 0 on and closer than real ones, so that offsets are those of the reference. */
export function compactLayout(): FrameLayout {
  const usual = frameLayout(SLOTS_DEFAULT)
  const before = usual.slots
  const slots = FRAMES * STRIDE
  return {
    status: slots + usual.status,
    events: slots + usual.events,
    received: slots + usual.received,
    transmits: slots + usual.transmits,
    slots: 0,
    slotCount: FRAMES,
    arena: slots + before,
    gathers: slots + before + usual.gathers - usual.arena,
    sums: slots + before + usual.sums - usual.arena,
    size: slots + before + usual.size - usual.arena,
  }
}
