/**
 * What links do to frames, by the names of their places: that of an endpoint lives as long as the endpoint's record, while its sandbox
 * runs or not; that of the uplink until the uplink is taken away.
 */

import type { Impairment, Link, LinkSettings, Links } from '../api/link.ts'
import type { SwitchRegistry } from '../drivers/switch-registry.ts'
import { ErrorCode, TapwireError } from '../errors.ts'
import type { FabricImpairmentCounts } from '../model/machine.ts'
import type { EndpointRecord, ImpairmentRecord, ImpairmentWish, SandboxRecord } from '../model/records.ts'
import {
  changedWish,
  fabricImpairment,
  impairmentRecord,
  type LinkDirections,
  normalImpairment,
  wishText,
} from '../rules/impairment.ts'
import { findEndpoint } from './attachments.ts'
import type { Context } from './context.ts'
import type { Runs } from './runs.ts'
import { SwitchNames } from './switch-names.ts'
import { UPLINK_LOCK } from './uplinks.ts'

/** The place that is no sandbox's. One of this name is still `uplink@NETWORK`, or `sandbox:uplink`. */
export const UPLINK_PLACE = 'uplink'

interface EndpointPlace {
  readonly sandbox: SandboxRecord
  readonly endpoint: EndpointRecord
  readonly network: string
}

/** What a link was is made what it is to be, in these directions. */
interface Change {
  readonly action: 'set' | 'reset'
  readonly directions: LinkDirections
  of(before: ImpairmentRecord | undefined): ImpairmentRecord | undefined
}

export class Impairments {
  readonly #context: Context
  readonly #runs: Runs
  readonly #registry: SwitchRegistry

  constructor(context: Context, runs: Runs, registry: SwitchRegistry) {
    this.#context = context
    this.#runs = runs
    this.#registry = registry
  }

  /** All, or one. */
  async list(place?: string): Promise<Links> {
    const counts = new Map<FabricImpairmentCounts['port'], FabricImpairmentCounts>()
    for (const one of await this.#context.parts.fabric.impairmentCounts()) counts.set(one.port, one)
    if (place === UPLINK_PLACE) this.#refuseNoUplink()
    const endpoints =
      place === undefined ? this.#endpoints() : place === UPLINK_PLACE ? [] : [this.#find(place)]
    return {
      links: [
        ...endpoints.map((one) => this.#endpointLink(one, counts)),
        ...((place === undefined && this.#hasUplink()) || place === UPLINK_PLACE
          ? [this.#uplinkLink(counts.get(UPLINK_PLACE))]
          : []),
      ],
    }
  }

  /** In the place of what it was. Throws LINK_INVALID. */
  set(place: string, impairment: Impairment): Promise<Link> {
    const wanted = normalImpairment(impairment)
    const action = wanted === undefined ? 'reset' : 'set'
    return this.#change(place, { action, directions: 'both', of: () => wanted })
  }

  /** Only what is given changes. Throws LINK_INVALID. */
  adjust(place: string, directions: LinkDirections, settings: LinkSettings): Promise<Link> {
    const of: Change['of'] = (before) =>
      impairmentRecord(
        directions === 'to' ? before?.from : changedWish(before?.from, settings),
        directions === 'from' ? before?.to : changedWish(before?.to, settings),
      )
    return this.#change(place, { action: 'set', directions, of })
  }

  reset(place: string, directions: LinkDirections): Promise<Link> {
    return this.#change(place, { action: 'reset', directions, of: (before) => without(before, directions) })
  }

  /** All that are impaired; the links as they are then. */
  async resetAll(directions: LinkDirections): Promise<Links> {
    const links: Link[] = []
    for (const { place, from, to } of (await this.list()).links) {
      const isImpaired = [directions !== 'to' && from, directions !== 'from' && to].some(
        (one) => one !== false && Object.keys(one.settings).length > 0,
      )
      if (!isImpaired) continue
      try {
        links.push(await this.reset(place, directions))
      } catch (error) {
        // One that has gone meanwhile keeps nobody from the others.
        if ((await this.list()).links.some((one) => one.place === place)) throw error
      }
    }
    return { links }
  }

  async #change(place: string, change: Change): Promise<Link> {
    if (place === UPLINK_PLACE) await this.#context.lock.run(UPLINK_LOCK, () => this.#changeUplink(change))
    else await this.#changeEndpoint(place, change)
    return (await this.list(place)).links[0]!
  }

  async #changeEndpoint(place: string, change: Change): Promise<void> {
    const { sandbox, endpoint } = this.#find(place)
    await this.#runs.locked(sandbox.id, async (current) => {
      const before = findEndpoint(current, endpoint.network)
      if (before === undefined || before.formerName !== undefined) throw notConnected(current, place)
      const after = withImpairment(before, change.of(before.impairment))
      await this.#context.attempt(async (undo) => {
        const port = before.joined && this.#registry.portOfEndpoint(before.joined.id)
        if (port !== undefined) {
          await this.#apply(current, after, change.directions)
          undo.add(() => this.#apply(current, before, change.directions))
        }
        const endpoints = current.endpoints.map((one) => (one === before ? after : one))
        await this.#context.commitSandbox(undo, { ...current, endpoints })
      })
      this.#tell(change.action, before.joined?.id ?? '', after.impairment, {
        name: this.#placeOf(current, after),
        container: current.id,
        network: this.#networkName(after),
      })
    })
  }

  /** One whose interface somebody has deleted meanwhile has nothing to pass. */
  async #apply(sandbox: SandboxRecord, endpoint: EndpointRecord, directions: LinkDirections): Promise<void> {
    const { id } = endpoint.joined!
    const entry = this.#registry.portOfEndpoint(id)
    if (entry === undefined) return
    try {
      const impairment = fabricImpairment(endpoint.impairment, this.#placeOf(sandbox, endpoint))
      await this.#context.parts.fabric.setImpairment(entry.port, impairment, directions)
    } catch (error) {
      if (this.#registry.portOfEndpoint(id) === entry) throw error
    }
  }

  async #changeUplink(change: Change): Promise<void> {
    this.#refuseNoUplink()
    const { model, parts } = this.#context
    const before = model.uplinkImpairment
    const after = change.of(before)
    const apply = (record: ImpairmentRecord | undefined): Promise<void> =>
      parts.fabric.setImpairment(UPLINK_PLACE, fabricImpairment(record, UPLINK_PLACE), change.directions)
    await this.#context.attempt(async (undo) => {
      await apply(after)
      undo.add(() => apply(before))
      await this.#context.commit(
        undo,
        () => {
          model.uplinkImpairment = after
        },
        () => {
          model.uplinkImpairment = before
        },
      )
    })
    this.#tell(change.action, UPLINK_PLACE, after, { name: UPLINK_PLACE })
  }

  #tell(
    action: 'set' | 'reset',
    id: string,
    record: ImpairmentRecord | undefined,
    attributes: Readonly<Record<string, string>>,
  ): void {
    const settings = { from: wishText(record?.from), to: wishText(record?.to) }
    this.#context.parts.events.publish({
      Type: 'link',
      Action: action,
      Actor: { ID: id, Attributes: { ...attributes, ...settings } },
    })
  }

  /** `web@blue`, or `web` where it is on one network alone; as for captures, `sandbox:` may stand before it. */
  #find(place: string): EndpointPlace {
    const [, reference = '', network] = /^(?:sandbox:)?([^@]*)(?:@(.*))?$/s.exec(place) ?? []
    const sandbox = this.#ownerOf(this.#context.findSandbox(reference))
    const places = this.#placesOf(sandbox)
    if (network !== undefined) {
      const { id, name } = this.#context.findNetwork(network)
      const found = places.find(({ endpoint }) => endpoint.network === id)
      if (found !== undefined) return found
      throw notConnected(sandbox, name)
    }
    const [only, ...others] = places
    if (only === undefined) {
      throw new TapwireError(
        ErrorCode.notConnected,
        `container ${sandbox.name} is on no network of the switch, and so has no link`,
      )
    }
    if (others.length === 0) return only
    const names = places.map((one) => `${sandbox.name}@${one.network}`)
    throw new TapwireError(
      ErrorCode.referenceAmbiguous,
      `container ${sandbox.name} is on several networks: ${places.map(({ network }) => network).join(', ')}`,
      { hint: `Say which one is meant: ${names.join(' or ')}.` },
    )
  }

  /** Whose network it is: that of another sandbox, for one that shares it. */
  #ownerOf(sandbox: SandboxRecord): SandboxRecord {
    const { networkMode } = sandbox.config
    if (networkMode.kind !== 'container') return sandbox
    return this.#context.model.sandbox(networkMode.sandbox) ?? sandbox
  }

  #endpoints(): readonly EndpointPlace[] {
    return [...this.#context.model.sandboxes.values()].flatMap((sandbox) => this.#placesOf(sandbox))
  }

  /** Those on networks that are there, and that frames pass by the switch on. */
  #placesOf(sandbox: SandboxRecord): readonly EndpointPlace[] {
    return sandbox.endpoints.flatMap((endpoint) => {
      const network = this.#context.model.network(endpoint.network)
      if (network === undefined || !this.#context.drivers.get(network.driver).connects) return []
      return [{ sandbox, endpoint, network: network.name }]
    })
  }

  #placeOf({ name }: SandboxRecord, endpoint: EndpointRecord): string {
    return `${name}@${this.#networkName(endpoint)}`
  }

  #networkName({ network }: EndpointRecord): string {
    return this.#context.model.network(network)?.name ?? ''
  }

  #endpointLink(
    { sandbox, endpoint, network }: EndpointPlace,
    counts: ReadonlyMap<FabricImpairmentCounts['port'], FabricImpairmentCounts>,
  ): Link {
    const entry = endpoint.joined && this.#registry.portOfEndpoint(endpoint.joined.id)
    return {
      place: `${sandbox.name}@${network}`,
      kind: 'endpoint',
      sandbox: sandbox.name,
      network,
      interface: endpoint.joined?.interface ?? '',
      ...directionsOf(endpoint.impairment, entry && counts.get(entry.port)),
    }
  }

  #uplinkLink(counts: FabricImpairmentCounts | undefined): Link {
    return {
      place: UPLINK_PLACE,
      kind: 'uplink',
      sandbox: '',
      network: '',
      interface: this.#context.parts.fabric.uplink().interface,
      ...directionsOf(this.#context.model.uplinkImpairment, counts),
    }
  }

  #hasUplink(): boolean {
    return this.#context.parts.fabric.uplink().spec !== undefined
  }

  #refuseNoUplink(): void {
    if (this.#hasUplink()) return
    const { domain } = this.#context.parts.fabric.uplink()
    if (domain !== undefined) {
      const world = new SwitchNames(this.#context, this.#registry).network(domain)
      throw new TapwireError(
        ErrorCode.uplinkUnusable,
        `the way out is the network ${world}, which has no link of its own`,
        { hint: `Name one of its sandboxes, as SANDBOX@${world}: \`tapwire link show\` lists the places.` },
      )
    }
    throw new TapwireError(ErrorCode.uplinkUnusable, 'there is no uplink', {
      hint: '`tapwire uplink set nic` connects the networks to what the machine is connected to.',
    })
  }
}

function without(
  before: ImpairmentRecord | undefined,
  directions: LinkDirections,
): ImpairmentRecord | undefined {
  return impairmentRecord(
    directions === 'to' ? before?.from : undefined,
    directions === 'from' ? before?.to : undefined,
  )
}

function withImpairment(endpoint: EndpointRecord, impairment: ImpairmentRecord | undefined): EndpointRecord {
  const { impairment: _before, ...rest } = endpoint
  return impairment === undefined ? rest : { ...rest, impairment }
}

function directionsOf(
  record: ImpairmentRecord | undefined,
  counts: FabricImpairmentCounts | undefined,
): Pick<Link, 'from' | 'to'> {
  const of = (wish: ImpairmentWish | undefined, counted: FabricImpairmentCounts['from']): Link['from'] => ({
    settings: { ...wish },
    ...(counted && { counts: { ...counted } }),
  })
  return { from: of(record?.from, counts?.from), to: of(record?.to, counts?.to) }
}

function notConnected({ name }: SandboxRecord, network: string): TapwireError {
  return new TapwireError(ErrorCode.notConnected, `container ${name} is not connected to network ${network}`)
}
