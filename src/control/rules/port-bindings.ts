/**
 * What ports of a sandbox are bound to, as ranges:
 *
 *     3000-3009/tcp   8000-8009   each to the host port that goes with it
 *     3000-3009/tcp               each to any
 *     80/tcp          8000-8010   to the first of these that is free: for one port by itself only
 *
 * In normal form no two ranges have a port in common, and those that could be one are one.
 */

import type { PortBinding } from '../model/records.ts'
import { parsePortRange } from './port.ts'
import { rangeText } from './port-range.ts'
import { compareRuns, cutRuns, eachPort, numbersOf, type PortRun, runName, runOf } from './port-runs.ts'

export type Bindings = Readonly<Record<string, readonly PortBinding[]>>

export type HostWish =
  /** The first one at this port, the others behind it. */
  | { readonly kind: 'fixed'; readonly first: number }
  /** The one port at the first of these that is free. */
  | { readonly kind: 'choice'; readonly first: number; readonly last: number }
  /** Each at any free port. */
  | { readonly kind: 'any' }

export interface HostBinding {
  /** Empty for all addresses of the machine. */
  readonly hostIp: string
  readonly host: HostWish
}

/** Neighbouring ports of a sandbox that are bound alike. */
export interface BoundRun extends PortRun {
  readonly bindings: readonly HostBinding[]
}

/** What stands behind a port, or behind a range of them, in normal form; undefined where it does not go with the range. */
export function parseHostWish({ first, last }: PortRun, text: string): HostWish | undefined {
  if (text === '') return { kind: 'any' }
  const range = parsePortRange(text)
  if (range === undefined) return undefined
  if (range.last - range.first === last - first) return { kind: 'fixed', first: range.first }
  return first === last ? { kind: 'choice', ...range } : undefined
}

/** Bindings as they are kept, in normal form: an earlier Tapwire kept each port by itself. */
export function readBindings(bindings: Bindings): readonly BoundRun[] {
  const runs = Object.entries(bindings).map(([name, some]): BoundRun => {
    const run = runOf(name)
    return { ...run, bindings: some.map(({ hostIp, hostPort }) => ({ hostIp, host: wishOf(run, hostPort) })) }
  })
  return foldBindings(runs)
}

export function writeBindings(runs: readonly BoundRun[]): Bindings {
  return Object.fromEntries(
    runs.map((run) => [runName(run), run.bindings.map((binding) => writtenBinding(run, binding))]),
  )
}

export function writtenBinding({ first, last }: PortRun, { hostIp, host }: HostBinding): PortBinding {
  switch (host.kind) {
    case 'any':
      return { hostIp, hostPort: '' }
    case 'fixed':
      return { hostIp, hostPort: rangeText(host.first, host.first + last - first) }
    case 'choice':
      return { hostIp, hostPort: rangeText(host.first, host.last) }
  }
}

/** In normal form. Where ranges have ports in common, their bindings follow one another. */
export function uniteBindings(runs: readonly BoundRun[]): readonly BoundRun[] {
  return foldBindings(
    cutRuns(runs).map(({ covering, ...piece }) => ({
      ...piece,
      bindings: covering.flatMap((run) => bindingsFrom(run, piece.first)),
    })),
  )
}

/** Bindings of a range's part that begins with a port of it. */
export function bindingsFrom(run: BoundRun, port: number): readonly HostBinding[] {
  const distance = port - run.first
  if (distance === 0) return run.bindings
  return run.bindings.map((binding) => ({ ...binding, host: shifted(binding.host, distance) }))
}

/** Neighbours in one, in order, of ranges that have no port in common. */
export function foldBindings(runs: readonly BoundRun[]): readonly BoundRun[] {
  const latest = new Map<string, number>()
  const folded: BoundRun[] = []
  for (const run of runs.toSorted(compareRuns)) {
    const at = latest.get(run.protocol)
    const before = at === undefined ? undefined : folded[at]!
    if (before !== undefined && goesOn(before, run)) {
      folded[at!] = { ...before, last: run.last }
      continue
    }
    latest.set(run.protocol, folded.length)
    folded.push(run)
  }
  return folded
}

/** Each port by itself, in order: the only shape that Docker knows. */
export function eachBinding(bindings: Bindings): Bindings {
  const names = Object.keys(bindings)
  if (!names.some((name) => name.includes('-'))) return bindings
  const expanded = new Map<string, readonly PortBinding[]>()
  for (const run of readBindings(bindings)) {
    for (const port of numbersOf(run)) {
      const one = { protocol: run.protocol, first: port, last: port }
      expanded.set(
        runName(one),
        bindingsFrom(run, port).map((binding) => writtenBinding(one, binding)),
      )
    }
  }
  return Object.fromEntries(eachPort(names).map((name) => [name, expanded.get(name)!]))
}

function wishOf(run: PortRun, text: string): HostWish {
  return parseHostWish(run, text) ?? { kind: 'any' }
}

function shifted(host: HostWish, distance: number): HostWish {
  return host.kind === 'fixed' ? { kind: 'fixed', first: host.first + distance } : host
}

function goesOn(before: BoundRun, run: BoundRun): boolean {
  if (before.last + 1 !== run.first || before.bindings.length !== run.bindings.length) return false
  const distance = run.first - before.first
  return before.bindings.every(({ hostIp, host }, index) => {
    const other = run.bindings[index]!
    if (hostIp !== other.hostIp || host.kind !== other.host.kind) return false
    // A choice is of one port by itself.
    if (host.kind === 'fixed' && other.host.kind === 'fixed')
      return host.first + distance === other.host.first
    return host.kind === 'any'
  })
}
