/** A request for a sandbox, checked and in normal form. */

import type { EndpointConfig } from '../api/network.ts'
import type { SandboxCreate } from '../api/sandbox.ts'
import { ErrorCode, TapwireError } from '../errors.ts'
import { formatIpAddress, parseIpAddress } from '../ip-address.ts'
import type { NetworkMode, SandboxConfig } from '../model/records.ts'
import { checkMap, checkWords } from './bounds.ts'
import { parseExtraHost } from './hosts-file.ts'
import { shortId } from './ids.ts'
import { parseLink } from './link-environment.ts'
import { checkHostname, printable } from './names.ts'
import { type ModeContext, parseNetworkMode, refuseConflicts } from './network-mode.ts'
import { mergeRuns, runName, runOf } from './port-runs.ts'
import { checkPortBindings, parsePorts } from './publish.ts'
import { parseSignal, STOP_SIGNAL_DEFAULT } from './stop-signal.ts'
import { checkStopTimeout, STOP_TIMEOUT_S_DEFAULT } from './stop-timeout.ts'
import { wantedEndpoints } from './wanted-endpoints.ts'

export interface SandboxPlanned {
  readonly config: SandboxConfig
  /** In the order of joining; one in the modes none and host, none in the mode container. */
  readonly endpoints: readonly WantedEndpoint[]
  /** For the answer's Warnings. */
  readonly warnings: readonly string[]
}

export interface WantedEndpoint {
  /** Name or id of the network, as the user gave it; `bridge`, `none` and `host` in those modes. */
  readonly network: string
  /** For planEndpoint. */
  readonly config: EndpointConfig
}

export interface SandboxContext extends ModeContext {
  /** The machine's own, which a sandbox of the mode host has. */
  hostHostname(): string
}

/**
 * `id` is the new sandbox's, whose beginning is the default hostname. Throws SANDBOX_INVALID, NAME_INVALID, PORT_INVALID,
 * SANDBOX_UNKNOWN (for `container:`) and NETWORK_UNKNOWN.
 */
export function planSandbox(id: string, request: SandboxCreate, context: SandboxContext): SandboxPlanned {
  const host = request.HostConfig ?? {}
  refuseConflicts(request)
  checkMap(ErrorCode.sandboxInvalid, 'labels', request.Labels)
  checkWords(ErrorCode.sandboxInvalid, 'environment variables', request.Env ?? [])
  checkWords(ErrorCode.sandboxInvalid, "command's words", request.Cmd ?? [])
  const mode = parseNetworkMode(request, context)
  const links = (host.Links ?? []).map(normalLink)
  const endpoints = wantedEndpoints(mode, request, links, context)
  const ports = planPorts(request)
  const discarded = mode.kind === 'host' && Object.keys(ports.portBindings).length > 0
  return {
    config: {
      command: (request.Cmd ?? []).map((word) => withoutNul('command', word)),
      environment: planEnvironment(request.Env ?? []),
      workingDirectory: planWorkingDirectory(request.WorkingDir ?? ''),
      tty: request.Tty ?? false,
      openStdin: request.OpenStdin ?? false,
      ...planHostname(id, request, mode, context),
      labels: request.Labels ?? {},
      stopSignal: parseSignal(request.StopSignal || STOP_SIGNAL_DEFAULT),
      stopTimeoutS: checkStopTimeout(request.StopTimeout ?? STOP_TIMEOUT_S_DEFAULT),
      autoRemove: host.AutoRemove ?? false,
      networkMode: mode,
      dns: (host.Dns ?? []).map(dnsServer),
      dnsSearch: (host.DnsSearch ?? []).map(searchDomain),
      dnsOptions: (host.DnsOptions ?? []).map(dnsOption).filter((option) => option !== ''),
      extraHosts: (host.ExtraHosts ?? []).map(parseExtraHost),
      links: isDefaultBridge(mode) ? links : [],
      ...ports,
      portBindings: discarded ? {} : ports.portBindings,
    },
    endpoints,
    warnings: discarded ? ['Published ports are discarded when using host network mode'] : [],
  }
}

function isDefaultBridge(mode: NetworkMode): boolean {
  return mode.kind === 'networks' && mode.name === 'bridge'
}

function normalLink(text: string): string {
  const { child, alias } = parseLink(text)
  return `${child}:${alias}`
}

function planPorts(
  request: SandboxCreate,
): Pick<SandboxConfig, 'exposedPorts' | 'portBindings' | 'publishAll'> {
  const portBindings = checkPortBindings(request.HostConfig?.PortBindings ?? {})
  const exposed = Object.keys(request.ExposedPorts ?? {}).map(parsePorts)
  return {
    exposedPorts: mergeRuns([...exposed, ...Object.keys(portBindings).map(runOf)]).map(runName),
    portBindings,
    publishAll: request.HostConfig?.PublishAllPorts ?? false,
  }
}

/** The last value of a variable holds, in the place of the first. A name without a value would take it away, and so is left out. */
function planEnvironment(variables: readonly string[]): string[] {
  const values = new Map<string, string>()
  for (const variable of variables) {
    const equals = variable.indexOf('=')
    if (variable === '' || equals === 0) throw invalid(`invalid environment variable: ${printable(variable)}`)
    withoutNul('environment variable', variable)
    if (equals > 0) values.set(variable.slice(0, equals), variable)
    else values.delete(variable)
  }
  return [...values.values()]
}

function planWorkingDirectory(path: string): string {
  if (path === '' || path.startsWith('/')) return withoutNul('working directory', path)
  throw invalid(`the working directory '${printable(path)}' is invalid, it needs to be an absolute path`)
}

/** The mode container takes over the other sandbox's names with its network, and the mode host the machine's. */
function planHostname(
  id: string,
  request: SandboxCreate,
  mode: NetworkMode,
  context: SandboxContext,
): Pick<SandboxConfig, 'hostname' | 'domainname'> {
  if (request.Hostname) checkHostname('hostname', request.Hostname)
  if (request.Domainname) checkHostname('domainname', request.Domainname)
  if (mode.kind === 'container') {
    const { hostname, domainname } = context.findSandbox(mode.sandbox).config
    return { hostname, domainname }
  }
  const otherwise = mode.kind === 'host' ? context.hostHostname() : shortId(id)
  return { hostname: request.Hostname || otherwise, domainname: request.Domainname ?? '' }
}

function dnsServer(text: string): string {
  const address = parseIpAddress(text.trim())
  if (address === undefined) throw invalid(`IP address is not correctly formatted: ${printable(text)}`)
  return formatIpAddress(address)
}

/** `.` stands for no search domain at all. */
function searchDomain(text: string): string {
  const domain = text.trim()
  const label = '[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?'
  const valid = /[a-zA-Z]/.test(domain) && new RegExp(`^${label}(\\.${label})*\\.?$`).test(domain)
  if (domain === '.' || valid) return domain
  throw invalid(`${printable(text)} is not a valid domain`)
}

/** A word of resolv.conf(5), `ndots:2`. */
function dnsOption(text: string): string {
  const option = text.trim()
  if (/^[!-~]*$/.test(option)) return option
  throw invalid(`invalid DNS option: ${printable(text)}`)
}

/** execve(2) takes texts that end with the first NUL. */
function withoutNul(what: string, text: string): string {
  if (!text.includes('\0')) return text
  throw invalid(`invalid ${what}: ${printable(text)} has a NUL in it`)
}

function invalid(message: string): TapwireError {
  return new TapwireError(ErrorCode.sandboxInvalid, message)
}
