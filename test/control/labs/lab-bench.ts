/** A daemon in memory with its labs, and the daemons of its hosts, each on a machine of its own. */

import type { LabAction } from '../../../src/control/api/lab.ts'
import type { ClusterParts } from '../../../src/control/cluster/cluster.ts'
import { PrefixedRegistry } from '../../../src/control/cluster/prefixed-registry.ts'
import { ErrorCode, TapwireError } from '../../../src/control/errors.ts'
import { parseLab } from '../../../src/control/lab-file.ts'
import { type DaemonLabs, type HostSettings, type LabHosts, Labs } from '../../../src/control/labs/labs.ts'
import { formatAction } from '../../../src/control/labs/plan.ts'
import type { Steps } from '../../../src/control/labs/steps.ts'
import { ManualClock } from '../../../src/control/registry/manual-clock.ts'
import { MemoryRegistryServer } from '../../../src/control/registry/memory-registry.ts'
import { type Daemon, MemoryMachine } from '../controller/memory-machine.ts'

export class LabBench {
  readonly machine: MemoryMachine
  readonly daemon: Daemon
  readonly labs: Labs
  readonly hosts: MemoryHosts

  static async start(name = '', cluster?: ClusterParts): Promise<LabBench> {
    const machine = new MemoryMachine(name)
    machine.cluster = cluster
    return new LabBench(machine, await machine.boot())
  }

  private constructor(machine: MemoryMachine, daemon: Daemon) {
    this.machine = machine
    this.daemon = daemon
    this.hosts = new MemoryHosts()
    this.labs = new Labs(daemon.controller, this.hosts)
  }

  /** What `up` has done, as people read it. */
  async up(text: string, name = 'lab', steps: Steps = new StepList()): Promise<string[]> {
    return texts(await this.labs.up(parseLab(text, `${name}.yaml`, '/srv'), steps))
  }

  async plan(text: string, name = 'lab'): Promise<string[]> {
    return texts(await this.labs.plan(parseLab(text, `${name}.yaml`, '/srv')))
  }

  async down(name = 'lab', steps: Steps = new StepList()): Promise<void> {
    await this.labs.down(name, steps)
  }

  /** `alice running web 10.1.0.2/24 02:42:0a:01:00:02` for each sandbox and endpoint. */
  sandboxes(name = 'lab'): string[] {
    return this.labs
      .status(name)
      .sandboxes.flatMap(({ name: sandbox, state, endpoints }) =>
        endpoints.length === 0
          ? [`${sandbox} ${state}`]
          : endpoints.map(
              (one) =>
                `${sandbox} ${state} ${one.interface} ${one.network} ${one.address}/${one.prefixLength} ${one.mac}`,
            ),
      )
      .toSorted()
  }

  id(sandbox: string): string {
    return this.daemon.controller.inspectSandbox(sandbox).Id
  }
}

function texts(actions: readonly LabAction[]): string[] {
  return actions.map(formatAction)
}

/** Remembers the names of the steps, and how each ended. */
export class StepList implements Steps {
  readonly told: string[] = []

  async step(name: string, action: () => Promise<string | void>): Promise<void> {
    try {
      await action()
      this.told.push(name)
    } catch (error) {
      this.told.push(`${name}: failed`)
      throw error
    }
  }
}

/** Each host's daemon begins when it is first asked for, and ends with what it kept. */
export class MemoryHosts implements LabHosts {
  readonly benches = new Map<string, LabBench>()
  /** None of them answers. */
  silent = false
  /** What all registries that hosts are told of are. */
  readonly registries = new MemoryRegistryServer(new ManualClock())
  readonly #clusters = new Map<string, ClusterParts>()

  command(lab: string, host: string, { cluster }: HostSettings = {}): readonly string[] {
    const key = `${lab}.${host}`
    if (cluster === undefined) return ['daemon', key]
    const { registry, advertise } = cluster
    const name = registry.slice(registry.lastIndexOf('/') + 1)
    this.#clusters.set(key, {
      registry: new PrefixedRegistry(this.registries.connect(), `/${name}/`),
      name,
      hostName: host,
      advertise,
      udpPort: 4789,
    })
    return ['daemon', key, registry, advertise]
  }

  registry(_lab: string, sandbox: string, address: string): readonly string[] {
    return ['registry', sandbox, address]
  }

  socket(lab: string, host: string): string {
    return `/hosts/${lab}.${host}`
  }

  async labs(lab: string, host: string): Promise<DaemonLabs> {
    if (this.silent) throw new TapwireError(ErrorCode.daemonUnreachable, 'It does not answer.')
    const key = `${lab}.${host}`
    const bench = this.benches.get(key) ?? (await LabBench.start(host, this.#clusters.get(key)))
    this.benches.set(key, bench)
    return bench.labs
  }

  async remove(lab: string, host: string): Promise<void> {
    const key = `${lab}.${host}`
    await this.benches.get(key)?.daemon.controller.shutdown({ liveRestore: false })
    this.benches.delete(key)
  }
}
