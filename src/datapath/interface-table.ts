/** The router's interfaces, by the number of the bridge domain that each is in: what the path asks of them, in typed arrays. */

import { DOMAINS_MAX } from '../limits.ts'
import { maskOf } from '../tables/prefix-table.ts'
import { GatewayMode, InterfaceKind, type RouterInterfaceSettings } from './router-settings.ts'

/** A domain without a router interface. */
export const NO_INTERFACE = -1

export class InterfaceTable {
  /** InterfaceKind, or NO_INTERFACE. */
  readonly kind = new Int8Array(DOMAINS_MAX).fill(NO_INTERFACE)
  readonly macHigh = new Int32Array(DOMAINS_MAX)
  readonly macLow = new Int32Array(DOMAINS_MAX)
  readonly address = new Int32Array(DOMAINS_MAX)
  readonly mask = new Int32Array(DOMAINS_MAX)
  readonly mtu = new Int32Array(DOMAINS_MAX)
  /** GatewayMode. */
  readonly mode = new Uint8Array(DOMAINS_MAX)
  readonly internal = new Uint8Array(DOMAINS_MAX)
  readonly masquerade = new Uint8Array(DOMAINS_MAX)
  readonly sourceAddress = new Int32Array(DOMAINS_MAX)
  /** -1: none. */
  readonly hostPort = new Int32Array(DOMAINS_MAX).fill(-1)
  readonly proxyArp = new Uint8Array(DOMAINS_MAX)
  readonly shared = new Uint8Array(DOMAINS_MAX)
  readonly firstPort = new Int32Array(DOMAINS_MAX)
  readonly lastPort = new Int32Array(DOMAINS_MAX)

  set(domain: number, settings: RouterInterfaceSettings): void {
    this.kind[domain] = settings.kind
    this.macHigh[domain] = settings.macHigh
    this.macLow[domain] = settings.macLow
    this.address[domain] = settings.address
    this.mask[domain] = maskOf(settings.prefixLength)
    this.mtu[domain] = settings.mtu
    this.mode[domain] = settings.mode
    this.internal[domain] = settings.internal ? 1 : 0
    this.masquerade[domain] = settings.masquerade ? 1 : 0
    this.sourceAddress[domain] = settings.sourceAddress
    this.hostPort[domain] = settings.hostPort
    this.proxyArp[domain] = settings.proxyArp ? 1 : 0
    this.shared[domain] = settings.shared ? 1 : 0
    this.firstPort[domain] = settings.firstPort
    this.lastPort[domain] = settings.lastPort
  }

  remove(domain: number): void {
    this.kind[domain] = NO_INTERFACE
    this.hostPort[domain] = -1
  }

  exists(domain: number): boolean {
    return this.kind[domain] !== NO_INTERFACE
  }

  /** Whether the address is in the interface's subnet. */
  isOnLink(domain: number, address: number): boolean {
    return ((address ^ this.address[domain]!) & this.mask[domain]!) === 0
  }

  /** Whether what goes out of the network gets another source. */
  translatesSource(domain: number): boolean {
    return this.masquerade[domain] === 1 && this.mode[domain] !== GatewayMode.routed
  }

  isInside(domain: number): boolean {
    return this.kind[domain] === InterfaceKind.inside
  }

  isOutside(domain: number): boolean {
    return this.kind[domain] === InterfaceKind.outside
  }
}
