/**
 * Where answers go to a client that another host's router has let in. That host's router has translated what the client asked, so it alone
 * can make the answer of it that the client knows; by the routes from here the answer would go out under another address.
 *
 *     client ──► entry host's router ──── peer ────► this router ──► backend
 *     client ◄── translated back ◄─────── peer ◄──── this router ◄── backend: the client is far away, so to the gateway
 *
 * The connection is charged to the peer's port, and by that the router behind it is known: a neighbour at the address 0.0.x.y, whose last two
 * bytes are the port's number. No packet has an address of 0.0.0.0/8.
 */

import type { MacTable } from '../../tables/mac-table.ts'
import type { NeighbourTable } from '../../tables/neighbour-table.ts'
import * as ethernet from '../../wire/ethernet.ts'

const NONE = -1

export class ReturnHops {
  private readonly neighbours: NeighbourTable
  private readonly stations: MacTable

  constructor(neighbours: NeighbourTable, stations: MacTable) {
    this.neighbours = neighbours
    this.stations = stations
  }

  /** The router that has sent this frame by a peer's port is the one that answers go to. False where there is no room to note that. */
  note(view: DataView, offset: number, port: number, domain: number): boolean {
    const { neighbours } = this
    const high = ethernet.sourceHigh(view, offset)
    const low = ethernet.sourceLow(view, offset)
    const known = neighbours.lookup(domain, port)
    if (known !== NONE && neighbours.macHigh(known) === high && neighbours.macLow(known) === low) return true
    if (neighbours.addPermanent(domain, port, high, low) === NONE) return false
    this.stations.addStatic(domain, high, low, port)
    return true
  }

  /** The neighbour that answers of the peer's connections go to, or NONE. */
  find(domain: number, port: number): number {
    return this.neighbours.lookup(domain, port)
  }

  /** The peer goes. */
  removePort(port: number, domain: number): void {
    this.neighbours.remove(domain, port)
  }
}
