import { hostDriver as hostRules, nullDriver as nullRules } from '../rules/built-in-drivers.ts'
import type { DriverRules } from '../rules/network-create.ts'
import type { CreatedEndpoint, JoinedPlace, NetworkDriver } from './driver.ts'

/** Networks that only say what a sandbox's network is: nothing is made for them, and nobody is reached by them. */
class DriverWithoutInterface implements NetworkDriver {
  readonly rules: DriverRules
  readonly connects = false

  constructor(rules: DriverRules) {
    this.rules = rules
  }

  interfacePrefix(): string {
    return ''
  }
  async createNetwork(): Promise<void> {}
  async deleteNetwork(): Promise<void> {}
  async createEndpoint(): Promise<CreatedEndpoint> {
    return { mac: '' }
  }
  async deleteEndpoint(): Promise<void> {}
  async join(): Promise<JoinedPlace> {
    return {}
  }
  async leave(): Promise<void> {}
  async announce(): Promise<void> {}
  operationalInfo(): Readonly<Record<string, string>> {
    return {}
  }
}

/** The network `host`: its sandboxes are in the machine's own network namespace. */
export const hostDriver = (): NetworkDriver => new DriverWithoutInterface(hostRules)

/** The network `none`: its sandboxes have a namespace with nothing but `lo`. Docker's name for the driver is `null`. */
export const nullDriver = (): NetworkDriver => new DriverWithoutInterface(nullRules)
