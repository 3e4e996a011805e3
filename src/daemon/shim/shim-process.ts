/** Starting a shim, and understanding its answer: native/shim/README.md, "Starting it". */

import { type ChildProcess, spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { ErrorCode, TapwireError } from '../../control/errors.ts'
import { SHIM_ANSWER_MAX, SHIM_TIMEOUT_MS } from '../../limits.ts'
import { killProcess } from './holder.ts'

export const SHIM_PATH =
  process.env['TAPWIRE_SHIM'] ?? fileURLToPath(new URL('../../../../build/tapwire-shim', import.meta.url))

export interface ShimOptions {
  readonly directory: string
  readonly hostname: string
  /** `own`, `host`, or the path of a network namespace. */
  readonly network: string
  /** SOURCE:TARGET */
  readonly binds: readonly string[]
}

export interface StartedShim {
  readonly pid: number
  /** What is not as it should be, but was not worth a failure. */
  readonly warnings: readonly string[]
}

/** Resolves when the namespaces are there and the shim listens. Throws SANDBOX_START, and then nothing of it is left. */
export async function startShim(program: string, options: ShimOptions): Promise<StartedShim> {
  const { directory, hostname, network, binds } = options
  const args = ['hold', '--directory', directory, '--hostname', hostname, '--network', network]
  const child = spawn(program, [...args, ...binds.flatMap((bind) => ['--bind', bind])], {
    stdio: ['ignore', 'pipe', 'ignore'],
    cwd: '/',
    detached: true,
  })
  const timer = setTimeout(() => child.pid && killProcess(child.pid), SHIM_TIMEOUT_MS)
  try {
    const lines = (await answerOf(child)).split('\n')
    const ready = lines.find((line) => line.startsWith('ready '))
    if (ready === undefined) throw notStarted(lines.find((line) => line.startsWith('failed ')))
    // It outlives us; nothing here waits for it.
    child.unref()
    return { pid: Number(ready.slice('ready '.length)), warnings: warningsOf(lines) }
  } finally {
    clearTimeout(timer)
  }
}

const warningsOf = (lines: readonly string[]): string[] =>
  lines.flatMap((line) => (line.startsWith('warning ') ? [line.slice('warning '.length)] : []))

/** All that it prints, until it closes its standard output. */
async function answerOf(child: ChildProcess): Promise<string> {
  let failure: Error | undefined
  child.once('error', (error) => {
    failure = error
  })
  const answer = child.stdout === null ? '' : await textOf(child.stdout)
  if (failure !== undefined) {
    throw new TapwireError(ErrorCode.sandboxStart, `The shim could not be started: ${failure.message}`, {
      hint: 'npm run setup builds it.',
      cause: failure,
    })
  }
  return answer
}

async function textOf(stream: Readable): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length <= SHIM_ANSWER_MAX) chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

/** `failed make-network 1 Operation not permitted` */
function notStarted(line: string | undefined): TapwireError {
  const [, step, , reason] = /^failed (\S+) (\d+) (.*)$/.exec(line ?? '') ?? []
  return new TapwireError(
    ErrorCode.sandboxStart,
    step === undefined
      ? 'The shim ended before its namespaces were there.'
      : `The sandbox could not be made: ${step}: ${reason}`,
  )
}
