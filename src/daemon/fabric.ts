/** The switch as the model asks for it, on the data path's worker. Its TAPs are persistent, so that they outlive the daemon. */

import type { DomainSettings, Fabric, FabricPort } from '../control/model/machine.ts'
import type { Datapath } from './datapath.ts'

export class DatapathFabric implements Fabric {
  readonly #datapath: Datapath

  constructor(datapath: Datapath) {
    this.#datapath = datapath
  }

  async addDomain(domain: number, { transparent }: DomainSettings): Promise<void> {
    await this.#datapath.addDomain({ id: domain, transparent })
  }

  async removeDomain(domain: number): Promise<void> {
    await this.#datapath.removeDomain(domain)
  }

  async addPort(port: FabricPort): Promise<void> {
    await this.#datapath.addPort({ ...port, persistent: true })
  }

  async removePort(port: number): Promise<void> {
    await this.#datapath.removePort(port)
  }

  async inject(port: number, frame: Uint8Array): Promise<void> {
    await this.#datapath.inject(port, frame)
  }

  onPortGone(listener: (port: number) => void): void {
    this.#datapath.on('portGone', listener)
  }
}
