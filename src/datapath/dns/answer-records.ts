/**
 * The records of an answer. Hosts that share a name come in rotating order, and each answer begins with the next of them; what does
 * not fit is left out.
 */

import { NONE } from '../../tables/linked-lists.ts'
import type { NameTable } from '../../tables/name-table.ts'
import * as dns from '../../wire/dns.ts'
import { NAME_SIZE_MAX } from '../../wire/dns-name.ts'
import type { DnsWriter } from '../../wire/dns-writer.ts'
import type { Zones } from './zones.ts'

// Constants of this module, whose values V8 compiles in; an imported one it would load and check at each use.
const { TYPE_A, TYPE_AAAA } = dns
const ABSENT = NONE

/** Rows of answers that take turns: AAAA, and everything else. */
const ROW_OTHERS = 0
const ROW_AAAA = 1

/** Targets of services whose addresses are added: more than a message of 64 KiB has, at 19 bytes for a record SRV or more. */
const TARGETS_MAX = 4096

export class AnswerRecords {
  /** Of the last answer: records in the answer section, and whether more were left out. */
  answers = 0
  truncated = false

  private readonly writer: DnsWriter
  private readonly names: NameTable
  private readonly zones: Zones
  /** A host's full name: its first one and the network's. */
  private readonly fullName = new Uint8Array(2 * NAME_SIZE_MAX)
  /** Hosts of the records SRV of this answer, and where the message has their names. */
  private readonly targets = new Int32Array(TARGETS_MAX)
  private readonly owners = new Uint16Array(TARGETS_MAX)

  constructor(writer: DnsWriter, names: NameTable, zones: Zones) {
    this.writer = writer
    this.names = names
    this.zones = zones
  }

  /** Addresses of all hosts that have the name. `type`: A, AAAA or ANY. */
  writeAddresses(domain: number, name: number, type: number, advances: boolean): void {
    const { names } = this
    const ttlS = this.zones.ttlS[domain]!
    const row = type === TYPE_AAAA ? ROW_AAAA : ROW_OTHERS
    this.begin()
    let member = this.firstInTurn(name, row)
    for (let left = names.countHosts(name); left > 0 && !this.truncated; left--) {
      this.writeHost(names.hostOf(member), type, ttlS)
      member = this.nextInTurn(member, name)
    }
    if (advances) names.advance(name, row)
  }

  /** The name of the host. */
  writePointer(domain: number, host: number): void {
    this.begin()
    const size = this.composeFullName(domain, host)
    this.count(this.writer.pointer(this.zones.ttlS[domain]!, this.fullName, 0, size))
  }

  /** Where the service is had: of each host that has the name and offers it. */
  writeServices(domain: number, name: number, protocol: number, port: number, advances: boolean): void {
    const { names, writer } = this
    const ttlS = this.zones.ttlS[domain]!
    this.begin()
    let member = this.firstInTurn(name, ROW_OTHERS)
    for (let left = names.countHosts(name); left > 0 && !this.truncated; left--) {
      const host = names.hostOf(member)
      member = this.nextInTurn(member, name)
      if (!names.offers(host, protocol, port)) continue
      const size = this.composeFullName(domain, host)
      this.targets[this.answers] = host
      this.count(this.answers < TARGETS_MAX && writer.service(ttlS, port, this.fullName, 0, size))
      if (!this.truncated) this.owners[this.answers - 1] = writer.nameOffset
    }
    if (!this.truncated) this.writeTargets(ttlS)
    if (advances) names.advance(name, ROW_OTHERS)
  }

  private begin(): void {
    this.answers = 0
    this.truncated = false
  }

  private count(isWritten: boolean): void {
    if (isWritten) this.answers++
    else this.truncated = true
  }

  /** Addresses of targets, as additional records: the asker can do without those that do not fit (RFC 2181, 9). */
  private writeTargets(ttlS: number): void {
    const { names, writer } = this
    writer.nextSection()
    writer.nextSection()
    for (let index = 0; index < this.answers; index++) {
      const host = this.targets[index]!
      const owner = this.owners[index]!
      if (names.hasIpv4(host) && !writer.address4(ttlS, names.ipv4(host), owner)) return
      if (names.hasIpv6(host) && !this.writeIpv6(host, ttlS, owner)) return
    }
  }

  private writeHost(host: number, type: number, ttlS: number): void {
    const { names, writer } = this
    if (type !== TYPE_AAAA && names.hasIpv4(host)) this.count(writer.address4(ttlS, names.ipv4(host)))
    if (type !== TYPE_A && names.hasIpv6(host) && !this.truncated) {
      this.count(this.writeIpv6(host, ttlS, dns.HEADER_SIZE))
    }
  }

  private writeIpv6(host: number, ttlS: number, owner: number): boolean {
    const { names } = this
    return this.writer.address6(
      ttlS,
      names.ipv6(host, 0),
      names.ipv6(host, 1),
      names.ipv6(host, 2),
      names.ipv6(host, 3),
      owner,
    )
  }

  private firstInTurn(name: number, row: number): number {
    const { names } = this
    let member = names.firstMember(name)
    for (let turn = names.turn(name, row); turn > 0; turn--) member = names.nextMember(member)
    return member
  }

  private nextInTurn(member: number, name: number): number {
    const next = this.names.nextMember(member)
    return next === ABSENT ? this.names.firstMember(name) : next
  }

  /** The host's first name and the network's; its own alone where both together are longer than a name may be. */
  private composeFullName(domain: number, host: number): number {
    const { names, fullName } = this
    const offset = names.canonicalOffset(host)
    const size = names.canonicalSize(host)
    for (let index = 0; index < size; index++) fullName[index] = names.bytes[offset + index]!
    const network = this.zones.name(domain)
    if (network.length === 0 || size + network.length > NAME_SIZE_MAX) {
      fullName[size] = 0
      return size + 1
    }
    for (let index = 0; index < network.length; index++) fullName[size + index] = network[index]!
    return size + network.length
  }
}
