/**
 * Answers ARP requests in the place of kernels that are not there: a sandbox's for its own addresses, and at the uplink everybody's whom the
 * router asks for. Who replays a recorded lab has the real answers in the recording, and has no use for these.
 */

import { parseIpAddress } from '../control/ip-address.ts'
import { macOfAddress } from '../control/mac-address.ts'
import type { FrameRecorder, FrameWay } from '../datapath/capture/frame-recorder.ts'
import type { FrameMemory } from '../datapath/frame-memory.ts'
import * as arp from '../wire/arp.ts'
import * as ethernet from '../wire/ethernet.ts'
import type { SimulatedPlace } from './simulated-place.ts'

export interface ArpAnswer {
  readonly port: number
  readonly frame: Uint8Array
}

export class ArpAnswers implements FrameRecorder {
  readonly #memory: FrameMemory
  readonly #places: ReadonlyMap<number, SimulatedPlace>
  #answers: ArpAnswer[] = []

  constructor(memory: FrameMemory, places: ReadonlyMap<number, SimulatedPlace>) {
    this.#memory = memory
    this.#places = places
  }

  /** What has been asked for since the last call. */
  take(): readonly ArpAnswer[] {
    const answers = this.#answers
    if (answers.length > 0) this.#answers = []
    return answers
  }

  depart(_way: FrameWay, port: number, offset: number, length: number): void {
    const { view } = this.#memory
    if (ethernet.etherType(view, offset) !== ethernet.TYPE_ARP) return
    const request = arp.parse(view, offset + ethernet.HEADER_SIZE, offset + length)
    const place = this.#places.get(port)
    if (request?.operation !== arp.OPERATION_REQUEST || place === undefined) return
    const mac = macThere(place, request)
    if (mac !== undefined) this.#answers.push({ port, frame: replyTo(request, mac) })
  }

  readonly wantsRefused = false

  /** What leaves is all that is looked at. */
  overlooks(_from: number, to: number): number {
    return to
  }

  overlook(): void {}
  begin(): void {}
  make(): void {}
  end(): void {}
  lose(): void {}
  refuse(): void {}
  miss(): void {}
  flush(): void {}
}

/** Of whoever has the address at this port; undefined where that is nobody. */
function macThere(place: SimulatedPlace, { senderHardware, targetProtocol }: arp.Arp): string | undefined {
  if (place.kind === 'sandbox') return place.addresses.includes(targetProtocol) ? place.mac : undefined
  // Whom the router asks for is on the link; what sandboxes ask for may be nowhere.
  if (place.kind !== 'uplink' || senderHardware !== place.mac) return undefined
  return macOfAddress(parseIpAddress(targetProtocol)!)
}

function replyTo(request: arp.Arp, mac: string): Uint8Array {
  const frame = new Uint8Array(ethernet.HEADER_SIZE + arp.PACKET_SIZE)
  const view = new DataView(frame.buffer)
  const { senderHardware, senderProtocol, targetProtocol } = request
  const link = { target: senderHardware, source: mac, etherType: ethernet.TYPE_ARP }
  const at = ethernet.emit(link, view, 0)
  const reply: arp.Arp = {
    operation: arp.OPERATION_REPLY,
    senderHardware: mac,
    senderProtocol: targetProtocol,
    targetHardware: senderHardware,
    targetProtocol: senderProtocol,
  }
  arp.emit(reply, view, at)
  return frame
}
