/** Ports of the switch as people know them: where captures look. */

import type { ExplanationStep } from './api/explain.ts'
import type { ExplainStep } from './model/machine.ts'

export interface SwitchPlace {
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

export interface NamedAddress {
  readonly address: string
  readonly names: readonly string[]
}

export interface PlaceSelection {
  /** Whether the place is meant, now: sandboxes may come to a network, or be connected to another one. */
  has(place: SwitchPlace): boolean
}

export interface Places {
  /**
   * `any`, `uplink`, `host`, `web@blue`, or a network's or a sandbox's name or id; `network:web` and `sandbox:web` where there are both; `peer:192.0.2.2` and
   * `peer:192.0.2.2@blue` for another host. None is `any`. Throws NETWORK_UNKNOWN, SANDBOX_UNKNOWN, REFERENCE_AMBIGUOUS.
   */
  select(places: readonly string[]): PlaceSelection
  /** All that there are now. */
  all(): readonly SwitchPlace[]
  /** By port of the switch, whether or not there is such a place any more. */
  at(port: number): SwitchPlace
  /** What the addresses of sandboxes and gateways are called. */
  addresses(): readonly NamedAddress[]
  /** Addresses of a sandbox, or of a network's gateway (`gateway.blue`); empty where nothing is called so. */
  addressesOf(name: string): readonly string[]
  /** What the data path decided, with names in place of the switch's numbers. Of ICMP ports are identifiers. */
  explained(steps: readonly ExplainStep[], isIcmp: boolean): readonly ExplanationStep[]
  /** Calls back whenever a place comes or goes, before its number can be another's; the function returned ends that. */
  onChange(listener: () => void): () => void
}
