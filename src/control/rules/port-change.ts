/** What becomes of a sandbox's configuration when ports are published, or no more, while it is there. */

import { ErrorCode, TapwireError } from '../errors.ts'
import type { PortBinding, SandboxConfig } from '../model/records.ts'
import { parsePortRange } from './port.ts'
import {
  type Bindings,
  type BoundRun,
  bindingsFrom,
  foldBindings,
  readBindings,
  uniteBindings,
  writeBindings,
  writtenBinding,
} from './port-bindings.ts'
import { type PortRange, recordedRanges } from './port-range.ts'
import { cutRuns, mergePorts, type PortPiece, type PortRun, runName } from './port-runs.ts'
import { checkCount } from './publish.ts'
import { wantedBindings } from './publish-plan.ts'

/** What is meant of the ports that are published. */
export interface PortSelection {
  /** Of a binding no host IP is any, and so is no host port. */
  readonly bindings: Bindings
  /** With all that they are published on, whatever is meant of their bindings. */
  readonly ports: readonly PortRun[]
}

/** What a configuration has, what is added to it or meant of it, and what is published. */
interface Layer extends BoundRun {
  readonly kind: 'known' | 'added' | 'meant' | 'all' | 'published'
}

/** Throws PORT_IN_USE for a binding that is there already, and LIMIT_REACHED. */
export function withBindings(config: SandboxConfig, added: Bindings): SandboxConfig {
  const known = explicit(config)
  const layers = [...layersOf('known', known.portBindings), ...layersOf('added', added)]
  for (const piece of cutRuns(layers)) {
    const others = bindingsAt(piece, 'known')
    const twice = bindingsAt(piece, 'added').find((binding) => others.some(isSame(binding)))
    if (twice !== undefined) throw publishedAlready(runName(firstOf(piece)), twice)
  }
  return {
    ...known,
    exposedPorts: mergePorts([...known.exposedPorts, ...Object.keys(added)]),
    portBindings: writeBindings(uniteBindings(checkCount(layers.map(withoutKind)))),
  }
}

/**
 * The configuration without the bindings that are meant, of a sandbox whose `published` ports are these at present. Throws
 * PORT_NOT_PUBLISHED where one of the ports has none that is meant.
 */
export function withoutBindings(
  config: SandboxConfig,
  selection: PortSelection,
  { name, ports: published }: { readonly name: string; readonly ports: Bindings },
): SandboxConfig {
  const known = explicit(config)
  const layers = [
    ...layersOf('known', known.portBindings),
    ...selectionLayers(selection),
    ...recordedRanges(published).filter(hasHostPorts).map(publishedLayer),
  ]
  const left = cutRuns(layers).flatMap((piece): BoundRun[] => {
    const own = piece.covering.find(({ kind }) => kind === 'known')
    const bindings = own === undefined ? [] : bindingsFrom(own, piece.first)
    const isLeft = bindingsLeft(piece)
    const { protocol, first, last } = piece
    const rest = bindings.filter((_, index) => isLeft === undefined || isLeft[index])
    if (isLeft !== undefined && rest.length === bindings.length) {
      const port = runName(firstOf(piece))
      throw new TapwireError(ErrorCode.portNotPublished, `no public port '${port}' published for ${name}`)
    }
    const isGone = own === undefined || (isLeft !== undefined && rest.length === 0)
    return isGone ? [] : [{ protocol, first, last, bindings: rest }]
  })
  return { ...known, portBindings: writeBindings(foldBindings(left)) }
}

/** What is left of each of the ranges, which have host ports, in order. */
export function remainingRanges(
  selection: PortSelection,
  ranges: readonly PortRange[],
): ReadonlyMap<PortRange, readonly PortRange[]> {
  const remaining = new Map<PortRange, PortRange[]>(ranges.map((range) => [range, []]))
  const published = new Map(ranges.map((range) => [publishedLayer(range), range]))
  for (const piece of cutRuns<Layer>([...published.keys(), ...selectionLayers(selection)])) {
    for (const layer of piece.covering) {
      const range = published.get(layer)
      if (range === undefined || isSelected(piece, range)) continue
      const pieces = remaining.get(range)!
      const before = pieces.at(-1)
      const goesOn = before?.last === piece.first - 1
      const first = goesOn ? before.first : piece.first
      if (goesOn) pieces.pop()
      pieces.push({ ...range, first, last: piece.last, hostFirst: range.hostFirst + first - range.first })
    }
  }
  return remaining
}

/** `80/tcp`s and ranges in few words: `53/udp, 80-82/tcp`. */
export function portNames(ports: Iterable<string>): string {
  return mergePorts(ports).join(', ')
}

/** -P and a change to one of its ports do not go together: from here on each port is asked for by itself. */
function explicit(config: SandboxConfig): SandboxConfig {
  if (!config.publishAll) return config
  return { ...config, publishAll: false, portBindings: writeBindings(wantedBindings(config)) }
}

function layersOf(kind: Layer['kind'], bindings: Bindings): readonly Layer[] {
  return readBindings(bindings).map((run) => ({ ...run, kind }))
}

function withoutKind({ protocol, first, last, bindings }: Layer): BoundRun {
  return { protocol, first, last, bindings }
}

function selectionLayers({ bindings, ports }: PortSelection): readonly Layer[] {
  return [
    ...layersOf('meant', bindings),
    ...ports.map((run) => ({ ...run, bindings: [], kind: 'all' as const })),
  ]
}

const hasHostPorts = ({ hostFirst }: PortRange): boolean => hostFirst > 0

function publishedLayer({ protocol, first, last, hostIp, hostFirst }: PortRange): Layer {
  const bindings = [{ hostIp, host: { kind: 'fixed', first: hostFirst } as const }]
  return { kind: 'published', protocol, first, last, bindings }
}

/**
 * What a kind of layer binds the first port of a piece to. What holds of that one holds of those behind it: all host ports in a
 * piece of more than one port keep the same distance, or are any.
 */
function bindingsAt(piece: PortPiece<Layer>, kind: Layer['kind']): readonly PortBinding[] {
  const one = firstOf(piece)
  return piece.covering
    .filter((layer) => layer.kind === kind)
    .flatMap((layer) => bindingsFrom(layer, piece.first).map((binding) => writtenBinding(one, binding)))
}

function firstOf({ protocol, first }: PortRun): PortRun {
  return { protocol, first, last: first }
}

/** Of each of a piece's bindings whether it stays; undefined where nothing of the piece is meant. */
function bindingsLeft(piece: PortPiece<Layer>): readonly boolean[] | undefined {
  const bindings = bindingsAt(piece, 'known')
  if (hasAll(piece)) return bindings.map(() => false)
  const meant = bindingsAt(piece, 'meant')
  if (meant.length === 0) return undefined
  // A binding that is published is meant by what it got, another one by what it says.
  const got = grants(bindings, bindingsAt(piece, 'published'))
  return bindings.map((binding) => !isMeant(meant, got.get(binding) ?? binding))
}

function isSelected(piece: PortPiece<Layer>, { hostIp, hostFirst, first }: PortRange): boolean {
  const binding = { hostIp, hostPort: String(hostFirst + piece.first - first) }
  return hasAll(piece) || isMeant(bindingsAt(piece, 'meant'), binding)
}

const hasAll = ({ covering }: PortPiece<Layer>): boolean => covering.some(({ kind }) => kind === 'all')

/** Which of the published ones each binding has got: those that can only have one come first. */
function grants(
  bindings: readonly PortBinding[],
  published: readonly PortBinding[],
): ReadonlyMap<PortBinding, PortBinding> {
  const got = new Map<PortBinding, PortBinding>()
  const free = new Set(published)
  for (const binding of bindings.toSorted((a, b) => choices(a) - choices(b))) {
    const found = [...free].find(
      (each) =>
        (binding.hostIp === '' || binding.hostIp === each.hostIp) &&
        includes(binding.hostPort, each.hostPort),
    )
    if (found === undefined) continue
    got.set(binding, found)
    free.delete(found)
  }
  return got
}

function choices({ hostPort }: PortBinding): number {
  const range = parsePortRange(hostPort)
  return range === undefined ? Number.POSITIVE_INFINITY : range.last - range.first
}

function isMeant(meant: readonly PortBinding[], { hostIp, hostPort }: PortBinding): boolean {
  return meant.some(
    (each) => (each.hostIp === '' || each.hostIp === hostIp) && includes(each.hostPort, hostPort),
  )
}

/** Whether `ports`, a port, a range, or empty for any, has all of `others`. */
function includes(ports: string, others: string): boolean {
  if (ports === '' || ports === others) return true
  const [outer, inner] = [parsePortRange(ports), parsePortRange(others)]
  return outer !== undefined && inner !== undefined && outer.first <= inner.first && inner.last <= outer.last
}

const isSame =
  (a: PortBinding) =>
  (b: PortBinding): boolean =>
    a.hostIp === b.hostIp && a.hostPort === b.hostPort

function publishedAlready(port: string, { hostIp, hostPort }: PortBinding): TapwireError {
  const message =
    hostPort === ''
      ? `port ${port} is published on any free port already`
      : `Bind for ${hostIp || '0.0.0.0'}:${hostPort} failed: port is already allocated`
  return new TapwireError(ErrorCode.portInUse, message)
}
