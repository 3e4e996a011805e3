/**
 * What is compared with a Docker engine: our command line, and a daemon in a namespace of its own.
 *
 *     CLI ──socket── daemon in a namespace of its own ── sandboxes         no route out of any of them
 */

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { OutputStream } from '../../../../src/cli/cli.ts'
import { runCli } from '../../../../src/cli/program.ts'
import { NetworkNamespace } from '../../../support/network-namespace.ts'
import { repositoryRoot } from '../../../support/repository.ts'
import { Program } from '../program.ts'
import { newFolder } from '../scene.ts'
import { until } from '../until.ts'
import type { Answer } from './recording.ts'

const MAIN = join(repositoryRoot, 'dist/src/cli/main.js')
const DAEMON = join(repositoryRoot, 'dist/src/daemon/main.js')
/** Of the command line: nothing of it is a sandbox's but what is asked for. */
const ENVIRONMENT: NodeJS.ProcessEnv = { NO_COLOR: '1' }

const OWN_NETWORKS = ['network', 'ls', '-q', '--filter', 'type=custom'] as const

export class OurSide {
  readonly #root = newFolder()
  readonly #namespace = new NetworkNamespace()
  readonly #daemon: Program

  private constructor() {
    const args = [MAIN, '--root', this.#root, 'daemon']
    this.#daemon = new Program({ namespace: this.#namespace.name }, process.execPath, ...args)
  }

  static async start(): Promise<OurSide> {
    const side = new OurSide()
    try {
      await until('the daemon listens', () => existsSync(join(side.#root, 'tapwire.sock')))
      // One who has had an answer comes after the daemon's own first event.
      await side.ask(['version'])
      return side
    } catch (error) {
      await side.stop()
      throw error
    }
  }

  /**
   * Our command line, in this process: to start one for each of hundreds of commands would take most of the test's time. The place
   * of Docker's image is that of the two dashes before a command.
   */
  async ask(words: readonly string[], input = ''): Promise<Answer> {
    const args = ['--root', this.#root, ...words.flatMap((word) => OUR_WORDS[word] ?? [word])]
    const [out, err] = [new Recorder(), new Recorder()]
    const code = await runCli(args, {
      env: ENVIRONMENT,
      stdin: Readable.from(input === '' ? [] : [Buffer.from(input)]),
      stdout: out,
      stderr: err,
      daemonProgram: DAEMON,
      onSignal: () => () => {},
      onInterrupt: () => () => {},
    })
    return { code, stdout: out.text, stderr: err.text }
  }

  async stop(): Promise<void> {
    await this.#daemon.stop()
    this.#namespace.remove()
  }

  /** Removes all that was made: who comes next finds a daemon as it was at first. */
  async clear(): Promise<void> {
    const sandboxes = await this.#ids('ps', '-aq')
    if (sandboxes.length > 0) await this.ask(['rm', '-f', ...sandboxes])
    // Another time for configuration networks, which go when those are gone that have them.
    for (let times = 0; times < 2; times++) {
      const networks = await this.#ids(...OWN_NETWORKS)
      if (networks.length > 0) await this.ask(['network', 'rm', ...networks])
    }
    assert.deepEqual([await this.#ids('ps', '-aq'), await this.#ids(...OWN_NETWORKS)], [[], []])
  }

  async #ids(...words: readonly string[]): Promise<string[]> {
    return (await this.ask(words)).stdout.split('\n').filter((id) => id !== '')
  }
}

/** Docker's image is busybox, whose `ip` says less than that of iproute2. */
const OUR_WORDS: Readonly<Record<string, readonly string[]>> = { IMAGE: ['--'], ip: ['busybox', 'ip'] }

class Recorder implements OutputStream {
  text = ''

  write(data: string | Uint8Array): void {
    this.text += typeof data === 'string' ? data : Buffer.from(data).toString()
  }
}
