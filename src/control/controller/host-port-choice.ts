/** Which host ports wishes get: those that they name, the first that is free of some, or any. */

import { ErrorCode, TapwireError } from '../errors.ts'
import { type HostPortRange, HostPortTable } from '../host-port-table.ts'
import type { HostPorts } from '../model/machine.ts'
import type { PortRange } from '../rules/port-range.ts'
import { isPublishable, type PublishWish } from '../rules/publish-plan.ts'
import type { Context } from './context.ts'
import type { Undo } from './undo.ts'

/** How often the machine may refuse a port that anybody would do for, as Docker has it. */
const REFUSALS_MAX = 10

/** Publishes a range whose host ports are taken. Throws PORT_IN_USE where another program of the machine has one. */
export type OpenRange = (undo: Undo, range: PortRange) => Promise<void>

export class HostPortChoice {
  readonly #context: Pick<Context, 'attempt'>
  readonly #hostPorts: Pick<HostPorts, 'ephemeralPorts'>
  readonly #table = new HostPortTable()

  constructor(context: Pick<Context, 'attempt'>, hostPorts: Pick<HostPorts, 'ephemeralPorts'>) {
    this.#context = context
    this.#hostPorts = hostPorts
  }

  /** Throws PORT_IN_USE, PORTS_EXHAUSTED, and what `open` throws. */
  async grant(undo: Undo, wish: PublishWish, open: OpenRange): Promise<void> {
    switch (wish.host.kind) {
      case 'fixed': {
        const range = rangeOf(wish, wish.host.first)
        this.take(undo, range)
        return open(undo, range)
      }
      case 'choice':
        return this.#grantFirstFree(undo, wish, wish.host, open)
      case 'any':
        return this.#grantAny(undo, wish, open)
    }
  }

  /** A range without host ports needs none. Throws PORT_IN_USE in Docker's words. */
  take(undo: Undo, range: PortRange): void {
    if (range.hostFirst === 0) return
    const ports = hostSide(range)
    const port = this.#table.conflict(ports)
    if (port !== undefined) throw allocated(range.hostIp, port)
    this.#table.take(ports)
    undo.add(() => this.#table.giveBack(ports))
  }

  /** Whether one of these ports is given out already. */
  isTaken(range: PortRange): boolean {
    return this.#table.conflict(hostSide(range)) !== undefined
  }

  /** Gives a range back that was taken, and takes others that are parts of it. */
  replace(range: PortRange, parts: readonly PortRange[] = []): void {
    if (range.hostFirst === 0) return
    this.#table.giveBack(hostSide(range))
    for (const part of parts) this.#table.take(hostSide(part))
  }

  async #grantFirstFree(
    undo: Undo,
    wish: PublishWish,
    { first, last }: { readonly first: number; readonly last: number },
    open: OpenRange,
  ): Promise<void> {
    let refusal: TapwireError | undefined
    let refusals = 0
    // Port 0 is no port.
    for (let port = Math.max(first, 1); port <= last && refusals < REFUSALS_MAX; port++) {
      const range = rangeOf(wish, port)
      if (this.#table.conflict(hostSide(range)) !== undefined) continue
      this.#table.take(hostSide(range))
      refusal = await this.#openTaken(undo, range, open)
      if (refusal === undefined) return
      refusals++
    }
    throw refusal ?? exhausted()
  }

  /**
   * Ports that are free lie together most often, so many are asked for at once. Where the machine refuses them, one of them is
   * another program's: half of them are tried, until it is found out which.
   */
  async #grantAny(undo: Undo, wish: PublishWish, open: OpenRange): Promise<void> {
    const { protocol, hostIp } = wish
    const ephemeral = this.#hostPorts.ephemeralPorts()
    let refusals = 0
    let atOnce = wish.last - wish.first + 1
    for (let next = wish.first; next <= wish.last; ) {
      const count = Math.min(atOnce, wish.last - next + 1)
      const free = this.#table.takeNext(protocol, hostIp, count, ephemeral)
      if (free === undefined) throw exhausted()
      const last = next + free.last - free.first
      const range = { protocol, first: next, last, hostIp, hostFirst: free.first }
      const refusal = await this.#openTaken(undo, range, open)
      if (refusal === undefined) {
        next = last + 1
        atOnce *= 2
        continue
      }
      if (free.first === free.last && ++refusals === REFUSALS_MAX) throw refusal
      if (free.first < free.last) this.#table.goBack(free)
      atOnce = Math.max(1, Math.ceil((free.last - free.first + 1) / 2))
    }
  }

  /** Opens what was taken just now; what the machine says of a port that another program has, and then it is given back. */
  async #openTaken(undo: Undo, range: PortRange, open: OpenRange): Promise<TapwireError | undefined> {
    try {
      await this.#context.attempt(async (own) => {
        own.add(() => this.#table.giveBack(hostSide(range)))
        await open(own, range)
        own.handTo(undo)
      })
      return undefined
    } catch (error) {
      if (error instanceof TapwireError && error.code === ErrorCode.portInUse) return error
      throw error
    }
  }
}

function rangeOf({ protocol, first, last, hostIp }: PublishWish, hostFirst: number): PortRange {
  return { protocol, first, last, hostIp, hostFirst }
}

function hostSide({ protocol, first, last, hostIp, hostFirst }: PortRange): HostPortRange {
  if (!isPublishable(protocol)) throw new RangeError(`${protocol} is not published`)
  return { protocol, hostIp, first: hostFirst, last: hostFirst + last - first }
}

function allocated(hostIp: string, port: number): TapwireError {
  return new TapwireError(
    ErrorCode.portInUse,
    `Bind for ${hostIp || '0.0.0.0'}:${port} failed: port is already allocated`,
    { hint: `'tapwire ps --filter publish=${port}' shows which sandbox has it.` },
  )
}

const exhausted = (): TapwireError => new TapwireError(ErrorCode.portsExhausted, 'all ports are allocated')
