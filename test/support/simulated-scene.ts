/** A simulated lab that is spoken to in lines of packet-text.ts, with names in place of ports. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { loadLab } from '../../src/control/lab-file.ts'
import type { RecordedFrame } from '../../src/datapath/capture/recorded-frame.ts'
import { DROP_REASONS } from '../../src/datapath/drop-reason.ts'
import { findPlace } from '../../src/simulation/replay/source-rules.ts'
import { SimulatedLab, type SimulatedLabOptions } from '../../src/simulation/simulated-lab.ts'
import { address, packetFrame, packetLine } from './packet-text.ts'
import { repositoryRoot } from './repository.ts'

export const exampleLab = (name: string): ReturnType<typeof loadLab> =>
  loadLab(join(repositoryRoot, 'examples', `${name}.yaml`))

export class SimulatedScene {
  readonly lab: SimulatedLab

  static async start(example: string, options: SimulatedLabOptions = {}): Promise<SimulatedScene> {
    return new SimulatedScene(await SimulatedLab.start(exampleLab(example), options))
  }

  constructor(lab: SimulatedLab) {
    this.lab = lab
  }

  port(place: string): number {
    return findPlace(this.lab.places.values(), place).port
  }

  /** What comes of a packet from `place`, whose gateway is at `gateway`: as `name: packet`, or the reason of the drop. */
  send(
    place: string,
    packet: string,
    { gateway = '10.1.0.1', atMs = this.lab.datapath.timeMs } = {},
  ): string[] {
    const { frame } = packetFrame(packet, address(gateway))
    return this.lines(this.lab.receive(this.port(place), frame, atMs))
  }

  pass(toMs: number): string[] {
    return this.lines(this.lab.advance(toMs))
  }

  lines(records: readonly RecordedFrame[]): string[] {
    return records.flatMap(({ departures, reason }) => [
      ...departures.map((copy) => {
        const place = this.lab.places.get(copy.port)
        assert.ok(place !== undefined, `port ${copy.port} is a place`)
        return `${place.name}: ${packetLine({ frame: copy.bytes, virtioHeader: copy.virtioHeader }, undefined)}`
      }),
      ...(reason === 0 ? [] : [DROP_REASONS[reason]!.name]),
    ])
  }
}
