/** A sandbox of a lab file, with its defaults filled in, and checked for settings that do not go together. */
import { isAbsolute, resolve } from 'node:path'
import type { LabEndpoint, LabSandbox } from './lab.ts'
import type { SandboxDraft } from './lab-draft.ts'
import type { Report } from './lab-pool-plan.ts'
import { normalAddress } from './lab-pool-plan.ts'
import { NETWORKS_FORM } from './lab-schema-sandbox.ts'
import { parseExpose, parsePublish } from './rules/publish.ts'
import { parseSignal } from './rules/stop-signal.ts'

export function resolveSandbox(
  sandbox: SandboxDraft,
  endpoints: readonly LabEndpoint[],
  folder: string,
  report: Report,
): LabSandbox {
  const { settings, name } = sandbox
  checkMode(sandbox, report)
  checkPorts(sandbox, 'ports', parsePublish, report)
  checkPorts(sandbox, 'expose', parseExpose, report)
  const mode = settings.network_mode
  const networkMode = modeOf(mode, endpoints)
  const ownsName = networkMode === 'networks' || networkMode === 'none'
  const hostname = settings.hostname ?? (ownsName ? name : undefined)
  const workingDirectory = workingDirectoryOf(settings, folder)
  const { command } = settings
  return {
    name,
    networkMode,
    endpoints: mode === 'bridge' ? [DEFAULT_BRIDGE_ENDPOINT] : [...endpoints],
    ...(command === undefined
      ? undefined
      : { command: typeof command === 'string' ? ['/bin/sh', '-c', command] : command }),
    environment: pairs(settings.environment, '='),
    ...(workingDirectory === undefined ? undefined : { workingDirectory }),
    ...(hostname === undefined ? undefined : { hostname }),
    ...(settings.domainname === undefined ? undefined : { domainname: settings.domainname }),
    dns: (settings.dns ?? []).map(normalAddress),
    dnsSearch: settings.dns_search ?? [],
    dnsOptions: settings.dns_opt ?? [],
    extraHosts: pairs(settings.extra_hosts, ':'),
    labels: settings.labels ?? {},
    ports: settings.ports ?? [],
    expose: settings.expose ?? [],
    stopSignal: signalOf(sandbox, report),
    stopTimeoutS: settings.stop_timeout ?? STOP_TIMEOUT_S,
  }
}

/** Docker's, and the daemon's. */
export const STOP_SIGNAL = 'SIGTERM'
export const STOP_TIMEOUT_S = 10

const DEFAULT_BRIDGE_ENDPOINT: LabEndpoint = {
  network: 'bridge',
  interface: 'eth0',
  aliases: [],
  gwPriority: 0,
  options: {},
}

function signalOf({ settings, path }: SandboxDraft, report: Report): string {
  try {
    return settings.stop_signal === undefined ? STOP_SIGNAL : parseSignal(settings.stop_signal)
  } catch (error) {
    report([...path, 'stop_signal'], error instanceof Error ? error.message : String(error))
    return STOP_SIGNAL
  }
}

function modeOf(mode: string | undefined, endpoints: readonly LabEndpoint[]): string {
  if (mode === undefined) return endpoints.length === 0 ? 'none' : 'networks'
  return mode === 'bridge' ? 'networks' : mode
}

/** Without a command nothing depends on the folder, and a lab that moves stays the same lab. */
function workingDirectoryOf(settings: SandboxDraft['settings'], folder: string): string | undefined {
  const given = settings.working_dir
  if (given !== undefined) return isAbsolute(given) ? given : resolve(folder, given)
  return settings.command === undefined ? undefined : folder
}

function checkMode({ name, path, settings, endpoints, isPlaced }: SandboxDraft, report: Report): void {
  const mode = settings.network_mode
  if (!isPlaced) report(path, 'networks is missing', `it must be ${NETWORKS_FORM}`)
  if (mode === undefined) return
  if (endpoints.length > 0) {
    report([...path, 'network_mode'], `sandbox '${name}' has networks, and so no network_mode`)
  }
  const own = mode === 'none' || mode === 'bridge'
  const forbidden = own ? [] : mode === 'host' ? HOST_FORBIDS : CONTAINER_FORBIDS
  for (const key of forbidden) {
    if (settings[key] === undefined) continue
    report([...path, key], `sandbox '${name}' cannot have ${key} with network_mode ${mode}`)
  }
}

/** What a sandbox takes from the one whose network it shares. */
const CONTAINER_FORBIDS = [
  'hostname',
  'domainname',
  'dns',
  'dns_search',
  'dns_opt',
  'extra_hosts',
  'ports',
  'expose',
] as const
const HOST_FORBIDS = ['ports'] as const

function checkPorts(
  sandbox: SandboxDraft,
  key: 'ports' | 'expose',
  parse: (text: string) => unknown,
  report: Report,
): void {
  for (const [index, text] of (sandbox.settings[key] ?? []).entries()) {
    try {
      parse(text)
    } catch (error) {
      report([...sandbox.path, key, index], error instanceof Error ? error.message : String(error))
    }
  }
}

/** Both forms as the list of texts that the API takes. */
function pairs(
  value: Readonly<Record<string, string>> | readonly string[] | undefined,
  between: string,
): string[] {
  if (value === undefined) return []
  return Array.isArray(value)
    ? [...value]
    : Object.entries(value).map(([key, one]) => `${key}${between}${one}`)
}
