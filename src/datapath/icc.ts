/**
 * Networks whose sandboxes may not talk to one another (Docker's icc=false): between two sandboxes only ARP passes, and what a
 * link permits: from the client to one port of the server, and back from there.
 */

import { LINK_PERMITS_MAX, PORTS_MAX } from '../limits.ts'
import * as ethernet from '../wire/ethernet.ts'
import * as ipProtocol from '../wire/ip-protocol.ts'
import * as ipv4 from '../wire/ipv4.ts'
import type { LinkPermitSettings } from './router-settings.ts'

const PORTS_SIZE = 4

export class Icc {
  /** By port: 1 where it is no sandbox's. */
  readonly host = new Uint8Array(PORTS_MAX)
  private readonly permits = new Map<number, LinkPermitSettings>()
  /** The same, to be walked: few, and each a row of numbers. */
  private rows: readonly LinkPermitSettings[] = []

  /** Throws RangeError where there are too many. */
  permit(permit: LinkPermitSettings): void {
    if (this.permits.size >= LINK_PERMITS_MAX) throw new RangeError(`more than ${LINK_PERMITS_MAX} links`)
    this.permits.set(permit.id, permit)
    this.rows = [...this.permits.values()]
  }

  withdraw(id: number): void {
    this.permits.delete(id)
    this.rows = [...this.permits.values()]
  }

  /** Whether a frame may go from one port to another of a domain without icc. */
  allows(view: DataView, offset: number, length: number, domain: number, from: number, to: number): boolean {
    if (this.host[from] === 1 || this.host[to] === 1) return true
    const type = ethernet.etherType(view, offset)
    if (type === ethernet.TYPE_ARP) return true
    return (
      type === ethernet.TYPE_IPV4 &&
      this.isLinked(view, offset + ethernet.HEADER_SIZE, offset + length, domain)
    )
  }

  /** Whether a frame for everybody may go to all ports: only what asks for addresses may. */
  allowsFlood(view: DataView, offset: number, from: number): boolean {
    return this.host[from] === 1 || ethernet.etherType(view, offset) === ethernet.TYPE_ARP
  }

  /** Those of a domain's ports that are no sandbox's. Rare, and for few frames: it allocates. */
  hostsAmong(members: Int32Array): Int32Array {
    return members.filter((port) => this.host[port] === 1)
  }

  /** A later fragment has no ports to judge it by, so no link permits it. */
  private isLinked(view: DataView, network: number, end: number, domain: number): boolean {
    if (!ipv4.check(view, network, end) || ipv4.fragmentOffset(view, network) > 0) return false
    const transport = network + ipv4.headerSize(view, network)
    const protocol = ipv4.protocol(view, network)
    if ((protocol !== ipProtocol.TCP && protocol !== ipProtocol.UDP) || end - transport < PORTS_SIZE)
      return false
    const source = ipv4.sourceAddress(view, network)
    const destination = ipv4.destinationAddress(view, network)
    const sourcePort = view.getUint16(transport)
    const destinationPort = view.getUint16(transport + 2)
    for (let i = 0; i < this.rows.length; i++) {
      const permit = this.rows[i]!
      if (permit.domain !== domain || permit.protocol !== protocol) continue
      const asks =
        permit.client === source && permit.server === destination && permit.port === destinationPort
      const answers = permit.server === source && permit.client === destination && permit.port === sourcePort
      if (asks || answers) return true
    }
    return false
  }
}
