import type { NetworkDriver } from '../drivers/driver.ts'
import type { SwitchRegistry } from '../drivers/switch-registry.ts'
import type { NetworkRecord } from '../model/records.ts'
import type { Context } from './context.ts'
import { mtuCommands } from './interface-commands.ts'
import type { Runs } from './runs.ts'

/** Lets the interfaces of running sandboxes follow the MTU of their network, where that follows something else. */
export class NetworkMtus {
  readonly #context: Context
  readonly #runs: Runs
  readonly #registry: SwitchRegistry

  constructor(context: Context, runs: Runs, registry: SwitchRegistry) {
    this.#context = context
    this.#runs = runs
    this.#registry = registry
  }

  watch(driver: NetworkDriver): void {
    driver.onMtu?.((network) => void this.#follow(driver, network))
  }

  async #follow(driver: NetworkDriver, network: NetworkRecord): Promise<void> {
    const mtu = driver.tunnelOf?.(network)?.mtu
    if (mtu === undefined) return
    this.#context.parts.log.info({ network: network.name, mtu }, "a network's MTU has changed")
    this.#context.networkEvent('update', network, { mtu: String(mtu) })
    for (const { sandbox } of this.#context.model.members(network.id)) {
      await this.#setMtu(driver, network, sandbox.id)
    }
  }

  /** As it is by then: there may have been another change. */
  async #setMtu(driver: NetworkDriver, network: NetworkRecord, sandbox: string): Promise<void> {
    if (this.#context.model.sandbox(sandbox) === undefined) return
    try {
      await this.#runs.locked(sandbox, async ({ endpoints }) => {
        const running = this.#runs.find(sandbox)?.running
        const joined = endpoints.find((endpoint) => endpoint.network === network.id)?.joined
        const port = joined && this.#registry.portOfEndpoint(joined.id)?.port
        const mtu = driver.tunnelOf?.(network)?.mtu
        if (running === undefined || port === undefined || mtu === undefined) return
        await this.#context.parts.fabric.setPortMtu(port, mtu)
        await running.configure(mtuCommands(joined!.interface, mtu))
      })
    } catch (error) {
      this.#context.warn(error, `the MTU of a sandbox on network ${network.name} could not be changed`)
    }
  }
}
