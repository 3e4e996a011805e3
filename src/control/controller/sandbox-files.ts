import { ErrorCode, TapwireError } from '../errors.ts'
import type { SandboxFiles } from '../model/machine.ts'
import type { NetworkRecord, SandboxRecord } from '../model/records.ts'
import { type HostsFile, hostsFile, hostsFileOfHost, type LinkedHost } from '../rules/hosts-file.ts'
import { linkEnvironment, parseLink } from '../rules/link-environment.ts'
import { resolvConf } from '../rules/resolv-conf.ts'
import type { Context } from './context.ts'
import { dnsSettingsOf, resolutionOf } from './resolution.ts'

/** A sandbox that another one is linked to, and where it is. */
interface LinkTarget {
  readonly alias: string
  readonly child: SandboxRecord
  /** On the default bridge. */
  readonly address: string
}

/** What the sandbox finds in /etc. `sandbox` is as it is to be, which the model need not know yet. */
export function filesOf(context: Context, sandbox: SandboxRecord): SandboxFiles {
  const { surroundings } = context.parts
  const { config } = sandbox
  const mode = config.networkMode
  if (mode.kind === 'container') {
    const target = context.model.sandbox(mode.sandbox)
    if (target !== undefined) return filesOf(context, target)
  }
  const host = mode.kind === 'host'
  return {
    hosts: host
      ? hostsFileOfHost(surroundings.hostHosts(), config.extraHosts, hostGateway(context))
      : hostsFile(hostsOf(context, sandbox)),
    resolvConf: resolvConf({
      host,
      resolver: resolutionOf(context, sandbox),
      hostResolvConf: surroundings.hostResolvConf(),
      ipv6: hasIpv6(sandbox),
      ...dnsSettingsOf(context, sandbox),
    }),
    hostname: `${config.hostname}\n`,
  }
}

/** The running sandboxes whose files speak of this one: those that are linked to it, and those that share its network. */
export function dependents(context: Context, sandbox: SandboxRecord): SandboxRecord[] {
  return [...context.model.sandboxes.values()].filter(
    ({ config, state }) =>
      state.status === 'running' &&
      ((config.networkMode.kind === 'container' && config.networkMode.sandbox === sandbox.id) ||
        config.links.some((link) => names(sandbox, parseLink(link).child))),
  )
}

/** What --link adds to the environment. Throws LINK_TARGET where one does not run, or is not on the default bridge. */
export function linkVariables(context: Context, sandbox: SandboxRecord): readonly string[] {
  return sandbox.config.links.flatMap((link) => {
    const { child, alias } = parseLink(link)
    const target = linkTarget(context, child, alias)
    if (target === undefined) {
      throw new TapwireError(
        ErrorCode.linkTarget,
        `Cannot link to a non running container: /${child} AS /${sandbox.name}/${alias}`,
      )
    }
    return variablesOf(sandbox, target)
  })
}

/** The same of those that run now: for a command that comes later. */
export function presentLinkVariables(context: Context, sandbox: SandboxRecord): readonly string[] {
  return sandbox.config.links.flatMap((link) => {
    const { child, alias } = parseLink(link)
    const target = linkTarget(context, child, alias)
    return target === undefined ? [] : variablesOf(sandbox, target)
  })
}

const variablesOf = ({ name }: SandboxRecord, { alias, address, child }: LinkTarget): readonly string[] =>
  linkEnvironment({
    parent: name,
    alias,
    address,
    exposedPorts: child.config.exposedPorts,
    environment: child.config.environment,
  })

function hostsOf(context: Context, sandbox: SandboxRecord): HostsFile {
  const { config } = sandbox
  return {
    hostname: config.hostname,
    domainname: config.domainname,
    ipv6: true,
    extraHosts: config.extraHosts,
    hostGateway: hostGateway(context),
    addresses: sandbox.endpoints.flatMap(({ joined }) =>
      [joined?.ipv4, joined?.ipv6].flatMap((address) => (address === undefined ? [] : [address.address])),
    ),
    links: linkedHosts(context, sandbox),
  }
}

function linkedHosts(context: Context, sandbox: SandboxRecord): readonly LinkedHost[] {
  return sandbox.config.links.flatMap((link) => {
    const { child, alias } = parseLink(link)
    const target = linkTarget(context, child, alias)
    if (target === undefined) return []
    const { hostname } = target.child.config
    return [{ address: target.address, alias, hostname, name: target.child.name }]
  })
}

function linkTarget(context: Context, reference: string, alias: string): LinkTarget | undefined {
  const child = linkChild(context, reference)
  const onBridge = child?.endpoints.find(({ network }) => network === defaultBridge(context)?.id)
  const address = onBridge?.joined?.ipv4?.address
  return child === undefined || address === undefined ? undefined : { alias, child, address }
}

/** The sandbox that a link's word means. */
export function linkChild(context: Context, reference: string): SandboxRecord | undefined {
  const { model } = context
  const named = model.sandbox(model.sandboxNames.owner(reference) ?? '')
  return named ?? [...model.sandboxes.values()].find((sandbox) => names(sandbox, reference))
}

/** Whether a link's word for a sandbox means this one. */
const names = (sandbox: SandboxRecord, reference: string): boolean =>
  reference === sandbox.name || (reference.length >= 12 && sandbox.id.startsWith(reference))

const hasIpv6 = ({ endpoints }: SandboxRecord): boolean =>
  endpoints.some(({ joined }) => joined?.ipv6 !== undefined)

/** What `host-gateway` stands for: the machine as seen from the default bridge, unless the daemon's user says otherwise. */
function hostGateway(context: Context): readonly string[] {
  const { hostGateway: configured } = context.parts.defaults()
  if (configured !== undefined) return [configured]
  return (defaultBridge(context)?.ipam.pools ?? []).flatMap(({ gateway }) => gateway ?? [])
}

function defaultBridge(context: Context): NetworkRecord | undefined {
  const id = context.model.networkNames.owner('bridge')
  return id === undefined ? undefined : context.model.network(id)
}
