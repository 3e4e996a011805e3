/**
 * What is published of the sandboxes that run.
 *
 *     wish ──► host ports taken (our table) ──► reserved (the machine) ──► published (the switch)
 *
 * Ports follow the endpoint that has the IPv4 default route. A range keeps its host ports while it moves from one endpoint to
 * another: it is shut at the one and opened at the other. Networks of the gateway mode `routed` have the sandbox's own ports
 * let through on each of them, and no host ports.
 */

import type { BridgeDriver } from '../drivers/bridge.ts'
import { ErrorCode, TapwireError } from '../errors.ts'
import type { EndpointRecord, SandboxRecord } from '../model/records.ts'
import { type PortRange, rangeText, recordedRanges, recordRanges } from '../rules/port-range.ts'
import { type PublishWish, planPublishing, planRouted } from '../rules/publish-plan.ts'
import type { Context } from './context.ts'
import { HostPortChoice } from './host-port-choice.ts'
import { type Publication, PublicationSwitch, type PublicationTarget } from './publication.ts'
import { isRouters, publicationTargets } from './publication-targets.ts'
import { withWords } from './told-as.ts'
import type { Undo } from './undo.ts'

export class Publications {
  readonly #context: Context
  readonly #bridge: BridgeDriver
  readonly #switch: PublicationSwitch
  readonly #choice: HostPortChoice
  /** By sandbox. */
  readonly #held = new Map<string, readonly Publication[]>()
  /** Sandboxes whose wishes have been granted where they are now, as far as they could be. */
  readonly #granted = new Set<string>()
  /** What could not be shut at its sandbox's end. */
  readonly #leftovers: Publication[] = []

  constructor(context: Context, bridge: BridgeDriver) {
    this.#context = context
    this.#bridge = bridge
    this.#switch = new PublicationSwitch(context.parts, bridge, (address) => isRouters(context, address))
    this.#choice = new HostPortChoice(context, context.parts.hostPorts)
  }

  /** For what is published of services, beside the sandboxes' ports. */
  get hostPortChoice(): HostPortChoice {
    return this.#choice
  }

  newId(): number {
    return this.#switch.newId()
  }

  /**
   * Brings what is published in step with the endpoints that the sandbox has, which are joined already. The sandbox with its
   * ports. Throws PORT_IN_USE, PORTS_EXHAUSTED, LIMIT_REACHED.
   */
  async settle(undo: Undo, sandbox: SandboxRecord): Promise<SandboxRecord> {
    const { translated, routed } = publicationTargets(this.#context, this.#bridge, sandbox)
    await this.#toldOf(sandbox, translated ?? routed[0], async () => {
      await this.#move(undo, sandbox, translated)
      const isGranted = this.#granted.has(sandbox.id)
      this.#setGranted(undo, sandbox.id, translated !== undefined)
      if (translated !== undefined && !isGranted) {
        const wishes = planPublishing(sandbox.config, translated.hostBinding)
        await this.#publishWishes(undo, sandbox, translated, wishes)
      }
      await this.#settleRouted(undo, sandbox, routed)
    })
    return this.#withPorts(sandbox)
  }

  /** Shuts what leads to an endpoint that is about to leave; `settle` finds another place for it. */
  async leave(undo: Undo, sandbox: SandboxRecord, { joined }: EndpointRecord): Promise<void> {
    for (const publication of this.#of(sandbox.id)) {
      if (publication.target?.endpoint === joined?.id) await this.#switch.shut(undo, publication)
    }
  }

  /** Publishes more of a sandbox that runs. Its configuration has it already. */
  async add(undo: Undo, sandbox: SandboxRecord, more: SandboxRecord['config']): Promise<SandboxRecord> {
    const { translated, routed } = publicationTargets(this.#context, this.#bridge, sandbox)
    const endpoint = translated ?? routed[0]
    await this.#toldOf(sandbox, endpoint, async () => {
      if (translated !== undefined) {
        await this.#publishWishes(undo, sandbox, translated, planPublishing(more, translated.hostBinding))
      }
      await this.#settleRouted(undo, sandbox, routed)
    })
    return this.#withPorts(sandbox)
  }

  /** Publishes less of it. `remainingOf` is asked what is to be left of ranges that have host ports. */
  async remove(
    undo: Undo,
    sandbox: SandboxRecord,
    remainingOf: (ranges: readonly PortRange[]) => ReadonlyMap<PortRange, readonly PortRange[]>,
  ): Promise<SandboxRecord> {
    const held = this.#of(sandbox.id).filter(({ range }) => range.hostFirst > 0)
    const remaining = remainingOf(held.map(({ range }) => range))
    for (const publication of held) {
      const { range, target } = publication
      const rest = remaining.get(range)!
      if (rest.length === 1 && rest[0]!.first === range.first && rest[0]!.last === range.last) continue
      await this.#switch.shut(undo, publication)
      const pieces = rest.map((piece): Publication => this.#switch.closed(piece))
      this.#replace(undo, sandbox.id, publication, pieces)
      if (target === undefined) continue
      for (const piece of pieces) await this.#switch.open(undo, piece, target)
    }
    await this.#settleRouted(undo, sandbox, publicationTargets(this.#context, this.#bridge, sandbox).routed)
    return this.#withPorts(sandbox)
  }

  /** What a sandbox leaves that has ended. What cannot be shut is told, and tried again before others want its ports. */
  async abandon({ id }: SandboxRecord): Promise<void> {
    this.#leftovers.push(...this.#of(id))
    this.#held.delete(id)
    this.#granted.delete(id)
    await this.#endLeftovers()
  }

  async #endLeftovers(): Promise<void> {
    for (const publication of this.#leftovers.splice(0)) {
      try {
        await this.#switch.end(publication)
        this.#choice.replace(publication.range)
      } catch (error) {
        this.#leftovers.push(publication)
        this.#context.warn(error, `port ${nameOf(publication.range)} could not be taken back`)
      }
    }
  }

  /** Publishes again what an earlier daemon had. What cannot be is told; the sandbox with the others. */
  async restore(sandbox: SandboxRecord): Promise<SandboxRecord> {
    const { translated, routed } = publicationTargets(this.#context, this.#bridge, sandbox)
    if (translated !== undefined) this.#granted.add(sandbox.id)
    for (const range of recordedRanges(sandbox.ports)) {
      const targets = range.hostFirst === 0 ? routed : [translated]
      for (const target of targets) {
        try {
          await this.#context.attempt((undo) => this.#restore(undo, sandbox, range, target))
        } catch (error) {
          this.#context.warn(error, `port ${nameOf(range)} of ${sandbox.name} could not be published again`)
        }
      }
    }
    return this.#withPorts(sandbox)
  }

  async #restore(
    undo: Undo,
    sandbox: SandboxRecord,
    range: PortRange,
    target: PublicationTarget | undefined,
  ): Promise<void> {
    if (target === undefined) {
      throw new TapwireError(
        ErrorCode.notConnected,
        `container ${sandbox.id} has no endpoint that ports lead to`,
      )
    }
    this.#choice.take(undo, range)
    await this.#open(undo, sandbox, range, target)
  }

  /** Host ports that do not lead where the default route goes by. Where there is none any more they are given back. */
  async #move(undo: Undo, { id }: SandboxRecord, target: PublicationTarget | undefined): Promise<void> {
    for (const publication of this.#of(id)) {
      if (publication.range.hostFirst === 0) continue
      if (publication.target !== undefined && publication.target.endpoint !== target?.endpoint) {
        await this.#switch.shut(undo, publication)
      }
      if (publication.target !== undefined) continue
      if (target === undefined) this.#replace(undo, id, publication, [])
      else await this.#switch.open(undo, publication, target)
    }
  }

  async #settleRouted(
    undo: Undo,
    sandbox: SandboxRecord,
    targets: readonly PublicationTarget[],
  ): Promise<void> {
    const hasRouted = this.#of(sandbox.id).some(({ range }) => range.hostFirst === 0)
    if (targets.length === 0 && !hasRouted) return
    const ranges = planRouted(sandbox.config)
    const isSame = (a: PortRange, b: PortRange): boolean =>
      a.protocol === b.protocol && a.first === b.first && a.last === b.last
    for (const publication of this.#of(sandbox.id)) {
      const { range, target } = publication
      if (range.hostFirst > 0) continue
      const stays =
        targets.some(({ endpoint }) => endpoint === target?.endpoint) &&
        ranges.some((wanted) => isSame(wanted, range))
      if (stays) continue
      if (target !== undefined) await this.#switch.shut(undo, publication)
      this.#replace(undo, sandbox.id, publication, [])
    }
    for (const target of targets) {
      for (const range of ranges) {
        const isThere = this.#of(sandbox.id).some(
          (other) =>
            other.range.hostFirst === 0 &&
            other.target?.endpoint === target.endpoint &&
            isSame(other.range, range),
        )
        if (!isThere) await this.#open(undo, sandbox, range, target)
      }
    }
  }

  async #publishWishes(
    undo: Undo,
    sandbox: SandboxRecord,
    target: PublicationTarget,
    wishes: readonly PublishWish[],
  ): Promise<void> {
    await this.#endLeftovers()
    for (const wish of wishes) {
      await this.#choice.grant(undo, wish, (own, range) => this.#open(own, sandbox, range, target))
    }
  }

  async #open(undo: Undo, { id }: SandboxRecord, range: PortRange, target: PublicationTarget): Promise<void> {
    const publication = this.#switch.closed(range)
    await this.#switch.open(undo, publication, target)
    this.#held.set(id, [...this.#of(id), publication])
    undo.add(() => this.#drop(id, publication))
  }

  /** Puts others in the place of one that is shut, or none. Host ports that nobody has then are given back when that is sure. */
  #replace(undo: Undo, id: string, publication: Publication, others: readonly Publication[]): void {
    const before = this.#of(id)
    this.#held.set(
      id,
      before.flatMap((each) => (each === publication ? others : [each])),
    )
    undo.add(() => void this.#held.set(id, before))
    undo.always(() => {
      if (this.#of(id).includes(publication)) return
      this.#choice.replace(
        publication.range,
        others.map(({ range }) => range),
      )
    })
  }

  #setGranted(undo: Undo, id: string, granted: boolean): void {
    const before = this.#granted.has(id)
    const set = (value: boolean): void => {
      if (value) this.#granted.add(id)
      else this.#granted.delete(id)
    }
    set(granted)
    undo.add(() => set(before))
  }

  #drop(id: string, publication: Publication): void {
    const others = this.#of(id).filter((each) => each !== publication)
    if (others.length === 0) this.#held.delete(id)
    else this.#held.set(id, others)
  }

  #of(sandbox: string): readonly Publication[] {
    return this.#held.get(sandbox) ?? []
  }

  #withPorts(sandbox: SandboxRecord): SandboxRecord {
    return { ...sandbox, ports: recordRanges(this.#of(sandbox.id).map(({ range }) => range)) }
  }

  async #toldOf(
    { name }: SandboxRecord,
    target: PublicationTarget | undefined,
    action: () => Promise<void>,
  ): Promise<void> {
    try {
      await action()
    } catch (error) {
      const endpoint = `${name} (${target?.endpoint ?? ''})`
      throw withWords(`driver failed programming external connectivity on endpoint ${endpoint}`, error)
    }
  }
}

function nameOf({ first, last, protocol }: PortRange): string {
  return `${rangeText(first, last)}/${protocol}`
}
