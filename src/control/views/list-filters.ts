/**
 * The filters of lists. Values of one filter are alternatives, but a candidate has to have all of the labels; and it has to pass every
 * filter. The texts for what is no filter are Docker's.
 */

import type { Filters } from '../control-plane.ts'
import { ErrorCode, TapwireError } from '../errors.ts'
import type { NetworkRecord, SandboxRecord } from '../model/records.ts'
import { BUILT_IN_NETWORKS, printable } from '../rules/names.ts'
import { parseBoolean } from '../rules/option-values.ts'

type Test<T> = (candidate: T) => boolean
type Tests<T> = Readonly<Record<string, (values: readonly string[]) => Test<T>>>

/** driver, id, label, name, scope, type (custom, builtin), dangling. Throws FILTER_INVALID. */
export function networkFilter(
  filters: Filters,
  /** Whether a sandbox has joined the network (by its id). */
  inUse: (network: string) => boolean,
): Test<NetworkRecord> {
  return conjunction(filters, {
    driver: (values) => (network) => values.includes(network.driver),
    scope: (values) => (network) => values.includes(network.scope),
    id: (values) => (network) => values.some((value) => matches(value, network.id)),
    name: (values) => (network) => values.some((value) => matches(value, network.name)),
    label: (values) => (network) => hasLabels(network.labels, values),
    type: networkType,
    dangling: (values) => {
      const wanted = booleanFilter('dangling', values)
      return (network) => wanted === (!isBuiltIn(network) && !inUse(network.id))
    },
  })
}

/** id, name, label, status, network, exited. `networkName` gives a network's name by its id. Throws FILTER_INVALID. */
export function sandboxFilter(
  filters: Filters,
  networkName: (id: string) => string | undefined,
): Test<SandboxRecord> {
  return conjunction(filters, {
    id: (values) => (sandbox) => values.some((value) => matches(value, sandbox.id)),
    name: (values) => (sandbox) => {
      return values.some((value) => matches(value, sandbox.name) || matches(value, `/${sandbox.name}`))
    },
    label: (values) => (sandbox) => hasLabels(sandbox.config.labels, values),
    status: sandboxStatus,
    exited: sandboxExit,
    network: (values) => (sandbox) =>
      sandbox.endpoints.some(
        ({ network }) => values.includes(network) || values.includes(networkName(network) ?? ''),
      ),
  })
}

/** Whether the filters ask for sandboxes that do not run, which a list has only where it is asked for them. */
export function asksForStopped(filters: Filters): boolean {
  return [filters['status'], filters['exited']].some((values) => values !== undefined && values.length > 0)
}

/** All of `key` or `key=value`. */
export function hasLabels(labels: Readonly<Record<string, string>>, wanted: readonly string[]): boolean {
  return wanted.every((label) => {
    const [key = '', ...value] = label.split('=')
    if (!Object.hasOwn(labels, key)) return false
    return value.length === 0 || labels[key] === value.join('=')
  })
}

/** Throws FILTER_INVALID for a filter that `tests` does not have. A filter without values lets everything through. */
export function conjunction<T>(filters: Filters, tests: Tests<T>): Test<T> {
  const passed: Test<T>[] = []
  for (const [name, values] of Object.entries(filters)) {
    const test = Object.hasOwn(tests, name) ? tests[name] : undefined
    if (test === undefined) throw invalid(`invalid filter '${printable(name)}'`)
    if (values.length > 0) passed.push(test(values))
  }
  return (candidate) => passed.every((test) => test(candidate))
}

export function invalidValue(filter: string, values: readonly string[]): TapwireError {
  return invalid(`invalid filter '${filter}=[${values.map(printable).join(' ')}]'`)
}

export function invalid(message: string): TapwireError {
  return new TapwireError(ErrorCode.filterInvalid, message)
}

/**
 * Whether the text has the pattern in it: `^` ties it to the text's beginning and `$` to its end, `.*` stands for anything, and all else for
 * itself. Docker takes a regular expression here; ours would let a client keep the daemon busy with one that backtracks.
 */
function matches(pattern: string, text: string): boolean {
  const [, start, middle = '', end] = /^(\^)?(.*?)(\$)?$/s.exec(pattern)!
  const pieces = middle.split('.*')
  const last = pieces.pop()!
  let at = 0
  for (const [index, piece] of pieces.entries()) {
    const found = text.indexOf(piece, at)
    if (found === -1 || (index === 0 && start !== undefined && found !== 0)) return false
    at = found + piece.length
  }
  const tied = start !== undefined && pieces.length === 0
  if (end === undefined) return tied ? text.startsWith(last) : text.includes(last, at)
  if (tied) return text === last
  return text.length - last.length >= at && text.endsWith(last)
}

function networkType(values: readonly string[]): Test<NetworkRecord> {
  if (!values.every((value) => value === 'custom' || value === 'builtin')) throw invalidValue('type', values)
  return (network) => values.includes(isBuiltIn(network) ? 'builtin' : 'custom')
}

function isBuiltIn(network: NetworkRecord): boolean {
  return BUILT_IN_NETWORKS.some((name) => name === network.name)
}

/** Those of Docker's that no sandbox ever has are good to ask for, and fit none. */
const STATUSES = new Set(['created', 'restarting', 'running', 'removing', 'paused', 'exited', 'dead'])

function sandboxStatus(values: readonly string[]): Test<SandboxRecord> {
  if (!values.every((value) => STATUSES.has(value))) throw invalidValue('status', values)
  return (sandbox) => values.includes(sandbox.state.status)
}

function sandboxExit(values: readonly string[]): Test<SandboxRecord> {
  if (!values.every((value) => /^\d{1,3}$/.test(value))) throw invalidValue('exited', values)
  const codes = new Set(values.map(Number))
  return ({ state }) => state.status === 'exited' && codes.has(state.exitCode)
}

function booleanFilter(filter: string, values: readonly string[]): boolean {
  const [first, ...others] = values.map(parseBoolean)
  if (first === undefined || others.some((other) => other !== first)) throw invalidValue(filter, values)
  return first
}
