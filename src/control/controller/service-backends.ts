/** Who serves: of the sandboxes on a service's network those that are its backends, here and on other hosts of the cluster. */

import type { ClusterSession } from '../cluster/cluster-session.ts'
import type { ClusterFacts } from '../cluster/cluster-view.ts'
import type { SwitchRegistry } from '../drivers/switch-registry.ts'
import type { ServiceRecord } from '../model/services.ts'
import { isBackend, type ServiceMember } from '../rules/service-members.ts'
import type { Context } from './context.ts'

export class ServiceBackends {
  readonly #context: Context
  readonly #registry: SwitchRegistry
  readonly #session: () => ClusterSession | undefined

  /** `session`: of this host's cluster, once it is in one. */
  constructor(context: Context, registry: SwitchRegistry, session: () => ClusterSession | undefined) {
    this.#context = context
    this.#registry = registry
    this.#session = session
  }

  of(service: ServiceRecord): readonly ServiceMember[] {
    return this.#among(this.members(service.network), service)
  }

  /** Of several services: a network's members may be thousands, and are gathered once for all of its services. */
  ofEach(
    services: readonly ServiceRecord[],
  ): readonly (readonly [service: ServiceRecord, backends: readonly ServiceMember[]])[] {
    const networks = new Set(services.map(({ network }) => network))
    const members = new Map([...networks].map((network) => [network, this.members(network)]))
    return services.map((service) => [service, this.#among(members.get(service.network)!, service)])
  }

  /** Of a network: those here by the model, those on other hosts by the cluster. */
  members(network: string): readonly ServiceMember[] {
    const { model } = this.#context
    const session = this.#session()
    const own = session?.settings.host.name ?? ''
    const local = model.members(network).flatMap(({ sandbox, endpoint: { joined } }): ServiceMember[] => {
      if (joined?.ipv4 === undefined || sandbox.state.status !== 'running') return []
      return [
        {
          endpoint: joined.id,
          sandbox: sandbox.id,
          name: sandbox.name,
          labels: sandbox.config.labels,
          address: joined.ipv4.address,
          host: own,
          port: this.#registry.portOfEndpoint(joined.id)?.port,
          isLocal: true,
        },
      ]
    })
    return session === undefined ? local : [...local, ...this.#remote(session.view, network, own)]
  }

  #among(members: readonly ServiceMember[], service: ServiceRecord): readonly ServiceMember[] {
    return members.filter((member) => isBackend(service, member))
  }

  #remote(facts: ClusterFacts, network: string, own: string): readonly ServiceMember[] {
    const peers = new Map(
      this.#registry
        .ports()
        .flatMap(({ peer, port, network: { id } }) =>
          peer === undefined || id !== network ? [] : [[peer.address, port] as const],
        ),
    )
    return [...facts.endpoints(network).values()].flatMap(({ id, host, sandbox, ipv4 }): ServiceMember[] => {
      if (host === own || ipv4 === undefined) return []
      const advertise = facts.hosts.get(host)?.advertise ?? ''
      return [
        {
          endpoint: id,
          sandbox: sandbox.id,
          name: sandbox.name,
          labels: sandbox.labels,
          address: ipv4,
          host,
          port: peers.get(advertise),
          isLocal: false,
        },
      ]
    })
  }
}
