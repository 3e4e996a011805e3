/** Where a packet starts, and what the source's kernel does with it first. */

import type { ExplanationStep } from '../api/explain.ts'
import type { SwitchPort, SwitchRegistry } from '../drivers/switch-registry.ts'
import { ErrorCode, TapwireError } from '../errors.ts'
import { contains, parseIpAddress, subnetOf } from '../ip-address.ts'
import type { NetworkRecord } from '../model/records.ts'
import { bridgeOptions } from '../rules/bridge-options.ts'
import { bridgeGateway } from '../rules/gateway.ts'
import type { Context } from './context.ts'
import type { ExplainCluster, RemoteStation } from './explain-cluster.ts'
import { defaultRoute, type Source, type Station } from './explain-source.ts'
import type { Services } from './services.ts'

/** Where the packet starts, and the frame's way into the switch. */
export interface Place {
  readonly address: string
  /** Empty beyond the uplink. */
  readonly sandbox: string
  readonly network: string
  /** Undefined where the packet does not leave its kernel. */
  readonly hop: Hop | undefined
}

export interface Hop {
  readonly sourceMac: string
  readonly targetMac: string
  /** Of the switch. */
  readonly port: number
  /** Of the interface that it leaves its kernel by; of the uplink where it comes by that. */
  readonly mtu: number
}

/** What the kernel asks by ARP before it can send the packet. */
export interface PendingHop extends Omit<Hop, 'targetMac'> {
  readonly network: NetworkRecord
  readonly source: string
  readonly nextHop: string
}

interface FirstHop {
  readonly place: Place
  readonly steps: readonly ExplanationStep[]
  /** Where nobody here knows who has the address of the next hop. */
  readonly pending?: PendingHop | undefined
}

export interface ExplainHopsParts {
  readonly context: Context
  readonly registry: SwitchRegistry
  readonly services: Pick<Services, 'virtualOwner'>
  readonly cluster: ExplainCluster
}

/** A neighbour on the uplink's link that nobody knows: locally administered. */
const NEIGHBOUR_MAC = '02:00:00:00:00:01'

export class ExplainHops {
  readonly #context: Context
  readonly #registry: SwitchRegistry
  readonly #services: ExplainHopsParts['services']
  readonly #cluster: ExplainCluster

  constructor({ context, registry, services, cluster }: ExplainHopsParts) {
    this.#context = context
    this.#registry = registry
    this.#services = services
    this.#cluster = cluster
  }

  /** What the kernel at the source does. `mac`: that of the next hop, where somebody has said it. */
  async first(source: Source, destination: string, mac: string | undefined): Promise<FirstHop> {
    if (source.kind === 'outside') return await this.#arrival(source.address)
    if (source.kind === 'remote') return this.#tunnelled(source.remote, destination)
    const { sandbox, stations } = source
    const own = stations.find(({ ipv4 }) => ipv4.address === destination)
    if (own !== undefined || destination.startsWith('127.')) {
      const station = own ?? stations[0]!
      const values = { sandbox: sandbox.name, address: destination }
      return {
        place: placeAt(station, undefined),
        steps: [{ stage: 'kernel', verdict: 'local', values }],
      }
    }
    return await this.#departure(source, destination, mac)
  }

  async #departure(
    { sandbox, stations }: Extract<Source, { kind: 'sandbox' }>,
    destination: string,
    mac: string | undefined,
  ): Promise<FirstHop> {
    const onLink = stations.find((station) => isOnLink(station, destination))
    const station = onLink ?? defaultRoute(this.#context, sandbox, stations)
    const gateway = station?.endpoint.joined?.gateway4
    const nextHop = onLink === undefined ? gateway : destination
    if (station === undefined || nextHop === undefined) {
      const values = { sandbox: sandbox.name, address: destination }
      return {
        place: placeAt(station ?? stations[0]!, undefined),
        steps: [{ stage: 'kernel', verdict: 'drop', values }],
      }
    }
    const { network, endpoint } = station
    const values = {
      sandbox: sandbox.name,
      network: network.name,
      interface: endpoint.joined!.interface,
      nextHop,
      onLink: onLink !== undefined,
    }
    const doubts = this.#cluster.doubts(network)
    const { port } = this.#portOf(station)
    const hop = { sourceMac: endpoint.joined!.mac, port, mtu: this.#mtuOf(network) }
    const known = mac ?? this.#macOf(station, nextHop)
    const heard = known === undefined ? await this.#heard(network, nextHop) : undefined
    const targetMac = known ?? heard
    if (targetMac === undefined) {
      const away = this.#cluster.keeper(network.id, nextHop)
      return {
        place: placeAt(station, undefined),
        steps: [...doubts, ...away, { stage: 'kernel', verdict: 'unresolved', values }],
        pending: { ...hop, network, source: station.ipv4.address, nextHop },
      }
    }
    const send = {
      ...values,
      mac: targetMac,
      ...(heard !== undefined && { says: "the gateway's ARP table" }),
    }
    return {
      place: placeAt(station, { ...hop, targetMac }),
      steps: [...doubts, { stage: 'kernel', verdict: 'send', values: send }],
    }
  }

  /** A frame of a sandbox of another host, as it comes out of the tunnel. Throws BAD_REQUEST where none comes by here. */
  #tunnelled(remote: RemoteStation, destination: string): FirstHop {
    const { endpoint, network } = remote
    const { sandbox, host } = endpoint
    const port = this.#cluster.peerOf(remote)
    const target = this.#context.model
      .members(network.id)
      .find((member) => member.endpoint.joined?.ipv4?.address === destination)
    if (port === undefined || target === undefined) {
      throw new TapwireError(
        ErrorCode.badRequest,
        `${sandbox.name} is on host ${host}, and ${destination} is no sandbox's here on network ${network.name}: this host does not see the packet`,
        { hint: `Ask the daemon of host ${host}.` },
      )
    }
    const targetMac = target.endpoint.joined!.mac
    const hop = { sourceMac: endpoint.mac, targetMac, port, mtu: this.#mtuOf(network) }
    const values = { sandbox: sandbox.name, host, network: network.name }
    return {
      place: { address: endpoint.ipv4!, sandbox: sandbox.name, network: network.name, hop },
      steps: [...this.#cluster.doubts(network), { stage: 'host', verdict: 'elsewhere', values }],
    }
  }

  async #arrival(address: string): Promise<FirstHop> {
    const uplink = this.#context.parts.fabric.uplink()
    if (uplink.port === undefined && uplink.up) {
      throw new TapwireError(
        ErrorCode.uplinkUnusable,
        `${address} is no address of a running sandbox, and the way out is a network: packets come from its sandboxes`,
        { hint: 'Name one of them as the source.' },
      )
    }
    if (uplink.port === undefined) {
      throw new TapwireError(
        ErrorCode.uplinkUnusable,
        `${address} is no address of a running sandbox, and there is no uplink that packets of others could come by`,
        { hint: '`tapwire uplink set nic` connects the networks to what the machine is connected to.' },
      )
    }
    const neighbours = await this.#context.parts.fabric.neighbours()
    const known = neighbours.find(
      (one) => one.domain === uplink.domain && [address, uplink.gateway].includes(one.address),
    )
    const sourceMac = known?.mac || NEIGHBOUR_MAC
    const hop = { sourceMac, targetMac: uplink.mac, port: uplink.port, mtu: uplink.mtu }
    const values = { interface: uplink.interface, address }
    return {
      place: { address, sandbox: '', network: '', hop },
      steps: [{ stage: 'uplink', verdict: 'arrive', values }],
    }
  }

  #mtuOf(network: NetworkRecord): number {
    const tunnel = this.#context.drivers.get(network.driver).tunnelOf?.(network)
    return tunnel?.mtu ?? bridgeOptions(network.options).mtu
  }

  /** What the router has heard of a station that nobody has told of. */
  async #heard(network: NetworkRecord, address: string): Promise<string | undefined> {
    const domain = this.#registry.domainOf(network.id)
    const neighbours = await this.#context.parts.fabric.neighbours()
    const known = neighbours.find((one) => one.domain === domain && one.address === address)
    return known?.mac || undefined
  }

  #portOf({ sandbox, endpoint }: Station): SwitchPort {
    const port = this.#registry.portOfEndpoint(endpoint.joined!.id)
    if (port !== undefined) return port
    throw new TapwireError(
      ErrorCode.notConnected,
      `the interface ${endpoint.joined!.interface} of container ${sandbox.name} has been deleted`,
    )
  }

  /** Who answers to ARP for an address on the network: the router, or a sandbox; for one on another host the switch does. */
  #macOf({ network }: Station, address: string): string | undefined {
    const owner = this.#context.model
      .members(network.id)
      .find(({ endpoint }) => endpoint.joined?.ipv4?.address === address)
    if (owner !== undefined) return owner.endpoint.joined!.mac
    const remote = this.#context.cluster?.remotes(network.id).find(({ ipv4 }) => ipv4 === address)
    if (remote !== undefined) return remote.mac
    const gateway = bridgeGateway(network)
    const isRouters =
      gateway?.address === address || this.#services.virtualOwner(network.id, address) !== undefined
    return isRouters ? gateway?.mac : undefined
  }
}

const placeAt = ({ ipv4, sandbox, network }: Station, hop: Hop | undefined): Place => ({
  address: ipv4.address,
  sandbox: sandbox.name,
  network: network.name,
  hop,
})

function isOnLink({ ipv4 }: Station, address: string): boolean {
  const subnet = subnetOf(parseIpAddress(ipv4.address)!, ipv4.prefixLength)
  return contains(subnet, parseIpAddress(address)!)
}
