/**
 * The filters of lists. Values of one filter are alternatives, but a candidate has to have all of the labels; and it has to pass every
 * filter. The texts for what is no filter are Docker's.
 */

import type { Filters } from '../control-plane.ts'
import { ErrorCode, TapwireError } from '../errors.ts'
import type { NetworkRecord, SandboxRecord } from '../model/records.ts'
import { BUILT_IN_NETWORKS, printable } from '../rules/names.ts'
import { parseInteger } from '../rules/option-values.ts'
import { recordedRanges } from '../rules/port-range.ts'
import { type PortRun, runOf } from '../rules/port-runs.ts'
import { parseExposed } from '../rules/publish.ts'

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

export interface SandboxFilterContext {
  /** A network's name by its id. */
  networkName(id: string): string | undefined
  /** For before and since. Throws SANDBOX_UNKNOWN. */
  findSandbox(reference: string): SandboxRecord
}

/** id, name, label, status, network, exited, before, since, publish, expose. Throws FILTER_INVALID and SANDBOX_UNKNOWN. */
export function sandboxFilter(filters: Filters, context: SandboxFilterContext): Test<SandboxRecord> {
  // Times with nanoseconds in UTC: their texts have the order of the times, and a Date has only milliseconds.
  const created = (reference: string) => context.findSandbox(reference).created
  return conjunction(filters, {
    id: (values) => (sandbox) => values.some((value) => matches(value, sandbox.id)),
    name: (values) => (sandbox) => {
      return values.some((value) => matches(value, sandbox.name) || matches(value, `/${sandbox.name}`))
    },
    label: (values) => (sandbox) => hasLabels(sandbox.config.labels, values),
    status: sandboxStatus,
    exited: sandboxExit,
    network: (values) => (sandbox) =>
      sandbox.endpoints.some(({ network }) => {
        return values.includes(network) || values.includes(context.networkName(network) ?? '')
      }),
    before: (values) => {
      const ends = values.map(created)
      return (sandbox) => ends.some((end) => sandbox.created < end)
    },
    since: (values) => {
      const starts = values.map(created)
      return (sandbox) => starts.some((start) => sandbox.created > start)
    },
    publish: portFilter('publish', publishedPorts),
    expose: portFilter('expose', (sandbox) => sandbox.config.exposedPorts.map(runOf)),
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
  const wrong = values.find((value) => value !== 'custom' && value !== 'builtin')
  if (wrong !== undefined) throw invalid(`invalid filter: 'type'='${printable(wrong)}'`)
  return (network) => values.includes(isBuiltIn(network) ? 'builtin' : 'custom')
}

function isBuiltIn(network: NetworkRecord): boolean {
  return BUILT_IN_NETWORKS.some((name) => name === network.name)
}

/** Those of Docker's that no sandbox ever has are good to ask for, and fit none. */
const STATUSES = ['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead'] as const

function sandboxStatus(values: readonly string[]): Test<SandboxRecord> {
  const wrong = values.find((value) => !STATUSES.some((status) => status === value))
  if (wrong !== undefined) {
    const shown = printable(wrong)
    throw invalid(
      `invalid filter 'status=${shown}': invalid value for state (${shown}): must be one of ${STATUSES.join(', ')}`,
    )
  }
  return (sandbox) => values.includes(sandbox.state.status)
}

function sandboxExit(values: readonly string[]): Test<SandboxRecord> {
  const codes = new Set(values.map(exitCode))
  return ({ state }) => state.status === 'exited' && codes.has(state.exitCode)
}

function exitCode(text: string): number {
  const code = parseInteger(text)
  if (code !== undefined) return code
  throw invalid(
    `invalid filter 'exited=${printable(text)}': strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`,
  )
}

/** Takes `80`, `80/udp` and `80-90/tcp`. */
function portFilter(
  filter: string,
  portsOf: (sandbox: SandboxRecord) => readonly PortRun[],
): (values: readonly string[]) => Test<SandboxRecord> {
  return (values) => {
    const wanted = values.map((value) => portsWanted(filter, value))
    const isWanted = ({ protocol, first, last }: PortRun): boolean =>
      wanted.some((ports) => ports.protocol === protocol && ports.first <= last && first <= ports.last)
    return (sandbox) => portsOf(sandbox).some(isWanted)
  }
}

function portsWanted(filter: string, value: string): PortRun {
  try {
    return parseExposed(value)
  } catch (error) {
    if (!(error instanceof TapwireError)) throw error
    throw invalid(`invalid filter '${filter}=${printable(value)}'`)
  }
}

/** The ports of the machine, and not those of the sandbox behind them. */
function publishedPorts(sandbox: SandboxRecord): readonly PortRun[] {
  return recordedRanges(sandbox.ports).flatMap(({ protocol, first, last, hostFirst }) =>
    hostFirst === 0 ? [] : [{ protocol, first: hostFirst, last: hostFirst + last - first }],
  )
}

function booleanFilter(filter: string, values: readonly string[]): boolean {
  const [first, ...others] = values
  const agreed = others.every((other) => other === first)
  if (agreed && (first === 'true' || first === '1')) return true
  if (agreed && (first === 'false' || first === '0')) return false
  throw invalid(`invalid value for filter '${filter}', must be "true" (or "1"), or "false" (or "0")`)
}
