/** A daemon with a root of its own, its API and its command line. */

import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { EndpointInspect, SandboxCreate, SandboxInspect } from '../../../src/control/api/sandbox.ts'
import { repositoryRoot } from '../../support/repository.ts'
import { OwnCommand, runOwn } from './own-command.ts'
import { type Outcome, type Place, Program, run } from './program.ts'
import { namespacePath, newFolder } from './scene.ts'

const DAEMON = join(repositoryRoot, 'dist/src/daemon/main.js')
const CLI = join(repositoryRoot, 'dist/src/cli/main.js')

export interface ControlOptions {
  /** A new folder unless given. */
  readonly root?: string
  readonly args?: readonly string[]
  readonly place?: Place
  /** A shell script before the daemon starts: `"$@"` is the daemon's command, `$ROOT` its root. */
  readonly script?: string
  /** One in a mount namespace of its own, which is the daemon's then. */
  readonly prelude?: string
}

export interface Answer {
  readonly status: number
  readonly body: string
}

export class ControlDaemon {
  readonly root: string
  readonly #options: ControlOptions
  program: Program

  /** A daemon whose API listens. */
  static async start(options: ControlOptions = {}): Promise<ControlDaemon> {
    const daemon = new ControlDaemon(options)
    await daemon.ready()
    return daemon
  }

  constructor(options: ControlOptions = {}) {
    this.#options = options
    this.root = options.root ?? newFolder()
    this.program = this.#launch()
  }

  #launch(): Program {
    const { args = [], place = {}, prelude, script = prelude } = this.#options
    const line = [process.execPath, DAEMON, '--root', this.root, ...args]
    const within = [
      ...(prelude === undefined ? [] : ['unshare', '--mount']),
      ...(script === undefined ? [] : ['sh', '-ec', `${script}\nexec "$@"`, 'sh']),
      ...line,
    ]
    const environment = { ...place.environment, ROOT: this.root }
    return new Program({ ...place, environment }, within[0]!, ...within.slice(1))
  }

  ready(): Promise<void> {
    return this.program.printed(/the daemon is ready/)
  }

  get pid(): number {
    return this.program.pid
  }

  get socket(): string {
    return join(this.#seen, 'tapwire.sock')
  }

  /** The root as this process sees it. */
  get #seen(): string {
    return this.#options.prelude === undefined ? this.root : `/proc/${this.pid}/root${this.root}`
  }

  async kill(): Promise<void> {
    await this.program.stop('SIGKILL')
  }

  /** A clean end. */
  async stop(): Promise<void> {
    const { code, errors } = await this.program.stop('SIGTERM')
    assert.equal(code, 0, errors)
  }

  /** Another one, on the same root. */
  async again(): Promise<void> {
    this.program = this.#launch()
    await this.ready()
  }

  /** A command of the command line, to its end, in this process. */
  attempt(...args: readonly string[]): Promise<Outcome> {
    return runOwn(DAEMON, '--socket', this.socket, ...args)
  }

  /** One that goes on, in this process. */
  beginOwn(...args: readonly string[]): OwnCommand {
    return new OwnCommand(DAEMON, ['--socket', this.socket, ...args])
  }

  /** One that must succeed; its standard output without the last line's end. */
  async do(...args: readonly string[]): Promise<string> {
    const { code, output, errors } = await this.attempt(...args)
    assert.equal(code, 0, `${args.join(' ')}\n${errors}${output}`)
    return output.trimEnd()
  }

  /** One that goes on, as a program, which can get a signal. */
  begin(...args: readonly string[]): Program {
    return new Program({}, ...this.line(...args))
  }

  line(...args: readonly string[]): [string, ...string[]] {
    return [process.execPath, CLI, '--socket', this.socket, ...args]
  }

  /** A request to the API. */
  ask(method: string, path: string, body?: unknown): Promise<Answer> {
    return ask(this.socket, method, path, body)
  }

  /** One that must succeed; what it answers. */
  async call<T = unknown>(method: string, path: string, body?: unknown): Promise<T> {
    const { status, body: answer } = await this.ask(method, path, body)
    assert.ok(status >= 200 && status < 300, `${method} ${path}: ${status} ${answer}`)
    return (answer === '' ? undefined : JSON.parse(answer)) as T
  }

  /** Makes a sandbox and starts it; its id. */
  async run(name: string, request: SandboxCreate = {}): Promise<string> {
    const { Id } = await this.call<{ Id: string }>('POST', `/sandboxes?name=${name}`, request)
    await this.call('POST', `/sandboxes/${Id}/start`)
    return Id
  }

  inspect(sandbox: string): Promise<SandboxInspect> {
    return this.call('GET', `/sandboxes/${sandbox}`)
  }

  async endpoint(sandbox: string, network: string): Promise<EndpointInspect> {
    const { NetworkSettings } = await this.inspect(sandbox)
    const endpoint = NetworkSettings.Networks[network]
    assert.ok(endpoint, `${sandbox} is not on ${network}`)
    return endpoint
  }

  /** A network of this subnet, whose first sandbox gets .2. */
  async network(name: string, subnet: string, more: object = {}): Promise<void> {
    await this.call('POST', '/networks', { Name: name, IPAM: { Config: [{ Subnet: subnet }] }, ...more })
  }

  connect(network: string, sandbox: string, settings: object = {}): Promise<unknown> {
    return this.call('POST', `/networks/${network}/connect`, { Container: sandbox, EndpointConfig: settings })
  }

  disconnect(network: string, sandbox: string): Promise<unknown> {
    return this.call('POST', `/networks/${network}/disconnect`, { Container: sandbox })
  }

  /** In the network namespace of a sandbox, and nothing else of it. */
  place(id: string): Place {
    return { namespace: `tw-${id.slice(0, 12)}` }
  }

  /** Runs a program in all of a running sandbox's namespaces, to its end; its standard output without the last line's end. */
  async inside(sandbox: string, program: string, ...args: readonly string[]): Promise<string> {
    const { Pid } = (await this.inspect(sandbox)).State
    const enter = ['--target', String(Pid), '--net', '--mount', '--uts', '--', program, ...args]
    return (await run({}, 'nsenter', ...enter)).trimEnd()
  }

  /** What there is of sandboxes outside of the model, by the first digits of their ids. */
  traces(): Traces {
    return tracesOf(this.root, this.#seen)
  }
}

export interface Traces {
  /** Folders in the root. */
  readonly folders: readonly string[]
  /** Names of network namespaces. */
  readonly links: readonly string[]
  /** Sandboxes of this root that have a shim. */
  readonly shims: readonly string[]
  /** Sandboxes that have a process, the shim aside. */
  readonly processes: readonly string[]
}

/** The links are those of `shims` and `processes`, and those that lead nowhere. */
export function tracesOf(root: string, seen = root): Traces {
  const folders = existsSync(join(seen, 'sandboxes')) ? readdirSync(join(seen, 'sandboxes')) : []
  const shims: string[] = []
  const processes = new Set<string>()
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const [, mode, , directory = ''] = read(`/proc/${pid}/cmdline`).split('\0')
    if (mode === 'hold' && directory.startsWith(`${root}/`) && holds(pid, directory.slice(-12))) {
      shims.push(directory.slice(-12))
    }
    const [, marker] = /(?:^|\0)TAPWIRE_SANDBOX=([0-9a-f]{12})/.exec(read(`/proc/${pid}/environ`)) ?? []
    if (marker !== undefined) processes.add(marker)
  }
  const known = new Set([...folders, ...shims])
  const links = readdirSync('/run/netns').filter(
    (name) => name.startsWith('tw-') && known.has(name.slice(3, 15)),
  )
  return {
    folders: folders.toSorted(),
    links: links.toSorted(),
    shims: shims.toSorted(),
    processes: [...processes].filter((id) => known.has(id)).toSorted(),
  }
}

/** A shim that has noted its end has closed its folder; it may wait a moment for clients to read the rest. */
function holds(pid: string, folder: string): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((descriptor) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${descriptor}`).includes(folder)
      } catch {
        return false
      }
    })
  } catch {
    return false
  }
}

/** Where the name of a sandbox's network namespace leads to; undefined where there is none. */
export function linkOf(id: string): string | undefined {
  try {
    return readlinkSync(namespacePath(`tw-${id.slice(0, 12)}`))
  } catch {
    return undefined
  }
}

export function ask(socketPath: string, method: string, path: string, body?: unknown): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' }
    const sent = request({ socketPath, method, path, headers, agent: false }, (answer) => {
      text(answer).then((body) => resolve({ status: answer.statusCode!, body }), reject)
    })
    sent.once('error', reject)
    sent.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}
