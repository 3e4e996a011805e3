/** A process with sockets in a network namespace, which does what a test says. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { repositoryRoot } from '../../support/repository.ts'
import type { Place } from './program.ts'
import { namespacePath, track } from './scene.ts'
import type { StationMethods } from './station-program.ts'

const PROGRAM = join(repositoryRoot, 'dist/test/system/support/station-program.js')

/** What nothing here takes, on a machine that is busy with other tests. */
const DEADLINE_MS = 45_000

interface Answer {
  readonly id: number
  readonly result?: unknown
  readonly error?: string
}

export class Station {
  readonly #child: ChildProcess
  readonly #calls = new Map<number, (answer: Answer) => void>()
  #last = 0

  static async start(place: Place): Promise<Station> {
    const station = new Station(place)
    await once(station.#child, 'message')
    station.#child.on('message', (answer: Answer) => {
      station.#calls.get(answer.id)?.(answer)
      station.#calls.delete(answer.id)
    })
    return station
  }

  private constructor({ namespace }: Place) {
    const enter = ['nsenter', `--net=${namespacePath(namespace!)}`, '--']
    this.#child = spawn('setpriv', ['--pdeathsig', 'KILL', ...enter, process.execPath, PROGRAM], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    track(this.#child)
  }

  /** Rejects with the error's code where it fails over there. */
  call<M extends keyof StationMethods>(
    method: M,
    ...args: Parameters<StationMethods[M]>
  ): Promise<Awaited<ReturnType<StationMethods[M]>>> {
    const id = ++this.#last
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error(`no answer: ${method} ${args.join(' ')}`))
      }, DEADLINE_MS)
      this.#calls.set(id, ({ result, error }) => {
        clearTimeout(timer)
        if (error === undefined) resolve(result as Awaited<ReturnType<StationMethods[M]>>)
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
