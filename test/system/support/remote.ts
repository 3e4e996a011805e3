/** A process in a network namespace, which does what a test says: a program of this folder that calls `serveMethods`. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { repositoryRoot } from '../../support/repository.ts'
import type { Place } from './program.ts'
import { namespacePath, track } from './scene.ts'

/** What nothing here takes, on a machine that is busy with other tests. */
const DEADLINE_MS = 45_000

interface Answer {
  readonly id: number
  readonly result?: unknown
  readonly error?: string
}

/** The names of the methods among what a program tells of. */
type Method<M> = { [K in keyof M]: M[K] extends (...args: never[]) => unknown ? K : never }[keyof M]
type Arguments<F> = F extends (...args: infer A) => unknown ? A : never
type Result<F> = F extends (...args: never[]) => infer R ? Awaited<R> : never

export class Remote<M> {
  readonly #child: ChildProcess
  readonly #calls = new Map<number, (answer: Answer) => void>()
  #last = 0

  /** `program` is a module of this folder, without its ending. */
  constructor({ namespace }: Place, program: string) {
    const path = join(repositoryRoot, 'dist/test/system/support', `${program}.js`)
    const enter = ['nsenter', `--net=${namespacePath(namespace!)}`, '--']
    this.#child = spawn('setpriv', ['--pdeathsig', 'KILL', ...enter, process.execPath, path], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    track(this.#child)
    // What nobody will answer any more; the deadlines would keep the test's process.
    this.#child.once('disconnect', () => {
      for (const [id, answered] of this.#calls) answered({ id, error: 'ENDED' })
      this.#calls.clear()
    })
  }

  /** Resolves when it listens; to be awaited before the first call. */
  async ready(): Promise<this> {
    await once(this.#child, 'message')
    this.#child.on('message', (answer: Answer) => {
      this.#calls.get(answer.id)?.(answer)
      this.#calls.delete(answer.id)
    })
    return this
  }

  /** Rejects with the error's code where it fails over there. */
  call<K extends Method<M>>(method: K, ...args: Arguments<M[K]>): Promise<Result<M[K]>> {
    const id = ++this.#last
    const line = `${String(method)} ${JSON.stringify(args)}`
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no answer: ${line}`)), DEADLINE_MS)
      this.#calls.set(id, ({ result, error }) => {
        clearTimeout(timer)
        if (error === undefined) resolve(result as Result<M[K]>)
        else reject(new Error(error))
      })
      this.#child.send({ id, method, args })
    })
  }

  async stop(): Promise<void> {
    const gone = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await gone
  }
}
