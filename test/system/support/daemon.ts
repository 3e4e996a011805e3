/** The daemon of a lab, as `tapwire up` starts it, and its API. */

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import {
  type Failure,
  type Fdb,
  fdbSchema,
  type LabStatus,
  labStatusSchema,
  type Progress,
  progressSchema,
  type Stats,
  statsSchema,
} from '../../../src/control/api.ts'
import type { Lab } from '../../../src/control/lab.ts'
import { type LabPaths, labPaths } from '../../../src/control/run-directory.ts'
import { namespaceName } from '../../../src/daemon/namespace.ts'
import { repositoryRoot } from '../../support/repository.ts'
import { attempt, type Outcome, type Place, Program, run } from './program.ts'
import { newFolder } from './scene.ts'
import { until } from './until.ts'

const MAIN = join(repositoryRoot, 'dist/src/daemon/main.js')

export type Backend = 'io_uring' | 'epoll'

export interface DaemonOptions {
  readonly io?: Backend
  /** A new folder unless given. */
  readonly run?: string
  readonly environment?: NodeJS.ProcessEnv
  /** A FIFO that is the daemon's standard input: the lab belongs to whoever has it open, which is this process. */
  readonly attachedTo?: string
  /** A shell script that ends in `exec "$@"`: changes the daemon's mounts, which are its own then, before it starts. */
  readonly prelude?: string
}

export class Daemon {
  readonly lab: Lab
  readonly run: string
  readonly paths: LabPaths
  readonly program: Program
  /** Where this process finds the files that the daemon sees. */
  readonly #root: string
  readonly #input: Promise<FileHandle> | undefined

  constructor(lab: Lab, options: DaemonOptions = {}) {
    this.lab = lab
    this.run = options.run ?? newFolder()
    this.paths = labPaths(this.run, lab.name)
    const labFile = join(newFolder(), 'lab.json')
    writeFileSync(labFile, JSON.stringify(lab))
    const io = options.io === undefined ? [] : ['--io', options.io]
    const command = [process.execPath, MAIN, '--lab-json', labFile, '--run', this.run, ...io]
    if (options.attachedTo !== undefined) {
      command.push('--attached')
      command.unshift('sh', '-c', 'exec "$@" <"$0"', options.attachedTo)
      this.#input = open(options.attachedTo, 'w')
    }
    const line =
      options.prelude === undefined
        ? command
        : ['unshare', '--mount', 'sh', '-ec', options.prelude, 'sh', ...command]
    const place = options.environment === undefined ? {} : { environment: options.environment }
    this.program = new Program(place, line[0]!, ...line.slice(1))
    this.#root = options.prelude === undefined ? '' : `/proc/${this.pid}/root`
  }

  /** Closes the standard input of an attached daemon. */
  async release(): Promise<void> {
    await (await this.#input)?.close()
  }

  /** A daemon whose lab is up. */
  static async up(lab: Lab, options: DaemonOptions = {}): Promise<Daemon> {
    const daemon = new Daemon(lab, options)
    await daemon.ready()
    return daemon
  }

  /** Removes what a dead daemon left, as `tapwire down` has it done. */
  static cleanUp(directory: string, lab: string): Promise<Outcome> {
    return attempt({}, process.execPath, MAIN, '--cleanup', '--run', directory, '--lab', lab)
  }

  async ready(): Promise<void> {
    await this.program.printed(/^\{"(ready|failed)"/m)
    assert.equal(this.failure, undefined)
  }

  get progress(): Progress[] {
    return this.program.output
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => progressSchema.parse(JSON.parse(line)))
  }

  /** Why the lab did not come up. */
  get failure(): Failure | undefined {
    const last = this.progress.at(-1)
    return last !== undefined && 'failed' in last ? last.failed : undefined
  }

  get pid(): number {
    return this.program.pid
  }

  /** The name of a sandbox's namespace. */
  namespace(sandbox: string): string {
    return namespaceName(this.lab.name, sandbox)
  }

  place(sandbox: string): Place {
    return { namespace: this.namespace(sandbox), root: this.#root }
  }

  /** Runs a program in a sandbox to its end; resolves to its output, rejects where it fails. */
  exec(sandbox: string, program: string, ...args: readonly string[]): Promise<string> {
    return run(this.place(sandbox), program, ...args)
  }

  /** An IPv4 address of a sandbox. */
  address(sandbox: string, index = 0): string {
    return this.lab.sandboxes.find(({ name }) => name === sandbox)!.endpoints[index]!.address!
  }

  mac(sandbox: string, index = 0): string {
    return this.lab.sandboxes.find(({ name }) => name === sandbox)!.endpoints[index]!.mac!
  }

  async status(): Promise<LabStatus> {
    return labStatusSchema.parse(await this.#ask('GET', '/lab'))
  }

  async fdb(): Promise<Fdb> {
    return fdbSchema.parse(await this.#ask('GET', '/fdb'))
  }

  async stats(): Promise<Stats> {
    return statsSchema.parse(await this.#ask('GET', '/stats'))
  }

  /** Asks the lab to go down, as `tapwire down` does; resolves when the daemon has ended. */
  async down(): Promise<Outcome> {
    await this.#ask('POST', '/down')
    return await this.program.end()
  }

  /** Resolves to the counters once every frame is accounted for; rejects where that does not come about. */
  async accounted(): Promise<Stats> {
    let stats = await this.stats()
    const balance = (): number => {
      const { received, copies, segments, transmitted, dropped } = stats.totals
      return received + copies + segments - transmitted - dropped
    }
    // A frame may be on its way through the switch while the counters are read: sandboxes speak by themselves.
    await until('every frame is accounted for', async () => {
      if (balance() === 0) return true
      stats = await this.stats()
      return false
    })
    return stats
  }

  get logPath(): string {
    return `${this.#root}${this.paths.log}`
  }

  /** The lines of its log that are the daemon's own, which are JSON. */
  log(): Record<string, unknown>[] {
    return readFileSync(this.logPath, 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Record<string, unknown>)
  }

  async #ask(method: string, path: string): Promise<unknown> {
    const { status, body } = await ask(`${this.#root}${this.paths.socket}`, method, path)
    assert.ok(status >= 200 && status < 300, `${method} ${path}: ${status} ${body}`)
    return JSON.parse(body)
  }
}

/** One request to a daemon's API. */
export async function ask(
  socketPath: string,
  method: string,
  path: string,
): Promise<{ status: number; body: string }> {
  return await new Promise((resolve, reject) => {
    const sent = request({ socketPath, method, path, agent: false }, (answer) => {
      text(answer).then((body) => resolve({ status: answer.statusCode!, body }), reject)
    })
    sent.once('error', reject)
    sent.end()
  })
}
