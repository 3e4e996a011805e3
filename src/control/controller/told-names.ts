/** What the switch is to know of a sandbox's names: what it is called on its networks, and what it finds when it asks. */

import { DNS_LOOPBACK_ADDRESS } from '../../limits.ts'
import type { SwitchRegistry } from '../drivers/switch-registry.ts'
import type { RunningSandbox } from '../model/machine.ts'
import type { FabricNamedHost, FabricResolver, FabricUpstream } from '../model/names.ts'
import type { EndpointRecord, SandboxRecord } from '../model/records.ts'
import { endpointNames, nameKey } from '../rules/endpoint-names.ts'
import { shortId } from '../rules/ids.ts'
import { parseLink } from '../rules/link-environment.ts'
import { servicesOf } from '../rules/services.ts'
import type { Context } from './context.ts'
import { type Resolution, resolutionOf } from './resolution.ts'
import { linkChild } from './sandbox-files.ts'

export interface ToldNames {
  /** By endpoint. */
  readonly hosts: ReadonlyMap<string, FabricNamedHost>
  /** Undefined where none of its networks has names. */
  readonly resolver: FabricResolver | undefined
}

/** A private word of a sandbox for a neighbour, and the name that it stands for. */
export interface NameLink {
  readonly alias: string
  readonly target: string
}

export const NO_NAMES: ToldNames = { hosts: new Map(), resolver: undefined }

/** Of a running sandbox as it is to be, whose endpoints are joined already. */
export function toldNames(
  context: Context,
  registry: SwitchRegistry,
  { networkNamespace }: Pick<RunningSandbox, 'networkNamespace'>,
  sandbox: SandboxRecord,
): ToldNames {
  const resolution = resolutionOf(context, sandbox)
  if (resolution === undefined) return NO_NAMES
  const places = resolution.scopes.flatMap(({ endpoint }) => {
    const domain = registry.domainOf(endpoint.network)
    return domain === undefined ? [] : [{ endpoint, domain, id: endpoint.joined!.id }]
  })
  if (places.length === 0) return NO_NAMES
  return {
    hosts: new Map(places.map(({ id, endpoint, domain }) => [id, hostOf(sandbox, endpoint, domain)])),
    resolver: {
      // Somebody in the sandbox may have deleted an interface.
      ports: places.flatMap(({ id }) => registry.portOfEndpoint(id)?.port ?? []),
      scopes: places.map(({ endpoint, domain }) => ({ domain, links: nameLinks(context, endpoint) })),
      upstream: upstreamOf(resolution, networkNamespace),
      singleLabelsStay: resolution.singleLabelsStay,
      loopback: resolution.address === DNS_LOOPBACK_ADDRESS ? networkNamespace : undefined,
    },
  }
}

/** What the user has called it, or its neighbours, that DNS cannot carry. */
export function unheardNames(sandbox: SandboxRecord): readonly string[] {
  const names = sandbox.endpoints.flatMap(({ settings }) => [
    ...endpointNames(sandbox, settings).map(({ text }) => text),
    ...settings.links.map((link) => parseLink(link).alias),
  ])
  return [...new Set(names.filter((name) => !isHeard(name)))]
}

/** Those on one network. Of several by one word the last one holds. */
export function nameLinks(context: Context, { settings }: EndpointRecord): readonly NameLink[] {
  const links = settings.links.flatMap((link) => {
    const { child, alias } = parseLink(link)
    const found = linkChild(context, child)
    // Another sandbox of this name takes its place; a rename is followed by the link's own text.
    const target = found === undefined || found.name === child ? child : shortId(found.id)
    return isHeard(alias) && isHeard(target) ? [{ alias, target }] : []
  })
  return [...new Map(links.map((link) => [nameKey(link.alias), link])).values()]
}

function hostOf(
  sandbox: SandboxRecord,
  { settings, joined }: EndpointRecord,
  domain: number,
): FabricNamedHost {
  return {
    domain,
    ipv4: joined!.ipv4?.address,
    ipv6: joined!.ipv6?.address,
    names: endpointNames(sandbox, settings).filter(({ text }) => isHeard(text)),
    services: servicesOf(sandbox.config),
  }
}

function upstreamOf({ upstream }: Resolution, namespace: string): FabricUpstream {
  return typeof upstream === 'string' ? { kind: upstream } : { kind: 'servers', servers: upstream, namespace }
}

const isHeard = (name: string): boolean => nameKey(name) !== undefined
