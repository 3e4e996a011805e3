import { ipv4Number, macNumbers } from '../../control/fabric/router-translation.ts'
import { GatewayMode, InterfaceKind, type RouterInterfaceSettings } from '../../datapath/router-settings.ts'
import { MTU_DEFAULT, NAT_FIRST_PORT, NAT_LAST_PORT, RELAY_DOMAIN, RELAY_PORT } from '../../limits.ts'
import type { Datapath } from '../datapath.ts'
import { RELAY_ADDRESSES, RelayNamespace } from './relay-namespace.ts'
import type { RelaySockets } from './relay-target.ts'

/** Of no meaning anywhere else. */
const ROUTER_MAC = macNumbers('02:42:a9:fe:4d:01')

const ROUTER: RouterInterfaceSettings = {
  kind: InterfaceKind.relay,
  macHigh: ROUTER_MAC.high,
  macLow: ROUTER_MAC.low,
  address: ipv4Number(RELAY_ADDRESSES.router),
  prefixLength: RELAY_ADDRESSES.prefixLength,
  mtu: MTU_DEFAULT,
  mode: GatewayMode.nat,
  internal: false,
  masquerade: false,
  sourceAddress: 0,
  hostPort: -1,
  proxyArp: false,
  shared: false,
  firstPort: NAT_FIRST_PORT,
  lastPort: NAT_LAST_PORT,
}

type RelaySwitch = Pick<Datapath, 'addDomain' | 'removeDomain' | 'addPort' | 'removePort' | 'setInterface'>

/**
 * The relay's namespace connected to the router: for who first needs it, so that a daemon that publishes nothing and answers no
 * names has neither.
 */
export class RelayAttachment implements RelaySockets {
  readonly #switch: RelaySwitch
  #namespace: RelayNamespace | undefined
  #connecting: Promise<void> | undefined

  constructor(datapath: RelaySwitch) {
    this.#switch = datapath
  }

  /** Resolves when it is connected; who asks after a failure has it tried again. */
  async connect(): Promise<void> {
    const connecting = (this.#connecting ??= this.#connect())
    try {
      await connecting
    } catch (error) {
      // The next one tries again, if none has yet.
      if (this.#connecting === connecting) this.#connecting = undefined
      throw error
    }
  }

  /** Path of the namespace; throws before it is connected. */
  get namespace(): string {
    return this.#connected().tap.namespace
  }

  openSocket(protocol: 'tcp' | 'udp'): number {
    return this.#connected().openSocket(protocol)
  }

  close(): void {
    this.#namespace?.close()
    this.#namespace = undefined
  }

  #connected(): RelayNamespace {
    if (this.#namespace === undefined) throw new Error('the relay is not connected')
    return this.#namespace
  }

  /** All of it, or nothing. */
  async #connect(): Promise<void> {
    const namespace = new RelayNamespace()
    try {
      await this.#switch.addDomain({ id: RELAY_DOMAIN })
      await this.#join(namespace)
    } catch (error) {
      namespace.close()
      throw error
    }
    this.#namespace = namespace
  }

  async #join(namespace: RelayNamespace): Promise<void> {
    const { namespace: path, name, mtu } = namespace.tap
    let hasPort = false
    try {
      await this.#switch.setInterface(RELAY_DOMAIN, ROUTER)
      await this.#switch.addPort({
        port: RELAY_PORT,
        domain: RELAY_DOMAIN,
        namespace: path,
        name,
        mtu,
        host: true,
      })
      hasPort = true
      await namespace.configure()
    } catch (error) {
      if (hasPort) await this.#switch.removePort(RELAY_PORT)
      await this.#switch.setInterface(RELAY_DOMAIN, undefined)
      await this.#switch.removeDomain(RELAY_DOMAIN)
      throw error
    }
  }
}
