import type {
  ExplainStep,
  FabricFlow,
  FabricFlows,
  FabricGateway,
  FabricNatStats,
  FabricNeighbour,
  FabricPort,
  FlowFilter,
  UplinkSpec,
  UplinkState,
} from '../../../src/control/model/machine.ts'
import { MTU_DEFAULT, NAT_FIRST_PORT, NAT_LAST_PORT, PORTS_MAX } from '../../../src/limits.ts'
import * as ethernet from '../../../src/wire/ethernet.ts'
import * as ipv4 from '../../../src/wire/ipv4.ts'

/** What the router sees of the switch. */
export interface MemorySwitch {
  readonly ports: ReadonlyMap<number, FabricPort>
  readonly gateways: ReadonlyMap<number, FabricGateway>
  readonly uplinkSpec: UplinkSpec | undefined
}

/** Behind the numbers of networks and sandboxes. */
export const UPLINK_DOMAIN = 5000
export const UPLINK_PORT = PORTS_MAX

const UPLINK_MAC = '02:00:00:00:99:01'

/** The router of a switch in memory: connections and neighbours are those that a test puts in. */
export class MemoryRouter {
  flows: FabricFlow[] = []
  neighbours: FabricNeighbour[] = []
  /** What was asked about, the last one last. */
  readonly explained: { port: number; frame: Uint8Array }[] = []
  readonly #switch: MemorySwitch

  constructor(ofSwitch: MemorySwitch) {
    this.#switch = ofSwitch
  }

  uplink(): UplinkState {
    const { uplinkSpec: spec } = this.#switch
    const none = { mac: '', address: '', prefixLength: 0, gateway: '', mtu: 0, ports: [0, 0] as const }
    if (spec === undefined) return { spec, up: false, reason: 'none is set', interface: '', ...none }
    const place =
      spec.kind === 'tap'
        ? { ...spec, interface: spec.name }
        : {
            interface: spec.interface || 'eth0',
            address: '203.0.113.10',
            prefixLength: 24,
            gateway: '203.0.113.254',
            mtu: MTU_DEFAULT,
          }
    const { interface: name, address, prefixLength, gateway, mtu } = place
    return {
      spec,
      up: true,
      reason: '',
      interface: name,
      mac: UPLINK_MAC,
      address,
      prefixLength,
      gateway,
      mtu,
      ports: [NAT_FIRST_PORT, NAT_LAST_PORT],
      domain: UPLINK_DOMAIN,
      port: UPLINK_PORT,
    }
  }

  list(filter: FlowFilter, limit: number): FabricFlows {
    const matching = this.flows.filter((flow) => matches(flow, filter))
    return { flows: matching.slice(0, limit), total: matching.length }
  }

  flush(filter: FlowFilter): number {
    const before = this.flows.length
    this.flows = this.flows.filter((flow) => !matches(flow, filter))
    return before - this.flows.length
  }

  stats(publishedRanges: number): FabricNatStats {
    const count = (protocol: FabricFlow['protocol']): number =>
      this.flows.filter((flow) => flow.protocol === protocol).length
    return {
      flows: this.flows.length,
      capacity: 1024,
      perOwner: 256,
      created: this.flows.length,
      expired: 0,
      evicted: 0,
      refusedQuota: 0,
      refusedFull: 0,
      byProtocol: { tcp: count('tcp'), udp: count('udp'), icmp: count('icmp') },
      publishedRanges,
      icmpErrorsSent: 0,
    }
  }

  /** A switch whose stations are its ports, and a router that only knows the way out. */
  explain(port: number, frame: Uint8Array): ExplainStep[] {
    this.explained.push({ port, frame })
    const view = new DataView(frame.buffer, frame.byteOffset)
    const { target, source } = ethernet.parse(view, 0, frame.length)!
    const packet = ipv4.parse(view, ethernet.HEADER_SIZE, frame.length)!
    const domain = port === UPLINK_PORT ? UPLINK_DOMAIN : this.#switch.ports.get(port)!.domain
    const way: ExplainStep[] = [
      { stage: 'ingress', verdict: 'accept', values: { port, network: domain, length: frame.length } },
      { stage: 'guard', verdict: 'accept', values: { mac: source, address: packet.source } },
    ]
    const station = [...this.#switch.ports.values()].find(
      (other) => other.domain === domain && other.mac === target,
    )
    return station === undefined ? [...way, ...this.#routed(packet)] : [...way, ...switched(station, port)]
  }

  #routed({ destination, timeToLive }: ipv4.Ipv4): ExplainStep[] {
    const { gateway, address, mtu } = this.uplink()
    const ahead: ExplainStep[] = [
      { stage: 'bridge', verdict: 'router', values: {} },
      { stage: 'router', verdict: 'forward', values: { ttl: timeToLive, destination } },
      { stage: 'flow', verdict: 'new', values: {} },
    ]
    if (gateway === '') return [...ahead, { stage: 'route', verdict: 'none', values: {} }]
    const route = { prefix: '0.0.0.0', prefixLength: 0, network: UPLINK_DOMAIN, nextHop: gateway }
    return [
      ...ahead,
      { stage: 'source-nat', verdict: 'translate', values: { address, port: 49_152 } },
      { stage: 'route', verdict: 'match', values: route },
      { stage: 'egress', verdict: 'transmit', values: { port: UPLINK_PORT, mtu } },
    ]
  }
}

function switched({ port, mtu }: FabricPort, from: number): ExplainStep[] {
  return port === from
    ? [{ stage: 'bridge', verdict: 'drop', reason: 'same-port', values: { port } }]
    : [
        { stage: 'bridge', verdict: 'forward', values: { port } },
        { stage: 'egress', verdict: 'transmit', values: { port, mtu } },
      ]
}

function matches(
  { protocol, original, reply, owner }: FabricFlow,
  { protocol: wanted, address, port, ports, domains }: FlowFilter,
): boolean {
  const ends = [original, reply]
  return (
    (wanted === undefined || protocol === wanted) &&
    (address === undefined || ends.some((end) => [end.source, end.destination].includes(address))) &&
    (port === undefined || ends.some((end) => [end.sourcePort, end.destinationPort].includes(port))) &&
    (ports === undefined || ports.includes(owner)) &&
    (domains === undefined || ends.some((end) => domains.includes(end.domain)))
  )
}
