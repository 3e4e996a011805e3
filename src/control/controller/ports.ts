import type { Fdb, FdbFlushed, Stats } from '../api/switch.ts'
import type { BridgeDriver } from '../drivers/bridge.ts'
import type { Context } from './context.ts'
import type { Runs } from './runs.ts'
import { SwitchNames } from './switch-names.ts'

export interface FdbSelection {
  readonly network?: string | undefined
  readonly sandbox?: string | undefined
}

/** Whose the switch's ports are: what the switch says of a number is told with names. */
export class Ports {
  readonly #context: Context
  readonly #runs: Runs
  readonly #bridge: BridgeDriver

  constructor(context: Context, runs: Runs, bridge: BridgeDriver) {
    this.#context = context
    this.#runs = runs
    this.#bridge = bridge
    context.parts.fabric.onPortGone((port) => this.#gone(port))
  }

  async fdb(): Promise<Fdb> {
    const stations = await this.#context.parts.fabric.stations()
    const names = new SwitchNames(this.#context, this.#bridge)
    return {
      stations: stations.map(({ domain, mac, port, ageS, static: isStatic }) => ({
        ...names.port(port),
        network: names.network(domain),
        mac,
        port,
        ageS,
        static: isStatic,
      })),
    }
  }

  async flush({ network, sandbox }: FdbSelection): Promise<FdbFlushed> {
    const { fabric } = this.#context.parts
    const onNetwork = network === undefined ? undefined : this.#context.findNetwork(network).id
    const ofSandbox = sandbox === undefined ? undefined : this.#context.findSandbox(sandbox).id
    const counts = await Promise.all(
      ofSandbox === undefined
        ? this.#domains(onNetwork).map((domain) => fabric.flushDomain(domain))
        : this.#bridge
            .ports()
            .filter(({ endpoint }) => endpoint.sandbox === ofSandbox)
            .filter(({ endpoint }) => onNetwork === undefined || endpoint.network.id === onNetwork)
            .map(({ port }) => fabric.flushPort(port)),
    )
    return { Stations: counts.reduce((sum, count) => sum + count, 0) }
  }

  stats(): Stats {
    const { ports, ...rest } = this.#context.parts.fabric.stats()
    const names = new SwitchNames(this.#context, this.#bridge)
    return { ...rest, ports: ports.map((counters) => ({ ...counters, ...names.port(counters.port) })) }
  }

  #domains(network: string | undefined): readonly number[] {
    if (network === undefined) return this.#bridge.domains()
    const domain = this.#bridge.domainOf(network)
    return domain === undefined ? [] : [domain]
  }

  /** Somebody in the sandbox has deleted the interface. The endpoint stays: disconnecting and connecting makes it anew. */
  #gone(port: number): void {
    const owner = this.#bridge.portGone(port)
    if (owner === undefined) return
    const { id, network, sandbox } = owner.endpoint
    this.#runs.attachments.markGone(id)
    this.#context.parts.events.publish({
      Type: 'endpoint',
      Action: 'gone',
      Actor: {
        ID: id,
        Attributes: {
          container: sandbox,
          interface: owner.interface,
          name: network.name,
          type: network.driver,
        },
      },
    })
  }
}
