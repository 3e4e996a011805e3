/**
 * The data path as those see it who drive it: a burst at a time from the loop, settings and questions in between. Its parts are put
 * together here, and what concerns several of them begins here.
 *
 *            ┌─ arrive ──────────────┐   ┌─ process ──────────────┐   ┌─ depart ───────┐
 *     poll ─►│ tunnels, impairments  │──►│ switching, then router │──►│ impaired links │─► poll
 *            └───────────────────────┘   └────────────────────────┘   └────────────────┘
 *
 * What `process` has decided to send is the list of transmissions for the next poll. Nothing on a frame's way allocates, throws, waits or
 * reads a clock.
 */

import {
  BURST_MAX,
  CONNECTIONS_DEFAULT,
  CONNECTIONS_PER_OWNER_DEFAULT,
  STATION_AGEING_S,
  STATIONS_DEFAULT,
  STATIONS_PER_PORT_DEFAULT,
} from '../limits.ts'
import { MacTable } from '../tables/mac-table.ts'
import type { MacAddress } from '../wire/address.ts'
import { Bridge } from './bridge.ts'
import type { RecordTuples } from './capture/capture-ring.ts'
import { Counters } from './counters.ts'
import type { DnsServer } from './dns/dns-server.ts'
import { Egress } from './egress.ts'
import { type ExplainOptions, type ExplainParts, explain } from './explain.ts'
import { countFlows, listFlows, listNeighbours, removeFlows } from './flow-listing.ts'
import type { FrameMemory } from './frame-memory.ts'
import * as frameMemory from './frame-memory.ts'
import { Guard } from './guard.ts'
import { Icc } from './icc.ts'
import type {
  ImpairmentCounts,
  ImpairmentSettings,
  ImpairmentValue,
  LinkDirection,
} from './impairment/impairment-settings.ts'
import { Impairments } from './impairment/impairments.ts'
import { setInterface } from './interface-change.ts'
import { addPeer, addPort, addTunnel, type PortParts, removePort, removeTunnel } from './port-change.ts'
import { type DomainSettings, NO_DOMAIN, type PortSettings, PortTable } from './port-table.ts'
import { Router } from './router.ts'
import { ROUTER_PORT } from './router-port.ts'
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
import { removeService, setService, unpublish } from './services/service-change.ts'
import type { ServiceSettings } from './services/service-settings.ts'
import { Switching } from './switching.ts'
import type {
  OverlaySettings,
  PeerSettings,
  PeerState,
  RemoteSettings,
  Stranger,
  TunnelSettings,
} from './tunnel/tunnel-settings.ts'
import { Tunnels } from './tunnel/tunnels.ts'

const { LENGTH, OFFSET, PORT, STATUS_TRANSMIT_FAILURES, FRAME_MAX } = frameMemory

export interface EngineOptions {
  /** A random int32, kept secret: see MacTableOptions. */
  readonly seed: number
  readonly stations?: number
  readonly stationsPerPort?: number
  readonly ageingS?: number
  /** Connections that the router follows at a time, and those that one port may have begun. */
  readonly connections?: number
  readonly connectionsPerOwner?: number
  /** Shared with a reader on another thread where given. */
  readonly counters?: Counters
}

export class Engine {
  readonly counters: Counters
  readonly stations: MacTable
  /** The name server of the gateways. */
  readonly dns: DnsServer
  /** All of them, for what concerns several. */
  private readonly parts: ExplainParts & PortParts
  private readonly memory: FrameMemory
  private readonly ports = new PortTable()
  private readonly icc = new Icc()
  private readonly egress: Egress
  private readonly router: Router
  private readonly impairment: Impairments
  private readonly tunnels: Tunnels
  private readonly switching: Switching
  /** How many frames of the burst the switch has accepted, and how many it has forwarded. */
  private accepted = 0
  private forwarded = 0
  /** The burst that `process` was called for last is not through. */
  private unfinished = false

  constructor(memory: FrameMemory, options: EngineOptions) {
    this.memory = memory
    this.counters = options.counters ?? new Counters()
    this.stations = new MacTable({
      capacity: options.stations ?? STATIONS_DEFAULT,
      ports: ROUTER_PORT + 1,
      stationsPerPort: options.stationsPerPort ?? STATIONS_PER_PORT_DEFAULT,
      ageingS: options.ageingS ?? STATION_AGEING_S,
      seed: options.seed,
    })
    const { ports, icc, stations, counters } = this
    const guard = new Guard()
    const bridge = new Bridge(ports, stations)
    const egress = new Egress(memory, ports, counters)
    const early = { memory, ports, guard, icc, stations, counters, bridge, egress, seed: options.seed }
    const router = new Router({
      ...early,
      connections: options.connections ?? CONNECTIONS_DEFAULT,
      connectionsPerOwner: options.connectionsPerOwner ?? CONNECTIONS_PER_OWNER_DEFAULT,
    })
    const impairment = new Impairments(early)
    const { interfaces, link } = router
    const { neighbours } = link
    const tunnels = new Tunnels({ ...early, interfaces, neighbours, impairment })
    router.admission.tunnels = tunnels.tables
    this.parts = { ...early, router, impairment, tunnels }
    this.switching = new Switching({ ...early, router, impairment, tunnels })
    this.egress = egress
    this.router = router
    this.impairment = impairment
    this.tunnels = tunnels
    this.dns = router.dns
  }

  /** Where the frame of a transmission in the list begins, of one to a peer the inner frame: while somebody looks on (Egress.frameOffset). */
  transmittedOffset(index: number): number {
    return this.egress.frameOffset(index)
  }

  /** Bytes of that frame. */
  transmittedLength(index: number): number {
    return this.egress.frameLength(index)
  }

  /** What the router follows, to be read. */
  get connections(): RecordTuples {
    return this.router.connections
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
   * Takes out of their tunnels what came by these, and lets a burst of `count` frames pass the links by which they came, where these are
   * impaired: to be called behind `settle`, before `process`. Returns how many frames the burst has then. Those that wait are gone from
   * it; those that have waited long enough stand in it, as though they had just come.
   *
   * `nowUs`: microseconds of a clock that never goes back; all of the turn happens at this time.
   */
  arrive(count: number, nowUs: number): number {
    const { egress, tunnels, impairment } = this
    egress.freeArrivals()
    const frames = tunnels.tables.count === 0 ? count : tunnels.decapsulation.arrive(count, nowUs)
    const arrived = impairment.arrive(frames, nowUs)
    egress.keepArrivals()
    return arrived
  }

  /**
   * More frames have waited long enough, or have come out of tunnels, than the burst had room for. When it is through, `transmit` and `settle`; then call
   * `arrive(0, nowUs)` and `process` again.
   */
  get hasArrivals(): boolean {
    return this.tunnels.decapsulation.hasArrivals || this.impairment.hasArrivals
  }

  /** Something has waited long enough on the link to its port: call `depart`. */
  get hasDepartures(): boolean {
    return this.impairment.hasDepartures
  }

  /**
   * Adds to the transmissions what has waited long enough on the link to its port: to be called when the burst is through. False where
   * the list does not take all: `transmit`, `settle`, and call again.
   */
  depart(): boolean {
    return this.impairment.depart()
  }

  /** When the next frame that waits on an impaired link is to go on: microseconds of the clock of `arrive`, or Infinity. */
  get nextDueUs(): number {
    return this.impairment.nextDueUs
  }

  /**
   * Takes the frames `from` to `count - 1` of the burst through the path. Returns `count`, or less where the list of
   * transmissions may not take the next frame: `FrameIo.transmit` it away, `settle`, and go on from there.
   *
   * A burst is taken from 0 on, in order, and ports and domains stay as they are until it is through.
   */
  process(from: number, count: number, nowS: number): number {
    this.tunnels.pathMtu.nowS = nowS
    if (from === 0 && !this.unfinished) this.beginBurst()
    this.switching.accept(this.accepted, count, nowS)
    this.accepted = count
    this.forwarded = this.switching.forward(Math.max(from, this.forwarded), count, nowS)
    this.unfinished = this.forwarded < count || !this.router.process(nowS)
    return this.unfinished ? Math.min(this.forwarded, count - 1) : count
  }

  /**
   * Takes a frame of our own through the path, as though `port` had received it; counters, checks and learning are the same.
   * To be called between two bursts, when all transmissions are carried out; its own then wait to be.
   */
  inject(port: number, frame: Uint8Array, nowS: number): void {
    this.place(port, frame)
    this.process(0, 1, nowS)
  }

  /**
   * The first half of `inject`: makes a frame of our own the burst, of one frame, that `process` is to be called for. `byLink`: it comes by
   * the port's link, in the turn for which `arrive` was called last; where that is impaired the frame may wait, or be dropped, and the
   * burst has none. Returns how many frames the burst has.
   */
  place(port: number, frame: Uint8Array, byLink = false): number {
    if (this.egress.count > 0) throw new Error('transmissions wait')
    if ((this.ports.domain[port] ?? NO_DOMAIN) === NO_DOMAIN) throw new Error(`port ${port} does not exist`)
    if (frame.length > FRAME_MAX)
      throw new RangeError(`a frame has at most ${FRAME_MAX} bytes, not ${frame.length}`)
    const { egress, impairment } = this
    const { bytes, received } = this.memory
    egress.freeArrivals()
    const offset = egress.allocate(frame.length)
    // Who looks on may transmit before the frame is dealt with.
    egress.keepArrivals()
    bytes.set(frame, offset)
    received[PORT] = port
    received[OFFSET] = offset
    received[LENGTH] = frame.length
    impairment.uncounted = BURST_MAX
    return byLink ? impairment.arriveAlone() : 1
  }

  /**
   * Forgets some of what has been silent for too long, and asks again where nobody has answered. To be called in each turn of the
   * loop, behind `process`. True where there is more to do at once.
   */
  tick(nowS: number): boolean {
    this.tunnels.pathMtu.nowS = nowS
    this.stations.expire(nowS)
    this.impairment.tick(nowS)
    this.egress.expect(this.ports.largestDomain)
    return this.router.tick(nowS)
  }

  addDomain(domain: number, settings: DomainSettings): void {
    this.ports.addDomain(domain, settings)
  }

  removeDomain(domain: number): void {
    this.ports.removeDomain(domain)
    this.tunnels.removeDomain(domain)
    this.setInterface(domain, undefined)
    this.dns.removeDomain(domain)
    this.stations.flushDomain(domain)
  }

  addPort(port: number, settings: PortSettings): void {
    addPort(this.parts, port, settings)
  }

  /**
   * The port goes, with its stations. What waits for transmission to it is dropped here and now, so that it neither counts for
   * the next port of this number nor reaches it.
   */
  removePort(port: number): void {
    removePort(this.parts, port)
  }

  /** A tunnel's port is in no domain. Throws RangeError for a value out of its range, or where there are too many. */
  addTunnel(port: number, settings: TunnelSettings): void {
    addTunnel(this.parts, port, settings)
  }

  /** Throws Error where a domain still goes on behind it. */
  removeTunnel(port: number): void {
    removeTunnel(this.parts, port)
  }

  /**
   * Lets a domain go on behind a tunnel, changes how, or (undefined) ends it, when its peers are removed. Throws Error where there is
   * no such domain or tunnel, or another domain has the network identifier.
   */
  setOverlay(domain: number, settings: OverlaySettings | undefined): void {
    this.tunnels.setOverlay(domain, settings)
  }

  /** The port is one of the domain's from here on. Throws Error where it is taken, or the domain has a peer of this address. */
  addPeer(port: number, settings: PeerSettings): void {
    addPeer(this.parts, port, settings)
  }

  /** With the stations behind it. */
  removePeer(port: number): void {
    this.removePort(port)
  }

  /** The way to the peer takes other packets than before. */
  setPeerMtu(port: number, mtu: number): void {
    this.tunnels.setPeerMtu(port, mtu)
  }

  /**
   * Where a station is from here on; undefined: nowhere. While a port of this host has it (PortSettings.station), that one has it. Throws
   * Error where the port is no peer's, RangeError where there is no room.
   */
  setRemote(domain: number, mac: MacAddress, settings: RemoteSettings | undefined): void {
    this.tunnels.setRemote(domain, mac, settings)
  }

  /** Tunnel endpoints that send for a domain and are no peers of it, each told of once in a while. */
  takeStrangers(): readonly Stranger[] {
    return this.tunnels.takeStrangers()
  }

  /** Whether a frame was too long for the way to a peer since this was asked last: it takes less than `setPeerMtu` has said. */
  takeNarrow(): boolean {
    const { hasFoundNarrow } = this.egress
    this.egress.hasFoundNarrow = false
    return hasFoundNarrow
  }

  /** All peers, as they are now. */
  peers(nowS: number): readonly PeerState[] {
    return this.tunnels.peers(nowS)
  }

  /** Bytes of IP packet that the port takes from here on. */
  setPortMtu(port: number, mtu: number): void {
    this.ports.setMtu(port, mtu)
  }

  /** Gives the domain a gateway, changes it, or takes it away with its connections. Throws RangeError where there is no room for it. */
  setInterface(domain: number, settings: RouterInterfaceSettings | undefined): void {
    setInterface(this.router, this.stations, domain, settings)
    this.tunnels.remotes.replaceNeighbours(domain)
  }

  /** All routes but those of the interfaces' own subnets. */
  setRoutes(routes: readonly RouteSettings[]): void {
    this.router.forwarding.setRoutes(routes)
    this.router.forgetHops()
  }

  /** Throws RangeError where it overlaps what is published, or there is no room. */
  publish(mapping: PortMappingSettings): void {
    if (!this.router.portMap.add(mapping))
      throw new RangeError(`the ports of mapping ${mapping.id} are taken`)
  }

  /** Ends the connections by these ports, too; returns how many they were. */
  unpublish(id: number): number {
    return unpublish(this.router, id)
  }

  /**
   * A service, with the backends that it has from now on. Connections to others end, and both their ends are told. Throws RangeError where
   * there are too many, or the address is another's.
   */
  setService(settings: ServiceSettings): void {
    setService(this.router, this.ports, settings)
  }

  /** With its connections. */
  removeService(id: number): void {
    removeService(this.router, this.ports, id)
  }

  permit(permit: LinkPermitSettings): void {
    this.icc.permit(permit)
  }

  withdraw(id: number): void {
    this.icc.withdraw(id)
  }

  /**
   * Impairs one direction of a port's link from here on, or (undefined) no more: what waits then goes on at once. A change starts the
   * random numbers anew. Throws where there is no such port (Error) or a value is out of its range (RangeError).
   */
  setImpairment(port: number, direction: LinkDirection, settings: ImpairmentSettings | undefined): void {
    this.impairment.set(port, direction, settings)
  }

  /** Undefined where the direction is not impaired. */
  impairmentCounts(port: number, direction: LinkDirection): ImpairmentCounts | undefined {
    return this.impairment.counts(port, direction)
  }

  /** All directions that are impaired. */
  impairments(): readonly ImpairmentValue[] {
    return this.impairment.list()
  }

  flows(selection: FlowSelection, limit: number, nowS: number): FlowListing {
    return listFlows(this.router.connections, selection, limit, nowS)
  }

  /** Returns how many connections ended. */
  flushFlows(selection: FlowSelection): number {
    return removeFlows(this.router.connections, selection)
  }

  natCounts(): NatCounts {
    return countFlows(this.router)
  }

  neighbours(): readonly NeighbourValue[] {
    return listNeighbours(this.router.link.neighbours)
  }

  /**
   * What would become of a frame that arrived at `port` now; nothing is sent, and nothing changes. To be called between two
   * bursts, when all transmissions are carried out.
   */
  explain(
    port: number,
    frame: Uint8Array,
    nowS: number,
    options: ExplainOptions = {},
  ): readonly ExplainedStep[] {
    return explain(this.parts, port, frame, nowS, options)
  }

  private beginBurst(): void {
    this.accepted = 0
    this.forwarded = 0
    this.router.begin()
  }
}
