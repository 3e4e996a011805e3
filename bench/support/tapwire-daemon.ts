/**
 * A daemon of Tapwire for the benchmark alone: in a network namespace of its own or in one of the benchmark's, with a root of
 * its own, and nothing is left of it, however the benchmark ends.
 *
 *     machine ──✕── namespace tapwire-bench-PID-control: the daemon, its sandboxes beside it   no route out
 *        └─ FOLDER/root: tapwire.sock, sandboxes/…, state.json
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

const program = (path: string): string => fileURLToPath(new URL(`../../src/${path}`, import.meta.url))

const DAEMON = program('daemon/main.js')
const CLI = program('cli/main.js')
/** Stopping a thousand sandboxes takes its time. */
const STOP_MS = 120_000
const REQUEST_MS = 120_000
const NAMESPACES = '/run/netns'

export interface DaemonOptions {
  /** Path of the network namespace that it runs in; without it one of its own. */
  readonly namespace?: string
  /** The backend of its data path; without it the best that works. */
  readonly io?: 'io_uring' | 'epoll'
  /** The file that it takes for the machine's /etc/resolv.conf. */
  readonly resolvConf?: string
}

export class TapwireDaemon {
  readonly folder = mkdtempSync(join(tmpdir(), 'tapwire-bench-'))
  /** The one that it makes itself. */
  readonly #ownNamespace = `tapwire-bench-${process.pid}-control`
  readonly #options: DaemonOptions
  #child: ChildProcess | undefined
  readonly #emergency = (): void => this.#sweep()

  private constructor(options: DaemonOptions) {
    this.#options = options
  }

  /** Resolves when it answers. */
  static async start(options: DaemonOptions = {}): Promise<TapwireDaemon> {
    const daemon = new TapwireDaemon(options)
    process.on('exit', daemon.#emergency)
    try {
      if (options.namespace === undefined) {
        succeed('ip', ['netns', 'add', daemon.#ownNamespace])
        succeed('ip', ['-n', daemon.#ownNamespace, 'link', 'set', 'lo', 'up'])
      }
      await daemon.launch()
    } catch (error) {
      await daemon.stop()
      throw error
    }
    return daemon
  }

  get #root(): string {
    return join(this.folder, 'root')
  }

  /** Where it listens. */
  get socket(): string {
    return join(this.#root, 'tapwire.sock')
  }

  get pid(): number {
    return this.#child!.pid!
  }

  /** Program and arguments of a command. */
  command(...args: readonly string[]): [string, string[]] {
    return [process.execPath, [CLI, '--root', this.#root, ...args]]
  }

  /** Starts the daemon over what an earlier one has left; resolves when it listens. */
  async launch(): Promise<void> {
    const { namespace = `${NAMESPACES}/${this.#ownNamespace}`, io, resolvConf } = this.#options
    const child = spawn(
      'setpriv',
      ['--pdeathsig', 'TERM', 'nsenter', `--net=${namespace}`, process.execPath, DAEMON]
        .concat(['--root', this.#root])
        .concat(io === undefined ? [] : ['--io', io])
        .concat(resolvConf === undefined ? [] : ['--resolv-conf', resolvConf])
        .concat(['--ready-fd', '3']),
      { stdio: ['ignore', 'ignore', 'inherit', 'pipe'] },
    )
    this.#child = child
    const told = await text(child.stdio[3] as Readable)
    if (!told.includes('"ready"')) throw new Error(`the daemon does not start: ${told}`)
  }

  /** As a power failure would: it does not get to do anything any more. */
  async kill(): Promise<void> {
    const child = this.#child!
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await ended
  }

  /** One request on a connection of its own, as a command makes it; throws what the daemon refuses. */
  async request<T = unknown>(method: string, path: string, body?: unknown): Promise<T> {
    const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body))
    const headers =
      payload === undefined
        ? {}
        : { 'Content-Type': 'application/json', 'Content-Length': String(payload.length) }
    const socketPath = this.socket
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const sent = request({ socketPath, agent: false, method, path, headers, timeout: REQUEST_MS })
      sent.once('timeout', () => sent.destroy(new Error(`${method} ${path}: no answer`)))
      sent.once('error', reject)
      sent.once('response', resolve)
      sent.end(payload)
    })
    const answered = await text(answer)
    const { statusCode = 0 } = answer
    if (statusCode >= 300) throw new Error(`${method} ${path}: ${statusCode} ${answered}`)
    return (answered === '' ? undefined : JSON.parse(answered)) as T
  }

  /** VmRSS, in millions of bytes. */
  memory(): number {
    const [, kib] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8')) ?? []
    return (Number(kib) * 1024) / 1e6
  }

  /** The network namespace of a sandbox, as nsenter takes it. */
  static namespaceOf(id: string): string {
    return `${NAMESPACES}/tw-${id.slice(0, 12)}`
  }

  /** Ends and removes all of it. More than once does no harm. */
  async stop(): Promise<void> {
    process.off('exit', this.#emergency)
    const child = this.#child
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const ended = new Promise((resolve) => child.once('exit', resolve))
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
      child.kill('SIGTERM')
      await ended
      clearTimeout(timer)
    }
    this.#sweep()
  }

  /** What is there in spite of all: whatever names our folder is ours, and a shim takes its command along. */
  #sweep(): void {
    for (let looks = 0; looks < 100; looks++) {
      const pids = this.#processes()
      if (pids.length === 0) break
      for (const pid of pids) kill(pid)
      spawnSync('sleep', ['0.05'])
    }
    for (const name of sandboxNames(join(this.#root, 'sandboxes')))
      rmSync(join(NAMESPACES, `tw-${name}`), { force: true })
    if (existsSync(join(NAMESPACES, this.#ownNamespace)))
      spawnSync('ip', ['netns', 'delete', this.#ownNamespace], { stdio: 'ignore' })
    rmSync(this.folder, { recursive: true, force: true })
  }

  #processes(): number[] {
    return readdirSync('/proc')
      .map(Number)
      .filter((pid) => pid > 0 && pid !== process.pid)
      .filter((pid) =>
        commandLine(pid)
          .split('\0')
          .some((word) => `${word}/`.startsWith(`${this.folder}/`)),
      )
  }
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}

function sandboxNames(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => /^[0-9a-f]{12}$/.test(name))
  } catch {
    return []
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended meanwhile.
  }
}

function succeed(command: string, args: readonly string[]): void {
  const { status, error, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  if (error !== undefined) throw error
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`)
}
