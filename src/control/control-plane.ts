/** What a client of the model can do: the API's handlers call it, and so do labs. References are names, ids or their beginnings. */

import type { Duplex } from 'node:stream'
import type { ClusterStatus, HostForgotten } from './api/cluster.ts'
import type {
  DnsAnswer,
  DnsFlushed,
  DnsLog,
  DnsLogOptions,
  DnsQuery,
  DnsRecords,
  DnsStats,
} from './api/dns.ts'
import type { ExplainRequest, Explanation } from './api/explain.ts'
import type { Impairment, Link, LinkSettings, Links } from './api/link.ts'
import type { NatFlowSelection, NatFlows, NatFlushed, NatStats, Neighbours } from './api/nat.ts'
import type {
  NetworkConnect,
  NetworkCreate,
  NetworkCreated,
  NetworkDisconnect,
  NetworkInspect,
  NetworksPruned,
} from './api/network.ts'
import type { OverlayNetworks, OverlayPeers } from './api/overlay.ts'
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
} from './api/sandbox.ts'
import type {
  ServiceCreate,
  ServiceCreated,
  ServiceInspect,
  ServiceTask,
  ServiceUpdate,
} from './api/service.ts'
import type { Fdb, FdbFlushed, Frames, FramesSent, Stats } from './api/switch.ts'
import type { Event } from './api/system.ts'
import type { Uplink } from './api/uplink.ts'
import type { LinkDirections } from './rules/impairment.ts'

/** As on Docker's API: `{ label: ['a=b', 'c'], driver: ['bridge'] }`; values of one key are alternatives but for labels. */
export type Filters = Readonly<Record<string, readonly string[]>>

export interface LogOptions {
  readonly follow: boolean
  readonly stdout: boolean
  readonly stderr: boolean
  /** Milliseconds since 1970. */
  readonly sinceMs?: number | undefined
  readonly untilMs?: number | undefined
  /** The last so many; all where undefined. */
  readonly tail?: number | undefined
}

export interface SandboxListOptions {
  readonly all: boolean
  readonly limit?: number | undefined
  readonly filters: Filters
}

export interface EventOptions {
  readonly sinceMs?: number | undefined
  readonly untilMs?: number | undefined
  /** Goes on behind the event of this Id. */
  readonly afterId?: number | undefined
  readonly filters: Filters
}

/** Every method rejects with a TapwireError whose message is Docker's where Docker has one. */
export interface ControlPlane {
  createNetwork(request: NetworkCreate): Promise<NetworkCreated>
  listNetworks(filters: Filters): readonly NetworkInspect[]
  inspectNetwork(network: string): NetworkInspect
  removeNetwork(network: string): Promise<void>
  pruneNetworks(filters: Filters): Promise<NetworksPruned>
  connect(network: string, request: NetworkConnect): Promise<void>
  disconnect(network: string, request: NetworkDisconnect): Promise<void>

  /** Throws SERVICE_INVALID, NAME_TAKEN, PORT_IN_USE and others, and makes nothing. */
  createService(request: ServiceCreate): Promise<ServiceCreated>
  updateService(service: string, request: ServiceUpdate): Promise<void>
  removeService(service: string): Promise<void>
  listServices(filters: Filters): readonly ServiceInspect[]
  inspectService(service: string): ServiceInspect
  /** Its backends. */
  serviceTasks(service: string): readonly ServiceTask[]

  createSandbox(name: string | undefined, request: SandboxCreate): Promise<SandboxCreated>
  startSandbox(sandbox: string): Promise<void>
  /** The stop signal, and SIGKILL after `timeoutS`, the sandbox's own where undefined. One that does not run is left alone. */
  stopSandbox(
    sandbox: string,
    options: { signal?: string | undefined; timeoutS?: number | undefined },
  ): Promise<void>
  restartSandbox(
    sandbox: string,
    options: { signal?: string | undefined; timeoutS?: number | undefined },
  ): Promise<void>
  killSandbox(sandbox: string, signal: string): Promise<void>
  removeSandbox(sandbox: string, options: { force: boolean }): Promise<void>
  renameSandbox(sandbox: string, name: string): Promise<void>
  /** Publishes more, while it runs or not, and for good. Where one cannot be, all stays as it was. */
  publishPorts(sandbox: string, request: PublishPorts): Promise<PortsPublished>
  /** Publishes less; connections by these ports end. */
  unpublishPorts(sandbox: string, request: UnpublishPorts): Promise<void>
  waitSandbox(
    sandbox: string,
    condition: 'not-running' | 'next-exit' | 'removed',
    signal: AbortSignal,
  ): Promise<Waited>
  listSandboxes(options: SandboxListOptions): readonly SandboxSummary[]
  inspectSandbox(sandbox: string): SandboxInspect
  pruneSandboxes(filters: Filters): Promise<SandboxesPruned>
  logs(sandbox: string, options: LogOptions, signal: AbortSignal): AsyncIterable<LogEntry>
  /** A stream in the frames of native/shim/README.md. May be asked for before the start, so that nothing is missed. */
  attach(sandbox: string): Promise<Duplex>
  /** As attach, and ends with the exit frame. With Detach the stream is undefined. */
  exec(sandbox: string, request: Exec): Promise<Duplex | undefined>

  events(options: EventOptions, signal: AbortSignal): AsyncIterable<Event>
  fdb(): Promise<Fdb>
  /** Forgets learned stations: all, or those of a network, of a sandbox, or of a sandbox's place on a network. */
  /** Sends frames in the place of sandboxes on the network. Throws SANDBOX_UNKNOWN, NOT_CONNECTED or BAD_REQUEST, and sends none. */
  sendFrames(network: string, request: Frames): Promise<FramesSent>
  flushFdb(selection: {
    readonly network?: string | undefined
    readonly sandbox?: string | undefined
  }): Promise<FdbFlushed>
  stats(): Stats

  /** Networks that go on behind a tunnel, and the hosts that all of them, or one, go on to. */
  overlayNetworks(): OverlayNetworks
  overlayPeers(network: string | undefined): Promise<OverlayPeers>

  /** Connections that the router follows, at most `limit`. */
  natFlows(selection: NatFlowSelection, limit: number): Promise<NatFlows>
  /** Ends those that are meant. */
  flushNatFlows(selection: NatFlowSelection): Promise<NatFlushed>
  natStats(): Promise<NatStats>
  neighbours(): Promise<Neighbours>
  uplink(): Uplink
  /** In its text form, `none` for none. Throws UPLINK_INVALID or UPLINK_UNUSABLE, and leaves the one that was. */
  setUplink(uplink: string): Promise<Uplink>
  /** What links do to frames and have done: all links, or one, `web@blue` or `uplink`. */
  links(place?: string): Promise<Links>
  /** In the place of what it was. Throws LINK_INVALID. */
  setLink(place: string, impairment: Impairment): Promise<Link>
  /** Only what is given changes; 0 takes a value back. Throws LINK_INVALID. */
  adjustLink(place: string, directions: LinkDirections, settings: LinkSettings): Promise<Link>
  resetLink(place: string, directions: LinkDirections): Promise<Link>
  /** Those that were impaired, as they are then. */
  resetLinks(directions: LinkDirections): Promise<Links>
  /** What would become of a packet. */
  explain(request: ExplainRequest): Promise<Explanation>

  /** How this host stands in its cluster; undefined where it is in none. */
  clusterStatus(): ClusterStatus | undefined
  /** Resolves when this host has joined its cluster and has its networks; at once where it is in none. Throws REGISTRY_UNAVAILABLE. */
  clusterJoined(): Promise<void>
  /** Gives back what hosts of this name (or id), which are away, have in the cluster. Throws NO_CLUSTER, OBJECT_UNKNOWN, HOST_PRESENT. */
  forgetHost(host: string): Promise<HostForgotten>

  /** The names of all networks, or of one. */
  dnsRecords(network: string | undefined): DnsRecords
  /** Asks as the sandbox would. Throws NOT_RUNNING, NAME_INVALID, BAD_REQUEST for a type that is none. */
  dnsQuery(query: DnsQuery): Promise<DnsAnswer>
  dnsStats(): Promise<DnsStats>
  dnsLog(options: DnsLogOptions): Promise<DnsLog>
  flushDnsCache(): Promise<DnsFlushed>
}
