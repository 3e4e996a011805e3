/** Which endpoints of a sandbox published ports lead to. */

import type { BridgeDriver } from '../drivers/bridge.ts'
import type { EndpointRecord, NetworkRecord, SandboxRecord } from '../model/records.ts'
import { bridgeOptions } from '../rules/bridge-options.ts'
import { chooseDefaultRoutes } from '../rules/default-route.ts'
import { bridgeGateway } from '../rules/gateway.ts'
import { routeCandidates } from '../views/default-route-inspect.ts'
import type { Context } from './context.ts'
import type { PublicationTarget } from './publication.ts'

export interface PublicationTargets {
  /** Where host ports lead to; undefined where the default route goes by no network of the mode. */
  readonly translated: PublicationTarget | undefined
  /** On whose networks the sandbox's own ports are let through. */
  readonly routed: readonly PublicationTarget[]
}

/** The sandbox's endpoints are joined already. */
export function publicationTargets(
  { model }: Pick<Context, 'model'>,
  bridge: Pick<BridgeDriver, 'placeOf'>,
  sandbox: SandboxRecord,
): PublicationTargets {
  const candidates = routeCandidates(sandbox, { network: (id) => model.network(id) })
  const chosen = chooseDefaultRoutes(candidates).ipv4.endpoint?.endpoint
  const target = (endpoint: EndpointRecord | undefined): PublicationTarget[] => {
    const network = endpoint && model.network(endpoint.network)
    const { id, ipv4 } = endpoint?.joined ?? {}
    if (network === undefined || id === undefined || ipv4 === undefined) return []
    if (network.internal || bridge.placeOf(id) === undefined) return []
    return [{ endpoint: id, address: ipv4.address, ...modeOf(network) }]
  }
  return {
    translated: target(chosen).find(({ routed }) => !routed),
    routed: sandbox.endpoints.flatMap(target).filter(({ routed }) => routed),
  }
}

/** Whether the machine's kernel has nothing to do with an address, for only the router has it. */
export function isRouters({ parts, model }: Pick<Context, 'parts' | 'model'>, address: string): boolean {
  const { spec } = parts.fabric.uplink()
  if (spec?.kind === 'tap' && spec.address === address) return true
  return [...model.networks.values()].some(
    (network) =>
      network.driver === 'bridge' &&
      bridgeOptions(network.options).uplink &&
      bridgeGateway(network)?.address === address,
  )
}

function modeOf({ options }: NetworkRecord): Pick<PublicationTarget, 'routed' | 'hostBinding'> {
  const { gatewayMode4, hostBinding } = bridgeOptions(options)
  // Docker's default bridge says 0.0.0.0, and means IPv6 as well.
  return { routed: gatewayMode4 === 'routed', hostBinding: hostBinding === '0.0.0.0' ? '' : hostBinding }
}
