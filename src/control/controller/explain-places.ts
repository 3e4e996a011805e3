/** Where a packet starts, where it is to go, and what the source's kernel would do with it first. */

import type { ExplainRequest, ExplanationStep } from '../api/explain.ts'
import type { SwitchPort, SwitchRegistry } from '../drivers/switch-registry.ts'
import { ErrorCode, TapwireError } from '../errors.ts'
import { contains, parseIpAddress, subnetOf } from '../ip-address.ts'
import type { EndpointRecord, InterfaceAddress, NetworkRecord, SandboxRecord } from '../model/records.ts'
import { chooseDefaultRoutes } from '../rules/default-route.ts'
import { bridgeGateway } from '../rules/gateway.ts'
import { printable } from '../rules/names.ts'
import { parseRouterAddress } from '../rules/router-address.ts'
import { routeCandidates } from '../views/default-route-inspect.ts'
import type { Context } from './context.ts'
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

interface Hop {
  readonly sourceMac: string
  readonly targetMac: string
  /** Of the switch. */
  readonly port: number
}

/** A running sandbox's place on a network that has IPv4. */
interface Station {
  readonly sandbox: SandboxRecord
  readonly network: NetworkRecord
  readonly endpoint: EndpointRecord
  readonly ipv4: InterfaceAddress
}

type Source =
  | { readonly kind: 'sandbox'; readonly sandbox: SandboxRecord; readonly stations: readonly Station[] }
  | { readonly kind: 'outside'; readonly address: string }

interface FirstHop {
  readonly place: Place
  readonly steps: readonly ExplanationStep[]
}

/** Of a network for documentation (RFC 5737), where `internet` stands for any address. */
const INTERNET = '198.51.100.1'
/** A neighbour on the uplink's link that nobody knows: locally administered. */
const NEIGHBOUR_MAC = '02:00:00:00:00:01'

export class ExplainPlaces {
  readonly #context: Context
  readonly #registry: SwitchRegistry
  readonly #services: Pick<Services, 'addressOf' | 'virtualOwner'>

  constructor(
    context: Context,
    registry: SwitchRegistry,
    services: Pick<Services, 'addressOf' | 'virtualOwner'>,
  ) {
    this.#context = context
    this.#registry = registry
    this.#services = services
  }

  ends(request: ExplainRequest): { readonly source: Source; readonly destination: string } {
    const source = this.#source(request.source)
    return { source, destination: this.#destination(request.destination, source) }
  }

  /** What the kernel at the source does. */
  async firstHop(source: Source, destination: string): Promise<FirstHop> {
    if (source.kind === 'outside') return await this.#arrival(source.address)
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
    return this.#departure(sandbox, stations, destination)
  }

  #departure(sandbox: SandboxRecord, stations: readonly Station[], destination: string): FirstHop {
    const onLink = stations.find((station) => isOnLink(station, destination))
    const station = onLink ?? this.#defaultRoute(sandbox, stations)
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
    const targetMac = this.#macOf(station, nextHop)
    if (targetMac === undefined) {
      return {
        place: placeAt(station, undefined),
        steps: [{ stage: 'kernel', verdict: 'unresolved', values }],
      }
    }
    const hop = { sourceMac: endpoint.joined!.mac, targetMac, port: this.#portOf(station).port }
    return {
      place: placeAt(station, hop),
      steps: [{ stage: 'kernel', verdict: 'send', values: { ...values, mac: targetMac } }],
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
    const hop = { sourceMac: known?.mac || NEIGHBOUR_MAC, targetMac: uplink.mac, port: uplink.port }
    const values = { interface: uplink.interface, address }
    return {
      place: { address, sandbox: '', network: '', hop },
      steps: [{ stage: 'uplink', verdict: 'arrive', values }],
    }
  }

  #source(text: string): Source {
    const found = this.#sandboxAt(text)
    if (found !== undefined) return { kind: 'sandbox', ...found }
    const address = addressOf(text)
    const owner = this.#ownerOf(address)
    return owner === undefined
      ? { kind: 'outside', address }
      : { kind: 'sandbox', sandbox: owner.sandbox, stations: [owner] }
  }

  #destination(text: string, source: Source): string {
    const remote = this.#remoteAt(text)
    if (remote !== undefined) return remote
    const service = this.#known(text) === undefined ? this.#services.addressOf(text) : undefined
    if (service !== undefined) return service
    const found = this.#sandboxAt(text)
    if (found === undefined) return this.#address(text, source)
    const near = found.stations.find(({ network }) =>
      source.kind === 'sandbox' ? source.stations.some((one) => one.network.id === network.id) : false,
    )
    const first = near ?? this.#defaultRoute(found.sandbox, found.stations) ?? found.stations[0]!
    return first.ipv4.address
  }

  /** An address, or one of the words for one. */
  #address(text: string, source: Source): string {
    if (text === 'uplink') {
      const { address } = this.#context.parts.fabric.uplink()
      if (address !== '') return address
      throw new TapwireError(ErrorCode.uplinkUnusable, 'there is no uplink that could have an address')
    }
    if (text === 'gateway') {
      const station =
        source.kind === 'sandbox'
          ? (this.#defaultRoute(source.sandbox, source.stations) ?? source.stations[0])
          : undefined
      const gateway = station?.endpoint.joined?.gateway4
      if (gateway !== undefined) return gateway
      throw new TapwireError(ErrorCode.badRequest, 'the source is on no network with a gateway')
    }
    return addressOf(text)
  }

  /** `web` or `web@blue`. Undefined where it is an address or a word, and no sandbox's name. */
  #sandboxAt(
    text: string,
  ): { readonly sandbox: SandboxRecord; readonly stations: readonly Station[] } | undefined {
    const [name, networkName] = splitAt(text)
    const reference = networkName === undefined && isNoName(text) ? this.#known(name) : name
    if (reference === undefined) return undefined
    const sandbox = this.#networkOwner(this.#context.findSandbox(reference))
    const stations = this.#stationsOf(sandbox)
    if (networkName === undefined) return { sandbox, stations: someOf(sandbox, stations) }
    const network = this.#context.findNetwork(networkName)
    const there = stations.filter((station) => station.network.id === network.id)
    if (there.length > 0) return { sandbox, stations: there }
    throw new TapwireError(
      ErrorCode.notConnected,
      `container ${sandbox.name} has no IPv4 address on network ${network.name}`,
    )
  }

  /** Address of a sandbox that is on another host of the cluster, and on a network that is here as well. One that is here comes first. */
  #remoteAt(text: string): string | undefined {
    const { model, cluster } = this.#context
    const [name, networkName] = splitAt(text)
    if (cluster === undefined || isNoName(name) || this.#known(name) !== undefined) return undefined
    for (const { id, name: known } of model.networks.values()) {
      if (networkName !== undefined && networkName !== known) continue
      const found = cluster
        .remotes(id)
        .find(({ sandbox, ipv4 }) => sandbox.name === name && ipv4 !== undefined)
      if (found !== undefined) return found.ipv4
    }
    return undefined
  }

  /** Words for addresses are names as well, where a sandbox has them. */
  #known(name: string): string | undefined {
    return this.#context.model.sandboxNames.owner(name)
  }

  /** Whose network it is: that of another sandbox, for one that shares it. */
  #networkOwner(sandbox: SandboxRecord): SandboxRecord {
    if (sandbox.state.status !== 'running')
      throw new TapwireError(ErrorCode.notRunning, `container ${sandbox.name} is not running`)
    const { networkMode } = sandbox.config
    const owner =
      networkMode.kind === 'container' ? this.#context.model.sandbox(networkMode.sandbox) : undefined
    return owner ?? sandbox
  }

  #stationsOf(sandbox: SandboxRecord): readonly Station[] {
    return sandbox.endpoints.flatMap((endpoint) => {
      const network = this.#context.model.network(endpoint.network)
      const ipv4 = endpoint.joined?.ipv4
      return network === undefined || ipv4 === undefined ? [] : [{ sandbox, network, endpoint, ipv4 }]
    })
  }

  #ownerOf(address: string): Station | undefined {
    for (const sandbox of this.#context.model.sandboxes.values()) {
      const station = this.#stationsOf(sandbox).find(({ ipv4 }) => ipv4.address === address)
      if (station !== undefined) return station
    }
    return undefined
  }

  /** That of `stations` which the sandbox's default route goes by. */
  #defaultRoute(sandbox: SandboxRecord, stations: readonly Station[]): Station | undefined {
    const { ipv4 } = chooseDefaultRoutes(
      routeCandidates(sandbox, { network: (id) => this.#context.model.network(id) }),
    )
    return stations.find(({ endpoint }) => endpoint.network === ipv4.endpoint?.endpoint.network)
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

/** Throws NOT_CONNECTED where there is none. */
function someOf(sandbox: SandboxRecord, stations: readonly Station[]): readonly Station[] {
  if (stations.length > 0) return stations
  const why =
    sandbox.config.networkMode.kind === 'host'
      ? "has the machine's own network, which the switch does not see"
      : 'has no IPv4 address on any network'
  throw new TapwireError(ErrorCode.notConnected, `container ${sandbox.name} ${why}`)
}

/** `web@blue`; no name has an @. */
function splitAt(text: string): readonly [name: string, network: string | undefined] {
  const at = text.indexOf('@')
  return at === -1 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)]
}

const WORDS: ReadonlySet<string> = new Set(['internet', 'uplink', 'gateway'])

const isNoName = (text: string): boolean =>
  WORDS.has(text) || text.includes(':') || /^\d+(\.\d+)+$/.test(text)

/** Throws BAD_REQUEST. */
function addressOf(text: string): string {
  if (text === 'internet') return INTERNET
  if (WORDS.has(text)) {
    throw new TapwireError(
      ErrorCode.badRequest,
      `${printable(text)} can be a destination only; a source is a sandbox or an address`,
    )
  }
  return parseRouterAddress(text)
}
