/** What becomes of a sandbox's configuration when ports are published, or no more, while it is there. */

import { ErrorCode, TapwireError } from '../errors.ts'
import type { PortBinding, SandboxConfig } from '../model/records.ts'
import { printable } from './names.ts'
import { type PortProtocol, parsePortRange, sortPorts, splitPort } from './port.ts'
import { type PortRange, rangeText, recordedRanges } from './port-range.ts'
import { wantedBindings } from './publish-plan.ts'

type Bindings = Readonly<Record<string, readonly PortBinding[]>>

/** Bindings that are meant, by `80/tcp`; `all` of a port. No host IP is any, and so is no host port. */
export type PortSelection = ReadonlyMap<string, readonly PortBinding[] | 'all'>

/** Throws PORT_IN_USE for a binding that is there already. */
export function withBindings(config: SandboxConfig, added: Bindings): SandboxConfig {
  const known = explicit(config)
  const portBindings: Record<string, readonly PortBinding[]> = { ...known.portBindings }
  for (const [port, bindings] of Object.entries(added)) {
    const others = portBindings[port] ?? []
    for (const binding of bindings) if (others.some(isSame(binding))) throw publishedAlready(port, binding)
    portBindings[port] = [...others, ...bindings]
  }
  const exposedPorts = sortPorts([...known.exposedPorts, ...Object.keys(added)])
  return { ...known, exposedPorts, portBindings: inOrder(portBindings) }
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
  const ranges = recordedRanges(published)
  const portBindings: Record<string, readonly PortBinding[]> = { ...known.portBindings }
  for (const [port, meant] of selection) {
    const bindings = portBindings[port] ?? []
    const left = meant === 'all' ? [] : bindingsLeft(bindings, meant, publishedAt(ranges, port))
    if (left.length === bindings.length) {
      throw new TapwireError(
        ErrorCode.portNotPublished,
        `no public port '${printable(port)}' published for ${name}`,
      )
    }
    if (left.length === 0) delete portBindings[port]
    else portBindings[port] = left
  }
  return { ...known, portBindings }
}

/** Whether a port of a range is meant. */
export function isSelected(selection: PortSelection, range: PortRange, port: number): boolean {
  const meant = selection.get(`${port}/${range.protocol}`)
  if (meant === undefined || meant === 'all') return meant === 'all'
  const { hostIp, hostFirst, first } = range
  return isMeant(meant, { hostIp, hostPort: String(hostFirst + port - first) })
}

/** `80/tcp`s in few words: `53/udp, 80-82/tcp`. */
export function portNames(ports: Iterable<string>): string {
  const runs = new Map<PortProtocol, { readonly first: number; last: number }[]>()
  for (const { number, protocol } of sortPorts([...ports]).map(splitPort)) {
    const ofProtocol = runs.get(protocol) ?? []
    const run = ofProtocol.at(-1)
    if (run?.last === number - 1) run.last = number
    else ofProtocol.push({ first: number, last: number })
    runs.set(protocol, ofProtocol)
  }
  return [...runs]
    .flatMap(([protocol, some]) => some.map(({ first, last }) => `${rangeText(first, last)}/${protocol}`))
    .join(', ')
}

/** -P and a change to one of its ports do not go together: from here on each port is asked for by itself. */
function explicit(config: SandboxConfig): SandboxConfig {
  if (!config.publishAll) return config
  return {
    ...config,
    publishAll: false,
    portBindings: inOrder(Object.fromEntries(wantedBindings(config))),
  }
}

function inOrder(bindings: Bindings): Bindings {
  const ports = Object.keys(bindings)
  const sorted = sortPorts(ports)
  return sorted === ports ? bindings : Object.fromEntries(sorted.map((port) => [port, bindings[port]!]))
}

/** A binding that is published is meant by what it got, another one by what it says. */
function bindingsLeft(
  bindings: readonly PortBinding[],
  meant: readonly PortBinding[],
  published: readonly PortBinding[],
): readonly PortBinding[] {
  const got = grants(bindings, published)
  return bindings.filter((binding) => !isMeant(meant, got.get(binding) ?? binding))
}

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

function publishedAt(ranges: readonly PortRange[], port: string): readonly PortBinding[] {
  return ranges.flatMap(({ protocol, first, last, hostIp, hostFirst }) => {
    const number = Number.parseInt(port, 10)
    if (hostFirst === 0 || `${number}/${protocol}` !== port || number < first || number > last) return []
    return [{ hostIp, hostPort: String(hostFirst + number - first) }]
  })
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
