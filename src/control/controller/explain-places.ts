/** Where a packet starts, and where it is to go: what people call that. */

import { ErrorCode, TapwireError } from '../errors.ts'
import type { NetworkRecord, SandboxRecord } from '../model/records.ts'
import { printable } from '../rules/names.ts'
import { parseRouterAddress } from '../rules/router-address.ts'
import type { Context } from './context.ts'
import type { ExplainCluster, RemoteStation } from './explain-cluster.ts'
import { askForName, type ExplainNamesParts, type NamedDestination } from './explain-dns.ts'
import { defaultRoute, type Source, type Station } from './explain-source.ts'
import type { Services } from './services.ts'

export interface ExplainPlacesParts extends ExplainNamesParts {
  readonly services: Pick<Services, 'addressOf' | 'named'>
}

/** Of a network for documentation (RFC 5737), where `internet` stands for any address. */
const INTERNET = '198.51.100.1'

export class ExplainPlaces {
  readonly #context: Context
  readonly #services: ExplainPlacesParts['services']
  readonly #cluster: ExplainCluster
  readonly #parts: ExplainPlacesParts

  constructor(parts: ExplainPlacesParts) {
    this.#context = parts.context
    this.#services = parts.services
    this.#cluster = parts.cluster
    this.#parts = parts
  }

  /** Throws BAD_REQUEST, SANDBOX_UNKNOWN, NOT_RUNNING, NOT_CONNECTED. */
  source(text: string): Source {
    const named = this.#remoteAt(text)
    if (named !== undefined) return { kind: 'remote', remote: named }
    const found = this.#sandboxOrHint(text)
    if (found !== undefined) return { kind: 'sandbox', ...found }
    const address = addressOf(text)
    const owner = this.#ownerOf(address)
    if (owner !== undefined) return { kind: 'sandbox', sandbox: owner.sandbox, stations: [owner] }
    const remote = this.#cluster.find(({ ipv4 }) => ipv4 === address)
    return remote === undefined ? { kind: 'outside', address } : { kind: 'remote', remote }
  }

  /** Throws as `source` does, and UPLINK_UNUSABLE, SERVICE_INVALID. */
  async destination(text: string, source: Source): Promise<NamedDestination> {
    const address = this.#remoteAt(text)?.endpoint.ipv4 ?? this.#virtualAt(text)
    if (address !== undefined) return { address, steps: [] }
    const named = await this.#askedAt(text, source)
    return named ?? { address: this.#localAt(text, source), steps: [] }
  }

  #virtualAt(text: string): string | undefined {
    return this.#known(text) === undefined ? this.#services.addressOf(text) : undefined
  }

  /** What DNS says, of names that no sandbox has here; `web@blue` is the name `web` on the network `blue`. */
  async #askedAt(text: string, source: Source): Promise<NamedDestination | undefined> {
    const [name, network] = splitAt(text)
    if (isNoName(name) || this.#known(name) !== undefined) return undefined
    const asked = network === undefined ? name : `${name}.${network}`
    if (source.kind !== 'sandbox') return await askForName(this.#parts, asked, undefined, [])
    const networks = source.stations.map((station) => station.network)
    return await askForName(this.#parts, asked, source.sandbox, networks)
  }

  #localAt(text: string, source: Source): string {
    const found = this.#sandboxOrHint(text)
    if (found === undefined) return this.#address(text, source)
    const near = found.stations.find(({ network }) => isOn(source, network))
    const first = near ?? defaultRoute(this.#context, found.sandbox, found.stations) ?? found.stations[0]!
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
          ? (defaultRoute(this.#context, source.sandbox, source.stations) ?? source.stations[0])
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

  /** A sandbox that is on another host of the cluster, and on a network that is here as well. One that is here comes first. */
  #remoteAt(text: string): RemoteStation | undefined {
    const [name, networkName] = splitAt(text)
    if (isNoName(name) || this.#known(name) !== undefined) return undefined
    return this.#cluster.find(({ sandbox }) => sandbox.name === name, networkName)
  }

  /** Throws SANDBOX_UNKNOWN, with what the cluster has to say about it. */
  #sandboxOrHint(
    text: string,
  ): { readonly sandbox: SandboxRecord; readonly stations: readonly Station[] } | undefined {
    try {
      return this.#sandboxAt(text)
    } catch (error) {
      const isUnknown = error instanceof TapwireError && error.code === ErrorCode.sandboxUnknown
      const hint = isUnknown ? this.#cluster.hint() : undefined
      if (hint === undefined) throw error
      throw new TapwireError(ErrorCode.sandboxUnknown, (error as Error).message, { hint })
    }
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
}

const isOn = (source: Source, { id }: NetworkRecord): boolean =>
  source.kind === 'sandbox'
    ? source.stations.some(({ network }) => network.id === id)
    : source.kind === 'remote' && source.remote.network.id === id

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
