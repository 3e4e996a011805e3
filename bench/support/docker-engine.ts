/**
 * A real Docker engine that touches nothing of the machine: it lives in a network namespace of its own (with its bridges and
 * iptables rules), and all its files and cgroups are removed at the end.
 *
 *     machine ──✕── namespace tapwire-bench-PID-docker: dockerd, docker0, br-…  no route out
 *        └─ FOLDER/docker.sock, data, exec, daemon.json
 */

import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

const START_MS = 60_000
const STOP_MS = 20_000
/** No question takes the client this long; one that does has no answer. */
const CLIENT_MS = 60_000
const CGROUPS = '/sys/fs/cgroup'

export interface DockerPrograms {
  /** `dockerd`, found on the PATH unless it is a path; docker-proxy is looked for beside it. */
  readonly daemon: string
  readonly client: string
}

export interface DockerOutcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export class DockerEngine {
  /** The one image that there is: busybox, without entry point or command. */
  static readonly image = 'busybox'
  readonly folder = mkdtempSync(join(tmpdir(), 'tapwire-docker-'))
  readonly #programs: DockerPrograms
  readonly #name = `tapwire-bench-${process.pid}-docker`
  readonly #cgroup = `/tapwire-docker-${process.pid}`
  #daemon: number | undefined
  readonly #emergency = (): void => this.#sweep()

  private constructor(programs: DockerPrograms) {
    this.#programs = programs
  }

  /** Resolves when it answers and has its image. */
  static async start(
    programs: DockerPrograms = { daemon: 'dockerd', client: 'docker' },
  ): Promise<DockerEngine> {
    const engine = new DockerEngine(programs)
    process.on('exit', engine.#emergency)
    try {
      await engine.#start()
      engine.#importImage()
    } catch (error) {
      await engine.stop()
      throw error
    }
    return engine
  }

  /** The name of its network namespace. */
  get namespace(): string {
    return this.#name
  }

  /** Its processes: the daemon, which has the name server in it, and containerd with its shims. */
  get pids(): readonly number[] {
    return this.#processes()
  }

  get #socket(): string {
    return join(this.folder, 'docker.sock')
  }

  /** Program and arguments of a client's call. */
  command(args: readonly string[]): [string, string[]] {
    return [this.#programs.client, ['-H', `unix://${this.#socket}`, ...args]]
  }

  /** Runs the client to its end, without a terminal. */
  client(args: readonly string[], input: string | Uint8Array = ''): DockerOutcome {
    const [program, all] = this.command(args)
    const env = { ...process.env, LC_ALL: 'C', DOCKER_CONFIG: join(this.folder, 'client') }
    const result: SpawnSyncReturns<string> = spawnSync(program, all, {
      input,
      env,
      encoding: 'utf8',
      timeout: CLIENT_MS,
      killSignal: 'SIGKILL',
    })
    if (result.error !== undefined) throw result.error
    return { code: result.status ?? 255, stdout: result.stdout, stderr: result.stderr }
  }

  /** As `client`; throws where it fails. */
  succeed(args: readonly string[], input: string | Uint8Array = ''): string {
    const { code, stdout, stderr } = this.client(args, input)
    if (code !== 0) throw new Error(`docker ${args.join(' ')}: code ${code}\n${stderr}${stdout}`)
    return stdout.trim()
  }

  /** Removes every container and every network that is not built in. */
  empty(): void {
    const containers = this.succeed(['ps', '-aq'])
    if (containers !== '') this.succeed(['rm', '-f', ...containers.split('\n')])
    const custom = ['network', 'ls', '--no-trunc', '-qf', 'type=custom']
    // A configuration network can only go when those that were made from it have gone.
    for (let networks = this.succeed(custom); networks !== ''; networks = this.succeed(custom))
      this.client(['network', 'rm', ...networks.split('\n')])
  }

  async #start(): Promise<void> {
    runOrThrow('ip', ['netns', 'add', this.#name])
    runOrThrow('ip', ['-n', this.#name, 'link', 'set', 'lo', 'up'])
    const configuration = join(this.folder, 'daemon.json')
    writeFileSync(configuration, '{}')
    const log = openSync(join(this.folder, 'dockerd.log'), 'a')
    const { daemon } = this.#programs
    const PATH = [...(daemon.includes('/') ? [dirname(daemon)] : []), process.env['PATH'] ?? ''].join(':')
    const child = spawn(
      'setpriv',
      ['--pdeathsig', 'TERM', 'nsenter', `--net=/run/netns/${this.#name}`, daemon]
        .concat(['--config-file', configuration, '--storage-driver', 'vfs'])
        .concat(['--data-root', join(this.folder, 'data'), '--exec-root', join(this.folder, 'exec')])
        .concat(['--pidfile', join(this.folder, 'dockerd.pid'), '-H', `unix://${this.#socket}`])
        .concat(['--cgroup-parent', this.#cgroup]),
      { stdio: ['ignore', log, log], env: { ...process.env, LC_ALL: 'C', PATH } },
    )
    let ended = false
    child.once('error', () => (ended = true)).once('exit', () => (ended = true))
    this.#daemon = child.pid
    const end = performance.now() + START_MS
    while (!existsSync(this.#socket) || this.client(['version']).code !== 0) {
      if (ended || performance.now() > end)
        throw new Error(
          `dockerd does not start: ${readFileSync(join(this.folder, 'dockerd.log'), 'utf8').slice(-2000)}`,
        )
      await pause(50)
    }
  }

  /** busybox with a link for each of its programs: what `docker import` makes of a tar archive. */
  #importImage(): void {
    const tree = join(this.folder, 'tree')
    mkdirSync(join(tree, 'bin'), { recursive: true })
    copyFileSync('/bin/busybox', join(tree, 'bin/busybox'))
    const { stdout } = runOrThrow('/bin/busybox', ['--list'])
    for (const name of stdout.toString().trim().split('\n'))
      if (name !== 'busybox') symlinkSync('busybox', join(tree, 'bin', name))
    const archive = runOrThrow('tar', ['-C', tree, '-c', '.']).stdout
    this.succeed(['import', '-', DockerEngine.image], archive)
  }

  /** Ends and removes all of it. More than once does no harm. */
  async stop(): Promise<void> {
    process.off('exit', this.#emergency)
    const pid = this.#daemon
    if (pid !== undefined && existsSync(`/proc/${pid}`)) {
      const containers = this.client(['ps', '-aq']).stdout.trim()
      if (containers !== '') this.client(['rm', '-f', ...containers.split('\n')])
      process.kill(pid, 'SIGTERM')
      const end = performance.now() + STOP_MS
      while (existsSync(`/proc/${pid}`) && performance.now() < end) await pause(20)
    }
    this.#sweep()
  }

  /** What dockerd leaves, and all where it was killed: whatever names our folder is ours. */
  #sweep(): void {
    for (const pid of this.#processes()) kill(pid)
    const deadline = performance.now() + STOP_MS
    while (this.#processes().length > 0 && performance.now() < deadline) spawnSync('sleep', ['0.02'])
    for (const mount of mountsBelow(this.folder).toReversed()) spawnSync('umount', ['-l', mount])
    for (const hierarchy of readdirSync(CGROUPS)) removeCgroup(join(CGROUPS, hierarchy, this.#cgroup))
    spawnSync('ip', ['netns', 'delete', this.#name], { stdio: 'ignore' })
    rmSync(this.folder, { recursive: true, force: true })
  }

  /** Processes with our folder on their command line (dockerd, containerd, its shims), and those in our cgroup. */
  #processes(): number[] {
    return readdirSync('/proc')
      .map(Number)
      .filter((pid) => pid > 0 && pid !== process.pid)
      .filter((pid) => {
        const ours = (file: string, text: string): boolean => readText(`/proc/${pid}/${file}`).includes(text)
        return ours('cmdline', `${this.folder}/`) || ours('cgroup', `:${this.#cgroup}/`)
      })
  }
}

function runOrThrow(program: string, args: readonly string[]): SpawnSyncReturns<Buffer> {
  const result = spawnSync(program, args, { maxBuffer: 64 * 1024 * 1024 })
  if (result.error !== undefined) throw result.error
  if (result.status !== 0) throw new Error(`${program} ${args.join(' ')}: ${result.stderr.toString()}`)
  return result
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended meanwhile.
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function mountsBelow(folder: string): string[] {
  return readText('/proc/self/mountinfo')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((path) => path.startsWith(`${folder}/`))
}

function removeCgroup(path: string): void {
  if (!existsSync(path)) return
  for (const entry of readdirSync(path, { withFileTypes: true }))
    if (entry.isDirectory()) removeCgroup(join(path, entry.name))
  try {
    rmdirSync(path)
  } catch {
    // A process that is still on its way out is in it; an empty cgroup does no harm.
  }
}
