/**
 * Tells the switch of the endpoints of other hosts: where their stations are, and what they are called.
 *
 *     view ─► dirty endpoints of a network ─► one at a time: peer, station, name
 *
 * What the switch was told is compared with the view, so that a call that failed is made up for. The birth of one endpoint costs three calls,
 * however many there are.
 */

import type { OverlayPeers } from '../drivers/overlay-peers.ts'
import type { RemoteStation } from '../drivers/tunnel-domains.ts'
import type { FabricNamedHost } from '../model/names.ts'
import type { NetworkRecord } from '../model/records.ts'
import { isForEndpoints } from '../rules/endpoint-addresses.ts'
import { networkNames } from '../rules/network-names.ts'
import type { ClusterEndpoint } from './cluster-records.ts'
import { addressesOf } from './cluster-texts.ts'
import type { ClusterFacts, ViewChange } from './cluster-view.ts'

export interface RemoteParts {
  readonly view: ClusterFacts
  /** Name of this host. */
  readonly host: string
  readonly peers: OverlayPeers
  domainOf(network: string): number | undefined
  setName(endpoint: string, host: FabricNamedHost | undefined): Promise<void>
  /** Something could not be told; it is tried again. */
  failed(error: unknown, network: NetworkRecord): void
  later(task: () => Promise<void>): void
}

export class RemoteEndpoints {
  readonly #parts: RemoteParts
  readonly #networks = new Map<string, RemoteNetwork>()

  constructor(parts: RemoteParts) {
    this.#parts = parts
  }

  /** It is on this host from here on. */
  networkCame(network: NetworkRecord): void {
    const come = new RemoteNetwork(this.#parts, network)
    this.#networks.set(network.id, come)
    come.markAll()
  }

  /** It is about to go; resolves when the switch knows nothing of its remote endpoints any more. */
  async networkGone(network: string): Promise<void> {
    await this.#networks.get(network)?.end()
    this.#networks.delete(network)
  }

  viewChanged(changes: readonly ViewChange[]): void {
    for (const change of changes) {
      if (change.kind === 'endpoint') this.#networks.get(change.network)?.mark(change.id)
      else if (change.kind === 'claim') this.#claimChanged(change)
      else if (change.kind === 'host' && change.name !== this.#parts.host) {
        for (const network of this.#networks.values()) network.markHost(change.name)
      } else if (change.kind === 'service') {
        const network = (change.after ?? change.before)!.network
        this.#networks.get(network)?.markHosts()
      }
    }
  }

  #claimChanged({ network, before, after }: Extract<ViewChange, { kind: 'claim' }>): void {
    const here = this.#networks.get(network)
    for (const claim of [before, after]) if (claim !== undefined) here?.markClaimant(claim.owner)
  }

  /** An endpoint of ours may be gone, and with it what another one's MAC address was in the way of. */
  ownChanged(): void {
    for (const network of this.#networks.values()) network.markShadowed()
  }

  /** Resolves when the switch has been told all that is known now of the network. */
  async told(network: string): Promise<void> {
    await this.#networks.get(network)?.idle()
  }

  /** Endpoints that the switch has been told of. */
  known(network: string): readonly ClusterEndpoint[] {
    return this.#networks.get(network)?.known() ?? []
  }
}

/** There are thousands: it says what its endpoint says, and keeps nothing of its own. */
class EndpointStation implements RemoteStation {
  readonly endpoint: ClusterEndpoint
  readonly peer: string

  constructor(endpoint: ClusterEndpoint, peer: string) {
    this.endpoint = endpoint
    this.peer = peer
  }

  get addresses(): readonly string[] {
    return addressesOf(this.endpoint)
  }

  get routerMac(): string {
    return this.endpoint.routerMac
  }
}

/** Of one network, until all goes well again. */
const FAILURES_TOLD_MAX = 16

class RemoteNetwork {
  readonly #parts: RemoteParts
  readonly #network: NetworkRecord
  /** As the switch was told, by endpoint. */
  readonly #told = new Map<string, ClusterEndpoint>()
  /** Addresses of those that are peers, by host. */
  readonly #peers = new Map<string, string>()
  readonly #dirty = new Set<string>()
  readonly #dirtyHosts = new Set<string>()
  /** Endpoints whose MAC address one of ours has. */
  readonly #shadowed = new Set<string>()
  /** What has failed, as it was told: the same is not told again while it goes on. */
  readonly #failures = new Set<string>()
  #work: Promise<void> | undefined
  #ended = false

  constructor(parts: RemoteParts, network: NetworkRecord) {
    this.#parts = parts
    this.#network = network
  }

  markAll(): void {
    for (const id of this.#parts.view.endpoints(this.#network.id).keys()) this.#dirty.add(id)
    this.markHosts()
  }

  markHosts(): void {
    for (const name of [...this.#parts.view.hosts.keys(), ...this.#peers.keys()]) {
      if (name !== this.#parts.host) this.#dirtyHosts.add(name)
    }
    this.#start()
  }

  /** An endpoint of ours is gone. */
  markShadowed(): void {
    if (this.#shadowed.size === 0) return
    for (const id of this.#shadowed) this.#dirty.add(id)
    this.#shadowed.clear()
    this.#start()
  }

  /** An address may be its own by now, or no more. */
  markClaimant(owner: string): void {
    if (this.#told.has(owner) || this.#parts.view.endpoints(this.#network.id).has(owner)) this.mark(owner)
  }

  mark(id: string): void {
    this.#dirty.add(id)
    this.#start()
  }

  /** Its address may be another one, or it has come or gone. */
  markHost(name: string): void {
    this.#dirtyHosts.add(name)
    for (const [id, { host }] of this.#parts.view.endpoints(this.#network.id)) {
      if (host === name) this.#dirty.add(id)
    }
    this.#start()
  }

  known(): readonly ClusterEndpoint[] {
    return [...this.#told.values()]
  }

  async idle(): Promise<void> {
    while (this.#work !== undefined) await this.#work
  }

  async end(): Promise<void> {
    this.#ended = true
    await this.idle()
    for (const id of this.#told.keys()) await this.#dropName(id)
    // Stations go with their peers, and these with the overlay.
    this.#told.clear()
  }

  #start(): void {
    if (this.#ended) return
    this.#work ??= this.#run().finally(() => {
      this.#work = undefined
      if (this.#dirty.size + this.#dirtyHosts.size > 0 && !this.#ended) this.#tryLater()
    })
  }

  #tryLater(): void {
    this.#parts.later(async () => this.#start())
  }

  /** What fails is left for later. */
  async #run(): Promise<void> {
    const failed = { hosts: new Set<string>(), endpoints: new Set<string>() }
    while (!this.#ended && this.#dirty.size + this.#dirtyHosts.size > 0) {
      const [host] = this.#dirtyHosts
      const [id] = this.#dirty
      try {
        if (host !== undefined) await this.#settleHost(host)
        else await this.#settle(id!)
      } catch (error) {
        if (host !== undefined) failed.hosts.add(host)
        else failed.endpoints.add(id!)
        this.#tell(error)
      }
    }
    for (const host of failed.hosts) this.#dirtyHosts.add(host)
    for (const id of failed.endpoints) this.#dirty.add(id)
    if (failed.hosts.size + failed.endpoints.size === 0) this.#failures.clear()
  }

  #tell(error: unknown): void {
    const text = String(error)
    if (this.#failures.has(text) || this.#failures.size >= FAILURES_TOLD_MAX) return
    this.#failures.add(text)
    this.#parts.failed(error, this.#network)
  }

  async #settleHost(name: string): Promise<void> {
    this.#dirtyHosts.delete(name)
    const address = this.#parts.view.hosts.get(name)?.advertise
    const peer = this.#peers.get(name)
    if (peer !== undefined && peer !== address) return this.#removePeer(name, peer)
    if (address === undefined) return
    if (this.#reachesAll()) await this.#peer(name, address)
    else if (peer !== undefined && !this.#hasStations(name)) await this.#removePeer(name, peer)
  }

  /** Connections to a published port come in at any host, also at one that has no endpoint here. */
  #reachesAll(): boolean {
    return [...this.#parts.view.services.values()].some(
      ({ network, ports }) =>
        network === this.#network.id &&
        ports.some(({ mode, published }) => mode === 'ingress' && published > 0),
    )
  }

  async #settle(id: string): Promise<void> {
    this.#dirty.delete(id)
    const wanted = this.#wanted(id)
    const told = this.#told.get(id)
    if (told !== undefined && told !== wanted) await this.#drop(told, wanted)
    if (wanted === undefined || told === wanted) return
    const address = this.#parts.view.hosts.get(wanted.host)!.advertise
    await this.#peer(wanted.host, address)
    // Its own id: `id` may be a piece of a key of the registry, and keep all of it.
    this.#told.set(wanted.id, wanted)
    try {
      await this.#put(wanted, address)
    } catch (error) {
      // It was told in part, so that what was told is not what is wanted.
      this.#told.set(wanted.id, { ...wanted })
      throw error
    }
  }

  async #put(endpoint: ClusterEndpoint, peer: string): Promise<void> {
    await this.#parts.peers.setRemote(this.#network.id, endpoint.mac, new EndpointStation(endpoint, peer))
    await this.#putName(endpoint)
  }

  /** Undefined: it is ours, or no more, or its host has not said where it is. */
  #wanted(id: string): ClusterEndpoint | undefined {
    const { view, host, peers } = this.#parts
    const endpoint = view.endpoints(this.#network.id).get(id)
    if (endpoint === undefined || endpoint.host === host || view.hosts.get(endpoint.host) === undefined) {
      return undefined
    }
    if (!this.#hasItsAddresses(endpoint)) return undefined
    if (!peers.isOwnMac(this.#network.id, endpoint.mac)) return endpoint
    // It would take the frames of one of ours.
    this.#shadowed.add(id)
    return undefined
  }

  /** It has claimed them, as whoever goes by the rules does in the same moment; and none is the gateway's, or another network's. */
  #hasItsAddresses(endpoint: ClusterEndpoint): boolean {
    const claims = this.#parts.view.claims(this.#network.id)
    return addressesOf(endpoint).every(
      (address) => claims.get(address)?.owner === endpoint.id && isForEndpoints(this.#network, address),
    )
  }

  /** What `wanted` will be told anew anyway may stay. */
  async #drop(told: ClusterEndpoint, wanted: ClusterEndpoint | undefined): Promise<void> {
    if (wanted?.host === told.host && wanted.mac === told.mac) return
    const { id, mac, host } = told
    if (wanted === undefined) await this.#dropName(id)
    if (this.#ownerOf(mac) === id) {
      await this.#parts.peers.setRemote(this.#network.id, mac, undefined)
      this.#returnMac(mac, id)
    }
    this.#told.delete(id)
    this.#dirtyHosts.add(host)
  }

  /** Whose station a MAC address leads to. */
  #ownerOf(mac: string): string | undefined {
    const station = this.#parts.peers.remoteOf(this.#network.id, mac)
    return station instanceof EndpointStation ? station.endpoint.id : undefined
  }

  #hasStations(host: string): boolean {
    for (const told of this.#told.values()) if (told.host === host) return true
    return false
  }

  /** Another endpoint may have said that it has the same address. */
  #returnMac(mac: string, id: string): void {
    for (const other of this.#told.values()) {
      if (other.mac === mac && other.id !== id) this.#tellAgain(other)
    }
  }

  async #peer(host: string, address: string): Promise<void> {
    const known = this.#peers.get(host)
    if (known === address) return
    if (known !== undefined) await this.#removePeer(host, known)
    await this.#parts.peers.addPeer(this.#network.id, address, host)
    this.#peers.set(host, address)
  }

  /** With the stations behind it, which are told anew should they be behind another one. */
  async #removePeer(host: string, address: string): Promise<void> {
    await this.#parts.peers.removePeer(this.#network.id, address)
    this.#peers.delete(host)
    this.#dirtyHosts.add(host)
    for (const told of this.#told.values()) {
      if (told.host === host) this.#tellAgain(told)
    }
  }

  /** What it was told of last is not what is wanted, whatever that is. */
  #tellAgain(told: ClusterEndpoint): void {
    this.#told.set(told.id, { ...told })
    this.#dirty.add(told.id)
  }

  async #putName(endpoint: ClusterEndpoint): Promise<void> {
    const domain = this.#parts.domainOf(this.#network.id)
    if (domain === undefined || networkNames(this.#network) === undefined) return
    const { id, ipv4, ipv6, names, ports: services } = endpoint
    await this.#parts.setName(id, names.length === 0 ? undefined : { domain, ipv4, ipv6, names, services })
  }

  async #dropName(id: string): Promise<void> {
    await this.#parts.setName(id, undefined)
  }
}
