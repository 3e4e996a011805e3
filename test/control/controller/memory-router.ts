import { worldState } from '../../../src/control/fabric/uplink-state.ts'
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
import {
  MTU_DEFAULT,
  NAT_FIRST_PORT,
  NAT_LAST_PORT,
  UPLINK_DOMAIN,
  UPLINK_PORT,
} from '../../../src/limits.ts'
import { parseIpv4 } from '../../../src/wire/address.ts'
import * as arp from '../../../src/wire/arp.ts'
import * as ethernet from '../../../src/wire/ethernet.ts'
import * as ipv4 from '../../../src/wire/ipv4.ts'
import type { MemoryTunnels } from './memory-tunnels.ts'

/** What the router sees of the switch. */
export interface MemorySwitch {
  readonly ports: ReadonlyMap<number, FabricPort>
  readonly gateways: ReadonlyMap<number, FabricGateway>
  readonly uplinkSpec: UplinkSpec | undefined
  readonly tunnelling: Pick<MemoryTunnels, 'peers' | 'remotes'>
}

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
    const world = [...this.#switch.gateways].find(([, { uplink }]) => uplink)
    if (spec === undefined && world !== undefined) return worldState({ domain: world[0], gateway: world[1] })
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

  /** A switch whose stations are its ports, and a router that knows the way out, and neighbours that a test puts in. */
  explain(port: number, frame: Uint8Array): ExplainStep[] {
    this.explained.push({ port, frame })
    const view = new DataView(frame.buffer, frame.byteOffset)
    const { target: mac, source } = ethernet.parse(view, 0, frame.length)!
    const peer = this.#switch.tunnelling.peers.get(port)
    const domain = port === UPLINK_PORT ? UPLINK_DOMAIN : (peer ?? this.#switch.ports.get(port)!).domain
    const question = arp.parse(view, ethernet.HEADER_SIZE, frame.length)
    if (question !== undefined) return this.#asked(question, port, domain)
    const packet = ipv4.parse(view, ethernet.HEADER_SIZE, frame.length)!
    const way: ExplainStep[] = [
      { stage: 'ingress', verdict: 'accept', values: { port, domain, length: frame.length } },
      { stage: 'guard', verdict: 'accept', values: { mac: source, address: packet.source } },
    ]
    const station = [...this.#switch.ports.values()].find(
      (other) => other.domain === domain && other.mac === mac,
    )
    if (station !== undefined) {
      const forward = { stage: 'bridge', verdict: 'forward', values: { mac, port: station.port, domain } }
      return [...way, forward, transmit(station.port, domain)]
    }
    const remote = this.#switch.tunnelling.remotes.get(`${domain} ${mac}`)
    if (remote !== undefined) {
      const values = { port: remote.port, domain }
      const forward = { stage: 'bridge', verdict: 'forward', values: { mac, ...values } }
      return [...way, forward, { stage: 'tunnel', verdict: 'encapsulate', values }]
    }
    return [
      ...way,
      { stage: 'bridge', verdict: 'router', values: { mac, domain } },
      ...this.#routed(packet, domain),
    ]
  }

  /** A question by ARP goes to all others, unless the switch has been told who has the address. */
  #asked({ targetProtocol }: arp.Arp, port: number, domain: number): ExplainStep[] {
    const ingress: ExplainStep = { stage: 'ingress', verdict: 'accept', values: { port, domain } }
    const told = [...this.#switch.tunnelling.remotes].find(
      ([key, { addresses }]) => key.startsWith(`${domain} `) && addresses.includes(targetProtocol),
    )
    if (told !== undefined) {
      const mac = told[0].split(' ')[1]!
      return [
        ingress,
        { stage: 'tunnel', verdict: 'suppress', values: { domain, address: targetProtocol, mac } },
      ]
    }
    const others = [...this.#switch.ports.values()].filter(
      (one) => one.domain === domain && one.port !== port,
    )
    const flood = { domain, mac: 'ff:ff:ff:ff:ff:ff', ports: others.length }
    return [ingress, { stage: 'bridge', verdict: 'flood', values: flood }]
  }

  #routed({ source, destination, timeToLive: ttl }: ipv4.Ipv4, domain: number): ExplainStep[] {
    const { gateway, address } = this.uplink()
    const ahead: ExplainStep[] = [
      { stage: 'router', verdict: 'packet', values: { ttl, source, destination, domain } },
      { stage: 'flow', verdict: 'new', values: {} },
    ]
    if (this.#switch.gateways.get(domain)?.address === destination)
      return [...ahead, { stage: 'answer', verdict: 'echo-reply', values: { domain } }]
    const inside = [...this.#switch.gateways].find(([, one]) => sameNetwork(one, destination))
    if (inside !== undefined) return [...ahead, ...this.#neighbour(destination, inside[0])]
    if (gateway === '')
      return [
        ...ahead,
        { stage: 'policy', verdict: 'drop', reason: 'no-route', values: { from: domain, to: domain } },
      ]
    return [
      ...ahead,
      { stage: 'policy', verdict: 'accept', values: { from: domain, to: UPLINK_DOMAIN } },
      { stage: 'source-nat', verdict: 'translate', values: { address, port: 49_152 } },
      {
        stage: 'route',
        verdict: 'match',
        values: { network: '0.0.0.0/0', domain: UPLINK_DOMAIN, nextHop: gateway },
      },
      ...this.#neighbour(gateway, UPLINK_DOMAIN),
    ]
  }

  #neighbour(address: string, domain: number): ExplainStep[] {
    const known = this.neighbours.find((one) => one.domain === domain && one.address === address)
    if (known === undefined) return [{ stage: 'neighbour', verdict: 'unknown', values: { address, domain } }]
    const values = { address, mac: known.mac, domain }
    const port = [...this.#switch.ports.values()].find(({ mac }) => mac === known.mac)?.port ?? UPLINK_PORT
    return [{ stage: 'neighbour', verdict: 'known', values }, transmit(port, domain)]
  }
}

const transmit = (port: number, domain: number): ExplainStep => ({
  stage: 'egress',
  verdict: 'transmit',
  values: { port, domain },
})

function sameNetwork({ address, prefixLength }: FabricGateway, other: string): boolean {
  const networkOf = (text: string): number => (parseIpv4(text)! >>> 0) >>> (32 - prefixLength)
  return networkOf(address) === networkOf(other)
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
