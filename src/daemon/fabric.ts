/** The switch as the model asks for it, on the data path's worker. Its TAPs are persistent, so that they outlive the daemon. */

import { ErrorCode, TapwireError } from '../control/errors.ts'
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
  FabricTunnelNews,
  FabricTunnelState,
} from '../control/model/tunnels.ts'
import type { LinkDirections } from '../control/rules/impairment.ts'
import { MTU_DEFAULT, MTU_MAX, UPLINK_PORT } from '../limits.ts'
import { formatMac } from '../wire/address.ts'
import type { Datapath } from './datapath.ts'
import { DnsService } from './dns/dns-service.ts'
import type { WayOut } from './dns/outside.ts'
import { openHostInterface } from './host-interface.ts'
import { LastingPorts } from './lasting-ports.ts'
import type { Log } from './log.ts'
import { isOwnNamespace } from './namespace.ts'
import { openParent, releaseParent } from './parent-interface.ts'
import { run } from './program.ts'
import type { RelayAttachment } from './relay/relay-attachment.ts'
import { Tunnels } from './tunnel/tunnels.ts'
import { Uplink } from './uplink/uplink.ts'

export interface FabricParts {
  readonly log: Pick<Log, 'info' | 'warn'>
  /** Connected where names or published ports need it; it outlives the fabric. */
  readonly relay: RelayAttachment
  /** Path of the machine's resolv.conf(5). */
  readonly resolvConf: string
}

export class DatapathFabric implements Fabric {
  readonly #datapath: Datapath
  readonly #startedMs = performance.now()
  readonly #ports = new Set<number>()
  readonly #uplink: Uplink
  readonly #tunnels: Tunnels
  readonly #dns: DnsService
  /** Parents of macvlan networks, and the machine's own ends of networks. */
  readonly #lasting: LastingPorts
  /** Those ends, as they are to be now. */
  readonly #hostPorts = new Map<number, FabricPort>()
  /** Names of those parents. */
  readonly #parents = new Map<number, string>()

  constructor(datapath: Datapath, { log, relay, resolvConf }: FabricParts) {
    this.#datapath = datapath
    this.#uplink = new Uplink(datapath, log)
    this.#tunnels = new Tunnels(datapath, log)
    this.#dns = new DnsService({
      nameServer: datapath.dns,
      log,
      relay,
      resolvConf,
      wayOut: () => this.#wayOut(),
    })
    this.#lasting = new LastingPorts(log, async (port) => {
      await datapath.removePort(port)
    })
    datapath.on('portGone', (port) => {
      this.#uplink.portGone(port)
      this.#tunnels.portGone(port)
      this.#lasting.gone(port)
      if (!this.#lasting.has(port)) this.#ports.delete(port)
    })
    datapath.on('narrow', () => this.#tunnels.wayNarrowed())
    datapath.on('strangers', (strangers) => this.#tunnels.strangersSeen(strangers))
  }

  async addDomain(domain: number, { transparent, icc }: DomainSettings): Promise<void> {
    await this.#datapath.addDomain({ id: domain, transparent, icc })
  }

  async removeDomain(domain: number): Promise<void> {
    await this.#uplink.leaveWorld(domain)
    await this.#datapath.removeDomain(domain)
  }

  async addPort(port: FabricPort): Promise<void> {
    if (port.host === true) await this.#addHostPort(port)
    else await this.#addSandboxPort(port)
    this.#ports.add(port.port)
  }

  async setImpairment(
    port: number | 'uplink',
    impairment: FabricImpairment | undefined,
    directions?: LinkDirections,
  ): Promise<void> {
    if (port === 'uplink') await this.#uplink.setImpairment(impairment, directions)
    else await this.#datapath.setLink(port, impairment, directions)
  }

  async impairmentCounts(): Promise<readonly FabricImpairmentCounts[]> {
    return impairmentCounts(await this.#datapath.impairments())
  }

  async removePort(port: number): Promise<void> {
    if (this.#lasting.has(port)) await this.#lasting.remove(port)
    else await this.#datapath.removePort(port)
    this.#ports.delete(port)
    this.#hostPorts.delete(port)
    const parent = this.#parents.get(port)
    this.#parents.delete(port)
    if (parent !== undefined && ![...this.#parents.values()].includes(parent)) await releaseParent(parent)
  }

  async setPortMtu(port: number, mtu: number): Promise<void> {
    await this.#datapath.setPortMtu(port, mtu)
    const end = this.#hostPorts.get(port)
    if (end === undefined) return
    this.#hostPorts.set(port, { ...end, mtu })
    // Where it is not there now, it has its MTU when it is made anew.
    await run('ip', ['link', 'set', 'dev', end.name, 'mtu', String(mtu)]).catch(() => undefined)
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

  onTunnel(listener: (news: FabricTunnelNews) => void): () => void {
    return this.#tunnels.onTunnel(listener)
  }

  /** Its TAP is taken up again by the next daemon. None is ever made among the machine's own interfaces. */
  async #addSandboxPort(port: FabricPort): Promise<void> {
    if (isOwnNamespace(port.namespace)) {
      throw new TapwireError(
        ErrorCode.sandboxEnded,
        `The sandbox of ${port.name} has ended: its network is gone.`,
      )
    }
    await this.#datapath.addPort({ ...port, ...sourceSettings(port), persistent: true })
  }

  #addHostPort(port: FabricPort): Promise<void> {
    this.#hostPorts.set(port.port, port)
    return this.#lasting.add({
      port: port.port,
      name: port.name,
      patient: port.patient ?? false,
      open: () => openHostInterface(this.#datapath, this.#hostPorts.get(port.port) ?? port),
    })
  }

  async inject(port: number, frame: Uint8Array): Promise<void> {
    await this.#datapath.inject(port, frame)
  }

  async injectAll(frames: readonly FabricFrame[]): Promise<Readonly<Record<string, number>>> {
    return countReasons(await this.#datapath.injectAll(frames))
  }

  onPortGone(listener: (port: number) => void): void {
    this.#datapath.on('portGone', (port) => {
      // Those that are opened anew are there still for all who use them.
      if (port !== UPLINK_PORT && !this.#lasting.has(port) && !this.#tunnels.has(port)) listener(port)
    })
  }

  async stations(): Promise<readonly FabricStation[]> {
    const stations = await this.#datapath.stations()
    return stations.map(({ domain, port, hi, lo, ageS, isStatic }) => ({
      domain,
      port,
      mac: formatMac(hi, lo),
      ageS,
      static: isStatic,
    }))
  }

  flushPort(port: number): Promise<number> {
    return this.#datapath.flushPort(port)
  }

  flushDomain(domain: number): Promise<number> {
    return this.#datapath.flushDomain(domain)
  }

  async setGateway(domain: number, gateway: FabricGateway | undefined): Promise<void> {
    if (gateway?.uplink === true) return this.#setWorld(domain, gateway)
    await this.#uplink.leaveWorld(domain)
    await this.#datapath.setInterface(domain, gateway && interfaceSettings(gateway))
  }

  async #setWorld(domain: number, gateway: FabricGateway): Promise<void> {
    await this.#uplink.claimWorld(domain, gateway)
    try {
      await this.#datapath.setInterface(domain, interfaceSettings(gateway))
      await this.#uplink.enterWorld(domain)
    } catch (error) {
      await this.#uplink.leaveWorld(domain)
      throw error
    }
  }

  async publish(range: PublishedRange): Promise<void> {
    await this.#datapath.publish(mappingSettings(range))
  }

  unpublish(id: number): Promise<number> {
    return this.#datapath.unpublish(id)
  }

  async setService(service: FabricService): Promise<void> {
    await this.#datapath.setService(serviceSettings(service))
  }

  async removeService(id: number): Promise<void> {
    await this.#datapath.removeService(id)
  }

  async permit(permit: LinkPermit): Promise<void> {
    await this.#datapath.permit(permitSettings(permit))
  }

  async withdraw(permit: number): Promise<void> {
    await this.#datapath.withdraw(permit)
  }

  async addParentPort(port: ParentPort): Promise<ParentFacts> {
    let mtu = port.mtu ?? MTU_DEFAULT
    await this.#lasting.add({
      port: port.port,
      name: port.interface,
      patient: port.patient,
      open: async () => {
        const parent = await openParent(port.interface, { passthru: port.passthru })
        mtu = Math.min(port.mtu ?? MTU_MAX, parent.mtu)
        const settings = { port: port.port, domain: port.domain, mtu, host: true, lan: true }
        await this.#datapath.attachPort(settings, parent)
      },
    })
    this.#ports.add(port.port)
    this.#parents.set(port.port, port.interface)
    return { mtu }
  }

  setUplink(uplink: UplinkSpec | undefined, options: { readonly patient?: boolean } = {}): Promise<void> {
    return this.#uplink.set(uplink, options)
  }

  uplink(): UplinkState {
    return this.#uplink.state()
  }

  /** Looks after nothing any more. What is open goes with the data path. */
  async close(): Promise<void> {
    this.#lasting.close()
    await this.#dns.close()
    await this.#uplink.close()
    await this.#tunnels.close()
  }

  async flows(filter: FlowFilter, limit: number): Promise<FabricFlows> {
    const { flows, total } = await this.#datapath.flows(flowSelection(filter), limit)
    return { flows: flows.map(fabricFlow), total }
  }

  flushFlows(filter: FlowFilter): Promise<number> {
    return this.#datapath.flushFlows(flowSelection(filter))
  }

  async natStats(): Promise<FabricNatStats> {
    return fabricNatStats(await this.#datapath.natCounts())
  }

  async neighbours(): Promise<readonly FabricNeighbour[]> {
    return (await this.#datapath.neighbours()).map(fabricNeighbour)
  }

  explain(port: number, frame: Uint8Array): Promise<readonly ExplainStep[]> {
    return this.#datapath.explain(port, frame)
  }

  setZone(domain: number, zone: FabricZone | undefined): Promise<void> {
    return this.#dns.setZone(domain, zone)
  }

  setNamedHost(id: number, host: FabricNamedHost | undefined): Promise<void> {
    return this.#dns.setNamedHost(id, host)
  }

  setResolver(id: number, resolver: FabricResolver | undefined): Promise<void> {
    return this.#dns.setResolver(id, resolver)
  }

  resolve(question: FabricQuestion): Promise<FabricResolution> {
    return this.#dns.resolve(question)
  }

  dnsStats(): Promise<FabricDnsStats> {
    return this.#dns.stats()
  }

  dnsLog(after: number, limit: number): Promise<FabricDnsLog> {
    return this.#dns.entries(after, limit)
  }

  flushDnsCache(): Promise<number> {
    return this.#dns.flushCache()
  }

  /** A world that is a network of ours, or a namespace, has nothing to do with the machine's servers. */
  #wayOut(): WayOut {
    const { spec, up } = this.#uplink.state()
    if (spec === undefined || (spec.kind === 'tap' && spec.namespace !== '')) return 'none'
    return up ? 'open' : 'down'
  }

  stats(): FabricStats {
    const ports = [...this.#ports, ...this.#tunnels.peerPorts()]
    return fabricStats(this.#datapath.counters, ports, {
      at: Date.now(),
      uptimeS: (performance.now() - this.#startedMs) / 1000,
    })
  }
}
