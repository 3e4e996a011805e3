/** What an explanation says of other hosts of the cluster: who is there, and how far what is known of them is to be believed. */

import type { ExplanationStep } from '../api/explain.ts'
import type { ClusterEndpoint } from '../cluster/cluster-records.ts'
import type { SwitchRegistry } from '../drivers/switch-registry.ts'
import type { NetworkRecord } from '../model/records.ts'
import type { Context } from './context.ts'

/** A sandbox of another host, on a network that is here as well. */
export interface RemoteStation {
  readonly endpoint: ClusterEndpoint
  readonly network: NetworkRecord
}

/** Whose an address is; empty where that is nobody, or the host is this one. */
export interface AddressOwner {
  readonly sandbox: string
  readonly host: string
}

const NOBODY: AddressOwner = { sandbox: '', host: '' }

export class ExplainCluster {
  readonly #context: Context
  readonly #registry: SwitchRegistry

  constructor(context: Context, registry: SwitchRegistry) {
    this.#context = context
    this.#registry = registry
  }

  /** The first of them that is so; of one network, where its name is given. */
  find(is: (endpoint: ClusterEndpoint) => boolean, networkName?: string): RemoteStation | undefined {
    const { model, cluster } = this.#context
    for (const network of model.networks.values()) {
      if (networkName !== undefined && networkName !== network.name) continue
      const endpoint = cluster?.remotes(network.id).find((remote) => remote.ipv4 !== undefined && is(remote))
      if (endpoint !== undefined) return { endpoint, network }
    }
    return undefined
  }

  /** The port of the switch that its frames come by; undefined while its host is no peer. */
  peerOf({ endpoint, network }: RemoteStation): number | undefined {
    const address = this.#context.cluster?.facts.hosts.get(endpoint.host)?.advertise
    const entry = this.#registry
      .ports()
      .find(
        ({ peer, network: { id } }) => peer !== undefined && peer.address === address && id === network.id,
      )
    return entry?.port
  }

  ownerOf(network: string, address: string): AddressOwner {
    const { model, cluster } = this.#context
    const own = model.members(network).find(({ endpoint }) => endpoint.joined?.ipv4?.address === address)
    if (own !== undefined) return { sandbox: own.sandbox.name, host: '' }
    const remote = cluster?.remotes(network).find(({ ipv4 }) => ipv4 === address)
    return remote === undefined ? NOBODY : { sandbox: remote.sandbox.name, host: remote.host }
  }

  /** What is in front of all that follows from the registry's word on a network of the cluster. */
  doubts({ scope }: Pick<NetworkRecord, 'scope'>): readonly ExplanationStep[] {
    const { cluster } = this.#context
    if (cluster === undefined || scope !== 'swarm') return []
    const { membership, registry } = cluster.session
    const { reachable, sinceMs } = registry.health
    if (!reachable) {
      const since = sinceMs === undefined ? '' : new Date(sinceMs).toISOString()
      return [{ stage: 'cluster', verdict: 'stale', values: { since } }]
    }
    if (membership.state !== 'refused') return []
    return [{ stage: 'cluster', verdict: 'outside', values: { problem: membership.problem } }]
  }

  /** Why nobody answers for an address that a host has which is away. */
  keeper(network: string, address: string): readonly ExplanationStep[] {
    const facts = this.#context.cluster?.facts
    const holder = facts?.claims(network).get(address)?.host
    const host = this.#away().find(({ id }) => id === holder)
    return host === undefined
      ? []
      : [{ stage: 'cluster', verdict: 'away', values: { address, host: host.name } }]
  }

  /** What to say to who asks for a name that nobody has. */
  hint(): string | undefined {
    const names = this.#away().map(({ name }) => name)
    if (names.length === 0) return undefined
    return `What was on hosts that are away is not known until they are back: ${names.join(', ')}. 'tapwire overlay status' lists them.`
  }

  #away(): readonly { readonly id: string; readonly name: string }[] {
    const facts = this.#context.cluster?.facts
    if (facts === undefined) return []
    const present = new Set([...facts.hosts.values()].map(({ id }) => id))
    return [...facts.knownHosts.values()].filter(({ id }) => !present.has(id))
  }
}
