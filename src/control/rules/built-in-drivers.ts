/** The rules of the drivers that Tapwire has. */

import type { DriverRules } from './network-create.ts'

export const bridgeDriver: DriverRules = {
  name: 'bridge',
  scope: 'local',
  creatable: true,
  checkOptions: () => [],
  wantsGateway: () => true,
}
export const hostDriver: DriverRules = { ...bridgeDriver, name: 'host', creatable: false }
/** The driver of the network `none`. */
export const nullDriver: DriverRules = { ...bridgeDriver, name: 'null', creatable: false }
