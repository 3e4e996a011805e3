/** Who sends the packet that is explained. */

import type { EndpointRecord, InterfaceAddress, NetworkRecord, SandboxRecord } from '../model/records.ts'
import { chooseDefaultRoutes } from '../rules/default-route.ts'
import { routeCandidates } from '../views/default-route-inspect.ts'
import type { Context } from './context.ts'
import type { RemoteStation } from './explain-cluster.ts'

/** A running sandbox's place on a network that has IPv4. */
export interface Station {
  readonly sandbox: SandboxRecord
  readonly network: NetworkRecord
  readonly endpoint: EndpointRecord
  readonly ipv4: InterfaceAddress
}

export type Source =
  | { readonly kind: 'sandbox'; readonly sandbox: SandboxRecord; readonly stations: readonly Station[] }
  | { readonly kind: 'remote'; readonly remote: RemoteStation }
  | { readonly kind: 'outside'; readonly address: string }

/** That of `stations` which the sandbox's default route goes by. */
export function defaultRoute(
  context: Context,
  sandbox: SandboxRecord,
  stations: readonly Station[],
): Station | undefined {
  const { ipv4 } = chooseDefaultRoutes(
    routeCandidates(sandbox, { network: (id) => context.model.network(id) }),
  )
  return stations.find(({ endpoint }) => endpoint.network === ipv4.endpoint?.endpoint.network)
}
