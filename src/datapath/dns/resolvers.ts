/** Whose questions are answered from which networks: port of the switch -> resolver -> networks, in order. */

import { DOMAINS_MAX, PORTS_MAX } from '../../limits.ts'
import type { NameTable } from '../../tables/name-table.ts'
import { encodeName } from '../../wire/dns-name.ts'
import type { ResolverSettings, ScopeSettings } from './dns-settings.ts'

/** Of a port that nobody has told of. */
export const NO_RESOLVER = -1

const NO_SCOPES = new Int32Array()

export class Resolvers {
  /** By port of the switch. */
  readonly ofPort = new Int32Array(PORTS_MAX).fill(NO_RESOLVER)
  /** By resolver: 1 where it is there, where it asks outside, and where names of one label are never asked there. */
  readonly exists = new Uint8Array(PORTS_MAX)
  readonly forwards = new Uint8Array(PORTS_MAX)
  readonly singleLabelsStay = new Uint8Array(PORTS_MAX)
  /** By resolver: the domains of its networks. Replaced, never changed. */
  private readonly domains: Int32Array[] = Array.from({ length: PORTS_MAX }, () => NO_SCOPES)
  /** By resolver: what it was told last. */
  private readonly settings = Array<ResolverSettings | undefined>(PORTS_MAX).fill(undefined)
  private readonly names: NameTable

  /** Private names go into the table of all names. */
  constructor(names: NameTable) {
    this.names = names
  }

  /** The domains of its networks, in order. */
  scopes(resolver: number): Int32Array {
    return this.domains[resolver]!
  }

  /** The scope in the table of names where the resolver's private names on this network are. */
  linkScope(resolver: number, domain: number): number {
    return resolver * DOMAINS_MAX + domain
  }

  /** Throws RangeError where there is no room for its private names, or a number is out of its range; all stays as it was then. */
  set(id: number, settings: ResolverSettings | undefined): void {
    if (!(id >= 0 && id < PORTS_MAX)) throw new RangeError(`resolver ${id} is not in 0..${PORTS_MAX - 1}`)
    const before = this.settings[id]
    this.clearLinks(id, before?.scopes ?? [])
    try {
      this.addLinks(id, settings?.scopes ?? [])
    } catch (error) {
      this.clearLinks(id, settings?.scopes ?? [])
      this.addLinks(id, before?.scopes ?? [])
      throw error
    }
    for (const port of before?.ports ?? []) if (this.ofPort[port] === id) this.ofPort[port] = NO_RESOLVER
    for (const port of settings?.ports ?? []) this.ofPort[port] = id
    this.settings[id] = settings
    this.domains[id] = Int32Array.from(settings?.scopes ?? [], ({ domain }) => domain)
    this.exists[id] = settings === undefined ? 0 : 1
    this.forwards[id] = settings?.forwards === true ? 1 : 0
    this.singleLabelsStay[id] = settings?.singleLabelsStay === true ? 1 : 0
  }

  /** The network goes: the next one of its number is another, which nobody has been put on. */
  removeDomain(domain: number): void {
    for (let id = 0; id < PORTS_MAX; id++) {
      const settings = this.settings[id]
      if (settings === undefined || !this.domains[id]!.includes(domain)) continue
      this.set(id, { ...settings, scopes: settings.scopes.filter((scope) => scope.domain !== domain) })
    }
  }

  /** The port goes: the next one of its number is somebody else's. */
  removePort(port: number): void {
    this.ofPort[port] = NO_RESOLVER
  }

  /** A name that DNS cannot carry is left out: nobody can ask for it. */
  private addLinks(id: number, scopes: readonly ScopeSettings[]): void {
    for (const { domain, links } of scopes) {
      if (!(domain >= 0 && domain < DOMAINS_MAX))
        throw new RangeError(`domain ${domain} is not in 0..${DOMAINS_MAX - 1}`)
      for (const { alias, target } of links) {
        const name = encodeName(alias)
        const stands = encodeName(target)
        if (name === undefined || stands === undefined || name.length === 1 || stands.length === 1) continue
        this.names.addLink(this.linkScope(id, domain), name, stands)
      }
    }
  }

  private clearLinks(id: number, scopes: readonly ScopeSettings[]): void {
    for (const { domain, links } of scopes) {
      if (links.length > 0) this.names.clearLinks(this.linkScope(id, domain))
    }
  }
}
