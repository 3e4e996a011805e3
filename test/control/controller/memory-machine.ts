/**
 * A machine in memory, as faithful as the controller can tell: namespaces with TAPs, addresses and routes, processes that
 * end, a switch that dies with its daemon, a disk that does not. Any one step of a daemon can be made to fail, or be its last.
 *
 *     machine ── survives ──►  sandboxes (namespace, TAPs, routes, files, command), disk
 *        └ boot() ── dies ──►  fabric (domains, ports), address space, controller
 */

import { createHash } from 'node:crypto'
import { setImmediate as immediate } from 'node:timers/promises'
import type { Event } from '../../../src/control/api/system.ts'
import type { ClusterParts } from '../../../src/control/cluster/cluster.ts'
import { Controller } from '../../../src/control/controller/controller.ts'
import { DEFAULTS } from '../../../src/control/defaults.ts'
import type { NetworkDriver } from '../../../src/control/drivers/driver.ts'
import { Ipam } from '../../../src/control/ipam/ipam.ts'
import type { SandboxExit, Surroundings } from '../../../src/control/model/machine.ts'
import type { ModelRecord } from '../../../src/control/model/records.ts'
import type { Store } from '../../../src/control/model/store.ts'
import type { RegistryClock } from '../../../src/control/registry/manual-clock.ts'
import { MemoryFabric, type Step } from './memory-fabric.ts'
import { MemoryHost, type MemoryProcesses, type MemorySandbox } from './memory-host.ts'
import { MemoryHostPorts } from './memory-host-ports.ts'
import type { MemoryNamespace } from './memory-namespace.ts'

/** What a step that was chosen to fail rejects with. */
export class InjectedFailure extends Error {}

/** What a daemon was made of, for a test to look at. */
export interface Daemon {
  readonly controller: Controller
  readonly addresses: Ipam
  readonly fabric: MemoryFabric
  readonly hostPorts: MemoryHostPorts
  readonly warnings: string[]
  readonly events: Pick<Event, 'Type' | 'Action' | 'Actor'>[]
  /** The model as it is in the daemon's memory. */
  model(): ModelRecord
}

interface Timer {
  readonly at: number
  callback(): void
}

export class MemoryMachine implements MemoryProcesses {
  readonly sandboxes = new Map<string, MemorySandbox>()
  readonly namespaces = new Map<string, MemoryNamespace>()
  readonly exits = new Map<string, SandboxExit>()
  readonly logs = new Set<string>()
  /** Ports that programs of the machine have: `80/tcp` on all addresses, `127.0.0.1 80/tcp` on one. */
  readonly busyPorts = new Set<string>()
  disk: ModelRecord | undefined
  /** That packets to other machines are sent from; undefined: no route leads there. */
  localAddress: string | undefined = '192.0.2.1'
  defaults = DEFAULTS
  /** What the user of the next daemon says of it. */
  uplink: string | undefined
  /** What the user of the next daemon says of its cluster. */
  cluster: ClusterParts | undefined
  /** Names of the steps since the last `failAt` or `dieAt`. */
  readonly steps: string[] = []
  readonly #timers = new Set<Timer>()
  #life = 0
  #failAt = 0
  #dieAt = 0
  #failing: string | undefined
  #saves = 0
  #failingSaves: ReadonlySet<number> = new Set()
  #dieBefore = false
  #dead = false
  #drawn = 0
  readonly #name: string
  readonly #clock: RegistryClock | undefined
  #now = Date.UTC(2026, 0, 2)

  /** With a `clock` that it has in common with others, which then passes the time. No two of one name in a test. */
  constructor(name: string = '', clock?: RegistryClock) {
    this.#name = name
    this.#clock = clock
  }

  get now(): number {
    return this.#clock?.now() ?? this.#now
  }

  set now(ms: number) {
    this.#now = ms
  }

  /** Steps are counted from here, from 1; the one of this number fails. 0: none. */
  failAt(step: number): void {
    this.steps.length = 0
    this.#failAt = step
    this.#dieAt = 0
  }

  /** Every step of this name fails from here on; undefined: none. */
  failFrom(name: string | undefined): void {
    this.#failing = name
  }

  /** Saves are counted from here, from 1; those of these numbers fail. */
  failSaves(numbers: readonly number[]): void {
    this.#saves = 0
    this.#failingSaves = new Set(numbers)
  }

  /** The daemon dies before the step of this number, or just after it; whoever waits for it waits for ever. */
  dieAt(step: number, before: boolean): void {
    this.failAt(0)
    this.#dieAt = step
    this.#dieBefore = before
  }

  /** The daemon dies. */
  die(): void {
    this.#dead = true
  }

  /** A new daemon on what the one before has left, with these drivers beyond the built-in ones. Its controller has recovered. */
  async boot(drivers: readonly NetworkDriver[] = []): Promise<Daemon> {
    this.#life++
    this.#dead = false
    this.failAt(0)
    this.#timers.clear()
    for (const { namespace } of this.sandboxes.values()) namespace.closeAll()
    const step = this.#stepsOf(this.#life)
    const surroundings = this.#surroundings()
    const fabric = new MemoryFabric(step, (path) => this.#namespaceAt(path))
    fabric.tunnelling.local = this.localAddress
    const hostPorts = new MemoryHostPorts(step, this.busyPorts)
    const addresses = new Ipam({ hostId: 'memory', now: () => this.now })
    const warnings: string[] = []
    const events: Daemon['events'] = []
    let model = (): ModelRecord => ({ networks: [], sandboxes: [], resting: [] })
    const store: Store = {
      load: () => this.disk,
      save: (read) => {
        model = read
        return step('save', () => {
          this.disk = frozen(read())
        })
      },
    }
    const controller = new Controller(
      {
        fabric,
        host: new MemoryHost(this, step),
        hostPorts,
        store,
        addresses,
        surroundings,
        events: {
          publish: (event) => void events.push(event),
          read: () => {
            throw new Error('nobody reads events here')
          },
        },
        defaults: () => this.defaults,
        uplink: this.uplink,
        cluster: this.cluster,
        log: { info: () => undefined, warn: (_details, message) => void warnings.push(message) },
      },
      drivers,
    )
    await controller.recover()
    return {
      controller,
      addresses,
      fabric,
      hostPorts,
      warnings,
      events,
      model: () => frozen(model()),
    }
  }

  /** Lets time pass; timers go off in their order. */
  async pass(ms: number): Promise<void> {
    const end = this.now + ms
    for (;;) {
      const due = [...this.#timers].filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at)[0]
      if (due === undefined) break
      this.#timers.delete(due)
      this.now = due.at
      due.callback()
      await settled()
    }
    this.now = end
    await settled()
  }

  /** A sandbox's processes end. */
  end(id: string, exitCode: number): void {
    const sandbox = this.sandboxes.get(id)
    if (sandbox === undefined) return
    const exit = { exitCode, finishedAt: new Date(this.now).toISOString() }
    this.sandboxes.delete(id)
    this.exits.set(id, exit)
    for (const stream of sandbox.streams) stream.end()
    for (const tell of sandbox.whenEnded) tell(exit)
  }

  #namespaceAt(path: string): MemoryNamespace {
    const namespace = this.namespaces.get(path)
    if (namespace === undefined) throw new Error(`${path}: No such file or directory`)
    return namespace
  }

  #surroundings(): Surroundings {
    return {
      now: () => this.now,
      randomBytes: (count) =>
        createHash('shake256', { outputLength: count })
          .update(`${this.#name}${this.#drawn++}`)
          .digest(),
      after: (ms, callback) => {
        if (this.#clock !== undefined) {
          const life = this.#life
          return this.#clock.after(ms, () => {
            if (life === this.#life && !this.#dead) callback()
          })
        }
        const timer = { at: this.now + ms, callback }
        this.#timers.add(timer)
        return () => void this.#timers.delete(timer)
      },
      hostResolvConf: () => 'nameserver 192.0.2.53\n',
      hostHosts: () => '127.0.0.1\tlocalhost\n',
      hostHostname: () => 'machine',
      reservedPrefixes: async () => ['192.0.2.0/24'],
    }
  }

  #stepsOf(life: number): Step {
    return async (name, apply) => {
      // No answer comes at once.
      await Promise.resolve()
      if (life !== this.#life || this.#dead) return forEver()
      this.steps.push(name)
      const isFailing = name === this.#failing || (name === 'save' && this.#failingSaves.has(++this.#saves))
      if (this.steps.length === this.#failAt || isFailing) throw new InjectedFailure(`${name} fails`)
      if (this.steps.length === this.#dieAt) {
        this.#dead = true
        if (!this.#dieBefore) apply()
        return forEver()
      }
      return apply()
    }
  }
}

/**
 * A model that nobody can change any more: as good as a copy of each record, of which a thousand operations would make millions. Who
 * changes a record in place, and not the model by a new one, throws.
 */
function frozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  for (const part of Object.values(value)) frozen(part)
  return Object.freeze(value)
}

/** Everything that can go on without time or another event has gone on. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) await immediate()
}

const forEver = <T>(): Promise<T> => new Promise(() => undefined)
