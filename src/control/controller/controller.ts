/** The control plane: Docker's container network model, on the switch and the sandboxes that the machine gives. */

import type { Duplex } from 'node:stream'
import type { ClusterStatus, HostForgotten } from '../api/cluster.ts'
import type {
  DnsAnswer,
  DnsFlushed,
  DnsLog,
  DnsLogOptions,
  DnsQuery,
  DnsRecords,
  DnsStats,
} from '../api/dns.ts'
import type { ExplainRequest, Explanation } from '../api/explain.ts'
import type { Impairment, Link, LinkSettings, Links } from '../api/link.ts'
import type { NatFlowSelection, NatFlows, NatFlushed, NatStats, Neighbours } from '../api/nat.ts'
import type {
  NetworkConnect,
  NetworkCreate,
  NetworkCreated,
  NetworkDisconnect,
  NetworkInspect,
  NetworksPruned,
} from '../api/network.ts'
import type { OverlayNetworks, OverlayPeers } from '../api/overlay.ts'
import type {
  Exec,
  LogEntry,
  PortsPublished,
  PublishPorts,
  SandboxCreate,
  SandboxCreated,
  SandboxesPruned,
  SandboxInspect,
  SandboxSummary,
  UnpublishPorts,
  Waited,
} from '../api/sandbox.ts'
import type {
  ServiceCreate,
  ServiceCreated,
  ServiceInspect,
  ServiceTask,
  ServiceUpdate,
} from '../api/service.ts'
import type { Fdb, FdbFlushed, Frames, FramesSent, Stats } from '../api/switch.ts'
import type { Event } from '../api/system.ts'
import type { Uplink } from '../api/uplink.ts'
import { Cluster, type ClusterMachinery } from '../cluster/cluster.ts'
import { noCluster } from '../cluster/cluster-error.ts'
import type { ClusterFacts } from '../cluster/cluster-view.ts'
import type { ControlPlane, EventOptions, Filters, LogOptions, SandboxListOptions } from '../control-plane.ts'
import { BridgeDriver } from '../drivers/bridge.ts'
import type { NetworkDriver } from '../drivers/driver.ts'
import { MacvlanDriver } from '../drivers/macvlan.ts'
import { OverlayDriver, type OverlayGround } from '../drivers/overlay.ts'
import { DriverRegistry } from '../drivers/registry.ts'
import { SwitchRegistry } from '../drivers/switch-registry.ts'
import { TunnelPool } from '../drivers/tunnel-pool.ts'
import { VxlanDriver } from '../drivers/vxlan.ts'
import { hostDriver, nullDriver } from '../drivers/without-interface.ts'
import type { ClusterMemory } from '../model/records.ts'
import type { Places } from '../places.ts'
import type { LinkDirections } from '../rules/impairment.ts'
import { Connections } from './connections.ts'
import { Context, type ControllerParts } from './context.ts'
import { Dns } from './dns.ts'
import { Explain } from './explain.ts'
import { Impairments } from './impairments.ts'
import { Lifecycle, type StopOptions } from './lifecycle.ts'
import { Names } from './names.ts'
import { NetworkMtus } from './network-mtus.ts'
import { Networks } from './networks.ts'
import { Overlays } from './overlays.ts'
import { PortChanges } from './port-changes.ts'
import { type FdbSelection, Ports } from './ports.ts'
import { Recovery } from './recovery.ts'
import { Router } from './router.ts'
import { Runs } from './runs.ts'
import { Sandboxes } from './sandboxes.ts'
import { Services } from './services.ts'
import { Streams } from './streams.ts'
import { SwitchPlaces } from './switch-places.ts'
import { Uplinks } from './uplinks.ts'
import { Watchers } from './watchers.ts'

export class Controller implements ControlPlane {
  readonly places: Places
  readonly #context: Context
  readonly #runs: Runs
  readonly #networks: Networks
  readonly #connections: Connections
  readonly #lifecycle: Lifecycle
  readonly #sandboxes: Sandboxes
  readonly #streams: Streams
  readonly #ports: Ports
  readonly #overlays: Overlays
  readonly #router: Router
  readonly #uplinks: Uplinks
  readonly #impairments: Impairments
  readonly #explain: Explain
  readonly #dns: Dns
  readonly #portChanges: PortChanges
  readonly #services: Services
  readonly #clusterMachinery: ClusterMachinery

  /** `drivers` are those beyond bridge, macvlan, vxlan, overlay, host and null. `recover` comes before everything else. */
  constructor(parts: ControllerParts, drivers: readonly NetworkDriver[] = []) {
    const registry = new SwitchRegistry()
    const bridge = new BridgeDriver(parts.fabric, parts.surroundings, registry)
    const macvlan = new MacvlanDriver(parts.fabric, parts.surroundings, registry)
    const pool = new TunnelPool(parts.fabric, registry)
    const warn = (error: unknown, message: string): void => parts.log.warn({ err: error }, message)
    const vxlan = new VxlanDriver({ ...parts, registry, pool, warn })
    const ground = (): OverlayGround | undefined => context.cluster?.ground
    const overlay = new OverlayDriver({ ...parts, registry, pool, warn, ground })
    const known = new DriverRegistry([
      bridge,
      macvlan,
      vxlan,
      overlay,
      hostDriver(),
      nullDriver(),
      ...drivers,
    ])
    const context = new Context(parts, known)
    const watchers = new Watchers()
    this.#context = context
    const names = new Names(context, registry)
    this.#runs = new Runs(context, bridge, names)
    const mtus = new NetworkMtus(context, this.#runs, registry)
    mtus.watch(vxlan)
    mtus.watch(overlay)
    this.#services = new Services(context, registry, names, this.#runs.publications)
    this.#networks = new Networks(context, names, this.#services)
    this.#connections = new Connections(context, this.#runs)
    this.#clusterMachinery = {
      context,
      switchRegistry: registry,
      driver: overlay,
      names,
      networks: this.#networks,
      connections: this.#connections,
    }
    this.#streams = new Streams(context, this.#runs)
    this.#lifecycle = new Lifecycle(context, this.#runs, this.#streams, watchers)
    this.#sandboxes = new Sandboxes(context, this.#runs, this.#lifecycle, watchers)
    this.#portChanges = new PortChanges(context, this.#runs)
    this.places = new SwitchPlaces(context, registry)
    this.#ports = new Ports(context, this.#runs, registry)
    this.#overlays = new Overlays(context, registry)
    this.#router = new Router(context, registry, this.#services)
    this.#uplinks = new Uplinks(context)
    this.#impairments = new Impairments(context, this.#runs, registry)
    this.#dns = new Dns(context, this.#runs, registry, this.#services)
    this.#explain = new Explain({ context, registry, services: this.#services, dns: this.#dns })
  }

  /** Makes the machine and the stored model agree. Throws STATE_INVALID where the model cannot be read. */
  async recover(): Promise<void> {
    const { local } = this.#services
    const recovery = new Recovery(
      this.#context,
      this.#networks,
      this.#runs,
      this.#lifecycle,
      this.#uplinks,
      local,
    )
    await recovery.run((memory) => this.#enterCluster(memory))
    this.#context.cluster?.start()
    await this.#services.start(this.#context.cluster?.session)
  }

  /** Changes nothing any more; stops what runs unless `liveRestore`, which leaves it to the next daemon. */
  async shutdown({ liveRestore }: { readonly liveRestore: boolean }): Promise<void> {
    // Behind this nothing starts any more: what runs now is all that there is to stop.
    await this.#context.close()
    this.#runs.attachments.endAnnouncements()
    this.#services.mesh.close()
    if (!liveRestore) await this.#lifecycle.stopAll()
    await this.#lifecycle.settled()
    await this.#context.cluster?.close({ leave: !liveRestore })
    await this.#context.save()
  }

  /** Undefined where this host is in no cluster. */
  get cluster(): ClusterFacts | undefined {
    return this.#context.cluster?.facts
  }

  /** Undefined where this host is in no cluster. */
  clusterStatus(): ClusterStatus | undefined {
    return this.#context.cluster?.status()
  }

  /** Throws REGISTRY_UNAVAILABLE. */
  async clusterJoined(): Promise<void> {
    await this.#context.cluster?.joined()
  }

  /** What hosts of this name (or id) have in the cluster is given back. Throws NO_CLUSTER, OBJECT_UNKNOWN, HOST_PRESENT. */
  forgetHost(host: string): Promise<HostForgotten> {
    return this.#context.operation(async () => {
      const { cluster } = this.#context
      if (cluster === undefined) throw noCluster()
      return cluster.forgetHost(host)
    })
  }

  #enterCluster(memory: ClusterMemory | undefined): void {
    const { parts, model } = this.#context
    model.cluster = memory
    if (parts.cluster === undefined) return
    model.cluster ??= { host: this.#context.newId(), revision: 0 }
    this.#context.cluster = new Cluster(parts.cluster, model.cluster.host, this.#clusterMachinery)
  }

  /** Others are to hear of what has left, before its address is wanted elsewhere. */
  async #toldCluster<T>(change: Promise<T>): Promise<T> {
    const result = await change
    await this.#context.cluster?.told()
    return result
  }

  createNetwork(request: NetworkCreate): Promise<NetworkCreated> {
    return this.#context.operation(() => this.#networks.create(request))
  }

  listNetworks(filters: Filters): readonly NetworkInspect[] {
    return this.#networks.list(filters)
  }

  inspectNetwork(network: string): NetworkInspect {
    return this.#networks.inspect(network)
  }

  removeNetwork(network: string): Promise<void> {
    return this.#context.operation(() => this.#networks.remove(network))
  }

  pruneNetworks(filters: Filters): Promise<NetworksPruned> {
    return this.#context.operation(() => this.#networks.prune(filters))
  }

  connect(network: string, request: NetworkConnect): Promise<void> {
    return this.#context.operation(() => this.#connections.connect(network, request))
  }

  disconnect(network: string, request: NetworkDisconnect): Promise<void> {
    return this.#toldCluster(this.#context.operation(() => this.#connections.disconnect(network, request)))
  }

  createService(request: ServiceCreate): Promise<ServiceCreated> {
    return this.#context.operation(() => this.#services.create(request))
  }

  updateService(service: string, request: ServiceUpdate): Promise<void> {
    return this.#context.operation(() => this.#services.update(service, request))
  }

  removeService(service: string): Promise<void> {
    return this.#context.operation(() => this.#services.remove(service))
  }

  listServices(filters: Filters): readonly ServiceInspect[] {
    return this.#services.list(filters)
  }

  inspectService(service: string): ServiceInspect {
    return this.#services.inspect(service)
  }

  serviceTasks(service: string): readonly ServiceTask[] {
    return this.#services.tasks(service)
  }

  createSandbox(name: string | undefined, request: SandboxCreate): Promise<SandboxCreated> {
    return this.#context.operation(() => this.#sandboxes.create(name, request))
  }

  startSandbox(sandbox: string): Promise<void> {
    return this.#lifecycle.start(sandbox)
  }

  async stopSandbox(sandbox: string, options: StopOptions): Promise<void> {
    await this.#toldCluster(this.#lifecycle.stop(sandbox, options))
  }

  async restartSandbox(sandbox: string, options: StopOptions): Promise<void> {
    this.#context.refuseWhileClosing()
    await this.#lifecycle.restart(sandbox, options)
  }

  async killSandbox(sandbox: string, signal: string): Promise<void> {
    await this.#toldCluster(this.#lifecycle.kill(sandbox, signal))
  }

  async removeSandbox(sandbox: string, options: { force: boolean }): Promise<void> {
    this.#context.refuseWhileClosing()
    await this.#toldCluster(this.#lifecycle.remove(sandbox, options))
  }

  renameSandbox(sandbox: string, name: string): Promise<void> {
    return this.#context.operation(() => this.#sandboxes.rename(sandbox, name))
  }

  publishPorts(sandbox: string, request: PublishPorts): Promise<PortsPublished> {
    return this.#context.operation(() => this.#portChanges.publish(sandbox, request))
  }

  unpublishPorts(sandbox: string, request: UnpublishPorts): Promise<void> {
    return this.#context.operation(() => this.#portChanges.unpublish(sandbox, request))
  }

  waitSandbox(
    sandbox: string,
    condition: 'not-running' | 'next-exit' | 'removed',
    signal: AbortSignal,
  ): Promise<Waited> {
    return this.#sandboxes.wait(sandbox, condition, signal)
  }

  listSandboxes(options: SandboxListOptions): readonly SandboxSummary[] {
    return this.#sandboxes.list(options)
  }

  inspectSandbox(sandbox: string): SandboxInspect {
    return this.#sandboxes.inspect(sandbox)
  }

  pruneSandboxes(filters: Filters): Promise<SandboxesPruned> {
    return this.#context.operation(() => this.#sandboxes.prune(filters))
  }

  logs(sandbox: string, options: LogOptions, signal: AbortSignal): AsyncIterable<LogEntry> {
    const { id } = this.#context.findSandbox(sandbox)
    return this.#context.parts.host.logs(id, options, signal)
  }

  attach(sandbox: string): Promise<Duplex> {
    return this.#streams.attach(sandbox)
  }

  exec(sandbox: string, request: Exec): Promise<Duplex | undefined> {
    return this.#streams.exec(sandbox, request)
  }

  events(options: EventOptions, signal: AbortSignal): AsyncIterable<Event> {
    return this.#context.parts.events.read(options, signal)
  }

  fdb(): Promise<Fdb> {
    return this.#ports.fdb()
  }

  sendFrames(network: string, request: Frames): Promise<FramesSent> {
    return this.#ports.send(network, request)
  }

  flushFdb(selection: FdbSelection): Promise<FdbFlushed> {
    return this.#ports.flush(selection)
  }

  stats(): Stats {
    return this.#ports.stats()
  }

  overlayNetworks(): OverlayNetworks {
    return this.#overlays.networks()
  }

  overlayPeers(network: string | undefined): Promise<OverlayPeers> {
    return this.#overlays.peers(network)
  }

  natFlows(selection: NatFlowSelection, limit: number): Promise<NatFlows> {
    return this.#router.flows(selection, limit)
  }

  flushNatFlows(selection: NatFlowSelection): Promise<NatFlushed> {
    return this.#router.flush(selection)
  }

  natStats(): Promise<NatStats> {
    return this.#router.stats()
  }

  neighbours(): Promise<Neighbours> {
    return this.#router.neighbours()
  }

  uplink(): Uplink {
    return this.#uplinks.inspect()
  }

  setUplink(uplink: string): Promise<Uplink> {
    return this.#context.operation(() => this.#uplinks.set(uplink))
  }

  links(place?: string): Promise<Links> {
    return this.#impairments.list(place)
  }

  setLink(place: string, impairment: Impairment): Promise<Link> {
    return this.#context.operation(async () => this.#impairments.set(place, impairment))
  }

  adjustLink(place: string, directions: LinkDirections, settings: LinkSettings): Promise<Link> {
    return this.#context.operation(() => this.#impairments.adjust(place, directions, settings))
  }

  resetLink(place: string, directions: LinkDirections): Promise<Link> {
    return this.#context.operation(() => this.#impairments.reset(place, directions))
  }

  resetLinks(directions: LinkDirections): Promise<Links> {
    return this.#context.operation(() => this.#impairments.resetAll(directions))
  }

  explain(request: ExplainRequest): Promise<Explanation> {
    return this.#explain.explain(request)
  }

  dnsRecords(network: string | undefined): DnsRecords {
    return this.#dns.records(network)
  }

  dnsQuery(query: DnsQuery): Promise<DnsAnswer> {
    return this.#dns.query(query)
  }

  dnsStats(): Promise<DnsStats> {
    return this.#dns.stats()
  }

  dnsLog(options: DnsLogOptions): Promise<DnsLog> {
    return this.#dns.log(options)
  }

  flushDnsCache(): Promise<DnsFlushed> {
    return this.#dns.flushCache()
  }
}
