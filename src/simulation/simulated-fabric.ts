/** The switch as the model asks for it, on an engine in memory. Nothing is opened: a port is a number. */

import { ErrorCode, TapwireError } from '../control/errors.ts'
import {
  composeQuestion,
  decodeAnswer,
  fabricLogEntry,
  namedHostSettings,
  resolverSettings,
} from '../control/fabric/dns-translation.ts'
import { impairmentCounts } from '../control/fabric/fabric-impairments.ts'
import { countReasons, fabricStats } from '../control/fabric/fabric-stats.ts'
import {
  fabricFlow,
  fabricNatStats,
  fabricNeighbour,
  flowSelection,
  interfaceSettings,
  mappingSettings,
  permitSettings,
  serviceSettings,
  sourceSettings,
} from '../control/fabric/router-translation.ts'
import type {
  DomainSettings,
  ExplainStep,
  Fabric,
  FabricFlows,
  FabricFrame,
  FabricGateway,
  FabricImpairment,
  FabricImpairmentCounts,
  FabricNatStats,
  FabricNeighbour,
  FabricPort,
  FabricStation,
  FabricStats,
  FlowFilter,
  LinkPermit,
  ParentFacts,
  ParentPort,
  PublishedRange,
  UplinkSpec,
  UplinkState,
} from '../control/model/machine.ts'
import type {
  FabricDnsLog,
  FabricDnsStats,
  FabricNamedHost,
  FabricQuestion,
  FabricResolution,
  FabricResolver,
  FabricZone,
} from '../control/model/names.ts'
import type { FabricService } from '../control/model/services.ts'
import type {
  FabricOverlay,
  FabricPeer,
  FabricPeerFacts,
  FabricPeerState,
  FabricRemote,
  FabricTunnel,
  FabricTunnelFacts,
  FabricTunnelState,
} from '../control/model/tunnels.ts'
import { DNS_MESSAGE_MAX, DNS_UDP_SIZE_MAX, MTU_DEFAULT } from '../limits.ts'
import { formatMac } from '../wire/address.ts'
import { encodeName } from '../wire/dns-name.ts'
import { OutsideWithoutServers } from './outside-without-servers.ts'
import type { SimulatedDatapath } from './simulated-datapath.ts'
import { SimulatedTunnels } from './simulated-tunnels.ts'
import { impair, SimulatedUplink } from './simulated-uplink.ts'

export class SimulatedFabric implements Fabric {
  readonly ports = new Map<number, FabricPort>()
  /** Where macvlan networks meet the interface that is their parent. */
  readonly parents = new Map<number, ParentPort>()
  readonly gateways = new Map<number, FabricGateway>()
  readonly #datapath: SimulatedDatapath
  readonly #uplink: SimulatedUplink
  readonly #tunnels: SimulatedTunnels
  readonly #outside = new OutsideWithoutServers()
  /** Milliseconds since 1970. */
  readonly #now: () => number

  constructor(datapath: SimulatedDatapath, now: () => number) {
    this.#datapath = datapath
    this.#uplink = new SimulatedUplink(datapath.engine)
    this.#tunnels = new SimulatedTunnels(datapath)
    this.#now = now
  }

  async addDomain(domain: number, { transparent, icc }: DomainSettings): Promise<void> {
    this.#datapath.engine.addDomain(domain, { transparent, icc })
  }

  async removeDomain(domain: number): Promise<void> {
    this.#uplink.leaveWorld(domain)
    this.#datapath.engine.removeDomain(domain)
  }

  async addPort(port: FabricPort): Promise<void> {
    const { domain, mtu, offload, host } = port
    const settings = { domain, mtu, plain: !offload, host: host ?? false, ...sourceSettings(port) }
    this.#datapath.engine.addPort(port.port, settings)
    impair(this.#datapath.engine, port.port, port.impairment)
    this.ports.set(port.port, port)
  }

  async setImpairment(port: number | 'uplink', impairment: FabricImpairment | undefined): Promise<void> {
    if (port === 'uplink') this.#uplink.setImpairment(impairment)
    else impair(this.#datapath.engine, port, impairment)
  }

  async impairmentCounts(): Promise<readonly FabricImpairmentCounts[]> {
    return impairmentCounts(this.#datapath.engine.impairments())
  }

  async removePort(port: number): Promise<void> {
    if (!this.ports.delete(port) && !this.parents.delete(port)) return
    this.#datapath.engine.removePort(port)
  }

  async addParentPort(port: ParentPort): Promise<ParentFacts> {
    const mtu = port.mtu ?? MTU_DEFAULT
    this.#datapath.engine.addPort(port.port, {
      domain: port.domain,
      mtu,
      plain: false,
      host: true,
      lan: true,
    })
    this.parents.set(port.port, port)
    return { mtu }
  }

  async setPortMtu(port: number, mtu: number): Promise<void> {
    this.#datapath.engine.setPortMtu(port, mtu)
  }

  openTunnel(tunnel: FabricTunnel): Promise<FabricTunnelFacts> {
    return this.#tunnels.openTunnel(tunnel)
  }

  closeTunnel(port: number): Promise<void> {
    return this.#tunnels.closeTunnel(port)
  }

  setOverlay(domain: number, overlay: FabricOverlay | undefined): Promise<void> {
    return this.#tunnels.setOverlay(domain, overlay)
  }

  addPeer(peer: FabricPeer): Promise<FabricPeerFacts> {
    return this.#tunnels.addPeer(peer)
  }

  removePeer(port: number): Promise<void> {
    return this.#tunnels.removePeer(port)
  }

  setRemote(domain: number, mac: string, remote: FabricRemote | undefined): Promise<void> {
    return this.#tunnels.setRemote(domain, mac, remote)
  }

  peers(): Promise<readonly FabricPeerState[]> {
    return this.#tunnels.peers()
  }

  tunnels(): readonly FabricTunnelState[] {
    return this.#tunnels.tunnels()
  }

  localAddressTo(remote: string): Promise<string | undefined> {
    return this.#tunnels.localAddressTo(remote)
  }

  onTunnel(): () => void {
    return this.#tunnels.onTunnel()
  }

  async inject(port: number, frame: Uint8Array): Promise<void> {
    this.#datapath.inject(port, frame)
  }

  async injectAll(frames: readonly FabricFrame[]): Promise<Readonly<Record<string, number>>> {
    const datapath = this.#datapath
    const { trail } = datapath.counters
    const reasons = frames.map(({ port, frame }) => {
      trail.clear()
      datapath.place(frame)
      datapath.process(port, frame.length)
      return trail.reason
    })
    return countReasons(reasons)
  }

  /** None goes by itself. */
  onPortGone(): void {
    // There is no device that could vanish.
  }

  async stations(): Promise<readonly FabricStation[]> {
    const { engine, nowS } = this.#datapath
    return [...engine.stations.stations(nowS)].map(({ domain, port, hi, lo, ageS, isStatic }) => ({
      domain,
      port,
      mac: formatMac(hi, lo),
      ageS,
      static: isStatic,
    }))
  }

  async flushPort(port: number): Promise<number> {
    return this.#datapath.engine.stations.flushPort(port)
  }

  async flushDomain(domain: number): Promise<number> {
    return this.#datapath.engine.stations.flushDomain(domain)
  }

  async setGateway(domain: number, gateway: FabricGateway | undefined): Promise<void> {
    if (gateway?.uplink === true) this.#uplink.enterWorld(domain, gateway)
    else this.#uplink.leaveWorld(domain)
    this.#datapath.engine.setInterface(domain, gateway && interfaceSettings(gateway))
    if (gateway === undefined) this.gateways.delete(domain)
    else this.gateways.set(domain, gateway)
  }

  async publish(range: PublishedRange): Promise<void> {
    this.#datapath.engine.publish(mappingSettings(range))
  }

  async unpublish(id: number): Promise<number> {
    return this.#datapath.engine.unpublish(id)
  }

  async setService(service: FabricService): Promise<void> {
    this.#datapath.engine.setService(serviceSettings(service))
  }

  async removeService(id: number): Promise<void> {
    this.#datapath.engine.removeService(id)
  }

  async permit(permit: LinkPermit): Promise<void> {
    this.#datapath.engine.permit(permitSettings(permit))
  }

  async withdraw(permit: number): Promise<void> {
    this.#datapath.engine.withdraw(permit)
  }

  async setUplink(uplink: UplinkSpec | undefined): Promise<void> {
    this.#uplink.set(uplink)
  }

  uplink(): UplinkState {
    return this.#uplink.state()
  }

  async flows(filter: FlowFilter, limit: number): Promise<FabricFlows> {
    const { engine, nowS } = this.#datapath
    const { flows, total } = engine.flows(flowSelection(filter), limit, nowS)
    return { flows: flows.map(fabricFlow), total }
  }

  async flushFlows(filter: FlowFilter): Promise<number> {
    return this.#datapath.engine.flushFlows(flowSelection(filter))
  }

  async natStats(): Promise<FabricNatStats> {
    return fabricNatStats(this.#datapath.engine.natCounts())
  }

  async neighbours(): Promise<readonly FabricNeighbour[]> {
    return this.#datapath.engine.neighbours().map(fabricNeighbour)
  }

  async explain(port: number, frame: Uint8Array): Promise<readonly ExplainStep[]> {
    return this.#datapath.engine.explain(port, frame, this.#datapath.nowS)
  }

  stats(): FabricStats {
    const ports = [...this.ports.keys(), ...this.parents.keys(), ...this.#tunnels.peerPorts()]
    return fabricStats(this.#datapath.counters, ports, { at: this.#now(), uptimeS: this.#datapath.nowS })
  }

  async setZone(domain: number, zone: FabricZone | undefined): Promise<void> {
    this.#datapath.engine.dns.setZone(domain, zone)
  }

  async setNamedHost(id: number, host: FabricNamedHost | undefined): Promise<void> {
    limited(() => this.#datapath.engine.dns.setNamedHost(id, host && namedHostSettings(id, host)))
  }

  async setResolver(id: number, resolver: FabricResolver | undefined): Promise<void> {
    limited(() => this.#datapath.engine.dns.setResolver(id, resolver && resolverSettings(id, resolver)))
    this.#outside.setUpstream(id, resolver?.upstream)
  }

  async resolve({ resolver, name, type }: FabricQuestion): Promise<FabricResolution> {
    const encoded = encodeName(name)
    if (encoded === undefined)
      throw new TapwireError(ErrorCode.badRequest, `${name} is no name that DNS can carry.`)
    const { engine, nowMs } = this.#datapath
    const query = composeQuestion(0, encoded, { resolver, name, type }, DNS_UDP_SIZE_MAX)
    const { verdict, message, steps } = engine.dns.resolve({ resolver }, query, DNS_MESSAGE_MAX, nowMs, true)
    const answer = verdict === 'answer' ? message : this.#outside.answer(resolver, query).message
    return { ...decodeAnswer(answer), steps, server: '', durationMs: 0 }
  }

  async dnsStats(): Promise<FabricDnsStats> {
    const cache = { entries: 0, capacity: 0, hits: 0, misses: 0, evicted: 0 }
    return { ...this.#datapath.engine.dns.counts(), cache, servers: [] }
  }

  async dnsLog(after: number, limit: number): Promise<FabricDnsLog> {
    const { engine, nowMs } = this.#datapath
    const { entries, ...rest } = engine.dns.log(after, limit)
    const at = this.#now() - nowMs
    return {
      ...rest,
      entries: entries.map((entry) =>
        fabricLogEntry(entry, { atMs: Math.round(at + entry.atMs), server: '' }),
      ),
    }
  }

  /** There is none. */
  async flushDnsCache(): Promise<number> {
    return 0
  }

  /** Answers what was asked beyond the networks since the last call. True where there was anything. */
  answerQuestions(): boolean {
    const { engine } = this.#datapath
    const questions = engine.dns.takeQuestions()
    if (questions === undefined) return false
    const answers = questions.map(({ ticket, resolver, message }) => ({
      ticket,
      server: -1,
      ...this.#outside.answer(resolver, message),
    }))
    for (let done = 0; done < answers.length; ) {
      done = this.#datapath.run(() => engine.dns.answerQuestions(answers, this.#datapath.nowMs, done))
    }
    return true
  }
}

/** What the data path has no room for. */
function limited(change: () => void): void {
  try {
    change()
  } catch (cause) {
    throw new TapwireError(ErrorCode.limitReached, (cause as Error).message, { cause })
  }
}
