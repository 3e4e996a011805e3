/**
 * Keeps what the switch and the machine know of services in step with what there is: backends come and go, here and on other hosts.
 *
 *     services ─┐                 ┌─► switch: address, backends
 *     sandboxes ├─► what is to be ├─► host ports, published to that address
 *     cluster ──┘                 └─► names
 *
 * It is found out anew and compared with what has been told, as a whole and one at a time. What could not be told is told of once, and tried
 * again.
 */

import { isDeepStrictEqual } from 'node:util'
import { SERVICE_RETRY_MS, SERVICES_MAX } from '../../limits.ts'
import { NumberPool } from '../drivers/number-pool.ts'
import { ErrorCode, TapwireError } from '../errors.ts'
import type { HostPortReservation } from '../model/machine.ts'
import type { FabricNamedHost } from '../model/names.ts'
import type { FabricService } from '../model/services.ts'
import type { PortRange } from '../rules/port-range.ts'
import type { Context } from './context.ts'
import type { Names } from './names.ts'
import type { Publications } from './publications.ts'
import {
  type SeenService,
  type ServiceWish,
  type WishedGroup,
  type WishedPort,
  wishOf,
} from './service-wish.ts'

interface HeldGroup {
  readonly id: number
  readonly value: FabricService
}

interface HeldPort {
  readonly wish: WishedPort
  readonly range: PortRange
  readonly id: number
  readonly reservation: HostPortReservation
}

/** What has been told of a service. */
interface Held {
  readonly groups: Map<string, HeldGroup>
  readonly ports: Map<string, HeldPort>
  readonly names: Map<string, FabricNamedHost>
  /** Why not all could be told; empty where all was. */
  problem: string
  /** The first of these. */
  failure: Error | undefined
}

export interface ServiceMeshParts {
  readonly context: Context
  readonly names: Pick<Names, 'setRemote'>
  readonly publications: Pick<Publications, 'hostPortChoice' | 'newId'>
  /** All services that there are now. */
  seen(): readonly SeenService[]
}

export class ServiceMesh {
  readonly #parts: ServiceMeshParts
  readonly #numbers = new NumberPool(SERVICES_MAX)
  /** By service. */
  readonly #held = new Map<string, Held>()
  #settling: Promise<void> | undefined
  #again = false
  #started = false
  #cancelRetry: (() => void) | undefined

  constructor(parts: ServiceMeshParts) {
    this.#parts = parts
  }

  /** The model is complete. */
  async start(): Promise<void> {
    this.#started = true
    await this.settle()
  }

  close(): void {
    this.#started = false
    this.#cancelRetry?.()
  }

  /** Something has changed. Resolves when all has been told, or could not be. */
  async settle(): Promise<void> {
    if (!this.#started) return
    this.#again = true
    this.#settling ??= this.#settleAll().finally(() => {
      this.#settling = undefined
    })
    await this.#settling
  }

  /** Why not all of a service is as it should be on this host; empty where it is. */
  problemOf(service: string): string {
    return this.#held.get(service)?.problem ?? ''
  }

  /** What went wrong first with it; undefined where nothing did. */
  failureOf(service: string): Error | undefined {
    return this.#held.get(service)?.failure
  }

  /** Resolves when what is under way is over. */
  async idle(): Promise<void> {
    await this.#settling
  }

  /** Whose number of the switch it is. */
  serviceOf(number: number): string | undefined {
    return [...this.#held].find(([, { groups }]) => [...groups.values()].some(({ id }) => id === number))?.[0]
  }

  async #settleAll(): Promise<void> {
    while (this.#again) {
      this.#again = false
      this.#cancelRetry?.()
      const seen = new Map(this.#parts.seen().map((each) => [each.service.id, each]))
      // What goes gives up ports that another may want.
      for (const [id] of this.#held) if (!seen.has(id)) await this.#bring(id, undefined)
      for (const [id, each] of seen) await this.#bring(id, each)
    }
    if (this.#started && [...this.#held.values()].some(({ problem }) => problem !== '')) this.#retryLater()
  }

  #retryLater(): void {
    this.#cancelRetry = this.#parts.context.parts.surroundings.after(
      SERVICE_RETRY_MS,
      () => void this.settle(),
    )
  }

  async #bring(id: string, seen: SeenService | undefined): Promise<void> {
    const held = this.#held.get(id) ?? {
      groups: new Map(),
      ports: new Map(),
      names: new Map(),
      problem: '',
      failure: undefined,
    }
    this.#held.set(id, held)
    const wish = wishOf(seen)
    const problems: unknown[] = seen?.problem === undefined ? [] : [seen.problem]
    const step = async (change: () => Promise<void>): Promise<void> => {
      try {
        await change()
      } catch (error) {
        problems.push(error)
      }
    }
    await this.#takeAway(id, held, wish, step)
    for (const [key, group] of wish.groups) await step(() => this.#putGroup(held, key, group))
    for (const [key, port] of wish.ports) {
      if (held.groups.has(port.group)) await step(() => this.#putPort(held, key, port))
    }
    for (const [key, name] of wish.names) await step(() => this.#putName(id, held, key, name))
    this.#note(id, held, seen, problems)
  }

  async #takeAway(
    id: string,
    held: Held,
    wish: ServiceWish,
    step: (change: () => Promise<void>) => Promise<void>,
  ): Promise<void> {
    for (const key of held.names.keys()) {
      if (!wish.names.has(key)) await step(() => this.#putName(id, held, key, undefined))
    }
    for (const [key, port] of held.ports) {
      if (!isDeepStrictEqual(wish.ports.get(key), port.wish))
        await step(() => this.#dropPort(held, key, port))
    }
    for (const [key, group] of held.groups) {
      const isUsed = [...held.ports.values()].some(({ wish: port }) => port.group === key)
      if (!wish.groups.has(key) && !isUsed) await step(() => this.#dropGroup(held, key, group))
    }
  }

  #note(id: string, held: Held, seen: SeenService | undefined, problems: readonly unknown[]): void {
    const before = held.problem
    held.problem = problems.map(messageOf).join('; ')
    const [first] = problems
    held.failure = first === undefined || first instanceof Error ? first : new Error(messageOf(first))
    if (held.problem !== '' && held.problem !== before) {
      const name = seen?.service.name ?? id
      this.#parts.context.warn(problems[0], `service ${name} is not all that it should be on this host`)
    }
    const isEmpty = held.groups.size + held.ports.size + held.names.size === 0
    if (seen === undefined && isEmpty) this.#held.delete(id)
  }

  async #putGroup(held: Held, key: string, wish: WishedGroup): Promise<void> {
    const known = held.groups.get(key)
    const number = known === undefined ? this.#takeNumber() : known.id
    const value: FabricService = { ...wish, id: number, address: wish.address || unnamedAddress(number) }
    if (isDeepStrictEqual(known?.value, value)) return
    try {
      await this.#parts.context.parts.fabric.setService(value)
    } catch (error) {
      if (known === undefined) this.#numbers.giveBack(number - 1)
      throw error
    }
    held.groups.set(key, { id: number, value })
  }

  async #dropGroup(held: Held, key: string, { id }: HeldGroup): Promise<void> {
    await this.#parts.context.parts.fabric.removeService(id)
    held.groups.delete(key)
    this.#numbers.giveBack(id - 1)
  }

  /** First the machine's port, then the switch: whoever gets in is let in by both. */
  async #putPort(held: Held, key: string, wish: WishedPort): Promise<void> {
    if (held.ports.has(key)) return
    const { context, publications } = this.#parts
    const { fabric, hostPorts } = context.parts
    const { domain, address } = held.groups.get(wish.group)!.value
    const { protocol, published, target, relay } = wish
    const range: PortRange = { protocol, first: target, last: target, hostIp: '', hostFirst: published }
    await context.attempt(async (undo) => {
      publications.hostPortChoice.take(undo, range)
      const reservation = await hostPorts.open({
        address: '',
        protocol,
        first: published,
        last: published,
        target: { address: relay, first: target },
      })
      undo.add(() => reservation.close())
      const id = publications.newId()
      await fabric.publish({
        id,
        protocol,
        address: '',
        first: published,
        last: published,
        target: { address, first: target, domain, port: -1 },
      })
      held.ports.set(key, { wish, range, id, reservation })
    })
  }

  async #dropPort(held: Held, key: string, { id, range, reservation }: HeldPort): Promise<void> {
    await this.#parts.context.parts.fabric.unpublish(id)
    held.ports.delete(key)
    await reservation.close()
    this.#parts.publications.hostPortChoice.replace(range)
  }

  async #putName(
    service: string,
    held: Held,
    key: string,
    value: FabricNamedHost | undefined,
  ): Promise<void> {
    if (isDeepStrictEqual(held.names.get(key), value)) return
    await this.#parts.names.setRemote(`service ${service} ${key}`, value)
    if (value === undefined) held.names.delete(key)
    else held.names.set(key, value)
  }

  /** From 1. */
  #takeNumber(): number {
    const number = this.#numbers.take()
    if (number !== undefined) return number + 1
    throw new TapwireError(
      ErrorCode.limitReached,
      `there are ${SERVICES_MAX} services, and no more are possible`,
    )
  }
}

/** Of a group that only published ports lead to. */
const unnamedAddress = (number: number): string => `0.0.${number >> 8}.${number & 0xff}`

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
