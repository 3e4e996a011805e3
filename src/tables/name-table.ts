/**
 * Which endpoint (host) has which name on which network (scope), for all networks of an engine in one table; and the private names of
 * single sandboxes (links), which stand for other names.
 *
 *     host ──► member ─► member ─►        its names, in their order
 *                │
 *     name ──► member ─► member ─►        hosts that have it, in the order in which they came
 *
 * Names are given in wire form with the root (as `encodeName` has them), and looked for without it, where they stand in a message; case
 * is of no account (RFC 4343). A lookup touches the chain's head, the name's record and bytes, and then a member and a host; it
 * allocates nothing. To look for `web.front` and, if need be, `web` takes one pass over the bytes:
 *
 *     hash = table.hashLabels(table.beginHash(), bytes, at, 4)        3 w e b
 *     hash = table.hashLabels(hash, bytes, at + 4, 6)                 5 f r o n t
 *
 * Hosts, names, members and links are small integers. Those of names, members and links, and offsets in `bytes`, hold until something
 * is set, added or removed.
 */

import {
  NAME_BYTES_MAX,
  NAMED_HOSTS_MAX,
  NAMED_SERVICES_MAX,
  NAMED_SERVICES_PER_HOST_MAX,
  NAMES_MAX,
} from '../limits.ts'
import { FreeNumbers } from './free-numbers.ts'
import { HashChains } from './hash-chains.ts'
import { HostAddresses } from './host-addresses.ts'
import { LinkedLists, NONE } from './linked-lists.ts'
import { NameHash } from './name-hash.ts'
import { NameIndex, OWN, RECORD_SHIFT } from './name-index.ts'
import {
  type NamedHost,
  type PreparedName,
  prepareName,
  prepareNames,
  requirePortRanges,
  requireScope,
  withoutRoot,
} from './named-host.ts'
import { requireInteger } from './require-integer.ts'
import { type PortRange, ServiceList } from './service-list.ts'

export interface NameTableOptions {
  /** Hosts are numbered 0 to `hosts - 1`; up to NAMED_HOSTS_MAX. */
  readonly hosts: number
  /** Names of all hosts, a shared one counted for each, and links: 1 to NAMES_MAX. */
  readonly names: number
  /** Bytes of all names in wire form, a shared one counted once, of links and of what they stand for: 1 to NAME_BYTES_MAX. */
  readonly nameBytes: number
  /** Ranges of ports of all hosts: 1 to NAMED_SERVICES_MAX. */
  readonly services: number
  /** A random int32 that nobody outside can know: with it, nobody can choose names that collide. */
  readonly seed: number
}

/** Words of a member, and where they are: PLACE has the host above the kind. */
const MEMBER_SHIFT = 1
const PLACE = 0
const NAME = 1
const KIND_BITS = 8
const KIND_MASK = 0xff

/** Our words of a name's record: how many hosts have it, the first member, and which of them is the first in the next answer of each row. */
const NAME_SHIFT = RECORD_SHIFT
const COUNT = OWN
const FIRST = OWN + 1
const TURNS = OWN + 2
const ROWS = 2

export class NameTable {
  /** All names and what links stand for, in wire form without their roots, in small letters. Stays the same array. */
  readonly bytes: Uint8Array
  /** Hosts that are there. */
  hosts = 0
  /** Names that they have, a shared one counted for each. */
  names = 0
  links = 0

  private readonly options: NameTableOptions
  private readonly hash: NameHash
  private readonly index: NameIndex
  private readonly addresses: HostAddresses
  private readonly services: ServiceList
  private readonly freeMembers: FreeNumbers
  private readonly members: Int32Array
  private readonly records: Int32Array
  /** List `host`: its members. */
  private readonly byHost: LinkedLists
  /** List `name`: its members. */
  private readonly byName: LinkedLists
  /** Links by their scopes. */
  private readonly linksByScope: HashChains

  /** Throws RangeError where an option is out of its range. */
  constructor(options: NameTableOptions) {
    const integer = requireInteger.bind(undefined, 'NameTable')
    const hosts = integer('hosts', options.hosts, 1, NAMED_HOSTS_MAX)
    const names = integer('names', options.names, 1, NAMES_MAX)
    const nameBytes = integer('nameBytes', options.nameBytes, 1, NAME_BYTES_MAX)
    const services = integer('services', options.services, 1, NAMED_SERVICES_MAX)
    this.options = { ...options, hosts, names, nameBytes, services }
    this.hash = new NameHash(options.seed)
    this.index = new NameIndex(names, nameBytes)
    this.bytes = this.index.bytes
    this.records = this.index.records
    this.addresses = new HostAddresses(hosts, options.seed)
    this.services = new ServiceList(hosts, services)
    this.freeMembers = new FreeNumbers(names)
    this.members = new Int32Array(names << MEMBER_SHIFT)
    this.byHost = new LinkedLists(names, hosts)
    this.byName = new LinkedLists(names, names)
    this.linksByScope = new HashChains(names)
  }

  /** The hash of no label, to go on from. */
  beginHash(): number {
    return this.hash.begin()
  }

  /** The hash of the name that has these labels, one or several, behind those of `hash`; `at` is at a length byte. */
  hashLabels(hash: number, bytes: Uint8Array, at: number, size: number): number {
    return this.hash.labels(hash, bytes, at, size)
  }

  /** The name of `size` bytes at `at` that hosts of the scope have, or NONE. `hash`: that of all its labels. */
  find(scope: number, bytes: Uint8Array, at: number, size: number, hash: number): number {
    return this.index.find(this.hash.key(hash, scope), scope, bytes, at, size)
  }

  /** How many hosts have the name: one at least. */
  countHosts(name: number): number {
    return this.records[(name << NAME_SHIFT) + COUNT]!
  }

  /** The first of the members of a name. */
  firstMember(name: number): number {
    return this.records[(name << NAME_SHIFT) + FIRST]!
  }

  /** The next one of the same name, or NONE. */
  nextMember(member: number): number {
    return this.byName.next(member)
  }

  hostOf(member: number): number {
    return this.members[(member << MEMBER_SHIFT) + PLACE]! >>> KIND_BITS
  }

  kindOf(member: number): number {
    return this.members[(member << MEMBER_SHIFT) + PLACE]! & KIND_MASK
  }

  nameOf(member: number): number {
    return this.members[(member << MEMBER_SHIFT) + NAME]!
  }

  /**
   * How many members of the name come last in the next answer, since it begins behind them: less than there are. Answers of two rows, 0
   * and 1, take turns apart: clients ask for both kinds of addresses at a time, and of two members would else always have the same first.
   */
  turn(name: number, row: number): number {
    return this.records[(name << NAME_SHIFT) + TURNS + row]!
  }

  /** An answer of the row was given: the next one begins with the next member. */
  advance(name: number, row: number): void {
    const at = name << NAME_SHIFT
    const turn = this.records[at + TURNS + row]! + 1
    this.records[at + TURNS + row] = turn < this.records[at + COUNT]! ? turn : 0
  }

  nameOffset(name: number): number {
    return this.index.offset(name)
  }

  nameSize(name: number): number {
    return this.index.size(name)
  }

  /** What the name stands for that only who knows `scope` has, or NONE. Scopes of links are apart from those of hosts. */
  findLink(scope: number, bytes: Uint8Array, at: number, size: number, hash: number): number {
    return this.index.find(this.hash.key(hash, ~scope), ~scope, bytes, at, size)
  }

  /** Where the name that the link stands for is in `bytes`. */
  targetOffset(link: number): number {
    return this.index.restOffset(link)
  }

  targetSize(link: number): number {
    return this.index.restSize(link)
  }

  /** Whether there is such a host. */
  has(host: number): boolean {
    return this.addresses.has(host)
  }

  scopeOf(host: number): number {
    return this.addresses.scope(host)
  }

  hasIpv4(host: number): boolean {
    return this.addresses.hasIpv4(host)
  }

  ipv4(host: number): number {
    return this.addresses.ipv4(host)
  }

  hasIpv6(host: number): boolean {
    return this.addresses.hasIpv6(host)
  }

  /** Word 0 to 3 of its address. */
  ipv6(host: number, word: number): number {
    return this.addresses.ipv6(host, word)
  }

  /** The host that has the address in the scope (of several, the one that was set last), or NONE. */
  findIpv4(scope: number, address: number): number {
    return this.addresses.findIpv4(scope, address)
  }

  /** The same. */
  findIpv6(scope: number, word0: number, word1: number, word2: number, word3: number): number {
    return this.addresses.findIpv6(scope, word0, word1, word2, word3)
  }

  /** Whether the host offers something on the port. */
  offers(host: number, protocol: number, port: number): boolean {
    return this.services.offers(host, protocol, port)
  }

  /** The first of the host's members, by which its names are had, or NONE. */
  firstNameOf(host: number): number {
    return this.byHost.first(host)
  }

  /** The next one of the same host, or NONE. */
  nextNameOf(member: number): number {
    return this.byHost.next(member)
  }

  /** Where the host's first name is in `bytes`; the host must have one. */
  canonicalOffset(host: number): number {
    return this.index.offset(this.nameOf(this.byHost.first(host)))
  }

  /** Bytes of the host's first name; 0 where it has none. */
  canonicalSize(host: number): number {
    const member = this.byHost.first(host)
    return member === NONE ? 0 : this.index.size(this.nameOf(member))
  }

  /**
   * Enters the host, or all of it anew: then its names come behind those of others who share them. Throws RangeError where there is
   * no room or something is out of its range, and leaves everything as it was.
   */
  set(id: number, host: NamedHost): void {
    requireInteger('NameTable', 'host', id, 0, this.options.hosts - 1)
    requireScope(host.scope)
    const names = prepareNames(this.hash, host)
    this.requireRoomForNames(id, names, host.scope)
    this.requireRoomForServices(id, host.services)

    this.remove(id)
    this.addresses.add(id, host.scope, host.ipv4, host.ipv6, host.aside)
    for (const name of names) this.addMember(id, host.scope, name)
    for (const service of host.services) this.services.add(id, service)
    this.hosts++
  }

  /** Forgets the host. False where there is none. */
  remove(id: number): boolean {
    if (id >= this.options.hosts || !this.addresses.has(id)) return false
    for (let member = this.byHost.first(id); member !== NONE; member = this.byHost.first(id)) {
      this.removeMember(member)
    }
    this.services.clear(id)
    this.addresses.remove(id)
    this.hosts--
    return true
  }

  /** Forgets all hosts of the scope; its links are apart. Returns how many there were. Looks at all hosts. */
  removeScope(scope: number): number {
    const before = this.hosts
    for (let host = 0; host < this.options.hosts; host++) {
      if (this.addresses.has(host) && this.addresses.scope(host) === scope) this.remove(host)
    }
    return before - this.hosts
  }

  /**
   * Makes `name` stand for `target` in the scope, and for nothing else. Both in wire form with the root. Throws RangeError where there
   * is no room or something is out of its range, and leaves everything as it was.
   */
  addLink(scope: number, name: Uint8Array, target: Uint8Array): void {
    requireScope(scope)
    const { bytes, key } = prepareName(this.hash, { wire: name, kind: 0 }, ~scope)
    const rest = withoutRoot(target)
    const former = this.index.find(key, ~scope, bytes, 0, bytes.length)
    const freed = former === NONE ? 0 : bytes.length + this.index.restSize(former)
    if (former === NONE) this.requireRoom(1, 0)
    this.requireRoom(0, bytes.length + rest.length - freed)

    if (former !== NONE) this.removeLink(former)
    this.linksByScope.link(this.hashOfScope(scope), this.index.add(key, ~scope, bytes, rest))
    this.links++
  }

  /** Forgets all links of the scope. */
  clearLinks(scope: number): void {
    const hash = this.hashOfScope(scope)
    let link = this.linksByScope.first(hash)
    while (link !== NONE) {
      const next = this.linksByScope.next(link)
      if (this.index.scope(link) === ~scope) this.removeLink(link)
      link = next
    }
  }

  private addMember(host: number, scope: number, { bytes, kind, key }: PreparedName): void {
    let name = this.index.find(key, scope, bytes, 0, bytes.length)
    if (name === NONE) name = this.index.add(key, scope, bytes)
    const member = this.freeMembers.take()
    this.members[(member << MEMBER_SHIFT) + PLACE] = (host << KIND_BITS) | kind
    this.members[(member << MEMBER_SHIFT) + NAME] = name
    this.byHost.append(host, member)
    this.byName.append(name, member)
    this.records[(name << NAME_SHIFT) + COUNT]!++
    this.records[(name << NAME_SHIFT) + FIRST] = this.byName.first(name)
    this.names++
  }

  private removeMember(member: number): void {
    const name = this.nameOf(member)
    const at = name << NAME_SHIFT
    this.byHost.unlink(member)
    this.byName.unlink(member)
    this.freeMembers.giveBack(member)
    this.names--
    const count = this.records[at + COUNT]! - 1
    this.records[at + COUNT] = count
    this.records[at + FIRST] = this.byName.first(name)
    for (let turn = at + TURNS; turn < at + TURNS + ROWS; turn++) {
      if (this.records[turn]! >= count) this.records[turn] = 0
    }
    if (count === 0) this.index.remove(name)
  }

  private removeLink(link: number): void {
    this.linksByScope.unlink(this.hashOfScope(~this.index.scope(link)), link)
    this.index.remove(link)
    this.links--
  }

  private hashOfScope(scope: number): number {
    return this.hash.key(0, scope)
  }

  /** What the host has now makes room. */
  private requireRoomForNames(id: number, names: readonly PreparedName[], scope: number): void {
    let count = names.length
    let bytes = 0
    for (let member = this.byHost.first(id); member !== NONE; member = this.byHost.next(member)) {
      const name = this.nameOf(member)
      count--
      if (this.countHosts(name) === 1) bytes -= this.index.size(name)
    }
    for (const name of names) {
      const known = this.index.find(name.key, scope, name.bytes, 0, name.bytes.length)
      if (known === NONE || this.isOnlyNameOf(known, id)) bytes += name.bytes.length
    }
    this.requireRoom(count, bytes)
  }

  private isOnlyNameOf(name: number, host: number): boolean {
    return this.countHosts(name) === 1 && this.hostOf(this.byName.first(name)) === host
  }

  private requireRoom(names: number, bytes: number): void {
    const { options } = this
    if (this.names + this.links + names > options.names) {
      throw new RangeError(`there is no room for more than ${options.names} names`)
    }
    if (!this.index.hasRoom(bytes)) {
      throw new RangeError(`there is no room for more than ${options.nameBytes} bytes of names`)
    }
  }

  private requireRoomForServices(id: number, services: readonly PortRange[]): void {
    requirePortRanges(services)
    const max = Math.min(NAMED_SERVICES_PER_HOST_MAX, this.services.left + this.services.count(id))
    if (services.length <= max) return
    throw new RangeError(`there is no room for ${services.length} ranges of ports of a host, but for ${max}`)
  }
}
