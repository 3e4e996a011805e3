/** What is told of the cluster: events for those who watch, lines in the log for those who come later. */

import type { Context } from '../controller/context.ts'
import type { NetworkRecord } from '../model/records.ts'
import type { ClusterNews, ClusterSettings } from './cluster-session.ts'
import type { ViewChange } from './cluster-view.ts'

export class ClusterTelling {
  readonly #context: Context
  readonly #settings: ClusterSettings
  /** Hosts that are there when the view is first complete have not come just now. */
  #isComplete = false
  #reachable: boolean | undefined

  constructor(context: Context, settings: ClusterSettings) {
    this.#context = context
    this.#settings = settings
  }

  news(news: ClusterNews): void {
    const { name } = this.#settings
    switch (news.kind) {
      case 'joined':
        return this.#info('join', `this host has joined cluster ${name}`)
      case 'refused':
        return this.#warn('refuse', `this host is not in cluster ${name}`, { problem: news.problem })
      case 'registry':
        return this.#registry(news.health.reachable, news.health.problem)
      case 'regressed':
        return this.#warn('registry-restored', `the registry of cluster ${name} is older than it was`)
      case 'synced':
        this.#isComplete = true
        return
      case 'unlisted':
        return this.#warn('unreadable', `what the registry of cluster ${name} holds cannot be followed`, {
          problem: news.problem,
        })
      case 'unreadable':
        return this.#warn('unreadable', `an entry of cluster ${name} cannot be read, and is left alone`, {
          key: news.key,
          problem: news.problem,
        })
      case 'lost':
        return this.#lost(news)
    }
  }

  viewChanged(changes: readonly ViewChange[]): void {
    if (!this.#isComplete) return
    for (const change of changes) {
      if (change.kind !== 'host' || change.name === this.#settings.host.name) continue
      const { name, before, after } = change
      if (after !== undefined && before?.id !== after.id) {
        this.#info('host-join', `host ${name} has come to the cluster`, {
          host: name,
          address: after.advertise,
        })
      } else if (after === undefined) {
        this.#info('host-leave', `host ${name} has gone from the cluster`, { host: name })
      }
    }
  }

  /** The daemon is about to end. */
  left(): void {
    this.#info('leave', `this host leaves cluster ${this.#settings.name}`)
  }

  /** A tunnel endpoint that is no host of the network sends for it. */
  stranger({ name }: NetworkRecord, address: string): void {
    this.#warn('stranger', `frames for network ${name} come from an address that is no host of it`, {
      network: name,
      address,
    })
  }

  #registry(reachable: boolean, problem: string): void {
    const before = this.#reachable
    this.#reachable = reachable
    if (before === reachable) return
    const { name } = this.#settings
    if (!reachable)
      this.#warn('registry-lost', `the registry of cluster ${name} does not answer`, { problem })
    else if (before === false) this.#info('registry-back', `the registry of cluster ${name} answers again`)
  }

  #lost({ endpoint, address }: Extract<ClusterNews, { kind: 'lost' }>): void {
    const network = this.#context.model.network(endpoint.network)?.name ?? endpoint.network
    this.#warn(
      'address-lost',
      `${address} was given to somebody else while this host was away: ${endpoint.sandbox.name} is taken off network ${network}`,
      { network, address, container: endpoint.sandbox.id },
    )
  }

  #info(action: string, message: string, more: Readonly<Record<string, string>> = {}): void {
    this.#event(action, more)
    this.#context.parts.log.info({ cluster: this.#settings.name, ...more }, message)
  }

  #warn(action: string, message: string, more: Readonly<Record<string, string>> = {}): void {
    this.#event(action, more)
    this.#context.parts.log.warn({ cluster: this.#settings.name, ...more }, message)
  }

  #event(action: string, more: Readonly<Record<string, string>>): void {
    const { name, host } = this.#settings
    this.#context.parts.events.publish({
      Type: 'cluster',
      Action: action,
      Actor: { ID: host.id, Attributes: { ...more, name: host.name, cluster: name } },
    })
  }
}
