/**
 * Keeps what the switch knows of names in step with the model.
 *
 *     network with names              ─► zone
 *     endpoint on one                 ─► named host     (sandbox name, aliases, short id, hostname; ports)
 *     sandbox with such endpoints     ─► resolver       (whose questions, by which networks, who is asked outside)
 *
 * A sandbox is settled when it comes, goes, or gets another name, network or port: always as a whole, and only what differs from
 * what the switch knows is told to it.
 */

import { isDeepStrictEqual } from 'node:util'
import { NAMED_HOSTS_MAX, PORTS_MAX } from '../../limits.ts'
import { NumberPool } from '../drivers/number-pool.ts'
import type { SwitchRegistry } from '../drivers/switch-registry.ts'
import { ErrorCode, TapwireError } from '../errors.ts'
import type { FabricNamedHost, FabricResolver, RunningSandbox } from '../model/machine.ts'
import type { EndpointRecord, NetworkRecord, SandboxRecord } from '../model/records.ts'
import { endpointNames, nameKey } from '../rules/endpoint-names.ts'
import { shortId } from '../rules/ids.ts'
import { parseLink } from '../rules/link-environment.ts'
import { networkNames } from '../rules/network-names.ts'
import { LOOPBACK_RESOLVER } from '../rules/resolver-choice.ts'
import { servicesOf } from '../rules/services.ts'
import type { Context } from './context.ts'
import { KeyedLock } from './keyed-lock.ts'
import { resolutionOf } from './resolution.ts'
import { linkChild } from './sandbox-files.ts'
import type { Undo } from './undo.ts'

/** What the switch is told of a sandbox. */
interface Told {
  /** By endpoint. */
  readonly hosts: ReadonlyMap<string, FabricNamedHost>
  readonly resolver: FabricResolver | undefined
}

interface Numbered<T> {
  readonly id: number
  readonly value: T
}

/** What it has been told, and by which numbers. */
interface Held {
  /** By endpoint. */
  readonly hosts: Map<string, Numbered<FabricNamedHost>>
  resolver: Numbered<FabricResolver> | undefined
}

/** A sandbox that runs, as it was settled last. */
interface Settled {
  readonly running: Pick<RunningSandbox, 'networkNamespace'>
  readonly sandbox: SandboxRecord
}

const NOTHING: Told = { hosts: new Map(), resolver: undefined }

export class Names {
  readonly #context: Context
  readonly #registry: SwitchRegistry
  readonly #hostNumbers = new NumberPool(NAMED_HOSTS_MAX)
  readonly #resolverNumbers = new NumberPool(PORTS_MAX)
  /** By sandbox. */
  readonly #held = new Map<string, Held>()
  readonly #settled = new Map<string, Settled>()
  /** Ids of the sandboxes that have or had a resolver, by its number: the log speaks of those that have ended, too. */
  readonly #asked = new Map<number, { readonly id: string; readonly name: string }>()
  /** One at a time changes what is known of a sandbox: its own operation, or news of its ports or links. */
  readonly #lock = new KeyedLock()
  /** What could not be taken back at a sandbox's end. */
  #leftovers: Held[] = []
  /** By sandbox, names that DNS cannot carry, and that the log has. */
  readonly #warned = new Map<string, Set<string>>()

  constructor(context: Context, registry: SwitchRegistry) {
    this.#context = context
    this.#registry = registry
  }

  /** Gives a network names, if it is to have any. Its domain is there. */
  async addZone(network: NetworkRecord): Promise<void> {
    const names = networkNames(network)
    const domain = this.#registry.domainOf(network.id)
    if (names === undefined || domain === undefined) return
    const { ttlS, gateway } = names
    await this.#context.parts.fabric.setZone(domain, {
      name: network.name,
      ttlS,
      served: gateway !== undefined,
    })
  }

  /** Before its domain goes. */
  async removeZone(network: NetworkRecord): Promise<void> {
    const domain = this.#registry.domainOf(network.id)
    if (networkNames(network) === undefined || domain === undefined) return
    await this.#context.parts.fabric.setZone(domain, undefined)
  }

  /**
   * Brings what is known in step with a running sandbox as it is about to be; what fails later on makes it what it was `before`.
   * Throws LIMIT_REACHED, SANDBOX_START.
   */
  async settle(
    undo: Undo,
    running: Settled['running'],
    before: SandboxRecord,
    after: SandboxRecord,
  ): Promise<void> {
    this.returnTo(undo, running, before)
    await this.become(running, after)
  }

  /** The second half of it: its ports may have other numbers by then, so what it was is found out anew. */
  returnTo(undo: Undo, running: Settled['running'], before: SandboxRecord): void {
    undo.add(() => this.become(running, before))
  }

  /** The sandbox has ended. What cannot be taken back is told, and tried again at the next end. */
  abandon({ id, name }: SandboxRecord): Promise<void> {
    return this.#lock.run(id, async () => {
      const held = this.#held.get(id)
      this.#held.delete(id)
      this.#settled.delete(id)
      this.#warned.delete(id)
      const left = [...this.#leftovers, ...(held === undefined ? [] : [held])]
      this.#leftovers = []
      for (const each of left) {
        try {
          await this.#bring(each, NOTHING)
        } catch (error) {
          this.#leftovers.push(each)
          this.#context.warn(error, `the names of ${name} could not be taken back`)
        }
      }
    })
  }

  /** A port of the sandbox has vanished. Another one's may get its number. */
  async portGone(id: string): Promise<void> {
    const settled = this.#settled.get(id)
    if (settled === undefined) return
    try {
      await this.become(settled.running, settled.sandbox)
    } catch (error) {
      this.#context.warn(error, `${settled.sandbox.name} may be answered in the place of another one`)
    }
  }

  /** The number of a running sandbox's resolver; undefined where none of its networks has names. */
  resolverOf(id: string): number | undefined {
    return this.#held.get(id)?.resolver?.id
  }

  /** Who has a resolver, or had it last; undefined where nobody. */
  sandboxOf(resolver: number): { readonly id: string; readonly name: string } | undefined {
    const asked = this.#asked.get(resolver)
    return asked && (this.#context.model.sandbox(asked.id) ?? asked)
  }

  /** Private words of a running sandbox for its neighbours on a network, and what those stand for. */
  linksOf(sandbox: SandboxRecord, { settings }: EndpointRecord): FabricResolver['scopes'][number]['links'] {
    return settings.links.flatMap((link) => {
      const { child, alias } = parseLink(link)
      const found = linkChild(this.#context, child)
      // Another sandbox of this name takes its place; a rename is followed by the link's own text.
      const target = found === undefined || found.name === child ? child : shortId(found.id)
      return [alias, target].every((name) => this.#isCarried(sandbox, name)) ? [{ alias, target }] : []
    })
  }

  /** The first half: the model has changed already. */
  become(running: Settled['running'], sandbox: SandboxRecord): Promise<void> {
    const { id } = sandbox
    return this.#lock.run(id, async () => {
      const held = this.#held.get(id) ?? { hosts: new Map(), resolver: undefined }
      this.#held.set(id, held)
      try {
        await this.#bring(held, this.#toldOf(running, sandbox), sandbox)
        this.#settled.set(id, { running, sandbox })
      } finally {
        if (held.hosts.size === 0 && held.resolver === undefined) {
          this.#held.delete(id)
          this.#settled.delete(id)
        }
      }
    })
  }

  /** What has been told is noted step by step, so that it is known where one fails. A resolver has only scopes that are there. */
  async #bring(held: Held, { hosts, resolver }: Told, sandbox?: SandboxRecord): Promise<void> {
    if (resolver === undefined) await this.#dropResolver(held)
    for (const endpoint of [...held.hosts.keys()]) {
      if (!hosts.has(endpoint)) await this.#dropHost(held, endpoint)
    }
    for (const [endpoint, host] of hosts) await this.#putHost(held, endpoint, host)
    if (resolver !== undefined) await this.#putResolver(held, resolver, sandbox!)
  }

  async #putHost({ hosts }: Held, endpoint: string, value: FabricNamedHost): Promise<void> {
    const known = hosts.get(endpoint)
    if (isDeepStrictEqual(known?.value, value)) return
    const id = known?.id ?? taken(this.#hostNumbers, `${NAMED_HOSTS_MAX} endpoints have names`)
    try {
      await this.#context.parts.fabric.setNamedHost(id, value)
    } catch (error) {
      if (known === undefined) this.#hostNumbers.giveBack(id)
      throw error
    }
    hosts.set(endpoint, { id, value })
  }

  async #dropHost({ hosts }: Held, endpoint: string): Promise<void> {
    const { id } = hosts.get(endpoint)!
    await this.#context.parts.fabric.setNamedHost(id, undefined)
    this.#hostNumbers.giveBack(id)
    hosts.delete(endpoint)
  }

  async #putResolver(held: Held, value: FabricResolver, { id: sandbox, name }: SandboxRecord): Promise<void> {
    if (isDeepStrictEqual(held.resolver?.value, value)) return
    const id = held.resolver?.id ?? taken(this.#resolverNumbers, `${PORTS_MAX} sandboxes are answered`)
    try {
      await this.#context.parts.fabric.setResolver(id, value)
    } catch (error) {
      if (held.resolver === undefined) this.#resolverNumbers.giveBack(id)
      throw error
    }
    held.resolver = { id, value }
    this.#asked.set(id, { id: sandbox, name })
  }

  async #dropResolver(held: Held): Promise<void> {
    if (held.resolver === undefined) return
    const { id } = held.resolver
    await this.#context.parts.fabric.setResolver(id, undefined)
    this.#resolverNumbers.giveBack(id)
    held.resolver = undefined
  }

  #toldOf(running: Settled['running'], sandbox: SandboxRecord): Told {
    const resolution = resolutionOf(this.#context, sandbox)
    if (resolution === undefined) return NOTHING
    const { address, upstream, singleLabelsStay } = resolution
    const hosts = new Map<string, FabricNamedHost>()
    const scopes: FabricResolver['scopes'][number][] = []
    const ports: number[] = []
    for (const { endpoint } of resolution.scopes) {
      const domain = this.#registry.domainOf(endpoint.network)
      if (domain === undefined) continue
      const { id } = endpoint.joined!
      hosts.set(id, this.#hostOf(sandbox, endpoint, domain))
      scopes.push({ domain, links: this.linksOf(sandbox, endpoint) })
      const entry = this.#registry.portOfEndpoint(id)
      if (entry !== undefined) ports.push(entry.port)
    }
    if (scopes.length === 0) return NOTHING
    const namespace = running.networkNamespace
    return {
      hosts,
      resolver: {
        ports,
        scopes,
        upstream:
          typeof upstream === 'string'
            ? { kind: upstream }
            : { kind: 'servers', servers: upstream, namespace },
        singleLabelsStay,
        loopback: address === LOOPBACK_RESOLVER ? namespace : undefined,
      },
    }
  }

  #hostOf(sandbox: SandboxRecord, { settings, joined }: EndpointRecord, domain: number): FabricNamedHost {
    return {
      domain,
      ipv4: joined!.ipv4?.address,
      ipv6: joined!.ipv6?.address,
      names: endpointNames(sandbox, settings).filter(({ text }) => this.#isCarried(sandbox, text)),
      services: servicesOf(sandbox.config),
    }
  }

  #isCarried({ id, name: owner }: SandboxRecord, name: string): boolean {
    if (nameKey(name) !== undefined) return true
    const known = this.#warned.get(id) ?? new Set()
    this.#warned.set(id, known)
    if (!known.has(name)) {
      known.add(name)
      const why = new TapwireError(ErrorCode.nameInvalid, `${JSON.stringify(name)} is no name to DNS`)
      this.#context.warn(why, `${owner} is not found by a name that DNS cannot carry`)
    }
    return false
  }
}

function taken(numbers: NumberPool, exhausted: string): number {
  const number = numbers.take()
  if (number === undefined) throw new TapwireError(ErrorCode.limitReached, `${exhausted}, and no more can`)
  return number
}
