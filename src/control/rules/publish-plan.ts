/** What of a sandbox is to be published, in as few ranges as can be, and in the order in which it gets its host ports. */

import type { SandboxConfig } from '../model/records.ts'
import {
  type BoundRun,
  foldBindings,
  type HostBinding,
  type HostWish,
  readBindings,
  uniteBindings,
} from './port-bindings.ts'
import type { PortRange } from './port-range.ts'
import { runOf } from './port-runs.ts'

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

type Ports = Pick<SandboxConfig, 'portBindings' | 'publishAll' | 'exposedPorts'>

/** Those that can only have one host port go first, so that nobody else's choice takes it. */
const KINDS: readonly HostWish['kind'][] = ['fixed', 'choice', 'any']

const ANYWHERE: HostBinding = { hostIp: '', host: { kind: 'any' } }

/** `hostBinding` is the address of bindings that name none; empty for all. */
export function planPublishing(ports: Ports, hostBinding: string): readonly PublishWish[] {
  const wishes = wantedBindings(ports).flatMap((run) =>
    withoutRepetition(run.bindings).flatMap((binding) => wishOf(run, binding, hostBinding)),
  )
  return joined(wishes).toSorted((a, b) => KINDS.indexOf(a.host.kind) - KINDS.indexOf(b.host.kind))
}

/** Of a routed network: the sandbox's own ports, each once. */
export function planRouted(ports: Ports): readonly PortRange[] {
  const wishes = wantedBindings(ports).flatMap((run) =>
    run.bindings.length === 0 ? [] : wishOf(run, ANYWHERE, ''),
  )
  return joined(wishes).map(({ protocol, first, last }) => ({
    protocol,
    first,
    last,
    hostIp: '',
    hostFirst: 0,
  }))
}

/** Bindings of the ports, where -P is meant by what is exposed. */
export function wantedBindings({ portBindings, publishAll, exposedPorts }: Ports): readonly BoundRun[] {
  const known = readBindings(portBindings)
  if (!publishAll) return known
  const exposed = exposedPorts.map((port): BoundRun => ({ ...runOf(port), bindings: [] }))
  const all = uniteBindings([...known.filter(({ bindings }) => bindings.length > 0), ...exposed])
  return foldBindings(all.map((run) => (run.bindings.length === 0 ? { ...run, bindings: [ANYWHERE] } : run)))
}

/** Whether this protocol's ports can be published at all: the router translates no other. */
export function isPublishable(protocol: string): protocol is PublishedProtocol {
  return protocol === 'tcp' || protocol === 'udp'
}

function wishOf(
  { protocol, first, last }: BoundRun,
  { hostIp, host }: HostBinding,
  hostBinding: string,
): PublishWish[] {
  if (!isPublishable(protocol)) return []
  return [{ protocol, first, last, hostIp: hostIp === '' ? hostBinding : hostIp, host }]
}

function withoutRepetition(bindings: readonly HostBinding[]): readonly HostBinding[] {
  if (bindings.length < 2) return bindings
  const known = new Map(bindings.map((binding) => [JSON.stringify([binding.hostIp, binding.host]), binding]))
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
