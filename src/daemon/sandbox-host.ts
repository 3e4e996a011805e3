/**
 * Sandboxes on this machine: each has a shim, a folder, and a name for its network namespace.
 *
 *     ROOT/sandboxes/0123456789ab/      the folder: first to come, last to go
 *     /run/netns/tw-0123456789ab   ─►   /proc/PID/ns/net of the shim
 *
 * The name is a link and no mount: it needs no care when the shim ends, and a thousand of them do not make the machine's
 * mounts a thousand longer.
 */

import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { LogEntry } from '../control/api/sandbox.ts'
import type { LogOptions } from '../control/control-plane.ts'
import { ErrorCode, TapwireError } from '../control/errors.ts'
import type { RunningSandbox, SandboxExit, SandboxHost, SandboxPlan } from '../control/model/machine.ts'
import { Holder } from './shim/holder.ts'
import { LeftBehind } from './shim/left-behind.ts'
import { NamespaceLink } from './shim/namespace-link.ts'
import { SandboxDirectory, type SandboxFacts } from './shim/sandbox-directory.ts'
import { ShimConnection } from './shim/shim-connection.ts'
import { SHIM_PATH, startShim } from './shim/shim-process.ts'
import { ShimSandbox } from './shim/shim-sandbox.ts'

/** Digits of an id that name a sandbox's folder and namespace. */
const NAME_LENGTH = 12

export type ReadLog = (
  paths: readonly [string, string?],
  options: LogOptions,
  ended: () => boolean,
  signal: AbortSignal,
) => AsyncIterable<LogEntry>

export interface ShimHostOptions {
  /** Folder of the sandboxes' folders. */
  readonly directory: string
  readonly readLog: ReadLog
  /** Told what a shim could not do, and went on without. */
  readonly warn?: ((sandbox: string, warning: string) => void) | undefined
  /** Path of the program. */
  readonly shim?: string | undefined
}

export class ShimHost implements SandboxHost {
  readonly #directory: string
  readonly #readLog: ReadLog
  readonly #warn: (sandbox: string, warning: string) => void
  readonly #shim: string
  readonly #leftBehind = new LeftBehind()
  /** By the name of the folder. */
  readonly #running = new Map<string, ShimSandbox>()

  constructor({ directory, readLog, warn = () => {}, shim = SHIM_PATH }: ShimHostOptions) {
    this.#directory = directory
    this.#readLog = readLog
    this.#warn = warn
    this.#shim = shim
  }

  async create(plan: SandboxPlan): Promise<RunningSandbox> {
    const directory = this.#directoryOf(plan.id)
    if (this.#running.has(directory.name))
      throw new TapwireError(ErrorCode.sandboxStart, 'The sandbox runs already.')
    try {
      directory.prepare({ id: plan.id, network: kindOf(plan.network) })
      directory.writeFiles(plan.files)
      const { pid, warnings } = await startShim(this.#shim, {
        directory: directory.path,
        hostname: plan.hostname,
        network: this.#networkOf(plan.network),
        binds: directory.binds(),
      })
      for (const warning of warnings) this.#warn(plan.id, warning)
      const holder = directory.readHolder()
      if (holder?.pid !== pid) throw new TapwireError(ErrorCode.sandboxStart, 'The shim has ended again.')
      return await this.#take(plan.id, directory, new Holder(holder))
    } catch (error) {
      await this.remove(plan.id, { log: false })
      throw startError(error)
    }
  }

  async adopt(id: string): Promise<RunningSandbox | undefined> {
    const directory = this.#directoryOf(id)
    const present = this.#running.get(directory.name)
    if (present !== undefined) return present
    const noted = directory.readHolder()
    if (noted === undefined) return undefined
    const holder = new Holder(noted)
    if (!holder.isAlive()) return undefined
    try {
      return await this.#take(id, directory, holder)
    } catch {
      // It ends just now, or does not answer any more. `remove` takes care of the rest.
      return undefined
    }
  }

  lastExit(id: string): SandboxExit | undefined {
    return this.#directoryOf(id).readExit()
  }

  async remove(id: string, what: { readonly log: boolean }): Promise<void> {
    const directory = this.#directoryOf(id)
    const running = this.#running.get(directory.name)
    if (running !== undefined) await running.stop()
    else await this.#endUnknown(id, directory)
    linkOf(directory).remove()
    directory.remove(what)
  }

  present(): readonly string[] {
    try {
      const names = readdirSync(this.#directory).filter((name) => /^[0-9a-f]{12}$/.test(name))
      return names.map((name) => this.#directoryOf(name).readFacts()?.id ?? name)
    } catch {
      return []
    }
  }

  logPath(id: string): string {
    return this.#directoryOf(id).logPath
  }

  logs(id: string, options: LogOptions, signal: AbortSignal): AsyncIterable<LogEntry> {
    const { name, logPath, olderLogPath } = this.#directoryOf(id)
    return this.#readLog([logPath, olderLogPath], options, () => !this.#running.has(name), signal)
  }

  /** Lets go of all sandboxes: they live on, and nothing is heard or done here of what becomes of them. */
  release(): void {
    for (const sandbox of this.#running.values()) sandbox.release()
    this.#running.clear()
  }

  /** Throws where the shim does not answer, or is another one than the holder. */
  async #take(id: string, directory: SandboxDirectory, holder: Holder): Promise<ShimSandbox> {
    const connection = await ShimConnection.open(directory.socketPath)
    try {
      if (connection.holderPid !== holder.pid)
        throw new TapwireError(ErrorCode.sandboxStart, 'Another process holds the sandbox.')
      const network = directory.readFacts()?.network ?? 'own'
      const link = network === 'host' ? undefined : linkOf(directory)
      link?.write(holder.pid)
      const sandbox = new ShimSandbox({
        id,
        directory,
        holder,
        connection,
        leftBehind: this.#leftBehind,
        network,
        link,
      })
      this.#running.set(directory.name, sandbox)
      void sandbox.exited.then(() => this.#forget(directory, sandbox))
      return sandbox
    } catch (error) {
      connection.close()
      throw error
    }
  }

  #forget(directory: SandboxDirectory, sandbox: ShimSandbox): void {
    if (this.#running.get(directory.name) !== sandbox) return
    this.#running.delete(directory.name)
    // The number in it may be another process's from now on.
    linkOf(directory).remove()
  }

  /** What an earlier daemon has left, or a start that failed. */
  async #endUnknown(id: string, directory: SandboxDirectory): Promise<void> {
    if (!directory.exists()) return
    const noted = directory.readHolder()
    if (noted === undefined) {
      if (directory.hasLeftBehind()) await this.#leftBehind.kill(directory.name)
      return
    }
    const adopted = (await this.adopt(id)) as ShimSandbox | undefined
    if (adopted !== undefined) {
      await adopted.stop()
      return
    }
    await new Holder(noted).kill()
    await this.#leftBehind.kill(directory.name)
  }

  #networkOf(network: SandboxPlan['network']): string {
    if (typeof network === 'string') return network
    const other = this.#directoryOf(network.sandbox).readHolder()
    // A shim that was killed leaves its note: the number may be another's by now.
    if (other === undefined || !new Holder(other).isAlive())
      throw new TapwireError(
        ErrorCode.sandboxStart,
        'The sandbox whose network is to be shared does not run.',
      )
    return `/proc/${other.pid}/ns/net`
  }

  #directoryOf(id: string): SandboxDirectory {
    return new SandboxDirectory(join(this.#directory, id.slice(0, NAME_LENGTH)))
  }
}

const linkOf = (directory: SandboxDirectory): NamespaceLink => new NamespaceLink(`tw-${directory.name}`)

const kindOf = (network: SandboxPlan['network']): SandboxFacts['network'] =>
  typeof network === 'string' ? network : 'shared'

function startError(error: unknown): unknown {
  if (error instanceof TapwireError && error.code === ErrorCode.sandboxStart) return error
  const reason = error instanceof Error ? error.message : String(error)
  return new TapwireError(ErrorCode.sandboxStart, `The sandbox could not be made: ${reason}`, {
    cause: error,
  })
}
