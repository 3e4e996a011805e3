/** The ARP request that a kernel sends before it can send anything to a neighbour. */

import * as arp from '../../wire/arp.ts'
import * as ethernet from '../../wire/ethernet.ts'

export interface ArpQuestion {
  readonly sourceMac: string
  readonly source: string
  /** The address whose station is looked for. */
  readonly nextHop: string
}

const BROADCAST = 'ff:ff:ff:ff:ff:ff'
const NOBODY = '00:00:00:00:00:00'

export function arpFrame({ sourceMac, source, nextHop }: ArpQuestion): Uint8Array {
  const frame = new Uint8Array(ethernet.HEADER_SIZE + arp.PACKET_SIZE)
  const view = new DataView(frame.buffer)
  const link = { target: BROADCAST, source: sourceMac, etherType: ethernet.TYPE_ARP }
  const question: arp.Arp = {
    operation: arp.OPERATION_REQUEST,
    senderHardware: sourceMac,
    senderProtocol: source,
    targetHardware: NOBODY,
    targetProtocol: nextHop,
  }
  arp.emit(question, view, ethernet.emit(link, view, 0))
  return frame
}
