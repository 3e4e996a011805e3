/** A sandbox as inspect shows it. */

import type { EndpointInspect, SandboxInspect } from '../api/sandbox.ts'
import type { EndpointRecord, NetworkRecord, SandboxRecord } from '../model/records.ts'
import type { RouteCandidate } from '../rules/default-route.ts'

export interface SandboxSurroundings {
  /** By id. Undefined where the network is no more, which only a sandbox that does not run can have. */
  network(id: string): NetworkRecord | undefined
  /** By id: the name of the sandbox that a `container:` mode names; undefined where it is no more. */
  sandboxName(id: string): string | undefined
}

export interface SandboxPaths {
  readonly resolvConf: string
  readonly hostname: string
  readonly hosts: string
  readonly log: string
  /** Of the network namespace; empty while it does not run. */
  readonly networkNamespace: string
}

/** GET /sandboxes/{sandbox} */
export function inspectSandbox(
  sandbox: SandboxRecord,
  surroundings: SandboxSurroundings,
  paths: SandboxPaths,
): SandboxInspect {
  throw new Error('to be written')
}

export function inspectEndpoint(
  sandbox: SandboxRecord,
  endpoint: EndpointRecord,
  network: NetworkRecord | undefined,
): EndpointInspect {
  throw new Error('to be written')
}

/** What chooseDefaultRoutes is asked of a running sandbox. `endpoint` tells which one it chose. */
export function routeCandidates(
  sandbox: SandboxRecord,
  surroundings: Pick<SandboxSurroundings, 'network'>,
): readonly (RouteCandidate & { readonly endpoint: EndpointRecord })[] {
  throw new Error('to be written')
}
