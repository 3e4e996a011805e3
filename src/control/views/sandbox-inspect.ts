/** A sandbox as inspect shows it. */

import type { SandboxInspect } from '../api/sandbox.ts'
import type {
  NetworkMode,
  NetworkRecord,
  PortBinding,
  SandboxConfig,
  SandboxRecord,
  SandboxState,
} from '../model/records.ts'
import { eachBinding } from '../rules/port-bindings.ts'
import { shownPorts, shownRanges } from '../rules/port-range.ts'
import { eachPort } from '../rules/port-runs.ts'
import { inspectDefaultRoute } from './default-route-inspect.ts'
import { inspectEndpoint } from './endpoint-inspect.ts'

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
  const [path = '', ...args] = sandbox.config.command
  const running = sandbox.state.status === 'running'
  return {
    Id: sandbox.id,
    Created: sandbox.created,
    Path: path,
    Args: args,
    State: inspectState(sandbox.state),
    ResolvConfPath: paths.resolvConf,
    HostnamePath: paths.hostname,
    HostsPath: paths.hosts,
    LogPath: paths.log,
    Name: `/${sandbox.name}`,
    Config: inspectConfig(sandbox.config),
    HostConfig: inspectHostConfig(sandbox),
    NetworkSettings: {
      SandboxID: running ? sandbox.id : '',
      SandboxKey: paths.networkNamespace,
      Ports: running ? inspectPorts(sandbox) : {},
      Networks: inspectNetworks(sandbox, surroundings),
      DefaultRoute: inspectDefaultRoute(sandbox, surroundings),
    },
  }
}

/** By the network's name, in the order of the names; by its id where it is no more. */
export function inspectNetworks(
  sandbox: SandboxRecord,
  surroundings: Pick<SandboxSurroundings, 'network'>,
): SandboxInspect['NetworkSettings']['Networks'] {
  return Object.fromEntries(
    sandbox.endpoints
      .map((endpoint) => {
        const network = surroundings.network(endpoint.network)
        return [
          network?.name ?? endpoint.formerName ?? endpoint.network,
          inspectEndpoint(sandbox, endpoint, network),
        ] as const
      })
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  )
}

/** As the user would write it. */
export function formatNetworkMode(mode: NetworkMode): string {
  switch (mode.kind) {
    case 'networks':
      return mode.name
    case 'container':
      return `container:${mode.sandbox}`
    case 'none':
    case 'host':
      return mode.kind
  }
}

/** A port that is only exposed has no bindings, which is null. */
export function inspectPorts(sandbox: SandboxRecord): SandboxInspect['NetworkSettings']['Ports'] {
  const kind = sandbox.config.networkMode.kind
  if (kind === 'host' || kind === 'container') return {}
  const exposed = Object.fromEntries(eachPort(sandbox.config.exposedPorts).map((port) => [port, null]))
  return { ...exposed, ...inspectBindings(shownPorts(sandbox.ports)) }
}

/** Published ports of a record, neighbours in one: `3000-3009/tcp` at `8000-8009`. */
export function inspectRanges(ports: SandboxRecord['ports']): ReturnType<typeof inspectBindings> {
  return inspectBindings(shownRanges(ports))
}

function inspectState(state: SandboxState): SandboxInspect['State'] {
  return {
    Status: state.status,
    Running: state.status === 'running',
    Pid: state.pid,
    ExitCode: state.exitCode,
    Error: state.error,
    StartedAt: state.startedAt,
    FinishedAt: state.finishedAt,
  }
}

function inspectConfig(config: SandboxConfig): SandboxInspect['Config'] {
  const exposed = Object.fromEntries(eachPort(config.exposedPorts).map((port) => [port, {}]))
  return {
    Hostname: config.hostname,
    Domainname: config.domainname,
    ...(config.exposedPorts.length === 0 ? {} : { ExposedPorts: exposed }),
    Tty: config.tty,
    OpenStdin: config.openStdin,
    Env: [...config.environment],
    Cmd: config.command.length === 0 ? null : [...config.command],
    WorkingDir: config.workingDirectory,
    Labels: { ...config.labels },
    StopSignal: config.stopSignal,
    StopTimeout: config.stopTimeoutS,
  }
}

function inspectHostConfig({ name, config }: SandboxRecord): SandboxInspect['HostConfig'] {
  return {
    NetworkMode: formatNetworkMode(config.networkMode),
    AutoRemove: config.autoRemove,
    PortBindings: inspectBindings(eachBinding(config.portBindings)),
    PublishAllPorts: config.publishAll,
    Dns: [...config.dns],
    DnsSearch: [...config.dnsSearch],
    DnsOptions: [...config.dnsOptions],
    ExtraHosts: [...config.extraHosts],
    Links: config.links.length === 0 ? null : config.links.map((link) => inspectLink(name, link)),
  }
}

/** `child:alias` as Docker shows it: `/child:/parent/alias`. */
function inspectLink(parent: string, link: string): string {
  const [child, alias] = link.split(':')
  return `/${child}:/${parent}/${alias}`
}

function inspectBindings(
  ports: Readonly<Record<string, readonly PortBinding[]>>,
): Record<string, { HostIp: string; HostPort: string }[]> {
  return Object.fromEntries(
    Object.entries(ports).map(([port, bindings]) => [
      port,
      bindings.map(({ hostIp, hostPort }) => ({ HostIp: hostIp, HostPort: hostPort })),
    ]),
  )
}
