import type { HostPortRequest, HostPortReservation, HostPorts } from '../../control/model/machine.ts'
import { GatewayMode, InterfaceKind, type RouterInterfaceSettings } from '../../datapath/router-settings.ts'
import { MTU_DEFAULT, NAT_FIRST_PORT, NAT_LAST_PORT, RELAY_DOMAIN, RELAY_PORT } from '../../limits.ts'
import type { Datapath } from '../datapath.ts'
import { MachineHostPorts } from '../host-ports.ts'
import { ipv4Number, macNumbers } from '../router-translation.ts'
import { RELAY_ADDRESSES, RelayNamespace } from './relay-namespace.ts'
import type { RelayWarning } from './relay-target.ts'

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
 * The machine's ports with their relay connected to the router: a daemon that publishes nothing has neither, so that is done for the first
 * port.
 */
export class RelayedHostPorts implements HostPorts {
  readonly #switch: RelaySwitch
  readonly #ports: MachineHostPorts
  #namespace: RelayNamespace | undefined
  #connecting: Promise<void> | undefined

  constructor(datapath: RelaySwitch, warn: RelayWarning) {
    this.#switch = datapath
    this.#ports = new MachineHostPorts({ openSocket: (protocol) => this.#openSocket(protocol) }, warn)
  }

  async open(request: HostPortRequest): Promise<HostPortReservation> {
    const connecting = (this.#connecting ??= this.#connect())
    try {
      await connecting
    } catch (error) {
      // The next port tries again, if none has yet.
      if (this.#connecting === connecting) this.#connecting = undefined
      throw error
    }
    return this.#ports.open(request)
  }

  ephemeralPorts(): ReturnType<HostPorts['ephemeralPorts']> {
    return this.#ports.ephemeralPorts()
  }

  close(): void {
    this.#ports.close()
    this.#namespace?.close()
    this.#namespace = undefined
  }

  #openSocket(protocol: 'tcp' | 'udp'): number {
    if (this.#namespace === undefined) throw new Error('the relay is not connected')
    return this.#namespace.openSocket(protocol)
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
