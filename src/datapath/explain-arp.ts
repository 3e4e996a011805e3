import { arpPacket } from '../protocols/arp.ts'
import { formatIpv4, formatMac } from '../wire/address.ts'
import * as arp from '../wire/arp.ts'
import type { ExplainedSteps } from './explained-steps.ts'
import type { FrameMemory } from './frame-memory.ts'
import type { Router } from './router.ts'

/** What the router notes of who has sent an ARP packet. */
export function explainLesson(
  { link }: Router,
  { view }: FrameMemory,
  steps: ExplainedSteps,
  port: number,
  offset: number,
  length: number,
  domain: number,
): void {
  if (!link.learnsNeighbour(port, offset, length, domain)) return
  const packet = arpPacket(offset)
  const address = formatIpv4(arp.senderProtocol(view, packet))
  const mac = formatMac(arp.senderHardwareHigh(view, packet), arp.senderHardwareLow(view, packet))
  steps.say('neighbour', 'note', { address, mac, domain })
}
