/** The daemon as a program: takes its root, puts the model together, serves it until something ends it. */

import { closeSync, existsSync, readFileSync, rmSync, writeSync } from 'node:fs'
import type { Failure } from '../control/api/failure.ts'
import type { Version } from '../control/api/system.ts'
import { API_VERSION } from '../control/api-version.ts'
import type { ClusterOptions } from '../control/cluster/cluster-options.ts'
import { ErrorCode, TapwireError } from '../control/errors.ts'
import type { ClusterSettings } from '../control/rules/cluster-options.ts'
import { API_CONNECTIONS_MAX, DNS_CONNECTIONS_MAX, DNS_FORWARDS_MAX, PORTS_MAX } from '../limits.ts'
import { native } from '../ports/native.ts'
import { failureOf } from './api/failure.ts'
import { ApiServer } from './api/server.ts'
import { Streams } from './api/streams.ts'
import { missingCapabilities } from './capabilities.ts'
import { clusterVersion } from './cluster-version.ts'
import { type Configuration, type LogLevel, readConfiguration } from './configuration.ts'
import { Datapath } from './datapath.ts'
import { Endings } from './endings.ts'
import { describe, fileLog, type Log, stderrLog } from './log.ts'
import type { Compose, RunningModel } from './model.ts'
import { RootDirectory, rootPaths } from './root-directory.ts'
import { forgetForeignSandbox } from './shim/outer-sandbox.ts'
import { programVersion } from './version.ts'

const UMASK = 0o022

export interface DaemonOptions {
  readonly root: string
  readonly socket?: string | undefined
  readonly io: 'auto' | 'io_uring' | 'epoll'
  readonly logLevel?: LogLevel | undefined
  readonly liveRestore?: boolean | undefined
  /** In its text form, which has been checked. */
  readonly uplink?: string | undefined
  /** Absolute path of the machine's resolv.conf(5). */
  readonly resolvConf?: string | undefined
  readonly cluster?: ClusterSettings | undefined
  /** Ends with its standard input, and removes its root at the end. */
  readonly ephemeral?: boolean | undefined
  /** Told in one line of JSON that the API listens, or why it does not, and closed. The log goes to the root then. */
  readonly readyDescriptor?: number | undefined
}

/** Resolves to the exit code when the daemon has ended. The process is to end then, for it has the root until that. */
export async function runDaemon(options: DaemonOptions, compose: Compose): Promise<number> {
  const endings = new Endings()
  const starter = new Starter(options.readyDescriptor)
  if (options.ephemeral === true) endWithInput(endings)
  // Files that sandboxes see, and folders on the way to the socket, are for everybody to read, whatever the starter's habits.
  process.umask(UMASK)
  forgetForeignSandbox()
  try {
    requireMachine()
    const directory = await RootDirectory.take(rootPaths(options.root, options.socket))
    if (options.ephemeral === true) refuseUsedRoot(directory)
    try {
      return await new Daemon(options, directory, compose, endings).run(starter)
    } finally {
      if (options.ephemeral === true) rmSync(directory.paths.root, { recursive: true, force: true })
      directory.leave()
    }
  } catch (error) {
    starter.failed(error)
    return error instanceof TapwireError ? error.exitCode : 1
  }
}

/** What is in it belongs to a daemon that is to come back. Throws ROOT_UNUSABLE. */
function refuseUsedRoot(directory: RootDirectory): void {
  const { root, state } = directory.paths
  if (!existsSync(state)) return
  directory.leave()
  throw new TapwireError(
    ErrorCode.rootUnusable,
    `The root ${root} cannot be used: it has been in use, and --ephemeral would remove it at the end.`,
    { hint: 'Name a directory that is not there yet: --root DIR' },
  )
}

/** Who started the daemon has the other end; the kernel closes it where that process is killed. */
function endWithInput(endings: Endings): void {
  const end = (): void => endings.now({ reason: 'the end of the standard input', exitCode: 0 })
  process.stdin.on('end', end).on('error', end).resume()
}

class Daemon {
  readonly #options: DaemonOptions
  readonly #directory: RootDirectory
  readonly #compose: Compose
  readonly #endings: Endings
  readonly #log: Log
  readonly #streams = new Streams()
  readonly #startedAt = new Date()
  readonly #cluster: ClusterOptions | undefined
  #configuration: Configuration
  #model: RunningModel | undefined

  constructor(options: DaemonOptions, directory: RootDirectory, compose: Compose, endings: Endings) {
    this.#options = options
    this.#directory = directory
    this.#compose = compose
    this.#endings = endings
    this.#configuration = this.#readConfiguration()
    const { logLevel, cluster } = this.#configuration
    this.#cluster = cluster
    this.#log =
      options.readyDescriptor === undefined ? stderrLog(logLevel) : fileLog(directory.paths.log, logLevel)
    endings.logTo(this.#log)
    process.on('SIGHUP', () => this.#reload())
  }

  async run(starter: Starter): Promise<number> {
    warnOfLimits(this.#log)
    const datapath = await this.#startDatapath()
    try {
      this.#model = await this.#compose({
        paths: this.#directory.paths,
        configuration: this.#configuration,
        datapath,
        io: this.#options.io,
        log: this.#log,
      })
      return await this.#serve(this.#model, datapath, starter)
    } catch (error) {
      this.#log.fatal({ error: describe(error) }, 'the daemon could not start')
      throw error
    } finally {
      await datapath.stop()
    }
  }

  async #serve(model: RunningModel, datapath: Datapath, starter: Starter): Promise<number> {
    const { socket } = this.#directory.paths
    const api = await ApiServer.listen(socket, {
      control: model.control,
      streams: this.#streams,
      log: this.#log,
      mount: (routes, context) => model.mount(routes, context),
      daemon: {
        version: () => this.#version(model, datapath),
        metrics: () => model.metrics(),
        prune: (options) => model.prune(options),
        shutdown: () => this.#endings.now({ reason: 'a request to shut down', exitCode: 0 }),
      },
    })
    this.#log.info({ pid: process.pid, socket, backend: datapath.backend }, 'the daemon is ready')
    model.tell('start')
    starter.ready()
    const { reason, exitCode } = await this.#endings.wait
    this.#log.info({ reason }, 'the daemon ends')
    model.tell('shutdown', { reason })
    // The model first: who waits for the end of a sandbox is told of it.
    await model.stop({ keepSandboxes: this.#configuration.liveRestore })
    await api.close()
    return exitCode
  }

  async #startDatapath(): Promise<Datapath> {
    const datapath = await Datapath.start({ io: this.#options.io })
    datapath.on('failed', (error) => this.#endings.crash('the data path failed', error))
    if (datapath.fallbackReason !== undefined) {
      this.#log.warn({ reason: datapath.fallbackReason }, 'io_uring is not available; using epoll')
    }
    return datapath
  }

  #readConfiguration(): Configuration {
    return readConfiguration(this.#directory.paths.configuration, this.#options)
  }

  /** What holds stays where the file is invalid. */
  #reload(): void {
    try {
      this.#configuration = this.#readConfiguration()
    } catch (error) {
      this.#log.error({ error: (error as Error).message }, 'the configuration was not reloaded')
      return
    }
    this.#log.level = this.#configuration.logLevel
    const waiting = this.#model?.reload(this.#configuration) ?? []
    this.#log.info('the configuration was reloaded')
    if (waiting.length > 0) {
      this.#log.warn({ settings: waiting }, 'these settings take effect when the daemon starts again')
    }
    this.#model?.tell('reload', settingsOf(this.#configuration))
  }

  #version(model: RunningModel, { backend }: Datapath): Version {
    const sandboxes = model.control.listSandboxes({ all: true, filters: {} })
    // What the file says by now holds from the next start on.
    const cluster = this.#cluster
    return {
      Version: programVersion(),
      ApiVersion: API_VERSION,
      Pid: process.pid,
      Root: this.#directory.paths.root,
      Backend: backend,
      StartedAt: this.#startedAt.toISOString(),
      Networks: model.control.listNetworks({}).length,
      Sandboxes: sandboxes.length,
      SandboxesRunning: sandboxes.filter(({ State }) => State === 'running').length,
      ...(cluster && { Cluster: clusterVersion(cluster, model.control.clusterStatus()) }),
    }
  }
}

/** Under their names in the file, as attributes of an event. */
function settingsOf(configuration: Configuration): Record<string, string> {
  const { logLevel, mtu, dns, dnsSearch, dnsOptions, hostGateway = '', liveRestore } = configuration
  return {
    'log-level': logLevel,
    mtu: String(mtu),
    dns: JSON.stringify(dns),
    'dns-search': JSON.stringify(dnsSearch),
    'dns-opts': JSON.stringify(dnsOptions),
    'host-gateway-ip': hostGateway,
    'live-restore': String(liveRestore),
  }
}

/** Who started the daemon and waits to hear that it runs; nobody where it runs in the foreground. */
class Starter {
  #descriptor: number | undefined

  constructor(descriptor: number | undefined) {
    this.#descriptor = descriptor
  }

  ready(): void {
    this.#tell({ ready: true })
  }

  failed(error: unknown): void {
    const failure = failureOf(error)
    if (this.#descriptor !== undefined) this.#tell({ failed: failure })
    else process.stderr.write(failureText(failure))
  }

  #tell(line: { ready: true } | { failed: Failure }): void {
    const descriptor = this.#descriptor
    if (descriptor === undefined) return
    this.#descriptor = undefined
    try {
      writeSync(descriptor, `${JSON.stringify(line)}\n`)
      closeSync(descriptor)
    } catch {
      // It does not wait any more.
    }
  }
}

const failureText = ({ message, hint }: Failure): string =>
  `tapwire: ${message}\n${hint === undefined ? '' : `${hint}\n`}`

function requireMachine(): void {
  const missing = missingCapabilities()
  if (missing.length > 0) {
    throw new TapwireError(ErrorCode.notPermitted, `The daemon needs ${missing.join(' and ')}.`, {
      hint: 'Run it as root, with sudo for example.',
    })
  }
  try {
    native()
  } catch (cause) {
    throw new TapwireError(
      ErrorCode.addonMissing,
      `The native addon cannot be loaded: ${(cause as Error).message.split('\n', 1)[0]}.`,
      { hint: 'Build it: npm run setup', cause },
    )
  }
}

/**
 * Descriptors for all ports and connections that there may be, two for each sandbox, and some to spare. An uplink by an interface, which
 * reserves ports, and name servers in sandboxes take what they find.
 */
const DESCRIPTORS_WANTED = 3 * PORTS_MAX + API_CONNECTIONS_MAX + DNS_FORWARDS_MAX + DNS_CONNECTIONS_MAX + 256

/** Node has raised the soft limit to the hard one already. */
function warnOfLimits(log: Log): void {
  const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? []
  if (soft === undefined || Number(soft) >= DESCRIPTORS_WANTED) return
  log.warn(
    { limit: Number(soft), wanted: DESCRIPTORS_WANTED },
    'the limit of open files is low: it may be met before that of sandboxes (ulimit -n)',
  )
}
