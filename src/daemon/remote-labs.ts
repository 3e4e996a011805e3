/** The labs of another daemon, by its API. */

import { type IncomingMessage, request } from 'node:http'
import { createInterface } from 'node:readline'
import { text as readText } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { failureSchema } from '../control/api/failure.ts'
import { type LabAction, labPlanSchema } from '../control/api/lab.ts'
import type { Impairment } from '../control/api/link.ts'
import { progressSchema } from '../control/api/progress.ts'
import { uplinkSchema } from '../control/api/uplink.ts'
import { ErrorCode, TapwireError } from '../control/errors.ts'
import type { Lab } from '../control/lab.ts'
import type { DaemonLabs } from '../control/labs/labs.ts'
import type { Steps } from '../control/labs/steps.ts'
import { HOST_PROBE_INTERVAL_MS, HOST_PROBE_TIMEOUT_MS } from '../limits.ts'

export interface RemoteLabsOptions {
  readonly socket: string
  /** As messages name the daemon: `host 'left'`. */
  readonly name: string
  readonly probeIntervalMs?: number
  readonly probeTimeoutMs?: number
}

/**
 * All methods throw DAEMON_UNREACHABLE where the daemon is not there, goes away, or hangs: what it does may take long, and so
 * it is looked all the while whether it answers at all.
 */
export class RemoteLabs implements DaemonLabs {
  readonly #socket: string
  readonly #name: string
  readonly #probeIntervalMs: number
  readonly #probeTimeoutMs: number

  constructor({
    socket,
    name,
    probeIntervalMs = HOST_PROBE_INTERVAL_MS,
    probeTimeoutMs = HOST_PROBE_TIMEOUT_MS,
  }: RemoteLabsOptions) {
    this.#socket = socket
    this.#name = name
    this.#probeIntervalMs = probeIntervalMs
    this.#probeTimeoutMs = probeTimeoutMs
  }

  /** Whether a daemon is there, and says so within `timeoutMs`. */
  async answers(timeoutMs: number = this.#probeTimeoutMs, signal?: AbortSignal): Promise<boolean> {
    try {
      const answer = await this.#send(
        'GET',
        '/version',
        undefined,
        either(AbortSignal.timeout(timeoutMs), signal),
      )
      answer.resume()
      return answer.statusCode === 200
    } catch {
      return false
    }
  }

  plan(lab: Lab): Promise<readonly LabAction[]> {
    return this.#watched(undefined, async (signal) => {
      const answer = await this.#ask('PUT', `/labs/${lab.name}?dryRun=true`, lab, signal)
      return labPlanSchema.parse(JSON.parse(await readText(answer))).actions
    })
  }

  up(lab: Lab, steps: Steps, signal?: AbortSignal): Promise<readonly LabAction[]> {
    return this.#watched(signal, async (either) =>
      this.#follow(await this.#ask('PUT', `/labs/${lab.name}`, lab, either), steps),
    )
  }

  down(lab: string, steps: Steps, signal?: AbortSignal): Promise<void> {
    return this.#watched(signal, async (either) => {
      await this.#follow(await this.#ask('DELETE', `/labs/${lab}`, undefined, either), steps)
    })
  }

  save(lab: string | undefined): Promise<string> {
    return this.#watched(undefined, async (signal) =>
      readText(await this.#ask('GET', lab === undefined ? '/file' : `/labs/${lab}/file`, undefined, signal)),
    )
  }

  uplinkLink(): Promise<Impairment | undefined> {
    return this.#watched(undefined, async (signal) => {
      const answer = await this.#ask('GET', '/uplink', undefined, signal)
      return uplinkSchema.parse(JSON.parse(await readText(answer))).Impairment
    })
  }

  /** Does `request` as long as the daemon answers beside it. */
  async #watched<T>(
    signal: AbortSignal | undefined,
    request: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const silent = new AbortController()
    const over = new AbortController()
    const watch = this.#watch(silent, over.signal)
    try {
      return await request(either(silent.signal, signal))
    } catch (cause) {
      if (cause instanceof TapwireError) throw cause
      if (signal?.aborted === true) throw new TapwireError(ErrorCode.interrupted, 'Interrupted.', { cause })
      throw new TapwireError(
        ErrorCode.daemonUnreachable,
        silent.signal.aborted
          ? `The daemon of ${this.#name} no longer answers.`
          : `The daemon of ${this.#name} has hung up.`,
        { cause },
      )
    } finally {
      over.abort()
      await watch
    }
  }

  async #watch(silent: AbortController, over: AbortSignal): Promise<void> {
    for (;;) {
      // Rejects where the request is over.
      const isOver = await delay(this.#probeIntervalMs, false, { signal: over }).catch(() => true)
      if (isOver) return
      if (await this.answers(this.#probeTimeoutMs, over)) continue
      if (!over.aborted) silent.abort()
      return
    }
  }

  /** Each step there is a step here, from its first line to its last. */
  async #follow(answer: IncomingMessage, steps: Steps): Promise<readonly LabAction[]> {
    const running = new Map<string, (state: 'done' | 'failed', detail: string | undefined) => void>()
    for await (const line of createInterface({ input: answer, crlfDelay: Number.POSITIVE_INFINITY })) {
      const progress = progressSchema.parse(JSON.parse(line))
      if ('ready' in progress) return progress.actions ?? []
      if ('failed' in progress) throw failure(progress.failed)
      const { step, state, detail } = progress
      if (state === 'start') void steps.step(step, () => stepEnd(running, step)).catch(() => undefined)
      else running.get(step)?.(state, detail)
    }
    throw new TapwireError(ErrorCode.daemonUnreachable, `The daemon of ${this.#name} has hung up.`)
  }

  async #ask(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<IncomingMessage> {
    const answer = await this.#send(method, path, body, signal)
    if (answer.statusCode === 200) return answer
    throw failure(failureSchema.parse(JSON.parse(await readText(answer))))
  }

  #send(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<IncomingMessage> {
    const text = body === undefined ? undefined : JSON.stringify(body)
    return new Promise((resolve, reject) => {
      const options = {
        socketPath: this.#socket,
        method,
        path,
        agent: false,
        ...(signal === undefined ? undefined : { signal }),
        ...(text === undefined
          ? undefined
          : { headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) } }),
      }
      request(options, resolve).on('error', reject).end(text)
    })
  }
}

function either(signal: AbortSignal, other: AbortSignal | undefined): AbortSignal {
  return other === undefined ? signal : AbortSignal.any([signal, other])
}

function stepEnd(
  running: Map<string, (state: 'done' | 'failed', detail: string | undefined) => void>,
  step: string,
): Promise<string | void> {
  return new Promise((resolve, reject) => {
    running.set(step, (state, detail) =>
      state === 'done' ? resolve(detail) : reject(new Error(`${step} failed`)),
    )
  })
}

function failure({
  code,
  message,
  hint,
}: {
  code: string
  message: string
  hint?: string | undefined
}): TapwireError {
  return new TapwireError(code, message, { hint })
}
