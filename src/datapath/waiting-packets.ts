/**
 * Packets that wait for a neighbour's address or for the first fragment of their datagram (see tables/frame-pen.ts): they stand there as
 * they came, and are judged anew when they may go on.
 */

import { FRAGMENT_LIFETIME_S } from '../limits.ts'
import { NeighbourState } from '../tables/neighbour-table.ts'
import type { Counters } from './counters.ts'
import { DropReason } from './drop-reason.ts'
import { type Egress, NO_ROOM } from './egress.ts'
import * as frameMemory from './frame-memory.ts'
import { type InterfaceTable, NO_INTERFACE } from './interface-table.ts'
import { FIRST_FRAGMENT_LIST, type LinkLayer } from './link-layer.ts'
import * as packets from './packets.ts'
import { NO_DOMAIN, type PortTable } from './port-table.ts'

const { DOMAIN, LENGTH, OFFSET, PORT } = packets
const { VIRTIO_NET_HEADER_SIZE } = frameMemory
const NONE = -1

/** The row of a packet that has waited. */
export const WAITED_ROW = packets.EXTRA_ROW

export interface WaitingPacketsParts {
  readonly rows: Int32Array
  readonly ports: PortTable
  readonly interfaces: InterfaceTable
  readonly link: LinkLayer
  readonly egress: Egress
  readonly counters: Counters
}

export class WaitingPackets {
  /** Of the frame in WAITED_ROW: the number that it arrived with (capture/trail.ts). */
  private number = 0
  private readonly rows: Int32Array
  private readonly ports: PortTable
  private readonly interfaces: InterfaceTable
  private readonly link: LinkLayer
  private readonly egress: Egress
  private readonly counters: Counters

  constructor(parts: WaitingPacketsParts) {
    this.rows = parts.rows
    this.ports = parts.ports
    this.interfaces = parts.interfaces
    this.link = parts.link
    this.egress = parts.egress
    this.counters = parts.counters
  }

  /** How many there are. */
  get size(): number {
    return this.link.pen.size
  }

  /** How many wait in a list. */
  countOf(list: number): number {
    return this.link.pen.countOf(list)
  }

  /** Puts the oldest of a list where WAITED_ROW says, if there is one and the egress has room for what may become of it. */
  take(list: number): boolean {
    const { link, rows, egress } = this
    for (let slot = link.pen.first(list); slot !== NONE; slot = link.pen.first(list)) {
      if (!egress.hasRoom) return false
      const port = link.pen.tag1(slot)
      const domain = this.ports.domain[port]!
      if (domain === NO_DOMAIN || this.interfaces.kind[domain] === NO_INTERFACE) {
        link.drop(slot, DropReason.noDomain)
        continue
      }
      const length = link.pen.length(slot) - VIRTIO_NET_HEADER_SIZE
      this.number = link.pen.tag2(slot)
      const offset = link.release(slot)
      if (offset === NO_ROOM) {
        this.counters.dropped(port, DropReason.neighbourQueueFull)
        continue
      }
      rows[WAITED_ROW + PORT] = port
      rows[WAITED_ROW + OFFSET] = offset
      rows[WAITED_ROW + LENGTH] = length
      rows[WAITED_ROW + DOMAIN] = domain
      return true
    }
    return false
  }

  /** Tells who looks on that the frame in WAITED_ROW goes on; and, when it has been dealt with, `end`. */
  begin(): void {
    const { rows } = this
    this.counters.trail.watcher?.releasing(
      this.number,
      rows[WAITED_ROW + PORT]!,
      rows[WAITED_ROW + OFFSET]!,
      rows[WAITED_ROW + LENGTH]!,
    )
  }

  end(): void {
    this.counters.trail.watcher?.released()
  }

  /** A list whose neighbour is there, and which had to wait on all the same because egress was full; or -1. */
  overdue(): number {
    const { pen, neighbours } = this.link
    for (let slot = 0; slot < pen.slotCount; slot++) {
      if (!pen.isHeld(slot)) continue
      const list = pen.list(slot)
      if (list < FIRST_FRAGMENT_LIST && neighbours.state(list) >= NeighbourState.stale) return list
    }
    return NONE
  }

  /** Drops what has waited too long for a first fragment. What waits for a neighbour is given up with it. */
  expire(nowS: number): void {
    const { link } = this
    const { pen } = link
    for (let slot = pen.oldest(); slot !== NONE; slot = pen.oldest()) {
      if (nowS - pen.heldSinceS(slot) < FRAGMENT_LIFETIME_S) return
      const waitsForFragment = pen.list(slot) >= FIRST_FRAGMENT_LIST
      link.drop(slot, waitsForFragment ? DropReason.fragmentWithoutFirst : DropReason.hostUnreachable)
    }
  }

  /** The port goes, and what came by it. */
  removePort(port: number): void {
    const { pen } = this.link
    for (let slot = 0; slot < pen.slotCount; slot++) {
      if (pen.isHeld(slot) && pen.tag1(slot) === port) this.link.drop(slot, DropReason.deviceGone)
    }
  }
}
