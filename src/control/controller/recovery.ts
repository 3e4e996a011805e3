/**
 * What a daemon does first: it makes the machine and the model agree. What was acknowledged is in the store, so the store is
 * right: what it does not know is removed, and what it says runs is taken up again, or noted as ended where it has ended.
 */

import { isDeepStrictEqual } from 'node:util'
import type { RunningSandbox, SandboxExit } from '../model/machine.ts'
import type { ClusterMemory, ModelRecord, NetworkRecord, SandboxRecord } from '../model/records.ts'
import { BRIDGE_OPTION } from '../rules/bridge-options.ts'
import { BUILT_IN_NETWORKS, isPredefinedNetwork } from '../rules/names.ts'
import type { NetworkPlan } from '../rules/network-create.ts'
import type { Context } from './context.ts'
import { deleteInterfaceCommand } from './interface-commands.ts'
import type { Lifecycle } from './lifecycle.ts'
import type { LocalServices } from './local-services.ts'
import type { Networks } from './networks.ts'
import { Run, type Runs } from './runs.ts'
import { filesOf } from './sandbox-files.ts'
import type { Uplinks } from './uplinks.ts'

/** Of a sandbox that has ended and that could not say how: what Docker says of one whose shim it has lost. */
const EXIT_UNKNOWN = 255

/** Sandboxes that are taken up at a time: each of them may start a process. */
const AT_A_TIME = 16

export class Recovery {
  readonly #context: Context
  readonly #networks: Networks
  readonly #runs: Runs
  readonly #lifecycle: Lifecycle
  readonly #uplinks: Uplinks
  readonly #services: LocalServices

  constructor(
    context: Context,
    networks: Networks,
    runs: Runs,
    lifecycle: Lifecycle,
    uplinks: Uplinks,
    services: LocalServices,
  ) {
    this.#context = context
    this.#networks = networks
    this.#runs = runs
    this.#lifecycle = lifecycle
    this.#uplinks = uplinks
    this.#services = services
  }

  /** `remember` is given what the host knows of its cluster, before anything of that is needed. */
  async run(remember: (memory: ClusterMemory | undefined) => void): Promise<void> {
    const record = this.#context.parts.store.load()
    remember(record?.cluster)
    if (record !== undefined) await this.#restoreModel(record)
    await this.#makeBuiltInNetworks()
    await this.#uplinks.recover()
    const running = [...this.#context.model.sandboxes.values()].filter(
      ({ state }) => state.status === 'running',
    )
    await eachOf(running, AT_A_TIME, (sandbox) => this.#takeUp(sandbox))
    await this.#context.save()
    await this.#removeUnknown()
    await this.#removeEnded()
  }

  async #restoreModel(record: ModelRecord): Promise<void> {
    const { model, drivers, parts } = this.#context
    model.uplink = record.uplink
    model.uplinkImpairment = record.uplinkImpairment
    for (const stored of record.networks) {
      const network = isPredefinedNetwork(stored.name)
        ? { ...stored, options: this.#optionsOf(stored) }
        : stored
      model.networkNames.take(network.name, network.id)
      model.putNetwork(network)
      if (network.configOnly) continue
      const driver = drivers.get(network.driver)
      await driver.createNetwork(network, { again: true })
      await this.#runs.names.addZone(network)
      if (driver.connects) {
        const begin = network.scope === 'swarm' ? this.#context.cluster?.begin : undefined
        parts.addresses.restoreNetwork(network.id, network.ipam.pools, network.ipam.options, begin)
      }
    }
    parts.addresses.restoreResting(record.resting)
    this.#services.restore(record.services ?? [])
    for (const sandbox of record.sandboxes) {
      model.sandboxNames.take(sandbox.name, sandbox.id)
      model.putSandbox(sandbox)
      for (const endpoint of sandbox.endpoints) this.#runs.attachments.restoreAddresses(endpoint)
    }
  }

  async #makeBuiltInNetworks(): Promise<void> {
    for (const name of BUILT_IN_NETWORKS) {
      if (this.#context.model.networkNames.owner(name) !== undefined) continue
      const { record, ...plan } = builtIn(name)
      await this.#networks.make({ ...plan, record: { ...record, options: this.#optionsOf(record) } })
    }
  }

  /** Of a built-in network: what the daemon's user says now, as for networks that are made now. */
  #optionsOf({ driver }: Pick<NetworkRecord, 'driver'>): Readonly<Record<string, string>> {
    const said = this.#context.parts.defaults()
    const defaults = this.#context.drivers.get(driver).rules.defaultOptions(said)
    if (driver !== 'bridge') return defaults
    return { ...DEFAULT_BRIDGE_OPTIONS, [BRIDGE_OPTION.icc]: String(said.icc), ...defaults }
  }

  #takeUp(sandbox: SandboxRecord): Promise<void> {
    return this.#context.lock.run(sandbox.id, async () => {
      const running = await this.#adopt(sandbox)
      if (running === undefined) {
        await this.#lifecycle.noteEnd(sandbox, this.#exitOf(sandbox))
        return
      }
      this.#lifecycle.follow(new Run(running))
      if (!hasOwnNamespace(sandbox)) return
      try {
        await this.#takeUpNetworks(running, sandbox)
      } catch (error) {
        // It runs, can be stopped, and starts whole.
        this.#context.warn(error, `the network of ${sandbox.name} could not be taken up again`)
      }
      await this.#takeUpNames(running, sandbox)
      await this.#takeUpPorts(sandbox)
    })
  }

  /**
   * The daemon that ended may have been about to connect the sandbox to a network, or to disconnect it: a TAP of ours is there
   * that the model does not know, or one is missing. Then all is configured anew, else nothing is touched.
   */
  async #takeUpNetworks(running: RunningSandbox, sandbox: SandboxRecord): Promise<void> {
    const { attachments } = this.#runs
    const known = sandbox.endpoints.flatMap(({ joined }) => joined?.interface || [])
    const idle = await running.idleTaps()
    const unknown = idle.filter((name) => !known.includes(name))
    if (unknown.length > 0) await running.configure(unknown.map(deleteInterfaceCommand))
    for (const endpoint of sandbox.endpoints) {
      if (endpoint.joined !== undefined) await attachments.adopt(running, sandbox, endpoint)
    }
    if (unknown.length === 0 && known.every((name) => idle.includes(name))) return
    await attachments.configure(running, { ...sandbox, endpoints: [] }, sandbox)
    running.writeFiles(filesOf(this.#context, sandbox))
  }

  /** What it is called, and what it may ask. */
  async #takeUpNames(running: RunningSandbox, sandbox: SandboxRecord): Promise<void> {
    try {
      await this.#runs.names.become(running, sandbox)
    } catch (error) {
      this.#context.warn(error, `the names of ${sandbox.name} could not be taken up again`)
    }
  }

  /** What others may ask of it. */
  async #takeUpPorts(sandbox: SandboxRecord): Promise<void> {
    const { permits, publications } = this.#runs
    try {
      await this.#context.attempt((undo) => permits.settle(undo, sandbox))
    } catch (error) {
      this.#context.warn(error, `the links of ${sandbox.name} could not be taken up again`)
    }
    const restored = await publications.restore(sandbox)
    if (!isDeepStrictEqual(restored.ports, sandbox.ports)) this.#context.model.putSandbox(restored)
  }

  async #adopt(sandbox: SandboxRecord): Promise<RunningSandbox | undefined> {
    try {
      return await this.#context.parts.host.adopt(sandbox.id)
    } catch (error) {
      this.#context.warn(error, `${sandbox.name} could not be taken up again`)
      return undefined
    }
  }

  #exitOf(sandbox: SandboxRecord): SandboxExit {
    const noted = this.#context.parts.host.lastExit(sandbox.id)
    return noted ?? { exitCode: EXIT_UNKNOWN, finishedAt: this.#context.timestamp() }
  }

  /** Of sandboxes that the model knows the log stays. */
  async #removeUnknown(): Promise<void> {
    const { host } = this.#context.parts
    const ended = host.present().filter((id) => this.#runs.find(id) === undefined)
    await eachOf(ended, AT_A_TIME, async (id) => {
      try {
        await host.remove(id, { log: this.#context.model.sandbox(id) === undefined })
      } catch (error) {
        this.#context.warn(error, `what is left of sandbox ${id} could not be removed`)
      }
    })
  }

  /** Those that ended while no daemon was there to remove them, as they had asked for. */
  async #removeEnded(): Promise<void> {
    for (const { id, config, state } of this.#context.model.sandboxes.values()) {
      if (state.status === 'exited' && config.autoRemove) await this.#lifecycle.remove(id, { force: false })
    }
  }
}

/** Else the interfaces that are there are another's: those of the machine, or of the sandbox that it shares a network with. */
function hasOwnNamespace({ config }: SandboxRecord): boolean {
  return config.networkMode.kind === 'networks' || config.networkMode.kind === 'none'
}

/** What Docker's default bridge shows, but for the name of a bridge on the machine, which there is none of. */
const DEFAULT_BRIDGE_OPTIONS: Readonly<Record<string, string>> = {
  [BRIDGE_OPTION.defaultBridge]: 'true',
  [BRIDGE_OPTION.icc]: 'true',
  [BRIDGE_OPTION.masquerade]: 'true',
  [BRIDGE_OPTION.hostBinding]: '0.0.0.0',
  [BRIDGE_OPTION.mtu]: '1500',
}

function builtIn(name: (typeof BUILT_IN_NETWORKS)[number]): NetworkPlan {
  const driver = name === 'none' ? 'null' : name
  const ipv4 = name === 'bridge'
  return {
    record: {
      name,
      driver,
      scope: 'local',
      enableIPv4: true,
      enableIPv6: false,
      internal: false,
      attachable: false,
      ingress: false,
      configOnly: false,
      configFrom: '',
      ipam: { driver: 'default', options: {} },
      options: {},
      labels: {},
    },
    wanted: ipv4 ? { ipv4, ipv6: false, pools: [], wantsGateway: true, options: {} } : undefined,
    kept: [],
    warning: '',
  }
}

/** At most `atATime` of the tasks are under way. */
async function eachOf<T>(
  items: readonly T[],
  atATime: number,
  task: (item: T) => Promise<void>,
): Promise<void> {
  const queue = items.values()
  const worker = async (): Promise<void> => {
    for (const item of queue) await task(item)
  }
  await Promise.all(Array.from({ length: Math.min(atATime, items.length) }, worker))
}
