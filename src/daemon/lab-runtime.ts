/**
 * A lab that runs: its namespaces, its data path, its commands. Built in steps that are told as they happen, and taken
 * down in the opposite order, whatever of it there is.
 */

import type { Fdb, LabStatus, Stats } from '../control/api.ts'
import type { Lab, LabEndpoint, LabSandbox } from '../control/lab.ts'
import { DROP_REASONS, DropReason } from '../datapath/drop-reason.ts'
import { formatMac } from '../wire/address.ts'
import { Datapath } from './datapath.ts'
import { errnoName } from './errno.ts'
import { describe, type Log } from './log.ts'
import {
  configureInterfaces,
  createNamespace,
  deleteNamespaces,
  namespaceName,
  namespacePath,
} from './namespace.ts'
import type { Steps } from './progress.ts'
import { SandboxCommand } from './sandbox-command.ts'

/** An endpoint, and the port of the switch that it is. Ports are numbered in the order of the lab file. */
interface Attachment {
  readonly port: number
  readonly domain: number
  readonly sandbox: LabSandbox
  readonly endpoint: LabEndpoint
  gone: boolean
}

export interface LabRuntimeOptions {
  readonly io: 'auto' | 'io_uring' | 'epoll'
  readonly log: Log
  /** Called for each namespace when it has been made, so that it is removed should this process die. */
  readonly record: (namespace: string) => void
  /** The descriptor that commands write to. */
  readonly commandLog: number
  /** The data path ended by itself. */
  readonly onFailure: (error: Error) => void
}

export class LabRuntime {
  readonly #lab: Lab
  readonly #options: LabRuntimeOptions
  readonly #attachments: Attachment[]
  readonly #commands = new Map<string, SandboxCommand>()
  readonly #startedAt = new Date()
  readonly #made: string[] = []
  #datapath: Datapath | undefined
  #goingDown = false

  constructor(lab: Lab, options: LabRuntimeOptions) {
    this.#lab = lab
    this.#options = options
    const domains = new Map(lab.networks.map(({ name }, domain) => [name, domain]))
    this.#attachments = lab.sandboxes
      .flatMap((sandbox) => sandbox.endpoints.map((endpoint) => ({ sandbox, endpoint })))
      .map((at, port) => ({ ...at, port, domain: domains.get(at.endpoint.network)!, gone: false }))
  }

  async up(steps: Steps): Promise<void> {
    const { networks, sandboxes } = this.#lab
    await steps.step('Start the switch', () => this.#startDatapath())
    await steps.step(`Make ${counted(networks.length, 'network')}`, async () => {
      for (const [id, { transparent }] of networks.entries())
        await this.#running.addDomain({ id, transparent })
    })
    for (const sandbox of sandboxes) {
      await steps.step(`Make sandbox ${sandbox.name}`, () => this.#makeSandbox(sandbox))
    }
    for (const sandbox of sandboxes) {
      const { name, command } = sandbox
      if (command !== undefined)
        await steps.step(`Run ${name}'s command`, async () => this.#runCommand(name, command))
    }
  }

  /** More than once does no harm. Goes on past what fails, and throws the first failure at the end. */
  async down(): Promise<void> {
    const failures: unknown[] = []
    const attempt = async (action: () => Promise<unknown> | undefined): Promise<void> => {
      try {
        await action()
      } catch (error) {
        failures.push(error)
        this.#options.log.error({ error: describe(error) }, 'a part of the lab could not be taken down')
      }
    }
    await Promise.all([...this.#commands.values()].map((command) => attempt(() => command.stop())))
    // The namespaces before the TAPs: the kernel takes the interfaces of a whole namespace down at once.
    this.#goingDown = true
    await attempt(() => deleteNamespaces(this.#made.splice(0)))
    await attempt(() => this.#datapath?.stop())
    if (failures.length > 0) throw failures[0]
  }

  status(): LabStatus {
    return {
      name: this.#lab.name,
      pid: process.pid,
      startedAt: this.#startedAt.toISOString(),
      backend: this.#running.backend,
      networks: this.#lab.networks.map(({ name, subnets: [pool], mtu, transparent }) => ({
        name,
        subnet: pool!.subnet,
        gateway: pool!.gateway!,
        mtu,
        transparent,
      })),
      sandboxes: this.#lab.sandboxes.map((sandbox) => this.#sandboxStatus(sandbox)),
    }
  }

  async fdb(): Promise<Fdb> {
    const stations = await this.#running.stations()
    return {
      stations: stations.flatMap((station) => {
        // A port that went while we asked: its stations are gone too.
        const at = this.#attachments[station.port]
        if (at === undefined || at.gone) return []
        const { endpoint, sandbox, port } = at
        const mac = formatMac(station.hi, station.lo)
        const { ageS, isStatic } = station
        const place = { network: endpoint.network, sandbox: sandbox.name, interface: endpoint.interface }
        return [{ ...place, mac, port, ageS, static: isStatic }]
      }),
    }
  }

  stats(): Stats {
    const { counters } = this.#running
    const total = counters.total()
    return {
      at: Date.now(),
      uptimeS: (Date.now() - this.#startedAt.getTime()) / 1000,
      totals: {
        received: total.receivedFrames,
        forwarded:
          total.receivedFrames - total.flooded - sum(total.drops.slice(0, DropReason.noOtherPort + 1)),
        flooded: total.flooded,
        copies: total.floodCopies,
        segments: total.segmentCopies,
        transmitted: total.transmittedFrames,
        dropped: sum(total.drops),
      },
      ports: this.#attachments.map(({ port, endpoint, sandbox }) => {
        const count = counters.port(port)
        return {
          port,
          network: endpoint.network,
          sandbox: sandbox.name,
          interface: endpoint.interface,
          received: { frames: count.receivedFrames, bytes: count.receivedBytes },
          transmitted: { frames: count.transmittedFrames, bytes: count.transmittedBytes },
          dropped: sum(count.drops),
        }
      }),
      drops: DROP_REASONS.flatMap(({ name, sentence }, reason) => {
        const frames = total.drops[reason]!
        return frames === 0 ? [] : [{ reason: name, sentence, frames }]
      }),
    }
  }

  get #running(): Datapath {
    if (this.#datapath === undefined) throw new Error('the lab has not been brought up')
    return this.#datapath
  }

  async #startDatapath(): Promise<string> {
    const { io, log, onFailure } = this.#options
    const datapath = await Datapath.start({ io })
    this.#datapath = datapath
    datapath.on('failed', onFailure)
    datapath.on('portGone', (port, errno) => this.#lose(port, errno))
    if (datapath.fallbackReason !== undefined) {
      log.warn({ reason: datapath.fallbackReason }, 'io_uring is not available; using epoll')
    }
    return datapath.backend
  }

  #lose(port: number, errno: number): void {
    const at = this.#attachments[port]
    if (at === undefined || this.#goingDown) return
    at.gone = true
    const { endpoint, sandbox } = at
    this.#options.log.warn(
      {
        sandbox: sandbox.name,
        interface: endpoint.interface,
        network: endpoint.network,
        port,
        error: errnoName(errno),
      },
      'an interface has vanished; its port is removed',
    )
  }

  async #makeSandbox(sandbox: LabSandbox): Promise<string> {
    const namespace = namespaceName(this.#lab.name, sandbox.name)
    await createNamespace(namespace)
    this.#made.push(namespace)
    this.#options.record(namespace)
    const attachments = this.#attachments.filter((at) => at.sandbox === sandbox)
    for (const { port, domain, endpoint } of attachments) {
      await this.#running.addPort({
        port,
        domain,
        namespace: namespacePath(namespace),
        name: endpoint.interface,
        mac: endpoint.mac!,
        mtu: this.#lab.networks[domain]!.mtu,
        offload: endpoint.options['tapwire.offload'] !== 'false',
      })
    }
    await configureInterfaces(namespace, sandbox.endpoints)
    return attachments.map(({ endpoint }) => `${endpoint.address} on ${endpoint.network}`).join(', ')
  }

  #runCommand(sandbox: string, command: readonly string[]): string {
    const { log, commandLog } = this.#options
    const namespace = namespaceName(this.#lab.name, sandbox)
    const onExit = (exitCode: number, error?: Error): void => {
      if (error === undefined) log.info({ sandbox, exitCode }, "a sandbox's command has ended")
      else log.error({ sandbox, error: describe(error) }, "a sandbox's command could not be started")
    }
    this.#commands.set(sandbox, new SandboxCommand(namespace, command, commandLog, onExit))
    return command.join(' ')
  }

  #sandboxStatus({ name, endpoints }: LabSandbox): LabStatus['sandboxes'][number] {
    const command = this.#commands.get(name)
    const { pid, exitCode } = command ?? {}
    return {
      name,
      namespace: namespaceName(this.#lab.name, name),
      state: command === undefined ? 'idle' : exitCode === undefined ? 'running' : 'exited',
      ...(pid !== undefined && exitCode === undefined && { pid }),
      ...(exitCode !== undefined && { exitCode }),
      ...(command !== undefined && { command: [...command.command] }),
      endpoints: endpoints.map((endpoint) => {
        const at = this.#attachments.find((attachment) => attachment.endpoint === endpoint)!
        const { network, interface: name, address, prefixLength, mac } = endpoint
        const { port } = at
        const state = at.gone ? 'gone' : 'up'
        return {
          network,
          interface: name,
          address: address!,
          prefixLength: prefixLength!,
          mac: mac!,
          port,
          state,
        }
      }),
    }
  }
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`
