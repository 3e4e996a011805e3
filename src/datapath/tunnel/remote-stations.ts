/**
 * Stations behind peers, as the control plane has said where they are: entries of the MAC table that do not age, answers to ARP, and
 * neighbours of the router.
 *
 * A station that lives here, too, is here: what was said of it waits until it is gone. So a sandbox that moves from host to host is found
 * in whatever order the news comes.
 */

import { DOMAINS_MAX, NEIGHBOURS_MAX, NEIGHBOURS_PER_DOMAIN, REMOTE_ADDRESSES_MAX } from '../../limits.ts'
import { LearnResult, type MacTable } from '../../tables/mac-table.ts'
import type { NeighbourTable } from '../../tables/neighbour-table.ts'
import { NeighbourState } from '../../tables/neighbour-table.ts'
import { TupleTable } from '../../tables/tuple-table.ts'
import type { MacAddress } from '../../wire/address.ts'
import type { InterfaceTable } from '../interface-table.ts'
import { FROM_PEER, type PortTable } from '../port-table.ts'
import type { RemoteSettings } from './tunnel-settings.ts'

/** Of the router's neighbours, how many may be remote ones, which never give way: those beyond are asked for as any. */
const NEIGHBOURS_KEPT = NEIGHBOURS_MAX - (NEIGHBOURS_MAX >>> 2)
const NEIGHBOURS_KEPT_PER_DOMAIN = NEIGHBOURS_PER_DOMAIN - (NEIGHBOURS_PER_DOMAIN >>> 2)

export interface RemoteStationsParts {
  readonly ports: PortTable
  readonly stations: MacTable
  readonly interfaces: InterfaceTable
  readonly neighbours: NeighbourTable
  readonly seed: number
}

interface Remote extends RemoteSettings {
  readonly mac: MacAddress
}

/** Stations of one domain, by MAC address in one number. */
type Remotes = Map<number, Remote>

export class RemoteStations {
  /** (domain, IPv4 address) -> MAC address: high, low. */
  readonly addresses: TupleTable
  private readonly ports: PortTable
  private readonly stations: MacTable
  private readonly interfaces: InterfaceTable
  private readonly neighbours: NeighbourTable
  /** By domain. */
  private readonly remotes = new Map<number, Remotes>()

  constructor({ ports, stations, interfaces, neighbours, seed }: RemoteStationsParts) {
    this.ports = ports
    this.stations = stations
    this.interfaces = interfaces
    this.neighbours = neighbours
    this.addresses = new TupleTable(REMOTE_ADDRESSES_MAX, seed)
  }

  /** Throws RangeError where there is no room for it; then nothing has changed but that it is nowhere. */
  set(domain: number, mac: MacAddress, settings: RemoteSettings | undefined): void {
    if (!(domain >= 0 && domain < DOMAINS_MAX)) throw new RangeError(`there is no domain ${domain}`)
    if (settings !== undefined && this.ports.oneWay[settings.port] !== FROM_PEER) {
      throw new Error(`port ${settings.port} is no peer`)
    }
    const remotes = this.remotes.get(domain)
    const before = remotes?.get(keyOf(mac))
    if (before !== undefined) {
      remotes!.delete(keyOf(mac))
      if (remotes!.size === 0) this.remotes.delete(domain)
      this.withdraw(domain, before)
    }
    if (settings === undefined) return
    const room = this.addresses.capacity - this.addresses.size
    const remote: Remote = { ...settings, mac }
    if (settings.ipv4.length > room) throw new RangeError('there is no room for another remote station')
    this.remote(domain).set(keyOf(mac), remote)
    if (this.place(domain, remote)) return
    this.set(domain, mac, undefined)
    throw new RangeError('there is no room for another remote station')
  }

  /** The peer goes, and who is behind it. */
  removePeer(domain: number, port: number): void {
    for (const remote of this.remotes.get(domain)?.values() ?? []) {
      if (remote.port === port) this.set(domain, remote.mac, undefined)
    }
  }

  removeDomain(domain: number): void {
    for (const { mac } of this.remotes.get(domain)?.values() ?? []) this.set(domain, mac, undefined)
  }

  /** A station is no peer's any more. One of this host's stays. */
  release(domain: number, station: MacAddress): void {
    const port = this.stations.lookup(domain, station.high, station.low, 0)
    if (port >= 0 && this.ports.oneWay[port] === FROM_PEER)
      this.stations.remove(domain, station.high, station.low)
  }

  /** Stations of the domain that lived here may be gone: those that are known to be elsewhere are there. */
  replace(domain: number): void {
    for (const remote of this.remotes.get(domain)?.values() ?? []) this.placeStations(domain, remote)
  }

  /** The domain has another router interface than before: its neighbours are those that are behind peers. */
  replaceNeighbours(domain: number): void {
    for (const remote of this.remotes.get(domain)?.values() ?? []) this.placeNeighbours(domain, remote)
  }

  /** Whether the neighbour at this MAC address is the router of the host that a remote station is on, and not the station. */
  isBehindRouter(domain: number, address: number, high: number, low: number): boolean {
    const slot = this.addresses.find(domain, address, 0, 0, 0)
    return slot >= 0 && (this.addresses.value(slot) !== high || this.addresses.value2(slot) !== low)
  }

  private remote(domain: number): Remotes {
    let remotes = this.remotes.get(domain)
    if (remotes === undefined) {
      remotes = new Map()
      this.remotes.set(domain, remotes)
    }
    return remotes
  }

  /** False where there is no room for it. */
  private place(domain: number, remote: Remote): boolean {
    for (const address of remote.ipv4)
      this.addresses.set(domain, address, 0, 0, 0, remote.mac.high, remote.mac.low)
    if (!this.placeStations(domain, remote)) return false
    this.placeNeighbours(domain, remote)
    return true
  }

  private placeStations(domain: number, { mac, port, routerMac }: Remote): boolean {
    return this.bind(domain, mac, port) && (routerMac === undefined || this.bind(domain, routerMac, port))
  }

  /** What lives on a port of this host stays there. False where there is no room for it. */
  private bind(domain: number, { high, low }: MacAddress, port: number): boolean {
    const { stations } = this
    if (stations.isStatic(domain, high, low)) {
      const holder = stations.lookup(domain, high, low, 0)
      if (this.ports.oneWay[holder] !== FROM_PEER || holder === port) return true
      stations.remove(domain, high, low)
    }
    return stations.addStatic(domain, high, low, port) !== LearnResult.refused
  }

  private placeNeighbours(domain: number, { ipv4, mac, routerMac }: Remote): void {
    const { interfaces, neighbours } = this
    if (!interfaces.exists(domain)) return
    const { high, low } = routerMac ?? mac
    for (const address of ipv4) {
      const isKnown = neighbours.lookup(domain, address) >= 0
      const hasRoom =
        neighbours.size < NEIGHBOURS_KEPT && neighbours.countOf(domain) < NEIGHBOURS_KEPT_PER_DOMAIN
      if (interfaces.isOnLink(domain, address) && (isKnown || hasRoom)) {
        neighbours.addPermanent(domain, address, high, low)
      }
    }
  }

  private withdraw(domain: number, { mac, ipv4, routerMac }: Remote): void {
    for (const address of ipv4) this.withdrawAddress(domain, address, mac)
    this.release(domain, mac)
    if (routerMac !== undefined && !this.hasRouter(domain, routerMac)) this.release(domain, routerMac)
  }

  /** Unless it is another station's by now. */
  private withdrawAddress(domain: number, address: number, mac: MacAddress): void {
    const { addresses, neighbours } = this
    const slot = addresses.find(domain, address, 0, 0, 0)
    if (slot < 0 || addresses.value(slot) !== mac.high || addresses.value2(slot) !== mac.low) return
    addresses.remove(domain, address, 0, 0, 0)
    const index = neighbours.lookup(domain, address)
    if (index >= 0 && neighbours.state(index) === NeighbourState.permanent) neighbours.remove(domain, address)
  }

  /** Whether a station of the domain is reached by this router. */
  private hasRouter(domain: number, router: MacAddress): boolean {
    for (const { routerMac } of this.remotes.get(domain)?.values() ?? []) {
      if (routerMac?.high === router.high && routerMac.low === router.low) return true
    }
    return false
  }
}

const keyOf = ({ high, low }: MacAddress): number => high * 2 ** 32 + (low >>> 0)
