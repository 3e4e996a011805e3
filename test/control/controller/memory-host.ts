import { type Duplex, PassThrough } from 'node:stream'
import type { LogEntry } from '../../../src/control/api/sandbox.ts'
import { TapwireError } from '../../../src/control/errors.ts'
import type {
  CommandPlan,
  RunningSandbox,
  SandboxExit,
  SandboxFiles,
  SandboxHost,
  SandboxPlan,
} from '../../../src/control/model/machine.ts'
import type { Step } from './memory-fabric.ts'
import { MemoryNamespace } from './memory-namespace.ts'

/** A sandbox's processes and namespaces, which no daemon's end touches. */
export interface MemorySandbox {
  readonly id: string
  readonly namespace: MemoryNamespace
  readonly hostname: string
  files: SandboxFiles
  command: CommandPlan | undefined
  /** Streams that clients attached, in their order; each one carries what is printed. */
  readonly streams: PassThrough[]
  /** What was run in it besides. */
  readonly executed: CommandPlan[]
  /** Signals that it does not end of. */
  ignores: readonly NodeJS.Signals[]
  readonly whenEnded: Set<(exit: SandboxExit) => void>
}

/** What survives daemons. */
export interface MemoryProcesses {
  readonly sandboxes: Map<string, MemorySandbox>
  /** By path, also those whose sandbox has ended. */
  readonly namespaces: Map<string, MemoryNamespace>
  /** What a holder noted of its end. */
  readonly exits: Map<string, SandboxExit>
  readonly logs: Set<string>
  end(id: string, exitCode: number): void
}

export const HOST_NAMESPACE = new MemoryNamespace('/proc/self/ns/net')
const SIGNAL_NUMBERS: Readonly<Record<string, number>> = { SIGINT: 2, SIGKILL: 9, SIGTERM: 15 }

export class MemoryHost implements SandboxHost {
  readonly #processes: MemoryProcesses
  readonly #step: Step

  constructor(processes: MemoryProcesses, step: Step) {
    this.#processes = processes
    this.#step = step
  }

  create(plan: SandboxPlan): Promise<RunningSandbox> {
    return this.#step('create', () => {
      const { sandboxes, exits, logs } = this.#processes
      if (sandboxes.has(plan.id)) throw new Error(`${plan.id} is there already`)
      const sandbox: MemorySandbox = {
        id: plan.id,
        namespace: this.#namespaceOf(plan),
        hostname: plan.hostname,
        files: plan.files,
        command: undefined,
        streams: [],
        executed: [],
        ignores: [],
        whenEnded: new Set(),
      }
      sandboxes.set(plan.id, sandbox)
      exits.delete(plan.id)
      logs.add(plan.id)
      return this.#running(sandbox)
    })
  }

  async adopt(id: string): Promise<RunningSandbox | undefined> {
    const sandbox = this.#processes.sandboxes.get(id)
    return sandbox && this.#running(sandbox)
  }

  lastExit(id: string): SandboxExit | undefined {
    return this.#processes.exits.get(id)
  }

  remove(id: string, { log }: { readonly log: boolean }): Promise<void> {
    return this.#step('remove', () => {
      this.#processes.end(id, 137)
      this.#processes.exits.delete(id)
      if (log) this.#processes.logs.delete(id)
    })
  }

  present(): readonly string[] {
    const { sandboxes, exits, logs } = this.#processes
    return [...new Set([...sandboxes.keys(), ...exits.keys(), ...logs])]
  }

  logPath(id: string): string {
    return `/root/sandboxes/${id.slice(0, 12)}/log.json`
  }

  async *logs(id: string): AsyncIterable<LogEntry> {
    yield { log: `${id}\n`, stream: 'stdout', time: '2026-01-02T00:00:00.000000000Z' }
  }

  #namespaceOf({ id, network }: SandboxPlan): MemoryNamespace {
    if (network === 'host') return HOST_NAMESPACE
    if (network === 'own') {
      const namespace = new MemoryNamespace(`/run/netns/tw-${id.slice(0, 12)}`)
      this.#processes.namespaces.set(namespace.path, namespace)
      return namespace
    }
    return this.#processes.sandboxes.get(network.sandbox)!.namespace
  }

  #running(sandbox: MemorySandbox): RunningSandbox {
    const { namespace } = sandbox
    const processes = this.#processes
    const step = this.#step
    const alive = (): void => {
      if (!processes.sandboxes.has(sandbox.id)) throw new Error(`${sandbox.id} has ended`)
    }
    return {
      id: sandbox.id,
      networkNamespace: namespace.path,
      pid: 100,
      exited: new Promise((resolve) => {
        const exit = processes.exits.get(sandbox.id)
        if (!processes.sandboxes.has(sandbox.id) && exit !== undefined) resolve(exit)
        else sandbox.whenEnded.add(resolve)
      }),
      start: (plan) =>
        step('start', () => {
          alive()
          const [program, argument] = plan.command
          if (program === 'missing') {
            throw new TapwireError('COMMAND_NOT_FOUND', `exec: "${program}": not found`, { exitCode: 127 })
          }
          sandbox.command = plan
          for (const stream of sandbox.streams) stream.push(`${plan.command.join(' ')}\n`)
          if (program === 'exit') processes.end(sandbox.id, Number(argument))
          return 101
        }),
      signal: (signal) => {
        if (!sandbox.ignores.includes(signal)) processes.end(sandbox.id, 128 + SIGNAL_NUMBERS[signal]!)
      },
      configure: (commands) =>
        step('configure', () => {
          alive()
          namespace.configure(commands)
        }),
      idleTaps: async (mac) =>
        [...namespace.taps]
          .filter(([, tap]) => !tap.open && (mac === undefined || tap.mac === mac))
          .map(([name]) => name),
      setSysctls: (values) =>
        step('setSysctls', () => {
          alive()
          for (const [name, value] of Object.entries(values)) namespace.setSysctl(name, value)
        }),
      writeFiles: (files) => {
        const given = Object.entries(files).filter(([, text]) => text !== undefined)
        sandbox.files = { ...sandbox.files, ...Object.fromEntries(given) }
      },
      attach: async () => attached(sandbox),
      exec: async (plan) => {
        sandbox.executed.push(plan)
        return new PassThrough()
      },
    }
  }
}

function attached(sandbox: MemorySandbox): Duplex {
  const stream = new PassThrough()
  sandbox.streams.push(stream)
  return stream
}
