import assert from 'node:assert/strict'
import type { Ipv6Words } from '../../src/tables/host-addresses.ts'
import type { NameTable, NameTableOptions } from '../../src/tables/name-table.ts'
import type { NamedHost } from '../../src/tables/named-host.ts'

/** A host as the model has it: names are texts with dots. */
export interface ModelHost {
  readonly scope: number
  readonly ipv4: number | undefined
  readonly ipv6: Ipv6Words | undefined
  readonly names: readonly { readonly text: string; readonly kind: number }[]
  readonly services: NamedHost['services']
}

interface ModelName {
  members: { host: number; kind: number }[]
  turns: [number, number]
}

const NONE = -1

/** `web.front` in wire form with the root: letters as they are. */
export function wireOf(text: string): Uint8Array {
  const wire = new Uint8Array(text.length + 2)
  let label = 0
  for (let index = 0; index < text.length; index++) {
    if (text[index] === '.') label = index + 1
    else {
      wire[index + 1] = text.charCodeAt(index)
      wire[label]!++
    }
  }
  return wire
}

/** What `wireOf` makes texts from, where there is no root; in letters as they are. */
export function textOf(bytes: Uint8Array, offset: number, size: number): string {
  const labels: string[] = []
  for (let at = offset; at < offset + size; at += 1 + bytes[at]!) {
    labels.push(Buffer.from(bytes.subarray(at + 1, at + 1 + bytes[at]!)).toString('latin1'))
  }
  return labels.join('.')
}

const sizeOf = (text: string): number => text.length + 1

/** The hash of a name in wire form with the root: label by label, as it is read from a message. */
export function hashOf(table: NameTable, wire: Uint8Array): number {
  let hash = table.beginHash()
  for (let at = 0; wire[at] !== 0; at += 1 + wire[at]!) hash = table.hashLabels(hash, wire, at, 1 + wire[at]!)
  return hash
}

/** The table's name in the middle of a message, so that its offset counts. */
export function findName(table: NameTable, scope: number, text: string, isLink = false): number {
  const wire = wireOf(text)
  const message = Uint8Array.from([3, 1, 4, 1, ...wire])
  const hash = hashOf(table, wire)
  return isLink
    ? table.findLink(scope, message, 4, wire.length - 1, hash)
    : table.find(scope, message, 4, wire.length - 1, hash)
}

/** The name table without a thought for speed: maps of what is there, written anew for each change. */
export class ModelNames {
  private readonly options: NameTableOptions
  /** In the order in which they were set. */
  private hosts = new Map<number, ModelHost>()
  private names = new Map<string, ModelName>()
  private links = new Map<string, string>()

  constructor(options: NameTableOptions) {
    this.options = options
  }

  /** False where there is no room: nothing has changed then. */
  set(id: number, host: ModelHost): boolean {
    return this.attempt(() => {
      this.remove(id)
      this.hosts.set(id, host)
      for (const { text, kind } of host.names) {
        const key = keyOf(host.scope, text)
        const name = this.names.get(key) ?? { members: [], turns: [0, 0] }
        if (name.members.some((member) => member.host === id)) continue
        name.members.push({ host: id, kind })
        this.names.set(key, name)
      }
    })
  }

  remove(id: number): boolean {
    for (const [key, name] of this.names) {
      name.members = name.members.filter(({ host }) => host !== id)
      const { length } = name.members
      name.turns = [name.turns[0] % Math.max(length, 1), name.turns[1] % Math.max(length, 1)]
      if (name.members.length === 0) this.names.delete(key)
    }
    return this.hosts.delete(id)
  }

  removeScope(scope: number): number {
    const ids = [...this.hosts].filter(([, host]) => host.scope === scope).map(([id]) => id)
    for (const id of ids) this.remove(id)
    return ids.length
  }

  addLink(scope: number, name: string, target: string): boolean {
    return this.attempt(() => this.links.set(keyOf(scope, name), target.toLowerCase()))
  }

  clearLinks(scope: number): void {
    for (const key of this.links.keys()) if (key.startsWith(`${scope}/`)) this.links.delete(key)
  }

  advance(scope: number, text: string, row: number): void {
    const name = this.names.get(keyOf(scope, text))
    if (name !== undefined) name.turns[row === 0 ? 0 : 1] = (name.turns[row]! + 1) % name.members.length
  }

  /** The table has just what the model has, as far as these scopes, names and addresses go. */
  check(
    table: NameTable,
    scopes: readonly number[],
    texts: readonly string[],
    ipv4s: readonly number[],
    ipv6s: readonly Ipv6Words[],
  ): void {
    for (const scope of scopes) {
      for (const text of texts) {
        this.checkName(table, scope, text)
        this.checkLink(table, scope, text)
      }
      for (const address of ipv4s) {
        assert.equal(
          table.findIpv4(scope, address),
          this.last((host) => host.ipv4 === address, scope),
        )
      }
      for (const address of ipv6s) {
        assert.equal(
          table.findIpv6(scope, ...address),
          this.last((host) => host.ipv6?.join(':') === address.join(':'), scope),
        )
      }
    }
    for (let id = 0; id < this.options.hosts; id++) this.checkHost(table, id)
    assert.deepEqual(
      [table.hosts, table.names, table.links],
      [this.hosts.size, this.count(), this.links.size],
    )
    assert.equal(table['index'].bytesUsed, this.bytes())
  }

  private checkName(table: NameTable, scope: number, text: string): void {
    const name = findName(table, scope, text)
    const expected = this.names.get(keyOf(scope, text))
    if (expected === undefined) return assert.equal(name, NONE)
    const members: ModelName['members'] = []
    for (let member = table.firstMember(name); member !== NONE; member = table.nextMember(member)) {
      assert.equal(table.nameOf(member), name)
      members.push({ host: table.hostOf(member), kind: table.kindOf(member) })
    }
    assert.deepEqual({ members, turns: [table.turn(name, 0), table.turn(name, 1)] }, expected)
    assert.equal(table.countHosts(name), members.length)
    assert.equal(textOf(table.bytes, table.nameOffset(name), table.nameSize(name)), text.toLowerCase())
  }

  private checkLink(table: NameTable, scope: number, text: string): void {
    const link = findName(table, scope, text, true)
    const expected = this.links.get(keyOf(scope, text))
    if (expected === undefined) return assert.equal(link, NONE)
    assert.equal(textOf(table.bytes, table.targetOffset(link), table.targetSize(link)), expected)
  }

  private checkHost(table: NameTable, id: number): void {
    const host = this.hosts.get(id)
    assert.equal(table.has(id), host !== undefined)
    if (host === undefined) return
    assert.equal(table.scopeOf(id), host.scope)
    assert.equal(table.hasIpv4(id) ? table.ipv4(id) : undefined, host.ipv4)
    const words = table.hasIpv6(id) ? [0, 1, 2, 3].map((word) => table.ipv6(id, word)) : undefined
    assert.deepEqual(words, host.ipv6)
    const names: string[] = []
    for (let member = table.firstNameOf(id); member !== NONE; member = table.nextNameOf(member)) {
      const name = table.nameOf(member)
      names.push(textOf(table.bytes, table.nameOffset(name), table.nameSize(name)))
    }
    assert.deepEqual(names, [...new Set(host.names.map(({ text }) => text.toLowerCase()))])
    assert.equal(table.canonicalSize(id), names.length === 0 ? 0 : sizeOf(names[0]!))
    if (names.length > 0) {
      assert.equal(textOf(table.bytes, table.canonicalOffset(id), table.canonicalSize(id)), names[0])
    }
    for (const protocol of [6, 17]) {
      for (const port of [0, 79, 80, 81, 90, 91, 65_535]) {
        const isOffered = host.services.some(
          (range) => range.protocol === protocol && range.first <= port && port <= range.last,
        )
        assert.equal(table.offers(id, protocol, port), isOffered)
      }
    }
  }

  private last(isIt: (host: ModelHost) => boolean, scope: number): number {
    const found = [...this.hosts].findLast(([, host]) => host.scope === scope && isIt(host))
    return found?.[0] ?? NONE
  }

  /** Makes a change, or none where it would exceed a maximum. */
  private attempt(change: () => void): boolean {
    const before = [this.hosts, this.names, this.links] as const
    this.hosts = new Map(this.hosts)
    this.names = structuredClone(this.names)
    this.links = new Map(this.links)
    change()
    const { names, nameBytes, services } = this.options
    const ranges = [...this.hosts.values()].reduce((sum, host) => sum + host.services.length, 0)
    if (this.count() + this.links.size <= names && this.bytes() <= nameBytes && ranges <= services)
      return true
    ;[this.hosts, this.names, this.links] = before
    return false
  }

  private count(): number {
    return [...this.names.values()].reduce((sum, name) => sum + name.members.length, 0)
  }

  private bytes(): number {
    const textOfKey = (key: string): string => key.slice(key.indexOf('/') + 1)
    let sum = 0
    for (const key of this.names.keys()) sum += sizeOf(textOfKey(key))
    for (const [key, target] of this.links) sum += sizeOf(textOfKey(key)) + sizeOf(target)
    return sum
  }
}

const keyOf = (scope: number, text: string): string => `${scope}/${text.toLowerCase()}`
