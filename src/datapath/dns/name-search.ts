/**
 * Looks for a name as Docker does: the whole of it on all networks of the asker, then with its last label as a network's name, then with
 * its last two, and so on. On each step the asker's own other words for its neighbours (links) come first.
 *
 *     web.eu.front     web.eu.front  on each network
 *                      web.eu        on the network `front`
 *                      web           on the network `eu.front`
 *
 * Networks come in their order, and the first one that has the name is all that counts. A name that a link has on a network is not
 * looked for among that network's own. Only reads; what it finds stands in the fields until the next search.
 */

import { NONE } from '../../tables/linked-lists.ts'
import type { NameTable } from '../../tables/name-table.ts'
import type { Resolvers } from './resolvers.ts'
import { IPV4, type ReverseName } from './reverse-name.ts'
import type { Zones } from './zones.ts'

// Constants of this module, whose values V8 compiles in; an imported one it would load and check at each use.
const ABSENT = NONE
/** RFC 1035, 2.3.4: a name has 255 bytes at most, a label two at least. */
const LABELS_MAX = 127

/** Told of each place where the search has looked. */
export interface SearchWitness {
  link(domain: number, bytes: Uint8Array, at: number, size: number, link: number): void
  match(domain: number, bytes: Uint8Array, at: number, size: number, name: number): void
  miss(domain: number, bytes: Uint8Array, at: number, size: number): void
  host(domain: number, host: number): void
}

export interface NameSearchTables {
  readonly names: NameTable
  readonly zones: Zones
  readonly resolvers: Resolvers
}

export class NameSearch {
  /** What was found: a name of the table, or a host. */
  name = ABSENT
  host = ABSENT
  /** The network's domain. */
  domain = 0
  /** Labels of the name that was looked for last. */
  labels = 0
  /** Of a search that is explained; undefined otherwise. */
  witness: SearchWitness | undefined = undefined

  private readonly names: NameTable
  private readonly zones: Zones
  private readonly resolvers: Resolvers
  /** By label: where it ends, counted from the name's beginning, and the hash of the name up to there. */
  private readonly ends = new Uint8Array(LABELS_MAX)
  private readonly hashes = new Int32Array(LABELS_MAX)

  constructor({ names, zones, resolvers }: NameSearchTables) {
    this.names = names
    this.zones = zones
    this.resolvers = resolvers
  }

  /** Whether the resolver knows the name of `size` bytes at `at`, in wire form with the root. */
  findName(resolver: number, bytes: Uint8Array, at: number, size: number): boolean {
    this.split(bytes, at, size - 1)
    const scopes = this.resolvers.scopes(resolver)
    for (let count = this.labels; count > 0; count--) {
      const isWhole = count === this.labels
      const end = this.ends[count - 1]!
      if (!isWhole && !this.isNetwork(scopes, bytes, at + end, size - end)) continue
      if (this.findLinked(resolver, scopes, bytes, at, size, count)) return true
      if (this.findOwn(resolver, scopes, bytes, at, size, count)) return true
    }
    return false
  }

  /** Whether the resolver knows who has the address. */
  findAddress(resolver: number, family: number, { words }: ReverseName): boolean {
    const { names } = this
    const scopes = this.resolvers.scopes(resolver)
    for (let index = 0; index < scopes.length; index++) {
      const domain = scopes[index]!
      const host =
        family === IPV4
          ? names.findIpv4(domain, words[0]!)
          : names.findIpv6(domain, words[0]!, words[1]!, words[2]!, words[3]!)
      if (host === ABSENT || names.canonicalSize(host) === 0) continue
      this.host = host
      this.domain = domain
      this.witness?.host(domain, host)
      return true
    }
    return false
  }

  /** Notes where the labels end, and hashes what stands up to there. */
  private split(bytes: Uint8Array, at: number, size: number): void {
    const { names, ends, hashes } = this
    let hash = names.beginHash()
    let labels = 0
    for (let start = 0; start < size; labels++) {
      const length = bytes[at + start]! + 1
      hash = names.hashLabels(hash, bytes, at + start, length)
      start += length
      ends[labels] = start
      hashes[labels] = hash
    }
    this.labels = labels
  }

  private isNetwork(scopes: Int32Array, bytes: Uint8Array, at: number, size: number): boolean {
    for (let index = 0; index < scopes.length; index++) {
      if (this.zones.isCalled(scopes[index]!, bytes, at, size)) return true
    }
    return false
  }

  /** The first `count` labels as other words for a neighbour. */
  private findLinked(
    resolver: number,
    scopes: Int32Array,
    bytes: Uint8Array,
    at: number,
    size: number,
    count: number,
  ): boolean {
    const { names } = this
    if (names.links === 0) return false
    const end = this.ends[count - 1]!
    for (let index = 0; index < scopes.length; index++) {
      const domain = scopes[index]!
      if (!this.isMeant(domain, bytes, at, size, count)) continue
      const scope = this.resolvers.linkScope(resolver, domain)
      const link = names.findLink(scope, bytes, at, end, this.hashes[count - 1]!)
      if (link === ABSENT) continue
      this.witness?.link(domain, bytes, at, end, link)
      const target = names.targetOffset(link)
      const targetSize = names.targetSize(link)
      const hash = names.hashLabels(names.beginHash(), names.bytes, target, targetSize)
      if (this.findOn(domain, names.bytes, target, targetSize, hash)) return true
    }
    return false
  }

  /** The first `count` labels as a name that a network has. */
  private findOwn(
    resolver: number,
    scopes: Int32Array,
    bytes: Uint8Array,
    at: number,
    size: number,
    count: number,
  ): boolean {
    const { names } = this
    const end = this.ends[count - 1]!
    const hash = this.hashes[count - 1]!
    for (let index = 0; index < scopes.length; index++) {
      const domain = scopes[index]!
      if (!this.isMeant(domain, bytes, at, size, count)) continue
      const scope = this.resolvers.linkScope(resolver, domain)
      const isHidden = names.links > 0 && names.findLink(scope, bytes, at, end, hash) !== ABSENT
      if (!isHidden && this.findOn(domain, bytes, at, end, hash)) return true
    }
    return false
  }

  /** Whether the labels behind the first `count` mean this network: none mean all. */
  private isMeant(domain: number, bytes: Uint8Array, at: number, size: number, count: number): boolean {
    if (count === this.labels) return true
    const end = this.ends[count - 1]!
    return this.zones.isCalled(domain, bytes, at + end, size - end)
  }

  private findOn(domain: number, bytes: Uint8Array, at: number, size: number, hash: number): boolean {
    const name = this.names.find(domain, bytes, at, size, hash)
    if (name === ABSENT) {
      this.witness?.miss(domain, bytes, at, size)
      return false
    }
    this.name = name
    this.domain = domain
    this.witness?.match(domain, bytes, at, size, name)
    return true
  }
}
