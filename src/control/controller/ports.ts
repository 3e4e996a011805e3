import { DROP_REASONS } from '../../datapath/drop-reason.ts'
import { FRAME_MAX } from '../../datapath/frame-memory.ts'
import type { Fdb, FdbFlushed, Frames, FramesSent, Stats } from '../api/switch.ts'
import type { SwitchRegistry } from '../drivers/switch-registry.ts'
import { ErrorCode, TapwireError } from '../errors.ts'
import type { Context } from './context.ts'
import { GatewayClaims } from './gateway-claim.ts'
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
  readonly #registry: SwitchRegistry

  constructor(context: Context, runs: Runs, registry: SwitchRegistry) {
    this.#context = context
    this.#runs = runs
    this.#registry = registry
    context.parts.fabric.onPortGone((port) => this.#gone(port))
  }

  async fdb(): Promise<Fdb> {
    const stations = await this.#context.parts.fabric.stations()
    const names = new SwitchNames(this.#context, this.#registry)
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
        : this.#registry
            .ports()
            .filter(({ endpoint }) => endpoint?.sandbox === ofSandbox)
            .filter(({ network: { id } }) => onNetwork === undefined || id === onNetwork)
            .map(({ port }) => fabric.flushPort(port)),
    )
    return { Stations: counts.reduce((sum, count) => sum + count, 0) }
  }

  async send(network: string, { frames }: Frames): Promise<FramesSent> {
    const record = this.#context.findNetwork(network)
    const { id, name } = record
    const claims = new GatewayClaims(record)
    const ports = new Map<string, number>()
    const portOf = (from: string): number => {
      const port = ports.get(from) ?? this.#portOf(from, id, name)
      ports.set(from, port)
      return port
    }
    const checked = frames.map(({ from, data }) => ({ port: portOf(from), frame: frameOf(data) }))
    const refused: Record<string, number> = {}
    const sent = checked.filter(({ frame }) => {
      const reason = claims.of(frame)
      if (reason !== undefined) refused[reason] = (refused[reason] ?? 0) + 1
      return reason === undefined
    })
    const reasons = await this.#context.parts.fabric.injectAll(sent)
    return {
      frames: frames.length,
      drops: DROP_REASONS.flatMap(({ name: reason, sentence }) => {
        const count = (reasons[reason] ?? 0) + (refused[reason] ?? 0)
        return count === 0 ? [] : [{ reason, sentence, frames: count }]
      }),
    }
  }

  /** Throws SANDBOX_UNKNOWN, NOT_CONNECTED. */
  #portOf(sandbox: string, network: string, networkName: string): number {
    const { id, name } = this.#context.findSandbox(sandbox)
    const entry = this.#registry
      .ports()
      .find(({ endpoint, network: { id: on } }) => endpoint?.sandbox === id && on === network)
    if (entry !== undefined) return entry.port
    throw new TapwireError(
      ErrorCode.notConnected,
      `container ${name} is not connected to network ${networkName}, or does not run`,
    )
  }

  stats(): Stats {
    const { ports, ...rest } = this.#context.parts.fabric.stats()
    const names = new SwitchNames(this.#context, this.#registry)
    return { ...rest, ports: ports.map((counters) => ({ ...counters, ...names.port(counters.port) })) }
  }

  #domains(network: string | undefined): readonly number[] {
    if (network === undefined) return this.#registry.domains()
    const domain = this.#registry.domainOf(network)
    return domain === undefined ? [] : [domain]
  }

  /** Somebody in the sandbox has deleted the interface. The endpoint stays: disconnecting and connecting makes it anew. */
  #gone(port: number): void {
    const owner = this.#registry.portGone(port)
    if (owner?.endpoint === undefined) return
    const { id, network, sandbox } = owner.endpoint
    this.#runs.attachments.markGone(id)
    void this.#runs.names.portGone(sandbox)
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

function frameOf(data: string): Uint8Array {
  const frame = Buffer.from(data, 'base64')
  if (frame.length <= FRAME_MAX) return frame
  throw new TapwireError(ErrorCode.badRequest, `A frame has at most ${FRAME_MAX} bytes, not ${frame.length}.`)
}
