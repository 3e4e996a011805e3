/** A control plane without a machine: networks and sandboxes that are only remembered, and streams that say back what they hear. */

import { EventEmitter, on } from 'node:events'
import { type Duplex, PassThrough } from 'node:stream'
import type { ClusterStatus, HostForgotten } from '../../src/control/api/cluster.ts'
import type {
  DnsAnswer,
  DnsFlushed,
  DnsLog,
  DnsLogOptions,
  DnsQuery,
  DnsRecords,
  DnsStats,
} from '../../src/control/api/dns.ts'
import type { ExplainRequest, Explanation } from '../../src/control/api/explain.ts'
import type { Impairment, Link, LinkSettings, Links } from '../../src/control/api/link.ts'
import type { NatFlows, NatFlushed, NatStats, Neighbours } from '../../src/control/api/nat.ts'
import type {
  NetworkConnect,
  NetworkCreate,
  NetworkCreated,
  NetworkDisconnect,
  NetworkInspect,
  NetworksPruned,
} from '../../src/control/api/network.ts'
import type { OverlayNetworks, OverlayPeers } from '../../src/control/api/overlay.ts'
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
} from '../../src/control/api/sandbox.ts'
import type {
  ServiceCreate,
  ServiceCreated,
  ServiceInspect,
  ServiceTask,
  ServiceUpdate,
} from '../../src/control/api/service.ts'
import type { Fdb, FdbFlushed, Frames, FramesSent, Stats } from '../../src/control/api/switch.ts'
import type { Event } from '../../src/control/api/system.ts'
import type { Uplink } from '../../src/control/api/uplink.ts'
import type {
  ControlPlane,
  EventOptions,
  Filters,
  LogOptions,
  SandboxListOptions,
} from '../../src/control/control-plane.ts'
import { ErrorCode, TapwireError } from '../../src/control/errors.ts'
import type { LinkDirections } from '../../src/control/rules/impairment.ts'
import { CLUSTER_STATUS } from '../support/cluster-status.ts'

interface MemorySandbox {
  readonly id: string
  name: string
  readonly request: SandboxCreate
  running: boolean
}

const serviceOf = (request: ServiceCreate, id: string): ServiceInspect => ({
  ID: id,
  Name: request.Name,
  CreatedAt: '2026-01-02T03:04:05.678901234Z',
  Scope: 'local',
  Network: { ID: 'b'.repeat(64), Name: request.Network ?? 'net' },
  EndpointMode: request.EndpointMode ?? 'vip',
  VirtualIP: '10.1.0.9/24',
  ReplicasOf: request.ReplicasOf ?? [],
  Endpoints: request.Endpoints ?? [],
  Ports: (request.Ports ?? []).map(
    ({ Protocol = 'tcp', TargetPort, PublishedPort = 0, PublishMode = 'ingress' }) => ({
      Protocol,
      TargetPort,
      PublishedPort,
      PublishMode,
    }),
  ),
  Tasks: [
    {
      ID: 'c'.repeat(64),
      Name: 'box',
      EndpointID: 'd'.repeat(64),
      Node: '',
      Address: '10.1.0.2',
      State: 'running',
    },
  ],
  Labels: request.Labels ?? {},
  Problem: '',
})

const unknown = (kind: string, reference: string): TapwireError =>
  new TapwireError(ErrorCode.sandboxUnknown, `No such ${kind}: ${reference}`)

export class MemoryControlPlane implements ControlPlane {
  /** Every call, as `method argument…`, in order. */
  readonly calls: unknown[][] = []
  readonly networks = new Map<string, NetworkInspect>()
  readonly sandboxes = new Map<string, MemorySandbox>()
  readonly entries: LogEntry[] = []
  /** What attach and exec gave, the last one last. */
  readonly streams: Duplex[] = []
  /** Streams and waits that have not ended. */
  open = 0
  /** What attach and exec give instead of an echo. */
  makeStream: () => Duplex = () => new PassThrough()
  readonly #happening = new EventEmitter()
  #lastEvent = 0

  async createNetwork(request: NetworkCreate): Promise<NetworkCreated> {
    this.calls.push(['createNetwork', request])
    if (this.networks.has(request.Name)) {
      throw new TapwireError('NAME_TAKEN', `network with name ${request.Name} already exists`)
    }
    const id = String(this.networks.size + 1).padStart(64, '0')
    this.networks.set(request.Name, networkOf(request, id))
    return { Id: id, Warning: '' }
  }

  listNetworks(filters: Filters): readonly NetworkInspect[] {
    this.calls.push(['listNetworks', filters])
    return [...this.networks.values()]
  }

  inspectNetwork(network: string): NetworkInspect {
    const found = this.networks.get(network)
    if (found === undefined) throw unknown('network', network)
    return found
  }

  async removeNetwork(network: string): Promise<void> {
    this.inspectNetwork(network)
    this.networks.delete(network)
  }

  async pruneNetworks(filters: Filters): Promise<NetworksPruned> {
    this.calls.push(['pruneNetworks', filters])
    return { NetworksDeleted: [...this.networks.keys()] }
  }

  async connect(network: string, request: NetworkConnect): Promise<void> {
    this.calls.push(['connect', network, request])
    this.inspectNetwork(network)
  }

  async disconnect(network: string, request: NetworkDisconnect): Promise<void> {
    this.calls.push(['disconnect', network, request])
    this.inspectNetwork(network)
  }

  readonly services = new Map<string, ServiceInspect>()

  async createService(request: ServiceCreate): Promise<ServiceCreated> {
    this.calls.push(['createService', request])
    const id = String(this.services.size + 1).padStart(64, 'e')
    this.services.set(request.Name, serviceOf(request, id))
    return { ID: id }
  }

  async updateService(service: string, request: ServiceUpdate): Promise<void> {
    this.calls.push(['updateService', service, request])
    this.inspectService(service)
  }

  async removeService(service: string): Promise<void> {
    this.inspectService(service)
    this.services.delete(service)
  }

  listServices(filters: Filters): readonly ServiceInspect[] {
    this.calls.push(['listServices', filters])
    return [...this.services.values()]
  }

  inspectService(service: string): ServiceInspect {
    const found = this.services.get(service)
    if (found === undefined) throw new TapwireError(ErrorCode.serviceUnknown, `service ${service} not found`)
    return found
  }

  serviceTasks(service: string): readonly ServiceTask[] {
    return this.inspectService(service).Tasks
  }

  async createSandbox(name: string | undefined, request: SandboxCreate): Promise<SandboxCreated> {
    this.calls.push(['createSandbox', name, request])
    const id = String(this.sandboxes.size + 1).padStart(64, 'a')
    this.sandboxes.set(name ?? id, { id, name: name ?? id, request, running: false })
    return { Id: id, Warnings: [] }
  }

  async startSandbox(sandbox: string): Promise<void> {
    this.#sandbox(sandbox).running = true
    this.tell('start', sandbox)
  }

  async stopSandbox(sandbox: string, options: object): Promise<void> {
    this.calls.push(['stopSandbox', sandbox, options])
    this.#sandbox(sandbox).running = false
    this.tell('die', sandbox)
  }

  async restartSandbox(sandbox: string, options: object): Promise<void> {
    this.calls.push(['restartSandbox', sandbox, options])
    this.#sandbox(sandbox)
  }

  async killSandbox(sandbox: string, signal: string): Promise<void> {
    this.calls.push(['killSandbox', sandbox, signal])
    this.#sandbox(sandbox)
  }

  async removeSandbox(sandbox: string, options: { force: boolean }): Promise<void> {
    this.calls.push(['removeSandbox', sandbox, options])
    this.#sandbox(sandbox)
    this.sandboxes.delete(sandbox)
  }

  async publishPorts(sandbox: string, request: PublishPorts): Promise<PortsPublished> {
    this.calls.push(['publishPorts', sandbox, request])
    this.#sandbox(sandbox)
    return { Ports: { '80/tcp': [{ HostIp: '0.0.0.0', HostPort: '8080' }] } }
  }

  async unpublishPorts(sandbox: string, request: UnpublishPorts): Promise<void> {
    this.calls.push(['unpublishPorts', sandbox, request])
    this.#sandbox(sandbox)
  }

  async renameSandbox(sandbox: string, name: string): Promise<void> {
    this.calls.push(['renameSandbox', sandbox, name])
    this.#sandbox(sandbox).name = name
  }

  async waitSandbox(sandbox: string, condition: string, signal: AbortSignal): Promise<Waited> {
    this.calls.push(['waitSandbox', sandbox, condition])
    const found = this.#sandbox(sandbox)
    if (condition === 'not-running' && !found.running) return { StatusCode: 0 }
    this.open += 1
    try {
      for await (const event of this.#events(signal)) if (event.Action === 'die') return { StatusCode: 7 }
      throw new Error('nobody waits any more')
    } finally {
      this.open -= 1
    }
  }

  listSandboxes(options: SandboxListOptions): readonly SandboxSummary[] {
    this.calls.push(['listSandboxes', options])
    return [...this.sandboxes.values()].map(summaryOf)
  }

  inspectSandbox(sandbox: string): SandboxInspect {
    return inspectOf(this.#sandbox(sandbox))
  }

  async pruneSandboxes(filters: Filters): Promise<SandboxesPruned> {
    this.calls.push(['pruneSandboxes', filters])
    return { SandboxesDeleted: [] }
  }

  async *logs(sandbox: string, options: LogOptions, signal: AbortSignal): AsyncGenerator<LogEntry> {
    this.calls.push(['logs', sandbox, options])
    this.#sandbox(sandbox)
    yield* this.entries
    if (!options.follow) return
    this.open += 1
    try {
      for await (const event of this.#events(signal)) if (event.Action === 'die') return
    } finally {
      this.open -= 1
    }
  }

  async attach(sandbox: string): Promise<Duplex> {
    this.#sandbox(sandbox)
    return this.#stream()
  }

  async exec(sandbox: string, request: Exec): Promise<Duplex | undefined> {
    this.calls.push(['exec', sandbox, request])
    this.#sandbox(sandbox)
    return request.Detach === true ? undefined : this.#stream()
  }

  async *events(options: EventOptions, signal: AbortSignal): AsyncGenerator<Event> {
    this.calls.push(['events', options])
    this.open += 1
    try {
      yield* this.#events(signal)
    } finally {
      this.open -= 1
    }
  }

  async fdb(): Promise<Fdb> {
    return { stations: [] }
  }

  async sendFrames(network: string, request: Frames): Promise<FramesSent> {
    this.calls.push(['sendFrames', network, request])
    this.inspectNetwork(network)
    return {
      frames: request.frames.length,
      drops: [{ reason: 'mac-spoofed', sentence: 'Not its own.', frames: 1 }],
    }
  }

  async flushFdb(selection: object): Promise<FdbFlushed> {
    this.calls.push(['flushFdb', selection])
    return { Stations: 3 }
  }

  stats(): Stats {
    const received = { received: 0, forwarded: 0, flooded: 0, consumed: 0, held: 0 }
    const made = { copies: 0, segments: 0, originated: 0 }
    const totals = { ...received, ...made, transmitted: 0, dropped: 0 }
    return { at: 1, uptimeS: 2, totals, ports: [], drops: [] }
  }

  async natFlows(selection: object, limit: number): Promise<NatFlows> {
    this.calls.push(['natFlows', selection, limit])
    const original = { source: '10.1.0.2', destination: '192.0.2.9', sourcePort: 5000, destinationPort: 80 }
    const reply = { source: '192.0.2.9', destination: '203.0.113.1', sourcePort: 80, destinationPort: 5000 }
    const flow = {
      number: 17,
      protocol: 'tcp',
      state: 'established',
      original: { ...original, network: 'net', packets: 3 },
      reply: { ...reply, network: '', packets: 2 },
      translation: 'source',
      expiresS: 7440,
      sandbox: 'box',
    } as const
    return { flows: [flow], total: 1 }
  }

  async flushNatFlows(selection: object): Promise<NatFlushed> {
    this.calls.push(['flushNatFlows', selection])
    return { Flows: 2 }
  }

  overlayNetworks(): OverlayNetworks {
    const [network, driver, local] = ['afar', 'vxlan', '192.0.2.1']
    return {
      networks: [{ network, driver, vni: 42, local, udpPort: 4789, mtu: 1450, peers: 1, problem: '' }],
    }
  }

  async overlayPeers(network: string | undefined): Promise<OverlayPeers> {
    this.calls.push(['overlayPeers', network])
    const traffic = { frames: 2, bytes: 120 }
    const [host, address] = ['192.0.2.2', '192.0.2.2']
    const common = { network: 'afar', vni: 42, host, address, port: 7, mtu: 1450, endpoints: 0, stations: 1 }
    return { peers: [{ ...common, idleS: 3, received: traffic, transmitted: traffic, dropped: 0 }] }
  }

  async natStats(): Promise<NatStats> {
    const counted = { created: 9, expired: 8, evicted: 0, refusedQuota: 0, refusedFull: 0 }
    const byProtocol = { tcp: 1, udp: 0, icmp: 0 }
    const size = { flows: 1, capacity: 100, perOwner: 50 }
    return { ...size, byProtocol, ...counted, publishedRanges: 0, icmpErrorsSent: 4 }
  }

  async neighbours(): Promise<Neighbours> {
    const mac = '02:42:0a:01:00:02'
    return {
      neighbours: [
        { network: 'net', uplink: false, address: '10.1.0.2', mac, sandbox: 'box', state: 'reachable' },
      ],
    }
  }

  uplink(): Uplink {
    return {
      Uplink: 'none',
      Up: false,
      Reason: 'none is set',
      Interface: '',
      MacAddress: '',
      Address: '',
      Gateway: '',
      Mtu: 0,
      Ports: { First: 0, Last: 0 },
    }
  }

  async setUplink(uplink: string): Promise<Uplink> {
    this.calls.push(['setUplink', uplink])
    return { ...this.uplink(), Uplink: uplink }
  }

  async clusterJoined(): Promise<void> {}

  clusterStatus(): ClusterStatus {
    this.calls.push(['clusterStatus'])
    return CLUSTER_STATUS
  }

  async forgetHost(host: string): Promise<HostForgotten> {
    this.calls.push(['forgetHost', host])
    if (host !== 'node-3') {
      throw new TapwireError(ErrorCode.objectUnknown, `no host ${host} has ever been in cluster lab`)
    }
    return { hosts: [], addresses: [] }
  }

  dnsRecords(network: string | undefined): DnsRecords {
    this.calls.push(['dnsRecords', network])
    return { records: [] }
  }

  async dnsQuery(query: DnsQuery): Promise<DnsAnswer> {
    this.calls.push(['dnsQuery', query])
    return {
      name: query.name,
      type: query.type ?? 'A',
      sandbox: query.from,
      rcode: 'NXDOMAIN',
      verdict: 'nxdomain',
      answers: [],
      additionals: [],
      steps: [],
      server: '',
      durationMs: 0,
    }
  }

  async dnsStats(): Promise<DnsStats> {
    return {
      udp: 0,
      other: 0,
      verdicts: {},
      truncated: 0,
      pending: 0,
      names: 0,
      endpoints: 0,
      cache: { entries: 0, capacity: 0, hits: 0, misses: 0, evicted: 0 },
      servers: [],
    }
  }

  async dnsLog(options: DnsLogOptions): Promise<DnsLog> {
    this.calls.push(['dnsLog', options])
    return { entries: [], last: 0, lost: 0 }
  }

  async flushDnsCache(): Promise<DnsFlushed> {
    this.calls.push(['flushDnsCache'])
    return { Answers: 0 }
  }

  async explain(request: ExplainRequest): Promise<Explanation> {
    this.calls.push(['explain', request])
    return {
      packet: {
        protocol: request.protocol ?? 'tcp',
        source: '10.1.0.2',
        destination: '192.0.2.9',
        sourcePort: 49_152,
        destinationPort: request.port ?? 0,
        sandbox: 'box',
        network: 'net',
      },
      steps: [
        { stage: 'flow', verdict: 'new', values: {} },
        { stage: 'egress', verdict: 'drop', reason: 'device-down', values: { port: 3 } },
      ],
      outcome: 'dropped',
    }
  }

  readonly impairments = new Map<string, Impairment>()

  async links(place?: string): Promise<Links> {
    if (place !== undefined && !this.sandboxes.has(place)) throw unknown('container', place)
    const places = place === undefined ? [...this.sandboxes.keys()] : [place]
    return { links: places.map((one) => linkOf(one, this.impairments.get(one))) }
  }

  async setLink(place: string, impairment: Impairment): Promise<Link> {
    this.calls.push(['setLink', place, impairment])
    this.#sandbox(place)
    this.impairments.set(place, impairment)
    return linkOf(place, impairment)
  }

  async adjustLink(place: string, directions: LinkDirections, settings: LinkSettings): Promise<Link> {
    this.calls.push(['adjustLink', place, directions, settings])
    this.#sandbox(place)
    const before = this.impairments.get(place)
    const impairment = {
      ...before,
      ...(directions !== 'to' && { from: { ...before?.from, ...settings } }),
      ...(directions !== 'from' && { to: { ...before?.to, ...settings } }),
    }
    this.impairments.set(place, impairment)
    return linkOf(place, impairment)
  }

  async resetLink(place: string, directions: LinkDirections): Promise<Link> {
    this.calls.push(['resetLink', place, directions])
    this.#sandbox(place)
    this.impairments.delete(place)
    return linkOf(place, undefined)
  }

  async resetLinks(directions: LinkDirections): Promise<Links> {
    this.calls.push(['resetLinks', directions])
    const links = await Promise.all(
      [...this.impairments.keys()].map((place) => this.resetLink(place, directions)),
    )
    return { links }
  }

  /** Something happens. */
  tell(action: string, sandbox: string): void {
    const now = Date.now()
    this.#happening.emit('event', {
      Id: ++this.#lastEvent,
      Type: 'container',
      Action: action,
      Actor: { ID: sandbox, Attributes: { name: sandbox } },
      scope: 'local',
      time: Math.floor(now / 1000),
      timeNano: now * 1e6,
    } satisfies Event)
  }

  /** Fulfilled when `open` is as wanted; looks again whenever the event loop has gone round. */
  async opened(count: number): Promise<void> {
    while (this.open !== count) await new Promise((resolve) => setImmediate(resolve))
  }

  async *#events(signal: AbortSignal): AsyncGenerator<Event> {
    try {
      for await (const [event] of on(this.#happening, 'event', { signal })) yield event as Event
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }

  #stream(): Duplex {
    const stream = this.makeStream()
    this.streams.push(stream)
    this.open += 1
    stream.once('close', () => {
      this.open -= 1
    })
    return stream
  }

  #sandbox(reference: string): MemorySandbox {
    const found = this.sandboxes.get(reference)
    if (found === undefined) throw unknown('container', reference)
    return found
  }
}

const CREATED = '2026-01-02T03:04:05.678901234Z'

function networkOf(request: NetworkCreate, id: string): NetworkInspect {
  return {
    Name: request.Name,
    Id: id,
    Created: CREATED,
    Scope: 'local',
    Driver: request.Driver ?? 'bridge',
    EnableIPv4: true,
    EnableIPv6: false,
    IPAM: { Driver: 'default', Options: null, Config: [{ Subnet: '10.1.0.0/24', Gateway: '10.1.0.1' }] },
    Internal: false,
    Attachable: false,
    Ingress: false,
    ConfigFrom: { Network: '' },
    ConfigOnly: false,
    Containers: {},
    Options: {},
    Labels: request.Labels ?? {},
  }
}

function linkOf(place: string, { from, to }: Impairment = {}): Link {
  return {
    place,
    kind: 'endpoint',
    sandbox: place,
    network: 'bridge',
    interface: '',
    from: { settings: { ...from } },
    to: { settings: { ...to } },
  }
}

function summaryOf({ id, name, running }: MemorySandbox): SandboxSummary {
  return {
    Id: id,
    Names: [`/${name}`],
    Command: 'sleep 1',
    Created: 1,
    State: running ? 'running' : 'created',
    Status: running ? 'Up 1 second' : 'Created',
    Ports: [],
    Labels: {},
    HostConfig: { NetworkMode: 'bridge' },
    NetworkSettings: { Networks: {} },
  }
}

function inspectOf({ id, name, running, request }: MemorySandbox): SandboxInspect {
  const route = { Network: '', Gateway: '', Reason: 'No endpoint gives one.' }
  return {
    Id: id,
    Created: CREATED,
    Path: request.Cmd?.[0] ?? '',
    Args: request.Cmd?.slice(1) ?? [],
    State: {
      Status: running ? 'running' : 'created',
      Running: running,
      Pid: 0,
      ExitCode: 0,
      Error: '',
      StartedAt: '0001-01-01T00:00:00Z',
      FinishedAt: '0001-01-01T00:00:00Z',
    },
    ResolvConfPath: '',
    HostnamePath: '',
    HostsPath: '',
    LogPath: '',
    Name: `/${name}`,
    Config: {
      Hostname: id.slice(0, 12),
      Domainname: '',
      Tty: false,
      OpenStdin: false,
      Env: [],
      Cmd: request.Cmd ?? null,
      WorkingDir: '',
      Labels: {},
      StopSignal: 'SIGTERM',
      StopTimeout: 10,
    },
    HostConfig: {
      NetworkMode: 'bridge',
      AutoRemove: false,
      PortBindings: {},
      PublishAllPorts: false,
      Dns: [],
      DnsSearch: [],
      DnsOptions: [],
      ExtraHosts: [],
      Links: null,
    },
    NetworkSettings: {
      SandboxID: id,
      SandboxKey: '',
      Ports: {},
      Networks: {},
      DefaultRoute: { IPv4: route, IPv6: route },
    },
  }
}
