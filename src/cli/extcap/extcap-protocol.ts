/** Answers Wireshark as an external capture program (Wireshark Developer's Guide, "Extcap: Developer Reference"). */

import { statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { CaptureOptions } from '../../control/api/capture.ts'
import { CAPTURE_POINTS, type CapturePoint } from '../../control/capture-points.ts'
import { CAPTURE_SNAP_LENGTH_MAX } from '../../limits.ts'
import { type ApiClient, apiClientOfRunning } from '../api-client.ts'
import type { Cli } from '../cli.ts'
import { usage } from '../options.ts'
import { ownVersion } from '../program.ts'
import type { ExtcapArguments } from './extcap-arguments.ts'
import { configOf, LINK_TYPES, reloadedValues } from './extcap-config.ts'
import { extcapInterfaces, networkNames, placeOf, sandboxNames } from './extcap-interfaces.ts'

/** Throws USAGE, and what ApiClient throws. */
export async function answerWireshark(cli: Cli, given: ExtcapArguments): Promise<void> {
  const socket = given.value('socket')
  if (socket !== undefined && socket !== '') cli.globals = { socket }
  const api = apiClientOfRunning(cli)
  if (given.has('extcap-interfaces')) return cli.stdout.write(await interfacesText(api)) as void
  if (given.has('capture')) return await capture(cli, api, given)
  const place = placeOf(given.required('extcap-interface'))
  const option = given.value('extcap-reload-option')
  const filter = given.value('extcap-capture-filter')
  if (given.has('extcap-dlts')) cli.stdout.write(LINK_TYPES)
  else if (given.has('extcap-config')) {
    cli.stdout.write(option === undefined ? await configOf(api, place) : await reloadedValues(api, option))
  } else if (filter !== undefined) cli.stdout.write(await filterMistake(api, filter))
  else throw usage('What is wanted of the interface is not said.')
}

async function interfacesText(api: ApiClient): Promise<string> {
  const help = new URL('../../../../docs/captures.md', import.meta.url)
  const page =
    statSync(fileURLToPath(help), { throwIfNoEntry: false }) === undefined ? '' : `{help=${help.href}}`
  const lines = (await extcapInterfaces(api)).map(
    ({ value, display }) => `interface {value=${value}}{display=${display}}\n`,
  )
  return `extcap {version=${ownVersion()}}{display=Tapwire}${page}\n${lines.join('')}`
}

/** Empty where there is none: that is how Wireshark wants it. Of several lines it shows the first one. */
async function filterMistake(api: ApiClient, text: string): Promise<string> {
  const { compileFilter } = await import('../../inspect/filter/compile-filter.ts')
  const { FilterError } = await import('../../inspect/filter/filter-error.ts')
  const known = await Promise.all([networkNames(api), sandboxNames(api)]).catch(() => undefined)
  const names = new Set(known && [...known[0].map((name) => `gateway.${name}`), ...known[1]])
  try {
    // Of names it only counts whether there are such; without a daemon all may be right.
    compileFilter(text, (name) => (known === undefined || names.has(name) ? ['0.0.0.0'] : []))
    return ''
  } catch (error) {
    if (!(error instanceof FilterError)) throw error
    return `${error.message}${error.hint === undefined ? '' : ` (${error.hint})`}\n`
  }
}

/** Ends when Wireshark does no longer read, or by its signal. */
async function capture(cli: Cli, api: ApiClient, given: ExtcapArguments): Promise<void> {
  const { FifoOutput } = await import('../capture/fifo-output.ts')
  const { runCapture } = await import('../capture/run-capture.ts')
  const { CaptureTally } = await import('../capture/whole-blocks.ts')
  const request = requestOf(given)
  const fifo = given.required('fifo')
  // First of all: who reads it waits until it ends, also where nothing can be captured.
  const output = await untilSignal(cli, (signal) => FifoOutput.open(fifo, signal))
  if (output === undefined) return
  try {
    await runCapture(cli, { api, request, tally: new CaptureTally(), open: () => output })
  } catch (error) {
    // Before the pipe ends: Wireshark shows what has been told by then.
    const { reportError } = await import('../error-report.ts')
    cli.exitCode = reportError(cli, error)
  } finally {
    output.close()
  }
}

/** A Wireshark that was killed opens no pipe any more, and ends nobody. */
const LOOK_AFTER_PARENT_MS = 1000

/** Undefined where a signal comes before, or who has called has gone. */
async function untilSignal<T>(cli: Cli, action: (signal: AbortSignal) => Promise<T>): Promise<T | undefined> {
  const coming = new AbortController()
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid !== parent) coming.abort()
  }, LOOK_AFTER_PARENT_MS)
  const forget = cli.onInterrupt(() => coming.abort())
  try {
    return await action(coming.signal)
  } catch (error) {
    if (!coming.signal.aborted) throw error
    return undefined
  } finally {
    clearInterval(timer)
    forget()
  }
}

function requestOf(given: ExtcapArguments): CaptureOptions {
  const place = placeOf(given.required('extcap-interface'))
  const chosen = given.value('place') ?? ''
  const snapLength = Number(given.value('snaplen') || 0)
  if (!Number.isInteger(snapLength) || snapLength < 0 || snapLength > CAPTURE_SNAP_LENGTH_MAX) {
    throw usage(`--snaplen must be from 0 to ${CAPTURE_SNAP_LENGTH_MAX}`)
  }
  return {
    places: [place === 'any' && chosen !== '' ? chosen : place],
    point: pointOf(given.value('point') || 'both'),
    filter: bothFilters(given.value('extcap-capture-filter') ?? '', given.value('filter') ?? ''),
    snapLength,
    drops: given.has('drops'),
    raw: given.has('raw'),
  }
}

function pointOf(text: string): CapturePoint {
  const point = CAPTURE_POINTS.find((one) => one === text)
  if (point === undefined) throw usage(`--point must be one of ${CAPTURE_POINTS.join(', ')}`)
  return point
}

/** Wireshark's own field for a filter, and the one of the dialog. */
function bothFilters(one: string, other: string): string {
  if (one.trim() === '' || other.trim() === '') return one.trim() + other.trim()
  return `(${one}) and (${other})`
}
