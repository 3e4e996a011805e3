/** What the daemon tells Prometheus: counters are copied when somebody asks for them, and cost nothing otherwise. */

import { readdirSync } from 'node:fs'
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'
import { Counter, Gauge, Registry } from 'prom-client'
import type { ClusterStatus } from '../control/api/cluster.ts'
import type { DnsStats } from '../control/api/dns.ts'
import type { Link } from '../control/api/link.ts'
import type { NatStats } from '../control/api/nat.ts'
import type { NetworkInspect } from '../control/api/network.ts'
import type { OverlayNetworks } from '../control/api/overlay.ts'
import type { ServiceInspect } from '../control/api/service.ts'
import type { Fdb, Stats } from '../control/api/switch.ts'
import type { ControlPlane } from '../control/control-plane.ts'
import type { EventLog } from '../control/event-log.ts'
import { DNS_VERDICTS } from '../datapath/dns/dns-settings.ts'
import { DROP_REASONS, DropReason } from '../datapath/drop-reason.ts'
import { VXLAN_PEERS_MAX } from '../limits.ts'
import type { CaptureService, CaptureTotals } from './capture/capture-service.ts'

export interface MetricsSource {
  readonly control: Pick<
    ControlPlane,
    | 'stats'
    | 'fdb'
    | 'natStats'
    | 'overlayNetworks'
    | 'clusterStatus'
    | 'listServices'
    | 'dnsStats'
    | 'links'
    | 'listNetworks'
    | 'listSandboxes'
  >
  readonly events: Pick<EventLog, 'published' | 'readers' | 'readersLost'>
  /** Frames of a port that were dropped, by DropReason. */
  portDrops(port: number): readonly number[]
  readonly captures: Pick<CaptureService, 'totals'>
  readonly version: string
  readonly backend: string
}

export interface MetricsAnswer {
  readonly text: string
  readonly contentType: string
}

/** Milliseconds between two looks at how late the event loop is. */
const LAG_RESOLUTION_MS = 20

/** What the ports of other hosts are called: as in `peer:192.0.2.2`. */
const PEER = 'peer:'

type Labels = Readonly<Record<string, string>>

export class Metrics {
  readonly #source: MetricsSource
  readonly #lag: IntervalHistogram

  constructor(source: MetricsSource) {
    this.#source = source
    this.#lag = monitorEventLoopDelay({ resolution: LAG_RESOLUTION_MS })
    this.#lag.enable()
  }

  /** In the text format of Prometheus. */
  async render(): Promise<MetricsAnswer> {
    const { control } = this.#source
    const [fdb, nat, dns, { links }] = await Promise.all([
      control.fdb(),
      control.natStats(),
      control.dnsStats(),
      control.links(),
    ])
    // A registry for each answer: what was removed is then no longer told, and two answers at a time do not mix.
    const sheet = new Sheet()
    const stats = control.stats()
    this.#addBuild(sheet)
    addTotals(sheet, stats)
    this.#addPorts(sheet, stats)
    addRouter(sheet, nat)
    addNames(sheet, dns)
    addCaptures(sheet, this.#source.captures.totals())
    addNameServers(sheet, dns)
    addLinks(sheet, links)
    addOverlays(sheet, control.overlayNetworks())
    addCluster(sheet, control.clusterStatus())
    addServices(sheet, control.listServices({}))
    addNetworks(sheet, control.listNetworks({}), fdb)
    this.#addSandboxes(sheet)
    this.#addEvents(sheet)
    this.#addProcess(sheet)
    return { text: await sheet.registry.metrics(), contentType: sheet.registry.contentType }
  }

  close(): void {
    this.#lag.disable()
  }

  #addBuild(sheet: Sheet): void {
    const { version, backend } = this.#source
    const set = sheet.gauge('tapwire_build_info', 'Always 1; the labels say what runs.', [
      'version',
      'backend',
      'node',
    ])
    set(1, { version, backend, node: process.version })
  }

  #addPorts(sheet: Sheet, { ports }: Stats): void {
    const labels = ['network', 'sandbox', 'interface']
    const counter = (name: string, help: string) => sheet.counter(`tapwire_port_${name}_total`, help, labels)
    const receivedFrames = counter('received_frames', 'Frames that the switch received from the sandbox.')
    const receivedBytes = counter('received_bytes', 'Bytes that the switch received from the sandbox.')
    const transmittedFrames = counter(
      'transmitted_frames',
      'Frames that the switch transmitted to the sandbox.',
    )
    const transmittedBytes = counter('transmitted_bytes', 'Bytes that the switch transmitted to the sandbox.')
    const dropped = sheet.counter(
      'tapwire_port_dropped_frames_total',
      'Frames that were dropped on the way from or to the sandbox; reasons that did not occur are left out.',
      [...labels, 'reason'],
    )
    const peers = new Set<string>()
    for (const port of ports) {
      const { network, sandbox } = port
      const isPeer = port.interface.startsWith(PEER)
      if (isPeer && peers.size < VXLAN_PEERS_MAX) peers.add(port.interface)
      // Learned peers come and go: a series for each that there ever was would be too many.
      const name = isPeer && !peers.has(port.interface) ? `${PEER}others` : port.interface
      const owner = { network, sandbox, interface: name }
      receivedFrames(port.received.frames, owner)
      receivedBytes(port.received.bytes, owner)
      transmittedFrames(port.transmitted.frames, owner)
      transmittedBytes(port.transmitted.bytes, owner)
      for (const [reason, frames] of this.#source.portDrops(port.port).entries()) {
        if (frames > 0) dropped(frames, { ...owner, reason: DROP_REASONS[reason]!.name })
      }
    }
  }

  #addSandboxes(sheet: Sheet): void {
    const counts = { created: 0, running: 0, exited: 0 }
    const sandboxes = this.#source.control.listSandboxes({ all: true, filters: {} })
    for (const { State } of sandboxes) counts[State] += 1
    const set = sheet.gauge('tapwire_sandboxes', 'Sandboxes by state.', ['state'])
    for (const [state, count] of Object.entries(counts)) set(count, { state })
  }

  #addEvents(sheet: Sheet): void {
    const { published, readers, readersLost } = this.#source.events
    sheet.counter('tapwire_events_total', 'Events since the start of the daemon.')(published)
    sheet.gauge('tapwire_event_readers', 'Clients that read the stream of events.')(readers)
    sheet.counter(
      'tapwire_event_readers_lost_total',
      'Clients whose stream of events ended because they read it too slowly.',
    )(readersLost)
  }

  /** Under the names that Prometheus has for them in any program. */
  #addProcess(sheet: Sheet): void {
    const { user, system } = process.cpuUsage()
    const memory = process.memoryUsage()
    const seconds = (percentile: number): number =>
      Math.max(0, this.#lag.percentile(percentile) / 1e9 - LAG_RESOLUTION_MS / 1000)
    const startedS = Date.now() / 1000 - process.uptime()
    sheet.counter(
      'process_cpu_seconds_total',
      'Processor time of the daemon, all threads.',
    )((user + system) / 1e6)
    sheet.gauge('process_start_time_seconds', 'When the daemon started, since 1970.')(startedS)
    sheet.gauge('process_resident_memory_bytes', 'Resident memory of the daemon.')(memory.rss)
    sheet.gauge('process_open_fds', 'Open file descriptors of the daemon.')(openDescriptors())
    sheet.gauge('nodejs_heap_size_used_bytes', 'JavaScript heap in use.')(memory.heapUsed)
    const lag = sheet.gauge(
      'tapwire_event_loop_lag_seconds',
      'How late the control plane was, since the last answer: the median, one in a hundred, and the worst.',
      ['statistic'],
    )
    lag(seconds(50), { statistic: 'p50' })
    lag(seconds(99), { statistic: 'p99' })
    lag(seconds(100), { statistic: 'max' })
    this.#lag.reset()
  }
}

/** One answer. A metric is declared with its name, and then set for each set of labels. */
class Sheet {
  readonly registry = new Registry()

  counter(
    name: string,
    help: string,
    labelNames: readonly string[] = [],
  ): (value: number, labels?: Labels) => void {
    const counter = new Counter({ name, help, labelNames, registers: [this.registry] })
    return (value, labels = {}) => counter.inc(labels, value)
  }

  gauge(
    name: string,
    help: string,
    labelNames: readonly string[] = [],
  ): (value: number, labels?: Labels) => void {
    const gauge = new Gauge({ name, help, labelNames, registers: [this.registry] })
    return (value, labels = {}) => gauge.set(labels, value)
  }
}

/** Of all ports that there are and were: received + copied + segments + originated = transmitted + dropped + consumed + held. */
function addTotals(sheet: Sheet, { totals, drops }: Stats): void {
  const counter = (name: string, help: string, value: number): void =>
    sheet.counter(`tapwire_${name}_total`, help)(value)
  counter('received_frames', 'Frames that the switch received.', totals.received)
  counter('forwarded_frames', 'Received frames that left by the one port of their target.', totals.forwarded)
  counter('flooded_frames', 'Received frames that left by all other ports of their network.', totals.flooded)
  counter('copied_frames', 'Frames that flooding made, the originals not counted.', totals.copies)
  counter('segmented_frames', 'Frames that segmentation made, the originals not counted.', totals.segments)
  counter('originated_frames', 'Frames that the router made itself.', totals.originated)
  counter('transmitted_frames', 'Frames that the switch transmitted.', totals.transmitted)
  counter('consumed_frames', 'Received frames that were for the router itself.', totals.consumed)
  sheet.gauge('tapwire_held_frames', 'Frames that wait in the router at the moment.')(totals.held)
  const dropped = sheet.counter('tapwire_dropped_frames_total', 'Frames that were dropped, by reason.', [
    'reason',
  ])
  const byReason = new Map(drops.map(({ reason, frames }) => [reason, frames]))
  for (const [number, { name }] of DROP_REASONS.entries()) {
    if (number !== DropReason.none) dropped(byReason.get(name) ?? 0, { reason: name })
  }
}

function addRouter(sheet: Sheet, nat: NatStats): void {
  const flows = sheet.gauge('tapwire_nat_flows', 'Connections that the router follows.', ['protocol'])
  for (const [protocol, count] of Object.entries(nat.byProtocol)) flows(count, { protocol })
  const gauge = (name: string, help: string, value: number): void =>
    sheet.gauge(`tapwire_${name}`, help)(value)
  gauge('nat_flows_capacity', 'Connections that the router has room for.', nat.capacity)
  gauge('published_ranges', 'Published ports; a range of them is one.', nat.publishedRanges)
  const counter = (name: string, help: string, value: number): void =>
    sheet.counter(`tapwire_${name}_total`, help)(value)
  counter('nat_flows_created', 'Connections that the router has begun to follow.', nat.created)
  counter('nat_flows_expired', 'Connections that were forgotten in their time.', nat.expired)
  counter('nat_flows_evicted', 'Connections that were forgotten so that others could begin.', nat.evicted)
  const refused = sheet.counter(
    'tapwire_nat_flows_refused_total',
    'Connections that were not begun: the sandbox had no more of them (quota), or the table had none left (full).',
    ['reason'],
  )
  refused(nat.refusedQuota, { reason: 'quota' })
  refused(nat.refusedFull, { reason: 'full' })
  counter('icmp_errors_sent', 'ICMP errors that the router has sent.', nat.icmpErrorsSent)
}

function addCaptures(sheet: Sheet, totals: CaptureTotals): void {
  sheet.gauge('tapwire_captures', 'Captures that run.')(totals.running)
  sheet.gauge(
    'tapwire_capture_followers',
    'Clients that follow frames with what is decided on them.',
  )(totals.followers)
  sheet.counter('tapwire_captures_started_total', 'Captures since the start of the daemon.')(totals.started)
  sheet.counter('tapwire_capture_packets_total', 'Packets that captures have written.')(totals.packets)
  sheet.counter(
    'tapwire_capture_dropped_packets_total',
    'Copies that captures dropped because their clients read too slowly; the frames themselves went their way.',
  )(totals.dropped)
}

function addNames(sheet: Sheet, dns: DnsStats): void {
  const counter = (name: string, help: string, labels: readonly string[] = []) =>
    sheet.counter(`tapwire_dns_${name}_total`, help, labels)
  const gauge = (name: string, help: string, value: number): void =>
    sheet.gauge(`tapwire_dns_${name}`, help)(value)
  const questions = counter(
    'questions',
    'Questions for names: by frames to a gateway (udp), and by other ways.',
    ['transport'],
  )
  questions(dns.udp, { transport: 'udp' })
  questions(dns.other, { transport: 'other' })
  const answers = counter('answers', 'What became of the questions.', ['verdict'])
  for (const verdict of DNS_VERDICTS) answers(dns.verdicts[verdict] ?? 0, { verdict })
  counter('truncated_answers', 'Answers that did not fit, and said so (TC).')(dns.truncated)
  gauge('pending_questions', 'Questions that wait for an answer from outside.', dns.pending)
  gauge('names', 'Names that are answered for.', dns.names)
  gauge('endpoints', 'Endpoints that have names.', dns.endpoints)
  gauge('cache_entries', 'Answers from outside that are kept.', dns.cache.entries)
  gauge('cache_capacity', 'Answers from outside that there is room for.', dns.cache.capacity)
  const lookups = counter('cache_lookups', 'Whether an answer was kept.', ['result'])
  lookups(dns.cache.hits, { result: 'hit' })
  lookups(dns.cache.misses, { result: 'miss' })
  counter('cache_evicted', 'Answers that made room for others.')(dns.cache.evicted)
}

/** A few of the machine, and a few of each sandbox that has named its own. */
function addNameServers(sheet: Sheet, { servers }: DnsStats): void {
  const owner = ['server', 'sandbox']
  const counter = (name: string, help: string, labels: readonly string[]) =>
    sheet.counter(`tapwire_dns_server_${name}_total`, help, labels)
  const asked = counter('questions', 'Questions to a server outside.', owner)
  const answered = counter('answers', 'Answers of a server outside.', owner)
  const failed = counter(
    'failures',
    'Questions that a server outside did not answer (timeout) or refused (failure), and answers that were not believed (rejected).',
    [...owner, 'reason'],
  )
  const roundTrip = sheet.gauge(
    'tapwire_dns_server_round_trip_seconds',
    'How long a server outside took of late.',
    owner,
  )
  for (const { address: server, sandbox, ...counts } of servers) {
    asked(counts.asked, { server, sandbox })
    answered(counts.answered, { server, sandbox })
    failed(counts.timeouts, { server, sandbox, reason: 'timeout' })
    failed(counts.failures, { server, sandbox, reason: 'failure' })
    failed(counts.rejected, { server, sandbox, reason: 'rejected' })
    if (counts.roundTripMs !== undefined) roundTrip(counts.roundTripMs / 1000, { server, sandbox })
  }
}

/** Of links that are impaired now, since they became so. */
function addLinks(sheet: Sheet, links: readonly Link[]): void {
  const labels = ['place', 'direction']
  const counter = (name: string, help: string, more: readonly string[] = []) =>
    sheet.counter(`tapwire_link_${name}_frames_total`, help, [...labels, ...more])
  const passed = counter('passed', 'Frames that an impaired link has let pass.')
  const lost = counter(
    'lost',
    'Frames that an impaired link has dropped: by its loss, since its queue was full, or since it was down.',
    ['reason'],
  )
  const duplicated = counter('duplicated', 'Frames that an impaired link has passed twice.')
  const reordered = counter(
    'reordered',
    'Frames that went at once, past those that an impaired link delayed.',
  )
  const corrupted = counter('corrupted', 'Frames of which an impaired link has turned a bit over.')
  const waiting = sheet.gauge('tapwire_link_waiting_frames', 'Frames that wait on an impaired link.', labels)
  for (const { place, ...link } of links) {
    for (const direction of ['from', 'to'] as const) {
      const { counts } = link[direction]
      if (counts === undefined) continue
      const which = { place, direction }
      passed(counts.passed, which)
      lost(counts.lost, { ...which, reason: 'loss' })
      lost(counts.queueFull, { ...which, reason: 'queue-full' })
      lost(counts.down, { ...which, reason: 'down' })
      duplicated(counts.duplicated, which)
      reordered(counts.reordered, which)
      corrupted(counts.corrupted, which)
      waiting(counts.waiting, which)
    }
  }
}

function addOverlays(sheet: Sheet, { networks }: OverlayNetworks): void {
  const gauge = (name: string, help: string) => sheet.gauge(`tapwire_overlay_${name}`, help, ['network'])
  const up = gauge('up', 'Whether a network that goes on behind a tunnel does (1) or not (0).')
  const peers = gauge('peers', 'Other hosts that the network goes on to.')
  const mtu = gauge('mtu_bytes', 'Bytes of IP packet that interfaces on the network take.')
  for (const { network, ...status } of networks) {
    up(status.problem === '' ? 1 : 0, { network })
    peers(status.peers, { network })
    mtu(status.mtu, { network })
  }
}

/** A daemon that is in no cluster tells nothing of one. */
function addCluster(sheet: Sheet, status: ClusterStatus | undefined): void {
  if (status === undefined) return
  const { cluster, state, registry, revision, waiting, hosts, networks } = status
  const gauge = (name: string, help: string, labels: readonly string[] = []) =>
    sheet.gauge(`tapwire_cluster_${name}`, help, ['cluster', ...labels])
  gauge('member', 'Whether this host is a member of its cluster (1) or not (0).')(
    state === 'member' ? 1 : 0,
    {
      cluster,
    },
  )
  gauge('registry_reachable', 'Whether the registry answers (1) or not (0).')(registry.reachable ? 1 : 0, {
    cluster,
  })
  gauge('revision', 'Of the registry, as far as this host has heard.')(revision, { cluster })
  gauge('waiting', 'Endpoints of this host that the cluster is yet to hear of.')(waiting, { cluster })
  const set = gauge('hosts', 'Hosts of the cluster: those that are there, and those that are away.', [
    'state',
  ])
  const present = hosts.filter((host) => host.present).length
  set(present, { cluster, state: 'present' })
  set(hosts.length - present, { cluster, state: 'away' })
  gauge('networks', 'Networks of the cluster.')(networks.length, { cluster })
  gauge('networks_missing', 'Networks of the cluster that are not on this host.')(
    networks.filter(({ problem }) => problem !== '').length,
    { cluster },
  )
}

function addServices(sheet: Sheet, services: readonly ServiceInspect[]): void {
  const labels = ['service', 'network']
  const backends = sheet.gauge('tapwire_service_backends', 'Sandboxes that serve, on all hosts.', labels)
  const up = sheet.gauge(
    'tapwire_service_up',
    'Whether a service is all that it should be on this host (1) or not (0).',
    labels,
  )
  for (const { Name: service, Network, Tasks, Problem } of services) {
    backends(Tasks.length, { service, network: Network.Name })
    up(Problem === '' ? 1 : 0, { service, network: Network.Name })
  }
}

function addNetworks(sheet: Sheet, networks: readonly NetworkInspect[], fdb: Fdb): void {
  const endpoints = sheet.gauge('tapwire_network_endpoints', 'Endpoints of the network.', [
    'network',
    'driver',
  ])
  const stations = sheet.gauge('tapwire_network_stations', 'Stations that the switch knows.', ['network'])
  const addresses = sheet.gauge(
    'tapwire_network_addresses',
    'Addresses of the subnet that are in use, and that can still be given out.',
    ['network', 'subnet', 'state'],
  )
  const known = new Map<string, number>()
  for (const { network } of fdb.stations) known.set(network, (known.get(network) ?? 0) + 1)
  for (const { Name: network, Driver: driver, Containers, Status } of networks) {
    endpoints(Object.keys(Containers).length, { network, driver })
    stations(known.get(network) ?? 0, { network })
    for (const [subnet, usage] of Object.entries(Status?.IPAM.Subnets ?? {})) {
      addresses(usage.IPsInUse, { network, subnet, state: 'used' })
      addresses(usage.DynamicIPsAvailable, { network, subnet, state: 'available' })
    }
  }
}

const openDescriptors = (): number => readdirSync('/proc/self/fd').length
