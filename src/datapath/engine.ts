/**
 * The data path: takes the burst that a poll returned, frame by frame, through classify, bridge and egress, and leaves
 * the list of transmissions for the next poll.
 *
 *     poll ─► classify ─► learn, decide ─► egress ─► poll
 *                 │            │
 *                 └────────────┴─► drop: a reason, counted
 *
 * Nothing here allocates, throws, waits or reads a clock.
 */

import { PORTS_MAX, STATION_AGEING_S, STATIONS_DEFAULT, STATIONS_PER_PORT_DEFAULT } from '../limits.ts'
import { MacTable } from '../tables/mac-table.ts'
import { Bridge, FLOOD } from './bridge.ts'
import { classify } from './classify.ts'
import { Counters } from './counters.ts'
import { DropReason } from './drop-reason.ts'
import { Egress } from './egress.ts'
import {
  DESCRIPTOR_SHIFT,
  type FrameMemory,
  LENGTH,
  OFFSET,
  PORT,
  STATUS_TRANSMIT_FAILURES,
} from './frame-memory.ts'
import { type DomainSettings, NO_DOMAIN, type PortSettings, PortTable } from './port-table.ts'

export interface EngineOptions {
  /** A random int32, kept secret: see MacTableOptions. */
  readonly seed: number
  readonly stations?: number
  readonly stationsPerPort?: number
  readonly ageingS?: number
  /** Shared with a reader on another thread where given. */
  readonly counters?: Counters
}

export class Engine {
  readonly counters: Counters
  readonly stations: MacTable
  readonly #memory: FrameMemory
  readonly #ports = new PortTable()
  readonly #bridge: Bridge
  readonly #egress: Egress

  constructor(memory: FrameMemory, options: EngineOptions) {
    this.#memory = memory
    this.counters = options.counters ?? new Counters()
    this.stations = new MacTable({
      capacity: options.stations ?? STATIONS_DEFAULT,
      ports: PORTS_MAX,
      stationsPerPort: options.stationsPerPort ?? STATIONS_PER_PORT_DEFAULT,
      ageingS: options.ageingS ?? STATION_AGEING_S,
      seed: options.seed,
    })
    this.#bridge = new Bridge(this.#ports, this.stations)
    this.#egress = new Egress(memory, this.#ports, this.counters)
  }

  /** How many transmissions the next poll has to carry out. */
  get transmitCount(): number {
    return this.#egress.count
  }

  /** To be called after each poll or transmit, before `process`: takes account of the transmissions carried out. */
  settle(): void {
    this.#egress.settle(this.#memory.status[STATUS_TRANSMIT_FAILURES]!)
  }

  /**
   * Takes the frames `from` to `count - 1` of the burst through the path. Returns `count`, or less where the list of
   * transmissions may not take the next frame: `FrameIo.transmit` it away, `settle`, and go on from there.
   */
  process(from: number, count: number, nowS: number): number {
    const received = this.#memory.received
    const targets = this.#ports.largestDomain
    for (let i = from; i < count; i++) {
      if (!this.#egress.hasRoom(targets)) return i
      const descriptor = i << DESCRIPTOR_SHIFT
      this.#forward(
        received[descriptor + PORT]!,
        received[descriptor + OFFSET]!,
        received[descriptor + LENGTH]!,
        nowS,
      )
    }
    return count
  }

  /** Forgets stations that have been silent for too long. To be called once a second or so. */
  tick(nowS: number): void {
    this.stations.expire(nowS)
  }

  addDomain(domain: number, settings: DomainSettings): void {
    this.#ports.addDomain(domain, settings)
  }

  removeDomain(domain: number): void {
    this.#ports.removeDomain(domain)
    this.stations.flushDomain(domain)
  }

  addPort(port: number, settings: PortSettings): void {
    this.#ports.addPort(port, settings)
  }

  /**
   * The port goes, with its stations. What waits for transmission to it is dropped here and now, so that it neither counts for
   * the next port of this number nor reaches it.
   */
  removePort(port: number): void {
    this.#egress.withdraw(port)
    this.#ports.removePort(port)
    this.stations.removePort(port)
    this.counters.remove(port)
  }

  #forward(port: number, offset: number, length: number, nowS: number): void {
    const view = this.#memory.view
    this.counters.received(port, length)
    const domain = this.#ports.domain[port]!
    if (domain === NO_DOMAIN) {
      this.counters.dropped(port, DropReason.noDomain)
      return
    }
    const reason = classify(view, offset, length, this.#ports.frameMax[port]!)
    if (reason !== DropReason.none) {
      this.counters.dropped(port, reason as DropReason)
      return
    }
    this.#bridge.learn(view, offset, port, domain, nowS)
    const verdict = this.#bridge.decide(view, offset, port, domain, nowS)
    if (verdict < 0) this.counters.dropped(port, -verdict as DropReason)
    else if (verdict !== FLOOD) this.#egress.send(verdict, offset, length)
    else this.#flood(port, offset, length, domain)
  }

  #flood(port: number, offset: number, length: number, domain: number): void {
    const targets = this.#egress.flood(this.#ports.members(domain), port, offset, length)
    if (targets === 0) this.counters.dropped(port, DropReason.noOtherPort)
    else this.counters.flooded(port, targets)
  }
}
