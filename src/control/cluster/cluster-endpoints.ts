/**
 * This host's endpoints, towards the cluster: what of the model is told to it, and how a new one gets its addresses.
 *
 *     reserve (here) ─► claim and publish (one transaction) ─► taken by another host: choose another address ─► claim …
 */

import { CLUSTER_CLAIM_TRIES_MAX } from '../../limits.ts'
import type { Undo } from '../controller/undo.ts'
import type { DriverEndpoint } from '../drivers/driver.ts'
import type { OverlayDriver } from '../drivers/overlay.ts'
import { ErrorCode, TapwireError } from '../errors.ts'
import type { IpFamily } from '../ip-address.ts'
import type { AddressSpace } from '../ipam/address-space.ts'
import type { EndpointRecord, InterfaceAddress, NetworkRecord, SandboxRecord } from '../model/records.ts'
import { endpointNames, nameKey } from '../rules/endpoint-names.ts'
import { networkNames } from '../rules/network-names.ts'
import { servicesOf } from '../rules/services.ts'
import type { ClusterAddresses } from './cluster-addresses.ts'
import { ofCluster } from './cluster-error.ts'
import { addressKey } from './cluster-keys.ts'
import { CLUSTER_VERSION, type ClusterEndpoint } from './cluster-records.ts'
import type { ClusterSession } from './cluster-session.ts'
import { routerMac } from './router-mac.ts'

export interface ClusterEndpointsParts {
  readonly session: ClusterSession
  readonly space: AddressSpace
  readonly mirror: ClusterAddresses
  readonly driver: OverlayDriver
  network(id: string): NetworkRecord | undefined
  sandbox(id: string): SandboxRecord | undefined
  /** Resolves when the switch has been told all that is known of the network. */
  told(network: string): Promise<void>
}

export class ClusterEndpoints {
  readonly #parts: ClusterEndpointsParts
  /** Ids of endpoints that the model does not know yet. */
  readonly #coming = new Set<string>()
  /** Ids of those that are told, by sandbox. */
  readonly #told = new Map<string, ReadonlySet<string>>()

  constructor(parts: ClusterEndpointsParts) {
    this.#parts = parts
  }

  /** A sandbox has come, gone or changed: all of it that the cluster is to know is told to it, when that can be done. */
  sandboxChanged(id: string): void {
    const { own } = this.#parts.session
    const wanted = this.#endpointsOf(this.#parts.sandbox(id))
    for (const endpoint of wanted) own.set(endpoint)
    const ids = new Set(wanted.map((endpoint) => endpoint.id))
    for (const known of this.#told.get(id) ?? []) if (!ids.has(known)) own.delete(known)
    if (ids.size === 0) this.#told.delete(id)
    else this.#told.set(id, ids)
  }

  /**
   * What is asked for may have been given back a moment ago, and this host is yet to hear of it: waits for that. Addresses that nobody has
   * named are no concern.
   */
  async catchUp(network: string, addresses: readonly string[]): Promise<void> {
    const { session, mirror } = this.#parts
    for (const address of addresses) {
      if (!mirror.isTaken(network, address)) continue
      const key = addressKey(network, address)
      const { entries, revision } = await session.registry.list(key)
      if (!entries.some((entry) => entry.key === key)) await session.echo(revision)
    }
  }

  /**
   * The reserved endpoint, with addresses that are its own in all of the cluster, of which all hosts are told. Throws ADDRESS_IN_USE,
   * REGISTRY_UNAVAILABLE, NETWORK_UNKNOWN.
   */
  async claim(
    undo: Undo,
    sandbox: SandboxRecord,
    reserved: EndpointRecord,
    network: NetworkRecord,
  ): Promise<EndpointRecord> {
    const { session } = this.#parts
    const { id } = reserved.joined!
    this.#coming.add(id)
    undo.always(() => this.#come(id, sandbox.id))
    try {
      const claimed = await this.#claim(undo, sandbox, reserved, network)
      // What was said of its MAC address before is over then.
      await this.#parts.told(network.id)
      return claimed
    } catch (error) {
      throw ofCluster(session.settings.name, error)
    }
  }

  /** Either the model knows it by now, or it is to be forgotten. */
  #come(id: string, sandbox: string): void {
    this.#coming.delete(id)
    this.sandboxChanged(sandbox)
    if (!this.#told.get(sandbox)?.has(id)) this.#parts.session.own.delete(id)
  }

  async #claim(
    undo: Undo,
    sandbox: SandboxRecord,
    reserved: EndpointRecord,
    network: NetworkRecord,
  ): Promise<EndpointRecord> {
    const { session } = this.#parts
    let endpoint = reserved
    for (let tries = 0; tries < CLUSTER_CLAIM_TRIES_MAX; tries++) {
      const mac = this.#chooseMac(sandbox, endpoint, network)
      const chosen = { ...endpoint, joined: { ...endpoint.joined!, mac } }
      const assertion = await session.own.add(this.#clusterEndpoint(sandbox, chosen, network))
      switch (assertion.outcome) {
        case 'done':
          await session.echo(assertion.revision)
          return chosen
        case 'network-gone':
          throw new TapwireError(ErrorCode.networkUnknown, `network ${network.name} not found`)
        case 'taken':
          session.own.delete(endpoint.joined!.id)
          endpoint = this.#chooseAgain(undo, endpoint, network, assertion.address)
      }
    }
    throw new TapwireError(
      ErrorCode.registryUnavailable,
      `other hosts take the addresses of network ${network.name} faster than this one`,
    )
  }

  /** Another one in the place of an address that another host has. Throws ADDRESS_IN_USE where it was asked for. */
  #chooseAgain(undo: Undo, endpoint: EndpointRecord, network: NetworkRecord, taken: string): EndpointRecord {
    const { settings, joined } = endpoint
    if (settings.ipv4 === taken || settings.ipv6 === taken) throw this.#inUse(network.id, taken)
    const { space } = this.#parts
    const family: IpFamily = joined!.ipv4?.address === taken ? 4 : 6
    const other = space.allocate(network.id, family)
    undo.add(() => this.giveBack(network.id, other.address))
    this.giveBack(network.id, taken)
    const changed: { readonly ipv4?: InterfaceAddress; readonly ipv6?: InterfaceAddress } =
      family === 4 ? { ipv4: other } : { ipv6: other }
    return { ...endpoint, joined: { ...joined!, ...changed } }
  }

  /** As though it had never been allocated, unless it is another's by now. */
  giveBack(network: string, address: string): void {
    if (!this.#parts.mirror.keeps(network, address)) this.#parts.space.unallocate(network, address)
  }

  /** Throws ADDRESS_IN_USE for one that the user wants and another has. */
  #chooseMac(sandbox: SandboxRecord, endpoint: EndpointRecord, network: NetworkRecord): string {
    const { settings, joined } = endpoint
    const { id, ipv4, ipv6 } = joined!
    const wanted: DriverEndpoint = {
      id,
      network,
      sandbox: sandbox.id,
      settings,
      ipv4,
      ipv6,
      mac: settings.mac,
    }
    const mac = this.#parts.driver.chooseMac(wanted, (candidate) => this.#hasMac(network.id, candidate))
    if (settings.mac !== undefined && this.#hasMac(network.id, mac)) throw macInUse(mac, network)
    return mac
  }

  /** Whether an endpoint of another host has it; those with the one of their address are not looked for among all. */
  #hasMac(network: string, mac: string): boolean {
    const { view, settings } = this.#parts.session
    for (const endpoint of view.endpoints(network).values()) {
      if (endpoint.mac === mac && endpoint.host !== settings.host.name) return true
    }
    return false
  }

  #inUse(network: string, address: string): TapwireError {
    const { view } = this.#parts.session
    const claim = view.claims(network).get(address)
    const owner = claim && view.endpoints(network).get(claim.owner)
    const host = claim && view.knownHosts.get(claim.host)?.name
    const who =
      owner === undefined
        ? host === undefined
          ? 'somebody else in the cluster'
          : `host ${host}`
        : `sandbox ${owner.sandbox.name} on host ${owner.host}`
    return new TapwireError(ErrorCode.addressInUse, 'Address already in use', {
      hint: `${address} is taken by ${who}. Choose another address, or none.`,
    })
  }

  #endpointsOf(sandbox: SandboxRecord | undefined): readonly ClusterEndpoint[] {
    if (sandbox === undefined) return []
    return sandbox.endpoints.flatMap((endpoint) => {
      const network = this.#parts.network(endpoint.network)
      const isTold = endpoint.joined !== undefined && network?.driver === this.#parts.driver.rules.name
      return isTold ? [this.#clusterEndpoint(sandbox, endpoint, network)] : []
    })
  }

  #clusterEndpoint(
    sandbox: SandboxRecord,
    { settings, joined }: EndpointRecord,
    network: NetworkRecord,
  ): ClusterEndpoint {
    const { host } = this.#parts.session.settings
    const { id, mac, ipv4, ipv6 } = joined!
    const names = networkNames(network) === undefined ? [] : endpointNames(sandbox, settings)
    return {
      version: CLUSTER_VERSION,
      id,
      network: network.id,
      host: host.name,
      sandbox: { id: sandbox.id, name: sandbox.name, labels: sandbox.config.labels },
      mac,
      ...(ipv4 && { ipv4: ipv4.address }),
      ...(ipv6 && { ipv6: ipv6.address }),
      names: names.filter(({ text }) => nameKey(text) !== undefined),
      ports: servicesOf(sandbox.config).map(({ protocol, first, last }) => ({ protocol, first, last })),
      routerMac: routerMac(host.id, network.id),
    }
  }
}

const macInUse = (mac: string, { name }: NetworkRecord): TapwireError =>
  new TapwireError(ErrorCode.addressInUse, `MAC address ${mac} already in use on network ${name}`, {
    hint: 'Choose another one, or none.',
  })
