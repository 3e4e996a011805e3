/**
 * The cluster of a lab file: which link carries it, which networks its hosts have in common, and where its registry is.
 *
 *     one      two      three     etcd
 *      └────────┴─────────┴────────┘   the link: tunnels between the hosts, and what they ask the registry
 */

import { CLUSTER_VNI_FIRST } from '../limits.ts'
import type { LabCluster, LabEndpoint } from './lab.ts'
import type { ClusterDraft, LabDraft, NetworkDraft, SandboxDraft } from './lab-draft.ts'
import type { Report } from './lab-pool-plan.ts'
import type { LabPath } from './lab-problem.ts'
import { OWN_REGISTRY } from './lab-schema-cluster.ts'
import type { NetworkFile } from './lab-schema-network.ts'
import { CLUSTER_LABEL, REGISTRY_LABEL } from './labs/labels.ts'
import { formatServer, parseClusterAddress } from './rules/cluster-address.ts'
import { OVERLAY_OPTION } from './rules/overlay-options.ts'
import { VXLAN_OPTION } from './rules/vxlan-options.ts'
import { didYouMean } from './suggest.ts'

export const OVERLAY = 'overlay'

/** The lab's own registry, by its sandbox; or the address of another one. */
type Registry = { readonly sandbox: string } | { readonly address: string }

/** The cluster while the lab's addresses are given out. */
export interface ClusterPlan {
  readonly name: string
  readonly registry: Registry
  /** The network between the hosts. */
  readonly link: NetworkDraft
  readonly networks: readonly NetworkDraft[]
  /** The sandbox of the lab's own registry. */
  readonly sandbox: SandboxDraft | undefined
}

const ETCD_PORT = 2379

/** `links` are the networks that the lab's links are. Undefined where there is no cluster, or none that can be. */
export function planCluster(
  { cluster, hosts, sandboxes }: LabDraft,
  links: readonly NetworkDraft[],
  onLink: (link: string) => ReadonlySet<string>,
  labName: string,
  report: Report,
): ClusterPlan | undefined {
  checkOverlays(hosts, report)
  if (cluster === undefined) return undefined
  if (hosts.length === 0) report(cluster.path, 'the lab has a cluster, and no hosts')
  const link = chooseLink(cluster, links, report)
  if (link === undefined) return undefined
  const linked = onLink(link.name)
  for (const { name, path } of hosts) {
    if (linked.has(name)) continue
    report(
      path,
      `host '${name}' is not on link '${link.name}', by which the cluster's hosts reach one another`,
    )
  }
  const { name, registry } = chooseRegistry(cluster, labName, report)
  const own = 'sandbox' in registry ? registry.sandbox : undefined
  const path = [...cluster.path, 'registry']
  const taken = [...sandboxes, ...hosts].find((other) => other.name === own)
  if (taken !== undefined) {
    report(
      cluster.settings.registry === undefined ? cluster.path : path,
      `the registry's sandbox '${own}' has the name of a ${sandboxes.some((one) => one === taken) ? 'sandbox' : 'host'}`,
      'give it another one with `registry: { sandbox: NAME }`',
    )
  }
  const networks = overlayNetworks(cluster, report)
  for (const host of hosts) checkNames(host.networks, networks, report)
  const text = 'sandbox' in registry ? `sandbox:${registry.sandbox}` : registry.address
  return {
    name,
    registry,
    link: {
      ...link,
      settings: {
        ...link.settings,
        labels: { ...link.settings?.labels, [CLUSTER_LABEL]: name, [REGISTRY_LABEL]: text },
      },
    },
    networks,
    sandbox:
      own === undefined
        ? undefined
        : {
            name: own,
            path: cluster.path,
            // A host that joins changes nothing for those that are there.
            endpoints: [{ network: link.name, path: cluster.path, settings: {}, isLast: true }],
            isPlaced: true,
            settings: {},
          },
  }
}

/** `endpoints` are those of the registry's sandbox. */
export function resolveCluster(
  { name, registry, link, sandbox }: ClusterPlan,
  shared: Pick<LabCluster, 'networks' | 'services'>,
  endpoints: readonly LabEndpoint[],
): LabCluster {
  const address = 'address' in registry ? registry.address : `etcd://${endpoints[0]?.address}:${ETCD_PORT}`
  return {
    name,
    registry: address,
    ...(sandbox === undefined ? undefined : { sandbox: { name: sandbox.name, endpoints: [...endpoints] } }),
    link: link.name,
    ...shared,
  }
}

function chooseLink(
  { path, settings }: ClusterDraft,
  links: readonly NetworkDraft[],
  report: Report,
): NetworkDraft | undefined {
  const names = links.map(({ name }) => name)
  if (settings.link !== undefined) {
    const found = links.find(({ name }) => name === settings.link)
    if (found === undefined) {
      const hint = names.length === 0 ? undefined : () => didYouMean(settings.link!, names)
      report([...path, 'link'], `there is no link '${settings.link}'`, hint)
    }
    return found
  }
  if (links.length === 1) return links[0]
  if (links.length === 0) report(path, "the cluster's hosts have no link by which they reach one another")
  else report(path, 'link is missing', `it must be one of ${names.join(', ')}`)
  return undefined
}

function chooseRegistry({ path, settings }: ClusterDraft, labName: string, report: Report) {
  const { name = labName, registry = OWN_REGISTRY } = settings
  if (typeof registry !== 'string') return { name, registry }
  if (registry === OWN_REGISTRY) return { name, registry: { sandbox: OWN_REGISTRY } }
  const { secure, servers, name: named } = parseClusterAddress(registry)
  const address = `${secure ? 'etcds' : 'etcd'}://${servers.map(formatServer).join(',')}`
  const isNamed = /^[^/]*\/\/[^/]*\/./.test(registry)
  if (isNamed && settings.name !== undefined) {
    report([...path, 'name'], 'the cluster has a name, and the address of its registry another one')
  }
  return { name: isNamed ? named : name, registry: { address } }
}

/** With a driver and a VNI each: the same file always makes the same lab. */
function overlayNetworks({ networks }: ClusterDraft, report: Report): readonly NetworkDraft[] {
  const vnis = new Map<number, string>()
  for (const { name, path, settings } of networks) {
    const vni = vniOf(settings)
    if (vni === undefined) continue
    const holder = vnis.get(vni)
    if (holder === undefined) vnis.set(vni, name)
    else report([...path, 'options'], `network '${name}' has VNI ${vni}, which network '${holder}' has`)
  }
  let next = CLUSTER_VNI_FIRST
  return networks.map((draft) => {
    const { settings, path, name } = draft
    if (settings === undefined) return draft
    if ((settings.driver ?? OVERLAY) !== OVERLAY) {
      report([...path, 'driver'], `network '${name}' is the cluster's, and its driver is ${OVERLAY}`)
    }
    if (vniText(settings) === undefined) {
      while (vnis.has(next)) next += 1
      vnis.set(next, name)
      return { ...draft, settings: withOptions(settings, { [OVERLAY_OPTION.vni]: next }) }
    }
    const { [VXLAN_OPTION.vni]: short, ...options } = settings.options ?? {}
    const isRight = short !== undefined && vniOf(settings) !== undefined
    const named = isRight ? { ...settings, options: { ...options, [OVERLAY_OPTION.vni]: short } } : settings
    return { ...draft, settings: withOptions(named, {}) }
  })
}

function withOptions(settings: NetworkFile, options: NonNullable<NetworkFile['options']>): NetworkFile {
  return { ...settings, driver: OVERLAY, options: { ...settings.options, ...options } }
}

/** Undefined where it is left to us, or is no number. */
function vniOf(settings: NetworkFile | undefined): number | undefined {
  const vni = Number(vniText(settings) ?? Number.NaN)
  return Number.isInteger(vni) ? vni : undefined
}

function vniText(settings: NetworkFile | undefined): unknown {
  return settings?.options?.[OVERLAY_OPTION.vni] ?? settings?.options?.[VXLAN_OPTION.vni]
}

function checkNames(own: readonly NetworkDraft[], shared: readonly NetworkDraft[], report: Report): void {
  const names = new Set(shared.map(({ name }) => name))
  for (const { name, path } of own) {
    if (names.has(name)) report(path, `network '${name}' has the name of a network of the cluster`)
  }
}

/** Each host would make one of its own, and all but one would find its name taken. */
function checkOverlays(hosts: LabDraft['hosts'], report: Report): void {
  for (const { networks } of hosts) {
    for (const { name, path, settings } of networks) {
      if (settings?.driver !== OVERLAY) continue
      const at: LabPath = [...path, 'driver']
      report(at, `network '${name}' is on all hosts`, 'say it once, in the networks of the cluster')
    }
  }
}
