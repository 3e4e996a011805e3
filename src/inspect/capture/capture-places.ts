/** Ports of the switch as captures call them. */

import type { CaptureName } from '../pcap/capture-file.ts'

export interface CapturePlace {
  readonly port: number
  readonly kind: 'sandbox' | 'uplink' | 'host' | 'router'
  /** `web`; of an uplink, or of the host, its interface. */
  readonly name: string
  /** `eth0`. */
  readonly interface: string
  /** `blue`; empty where it is on none. */
  readonly network: string
  /** Empty where it is not known. */
  readonly mac: string
  /** What the port belongs to: another object when its number is given to another. */
  readonly owner: object
}

export interface CapturePlaces {
  /** By port of the switch, whether or not there is such a place any more. */
  at(port: number): CapturePlace
  /** What the addresses of sandboxes and gateways are called. */
  addresses(): readonly CaptureName[]
}

/** In a sentence: `web`, `uplink eth0`. */
function labelOf({ kind, name, network }: CapturePlace): string {
  if (kind === 'sandbox') return name
  return network === '' ? `${kind} ${name}` : `${kind} ${name} of ${network}`
}

/** `web.eth0@blue`, which no other place is called at the same time. */
export function describePlace(place: CapturePlace): {
  readonly name: string
  readonly description: string
  readonly mac: string
} {
  const { kind, name, interface: device, network, mac } = place
  const owner = kind === 'sandbox' ? `${name}.${device}` : device || kind
  const description =
    kind === 'sandbox' ? `${device} of sandbox ${name} on network ${network}` : labelOf(place)
  return { name: network === '' ? `${owner}@${kind}` : `${owner}@${network}`, description, mac }
}
