/**
 * What the path asks of a port and of a bridge domain on each frame, in typed arrays by port number; and which ports
 * a domain floods to.
 */

import { DOMAINS_MAX, PORTS_MAX } from '../limits.ts'
import type { MacAddress } from '../wire/address.ts'
import { HEADER_SIZE as ETHERNET_HEADER_SIZE } from '../wire/ethernet.ts'
import type { GuardSettings } from './router-settings.ts'

export const NO_DOMAIN = -1

/** Bits of `PortTable.plain`. */
export const PLAIN = 1
export const IMPAIRED = 2
export const TUNNEL = 4
export const OUTWARD = 8

/** Values of `PortTable.oneWay`. */
export const FROM_LAN = 1
export const FROM_PEER = 2

export interface PortSettings {
  readonly domain: number
  /** Bytes of IP packet. */
  readonly mtu: number
  /** The device takes no super-frames and no unfinished checksums: it gets segments, and finished ones. */
  readonly plain: boolean
  /** The only addresses that its frames may come from; any where undefined. */
  readonly guard?: GuardSettings | undefined
  /** No sandbox's: icc does not concern it. */
  readonly host?: boolean | undefined
  /** Leads to a LAN: a station that nobody knows is there, and in none of the other ports. */
  readonly lan?: boolean | undefined
  /** Lives on the port from the start, and is never forgotten. */
  readonly station?: MacAddress | undefined
  /** Another tunnel endpoint: what is sent to it goes into the tunnel. */
  readonly peer?: boolean | undefined
}

export interface DomainSettings {
  /** Forwards frames to 01:80:c2:00:00:0X too. */
  readonly transparent: boolean
  /** Whether its sandboxes may talk to one another; true where undefined. */
  readonly icc?: boolean | undefined
}

export class PortTable {
  /** By port: its bridge domain, or NO_DOMAIN. */
  readonly domain = new Int32Array(PORTS_MAX).fill(NO_DOMAIN)
  /** By port: the longest untagged Ethernet frame, in bytes. */
  readonly frameMax = new Int32Array(PORTS_MAX)
  /**
   * By port: PLAIN where the device takes no offloads, IMPAIRED where the link to it is, TUNNEL where it is a peer, OUTWARD
   * where the LAN is behind it, and other hosts' tunnel endpoints in that. 0, of most, is all
   * that egress looks at.
   */
  readonly plain = new Uint8Array(PORTS_MAX)
  /** By port, the router's included: FROM_LAN or FROM_PEER where what comes from it may not go everywhere. */
  readonly oneWay = new Uint8Array(PORTS_MAX + 1)
  /** By domain: 1 where floods do not go to peers. */
  readonly keepsFloods = new Uint8Array(DOMAINS_MAX)
  /** By port, of peers: bytes of an inner IP packet that the way takes. */
  readonly peerMtu = new Int32Array(PORTS_MAX)
  /** By domain: 1 where it has peers. */
  readonly hasPeers = new Uint8Array(DOMAINS_MAX)
  /** By domain: 1 where link-local bridge addresses pass. */
  readonly transparent = new Uint8Array(DOMAINS_MAX)
  /** By domain: 1 where its sandboxes may talk to one another. */
  readonly icc = new Uint8Array(DOMAINS_MAX).fill(1)
  /** By domain: 1 where a frame from one of its ports to another needs no further look: `icc`, and no services. */
  readonly direct = new Uint8Array(DOMAINS_MAX).fill(1)
  /** By domain: its ports. Replaced, never changed, so that a flood under way would see one state. */
  readonly #members = Array<Int32Array | undefined>(DOMAINS_MAX).fill(undefined)
  /** The same without peers. */
  readonly #locals = Array<Int32Array | undefined>(DOMAINS_MAX).fill(undefined)
  #largestDomain = 0

  /** Ports of the largest domain: what a flood needs at most. */
  get largestDomain(): number {
    return this.#largestDomain
  }

  members(domain: number): Int32Array {
    return this.#members[domain]!
  }

  /** Where a flood of what came from `from` goes, but to that one itself: from a peer to no other (split horizon). */
  floodMembers(domain: number, from: number): Int32Array {
    const staysHere = this.keepsFloods[domain] === 1 || this.oneWay[from] === FROM_PEER
    return staysHere ? this.#locals[domain]! : this.#members[domain]!
  }

  addDomain(domain: number, settings: DomainSettings): void {
    if (domain < 0 || domain >= DOMAINS_MAX)
      throw new RangeError(`domain ${domain} is not in 0..${DOMAINS_MAX - 1}`)
    if (this.#members[domain] !== undefined) throw new Error(`domain ${domain} exists already`)
    this.#setMembers(domain, new Int32Array(0))
    this.keepsFloods[domain] = 0
    this.transparent[domain] = settings.transparent ? 1 : 0
    this.icc[domain] = settings.icc === false ? 0 : 1
    this.direct[domain] = this.icc[domain]!
  }

  /** `serves`: the domain has services. */
  setServes(domain: number, serves: boolean): void {
    this.direct[domain] = serves ? 0 : this.icc[domain]!
  }

  /** The domain's ports must have been removed before. */
  removeDomain(domain: number): void {
    if ((this.#members[domain]?.length ?? 0) > 0) throw new Error(`domain ${domain} still has ports`)
    this.#members[domain] = undefined
    this.#locals[domain] = undefined
  }

  addPort(port: number, settings: PortSettings): void {
    if (port < 0 || port >= PORTS_MAX) throw new RangeError(`port ${port} is not in 0..${PORTS_MAX - 1}`)
    if (this.domain[port] !== NO_DOMAIN) throw new Error(`port ${port} exists already`)
    const members = this.#members[settings.domain]
    if (members === undefined) throw new Error(`domain ${settings.domain} does not exist`)
    this.domain[port] = settings.domain
    this.frameMax[port] = ETHERNET_HEADER_SIZE + settings.mtu
    const isPeer = settings.peer === true
    const isLan = settings.lan === true
    this.plain[port] = isPeer ? TUNNEL : (settings.plain ? PLAIN : 0) | (isLan ? OUTWARD : 0)
    this.oneWay[port] = isPeer ? FROM_PEER : isLan ? FROM_LAN : 0
    this.#setMembers(settings.domain, Int32Array.of(...members, port))
  }

  setMtu(port: number, mtu: number): void {
    if ((this.domain[port] ?? NO_DOMAIN) === NO_DOMAIN) throw new Error(`port ${port} does not exist`)
    this.frameMax[port] = ETHERNET_HEADER_SIZE + mtu
  }

  removePort(port: number): void {
    const domain = this.domain[port] ?? NO_DOMAIN
    if (domain === NO_DOMAIN) return
    this.domain[port] = NO_DOMAIN
    this.plain[port] = 0
    this.oneWay[port] = 0
    this.#setMembers(
      domain,
      this.members(domain).filter((member) => member !== port),
    )
  }

  #setMembers(domain: number, members: Int32Array): void {
    this.#members[domain] = members
    const locals = members.filter((member) => this.oneWay[member] !== FROM_PEER)
    this.#locals[domain] = locals
    this.hasPeers[domain] = locals.length < members.length ? 1 : 0
    this.#largestDomain = this.#members.reduce((largest, each) => Math.max(largest, each?.length ?? 0), 0)
  }
}
