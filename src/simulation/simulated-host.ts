/** Sandboxes that are there in the model alone: no namespace, and no command that runs. */

import { type Duplex, PassThrough } from 'node:stream'
import type { LogEntry } from '../control/api/sandbox.ts'
import type { RunningSandbox, SandboxExit, SandboxHost, SandboxPlan } from '../control/model/machine.ts'

/** Of nobody, since no process of the machine has it. */
const PID = 0
const EXIT_KILLED = 137

interface SimulatedSandbox {
  readonly running: RunningSandbox
  readonly end: () => void
}

export class SimulatedHost implements SandboxHost {
  readonly #sandboxes = new Map<string, SimulatedSandbox>()
  readonly #exits = new Map<string, SandboxExit>()
  readonly #now: () => number

  /** `now` in milliseconds since 1970. */
  constructor(now: () => number) {
    this.#now = now
  }

  async create(plan: SandboxPlan): Promise<RunningSandbox> {
    const sandbox = this.#sandboxOf(plan)
    this.#sandboxes.set(plan.id, sandbox)
    this.#exits.delete(plan.id)
    return sandbox.running
  }

  async adopt(id: string): Promise<RunningSandbox | undefined> {
    return this.#sandboxes.get(id)?.running
  }

  lastExit(id: string): SandboxExit | undefined {
    return this.#exits.get(id)
  }

  async remove(id: string): Promise<void> {
    this.#sandboxes.get(id)?.end()
    this.#exits.delete(id)
  }

  present(): readonly string[] {
    return [...new Set([...this.#sandboxes.keys(), ...this.#exits.keys()])]
  }

  logPath(): string {
    return ''
  }

  async *logs(): AsyncIterable<LogEntry> {
    // Nothing runs that could print.
  }

  #sandboxOf({ id, network }: SandboxPlan): SimulatedSandbox {
    let ended: (exit: SandboxExit) => void
    const exited = new Promise<SandboxExit>((resolve) => {
      ended = resolve
    })
    const end = (): void => {
      if (!this.#sandboxes.delete(id)) return
      const exit = { exitCode: EXIT_KILLED, finishedAt: new Date(this.#now()).toISOString() }
      this.#exits.set(id, exit)
      ended(exit)
    }
    const nothing = async (): Promise<void> => undefined
    const stream = async (): Promise<Duplex> => new PassThrough()
    return {
      end,
      running: {
        id,
        networkNamespace: namespaceOf(id, network),
        pid: PID,
        exited,
        start: async () => PID,
        signal: end,
        configure: nothing,
        idleTaps: async () => [],
        setSysctls: nothing,
        writeFiles: () => undefined,
        attach: stream,
        exec: stream,
      },
    }
  }
}

/** As the machine names them, though nobody opens it. */
function namespaceOf(id: string, network: SandboxPlan['network']): string {
  if (network === 'host') return ''
  return `/run/netns/tw-${(network === 'own' ? id : network.sandbox).slice(0, 12)}`
}
