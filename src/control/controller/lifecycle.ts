/** How sandboxes start and end. */

import { ErrorCode, TapwireError } from '../errors.ts'
import type { RunningSandbox, SandboxExit, SandboxPlan } from '../model/machine.ts'
import type { SandboxRecord } from '../model/records.ts'
import { parseSignal, signalNumber } from '../rules/stop-signal.ts'
import { checkStopTimeout, timeoutAtShutdown } from '../rules/stop-timeout.ts'
import type { Context } from './context.ts'
import { commandEnvironment } from './environment.ts'
import { Retries } from './retries.ts'
import { Run, type Runs } from './runs.ts'
import { filesOf, linkVariables } from './sandbox-files.ts'
import type { Streams } from './streams.ts'
import { toldAs, withWords } from './told-as.ts'
import type { Undo } from './undo.ts'
import type { Watchers } from './watchers.ts'

export interface StopOptions {
  readonly signal?: string | undefined
  readonly timeoutS?: number | undefined
}

/** The time of what has not happened. */
export const NEVER = '0001-01-01T00:00:00Z'

/** What Docker notes where a sandbox could not be started for another reason than its command. */
const START_FAILED = 128

export class Lifecycle {
  readonly #context: Context
  readonly #runs: Runs
  readonly #streams: Streams
  readonly #watchers: Watchers
  readonly #retries: Retries

  constructor(context: Context, runs: Runs, streams: Streams, watchers: Watchers) {
    this.#context = context
    this.#runs = runs
    this.#streams = streams
    this.#watchers = watchers
    this.#retries = new Retries(context.parts.surroundings)
  }

  /** Throws DAEMON_STOPPING, also for the second half of a restart. */
  start(reference: string): Promise<void> {
    return this.#context.operation(() => this.#startLocked(reference))
  }

  async #startLocked(reference: string): Promise<void> {
    const { id } = this.#context.findSandbox(reference)
    await this.#runs.locked(id, async (sandbox) => {
      if (this.#runs.find(id) !== undefined) return
      // It may have waited for others of the sandbox; what has begun meanwhile is the daemon's end.
      this.#context.refuseWhileClosing()
      try {
        await this.#context.attempt((undo) => this.#start(undo, sandbox))
      } catch (error) {
        await this.#noteFailure(id, error)
        throw error
      }
    })
  }

  async stop(reference: string, options: StopOptions): Promise<void> {
    const { id } = this.#context.findSandbox(reference)
    const { run, sandbox } = await this.#current(id)
    if (run === undefined) return
    await toldAs(`cannot stop container: ${reference}`, () => this.#end(run, sandbox, options))
    if (!run.kept) await this.#context.save()
  }

  async restart(reference: string, options: StopOptions): Promise<void> {
    const { id } = this.#context.findSandbox(reference)
    const { run, sandbox } = await this.#current(id)
    await toldAs(`Cannot restart container ${reference}`, async () => {
      if (run !== undefined) await this.#end(run, sandbox, options, true)
      await this.start(id)
    })
    this.#context.sandboxEvent('restart', sandbox)
  }

  kill(reference: string, signal: string): Promise<void> {
    return toldAs(`cannot kill container: ${reference}`, () => this.#kill(reference, signal))
  }

  async #kill(reference: string, signalText: string): Promise<void> {
    const { id } = this.#context.findSandbox(reference)
    const signal = parseSignal(signalText)
    const { run, sandbox } = await this.#current(id)
    if (run === undefined) {
      throw new TapwireError(ErrorCode.notRunning, `container ${id} is not running`)
    }
    this.#signal(run, sandbox, signal)
    if (signal !== 'SIGKILL') return
    await run.ended
    if (!run.kept) await this.#context.save()
  }

  async remove(reference: string, { force }: { readonly force: boolean }): Promise<void> {
    const { id } = this.#context.findSandbox(reference)
    let run = await this.#runs.locked(id, (sandbox) => this.#removeOrEnd(sandbox, force))
    // A restart may start it again between its end and its removal, and it may have removed itself at its end.
    while (run !== undefined) {
      await run.ended
      run = await this.#context.lock.run(id, async () => {
        const present = this.#context.model.sandbox(id)
        return present && this.#removeOrEnd(present, force)
      })
    }
  }

  /** Removes a sandbox that does not run; with `force` kills one that does, whose run this resolves to. */
  async #removeOrEnd(sandbox: SandboxRecord, force: boolean): Promise<Run | undefined> {
    const run = this.#runs.find(sandbox.id)
    if (run === undefined) {
      await this.#context.operation(() => this.#remove(sandbox))
      return undefined
    }
    if (!force) throw stillRuns(sandbox)
    this.#signal(run, sandbox, 'SIGKILL')
    return run
  }

  /** Ends all that runs, as `stop` does, but that nobody's stop timeout keeps the daemon from ending. */
  async stopAll(): Promise<void> {
    await Promise.all(
      this.#runs.all().map(async ({ running: { id } }) => {
        const { name, config } = this.#context.findSandbox(id)
        try {
          await this.stop(id, { timeoutS: timeoutAtShutdown(config.stopTimeoutS) })
        } catch (error) {
          this.#context.warn(error, `${name} could not be stopped`)
        }
      }),
    )
  }

  /** Resolves when all that is under way with any sandbox is over; what was to be tried again later is not any more. */
  async settled(): Promise<void> {
    const { model, lock } = this.#context
    await Promise.all([...model.sandboxes.keys()].map((id) => lock.run(id, async () => {})))
    this.#retries.cancelAll()
  }

  /** Follows a sandbox that runs to its end. */
  follow(run: Run): void {
    this.#runs.add(run)
    const { id, exited } = run.running
    void exited.then((exit) => this.#context.lock.run(id, () => this.#ended(run, exit)))
  }

  /** Takes note of a sandbox's end in the model, which the caller then keeps. */
  async noteEnd(sandbox: SandboxRecord, exit: SandboxExit): Promise<SandboxRecord> {
    await this.#runs.publications.abandon(sandbox)
    await this.#runs.permits.abandon(sandbox)
    await this.#runs.names.abandon(sandbox)
    const left = await this.#runs.attachments.abandon(sandbox)
    for (const endpoint of sandbox.endpoints) this.#runs.attachments.releaseAddresses(sandbox, endpoint)
    const ended: SandboxRecord = {
      ...left,
      ports: {},
      state: {
        ...sandbox.state,
        status: 'exited',
        pid: 0,
        exitCode: exit.exitCode,
        finishedAt: exit.finishedAt,
      },
    }
    this.#context.model.putSandbox(ended)
    return ended
  }

  async #start(undo: Undo, sandbox: SandboxRecord): Promise<void> {
    const { host } = this.#context.parts
    const { attachments } = this.#runs
    onNetworks(() => this.#refuseFormerNetworks(sandbox))
    const networks = sandbox.endpoints.map(({ network }) => network)
    const variables = linkVariables(this.#context, sandbox)
    await toldAs(NETWORKING, () => attachments.prepare(sandbox, networks))
    const tentative = onNetworks(() => attachments.reserve(undo, sandbox, networks))
    const reserved = await toldAs(NETWORKING, () => attachments.claim(undo, sandbox, tentative))
    const running = await host.create(this.#plan(reserved))
    // What it printed in an earlier life stays.
    undo.add(() => host.remove(sandbox.id, { log: sandbox.state.startedAt === NEVER }))
    const attached = await toldAs(NETWORKING, () => this.#attach(undo, running, sandbox, reserved))
    const pid = await this.#startCommand(running, attached, variables)
    const state = {
      status: 'running',
      pid,
      exitCode: 0,
      error: '',
      startedAt: this.#context.timestamp(),
    } as const
    const started = { ...attached, state: { ...sandbox.state, ...state } }
    await this.#context.commitSandbox(undo, started)
    this.follow(new Run(running))
    for (const network of networks) {
      attachments.announce(started, network)
      this.#context.networkEvent('connect', this.#context.model.network(network)!, { container: sandbox.id })
    }
    this.#runs.refreshDependents(started)
    this.#context.sandboxEvent('start', started)
  }

  async #attach(
    undo: Undo,
    running: RunningSandbox,
    before: SandboxRecord,
    reserved: SandboxRecord,
  ): Promise<SandboxRecord> {
    const { attachments, publications, permits, names } = this.#runs
    const attached = await attachments.attach(undo, running, before, reserved, false)
    // Which gateways there are decides whom it asks, and only the drivers know.
    this.#runs.completeFiles(running, reserved, attached)
    await permits.settle(undo, attached)
    await names.settle(undo, running, before, attached)
    return publications.settle(undo, attached)
  }

  #refuseFormerNetworks({ name, endpoints }: SandboxRecord): void {
    const former = endpoints.find(({ formerName }) => formerName !== undefined)
    if (former === undefined) return
    throw new TapwireError(ErrorCode.networkUnknown, `network ${former.formerName} not found`, {
      hint:
        `It was removed. Make it again: 'tapwire network create ${former.formerName}', or do without it: ` +
        `'tapwire network disconnect ${former.formerName} ${name}'.`,
    })
  }

  #plan(sandbox: SandboxRecord): SandboxPlan {
    const { networkMode: mode } = sandbox.config
    return {
      id: sandbox.id,
      hostname: sandbox.config.hostname,
      network:
        mode.kind === 'host'
          ? 'host'
          : mode.kind === 'container'
            ? this.#networkOwner(sandbox, mode.sandbox)
            : 'own',
      files: filesOf(this.#context, sandbox),
    }
  }

  /** The sandbox whose network another one shares. */
  #networkOwner(sandbox: SandboxRecord, id: string): { readonly sandbox: string } {
    if (id === sandbox.id) throw new TapwireError(ErrorCode.notRunning, 'cannot join own network namespace')
    const owner = this.#findOwner(id)
    if (this.#runs.find(id) !== undefined) return { sandbox: id }
    throw new TapwireError(
      ErrorCode.notRunning,
      `cannot join network namespace of a non running container: container ${owner.name} is ${owner.state.status}`,
    )
  }

  #findOwner(id: string): SandboxRecord {
    try {
      return this.#context.findSandbox(id)
    } catch (error) {
      throw withWords('joining network namespace of container', error)
    }
  }

  /** The id of the process that the sandbox lives as long as. */
  async #startCommand(
    running: RunningSandbox,
    sandbox: SandboxRecord,
    variables: readonly string[],
  ): Promise<number> {
    await this.#streams.connect(running)
    const { config } = sandbox
    if (config.command.length === 0) return running.pid
    return running.start({
      command: config.command,
      environment: commandEnvironment(config, variables),
      workingDirectory: config.workingDirectory,
      tty: config.tty,
      openStdin: config.openStdin,
    })
  }

  /** Inspect tells why a sandbox did not start. What becomes of networks meanwhile, removal for example, has changed its record. */
  async #noteFailure(id: string, error: unknown): Promise<void> {
    const sandbox = this.#context.model.sandbox(id)!
    if (sandbox.config.autoRemove) return this.#removeAtEnd(sandbox)
    const { message, exitCode } =
      error instanceof TapwireError ? error : { message: String(error), exitCode: START_FAILED }
    const state = { ...sandbox.state, error: message, exitCode: exitCode > 1 ? exitCode : START_FAILED }
    this.#context.model.putSandbox({ ...sandbox, state })
    try {
      await this.#context.save()
    } catch (unsaved) {
      this.#context.warn(unsaved, `why ${sandbox.name} did not start could not be kept`)
    }
  }

  async #end(
    run: Run,
    sandbox: SandboxRecord,
    options: StopOptions,
    restarting: boolean = false,
  ): Promise<void> {
    const seconds = checkStopTimeout(options.timeoutS ?? sandbox.config.stopTimeoutS)
    const signal = parseSignal(options.signal ?? sandbox.config.stopSignal)
    run.stopping = true
    run.restarting = restarting
    this.#signal(run, sandbox, signal)
    // As in Docker, a negative time is for ever.
    const cancel =
      seconds < 0
        ? () => undefined
        : this.#context.parts.surroundings.after(seconds * 1000, () => this.#signal(run, sandbox, 'SIGKILL'))
    await run.ended
    cancel()
  }

  #signal(run: Run, sandbox: SandboxRecord, signal: NodeJS.Signals): void {
    run.running.signal(signal)
    this.#context.sandboxEvent('kill', sandbox, { signal: String(signalNumber(signal)) })
  }

  /** The sandbox and its run, as they are when all that was asked before has been done. */
  #current(id: string): Promise<{ run: Run | undefined; sandbox: SandboxRecord }> {
    return this.#runs.locked(id, async (sandbox) => ({ run: this.#runs.find(id), sandbox }))
  }

  async #ended(run: Run, exit: SandboxExit): Promise<void> {
    const { id } = run.running
    const { model, parts } = this.#context
    this.#runs.delete(id)
    const before = model.sandbox(id)!
    const sandbox = await this.noteEnd(before, exit)
    try {
      await this.#context.save()
      run.kept = true
      // Only now: a daemon that starts meanwhile learns from what is left how the sandbox ended.
      await parts.host.remove(id, { log: false })
    } catch (error) {
      this.#context.warn(error, `what ${sandbox.name} left at its end could not all be dealt with`)
    }
    this.#tellEnd(run, before, sandbox)
    if (sandbox.config.autoRemove && !run.restarting) await this.#removeAtEnd(sandbox)
    run.settle()
  }

  #tellEnd(run: Run, before: SandboxRecord, sandbox: SandboxRecord): void {
    const { exitCode, startedAt, finishedAt } = sandbox.state
    for (const { network: id, joined } of before.endpoints) {
      const network = this.#context.model.network(id)
      if (network === undefined || joined === undefined) continue
      this.#context.networkEvent('disconnect', network, { container: sandbox.id })
    }
    this.#runs.refreshDependents(sandbox)
    if (run.stopping) this.#context.sandboxEvent('stop', sandbox)
    const seconds = Math.floor((Date.parse(finishedAt) - Date.parse(startedAt)) / 1000)
    this.#context.sandboxEvent('die', sandbox, {
      execDuration: String(Math.max(0, seconds)),
      exitCode: String(exitCode),
    })
    this.#watchers.exited(sandbox.id, exitCode)
  }

  async #removeAtEnd(sandbox: SandboxRecord): Promise<void> {
    try {
      await this.#remove(sandbox)
    } catch (error) {
      this.#context.warn(error, `${sandbox.name} could not be removed at its end; it is tried again`)
      this.#retries.later(() => this.#removeLate(sandbox.id))
    }
  }

  /** Somebody may have removed it meanwhile, or started it: then its next end removes it. */
  #removeLate(id: string): Promise<void> {
    return this.#context.lock.run(id, async () => {
      const sandbox = this.#context.model.sandbox(id)
      if (sandbox !== undefined && this.#runs.find(id) === undefined) await this.#removeAtEnd(sandbox)
    })
  }

  async #remove(sandbox: SandboxRecord): Promise<void> {
    const { model, parts } = this.#context
    await this.#context.attempt(async (undo) => {
      // They are there where it is not removed after all.
      for (const { network } of sandbox.endpoints) undo.always(this.#context.holdNetwork(network))
      await this.#context.commit(
        undo,
        () => model.deleteSandbox(sandbox.id),
        () => model.putSandbox(sandbox),
      )
      await parts.host.remove(sandbox.id, { log: true })
    })
    model.sandboxNames.giveBack(sandbox.name)
    this.#streams.drop(sandbox.id)
    this.#context.sandboxEvent('destroy', sandbox)
    this.#watchers.removed(sandbox.id, sandbox.state.exitCode)
  }
}

/** Docker's words for what goes wrong before the command is asked for. */
const NETWORKING = 'failed to set up container networking'

function onNetworks<T>(reserve: () => T): T {
  try {
    return reserve()
  } catch (error) {
    throw withWords(NETWORKING, error)
  }
}

const stillRuns = ({ name }: SandboxRecord): TapwireError =>
  new TapwireError(
    ErrorCode.sandboxRunning,
    `cannot remove container "${name}": container is running: stop the container before removing or force remove`,
  )
