/**
 * Where hosts are and what addresses they have, and which host has an address: (scope, IPv4) or (scope, IPv6) -> host.
 *
 * A host is eight words, half a cache line:
 *
 *     | scope | flags | IPv4 | IPv6: four words | - |      flags: which of them it has; 0: there is no such host
 *
 * Where several hosts of a scope have one address, it is the last one's.
 */

import { HashChains } from './hash-chains.ts'
import { KeyedHash } from './keyed-hash.ts'

/** Words of a host, and where they are. */
const HOST_SHIFT = 3
const SCOPE = 0
const FLAGS = 1
const IPV4 = 2
const IPV6 = 3

/** The word FLAGS. */
const PRESENT = 1
const HAS_IPV4 = 2
const HAS_IPV6 = 4
/** Its addresses do not lead to it. */
const ASIDE = 8

const ABSENT = -1

/** Four words, as frames have them. */
export type Ipv6Words = readonly [number, number, number, number]

export class HostAddresses {
  private readonly hosts: Int32Array
  private readonly byIpv4: HashChains
  private readonly byIpv6: HashChains
  private readonly hash: KeyedHash

  /** Hosts 0 to `hosts - 1`, none of them there. */
  constructor(hosts: number, seed: number) {
    this.hosts = new Int32Array(hosts << HOST_SHIFT)
    this.byIpv4 = new HashChains(hosts)
    this.byIpv6 = new HashChains(hosts)
    this.hash = new KeyedHash(seed)
  }

  has(host: number): boolean {
    return this.hosts[(host << HOST_SHIFT) + FLAGS] !== 0
  }

  scope(host: number): number {
    return this.hosts[(host << HOST_SHIFT) + SCOPE]!
  }

  hasIpv4(host: number): boolean {
    return (this.hosts[(host << HOST_SHIFT) + FLAGS]! & HAS_IPV4) !== 0
  }

  ipv4(host: number): number {
    return this.hosts[(host << HOST_SHIFT) + IPV4]!
  }

  hasIpv6(host: number): boolean {
    return (this.hosts[(host << HOST_SHIFT) + FLAGS]! & HAS_IPV6) !== 0
  }

  /** Word 0 to 3 of its address. */
  ipv6(host: number, word: number): number {
    return this.hosts[(host << HOST_SHIFT) + IPV6 + word]!
  }

  /** The host with the address, or NONE. */
  findIpv4(scope: number, address: number): number {
    const hosts = this.hosts
    const hash = this.hash.ofTwo(address, scope)
    for (let host = this.byIpv4.first(hash); host !== ABSENT; host = this.byIpv4.next(host)) {
      const at = host << HOST_SHIFT
      if (hosts[at + IPV4] !== address || hosts[at + SCOPE] !== scope) continue
      if ((hosts[at + FLAGS]! & ASIDE) === 0) return host
    }
    return ABSENT
  }

  /** The host with the address, or NONE. */
  findIpv6(scope: number, word0: number, word1: number, word2: number, word3: number): number {
    const hosts = this.hosts
    const hash = this.hashOfIpv6(scope, word0, word1, word2, word3)
    for (let host = this.byIpv6.first(hash); host !== ABSENT; host = this.byIpv6.next(host)) {
      const at = host << HOST_SHIFT
      if (hosts[at + IPV6 + 3] !== word3 || hosts[at + IPV6 + 2] !== word2) continue
      if (hosts[at + IPV6 + 1] !== word1 || hosts[at + IPV6] !== word0) continue
      if (hosts[at + SCOPE] === scope && (hosts[at + FLAGS]! & ASIDE) === 0) return host
    }
    return ABSENT
  }

  /** A host that is not there. `aside`: what its addresses lead to is another host. */
  add(
    host: number,
    scope: number,
    ipv4: number | undefined,
    ipv6: Ipv6Words | undefined,
    aside = false,
  ): void {
    const at = host << HOST_SHIFT
    this.hosts[at + SCOPE] = scope
    this.hosts[at + FLAGS] = aside ? PRESENT | ASIDE : PRESENT
    if (ipv4 !== undefined) {
      this.hosts[at + FLAGS]! |= HAS_IPV4
      this.hosts[at + IPV4] = ipv4
      this.byIpv4.link(this.hash.ofTwo(this.ipv4(host), scope), host)
    }
    if (ipv6 !== undefined) {
      this.hosts[at + FLAGS]! |= HAS_IPV6
      this.hosts.set(ipv6, at + IPV6)
      this.byIpv6.link(this.hashOfHost(host), host)
    }
  }

  remove(host: number): void {
    if (this.hasIpv4(host)) this.byIpv4.unlink(this.hash.ofTwo(this.ipv4(host), this.scope(host)), host)
    if (this.hasIpv6(host)) this.byIpv6.unlink(this.hashOfHost(host), host)
    this.hosts[(host << HOST_SHIFT) + FLAGS] = 0
  }

  private hashOfHost(host: number): number {
    const scope = this.scope(host)
    return this.hashOfIpv6(
      scope,
      this.ipv6(host, 0),
      this.ipv6(host, 1),
      this.ipv6(host, 2),
      this.ipv6(host, 3),
    )
  }

  private hashOfIpv6(scope: number, word0: number, word1: number, word2: number, word3: number): number {
    return this.hash.ofTwo(this.hash.ofFour(word0, word1, word2, word3), scope)
  }
}
