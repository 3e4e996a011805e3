/** One published range: how it is opened at an endpoint, and shut. */

import type { BridgeDriver } from '../drivers/bridge.ts'
import type { HostPortReservation } from '../model/machine.ts'
import type { PortRange } from '../rules/port-range.ts'
import { isPublishable } from '../rules/publish-plan.ts'
import type { ControllerParts } from './context.ts'
import type { Undo } from './undo.ts'

/** An endpoint that ports lead to. */
export interface PublicationTarget {
  /** Its id. */
  readonly endpoint: string
  /** Its IPv4 address. */
  readonly address: string
  readonly routed: boolean
  /** Address of the machine where bindings name none; empty for all. */
  readonly hostBinding: string
}

export interface Publication {
  readonly range: PortRange
  /** Undefined while it is shut. */
  target: PublicationTarget | undefined
  reservation: HostPortReservation | undefined
  /** The switch's number of it; 0 where the switch has no part in it. */
  id: number
}

export class PublicationSwitch {
  readonly #parts: Pick<ControllerParts, 'fabric' | 'hostPorts'>
  readonly #bridge: Pick<BridgeDriver, 'placeOf'>
  readonly #isRouters: (address: string) => boolean
  #lastId = 0

  /** `isRouters` tells of addresses that the machine's kernel does not have. */
  constructor(
    parts: Pick<ControllerParts, 'fabric' | 'hostPorts'>,
    bridge: Pick<BridgeDriver, 'placeOf'>,
    isRouters: (address: string) => boolean,
  ) {
    this.#parts = parts
    this.#bridge = bridge
    this.#isRouters = isRouters
  }

  closed(range: PortRange): Publication {
    return { range, target: undefined, reservation: undefined, id: 0 }
  }

  /** A number for what is published, of no other. */
  newId(): number {
    return ++this.#lastId
  }

  /** First the machine's ports, then the switch: whoever gets in is let in by both. */
  async open(undo: Undo, publication: Publication, target: PublicationTarget): Promise<void> {
    await this.#reserve(publication, target)
    undo.add(() => this.#release(publication))
    await this.#publish(publication, target)
    undo.add(() => this.#unpublish(publication))
    publication.target = target
    undo.add(() => {
      publication.target = undefined
    })
  }

  async shut(undo: Undo, publication: Publication): Promise<void> {
    const target = publication.target!
    await this.#unpublish(publication)
    undo.add(() => this.#publish(publication, target))
    await this.#release(publication)
    undo.add(() => this.#reserve(publication, target))
    publication.target = undefined
    undo.add(() => {
      publication.target = target
    })
  }

  /** For good. May be tried again where it has failed. */
  async end(publication: Publication): Promise<void> {
    await this.#unpublish(publication)
    await this.#release(publication)
  }

  async #reserve(publication: Publication, target: PublicationTarget): Promise<void> {
    const { protocol, first, last, hostIp, hostFirst } = publication.range
    if (hostFirst === 0 || !isPublishable(protocol) || this.#isRouters(hostIp)) return
    publication.reservation = await this.#parts.hostPorts.open({
      address: hostIp,
      protocol,
      first: hostFirst,
      last: hostFirst + last - first,
      target: { address: target.address, first },
    })
  }

  async #release(publication: Publication): Promise<void> {
    await publication.reservation?.close()
    publication.reservation = undefined
  }

  async #publish(publication: Publication, target: PublicationTarget): Promise<void> {
    const { protocol, first, last, hostIp, hostFirst } = publication.range
    // An endpoint that was left and joined again has another port.
    const place = this.#bridge.placeOf(target.endpoint)
    if (place === undefined || !isPublishable(protocol) || isLocal(hostIp)) return
    const outside = hostFirst === 0 ? first : hostFirst
    const id = this.newId()
    await this.#parts.fabric.publish({
      id,
      protocol,
      address: hostFirst === 0 ? target.address : hostIp === '0.0.0.0' ? '' : hostIp,
      first: outside,
      last: outside + last - first,
      target: { address: target.address, first, ...place },
    })
    publication.id = id
  }

  async #unpublish(publication: Publication): Promise<void> {
    if (publication.id > 0) await this.#parts.fabric.unpublish(publication.id)
    publication.id = 0
  }
}

/** What never reaches the router: the machine's own programs use it, and what is sent to IPv6, by way of the relay. */
function isLocal(hostIp: string): boolean {
  return hostIp.startsWith('127.') || hostIp.includes(':')
}
