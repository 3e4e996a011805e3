/** A sandbox's wishes for its place on a network, checked against that network. */

import type { EndpointConfig } from '../api/network.ts'
import type { EndpointSettings, NetworkRecord } from '../model/records.ts'

/** Throws ENDPOINT_INVALID with all that is wrong, under `invalid endpoint settings:`. */
export function planEndpoint(
  network: NetworkRecord,
  config: EndpointConfig | null | undefined,
): EndpointSettings {
  throw new Error('to be written')
}

/** The settings of an endpoint that its user said nothing of. */
export const NO_WISHES: EndpointSettings = {
  linkLocal: [],
  links: [],
  aliases: [],
  driverOptions: {},
  gatewayPriority: 0,
}
