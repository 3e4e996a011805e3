import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, it, type TestContext } from 'node:test'
import type { ClusterStatus } from '../../src/control/api/cluster.ts'
import type { NetworkInspect } from '../../src/control/api/network.ts'
import type { OverlayNetworks } from '../../src/control/api/overlay.ts'
import type { SandboxSummary } from '../../src/control/api/sandbox.ts'
import type { ServiceInspect } from '../../src/control/api/service.ts'
import type { Stats } from '../../src/control/api/switch.ts'
import { Metrics, type MetricsSource } from '../../src/daemon/metrics.ts'
import { DNS_VERDICTS } from '../../src/datapath/dns/dns-settings.ts'
import { DROP_REASON_COUNT, DROP_REASONS, DropReason } from '../../src/datapath/drop-reason.ts'
import { CLUSTER_STATUS } from '../support/cluster-status.ts'
import { needs, programPath } from '../support/requirements.ts'

const network: NetworkInspect = {
  Name: 'red',
  Id: 'a1',
  Created: '',
  Scope: 'local',
  Driver: 'bridge',
  EnableIPv4: true,
  EnableIPv6: false,
  IPAM: { Driver: 'default', Options: null, Config: [] },
  Internal: false,
  Attachable: false,
  Ingress: false,
  ConfigFrom: { Network: '' },
  ConfigOnly: false,
  Containers: {
    c1: { Name: 'one', EndpointID: '', MacAddress: '', IPv4Address: '', IPv6Address: '' },
    c2: { Name: 'two', EndpointID: '', MacAddress: '', IPv4Address: '', IPv6Address: '' },
  },
  Options: {},
  Labels: {},
  Status: { IPAM: { Subnets: { '10.1.0.0/16': { IPsInUse: 5, DynamicIPsAvailable: 65_531 } } } },
}

const port = (number: number, sandbox: string): Stats['ports'][number] => ({
  port: number,
  network: 'red',
  sandbox,
  interface: 'eth0',
  received: { frames: 10 + number, bytes: 1000 + number },
  transmitted: { frames: 20 + number, bytes: 2000 + number },
  dropped: number,
})

const station = (name: string) => ({
  network: name,
  mac: '02:00:00:00:00:01',
  sandbox: 'one',
  interface: 'eth0',
  port: 1,
  ageS: 1,
  static: false,
})

const summary = (State: SandboxSummary['State']) => ({ State }) as SandboxSummary

/** Two sandboxes on a network; `change` takes some of it away, or puts more in. */
function newSource(
  change: {
    ports?: Stats['ports']
    networks?: NetworkInspect[]
    overlays?: OverlayNetworks['networks']
    cluster?: ClusterStatus
    services?: ServiceInspect[]
  } = {},
): MetricsSource {
  return {
    version: '1.2.3',
    backend: 'io_uring',
    events: { published: 7, readers: 2, readersLost: 1 },
    captures: { totals: () => ({ running: 1, started: 4, packets: 900, dropped: 3, followers: 2 }) },
    control: {
      stats: () => ({
        at: 0,
        uptimeS: 1,
        totals: {
          received: 100,
          forwarded: 60,
          flooded: 30,
          copies: 5,
          segments: 4,
          originated: 6,
          transmitted: 99,
          dropped: 10,
          consumed: 5,
          held: 1,
        },
        ports: change.ports ?? [port(1, 'one'), port(2, 'two')],
        drops: [{ reason: 'device-queue-full', sentence: '', frames: 10 }],
      }),
      fdb: async () => ({ stations: [station('red'), station('red'), station('blue')] }),
      clusterStatus: () => change.cluster,
      listServices: () => change.services ?? [],
      overlayNetworks: () => ({ networks: change.overlays ?? [] }),
      natStats: async () => ({
        flows: 6,
        capacity: 1000,
        perOwner: 100,
        byProtocol: { tcp: 3, udp: 2, icmp: 1 },
        created: 40,
        expired: 30,
        evicted: 4,
        refusedQuota: 5,
        refusedFull: 0,
        publishedRanges: 8,
        icmpErrorsSent: 9,
      }),
      dnsStats: async () => ({
        udp: 90,
        other: 10,
        verdicts: { answered: 60, empty: 5, forwarded: 20 },
        truncated: 2,
        pending: 3,
        names: 8,
        endpoints: 2,
        cache: { entries: 4, capacity: 100, hits: 15, misses: 20, evicted: 1 },
        servers: [
          {
            address: '192.0.2.53',
            sandbox: '',
            asked: 21,
            answered: 18,
            timeouts: 1,
            failures: 2,
            rejected: 0,
            roundTripMs: 12.5,
          },
          {
            address: '192.0.2.53',
            sandbox: 'one',
            asked: 4,
            answered: 0,
            timeouts: 4,
            failures: 0,
            rejected: 6,
          },
        ],
      }),
      links: async () => ({
        links: [
          {
            place: 'one@red',
            kind: 'endpoint',
            sandbox: 'one',
            network: 'red',
            interface: 'eth0',
            from: { settings: {} },
            to: {
              settings: { delay: '50ms' },
              counts: {
                passed: 80,
                lost: 7,
                duplicated: 6,
                reordered: 5,
                corrupted: 4,
                queueFull: 3,
                down: 2,
                waiting: 1,
              },
            },
          },
        ],
      }),
      listNetworks: () => change.networks ?? [network],
      listSandboxes: () => [summary('running'), summary('running'), summary('exited')],
    },
    portDrops: (number) =>
      Array.from({ length: DROP_REASON_COUNT }, (_, reason) => (reason === DropReason.samePort ? number : 0)),
  }
}

function newMetrics(t: TestContext, source = newSource()): Metrics {
  const metrics = new Metrics(source)
  t.after(() => metrics.close())
  return metrics
}

describe('the metrics', () => {
  it('are the counters as they are', async (t) => {
    const { text, contentType } = await newMetrics(t).render()
    assert.match(contentType, /^text\/plain; version=0\.0\.4/)
    const lines = new Set(text.split('\n'))
    for (const line of [
      `tapwire_build_info{version="1.2.3",backend="io_uring",node="${process.version}"} 1`,
      'tapwire_received_frames_total 100',
      'tapwire_forwarded_frames_total 60',
      'tapwire_flooded_frames_total 30',
      'tapwire_copied_frames_total 5',
      'tapwire_segmented_frames_total 4',
      'tapwire_originated_frames_total 6',
      'tapwire_transmitted_frames_total 99',
      'tapwire_consumed_frames_total 5',
      'tapwire_held_frames 1',
      'tapwire_dropped_frames_total{reason="device-queue-full"} 10',
      'tapwire_dropped_frames_total{reason="same-port"} 0',
      'tapwire_port_received_frames_total{network="red",sandbox="one",interface="eth0"} 11',
      'tapwire_port_received_bytes_total{network="red",sandbox="one",interface="eth0"} 1001',
      'tapwire_port_transmitted_frames_total{network="red",sandbox="two",interface="eth0"} 22',
      'tapwire_port_transmitted_bytes_total{network="red",sandbox="two",interface="eth0"} 2002',
      'tapwire_port_dropped_frames_total{network="red",sandbox="two",interface="eth0",reason="same-port"} 2',
      'tapwire_network_endpoints{network="red",driver="bridge"} 2',
      'tapwire_network_stations{network="red"} 2',
      'tapwire_network_addresses{network="red",subnet="10.1.0.0/16",state="used"} 5',
      'tapwire_network_addresses{network="red",subnet="10.1.0.0/16",state="available"} 65531',
      'tapwire_nat_flows{protocol="tcp"} 3',
      'tapwire_nat_flows{protocol="icmp"} 1',
      'tapwire_nat_flows_capacity 1000',
      'tapwire_nat_flows_created_total 40',
      'tapwire_nat_flows_expired_total 30',
      'tapwire_nat_flows_evicted_total 4',
      'tapwire_nat_flows_refused_total{reason="quota"} 5',
      'tapwire_nat_flows_refused_total{reason="full"} 0',
      'tapwire_published_ranges 8',
      'tapwire_icmp_errors_sent_total 9',
      'tapwire_dns_questions_total{transport="udp"} 90',
      'tapwire_dns_questions_total{transport="other"} 10',
      'tapwire_dns_answers_total{verdict="answered"} 60',
      'tapwire_dns_answers_total{verdict="forwarded"} 20',
      'tapwire_dns_answers_total{verdict="refused"} 0',
      'tapwire_dns_truncated_answers_total 2',
      'tapwire_dns_pending_questions 3',
      'tapwire_dns_names 8',
      'tapwire_dns_endpoints 2',
      'tapwire_dns_cache_entries 4',
      'tapwire_dns_cache_capacity 100',
      'tapwire_dns_cache_lookups_total{result="hit"} 15',
      'tapwire_dns_cache_lookups_total{result="miss"} 20',
      'tapwire_dns_cache_evicted_total 1',
      'tapwire_dns_server_questions_total{server="192.0.2.53",sandbox=""} 21',
      'tapwire_dns_server_answers_total{server="192.0.2.53",sandbox=""} 18',
      'tapwire_dns_server_failures_total{server="192.0.2.53",sandbox="",reason="timeout"} 1',
      'tapwire_dns_server_failures_total{server="192.0.2.53",sandbox="",reason="failure"} 2',
      'tapwire_dns_server_failures_total{server="192.0.2.53",sandbox="one",reason="rejected"} 6',
      'tapwire_dns_server_round_trip_seconds{server="192.0.2.53",sandbox=""} 0.0125',
      'tapwire_link_passed_frames_total{place="one@red",direction="to"} 80',
      'tapwire_link_lost_frames_total{place="one@red",direction="to",reason="loss"} 7',
      'tapwire_link_lost_frames_total{place="one@red",direction="to",reason="queue-full"} 3',
      'tapwire_link_lost_frames_total{place="one@red",direction="to",reason="down"} 2',
      'tapwire_link_duplicated_frames_total{place="one@red",direction="to"} 6',
      'tapwire_link_reordered_frames_total{place="one@red",direction="to"} 5',
      'tapwire_link_corrupted_frames_total{place="one@red",direction="to"} 4',
      'tapwire_link_waiting_frames{place="one@red",direction="to"} 1',
      'tapwire_sandboxes{state="created"} 0',
      'tapwire_sandboxes{state="running"} 2',
      'tapwire_sandboxes{state="exited"} 1',
      'tapwire_events_total 7',
      'tapwire_event_readers 2',
      'tapwire_event_readers_lost_total 1',
    ]) {
      assert.ok(lines.has(line), `${line} is not in\n${text}`)
    }
    // Every reason but "not dropped".
    assert.equal(text.match(/^tapwire_dropped_frames_total\{/gm)?.length, DROP_REASONS.length - 1)
    assert.equal(text.match(/^tapwire_port_dropped_frames_total\{/gm)?.length, 2)
    assert.equal(text.match(/^tapwire_dns_answers_total\{/gm)?.length, DNS_VERDICTS.length)
    assert.equal(text.match(/^tapwire_dns_server_round_trip_seconds\{/gm)?.length, 1)
  })

  it('tell of the process', async (t) => {
    const { text } = await newMetrics(t).render()
    const value = (name: string): number => Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1])
    assert.ok(Math.abs(value('process_start_time_seconds') - (Date.now() / 1000 - process.uptime())) < 5)
    assert.ok(value('process_resident_memory_bytes') > 2 ** 20)
    assert.ok(value('process_cpu_seconds_total') > 0)
    assert.ok(value('process_open_fds') > 3)
    assert.match(text, /^tapwire_event_loop_lag_seconds\{statistic="max"\} \d/m)
  })

  it('tell no more of what was removed', async (t) => {
    const change = { ports: [port(1, 'one'), port(2, 'two')], networks: [network] }
    const metrics = newMetrics(t, newSource(change))
    await metrics.render()
    change.ports.pop()
    change.networks.pop()
    const { text } = await metrics.render()
    assert.match(text, /sandbox="one"/)
    assert.doesNotMatch(text, /sandbox="two"/)
    assert.doesNotMatch(text, /tapwire_network_endpoints\{/)
  })

  it('tell of the cluster and of services', async (t) => {
    const service = { Name: 'web', Network: { Name: 'wide' }, Tasks: [{}, {}], Problem: 'port 80 is taken' }
    const services = [service as unknown as ServiceInspect]
    const lines = (await newMetrics(t, newSource({ cluster: CLUSTER_STATUS, services })).render()).text.split(
      '\n',
    )
    for (const line of [
      'tapwire_cluster_member{cluster="lab"} 1',
      'tapwire_cluster_registry_reachable{cluster="lab"} 0',
      'tapwire_cluster_waiting{cluster="lab"} 1',
      'tapwire_cluster_hosts{cluster="lab",state="present"} 1',
      'tapwire_cluster_hosts{cluster="lab",state="away"} 1',
      'tapwire_cluster_networks{cluster="lab"} 2',
      'tapwire_cluster_networks_missing{cluster="lab"} 1',
      'tapwire_service_backends{service="web",network="wide"} 2',
      'tapwire_service_up{service="web",network="wide"} 0',
    ]) {
      assert.ok(lines.includes(line), line)
    }
  })

  it('tell of networks behind a tunnel, and of so many peers apart', async (t) => {
    const common = { driver: 'vxlan', vni: 1, local: '192.0.2.1', udpPort: 4789, mtu: 1450 }
    const overlays = [
      { ...common, network: 'red', peers: 300, problem: '' },
      { ...common, network: 'far', peers: 0, problem: 'its socket has failed' },
    ]
    const ports = Array.from({ length: 300 }, (_, i) => ({
      ...port(i, ''),
      interface: `peer:10.0.${i >> 8}.${i & 255}`,
    }))
    const { text } = await newMetrics(t, newSource({ ports, overlays })).render()
    const lines = text.split('\n')
    for (const line of [
      'tapwire_overlay_up{network="red"} 1',
      'tapwire_overlay_up{network="far"} 0',
      'tapwire_overlay_peers{network="red"} 300',
      'tapwire_overlay_mtu_bytes{network="red"} 1450',
      'tapwire_port_received_frames_total{network="red",sandbox="",interface="peer:10.0.0.255"} 265',
    ]) {
      assert.ok(lines.includes(line), line)
    }
    const others = ports.slice(256).reduce((sum, { received }) => sum + received.frames, 0)
    assert.ok(
      lines.includes(
        `tapwire_port_received_frames_total{network="red",sandbox="",interface="peer:others"} ${others}`,
      ),
    )
  })

  it('are what promtool takes without a remark', { skip: needs('promtool') }, async (t) => {
    const { text } = await newMetrics(t).render()
    const check = spawnSync(programPath('promtool') ?? '', ['check', 'metrics'], {
      input: text,
      encoding: 'utf8',
    })
    assert.deepEqual([check.stdout, check.stderr, check.status], ['', '', 0])
  })
})
