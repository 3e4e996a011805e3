/**
 * What --link permits where the sandboxes of the default bridge may not talk to one another: whoever links may reach the
 * exposed ports of the one that is linked to. A pair is settled when either of the two comes, goes, or gets another address.
 */

import type { BridgeDriver } from '../drivers/bridge.ts'
import type { LinkPermit } from '../model/machine.ts'
import type { NetworkRecord, SandboxRecord } from '../model/records.ts'
import { bridgeOptions } from '../rules/bridge-options.ts'
import { parseLink } from '../rules/link-environment.ts'
import { splitPort } from '../rules/port.ts'
import { eachPort } from '../rules/port-runs.ts'
import { isPublishable } from '../rules/publish-plan.ts'
import type { Context } from './context.ts'
import { KeyedLock } from './keyed-lock.ts'
import { linkChild } from './sandbox-files.ts'
import type { Undo } from './undo.ts'

/** A sandbox on the default bridge. */
interface Member {
  readonly address: string
  /** `80/tcp`, `3000-3009/tcp`. */
  readonly exposedPorts: readonly string[]
  /** Ids of those that it links to. Found out once: who is renamed stays linked. */
  readonly children: readonly string[]
}

type Permission = Omit<LinkPermit, 'id' | 'domain'>

/** What changes of pairs wait for one another by. */
const PAIRS = 'pairs'

export class LinkPermits {
  readonly #context: Context
  readonly #bridge: BridgeDriver
  /** By sandbox. */
  readonly #members = new Map<string, Member>()
  /** By client and server. */
  readonly #pairs = new Map<string, readonly LinkPermit[]>()
  /** A pair is changed by one of the two at a time, and by whoever takes back what it has changed. */
  readonly #lock = new KeyedLock()
  /** What could not be withdrawn at a sandbox's end. */
  #leftovers: LinkPermit[] = []
  #lastId = 0

  constructor(context: Context, bridge: BridgeDriver) {
    this.#context = context
    this.#bridge = bridge
  }

  /** Brings what is permitted in step with a running sandbox as it is about to be. */
  async settle(undo: Undo, sandbox: SandboxRecord): Promise<void> {
    const network = this.#isolatingBridge()
    if (network === undefined) return
    const { id } = sandbox
    const before = this.#members.get(id)
    // The other one of a pair may have changed it since, so it is settled once more rather than put back.
    undo.add(() => this.#become(id, before, network))
    await this.#become(id, this.#memberOf(sandbox, network), network)
  }

  /** The sandbox has ended. What cannot be withdrawn is told, and tried again at the next end. */
  abandon({ id, name }: SandboxRecord): Promise<void> {
    return this.#lock.run(PAIRS, async () => {
      const pairs = [...this.#pairs.keys()].filter((pair) => pair.split(' ').includes(id))
      this.#members.delete(id)
      const left = [...this.#leftovers, ...pairs.flatMap((pair) => this.#pairs.get(pair)!)]
      this.#leftovers = []
      for (const pair of pairs) this.#pairs.delete(pair)
      for (const permit of left) {
        try {
          await this.#context.parts.fabric.withdraw(permit.id)
        } catch (error) {
          this.#leftovers.push(permit)
          this.#context.warn(error, `what a link of ${name} permits could not be withdrawn`)
        }
      }
    })
  }

  #become(id: string, member: Member | undefined, network: NetworkRecord): Promise<void> {
    return this.#lock.run(PAIRS, async () => {
      if (member === undefined) this.#members.delete(id)
      else this.#members.set(id, member)
      for (const pair of this.#pairsOf(id)) await this.#settlePair(pair, network)
    })
  }

  /** What is permitted is noted step by step, so that it is known where one fails. */
  async #settlePair(pair: string, network: NetworkRecord): Promise<void> {
    const { fabric } = this.#context.parts
    const wanted = this.#permissionsOf(pair)
    const is = this.#pairs.get(pair) ?? []
    if (wanted.length === is.length && wanted.every((each, index) => isSame(each, is[index]!))) return
    for (const [index, permit] of is.entries()) {
      await fabric.withdraw(permit.id)
      this.#setPair(pair, is.slice(index + 1))
    }
    const domain = this.#bridge.domainOf(network.id)!
    const permits: LinkPermit[] = []
    for (const permission of wanted) {
      const permit = { ...permission, id: ++this.#lastId, domain }
      await fabric.permit(permit)
      permits.push(permit)
      this.#setPair(pair, [...permits])
    }
  }

  #permissionsOf(pair: string): readonly Permission[] {
    const [client, server] = pair.split(' ').map((id) => this.#members.get(id))
    if (client === undefined || server === undefined) return []
    return eachPort(server.exposedPorts).flatMap((text) => {
      const { number: port, protocol } = splitPort(text)
      if (!isPublishable(protocol)) return []
      return [{ client: client.address, server: server.address, protocol, port }]
    })
  }

  /** Those that are permitted something, and those that are to be. */
  #pairsOf(id: string): ReadonlySet<string> {
    const known = [...this.#pairs.keys()].filter((pair) => pair.split(' ').includes(id))
    const wanted = [...this.#members].flatMap(([client, { children }]) =>
      children.filter((child) => client === id || child === id).map((child) => `${client} ${child}`),
    )
    return new Set([...known, ...wanted])
  }

  #memberOf(sandbox: SandboxRecord, { id }: NetworkRecord): Member | undefined {
    const { exposedPorts, links } = sandbox.config
    const endpoint = sandbox.endpoints.find(({ network }) => network === id)
    const address = endpoint?.joined?.ipv4?.address
    if (address === undefined) return undefined
    const children = links.flatMap((link) => linkChild(this.#context, parseLink(link).child)?.id ?? [])
    return { address, exposedPorts, children: [...new Set(children)] }
  }

  /** The default bridge, where it keeps its sandboxes apart. */
  #isolatingBridge(): NetworkRecord | undefined {
    const { model } = this.#context
    const network = model.network(model.networkNames.owner('bridge') ?? '')
    return network === undefined || bridgeOptions(network.options).icc ? undefined : network
  }

  #setPair(pair: string, permits: readonly LinkPermit[]): void {
    if (permits.length === 0) this.#pairs.delete(pair)
    else this.#pairs.set(pair, permits)
  }
}

function isSame(a: Permission, b: Permission): boolean {
  return a.client === b.client && a.server === b.server && a.protocol === b.protocol && a.port === b.port
}
