/** A sandbox's network mode, and the wishes that do not go together with it. */

import type { SandboxCreate } from '../api/sandbox.ts'
import { ErrorCode, TapwireError } from '../errors.ts'
import type { NetworkMode, SandboxConfig } from '../model/records.ts'

export interface ModeContext {
  /** Throws SANDBOX_UNKNOWN. */
  findSandbox(reference: string): {
    readonly id: string
    readonly config: Pick<SandboxConfig, 'hostname' | 'domainname'>
  }
  /** Throws NETWORK_UNKNOWN. */
  findNetwork(reference: string): { readonly id: string; readonly name: string }
}

/** `container:` and what is behind it; undefined for the other modes. Throws SANDBOX_INVALID where nothing is behind it. */
export function sharedSandbox(mode: string): string | undefined {
  const [kind, ...rest] = mode.split(':')
  if (kind !== 'container') return undefined
  const reference = rest.join(':')
  if (reference === '') throw conflict('invalid network mode: invalid container format container:<name|id>')
  return reference
}

/** The mode as the request says it; where it says none, it is the first network that the request has wishes for, or `bridge`. */
export function requestedMode(request: SandboxCreate): string {
  const mode = request.HostConfig?.NetworkMode ?? ''
  const [first] = Object.keys(request.NetworkingConfig?.EndpointsConfig ?? {})
  const named = mode === '' ? (first ?? 'bridge') : mode
  return named === 'default' ? 'bridge' : named
}

/** Throws SANDBOX_UNKNOWN for a sandbox that is not there. */
export function parseNetworkMode(request: SandboxCreate, context: ModeContext): NetworkMode {
  const mode = requestedMode(request)
  const shared = sharedSandbox(mode)
  if (shared !== undefined) return { kind: 'container', sandbox: context.findSandbox(shared).id }
  if (mode === 'none') return { kind: 'none' }
  if (mode === 'host') return { kind: 'host' }
  return { kind: 'networks', name: mode }
}

/** What shares its network has no say in it. The texts are Docker's. Throws SANDBOX_INVALID. */
export function refuseConflicts(request: SandboxCreate): void {
  const mode = requestedMode(request)
  const host = request.HostConfig ?? {}
  const hasLinks = (host.Links ?? []).length > 0
  const hasMac = (request.MacAddress ?? '') !== ''
  if (mode === 'host') {
    if (hasLinks) {
      throw conflict(
        "conflicting options: host type networking can't be used with links. This would result in undefined behavior",
      )
    }
    if (hasMac) throw conflict('conflicting options: mac-address and the network mode')
  }
  if (sharedSandbox(mode) === undefined) return

  const published = Object.keys(host.PortBindings ?? {}).length > 0 || host.PublishAllPorts === true
  const conflicts: [boolean, string][] = [
    [(request.Hostname ?? '') !== '', 'hostname and the network mode'],
    [hasLinks, "container type network can't be used with links. This would result in undefined behavior"],
    [(host.Dns ?? []).length > 0, 'dns and the network mode'],
    [(host.ExtraHosts ?? []).length > 0, 'custom host-to-IP mapping and the network mode'],
    [hasMac, 'mac-address and the network mode'],
    [published, 'port publishing and the container type network mode'],
    [Object.keys(request.ExposedPorts ?? {}).length > 0, 'port exposing and the container type network mode'],
  ]
  for (const [present, what] of conflicts) {
    if (present) throw conflict(`conflicting options: ${what}`)
  }
}

function conflict(message: string): TapwireError {
  return new TapwireError(ErrorCode.sandboxInvalid, message)
}
