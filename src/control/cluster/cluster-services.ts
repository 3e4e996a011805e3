/** Services of a cluster, in its registry: every host derives from what it sees there which backends they have. */

import type { ServiceShelf } from '../controller/local-services.ts'
import { ErrorCode, TapwireError } from '../errors.ts'
import type { AddressSpace } from '../ipam/address-space.ts'
import type { ServicePort, ServiceRecord } from '../model/services.ts'
import type { RegistryCondition, RegistryOperation } from '../registry/registry.ts'
import { addressKey, networkKey, serviceKey, serviceNameKey, servicePortKey } from './cluster-keys.ts'
import { CLUSTER_VERSION, type ClusterService } from './cluster-records.ts'
import { parseClusterValue } from './cluster-schema.ts'
import type { ClusterSession } from './cluster-session.ts'
import { claimText, clusterText } from './cluster-texts.ts'
import { exactEntry } from './exact-entry.ts'

/** Addresses that are tried, while others claim the same ones. */
const TRIES_MAX = 16

const portKey = ({ protocol, published }: ServicePort): string => servicePortKey(protocol, published)

export class ClusterServices implements ServiceShelf {
  readonly #session: Pick<ClusterSession, 'registry' | 'view' | 'requireMember' | 'echo'>
  readonly #space: AddressSpace

  constructor(
    session: Pick<ClusterSession, 'registry' | 'view' | 'requireMember' | 'echo'>,
    space: AddressSpace,
  ) {
    this.#session = session
    this.#space = space
  }

  get services(): ReadonlyMap<string, ServiceRecord> {
    return this.#session.view.services
  }

  /**
   * Throws REGISTRY_UNAVAILABLE, NAME_TAKEN, PORT_IN_USE, ADDRESSES_EXHAUSTED, NETWORK_UNKNOWN; ADDRESS_IN_USE, ADDRESS_OUT_OF_RANGE where it
   * asks for an address.
   */
  async add(service: ServiceRecord): Promise<ServiceRecord> {
    this.#session.requireMember()
    const { network } = service
    const others: string[] = []
    try {
      for (let tries = 0; tries < TRIES_MAX; tries++) {
        const virtualIp = this.#freeAddress(service)
        const added = await this.#tryAdd({ ...service, virtualIp })
        if (added !== undefined) return added
        await this.#refuse(service)
        if (virtualIp === '' || !(await this.#isClaimed(network, virtualIp))) continue
        if (service.virtualIp !== '') throw addressInUse(virtualIp)
        // Somebody has it, of whom we are yet to hear.
        this.#space.allocate(network, 4, virtualIp)
        others.push(virtualIp)
      }
    } finally {
      for (const address of others) this.#space.unallocate(network, address)
    }
    throw changesTooFast()
  }

  /** Throws REGISTRY_UNAVAILABLE, PORT_IN_USE; SERVICE_UNKNOWN where another has changed it meanwhile. */
  async replace(before: ServiceRecord, after: ServiceRecord): Promise<void> {
    this.#session.requireMember()
    const key = serviceKey(before.id)
    const [came, went] = [portsBeyond(after, before), portsBeyond(before, after)]
    const { succeeded, revision } = await this.#session.registry.commit({
      when: [{ key, value: textOf(before) }, ...came.map((port) => absent(portKey(port)))],
      do: [
        { put: key, value: textOf(after) },
        ...came.map((port) => ({ put: portKey(port), value: after.id })),
        ...went.map((port) => ({ delete: portKey(port) })),
      ],
    })
    if (succeeded) return this.#session.echo(revision)
    await this.#refusePorts(came, before.id)
    throw new TapwireError(
      ErrorCode.serviceUnknown,
      `service ${before.name} was changed or removed at the same time`,
      { hint: 'Try again.' },
    )
  }

  /** As it is by now: another host may have changed it, so that it has other ports. Throws REGISTRY_UNAVAILABLE. */
  async remove(service: ServiceRecord): Promise<void> {
    this.#session.requireMember()
    const { registry } = this.#session
    const key = serviceKey(service.id)
    let [now, value] = [service, textOf(service)]
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const { succeeded, revision } = await registry.commit({ when: [{ key, value }], do: removalOf(now) })
      if (succeeded) return this.#session.echo(revision)
      const entry = await exactEntry(registry, key)
      if (entry === undefined) return this.#session.echo(revision)
      const parsed = parseClusterValue('service', entry.value)
      if ('value' in parsed) now = parsed.value
      value = entry.value
    }
    throw changesTooFast()
  }

  /** One that is free as far as anybody here knows. When it is the service's, the view says so, as it does of all that others have. */
  #freeAddress({ network, endpointMode, virtualIp: wanted }: ServiceRecord): string {
    if (endpointMode === 'dnsrr') return ''
    const { address } = this.#space.allocate(network, 4, wanted === '' ? undefined : wanted)
    this.#space.unallocate(network, address)
    return address
  }

  async #tryAdd(service: ServiceRecord): Promise<ServiceRecord | undefined> {
    const { id, name, network, virtualIp } = service
    const ports = ingressOf(service).map(portKey)
    const claims = virtualIp === '' ? [] : [addressKey(network, virtualIp)]
    const keys = [serviceKey(id), serviceNameKey(name), ...ports, ...claims]
    const { succeeded, revision } = await this.#session.registry.commit({
      when: [{ key: networkKey(network), is: 'present' }, ...keys.map(absent)],
      do: [
        { put: serviceKey(id), value: textOf(service) },
        { put: serviceNameKey(name), value: id },
        ...ports.map((put) => ({ put, value: id })),
        // No host's own, so that it stays when a host is forgotten.
        ...claims.map((put) => ({ put, value: claimText({ host: '', owner: id }) })),
      ],
    })
    if (!succeeded) return undefined
    await this.#session.echo(revision)
    return service
  }

  async #isClaimed(network: string, address: string): Promise<boolean> {
    return (await exactEntry(this.#session.registry, addressKey(network, address))) !== undefined
  }

  /** Throws where another address would not help. */
  async #refuse({ id, name, network, ...service }: ServiceRecord): Promise<void> {
    const { registry } = this.#session
    if ((await exactEntry(registry, networkKey(network))) === undefined) {
      throw new TapwireError(ErrorCode.networkUnknown, `network ${network} not found`)
    }
    if ((await exactEntry(registry, serviceNameKey(name))) !== undefined) throw serviceNameTaken(name)
    await this.#refusePorts(ingressOf(service), id)
  }

  async #refusePorts(ports: readonly ServicePort[], own: string): Promise<void> {
    for (const port of ports) {
      const holder = (await exactEntry(this.#session.registry, portKey(port)))?.value
      if (holder === undefined || holder === own) continue
      throw servicePortTaken(port, this.services.get(holder)?.name ?? holder, holder)
    }
  }
}

function removalOf(service: ServiceRecord): readonly RegistryOperation[] {
  const { id, name, network, virtualIp } = service
  const keys = [serviceKey(id), serviceNameKey(name), ...ingressOf(service).map(portKey)]
  if (virtualIp !== '') keys.push(addressKey(network, virtualIp))
  return keys.map((key) => ({ delete: key }))
}

const changesTooFast = (): TapwireError =>
  new TapwireError(ErrorCode.registryUnavailable, 'the cluster changes faster than its registry answers')

const addressInUse = (address: string): TapwireError =>
  new TapwireError(ErrorCode.addressInUse, 'Address already in use', {
    hint: `${address} is taken on another host. Choose another address, or none.`,
  })

/** Docker's words. */
export function serviceNameTaken(name: string): TapwireError {
  return new TapwireError(
    ErrorCode.nameTaken,
    `name conflicts with an existing object: service ${name} already exists`,
  )
}

/** Docker's words. */
export function servicePortTaken({ published }: ServicePort, name: string, id: string): TapwireError {
  return new TapwireError(
    ErrorCode.portInUse,
    `port '${published}' is already in use by service '${name}' (${id}) as an ingress port`,
  )
}

const ingressOf = ({ ports }: Pick<ServiceRecord, 'ports'>): readonly ServicePort[] =>
  ports.filter(({ mode }) => mode === 'ingress')

/** Ingress ports of the one that the other has not. */
function portsBeyond(one: ServiceRecord, other: ServiceRecord): readonly ServicePort[] {
  const known = new Set(ingressOf(other).map(portKey))
  return ingressOf(one).filter((port) => !known.has(portKey(port)))
}

const absent = (key: string): RegistryCondition => ({ key, is: 'absent' })

/** Members always in one order: it is compared. */
function textOf(service: ServiceRecord): string {
  const { id, name, created, network, endpointMode, virtualIp, replicasOf, endpoints, ports, labels } =
    service
  const value: ClusterService = {
    version: CLUSTER_VERSION,
    id,
    name,
    created,
    network,
    endpointMode,
    virtualIp,
    replicasOf,
    endpoints,
    ports: ports.map(({ protocol, published, target, mode }) => ({ protocol, published, target, mode })),
    labels,
  }
  return clusterText(value)
}
