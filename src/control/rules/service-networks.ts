/** Which networks can have services. */

import { bridgeOptions } from './bridge-options.ts'
import { isRouted } from './routed-drivers.ts'

export interface ServedNetwork {
  readonly driver: string
  /** IPv4. Undefined where there is none. */
  readonly gateway: string | undefined
  readonly options: Readonly<Record<string, string>>
}

/** Its router has to be there, and IPv4. */
export function canHaveServices({ driver, gateway, options }: ServedNetwork): boolean {
  if (gateway === undefined || !isRouted(driver)) return false
  if (driver !== 'bridge') return true
  const { gatewayMode4, inhibitIpv4 } = bridgeOptions(options)
  return gatewayMode4 !== 'isolated' && !inhibitIpv4
}
