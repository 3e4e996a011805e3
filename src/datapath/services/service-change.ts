/** Services as the control plane changes them. */

import { removeMapped } from '../flow-listing.ts'
import type { PortTable } from '../port-table.ts'
import type { Router } from '../router.ts'
import { SERVICE_OWNER } from '../router-settings.ts'
import type { ServiceSettings } from './service-settings.ts'

/** Throws RangeError where there are too many, or the address is another's. */
export function setService({ services, stage }: Router, ports: PortTable, settings: ServiceSettings): void {
  services.set(settings)
  ports.setServes(settings.domain, true)
  stage.endings.startSweep()
}

export function removeService({ services, stage }: Router, ports: PortTable, id: number): void {
  const domain = services.get(id)?.domain
  services.remove(id)
  if (domain !== undefined) ports.setServes(domain, services.hasDomain(domain))
  stage.endings.startSweep()
}

/** Returns how many connections ended. */
export function unpublish({ portMap, connections, stage }: Router, id: number): number {
  const owner = portMap.get(id)?.owner
  portMap.remove(id)
  if (owner === undefined) return 0
  return owner === SERVICE_OWNER ? stage.endings.endMapped(id) : removeMapped(connections, owner, id)
}
