import { ErrorCode, TapwireError } from '../errors.ts'
import type { NetworkDriver } from './driver.ts'

/** The drivers by name. Nothing else in the control plane knows which there are. */
export class DriverRegistry {
  readonly #drivers = new Map<string, NetworkDriver>()

  constructor(drivers: Iterable<NetworkDriver>) {
    for (const driver of drivers) this.#drivers.set(driver.rules.name, driver)
  }

  find(name: string): NetworkDriver | undefined {
    return this.#drivers.get(name)
  }

  /** Throws DRIVER_UNKNOWN. */
  get(name: string): NetworkDriver {
    const driver = this.find(name)
    if (driver === undefined) throw new TapwireError(ErrorCode.driverUnknown, `plugin "${name}" not found`)
    return driver
  }
}
