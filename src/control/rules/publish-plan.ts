/** What of a sandbox is to be published, in as few ranges as can be, and in the order in which it gets its host ports. */

import type { PortBinding, SandboxConfig } from '../model/records.ts'
import { parsePortRange, splitPort } from './port.ts'
import type { PortRange } from './port-range.ts'

export type PublishedProtocol = 'tcp' | 'udp'

/** Neighbouring ports of a sandbox that are to be published alike. */
export interface PublishWish {
  readonly protocol: PublishedProtocol
  readonly first: number
  readonly last: number
  /** Empty for all addresses of the machine. */
  readonly hostIp: string
  readonly host: HostWish
}

export type HostWish =
  /** The first one at this port, the others behind it. */
  | { readonly kind: 'fixed'; readonly first: number }
  /** The one port at the first of these that is free. */
  | { readonly kind: 'choice'; readonly first: number; readonly last: number }
  /** Each at any free port. */
  | { readonly kind: 'any' }

type Ports = Pick<SandboxConfig, 'portBindings' | 'publishAll' | 'exposedPorts'>

/** Those that can only have one host port go first, so that nobody else's choice takes it. */
const KINDS: readonly HostWish['kind'][] = ['fixed', 'choice', 'any']

const ANYWHERE: PortBinding = { hostIp: '', hostPort: '' }

/** `hostBinding` is the address of bindings that name none; empty for all. */
export function planPublishing(ports: Ports, hostBinding: string): readonly PublishWish[] {
  const wishes = wantedBindings(ports).flatMap(([port, bindings]) =>
    withoutRepetition(bindings).flatMap((binding) => wishOf(port, binding, hostBinding)),
  )
  return joined(wishes).toSorted((a, b) => KINDS.indexOf(a.host.kind) - KINDS.indexOf(b.host.kind))
}

/** Of a routed network: the sandbox's own ports, each once. */
export function planRouted(ports: Ports): readonly PortRange[] {
  const wishes = wantedBindings(ports).flatMap(([port, bindings]) =>
    bindings.length === 0 ? [] : wishOf(port, ANYWHERE, ''),
  )
  return joined(wishes).map(({ protocol, first, last }) => ({
    protocol,
    first,
    last,
    hostIp: '',
    hostFirst: 0,
  }))
}

/** Bindings of each port, where -P is meant by what is exposed. */
export function wantedBindings({
  portBindings,
  publishAll,
  exposedPorts,
}: Ports): readonly (readonly [string, readonly PortBinding[]])[] {
  if (!publishAll) return Object.entries(portBindings)
  const others = exposedPorts.filter((port) => (portBindings[port] ?? []).length === 0)
  const kept = Object.entries(portBindings).filter(([, bindings]) => bindings.length > 0)
  return [...kept, ...others.map((port) => [port, [ANYWHERE]] as const)]
}

/** Whether this protocol's ports can be published at all: the router translates no other. */
export function isPublishable(protocol: string): protocol is PublishedProtocol {
  return protocol === 'tcp' || protocol === 'udp'
}

function wishOf(port: string, { hostIp, hostPort }: PortBinding, hostBinding: string): PublishWish[] {
  const { number, protocol } = splitPort(port)
  if (!isPublishable(protocol)) return []
  const address = hostIp === '' ? hostBinding : hostIp
  return [{ protocol, first: number, last: number, hostIp: address, host: hostWish(hostPort) }]
}

function hostWish(text: string): HostWish {
  const range = parsePortRange(text)
  if (range === undefined) return { kind: 'any' }
  const { first, last } = range
  return first === last ? { kind: 'fixed', first } : { kind: 'choice', first, last }
}

function withoutRepetition(bindings: readonly PortBinding[]): readonly PortBinding[] {
  if (bindings.length < 2) return bindings
  const known = new Map(bindings.map((binding) => [`${binding.hostPort} ${binding.hostIp}`, binding]))
  return [...known.values()]
}

/** Neighbours in one: what goes on where a range has ended, on the same address and in the same way, belongs to it. */
function joined(wishes: readonly PublishWish[]): PublishWish[] {
  const runs = new Map<string, { wish: PublishWish; last: number }[]>()
  for (const wish of wishes.toSorted((a, b) => a.first - b.first)) {
    const kind = kindKey(wish)
    const ofKind = runs.get(kind) ?? []
    const run = ofKind.at(-1)
    if (run !== undefined && run.last + 1 === wish.first && wish.host.kind !== 'choice') run.last = wish.last
    else ofKind.push({ wish, last: wish.last })
    runs.set(kind, ofKind)
  }
  return [...runs.values()].flat().map(({ wish, last }) => ({ ...wish, last }))
}

/** Ports at the same distance from their host ports go together. */
function kindKey({ protocol, hostIp, first, host }: PublishWish): string {
  const way = host.kind === 'fixed' ? String(host.first - first) : host.kind
  return `${protocol} ${hostIp} ${way}`
}
