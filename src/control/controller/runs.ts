import type { BridgeDriver } from '../drivers/bridge.ts'
import type { RunningSandbox, SandboxFiles } from '../model/machine.ts'
import type { SandboxRecord } from '../model/records.ts'
import { Attachments } from './attachments.ts'
import type { Context } from './context.ts'
import { LinkPermits } from './link-permits.ts'
import type { Names } from './names.ts'
import { Publications } from './publications.ts'
import { dependents, filesOf } from './sandbox-files.ts'
import type { Undo } from './undo.ts'

/** One life of a sandbox, from its start to its end. */
export class Run {
  readonly running: RunningSandbox
  /** Resolves when the end has been dealt with: networks left, addresses released, the new state in the model. */
  readonly ended: Promise<void>
  /** It will be started again at once, so it is not removed even if it asked to be. */
  restarting = false
  /** Somebody has asked for its end, and did not just send a signal. */
  stopping = false
  /** Whether the store has its end. */
  kept = false
  #settle!: () => void

  constructor(running: RunningSandbox) {
    this.running = running
    this.ended = new Promise((resolve) => {
      this.#settle = resolve
    })
  }

  settle(): void {
    this.#settle()
  }
}

/** The sandboxes that run, and what one does with them under their lock. */
export class Runs {
  readonly attachments: Attachments
  readonly publications: Publications
  readonly permits: LinkPermits
  readonly names: Names
  readonly #context: Context
  readonly #runs = new Map<string, Run>()

  constructor(context: Context, bridge: BridgeDriver, names: Names) {
    this.#context = context
    this.attachments = new Attachments(context)
    this.publications = new Publications(context, bridge)
    this.permits = new LinkPermits(context, bridge)
    this.names = names
  }

  find(id: string): Run | undefined {
    return this.#runs.get(id)
  }

  all(): readonly Run[] {
    return [...this.#runs.values()]
  }

  add(run: Run): void {
    this.#runs.set(run.running.id, run)
  }

  delete(id: string): void {
    this.#runs.delete(id)
  }

  /** Runs a task when all others of the sandbox are over. It is given the sandbox as it is then. */
  locked<T>(id: string, task: (sandbox: SandboxRecord) => Promise<T>): Promise<T> {
    // Not there any more: this words it as for a sandbox that never was.
    return this.#context.lock.run(id, async () => task(this.#context.findSandbox(id)))
  }

  /** Writes what the sandbox has in /etc anew, where it is not what it was. */
  writeFiles(undo: Undo, { running }: Run, before: SandboxRecord, after: SandboxRecord): void {
    const was = filesOf(this.#context, before)
    const is = filesOf(this.#context, after)
    const changed = changedFiles(was, is)
    if (changed === undefined) return
    running.writeFiles(changed)
    undo.add(() => running.writeFiles(was))
  }

  /** The same where a failure leaves nothing of the sandbox. */
  completeFiles(running: RunningSandbox, planned: SandboxRecord, attached: SandboxRecord): void {
    const changed = changedFiles(filesOf(this.#context, planned), filesOf(this.#context, attached))
    if (changed !== undefined) running.writeFiles(changed)
  }

  /** The same for those that know of this one: by a link, or because they share its network. */
  refreshDependents(sandbox: SandboxRecord): void {
    for (const dependent of dependents(this.#context, sandbox)) {
      try {
        this.find(dependent.id)?.running.writeFiles(filesOf(this.#context, dependent))
      } catch (error) {
        this.#context.warn(error, `the files of ${dependent.name} could not be written anew`)
      }
    }
  }
}

function changedFiles(was: SandboxFiles, is: SandboxFiles): SandboxFiles | undefined {
  const hosts = was.hosts === is.hosts ? undefined : is.hosts
  const resolvConf = was.resolvConf === is.resolvConf ? undefined : is.resolvConf
  return hosts === undefined && resolvConf === undefined ? undefined : { hosts, resolvConf }
}
