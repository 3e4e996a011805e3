/**
 * The data path: takes the burst that a poll returned through classify, bridge and egress, and leaves the list of
 * transmissions for the next poll.
 *
 *            ┌─── accept ──────┐   ┌─── forward ────┐
 *     poll ─►│ classify, learn │──►│ decide, egress │─► poll
 *            └────────┬────────┘   └───────┬────────┘
 *                     └────────────────────┴─► drop: a reason, counted
 *
 * The whole burst is accepted before its first frame is forwarded. Two short loops are faster than a long one: V8 compiles
 * each into one piece of code, with all that it calls for a frame, but only up to some size (920 bytes of bytecode).
 *
 * Nothing here allocates, throws, waits or reads a clock.
 */

import { PORTS_MAX, STATION_AGEING_S, STATIONS_DEFAULT, STATIONS_PER_PORT_DEFAULT } from '../limits.ts'
import { MacTable } from '../tables/mac-table.ts'
import * as ethernet from '../wire/ethernet.ts'
import { Bridge, dropReasonOf, FLOOD } from './bridge.ts'
import { classify } from './classify.ts'
import { Counters } from './counters.ts'
import { DropReason } from './drop-reason.ts'
import { Egress } from './egress.ts'
import type { FrameMemory } from './frame-memory.ts'
import * as frameMemory from './frame-memory.ts'
import { type DomainSettings, NO_DOMAIN, type PortSettings, PortTable } from './port-table.ts'
import type {
  ExplainedStep,
  FlowListing,
  FlowSelection,
  LinkPermitSettings,
  NatCounts,
  NeighbourValue,
  PortMappingSettings,
  RouterInterfaceSettings,
  RouteSettings,
} from './router-settings.ts'

// Constants of this module, whose values V8 compiles in; an imported one it would load and check at each use.
const { DESCRIPTOR_SHIFT, LENGTH, OFFSET, PORT, REASON, STATUS_TRANSMIT_FAILURES } = frameMemory
const { FRAME_IN_SLOT, FRAME_MAX, VIRTIO_NET_HEADER_SIZE } = frameMemory
const { sourceHigh, sourceLow, targetHigh, targetLow } = ethernet
const { none: ACCEPTED, noDomain: WITHOUT_DOMAIN } = DropReason

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
  private readonly memory: FrameMemory
  private readonly ports = new PortTable()
  private readonly bridge: Bridge
  private readonly egress: Egress
  /** How many frames of the burst have been through `accept`. */
  private accepted = 0

  constructor(memory: FrameMemory, options: EngineOptions) {
    this.memory = memory
    this.counters = options.counters ?? new Counters()
    this.stations = new MacTable({
      capacity: options.stations ?? STATIONS_DEFAULT,
      ports: PORTS_MAX,
      stationsPerPort: options.stationsPerPort ?? STATIONS_PER_PORT_DEFAULT,
      ageingS: options.ageingS ?? STATION_AGEING_S,
      seed: options.seed,
    })
    this.bridge = new Bridge(this.ports, this.stations)
    this.egress = new Egress(memory, this.ports, this.counters)
  }

  /** How many transmissions the next poll has to carry out. */
  get transmitCount(): number {
    return this.egress.count
  }

  /** To be called after each poll or transmit, before `process`: takes account of the transmissions carried out. */
  settle(): void {
    this.egress.settle(this.memory.status[STATUS_TRANSMIT_FAILURES]!)
  }

  /**
   * Takes the frames `from` to `count - 1` of the burst through the path. Returns `count`, or less where the list of
   * transmissions may not take the next frame: `FrameIo.transmit` it away, `settle`, and go on from there.
   *
   * A burst is taken from 0 on, in order, and ports and domains stay as they are until it is through.
   */
  process(from: number, count: number, nowS: number): number {
    if (from === 0) this.accepted = 0
    this.accept(count, nowS)
    return this.forward(from, count, nowS)
  }

  /**
   * Takes a frame of our own through the path, as though `port` had received it; counters, checks and learning are the same.
   * To be called between two bursts, when all transmissions are carried out; its own then wait to be.
   */
  inject(port: number, frame: Uint8Array, nowS: number): void {
    if (this.egress.count > 0) throw new Error('transmissions wait')
    if ((this.ports.domain[port] ?? NO_DOMAIN) === NO_DOMAIN) throw new Error(`port ${port} does not exist`)
    if (frame.length > FRAME_MAX)
      throw new RangeError(`a frame has at most ${FRAME_MAX} bytes, not ${frame.length}`)
    // Nothing else is in the arena: that is where segments are built, and the list is empty.
    const { bytes, layout, received } = this.memory
    const offset = layout.arena + FRAME_IN_SLOT
    bytes.fill(0, offset - VIRTIO_NET_HEADER_SIZE, offset)
    bytes.set(frame, offset)
    received[PORT] = port
    received[OFFSET] = offset
    received[LENGTH] = frame.length
    this.process(0, 1, nowS)
  }

  /** Forgets some of the stations that have been silent for too long. To be called in each turn of the loop. */
  tick(nowS: number): void {
    this.stations.expire(nowS)
  }

  addDomain(domain: number, settings: DomainSettings): void {
    this.ports.addDomain(domain, settings)
  }

  removeDomain(domain: number): void {
    this.ports.removeDomain(domain)
    this.stations.flushDomain(domain)
  }

  addPort(port: number, settings: PortSettings): void {
    this.ports.addPort(port, settings)
  }

  /**
   * The port goes, with its stations. What waits for transmission to it is dropped here and now, so that it neither counts for
   * the next port of this number nor reaches it.
   */
  removePort(port: number): void {
    this.egress.withdraw(port)
    this.ports.removePort(port)
    this.stations.removePort(port)
    this.counters.remove(port)
  }

  setInterface(_domain: number, _settings: RouterInterfaceSettings | undefined): void {}
  setRoutes(_routes: readonly RouteSettings[]): void {}
  publish(_mapping: PortMappingSettings): void {}
  unpublish(_id: number): number {
    return 0
  }
  permit(_permit: LinkPermitSettings): void {}
  withdraw(_id: number): void {}
  flows(_selection: FlowSelection, _limit: number, _nowS: number): FlowListing {
    return { flows: [], total: 0 }
  }
  flushFlows(_selection: FlowSelection): number {
    return 0
  }
  natCounts(): NatCounts {
    throw new Error('the router is being built')
  }
  neighbours(): readonly NeighbourValue[] {
    return []
  }
  explain(_port: number, _frame: Uint8Array, _nowS: number): readonly ExplainedStep[] {
    return []
  }

  /** Judges the frames up to `count`, and learns from the good ones where their senders live. */
  private accept(count: number, nowS: number): void {
    const { received, view } = this.memory
    const { domain: domains, frameMax } = this.ports
    const { counters, bridge } = this
    for (let i = this.accepted; i < count; i++) {
      const descriptor = i << DESCRIPTOR_SHIFT
      const port = received[descriptor + PORT]!
      const offset = received[descriptor + OFFSET]!
      const length = received[descriptor + LENGTH]!
      const domain = domains[port]!
      counters.received(port, length)
      const reason = domain === NO_DOMAIN ? WITHOUT_DOMAIN : classify(view, offset, length, frameMax[port]!)
      received[descriptor + REASON] = reason
      if (reason !== ACCEPTED) counters.dropped(port, reason as DropReason)
      else bridge.learn(sourceHigh(view, offset), sourceLow(view, offset), port, domain, nowS)
    }
    this.accepted = count
  }

  /** Sends what was accepted to where it goes. Returns `count`, or the first frame for which there may be no room. */
  private forward(from: number, count: number, nowS: number): number {
    const { received, view } = this.memory
    const { domain: domains } = this.ports
    const { bridge, egress } = this
    egress.expect(this.ports.largestDomain)
    for (let i = from; i < count; i++) {
      if (!egress.hasRoom) return i
      const descriptor = i << DESCRIPTOR_SHIFT
      if (received[descriptor + REASON] !== ACCEPTED) continue
      const port = received[descriptor + PORT]!
      const offset = received[descriptor + OFFSET]!
      const length = received[descriptor + LENGTH]!
      const domain = domains[port]!
      const high = targetHigh(view, offset)
      const verdict = bridge.decide(high, targetLow(view, offset), port, domain, nowS)
      if (verdict >= 0) egress.send(verdict, offset, length)
      else if (verdict === FLOOD) this.flood(port, offset, length, domain)
      else this.counters.dropped(port, dropReasonOf(verdict))
    }
    return count
  }

  private flood(port: number, offset: number, length: number, domain: number): void {
    const targets = this.egress.flood(this.ports.members(domain), port, offset, length)
    if (targets === 0) this.counters.dropped(port, DropReason.noOtherPort)
    else this.counters.flooded(port, targets)
  }
}
