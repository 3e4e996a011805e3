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
import type { RunningSandbox } from '../model/machine.ts'
import type { FabricNamedHost, FabricResolver } from '../model/names.ts'
import type { NetworkRecord, SandboxRecord } from '../model/records.ts'
import { networkNames } from '../rules/network-names.ts'
import type { Context } from './context.ts'
import { KeyedLock } from './keyed-lock.ts'
import { NO_NAMES, type ToldNames, toldNames, unheardNames } from './told-names.ts'
import type { Undo } from './undo.ts'

interface Numbered<T> {
  readonly id: number
  readonly value: T
}

/** What the switch has been told of a sandbox, and by which numbers. */
interface Held {
  /** By endpoint. */
  readonly hosts: Map<string, Numbered<FabricNamedHost>>
  resolver: Numbered<FabricResolver> | undefined
}

type Running = Pick<RunningSandbox, 'networkNamespace'>

/** A sandbox that runs, as it was settled last. */
interface Settled {
  readonly running: Running
  readonly sandbox: SandboxRecord
}

export class Names {
  readonly #context: Context
  readonly #registry: SwitchRegistry
  readonly #hostNumbers = new NumberPool(NAMED_HOSTS_MAX)
  readonly #resolverNumbers = new NumberPool(PORTS_MAX)
  /** By sandbox. */
  readonly #held = new Map<string, Held>()
  readonly #settled = new Map<string, Settled>()
  /** Numbers of other hosts' endpoints, by their ids. */
  readonly #remote = new Map<string, number>()
  /** Whose resolvers are or were last, by their numbers: the log speaks of sandboxes that have ended, too. */
  readonly #owners = new Map<number, Pick<SandboxRecord, 'id' | 'name'>>()
  /** One at a time changes what is known of a sandbox: its own operation, or news of its ports or links. */
  readonly #lock = new KeyedLock()
  /** What could not be taken back at a sandbox's end. */
  #leftovers: Held[] = []
  /** By sandbox, names that DNS cannot carry, and that somebody has been told of. */
  readonly #unheard = new Map<string, readonly string[]>()

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
    const zone = { name: network.name, ttlS, served: gateway !== undefined }
    await this.#context.parts.fabric.setZone(domain, zone)
  }

  /** Before its domain goes. Nobody is on it. */
  async removeZone(network: NetworkRecord): Promise<void> {
    const domain = this.#registry.domainOf(network.id)
    if (networkNames(network) === undefined || domain === undefined) return
    await this.#endLeftovers()
    await this.#context.parts.fabric.setZone(domain, undefined)
  }

  /**
   * Brings what is known in step with a running sandbox as it is about to be; what fails later on makes it what it was `before`.
   * Throws LIMIT_REACHED, SANDBOX_START.
   */
  async settle(undo: Undo, running: Running, before: SandboxRecord, after: SandboxRecord): Promise<void> {
    this.returnTo(undo, running, before)
    await this.become(running, after)
  }

  /** The second half of it: its ports may have other numbers by then, so what it was is found out anew. */
  returnTo(undo: Undo, running: Running, before: SandboxRecord): void {
    undo.add(() => this.become(running, before))
  }

  /** The first half. */
  become(running: Running, sandbox: SandboxRecord): Promise<void> {
    return this.#lock.run(sandbox.id, () => this.#become({ running, sandbox }))
  }

  /**
   * The same for one that something else may be under way with: its record as it was settled last, changed. Nothing where it does not
   * run.
   */
  revise(id: string, change: (sandbox: SandboxRecord) => SandboxRecord): Promise<void> {
    return this.#lock.run(id, async () => {
      const settled = this.#settled.get(id)
      if (settled !== undefined) await this.#become({ ...settled, sandbox: change(settled.sandbox) })
    })
  }

  /** The sandbox has ended. What cannot be taken back is told, and tried again at the next end. */
  abandon({ id }: SandboxRecord): Promise<void> {
    return this.#lock.run(id, async () => {
      const held = this.#held.get(id)
      if (held !== undefined) this.#leftovers.push(held)
      this.#held.delete(id)
      this.#settled.delete(id)
      this.#unheard.delete(id)
      await this.#endLeftovers()
    })
  }

  /** A port of the sandbox has vanished: what gets its number is to be answered as itself. */
  portGone(id: string): Promise<void> {
    return this.#lock.run(id, async () => {
      const settled = this.#settled.get(id)
      if (settled === undefined) return
      try {
        await this.#become(settled)
      } catch (error) {
        this.#context.warn(error, `the port that ${settled.sandbox.name} has lost is still answered`)
      }
    })
  }

  /** What an endpoint of another host is called from here on; undefined: nothing. One at a time for each. Throws LIMIT_REACHED. */
  async setRemote(endpoint: string, host: FabricNamedHost | undefined): Promise<void> {
    const known = this.#remote.get(endpoint)
    if (host === undefined && known === undefined) return
    const id = known ?? taken(this.#hostNumbers, `there are ${NAMED_HOSTS_MAX} endpoints with names`)
    try {
      await this.#context.parts.fabric.setNamedHost(id, host)
    } catch (error) {
      if (known === undefined) this.#hostNumbers.giveBack(id)
      throw error
    }
    if (host !== undefined) this.#remote.set(endpoint, id)
    else if (this.#remote.delete(endpoint)) this.#hostNumbers.giveBack(id)
  }

  /** Which endpoint of another host the switch has by this number. */
  remoteOfHost(number: number): string | undefined {
    return [...this.#remote].find(([, id]) => id === number)?.[0]
  }

  /** The number of a running sandbox's resolver; undefined where none of its networks has names. */
  resolverOf(id: string): number | undefined {
    return this.#held.get(id)?.resolver?.id
  }

  /** Who has a resolver, or had it last; undefined where nobody. */
  ownerOf(resolver: number): Pick<SandboxRecord, 'id' | 'name'> | undefined {
    const owner = this.#owners.get(resolver)
    return owner && (this.#context.model.sandbox(owner.id) ?? owner)
  }

  /** Whose endpoint it is that the switch has by this number. */
  ownerOfHost(number: number): SandboxRecord | undefined {
    const found = [...this.#held].find(([, { hosts }]) => [...hosts.values()].some(({ id }) => id === number))
    return found && this.#context.model.sandbox(found[0])
  }

  async #become({ running, sandbox }: Settled): Promise<void> {
    const { id } = sandbox
    const told = toldNames(this.#context, this.#registry, running, sandbox)
    const held = this.#held.get(id) ?? { hosts: new Map(), resolver: undefined }
    this.#held.set(id, held)
    try {
      await this.#bring(held, told, sandbox)
      this.#settled.set(id, { running, sandbox })
    } finally {
      if (held.hosts.size === 0 && held.resolver === undefined) {
        this.#held.delete(id)
        this.#settled.delete(id)
      }
    }
    if (told !== NO_NAMES) this.#tellUnheard(sandbox)
  }

  /** What has been told is noted step by step, so that it is known where one fails. */
  async #bring(held: Held, { hosts, resolver }: ToldNames, sandbox: SandboxRecord): Promise<void> {
    if (resolver === undefined) await this.#dropResolver(held)
    for (const endpoint of held.hosts.keys()) {
      if (!hosts.has(endpoint)) await this.#dropHost(held, endpoint)
    }
    for (const [endpoint, host] of hosts) await this.#putHost(held, endpoint, host)
    if (resolver !== undefined) await this.#putResolver(held, resolver, sandbox)
  }

  async #endLeftovers(): Promise<void> {
    for (const held of this.#leftovers.splice(0)) {
      try {
        await this.#dropResolver(held)
        for (const endpoint of held.hosts.keys()) await this.#dropHost(held, endpoint)
      } catch (error) {
        this.#leftovers.push(held)
        this.#context.warn(error, 'the names of a sandbox that has ended could not be taken back')
      }
    }
  }

  async #putHost({ hosts }: Held, endpoint: string, value: FabricNamedHost): Promise<void> {
    const known = hosts.get(endpoint)
    if (isDeepStrictEqual(known?.value, value)) return
    const id = known?.id ?? taken(this.#hostNumbers, `there are ${NAMED_HOSTS_MAX} endpoints with names`)
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

  async #putResolver(held: Held, value: FabricResolver, owner: SandboxRecord): Promise<void> {
    if (isDeepStrictEqual(held.resolver?.value, value)) return
    const known = held.resolver?.id
    const id = known ?? taken(this.#resolverNumbers, `there are ${PORTS_MAX} sandboxes that may ask`)
    try {
      await this.#context.parts.fabric.setResolver(id, value)
    } catch (error) {
      if (known === undefined) this.#resolverNumbers.giveBack(id)
      throw error
    }
    held.resolver = { id, value }
    this.#owners.set(id, { id: owner.id, name: owner.name })
  }

  async #dropResolver(held: Held): Promise<void> {
    if (held.resolver === undefined) return
    const { id } = held.resolver
    await this.#context.parts.fabric.setResolver(id, undefined)
    this.#resolverNumbers.giveBack(id)
    held.resolver = undefined
  }

  /** Once for each. */
  #tellUnheard(sandbox: SandboxRecord): void {
    const { id, name: owner } = sandbox
    const known = this.#unheard.get(id) ?? []
    const fresh = unheardNames(sandbox).filter((name) => !known.includes(name))
    if (fresh.length === 0) return
    this.#unheard.set(id, [...known, ...fresh])
    for (const name of fresh) {
      const why = new TapwireError(ErrorCode.nameInvalid, `DNS cannot carry the name ${JSON.stringify(name)}`)
      this.#context.warn(why, `a name that ${owner} was given is not answered`)
    }
  }
}

/** Throws LIMIT_REACHED. */
function taken(numbers: NumberPool, exhausted: string): number {
  const number = numbers.take()
  if (number === undefined) {
    throw new TapwireError(ErrorCode.limitReached, `${exhausted}, and no more are possible`)
  }
  return number
}
