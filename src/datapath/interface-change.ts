/** What a router interface is made of, and what goes with it: its address and subnet as routes, its MAC as a station, its connections. */

import { LearnResult, type MacTable } from '../tables/mac-table.ts'
import { maskOf } from '../tables/prefix-table.ts'
import type { Router } from './router.ts'
import { ROUTER_PORT } from './router-port.ts'
import type { RouterInterfaceSettings } from './router-settings.ts'

/** Throws RangeError where there is no room; then there is no interface. */
export function setInterface(
  router: Router,
  stations: MacTable,
  domain: number,
  settings: RouterInterfaceSettings | undefined,
): void {
  const { interfaces, forwarding, link } = router
  const existed = interfaces.exists(domain)
  const stays = existed && settings !== undefined && isSameLink(router, domain, settings)
  if (existed) {
    stations.remove(domain, interfaces.macHigh[domain]!, interfaces.macLow[domain]!)
    forwarding.removeSubnet(domain)
    interfaces.remove(domain)
  }
  if (existed && !stays) {
    link.removeDomain(domain)
    removeConnections(router, domain)
  }
  if (settings === undefined) return
  forwarding.addSubnet({ domain, address: settings.address, prefixLength: settings.prefixLength })
  const placed = stations.addStatic(domain, settings.macHigh, settings.macLow, ROUTER_PORT)
  if (placed === LearnResult.refused) {
    forwarding.removeSubnet(domain)
    throw new RangeError('the MAC table has no room for another gateway')
  }
  interfaces.set(domain, settings)
  // Its subnet is a new route, which may lead elsewhere than the one that a flow remembers.
  router.forgetHops()
}

/** Whether connections and neighbours mean the same as before. */
function isSameLink({ interfaces }: Router, domain: number, settings: RouterInterfaceSettings): boolean {
  return (
    interfaces.kind[domain] === settings.kind &&
    interfaces.address[domain] === settings.address &&
    interfaces.mask[domain] === maskOf(settings.prefixLength) &&
    interfaces.shared[domain] === (settings.shared ? 1 : 0)
  )
}

function removeConnections({ connections }: Router, domain: number): void {
  for (let flow = connections.next(-1); flow !== -1; flow = connections.next(flow)) {
    if (connections.domain(flow) === domain || connections.domain(flow ^ 1) === domain)
      connections.remove(flow)
  }
}
