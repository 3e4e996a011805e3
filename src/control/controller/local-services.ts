/** Services of this daemon alone, on networks that no other host has: kept in its state. */

import type { ServiceRecord } from '../model/services.ts'
import type { Context } from './context.ts'

/** Where services are kept. */
export interface ServiceShelf {
  readonly services: ReadonlyMap<string, ServiceRecord>
  /** With a virtual address, where it is to have one: the one that it has already, or any. Its name is reserved when this returns. */
  add(service: ServiceRecord): Promise<ServiceRecord>
  /** In the place of `before`. */
  replace(before: ServiceRecord, after: ServiceRecord): Promise<void>
  /** `unused`: nobody has ever asked for its address. */
  remove(service: ServiceRecord, unused?: boolean): Promise<void>
}

export class LocalServices implements ServiceShelf {
  readonly #context: Context

  constructor(context: Context) {
    this.#context = context
  }

  get services(): ReadonlyMap<string, ServiceRecord> {
    return this.#context.model.services
  }

  /** Throws ADDRESSES_EXHAUSTED; ADDRESS_IN_USE, ADDRESS_OUT_OF_RANGE where it asks for one. */
  add(service: ServiceRecord): Promise<ServiceRecord> {
    const { addresses } = this.#context.parts
    const { network, endpointMode, virtualIp: wanted } = service
    return this.#context.attempt(async (undo) => {
      let virtualIp = ''
      if (endpointMode === 'vip') {
        virtualIp = addresses.allocate(network, 4, wanted === '' ? undefined : wanted).address
        undo.add(() => addresses.unallocate(network, virtualIp))
      }
      const added = { ...service, virtualIp }
      const { model } = this.#context
      await this.#context.commit(
        undo,
        () => model.putService(added),
        () => model.deleteService(added.id),
      )
      return added
    })
  }

  replace(before: ServiceRecord, after: ServiceRecord): Promise<void> {
    const { model } = this.#context
    return this.#context.attempt((undo) =>
      this.#context.commit(
        undo,
        () => model.putService(after),
        () => model.putService(before),
      ),
    )
  }

  async remove(service: ServiceRecord, unused = false): Promise<void> {
    const { model, parts } = this.#context
    await this.#context.attempt((undo) =>
      this.#context.commit(
        undo,
        () => model.deleteService(service.id),
        () => model.putService(service),
      ),
    )
    if (service.virtualIp === '') return
    if (unused) parts.addresses.unallocate(service.network, service.virtualIp)
    else parts.addresses.release(service.network, service.virtualIp)
  }

  /** What an earlier daemon has kept, whose networks are there. */
  restore(services: readonly ServiceRecord[]): void {
    const { model, parts } = this.#context
    for (const service of services) {
      if (model.network(service.network) === undefined) continue
      if (service.virtualIp !== '') parts.addresses.restore(service.network, service.virtualIp)
      model.putService(service)
    }
  }
}
