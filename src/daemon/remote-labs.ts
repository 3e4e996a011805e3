/** The labs of another daemon, by its API. */

import { type IncomingMessage, request } from 'node:http'
import { createInterface } from 'node:readline'
import { text as readText } from 'node:stream/consumers'
import { failureSchema } from '../control/api/failure.ts'
import { type LabAction, labPlanSchema } from '../control/api/lab.ts'
import { progressSchema } from '../control/api/progress.ts'
import { ErrorCode, TapwireError } from '../control/errors.ts'
import type { Lab } from '../control/lab.ts'
import type { LabService } from '../control/labs/labs.ts'
import type { Steps } from '../control/labs/steps.ts'

export class RemoteLabs implements LabService {
  readonly #socket: string

  constructor(socket: string) {
    this.#socket = socket
  }

  /** Whether a daemon is there. */
  async answers(): Promise<boolean> {
    try {
      const answer = await this.#send('GET', '/version')
      answer.resume()
      return answer.statusCode === 200
    } catch {
      return false
    }
  }

  async plan(lab: Lab): Promise<readonly LabAction[]> {
    const answer = await this.#ask('PUT', `/labs/${lab.name}?dryRun=true`, lab)
    return labPlanSchema.parse(JSON.parse(await readText(answer))).actions
  }

  async up(lab: Lab, steps: Steps, signal?: AbortSignal): Promise<readonly LabAction[]> {
    return await this.#follow(await this.#ask('PUT', `/labs/${lab.name}`, lab, signal), steps)
  }

  async down(lab: string, steps: Steps, signal?: AbortSignal): Promise<void> {
    await this.#follow(await this.#ask('DELETE', `/labs/${lab}`, undefined, signal), steps)
  }

  async save(lab: string | undefined): Promise<string> {
    return await readText(await this.#ask('GET', lab === undefined ? '/file' : `/labs/${lab}/file`))
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
    throw new TapwireError(ErrorCode.daemonAnswer, 'The answer of the daemon ends too early.')
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
