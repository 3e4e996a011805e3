/** The networks that a request for a sandbox names, and what it wishes of each. */

import type { EndpointConfig } from '../api/network.ts'
import type { SandboxCreate } from '../api/sandbox.ts'
import { ErrorCode, TapwireError } from '../errors.ts'
import { normalMac } from '../mac-address.ts'
import type { NetworkMode } from '../model/records.ts'
import { isPredefinedNetwork } from './names.ts'
import { type ModeContext, requestedMode, sharedSandbox } from './network-mode.ts'
import type { WantedEndpoint } from './sandbox-create.ts'

/**
 * The network of the mode comes first, whether or not the request has wishes for it; the others follow as the request has them.
 * `links` are the sandbox's, which on a network that a user made are names on that network. Throws SANDBOX_INVALID.
 */
export function wantedEndpoints(
  mode: NetworkMode,
  request: SandboxCreate,
  links: readonly string[],
  context: ModeContext,
): readonly WantedEndpoint[] {
  const given = Object.entries(request.NetworkingConfig?.EndpointsConfig ?? {})
  const wishes = given.map(([network, config]): WantedEndpoint => {
    return { network: network === 'default' ? 'bridge' : network, config: config ?? {} }
  })
  const main = requestedMode(request)
  refuseMixture([main, ...wishes.map((wish) => wish.network)])
  if (mode.kind === 'container') return refuseWishes(wishes)

  const byId = new Map<string, WantedEndpoint>()
  for (const wish of [{ network: main, config: {} }, ...wishes]) {
    const { id } = context.findNetwork(wish.network)
    const known = byId.get(id)
    if (known === undefined) byId.set(id, wish)
    else if (known.network === main && Object.keys(known.config).length === 0)
      byId.set(id, { ...wish, network: main })
    else throw twice(wish.network)
  }
  const [first, ...others] = [...byId.values()]
  const userDefined = mode.kind === 'networks' && mode.name !== 'bridge'
  return [withSandboxWishes(first!, request, userDefined ? links : []), ...others]
}

/** Several networks at once are for those that users made. */
function refuseMixture(networks: readonly string[]): void {
  const distinct = new Set(networks)
  if (distinct.size === 1) return
  if (![...distinct].some((network) => isPredefinedNetwork(network) || sharedSandbox(network) !== undefined))
    return
  throw invalid('conflicting options: cannot attach both user-defined and non-user-defined network-modes')
}

/** There is no endpoint that could have them. */
function refuseWishes(wishes: readonly WantedEndpoint[]): readonly never[] {
  for (const { config } of wishes) {
    const { IPv4Address, IPv6Address } = config.IPAMConfig ?? {}
    if (IPv4Address || IPv6Address) {
      throw invalid(
        'invalid endpoint settings:\nuser-specified IP address is supported on user-defined networks only',
      )
    }
    if ((config.Aliases ?? []).length > 0) {
      throw invalid(
        'invalid endpoint settings:\nnetwork-scoped aliases are only supported for user-defined networks',
      )
    }
    if (config.MacAddress) throw invalid('conflicting options: mac-address and the network mode')
  }
  return []
}

/** --mac-address and --link without a network are for the first one. */
function withSandboxWishes(
  endpoint: WantedEndpoint,
  request: SandboxCreate,
  links: readonly string[],
): WantedEndpoint {
  const mac = request.MacAddress ?? ''
  const own = endpoint.config.MacAddress ?? ''
  if (mac !== '' && own !== '' && (normalMac(mac) ?? mac) !== (normalMac(own) ?? own)) {
    throw invalid(
      'the container-wide MAC address must match the endpoint-specific MAC address for the main network, or be left empty',
    )
  }
  const config: EndpointConfig = {
    ...endpoint.config,
    ...(mac === '' ? {} : { MacAddress: mac }),
    ...(links.length === 0 ? {} : { Links: [...new Set([...(endpoint.config.Links ?? []), ...links])] }),
  }
  return { network: endpoint.network, config }
}

function twice(network: string): TapwireError {
  return invalid(`network "${network}" is specified multiple times`)
}

function invalid(message: string): TapwireError {
  return new TapwireError(ErrorCode.sandboxInvalid, message)
}
