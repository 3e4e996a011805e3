/** A request for a sandbox, checked and in normal form. */

import type { EndpointConfig } from '../api/network.ts'
import type { SandboxCreate } from '../api/sandbox.ts'
import type { SandboxConfig } from '../model/records.ts'

export interface SandboxPlanned {
  readonly config: SandboxConfig
  /** In the order of joining; empty in the modes host and container, one without wishes in the mode none. */
  readonly endpoints: readonly WantedEndpoint[]
  /** For the answer's Warnings. */
  readonly warnings: readonly string[]
}

export interface WantedEndpoint {
  /** Name or id of the network, as the user gave it; `bridge` where none was named. */
  readonly network: string
  /** For planEndpoint. */
  readonly config: EndpointConfig
}

/**
 * `id` is the new sandbox's, whose beginning is the default hostname. `findSandbox` throws SANDBOX_UNKNOWN (for `container:`).
 * Networks are not looked up here. Throws SANDBOX_INVALID, NAME_INVALID, PORT_INVALID.
 */
export function planSandbox(
  id: string,
  request: SandboxCreate,
  context: { findSandbox(reference: string): { readonly id: string } },
): SandboxPlanned {
  throw new Error('to be written')
}
