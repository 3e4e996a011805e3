import type { Duplex } from 'node:stream'
import type { Exec } from '../api/sandbox.ts'
import { ErrorCode, TapwireError } from '../errors.ts'
import type { RunningSandbox } from '../model/machine.ts'
import type { Context } from './context.ts'
import { commandEnvironment } from './environment.ts'
import { ExitObserver } from './exit-observer.ts'
import { LateStream } from './late-stream.ts'
import type { Runs } from './runs.ts'
import { presentLinkVariables } from './sandbox-files.ts'

/** The standard streams of what runs in sandboxes. */
export class Streams {
  readonly #context: Context
  readonly #runs: Runs
  /** Of clients that attached before the start, by sandbox. */
  readonly #early = new Map<string, Set<LateStream>>()

  constructor(context: Context, runs: Runs) {
    this.#context = context
    this.#runs = runs
  }

  async attach(reference: string): Promise<Duplex> {
    const { id } = this.#context.findSandbox(reference)
    return this.#runs.locked(id, async (sandbox) => {
      const run = this.#runs.find(id)
      const stream = run === undefined ? this.#attachEarly(id) : await run.running.attach()
      this.#context.sandboxEvent('attach', sandbox)
      return stream
    })
  }

  async exec(reference: string, request: Exec): Promise<Duplex | undefined> {
    const { id } = this.#context.findSandbox(reference)
    // Its command may have begun to print while its start is still being saved.
    const run = this.#runs.find(id) ?? (await this.#runs.locked(id, async () => this.#runs.find(id)))
    if (run === undefined) {
      throw new TapwireError(ErrorCode.notRunning, `container ${id} is not running`)
    }
    const sandbox = this.#context.model.sandbox(id)!
    // Docker puts a blank between program and arguments, and so behind a program that has none.
    const [program, ...words] = request.Cmd
    const command = `${program} ${words.join(' ')}`
    const execId = this.#context.newId()
    const target = await run.running.exec({
      command: request.Cmd,
      environment: commandEnvironment(
        {
          hostname: sandbox.config.hostname,
          tty: request.Tty ?? false,
          environment: [...sandbox.config.environment, ...(request.Env ?? [])],
        },
        presentLinkVariables(this.#context, sandbox),
      ),
      workingDirectory: request.WorkingDir ?? sandbox.config.workingDirectory,
      tty: request.Tty ?? false,
      openStdin: request.AttachStdin ?? false,
    })
    this.#context.sandboxEvent(`exec_create: ${command}`, sandbox, { execID: execId })
    this.#context.sandboxEvent(`exec_start: ${command}`, sandbox, { execID: execId })
    const exit = new ExitObserver()
    const stream = new LateStream((chunk) => exit.look(chunk))
    stream.connect(target)
    target.once('close', () => {
      const code = exit.exitCode === undefined ? undefined : { exitCode: String(exit.exitCode) }
      this.#context.sandboxEvent('exec_die', sandbox, { execID: execId, ...code })
    })
    if (request.Detach !== true) return stream
    // Nobody reads it, and what nobody reads holds the command up.
    stream.resume()
    return undefined
  }

  /** Connects those who attached before the start, so that they miss nothing of it. */
  async connect(running: RunningSandbox): Promise<void> {
    const streams = this.#early.get(running.id)
    this.#early.delete(running.id)
    for (const stream of streams ?? []) stream.connect(await running.attach())
  }

  /** The sandbox is removed: it will never start. */
  drop(id: string): void {
    for (const stream of this.#early.get(id) ?? []) stream.destroy()
  }

  #attachEarly(id: string): Duplex {
    const stream = new LateStream()
    const streams = this.#early.get(id) ?? new Set()
    this.#early.set(id, streams.add(stream))
    stream.once('close', () => {
      streams.delete(stream)
      if (streams.size === 0 && this.#early.get(id) === streams) this.#early.delete(id)
    })
    return stream
  }
}
