/** The switch as the model asks for it, on the data path's worker. Its TAPs are persistent, so that they outlive the daemon. */

import type {
  DomainSettings,
  Fabric,
  FabricPort,
  FabricStation,
  FabricStats,
} from '../control/model/machine.ts'
import type { PortCount } from '../datapath/counters.ts'
import { DROP_REASONS, DropReason } from '../datapath/drop-reason.ts'
import { formatMac } from '../wire/address.ts'
import type { Datapath } from './datapath.ts'

export class DatapathFabric implements Fabric {
  readonly #datapath: Datapath
  readonly #startedMs = performance.now()
  readonly #ports = new Set<number>()

  constructor(datapath: Datapath) {
    this.#datapath = datapath
    datapath.on('portGone', (port) => this.#ports.delete(port))
  }

  async addDomain(domain: number, { transparent }: DomainSettings): Promise<void> {
    await this.#datapath.addDomain({ id: domain, transparent })
  }

  async removeDomain(domain: number): Promise<void> {
    await this.#datapath.removeDomain(domain)
  }

  async addPort(port: FabricPort): Promise<void> {
    await this.#datapath.addPort({ ...port, persistent: true })
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
