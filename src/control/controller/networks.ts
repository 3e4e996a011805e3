import { DOMAINS_MAX } from '../../limits.ts'
import type { NetworkCreate, NetworkCreated, NetworkInspect, NetworksPruned } from '../api/network.ts'
import { noCluster } from '../cluster/cluster-error.ts'
import type { Filters } from '../control-plane.ts'
import { ErrorCode, TapwireError } from '../errors.ts'
import type { PoolUsage, WantedPools } from '../ipam/address-space.ts'
import type { EndpointRecord, NetworkRecord, PoolRecord, SandboxRecord } from '../model/records.ts'
import { shortId } from '../rules/ids.ts'
import { isPredefinedNetwork, networkNameTaken } from '../rules/names.ts'
import { type NetworkPlan, planNetwork } from '../rules/network-create.ts'
import { networkFilter } from '../views/list-filters.ts'
import { inspectNetwork, type NetworkMember, summarizeNetwork } from '../views/network-inspect.ts'
import { pruneFilter } from '../views/prune-filters.ts'
import type { Context } from './context.ts'
import type { Names } from './names.ts'
import type { Services } from './services.ts'
import type { Undo } from './undo.ts'

/** Creation, removal and sight of networks. */
export class Networks {
  readonly #context: Context
  readonly #names: Names
  readonly #services: Pick<Services, 'onNetwork'>

  constructor(context: Context, names: Names, services: Pick<Services, 'onNetwork'>) {
    this.#context = context
    this.#names = names
    this.#services = services
  }

  async create(request: NetworkCreate): Promise<NetworkCreated> {
    const plan = planNetwork(request, {
      find: (reference) => this.#context.findNetwork(reference),
      driver: (name) => this.#context.drivers.find(name)?.rules,
      defaults: this.#context.parts.defaults(),
    })
    const network = plan.record.scope === 'swarm' ? await this.#makeShared(plan) : await this.make(plan)
    return { Id: network.id, Warning: plan.warning }
  }

  /** Makes a network, a built-in one too. Its name is reserved when this returns. */
  make(plan: NetworkPlan): Promise<NetworkRecord> {
    return this.#context.attempt(async (undo) => {
      const id = this.#context.newId()
      this.#reserveName(plan.record.name, id, undo)
      // Nobody joins it before it is kept.
      undo.always(this.#context.closeNetwork(id))
      const pools = plan.wanted === undefined ? plan.kept : await this.#choosePools(id, plan.wanted, undo)
      const network: NetworkRecord = {
        ...plan.record,
        id,
        created: this.#context.timestamp(),
        ipam: { ...plan.record.ipam, pools },
      }
      await this.#establish(undo, network)
      return network
    })
  }

  /** Takes up a network that all hosts of the cluster have. `begin`: at which share of its addresses this host looks for a free one. */
  adopt(network: NetworkRecord, begin: number): Promise<void> {
    const { addresses } = this.#context.parts
    return this.#context.attempt(async (undo) => {
      this.#reserveName(network.name, network.id, undo)
      undo.always(this.#context.closeNetwork(network.id))
      addresses.restoreNetwork(network.id, network.ipam.pools, network.ipam.options, begin)
      undo.add(() => addresses.removeNetwork(network.id))
      await this.#establish(undo, network)
    })
  }

  /** Gives one up that is no more in the cluster. Throws NETWORK_IN_USE. */
  discard(network: NetworkRecord): Promise<void> {
    return this.#remove(network)
  }

  /** Throws NO_CLUSTER, REGISTRY_UNAVAILABLE. */
  async #makeShared(plan: NetworkPlan): Promise<NetworkRecord> {
    const { cluster, model } = this.#context
    if (cluster === undefined) throw noCluster()
    if (model.networkNames.owner(plan.record.name) !== undefined) throw networkNameTaken(plan.record.name)
    return cluster.createNetwork(plan)
  }

  /** Makes one whose name and pools are reserved. */
  async #establish(undo: Undo, network: NetworkRecord): Promise<void> {
    const { model } = this.#context
    if (!network.configOnly) {
      const driver = this.#context.drivers.get(network.driver)
      await driver.createNetwork(network)
      undo.add(() => driver.deleteNetwork(network))
      await this.#names.addZone(network)
      undo.add(() => this.#names.removeZone(network))
    }
    const waitsForIt = ({ formerName }: EndpointRecord): boolean => formerName === network.name
    await this.#attemptWith(waitsForIt, (own, returning) =>
      this.#context.commit(
        own,
        () => {
          model.putNetwork(network)
          for (const sandbox of returning) model.putSandbox(withSuccessor(sandbox, network))
        },
        () => {
          for (const sandbox of returning) model.putSandbox(sandbox)
          model.deleteNetwork(network.id)
        },
      ),
    )
    this.#context.networkEvent('create', network)
  }

  /** Those that the filters let through, without members and status. What is listed can be joined. */
  list(filters: Filters): readonly NetworkInspect[] {
    const passes = networkFilter(filters, (id) => this.#context.isJoined(id))
    return [...this.#context.model.networks.values()]
      .filter((network) => !this.#context.isClosed(network.id) && passes(network))
      .map(summarizeNetwork)
  }

  inspect(reference: string): NetworkInspect {
    const network = this.#context.findNetwork(reference)
    const members: NetworkMember[] = []
    for (const { sandbox, endpoint } of this.#context.model.members(network.id)) {
      if (endpoint.joined !== undefined) members.push({ sandbox, joined: endpoint.joined })
    }
    const usage = this.#hasPools(network) ? this.#usage(network) : []
    const tunnel = this.#context.drivers.find(network.driver)?.tunnelOf?.(network)
    return inspectNetwork(network, members, usage, tunnel)
  }

  async remove(reference: string): Promise<void> {
    const network = this.#context.findNetwork(reference)
    if (isPredefinedNetwork(network.name)) {
      throw new TapwireError(
        ErrorCode.networkPredefined,
        `${network.name} is a pre-defined network and cannot be removed`,
      )
    }
    await this.#removeEverywhere(network)
  }

  /** One of the cluster is removed from all of its hosts; by one that is in no cluster any more, only here. */
  async #removeEverywhere(network: NetworkRecord): Promise<void> {
    const { cluster } = this.#context
    if (network.scope !== 'swarm' || cluster === undefined) return this.#remove(network)
    this.#refuseRemoval(network)
    await cluster.removeNetwork(network)
  }

  async prune(filters: Filters): Promise<NetworksPruned> {
    const passes = pruneFilter(filters, this.#context.parts.surroundings.now())
    const unused = [...this.#context.model.networks.values()].filter(
      (network) => !isPredefinedNetwork(network.name) && !this.#isUsed(network) && passes(network),
    )
    const removed: string[] = []
    for (const network of unused) {
      try {
        await this.#removeEverywhere(network)
        removed.push(network.name)
      } catch (error) {
        // Others may have begun to use it, or removed it, since we looked.
        this.#context.warn(error, 'a network could not be pruned')
      }
    }
    return { NetworksDeleted: removed }
  }

  async #remove(network: NetworkRecord): Promise<void> {
    this.#refuseRemoval(network)
    // Nobody joins it before it is gone, or whole again.
    const open = this.#context.closeNetwork(network.id)
    try {
      await this.#removeClosed(network)
    } finally {
      open()
    }
    // Only now that it is sure may others have its name and its pools.
    if (this.#hasPools(network)) this.#context.parts.addresses.removeNetwork(network.id)
    this.#context.model.networkNames.giveBack(network.name)
    this.#context.networkEvent('destroy', network)
  }

  #removeClosed(network: NetworkRecord): Promise<void> {
    const { model, drivers } = this.#context
    const isOnIt = (endpoint: EndpointRecord): boolean => endpoint.network === network.id
    return this.#attemptWith(isOnIt, async (undo, members) => {
      if (!network.configOnly) {
        const driver = drivers.get(network.driver)
        await this.#names.removeZone(network)
        undo.add(() => this.#names.addZone(network))
        await driver.deleteNetwork(network)
        undo.add(() => driver.createNetwork(network, { again: true }))
      }
      await this.#context.commit(
        undo,
        () => {
          for (const member of members) model.putSandbox(withFormerName(member, network))
          model.deleteNetwork(network.id)
        },
        () => {
          model.putNetwork(network)
          for (const member of members) model.putSandbox(member)
        },
      )
    })
  }

  /**
   * Attempts what changes the records of all sandboxes with such an endpoint, when all else with them is over: what is under way
   * with one of them puts a record in the model that knows nothing of the change, be it because it fails.
   */
  #attemptWith(
    wanted: (endpoint: EndpointRecord) => boolean,
    operation: (undo: Undo, sandboxes: readonly SandboxRecord[]) => Promise<void>,
  ): Promise<void> {
    const ids = this.#sandboxesWith(wanted).map(({ id }) => id)
    return this.#context.lock.runAll(ids, () =>
      this.#context.attempt((undo) => operation(undo, this.#sandboxesWith(wanted))),
    )
  }

  #sandboxesWith(wanted: (endpoint: EndpointRecord) => boolean): readonly SandboxRecord[] {
    return [...this.#context.model.sandboxes.values()].filter(({ endpoints }) => endpoints.some(wanted))
  }

  #refuseRemoval(network: NetworkRecord): void {
    const { model } = this.#context
    if (this.#context.isClosed(network.id) || model.network(network.id) === undefined) {
      throw new TapwireError(ErrorCode.networkUnknown, `network ${network.name} not found`)
    }
    if (network.configOnly && this.#isUsed(network)) {
      throw new TapwireError(
        ErrorCode.networkInUse,
        `error while removing network: configuration network "${network.name}" is in use`,
      )
    }
    this.#refuseService(network)
    if (!this.#context.isJoined(network.id)) return
    const endpoints = model
      .members(network.id)
      .map(({ sandbox, endpoint }) => `name:"${sandbox.name}" id:"${shortId(endpoint.joined?.id ?? '')}"`)
    throw new TapwireError(
      ErrorCode.networkInUse,
      `error while removing network: network ${network.name} has active endpoints${endpoints.length === 0 ? '' : ` (${endpoints.join(', ')})`}`,
      { hint: `Disconnect or stop them first: 'tapwire network inspect ${network.name}' shows them.` },
    )
  }

  #refuseService({ id, name }: NetworkRecord): void {
    const [service] = this.#services.onNetwork(id)
    if (service === undefined) return
    throw new TapwireError(
      ErrorCode.networkInUse,
      `error while removing network: network ${name} is in use by service ${service}`,
      { hint: `Remove it first: 'tapwire service rm ${service}'.` },
    )
  }

  #isUsed(network: NetworkRecord): boolean {
    if (!network.configOnly)
      return this.#context.isJoined(network.id) || this.#services.onNetwork(network.id).length > 0
    return [...this.#context.model.networks.values()].some(({ configFrom }) => configFrom === network.name)
  }

  #reserveName(name: string, id: string, undo: Undo): void {
    const { model } = this.#context
    if (model.networkNames.owner(name) !== undefined) throw networkNameTaken(name)
    if (model.networkNames.size >= DOMAINS_MAX) {
      throw new TapwireError(
        ErrorCode.limitReached,
        `there are ${DOMAINS_MAX} networks, and no more are possible`,
      )
    }
    model.networkNames.take(name, id)
    undo.add(() => model.networkNames.giveBack(name))
  }

  async #choosePools(id: string, wanted: WantedPools, undo: Undo): Promise<readonly PoolRecord[]> {
    const { addresses, surroundings } = this.#context.parts
    const pools = addresses.addNetwork(id, wanted, await surroundings.reservedPrefixes())
    undo.add(() => addresses.removeNetwork(id))
    return pools
  }

  #usage(network: NetworkRecord): readonly PoolUsage[] {
    return this.#context.parts.addresses.usage(network.id)
  }

  #hasPools(network: NetworkRecord): boolean {
    return !network.configOnly && this.#context.drivers.get(network.driver).connects
  }
}

/** The sandbox, which does not run, without the network: it waits for another one of its name. */
function withFormerName(sandbox: SandboxRecord, { id, name }: NetworkRecord): SandboxRecord {
  const endpoints = sandbox.endpoints.map((endpoint) =>
    endpoint.network === id ? { ...endpoint, formerName: name } : endpoint,
  )
  return { ...sandbox, endpoints }
}

function withSuccessor(sandbox: SandboxRecord, { id, name }: NetworkRecord): SandboxRecord {
  const endpoints = sandbox.endpoints.map((endpoint): EndpointRecord => {
    const { formerName, ...wishes } = endpoint
    return formerName === name ? { ...wishes, network: id } : endpoint
  })
  return { ...sandbox, endpoints }
}
