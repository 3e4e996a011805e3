/**
 * How a running sandbox comes onto networks and leaves them.
 *
 *     reserve    addresses, interface names                at once
 *     claim      addresses that other machines give out, too with undo
 *     attach     endpoint, TAP, sysctls, addresses, routes  with undo
 *     detach     the other way round                        with undo
 *     abandon    what a sandbox leaves that has ended        without: there is no way back
 */

import type { Cluster } from '../cluster/cluster.ts'
import { noCluster } from '../cluster/cluster-error.ts'
import type { DriverEndpoint, EndpointPlace, NetworkDriver } from '../drivers/driver.ts'
import { ErrorCode, TapwireError } from '../errors.ts'
import type { IpFamily } from '../ip-address.ts'
import type { RunningSandbox } from '../model/machine.ts'
import type {
  EndpointRecord,
  InterfaceAddress,
  JoinedEndpoint,
  NetworkRecord,
  SandboxRecord,
} from '../model/records.ts'
import { chooseDefaultRoutes } from '../rules/default-route.ts'
import { endpointOptions, interfaceSysctls } from '../rules/endpoint-options.ts'
import { fabricImpairment } from '../rules/impairment.ts'
import { chooseInterfaceName } from '../rules/interface-name.ts'
import { routeCandidates } from '../views/default-route-inspect.ts'
import { Announcements } from './announcements.ts'
import type { Context } from './context.ts'
import {
  type DefaultRoute,
  type DefaultRoutes,
  deleteInterfaceCommand,
  interfaceCommands,
  routeCommands,
} from './interface-commands.ts'
import type { Undo } from './undo.ts'

/** An endpoint as its driver sees it. */
interface DriverPart {
  readonly driver: NetworkDriver
  readonly driverEndpoint: DriverEndpoint
}

export class Attachments {
  readonly #context: Context
  readonly #announcements: Announcements
  /** What could not be removed at its sandbox's end. */
  readonly #leftovers: DriverPart[] = []

  constructor(context: Context) {
    this.#context = context
    this.#announcements = new Announcements(context)
  }

  /**
   * Reserves all that an endpoint needs, for those of the sandbox's endpoints that are on `networks`, before anybody else can.
   * The sandbox as it will be; what only the driver knows is still empty.
   */
  reserve(undo: Undo, sandbox: SandboxRecord, networks: readonly string[]): SandboxRecord {
    const taken = sandbox.endpoints.flatMap(({ joined }) => joined?.interface ?? [])
    const endpoints = sandbox.endpoints.map((endpoint) => {
      if (endpoint.joined !== undefined || !networks.includes(endpoint.network)) return endpoint
      const joined = this.#reserveEndpoint(undo, sandbox, endpoint, taken)
      if (joined.interface !== '') taken.push(joined.interface)
      return { ...endpoint, joined }
    })
    return { ...sandbox, endpoints }
  }

  /**
   * Of what is reserved, takes for the sandbox what is not this machine's alone to give: addresses on networks of the cluster, which may
   * become other ones by that. Throws NO_CLUSTER, REGISTRY_UNAVAILABLE, ADDRESS_IN_USE.
   */
  async claim(undo: Undo, before: SandboxRecord, reserved: SandboxRecord): Promise<SandboxRecord> {
    const endpoints: EndpointRecord[] = []
    for (const endpoint of reserved.endpoints) {
      const network = this.#context.model.network(endpoint.network)
      const isNew =
        findEndpoint(before, endpoint.network)?.joined === undefined && endpoint.joined !== undefined
      if (!isNew || network?.scope !== 'swarm') endpoints.push(endpoint)
      else endpoints.push(await clusterOf(this.#context).claim(undo, reserved, endpoint, network))
    }
    return { ...reserved, endpoints }
  }

  /** Before `reserve`: whether networks of the cluster among these can be joined now. Throws NO_CLUSTER, REGISTRY_UNAVAILABLE. */
  async prepare({ endpoints }: SandboxRecord, networks: readonly string[]): Promise<void> {
    const shared = endpoints.filter(
      ({ network, joined }) =>
        joined === undefined &&
        networks.includes(network) &&
        this.#context.model.network(network)?.scope === 'swarm',
    )
    if (shared.length > 0) await clusterOf(this.#context).prepare(shared)
  }

  /**
   * Brings a running sandbox onto the networks that are reserved for it. `before` is the sandbox as it is, `reserved` as it
   * will be. `stays` tells whether the sandbox lives on where this or a later step fails.
   */
  async attach(
    undo: Undo,
    running: RunningSandbox,
    before: SandboxRecord,
    reserved: SandboxRecord,
    stays: boolean,
  ): Promise<SandboxRecord> {
    const endpoints: EndpointRecord[] = []
    for (const endpoint of reserved.endpoints) {
      const isNew =
        findEndpoint(before, endpoint.network)?.joined === undefined && endpoint.joined !== undefined
      endpoints.push(isNew ? await this.#join(undo, running, before, endpoint, stays) : endpoint)
    }
    const after = { ...reserved, endpoints }
    await this.configure(running, before, after)
    return after
  }

  /** Gives the interfaces that `after` has beyond `before` their addresses, and the sandbox its default routes. */
  async configure(running: RunningSandbox, before: SandboxRecord, after: SandboxRecord): Promise<void> {
    const fresh = after.endpoints.filter(
      ({ network, joined }) =>
        joined !== undefined &&
        joined.interface !== '' &&
        findEndpoint(before, network)?.joined === undefined,
    )
    const sysctls = Object.assign({}, ...fresh.map(sysctlsOf)) as Record<string, string>
    if (Object.keys(sysctls).length > 0) await running.setSysctls(sysctls)
    const commands = [
      ...fresh.flatMap(({ network, joined, settings }) =>
        interfaceCommands(joined!, settings, this.#tunnelMtuOf(network)),
      ),
      ...routeCommands(this.#routesOf(before), this.#routesOf(after)),
    ]
    if (commands.length > 0) await running.configure(commands)
  }

  /** Takes a running sandbox off a network. The sandbox as it then is; its address is released by `releaseAddresses`. */
  async detach(
    undo: Undo,
    running: RunningSandbox,
    before: SandboxRecord,
    network: string,
  ): Promise<SandboxRecord> {
    const endpoint = findEndpoint(before, network)!
    const joined = endpoint.joined!
    const after = { ...before, endpoints: before.endpoints.filter((other) => other !== endpoint) }
    const { driver, driverEndpoint } = this.#driverOf(before, endpoint)
    this.#announcements.cancel(joined.id)
    await driver.leave(driverEndpoint)
    undo.add(async () => {
      await driver.join(driverEndpoint, placeOf(running, joined))
      if (joined.interface !== '') await this.configure(running, after, before)
    })
    if (joined.interface !== '') {
      const routes = routeCommands(this.#routesOf(before), this.#routesOf(after), [joined.interface])
      const interfaces = await interfacesOf(running, joined, after)
      await running.configure([...interfaces.map(deleteInterfaceCommand), ...routes])
    }
    await driver.deleteEndpoint(driverEndpoint)
    undo.add(async () => {
      await driver.createEndpoint(driverEndpoint)
    })
    return after
  }

  /** What a sandbox leaves that has ended: everything. What cannot be removed is told, and tried again at the next end. */
  async abandon(sandbox: SandboxRecord): Promise<SandboxRecord> {
    const left = sandbox.endpoints.filter(({ joined }) => joined !== undefined)
    const parts = [...this.#leftovers.splice(0), ...left.map((endpoint) => this.#driverOf(sandbox, endpoint))]
    for (const part of parts) {
      this.#announcements.cancel(part.driverEndpoint.id)
      try {
        await part.driver.leave(part.driverEndpoint)
        await part.driver.deleteEndpoint(part.driverEndpoint)
      } catch (error) {
        this.#leftovers.push(part)
        this.#context.warn(error, `an endpoint of ${sandbox.name} could not be removed`)
      }
    }
    return {
      ...sandbox,
      endpoints: sandbox.endpoints.map((endpoint) => ({ ...endpoint, joined: undefined })),
    }
  }

  /** Takes up an endpoint again that an earlier daemon made. */
  async adopt(running: RunningSandbox, sandbox: SandboxRecord, endpoint: EndpointRecord): Promise<void> {
    const { driver, driverEndpoint } = this.#driverOf(sandbox, endpoint)
    await driver.createEndpoint(driverEndpoint)
    await driver.join(driverEndpoint, placeOf(running, endpoint.joined!))
  }

  /** Tells the network where the endpoint's addresses are now. */
  announce(sandbox: SandboxRecord, network: string): void {
    const endpoint = findEndpoint(sandbox, network)!
    const { driver, driverEndpoint } = this.#driverOf(sandbox, endpoint)
    this.#announcements.start(driver, driverEndpoint, endpoint.joined!.mac)
  }

  /** The endpoint's interface has vanished; its addresses and its place in the sandbox stay reserved until it leaves. */
  markGone(endpoint: string): void {
    this.#announcements.cancel(endpoint)
  }

  endAnnouncements(): void {
    this.#announcements.cancelAll()
  }

  /** Lets the addresses of an endpoint rest. Its sandbox gets them back until then, and nobody else. */
  releaseAddresses({ id }: SandboxRecord, { network, joined }: EndpointRecord): void {
    const { cluster, parts } = this.#context
    for (const address of addressesOf(joined)) {
      if (cluster?.keeps(network, address) !== true) parts.addresses.release(network, address, id)
    }
  }

  /** Takes them again. */
  restoreAddresses({ network, joined }: EndpointRecord): void {
    for (const address of addressesOf(joined)) this.#context.parts.addresses.restore(network, address)
  }

  #reserveEndpoint(
    undo: Undo,
    sandbox: SandboxRecord,
    endpoint: EndpointRecord,
    taken: readonly string[],
  ): JoinedEndpoint {
    const network = this.#context.model.network(endpoint.network)
    if (network === undefined || this.#context.isClosed(network.id)) {
      throw new TapwireError(
        ErrorCode.networkUnknown,
        `network ${network?.name ?? endpoint.network} not found`,
      )
    }
    undo.always(this.#context.holdNetwork(network.id))
    const driver = this.#context.drivers.get(network.driver)
    const id = this.#context.newId()
    if (!driver.connects) return { id, interface: '', mac: '' }
    const prefix = driver.interfacePrefix(network)
    const name = endpointOptions(endpoint.settings.driverOptions).interfaceName
    const allocate = (family: IpFamily, wish: string | undefined): InterfaceAddress =>
      this.#allocate(undo, network, family, { address: wish, owner: sandbox.id })
    return {
      id,
      interface: chooseInterfaceName(taken, { prefix, name }),
      mac: '',
      ipv4: network.enableIPv4 ? allocate(4, endpoint.settings.ipv4) : undefined,
      ipv6: network.enableIPv6 ? allocate(6, endpoint.settings.ipv6) : undefined,
    }
  }

  #allocate(
    undo: Undo,
    network: NetworkRecord,
    family: IpFamily,
    wish: { readonly address: string | undefined; readonly owner: string },
  ): InterfaceAddress {
    const { addresses } = this.#context.parts
    const allocated = allocateOn(network, family, () =>
      addresses.allocate(network.id, family, wish.address, wish.owner),
    )
    undo.add(() => {
      if (this.#context.cluster?.keeps(network.id, allocated.address) === true) return
      addresses.unallocate(network.id, allocated.address)
    })
    return allocated
  }

  async #join(
    undo: Undo,
    running: RunningSandbox,
    before: SandboxRecord,
    endpoint: EndpointRecord,
    stays: boolean,
  ): Promise<EndpointRecord> {
    const { driver, driverEndpoint } = this.#driverOf(before, endpoint)
    const { mac } = await driver.createEndpoint(driverEndpoint)
    undo.add(() => driver.deleteEndpoint(driverEndpoint))
    const joined = { ...endpoint.joined!, mac }
    const place = await driver.join(driverEndpoint, placeOf(running, joined))
    undo.add(async () => {
      await driver.leave(driverEndpoint)
      if (!stays || joined.interface === '') return
      await running.configure([
        deleteInterfaceCommand(joined.interface),
        ...restoredRoutes(this.#routesOf(before)),
      ])
    })
    return { ...endpoint, joined: { ...joined, ...place } }
  }

  /** Of a network that goes on behind a tunnel. */
  #tunnelMtuOf(id: string): number | undefined {
    const network = this.#context.model.network(id)!
    return this.#context.drivers.get(network.driver).tunnelOf?.(network)?.mtu
  }

  #driverOf(sandbox: SandboxRecord, endpoint: EndpointRecord): DriverPart {
    const { network: id, settings, joined } = endpoint
    const network = this.#context.model.network(id)!
    const { ipv4, ipv6 } = joined!
    const mac = joined!.mac === '' ? settings.mac : joined!.mac
    return {
      driver: this.#context.drivers.get(network.driver),
      driverEndpoint: {
        id: joined!.id,
        network,
        sandbox: sandbox.id,
        settings,
        ipv4,
        ipv6,
        mac,
        impairment: fabricImpairment(endpoint.impairment, `${sandbox.name}@${network.name}`),
      },
    }
  }

  #routesOf(sandbox: SandboxRecord): DefaultRoutes {
    const { model } = this.#context
    const { ipv4, ipv6 } = chooseDefaultRoutes(
      routeCandidates(sandbox, { network: (id) => model.network(id) }),
    )
    const route = ({ endpoint, gateway }: typeof ipv4): DefaultRoute | undefined =>
      endpoint && { gateway, interface: endpoint.endpoint.joined!.interface }
    return { ipv4: route(ipv4), ipv6: route(ipv6) }
  }
}

/** Throws NO_CLUSTER. */
function clusterOf({ cluster }: Context): Cluster {
  if (cluster === undefined) throw noCluster()
  return cluster
}

export function findEndpoint(sandbox: SandboxRecord, network: string): EndpointRecord | undefined {
  return sandbox.endpoints.find((endpoint) => endpoint.network === network)
}

/**
 * What an endpoint's interface is called now that the switch has left it: somebody in the sandbox may have renamed it, given its
 * name to another one, or deleted it. `after` is the sandbox without the endpoint.
 */
async function interfacesOf(
  running: RunningSandbox,
  joined: JoinedEndpoint,
  after: SandboxRecord,
): Promise<readonly string[]> {
  const idle = await running.idleTaps()
  if (idle.includes(joined.interface)) return [joined.interface]
  const others = new Set(after.endpoints.map((endpoint) => endpoint.joined?.interface))
  return (await running.idleTaps(joined.mac)).filter((name) => !others.has(name))
}

/** The addresses that an endpoint has, for as long as it is joined. */
function addressesOf(joined: JoinedEndpoint | undefined): readonly string[] {
  return [joined?.ipv4, joined?.ipv6].flatMap((address) => (address === undefined ? [] : [address.address]))
}

function placeOf(running: RunningSandbox, joined: JoinedEndpoint): EndpointPlace {
  return { namespace: running.networkNamespace, interface: joined.interface, mac: joined.mac }
}

/** The default routes as they were, whether or not they have been changed since. */
function restoredRoutes(routes: DefaultRoutes): readonly string[] {
  return routeCommands({ ipv4: undefined, ipv6: undefined }, routes)
}

/** In Docker's words, where the network has no address left. */
function allocateOn<T>({ id, name }: NetworkRecord, family: IpFamily, allocate: () => T): T {
  try {
    return allocate()
  } catch (error) {
    if (!(error instanceof TapwireError) || error.code !== ErrorCode.addressesExhausted) throw error
    throw new TapwireError(
      error.code,
      `no available IPv${family} addresses on this network's address pools: ${name} (${id})`,
      { hint: error.hint },
    )
  }
}

/** What the user asked for goes before the rule that an interface has IPv6 where its network has. */
function sysctlsOf({ joined, settings }: EndpointRecord): Readonly<Record<string, string>> {
  const name = joined!.interface
  return {
    [`net.ipv6.conf.${name.replaceAll('.', '/')}.disable_ipv6`]: joined!.ipv6 === undefined ? '1' : '0',
    ...interfaceSysctls(endpointOptions(settings.driverOptions), name),
  }
}
