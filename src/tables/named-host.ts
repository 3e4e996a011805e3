/** What a name table is told of a host: checked, and its names made ready to be entered. */

import { NAMES_PER_HOST_MAX } from '../limits.ts'
import { fold, LABEL_SIZE_MAX, NAME_SIZE_MAX } from '../wire/dns-name.ts'
import type { Ipv6Words } from './host-addresses.ts'
import type { NameHash } from './name-hash.ts'
import { requireInteger } from './require-integer.ts'
import type { PortRange } from './service-list.ts'

export interface HostName {
  /** In wire form with the root, in letters of any case. */
  readonly wire: Uint8Array
  /** 0 to 255, of the caller's choice. */
  readonly kind: number
}

export interface NamedHost {
  /** From 0 to 2^31 - 1. */
  readonly scope: number
  /** An int32. */
  readonly ipv4?: number | undefined
  readonly ipv6?: Ipv6Words | undefined
  /** The first is the canonical one. One that comes again is passed over. */
  readonly names: readonly HostName[]
  readonly services: readonly PortRange[]
  /** More names for the addresses of another host, which they go on leading to. */
  readonly aside?: boolean | undefined
}

/** A name that is ready to be entered: without root, in small letters. */
export interface PreparedName {
  readonly bytes: Uint8Array
  readonly kind: number
  readonly key: number
}

const KIND_MAX = 0xff
const SCOPE_MAX = 0x7fff_ffff
const PROTOCOL_MAX = 0xff
const PORT_MAX = 0xffff

/** The names of a host, each once. Throws RangeError where one is out of its range, or there are too many. */
export function prepareNames(hash: NameHash, host: NamedHost): PreparedName[] {
  if (host.names.length > NAMES_PER_HOST_MAX) {
    throw new RangeError(`a host has ${host.names.length} names; ${NAMES_PER_HOST_MAX} are the most`)
  }
  const names = new Map<string, PreparedName>()
  for (const name of host.names) {
    const prepared = prepareName(hash, name, host.scope)
    const text = String.fromCharCode(...prepared.bytes)
    if (!names.has(text)) names.set(text, prepared)
  }
  return [...names.values()]
}

/** Throws RangeError where it is out of its range. */
export function prepareName(hash: NameHash, { wire, kind }: HostName, scope: number): PreparedName {
  requireInteger('NameTable', 'kind', kind, 0, KIND_MAX)
  const bytes = withoutRoot(wire)
  return { bytes, kind, key: hash.key(hash.labels(hash.begin(), bytes, 0, bytes.length), scope) }
}

/** A name without its root, in small letters. Throws RangeError where it is none, or has no label. */
export function withoutRoot(wire: Uint8Array): Uint8Array {
  let end = 0
  while (end < wire.length && wire[end]! >= 1 && wire[end]! <= LABEL_SIZE_MAX) end += 1 + wire[end]!
  if (end === 0 || end + 1 !== wire.length || wire[end] !== 0 || wire.length > NAME_SIZE_MAX) {
    throw new RangeError('NameTable: a name is not in wire form')
  }
  return wire.slice(0, end).map(fold)
}

export function requireScope(scope: number): void {
  requireInteger('NameTable', 'scope', scope, 0, SCOPE_MAX)
}

export function requirePortRanges(ranges: readonly PortRange[]): void {
  for (const { protocol, first, last } of ranges) {
    requireInteger('NameTable', 'protocol', protocol, 0, PROTOCOL_MAX)
    requireInteger('NameTable', 'first', first, 0, PORT_MAX)
    requireInteger('NameTable', 'last', last, first, PORT_MAX)
  }
}
