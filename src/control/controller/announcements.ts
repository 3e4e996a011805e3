import type { DriverEndpoint, NetworkDriver } from '../drivers/driver.ts'
import { endpointOptions } from '../rules/endpoint-options.ts'
import { gratuitousArp, unsolicitedAdvertisement } from './announcement.ts'
import type { Context } from './context.ts'

/** Says where an endpoint's addresses are now: once when it has joined, and some more times in case a frame is lost. */
export class Announcements {
  readonly #context: Context
  /** What stops them, by endpoint. */
  readonly #pending = new Map<string, () => void>()

  constructor(context: Context) {
    this.#context = context
  }

  start(driver: NetworkDriver, endpoint: DriverEndpoint, mac: string): void {
    const { advertiseCount, advertiseIntervalMs } = endpointOptions(
      endpoint.settings.driverOptions,
      endpoint.network.options,
    )
    const frames: Uint8Array[] = []
    if (endpoint.ipv4 !== undefined) frames.push(gratuitousArp(mac, endpoint.ipv4.address))
    if (endpoint.ipv6 !== undefined) frames.push(unsolicitedAdvertisement(mac, endpoint.ipv6.address))
    const send = (left: number): void => {
      this.#pending.delete(endpoint.id)
      if (left === 0) return
      for (const frame of frames) {
        driver
          .announce(endpoint, frame)
          .catch((error: unknown) => this.#context.warn(error, 'an address could not be announced'))
      }
      if (left === 1) return
      const next = (): void => send(left - 1)
      this.#pending.set(endpoint.id, this.#context.parts.surroundings.after(advertiseIntervalMs, next))
    }
    if (frames.length > 0) send(advertiseCount)
  }

  cancel(endpoint: string): void {
    this.#pending.get(endpoint)?.()
    this.#pending.delete(endpoint)
  }

  cancelAll(): void {
    for (const cancel of this.#pending.values()) cancel()
    this.#pending.clear()
  }
}
