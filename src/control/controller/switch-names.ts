import { ROUTER_PORT } from '../../datapath/router-port.ts'
import type { SwitchPeer, SwitchRegistry } from '../drivers/switch-registry.ts'
import type { UplinkState } from '../model/machine.ts'
import type { Context } from './context.ts'

interface PortNames {
  /** All are empty for a port that has just been removed. */
  readonly network: string
  readonly sandbox: string
  readonly interface: string
}

const NO_NAMES: PortNames = { network: '', sandbox: '', interface: '' }

const hostOf = (peer: SwitchPeer | undefined): string =>
  peer === undefined || peer.host === peer.address ? '' : peer.host

/** What the numbers of the switch are called by people, as they are at the moment. */
export class SwitchNames {
  readonly #context: Context
  readonly #registry: SwitchRegistry
  readonly #uplink: UplinkState
  /** Names of networks. */
  readonly #domains: ReadonlyMap<number, string>

  constructor(context: Context, registry: SwitchRegistry) {
    this.#context = context
    this.#registry = registry
    this.#uplink = context.parts.fabric.uplink()
    this.#domains = new Map(
      [...context.model.networks.values()].flatMap(({ id, name }) => {
        const domain = registry.domainOf(id)
        return domain === undefined ? [] : [[domain, name] as const]
      }),
    )
  }

  /** Empty for a domain that is no network: the uplink's, or the host's own. */
  network(domain: number): string {
    return this.#domains.get(domain) ?? ''
  }

  isUplink(domain: number): boolean {
    return domain === this.#uplink.domain
  }

  /** The same for a sentence. */
  place(domain: number): string {
    return this.network(domain) || (this.isUplink(domain) ? 'the uplink' : 'the host')
  }

  port(port: number): PortNames {
    if (port === ROUTER_PORT) return { ...NO_NAMES, interface: 'gateway' }
    if (port === this.#uplink.port) return { ...NO_NAMES, interface: this.#uplink.interface }
    const owner = this.#registry.portOf(port)
    return {
      network: owner?.network.name ?? '',
      sandbox: (owner?.endpoint && this.#context.model.sandbox(owner.endpoint.sandbox)?.name) ?? '',
      interface: owner?.interface ?? '',
    }
  }

  /** The name of the host that a port leads to; empty where it leads to none, and where nobody has told the name. */
  host(port: number): string {
    return hostOf(this.#registry.portOf(port)?.peer)
  }
}
