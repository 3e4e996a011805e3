/** Ports of a sandbox as runs without a gap: `80/tcp` and `3000-12999/tcp`. Ten thousand ports cost no more than one. */

import { comparePorts, type PortProtocol, parsePortRange, parseProtocol } from './port.ts'
import { rangeText } from './port-range.ts'

export interface PortRun {
  readonly protocol: PortProtocol
  readonly first: number
  readonly last: number
}

/** A part of some runs that all begin and end alike in it: what covers it, in the order in which they were given. */
export interface PortPiece<T extends PortRun> extends PortRun {
  readonly covering: readonly T[]
}

/** Undefined if it is no such thing. Throws PORT_INVALID for a protocol that is none. */
export function parseRun(text: string): PortRun | undefined {
  const { ports, protocol } = parseProtocol(text)
  const range = parsePortRange(ports)
  return range === undefined || range.first === 0 ? undefined : { protocol, ...range }
}

/** Whether a text is in normal form, whoever wrote it. */
export function isRunName(text: string): boolean {
  const run = /\/(tcp|udp|sctp)$/.test(text) ? parseRun(text) : undefined
  return run !== undefined && runName(run) === text
}

/** Of a text in normal form. */
export function runOf(text: string): PortRun {
  return parseRun(text)!
}

export function runName({ first, last, protocol }: PortRun): string {
  return `${rangeText(first, last)}/${protocol}`
}

/** By number, and those of one number by protocol. */
export function compareRuns(a: PortRun, b: PortRun): number {
  return a.first - b.first || (a.protocol < b.protocol ? -1 : Number(a.protocol !== b.protocol))
}

/** The same ports in as few runs as can be, in order. */
export function mergeRuns(runs: readonly PortRun[]): readonly PortRun[] {
  const latest = new Map<PortProtocol, { readonly protocol: PortProtocol; first: number; last: number }>()
  const merged: PortRun[] = []
  for (const run of runs.toSorted(compareRuns)) {
    const before = latest.get(run.protocol)
    if (before !== undefined && run.first <= before.last + 1) {
      before.last = Math.max(before.last, run.last)
      continue
    }
    const next = { ...run }
    latest.set(run.protocol, next)
    merged.push(next)
  }
  return merged
}

/** Texts in normal form, and theirs. */
export function mergePorts(ports: Iterable<string>): readonly string[] {
  return mergeRuns([...ports].map(runOf)).map(runName)
}

/** Each port by itself, in order. */
export function eachPort(ports: readonly string[]): readonly string[] {
  const runs = ports.map(runOf)
  const names = runs.flatMap((run) => numbersOf(run).map((number) => `${number}/${run.protocol}`))
  const inOrder = runs.every((run, index) => index === 0 || runs[index - 1]!.last < run.first)
  return inOrder ? names : names.sort(comparePorts)
}

export function numbersOf({ first, last }: PortRun): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
}

/**
 * Cuts wherever one of the runs begins or ends; in order.
 *
 *     a   ├──────────┤            80-89
 *     b         ├──────────┤      85-94
 *         ├─ a ─┼─ a b ─┼─ b ─┤   80-84, 85-89, 90-94
 */
export function cutRuns<T extends PortRun>(runs: readonly T[]): readonly PortPiece<T>[] {
  const protocols = [...new Set(runs.map(({ protocol }) => protocol))]
  return protocols.flatMap((protocol) => cutOf(protocol, runs)).sort(compareRuns)
}

function cutOf<T extends PortRun>(protocol: PortProtocol, all: readonly T[]): PortPiece<T>[] {
  const runs = all.filter((run) => run.protocol === protocol)
  const cuts = [...new Set(runs.flatMap(({ first, last }) => [first, last + 1]))].sort((a, b) => a - b)
  const entering = runs.map((run, index) => ({ run, index })).sort((a, b) => a.run.first - b.run.first)
  const pieces: PortPiece<T>[] = []
  let inside: { readonly run: T; readonly index: number }[] = []
  let next = 0
  for (const [at, first] of cuts.entries()) {
    inside = inside.filter(({ run }) => run.last >= first)
    for (; next < entering.length && entering[next]!.run.first === first; next++) inside.push(entering[next]!)
    if (inside.length === 0) continue
    inside.sort((a, b) => a.index - b.index)
    pieces.push({ protocol, first, last: cuts[at + 1]! - 1, covering: inside.map(({ run }) => run) })
  }
  return pieces
}
