/**
 * Services: a name and an address for several sandboxes of a network. Their records are in the daemon's state, or in the registry of its
 * cluster where the network is the cluster's; what of them is to be on this host, the mesh sees to.
 */

import { SERVICE_FIRST_PORT, SERVICE_LAST_PORT, SERVICES_MAX } from '../../limits.ts'
import type {
  ServiceCreate,
  ServiceCreated,
  ServiceInspect,
  ServiceTask,
  ServiceUpdate,
} from '../api/service.ts'
import { ClusterServices, serviceNameTaken, servicePortTaken } from '../cluster/cluster-services.ts'
import type { ClusterSession } from '../cluster/cluster-session.ts'
import type { Filters } from '../control-plane.ts'
import type { SwitchRegistry } from '../drivers/switch-registry.ts'
import { ErrorCode, TapwireError } from '../errors.ts'
import type { NetworkRecord } from '../model/records.ts'
import type { ServicePort, ServiceRecord } from '../model/services.ts'
import { isForEndpoints } from '../rules/endpoint-addresses.ts'
import { printable } from '../rules/names.ts'
import { planService, type ServicePlan, updateService } from '../rules/service-create.ts'
import { isBackend, type ServiceMember } from '../rules/service-members.ts'
import { canHaveServices } from '../rules/service-networks.ts'
import { conjunction, hasLabels } from '../views/list-filters.ts'
import { inspectService, taskOf } from '../views/service-inspect.ts'
import type { Context } from './context.ts'
import { KeyedLock } from './keyed-lock.ts'
import { LocalServices, type ServiceShelf } from './local-services.ts'
import type { Names } from './names.ts'
import type { Publications } from './publications.ts'
import { ServiceBackends } from './service-backends.ts'
import { ServiceMesh } from './service-mesh.ts'
import type { SeenService } from './service-wish.ts'

/** A service, and where it is kept. */
interface PlacedService {
  readonly service: ServiceRecord
  readonly shelf: ServiceShelf
}

export class Services {
  readonly mesh: ServiceMesh
  readonly local: LocalServices
  readonly #context: Context
  readonly #registry: SwitchRegistry
  readonly #publications: Publications
  readonly #backends: ServiceBackends
  /** By service: who changes one finds it as it stays, not as another change has it that may yet be taken back. */
  readonly #lock = new KeyedLock()
  #session: ClusterSession | undefined
  #cluster: ClusterServices | undefined

  constructor(context: Context, registry: SwitchRegistry, names: Names, publications: Publications) {
    this.#context = context
    this.#registry = registry
    this.#publications = publications
    this.#backends = new ServiceBackends(context, registry, () => this.#session)
    this.local = new LocalServices(context)
    this.mesh = new ServiceMesh({ context, names, publications, seen: () => this.#seen() })
  }

  /** The model is complete: from here on all that concerns services is followed. `session`: of this host's cluster, where it is in one. */
  async start(session: ClusterSession | undefined): Promise<void> {
    const { model, parts } = this.#context
    const changed = (): void => void this.mesh.settle()
    model.onChange(changed)
    this.#registry.onChange(changed)
    if (session !== undefined) {
      this.#session = session
      this.#cluster = new ClusterServices(session, parts.addresses)
      session.view.onChange(changed)
    }
    await this.mesh.start()
  }

  async create(request: ServiceCreate): Promise<ServiceCreated> {
    const plan = planService(request)
    const network = this.#networkOf(request.Network, plan)
    this.#refuseNetwork(network, plan)
    const id = this.#context.newId()
    const release = this.#context.holdNetwork(network.id)
    try {
      await this.#lock.run(id, () => this.#create(plan, id, network))
      return { ID: id }
    } finally {
      release()
    }
  }

  async #create(plan: ServicePlan, id: string, network: NetworkRecord): Promise<void> {
    if (this.#find(plan.name) !== undefined) throw serviceNameTaken(plan.name)
    if (this.#all().length >= SERVICES_MAX) {
      throw new TapwireError(
        ErrorCode.limitReached,
        `there are ${SERVICES_MAX} services, and no more are possible`,
        { hint: "Remove one: 'tapwire service ls' lists them." },
      )
    }
    const shelf = this.#shelfOf(network)
    const ports = this.#choosePorts(plan.ports, id)
    const created = this.#context.timestamp()
    const service = await shelf.add({ ...plan, id, ports, created, network: network.id })
    await this.#settled(service, '', () => shelf.remove(service, true))
    this.#event('create', service)
  }

  update(reference: string, request: ServiceUpdate): Promise<void> {
    return this.#alone(reference, async ({ service, shelf }) => {
      const wanted = updateService(service, request)
      const kept = new Set(service.ports)
      const added = this.#choosePorts(
        wanted.ports.filter((port) => !kept.has(port)),
        service.id,
      )
      const after = { ...wanted, ports: [...wanted.ports.filter((port) => kept.has(port)), ...added] }
      const problem = this.mesh.problemOf(service.id)
      await shelf.replace(service, after)
      await this.#settled(after, problem, () => shelf.replace(after, service))
      this.#event('update', after)
    })
  }

  remove(reference: string): Promise<void> {
    return this.#alone(reference, async ({ service, shelf }) => {
      await shelf.remove(service)
      await this.mesh.settle()
      this.#event('remove', service)
    })
  }

  /** Changes a service when nobody else does. Throws SERVICE_UNKNOWN, also where it has gone meanwhile; REFERENCE_AMBIGUOUS. */
  async #alone(reference: string, change: (placed: PlacedService) => Promise<void>): Promise<void> {
    const { id } = this.#get(reference).service
    await this.#lock.run(id, () => {
      if (!this.#all().some((service) => service.id === id)) throw serviceUnknown(reference)
      return change(this.#get(id))
    })
  }

  list(filters: Filters): readonly ServiceInspect[] {
    const passes = conjunction<ServiceRecord>(filters, {
      id: (values) => (service) => values.some((value) => service.id.startsWith(value)),
      label: (values) => (service) => hasLabels(service.labels, values),
      mode: (values) => (service) => values.includes(service.endpointMode),
      name: (values) => (service) => values.some((value) => service.name.includes(value)),
    })
    const found = this.#all().filter(passes)
    return this.#backends.ofEach(found).map(([service, backends]) => this.#inspect(service, backends))
  }

  inspect(reference: string): ServiceInspect {
    const { service } = this.#get(reference)
    return this.#inspect(service, this.#backends.of(service))
  }

  tasks(reference: string): readonly ServiceTask[] {
    return this.#backends.of(this.#get(reference).service).map(taskOf)
  }

  /** Names of those on a network. */
  onNetwork(network: string): readonly string[] {
    return this.#all().flatMap((service) => (service.network === network ? [service.name] : []))
  }

  /** What names of services on a network lead to, and whose that is: no sandbox's for a virtual address. */
  addressesOn(
    network: string,
  ): readonly { readonly name: string; readonly sandbox: string; readonly address: string }[] {
    const there = this.#all().filter((service) => service.network === network)
    return this.#backends.ofEach(there).flatMap(([{ name, virtualIp }, members]) => {
      const backends = members.map((member) => ({ sandbox: member.name, address: member.address }))
      const tasks = backends.map((backend) => ({ name: `tasks.${name}`, ...backend }))
      const all = backends.map((backend) => ({ name, ...backend }))
      return [...(virtualIp === '' ? all : [{ name, sandbox: '', address: virtualIp }]), ...tasks]
    })
  }

  /** The service whose virtual address it is. */
  virtualOwner(network: string, address: string): string | undefined {
    return this.#all().find((service) => service.network === network && service.virtualIp === address)?.name
  }

  /** The virtual address of the service of this name. */
  addressOf(name: string): string | undefined {
    return this.#find(name)?.virtualIp || undefined
  }

  /** The service of this name: its network, and how many backends it has. */
  named(name: string): { readonly network: string; readonly backends: number } | undefined {
    const service = this.#find(name)
    return service && { network: service.network, backends: this.#backends.of(service).length }
  }

  /** Why a published port of a service is not open on this host; undefined where it is, or no service has it. */
  closedPort(
    protocol: string,
    number: number,
  ): { readonly service: string; readonly mode: string; readonly problem: string } | undefined {
    for (const service of this.#all()) {
      const port = service.ports.find((one) => one.protocol === protocol && one.published === number)
      if (port === undefined) continue
      const { name: called, id } = service
      const problem = this.mesh.problemOf(id)
      if (problem !== '') return { service: called, mode: port.mode, problem }
      const hasOwn = this.#backends.of(service).some(({ isLocal }) => isLocal)
      return port.mode === 'host' && !hasOwn
        ? { service: called, mode: port.mode, problem: 'none of its backends is on this host' }
        : undefined
    }
    return undefined
  }

  /** What people call the switch's number of one; empty where it is nobody's. */
  nameOf(number: number): string {
    const id = this.mesh.serviceOf(number)
    return this.#all().find((service) => service.id === id)?.name ?? ''
  }

  #inspect(service: ServiceRecord, backends: readonly ServiceMember[]): ServiceInspect {
    const network = this.#context.model.network(service.network)
    return inspectService(service, network, backends, this.mesh.problemOf(service.id))
  }

  #all(): readonly ServiceRecord[] {
    return [...this.local.services.values(), ...(this.#cluster?.services.values() ?? [])]
  }

  #find(name: string): ServiceRecord | undefined {
    return this.#all().find((service) => service.name === name)
  }

  /** By name, id or the beginning of an id. Throws SERVICE_UNKNOWN, REFERENCE_AMBIGUOUS. */
  #get(reference: string): PlacedService {
    const all = this.#all()
    const named = all.filter(({ name, id }) => name === reference || id === reference)
    const begun = all.filter(({ id }) => reference !== '' && id.startsWith(reference))
    const found = named.length > 0 ? named : begun
    const shown = printable(reference)
    if (found.length > 1)
      throw new TapwireError(
        ErrorCode.referenceAmbiguous,
        `service ${shown} is ambiguous (${found.length} matches found on ID prefix)`,
      )
    const [service] = found
    if (service === undefined) throw serviceUnknown(reference)
    const isLocal = this.local.services.has(service.id)
    return { service, shelf: isLocal ? this.local : this.#cluster! }
  }

  #shelfOf({ scope }: NetworkRecord): ServiceShelf {
    return scope === 'swarm' && this.#cluster !== undefined ? this.#cluster : this.local
  }

  /** The one that is named; or the only one that its backends are on. Nobody removes a network that has some. */
  #networkOf(reference: string | undefined, plan: ServicePlan): NetworkRecord {
    if (reference !== undefined) return this.#context.findNetworkToJoin(reference)
    const { model } = this.#context
    const networks = [...model.networks.values()].filter(({ id }) =>
      this.#backends.members(id).some((member) => isBackend(plan, member)),
    )
    if (networks.length === 1) return networks[0]!
    const names = networks.map(({ name }) => name).join(', ')
    throw new TapwireError(
      ErrorCode.serviceInvalid,
      networks.length === 0
        ? 'no sandbox that runs is a backend of the service, so its network is not known'
        : `the backends of the service are on several networks: ${names}`,
      { hint: "Say on which one it is with '--network'." },
    )
  }

  #refuseNetwork(network: NetworkRecord, { endpointMode }: ServicePlan): void {
    const { driver, options, ipam, configOnly } = network
    const gateway = ipam.pools.find(({ family }) => family === 4)?.gateway
    if (configOnly || !canHaveServices({ driver, options, gateway })) {
      throw new TapwireError(
        ErrorCode.serviceInvalid,
        `network ${network.name} cannot have services${endpointMode === 'vip' ? ' with a virtual address' : ''}: it has no IPv4 gateway of Tapwire's`,
        { hint: 'Networks of the drivers bridge, vxlan and overlay have one, unless they are isolated.' },
      )
    }
  }

  /** Those without a number get one that is free here and in the cluster. Throws PORT_IN_USE, PORTS_EXHAUSTED. */
  #choosePorts(ports: readonly ServicePort[], own: string): readonly ServicePort[] {
    const taken = new Map<string, ServiceRecord>()
    for (const service of this.#all()) {
      if (service.id === own) continue
      for (const port of service.ports) taken.set(`${port.published}/${port.protocol}`, service)
    }
    const chosen = new Set(ports.map(({ published, protocol }) => `${published}/${protocol}`))
    return ports.map((port) => {
      const holder = taken.get(`${port.published}/${port.protocol}`)
      if (holder !== undefined) throw servicePortTaken(port, holder.name, holder.id)
      if (port.published > 0) return port
      for (let published = SERVICE_FIRST_PORT; published <= SERVICE_LAST_PORT; published++) {
        const key = `${published}/${port.protocol}`
        if (taken.has(key) || chosen.has(key) || this.#isTaken(port, published)) continue
        chosen.add(key)
        return { ...port, published }
      }
      throw new TapwireError(ErrorCode.portsExhausted, 'all ports are allocated')
    })
  }

  #isTaken({ protocol, target }: ServicePort, published: number): boolean {
    const range = { protocol, first: target, last: target, hostIp: '', hostFirst: published }
    return this.#publications.hostPortChoice.isTaken(range)
  }

  /** Who asks for a port that this machine cannot give is told, and nothing is left. What was wrong `before` is no fault of the change. */
  async #settled({ id }: ServiceRecord, before: string, revert: () => Promise<void>): Promise<void> {
    // It has begun when the record changed.
    await this.mesh.idle()
    const failure = this.mesh.failureOf(id)
    if (failure === undefined || this.mesh.problemOf(id) === before) return
    await revert()
    await this.mesh.settle()
    throw failure
  }

  #seen(): readonly SeenService[] {
    return this.#backends.ofEach(this.#all()).map(([service, backends]) => ({
      service,
      domain: this.#registry.domainOf(service.network),
      backends,
      problem: this.#problemOf(service),
    }))
  }

  /**
   * Others than Tapwire may have written what is in the cluster's registry: no service is on a network that is this host's alone, and neither the
   * gateway's own address nor an endpoint's is a service's.
   */
  #problemOf({ id, network: networkId, virtualIp }: ServiceRecord): Error | undefined {
    const network = this.#context.model.network(networkId)
    if (network === undefined || this.local.services.has(id)) return undefined
    const invalid = (why: string): Error => new TapwireError(ErrorCode.serviceInvalid, why)
    if (network.scope !== 'swarm') return invalid(`its network ${network.name} is not one of the cluster`)
    if (virtualIp === '') return undefined
    const owner = this.#session?.view.claims(networkId).get(virtualIp)?.owner
    if (!virtualIp.includes(':') && owner === id && isForEndpoints(network, virtualIp)) return undefined
    return invalid(`its virtual address ${virtualIp} is not its own`)
  }

  #event(action: string, { id, name, network }: ServiceRecord): void {
    this.#context.parts.events.publish({
      Type: 'service',
      Action: action,
      Actor: {
        ID: id,
        Attributes: { name, network: this.#context.model.network(network)?.name ?? network },
      },
    })
  }
}

/** Docker's words. */
const serviceUnknown = (reference: string): TapwireError =>
  new TapwireError(ErrorCode.serviceUnknown, `service ${printable(reference)} not found`)
