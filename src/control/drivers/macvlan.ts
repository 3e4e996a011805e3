/**
 * Networks that are a piece of a LAN which the machine is on: a bridge domain of the switch that has an interface of the machine for
 * one of its ports, the parent. Sandboxes are stations of that LAN, with MAC addresses of their own; the router is the LAN's.
 *
 *     sandbox ─ TAP ─┐
 *                    ├─ bridge domain ─ packet socket ─ eth0 ─ LAN ─ its router
 *     sandbox ─ TAP ─┘
 *
 * As on the kernel's macvlan, sandboxes and the machine itself do not reach one another by the parent.
 */

import { MTU_DEFAULT } from '../../limits.ts'
import { ErrorCode, TapwireError } from '../errors.ts'
import { contains, type IpFamily, parseCidr, parseIpAddress, type Subnet, subnetOf } from '../ip-address.ts'
import type { Fabric, Surroundings } from '../model/machine.ts'
import type { NetworkRecord, PoolRecord } from '../model/records.ts'
import { macvlanDriver as macvlanRules } from '../rules/built-in-drivers.ts'
import { shortId } from '../rules/ids.ts'
import { chooseMac } from '../rules/mac.ts'
import { macvlanOptions } from '../rules/macvlan-options.ts'
import type { CreatedEndpoint, DriverEndpoint, EndpointPlace, JoinedPlace, NetworkDriver } from './driver.ts'
import { EndpointMacs } from './endpoint-macs.ts'
import { SwitchPorts } from './switch-ports.ts'
import type { SwitchPort, SwitchRegistry } from './switch-registry.ts'

interface MacvlanNetwork {
  readonly record: NetworkRecord
  readonly domain: number
  /** Undefined where the network has no parent. */
  readonly parent: SwitchPort | undefined
  /** Bytes of IP packet. */
  readonly mtu: number
  readonly macs: EndpointMacs
  /** Ids. */
  readonly endpoints: Set<string>
}

const INTERFACE_PREFIX = 'eth'

export class MacvlanDriver implements NetworkDriver {
  readonly rules = macvlanRules
  readonly connects = true
  readonly #fabric: Fabric
  readonly #surroundings: Surroundings
  readonly #registry: SwitchRegistry
  readonly #ports: SwitchPorts
  readonly #networks = new Map<string, MacvlanNetwork>()
  /** Networks that are being made, which have their parent already, by id. */
  readonly #coming = new Map<string, NetworkRecord>()

  constructor(fabric: Fabric, surroundings: Surroundings, registry: SwitchRegistry) {
    this.#fabric = fabric
    this.#surroundings = surroundings
    this.#registry = registry
    this.#ports = new SwitchPorts(fabric, registry)
  }

  interfacePrefix(): string {
    return INTERFACE_PREFIX
  }

  async createNetwork(network: NetworkRecord, { again = false } = {}): Promise<void> {
    this.#refuseParent(network)
    const domain = this.#registry.takeDomain()
    this.#coming.set(network.id, network)
    try {
      await this.#fabric.addDomain(domain, {
        transparent: false,
        icc: macvlanOptions(network.options).mode !== 'private',
      })
      const { parent, mtu } = await this.#addParent(network, domain, again)
      const endpoints = new Set<string>()
      this.#networks.set(network.id, {
        record: network,
        domain,
        parent,
        mtu,
        macs: new EndpointMacs(),
        endpoints,
      })
    } catch (error) {
      this.#registry.giveBackDomain(domain)
      throw error
    } finally {
      this.#coming.delete(network.id)
    }
    this.#registry.setDomain(network.id, domain)
  }

  async deleteNetwork({ id }: NetworkRecord): Promise<void> {
    const network = this.#networks.get(id)
    if (network === undefined) return
    const { parent } = network
    if (parent !== undefined) {
      await this.#fabric.removePort(parent.port)
      this.#registry.removePort(parent)
      this.#networks.set(id, { ...network, parent: undefined })
    }
    try {
      await this.#fabric.removeDomain(network.domain)
    } catch (error) {
      if (parent !== undefined) await this.#restoreParent(network)
      throw error
    }
    this.#networks.delete(id)
    this.#registry.removeDomain(id)
  }

  async createEndpoint(endpoint: DriverEndpoint): Promise<CreatedEndpoint> {
    const { record, macs, endpoints } = this.#networks.get(endpoint.network.id)!
    const { mode, mac: macMode } = macvlanOptions(record.options)
    if (mode === 'passthru' && endpoints.size > 0 && !endpoints.has(endpoint.id)) {
      throw new TapwireError(
        ErrorCode.connectionRefused,
        `network ${record.name} passes its parent interface through to one sandbox, and has one`,
        { hint: 'Make the network with -o macvlan_mode=bridge to have several sandboxes on it.' },
      )
    }
    const mac = chooseMac(
      { given: endpoint.mac, ipv4: endpoint.ipv4?.address, ipv6: endpoint.ipv6?.address, mode: macMode },
      (candidate) => macs.has(candidate),
      (count) => this.#surroundings.randomBytes(count),
    )
    macs.set(endpoint.id, mac)
    endpoints.add(endpoint.id)
    return { mac }
  }

  async deleteEndpoint({ id, network }: DriverEndpoint): Promise<void> {
    const found = this.#networks.get(network.id)
    found?.macs.delete(id)
    found?.endpoints.delete(id)
  }

  async join(endpoint: DriverEndpoint, place: EndpointPlace): Promise<JoinedPlace> {
    const { domain, mtu } = this.#networks.get(endpoint.network.id)!
    // What the LAN sends to stations that the switch does not know stays there.
    await this.#ports.join(endpoint, place, domain, { mtu, fixed: true })
    return gatewaysOf(endpoint)
  }

  leave(endpoint: DriverEndpoint): Promise<void> {
    return this.#ports.leave(endpoint)
  }

  announce(endpoint: DriverEndpoint, frame: Uint8Array): Promise<void> {
    return this.#ports.announce(endpoint, frame)
  }

  operationalInfo(endpoint: DriverEndpoint): Readonly<Record<string, string>> {
    return this.#ports.operationalInfo(endpoint)
  }

  /** The domain goes again where its parent cannot be had. */
  async #addParent(
    network: NetworkRecord,
    domain: number,
    again: boolean,
  ): Promise<Pick<MacvlanNetwork, 'parent' | 'mtu'>> {
    const { parent: name, mtu, mode } = macvlanOptions(network.options)
    if (name === '') return { parent: undefined, mtu: mtu ?? MTU_DEFAULT }
    let port: number | undefined
    try {
      port = this.#registry.takePort()
      const facts = await this.#fabric.addParentPort({
        port,
        domain,
        interface: name,
        mtu,
        patient: again,
        passthru: mode === 'passthru',
      })
      const parent = { port, interface: name, network, endpoint: undefined }
      this.#registry.setPort(parent)
      return { parent, mtu: facts.mtu }
    } catch (error) {
      if (port !== undefined) this.#registry.giveBackPort(port)
      await this.#fabric.removeDomain(domain)
      throw error
    }
  }

  async #restoreParent(network: MacvlanNetwork): Promise<void> {
    const { record, domain } = network
    const { parent: name, mtu, mode } = macvlanOptions(record.options)
    const port = this.#registry.takePort()
    const passthru = mode === 'passthru'
    await this.#fabric.addParentPort({ port, domain, interface: name, mtu, patient: true, passthru })
    const parent = { port, interface: name, network: record, endpoint: undefined }
    this.#registry.setPort(parent)
    this.#networks.set(record.id, { ...network, parent })
  }

  /** An interface that is passed through is one network's alone. In Docker's words. */
  #refuseParent(network: NetworkRecord): void {
    const { parent, mode } = macvlanOptions(network.options)
    if (parent === '') return
    const records = [...this.#networks.values()].map(({ record }) => record)
    for (const other of [...records, ...this.#coming.values()]) {
      const theirs = macvlanOptions(other.options)
      if (theirs.parent !== parent) continue
      if (mode === 'passthru') {
        throw new TapwireError(
          ErrorCode.parentUnusable,
          `cannot use mode passthru, macvlan network ${shortId(other.id)} is already using parent interface ${parent}`,
        )
      }
      if (theirs.mode === 'passthru') {
        throw new TapwireError(
          ErrorCode.parentUnusable,
          `macvlan network ${shortId(other.id)} is already using parent interface ${parent} in mode passthru`,
        )
      }
    }
  }
}

/** The router of the subnet that the endpoint's address is in. Without a parent, or on an internal network, there is no way out. */
function gatewaysOf({ network, ipv4, ipv6 }: DriverEndpoint): JoinedPlace {
  if (network.internal || macvlanOptions(network.options).parent === '') return {}
  return {
    gateway4: gatewayOf(network.ipam.pools, 4, ipv4?.address),
    gateway6: gatewayOf(network.ipam.pools, 6, ipv6?.address),
  }
}

function gatewayOf(
  pools: readonly PoolRecord[],
  family: IpFamily,
  address: string | undefined,
): string | undefined {
  const parsed = parseIpAddress(address ?? '')
  if (parsed === undefined) return undefined
  const pool = pools.find(({ subnet }) => contains(subnetFrom(subnet), parsed))
  return pool?.auxiliary[`DefaultGatewayIPv${family}`] ?? pool?.gateway
}

function subnetFrom(text: string): Subnet {
  const { address, prefixLength } = parseCidr(text)!
  return subnetOf(address, prefixLength)
}
