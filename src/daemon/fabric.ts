/** The switch as the model asks for it, on the data path's worker. Its TAPs are persistent, so that they outlive the daemon. */

import { ErrorCode, TapwireError } from '../control/errors.ts'
import type {
  DomainSettings,
  ExplainStep,
  Fabric,
  FabricFlows,
  FabricGateway,
  FabricNatStats,
  FabricNeighbour,
  FabricPort,
  FabricStation,
  FabricStats,
  FlowFilter,
  LinkPermit,
  ParentFacts,
  ParentPort,
  PublishedRange,
  UplinkSpec,
  UplinkState,
} from '../control/model/machine.ts'
import type { PortCount } from '../datapath/counters.ts'
import { DROP_REASONS, DropReason } from '../datapath/drop-reason.ts'
import { formatMac } from '../wire/address.ts'
import type { Datapath } from './datapath.ts'
import {
  fabricFlow,
  fabricNatStats,
  fabricNeighbour,
  flowSelection,
  guardSettings,
  interfaceSettings,
  mappingSettings,
  permitSettings,
} from './router-translation.ts'

export class DatapathFabric implements Fabric {
  readonly #datapath: Datapath
  readonly #startedMs = performance.now()
  readonly #ports = new Set<number>()

  constructor(datapath: Datapath) {
    this.#datapath = datapath
    datapath.on('portGone', (port) => this.#ports.delete(port))
  }

  async addDomain(domain: number, { transparent, icc }: DomainSettings): Promise<void> {
    await this.#datapath.addDomain({ id: domain, transparent, icc })
  }

  async removeDomain(domain: number): Promise<void> {
    await this.#datapath.removeDomain(domain)
  }

  async addPort(port: FabricPort): Promise<void> {
    // The host's own end goes with the daemon; those of sandboxes are taken up again by the next one.
    const persistent = port.host !== true
    await this.#datapath.addPort({ ...port, guard: guardSettings(port), persistent })
    this.#ports.add(port.port)
  }

  async removePort(port: number): Promise<void> {
    await this.#datapath.removePort(port)
    this.#ports.delete(port)
  }

  async inject(port: number, frame: Uint8Array): Promise<void> {
    await this.#datapath.inject(port, frame)
  }

  onPortGone(listener: (port: number) => void): void {
    this.#datapath.on('portGone', listener)
  }

  async stations(): Promise<readonly FabricStation[]> {
    const stations = await this.#datapath.stations()
    return stations.map(({ domain, port, hi, lo, ageS, isStatic }) => ({
      domain,
      port,
      mac: formatMac(hi, lo),
      ageS,
      static: isStatic,
    }))
  }

  flushPort(port: number): Promise<number> {
    return this.#datapath.flushPort(port)
  }

  flushDomain(domain: number): Promise<number> {
    return this.#datapath.flushDomain(domain)
  }

  async setGateway(domain: number, gateway: FabricGateway | undefined): Promise<void> {
    await this.#datapath.setInterface(domain, gateway && interfaceSettings(gateway))
  }

  async publish(range: PublishedRange): Promise<void> {
    await this.#datapath.publish(mappingSettings(range))
  }

  unpublish(id: number): Promise<number> {
    return this.#datapath.unpublish(id)
  }

  async permit(permit: LinkPermit): Promise<void> {
    await this.#datapath.permit(permitSettings(permit))
  }

  async withdraw(permit: number): Promise<void> {
    await this.#datapath.withdraw(permit)
  }

  async addParentPort(port: ParentPort): Promise<ParentFacts> {
    throw new TapwireError(ErrorCode.uplinkUnusable, `interface ${port.interface} cannot be used`)
  }

  async setUplink(uplink: UplinkSpec | undefined): Promise<void> {
    if (uplink !== undefined) throw new TapwireError(ErrorCode.uplinkUnusable, 'uplink cannot be set')
  }

  uplink(): UplinkState {
    return NO_UPLINK
  }

  async flows(filter: FlowFilter, limit: number): Promise<FabricFlows> {
    const { flows, total } = await this.#datapath.flows(flowSelection(filter), limit)
    return { flows: flows.map(fabricFlow), total }
  }

  flushFlows(filter: FlowFilter): Promise<number> {
    return this.#datapath.flushFlows(flowSelection(filter))
  }

  async natStats(): Promise<FabricNatStats> {
    return fabricNatStats(await this.#datapath.natCounts())
  }

  async neighbours(): Promise<readonly FabricNeighbour[]> {
    return (await this.#datapath.neighbours()).map(fabricNeighbour)
  }

  explain(port: number, frame: Uint8Array): Promise<readonly ExplainStep[]> {
    return this.#datapath.explain(port, frame)
  }

  stats(): FabricStats {
    const { counters } = this.#datapath
    const total = counters.total()
    return {
      at: Date.now(),
      uptimeS: (performance.now() - this.#startedMs) / 1000,
      totals: totalsOf(total),
      ports: [...this.#ports].map((port) => ({ port, ...trafficOf(counters.port(port)) })),
      drops: DROP_REASONS.flatMap(({ name, sentence }, reason) => {
        const frames = total.drops[reason]!
        return frames === 0 ? [] : [{ reason: name, sentence, frames }]
      }),
    }
  }
}

const NO_UPLINK: UplinkState = {
  spec: undefined,
  up: false,
  reason: 'none is set',
  interface: '',
  mac: '',
  address: '',
  prefixLength: 0,
  gateway: '',
  mtu: 0,
  ports: [0, 0],
}

function totalsOf(total: PortCount): FabricStats['totals'] {
  // Reasons up to this one are those of frames that were dropped on their way in.
  const notForwarded = sum(total.drops.slice(0, DropReason.noOtherPort + 1))
  return {
    received: total.receivedFrames,
    forwarded: total.receivedFrames - total.flooded - notForwarded,
    flooded: total.flooded,
    copies: total.floodCopies,
    segments: total.segmentCopies,
    transmitted: total.transmittedFrames,
    dropped: sum(total.drops),
  }
}

function trafficOf(count: PortCount): Omit<FabricStats['ports'][number], 'port'> {
  return {
    received: { frames: count.receivedFrames, bytes: count.receivedBytes },
    transmitted: { frames: count.transmittedFrames, bytes: count.transmittedBytes },
    dropped: sum(count.drops),
  }
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
