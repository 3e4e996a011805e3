/**
 * A lab's cluster as desired state. Its networks are on all hosts, and one of them, the keeper, makes, changes and removes them; the others
 * wait until they have come.
 *
 *     networks that go:   every host lets go of them ─► the keeper removes them
 *     networks that come: the keeper makes them      ─► the others go on when they have them
 */

import { setTimeout as delay } from 'node:timers/promises'
import { CLUSTER_NETWORK_TIMEOUT_MS } from '../../limits.ts'
import type { LabAction } from '../api/lab.ts'
import type { NetworkInspect } from '../api/network.ts'
import { ErrorCode, TapwireError } from '../errors.ts'
import type { Lab, LabHost, LabSandbox } from '../lab.ts'
import { STOP_SIGNAL, STOP_TIMEOUT_S } from '../lab-sandbox.ts'
import { CLUSTER_LABEL, DIGEST_LABEL, LINK_LABEL, REGISTRY_LABEL } from './labels.ts'
import type { DaemonLabs } from './labs.ts'
import type { Present } from './present.ts'
import { type Steps, stepsOf } from './steps.ts'
import type { WantedNetwork } from './wanted.ts'

/** A host, and the labs of its daemon, which answers. */
export interface ReadyHost {
  readonly host: LabHost
  readonly labs: DaemonLabs
}

/** Brings up what is in the hosts; `keeper` is one that was there before, if any was. */
export async function upHosts(
  lab: Lab,
  ready: readonly ReadyHost[],
  keeper: string | undefined,
  steps: Steps,
  signal?: AbortSignal,
): Promise<readonly LabAction[]> {
  const up = async ({ host, labs }: ReadyHost, inner: Lab): Promise<readonly LabAction[]> => {
    const actions = await labs.up(inner, stepsOf(host.name, steps), signal)
    return actions.map((action) => ({ ...action, host: host.name }))
  }
  const first = ready.find(({ host }) => host.name === keeper)
  if (lab.cluster === undefined || first === undefined) {
    const done = await Promise.all(ready.map((one) => up(one, innerLab(lab, one.host, keeper))))
    return done.flat()
  }
  const { going, kept } = await sharedNetworks(lab, first)
  const left = going
    ? await Promise.all(ready.map((one) => up(one, onlyWith(kept, innerLab(lab, one.host)))))
    : []
  const made = await up(first, innerLab(lab, first.host, keeper))
  const others = ready.filter((one) => one !== first)
  const joined = await Promise.all(others.map((one) => up(one, innerLab(lab, one.host))))
  return [...left.flat(), ...made, ...joined.flat()]
}

/** What a host's own daemon is to have. */
export function innerLab(lab: Lab, host: LabHost, keeper?: string): Lab {
  const { networks, sandboxes, uplink, uplinkLink } = host
  const shared = lab.cluster?.networks
  const isKeeper = host.name === keeper
  const services = [...(host.services ?? []), ...((isKeeper ? lab.cluster?.services : undefined) ?? [])]
  return {
    name: lab.name,
    networks: shared !== undefined && isKeeper ? [...networks, ...shared] : networks,
    sandboxes,
    ...(services.length === 0 ? undefined : { services }),
    hosts: [],
    links: [],
    ...(uplink === undefined ? undefined : { uplinkLink: uplinkLink ?? {} }),
    ...(shared === undefined || isKeeper ? undefined : { awaited: shared }),
  }
}

/** The lab of a host of which nothing is left but what all hosts of the cluster have. */
export function emptyLab(name: string): Lab {
  return { name, networks: [], sandboxes: [], hosts: [], links: [], awaited: [] }
}

/** Whether networks of the cluster are to go, for good or to be made anew; and the names of those that stay as they are. */
async function sharedNetworks(
  lab: Lab,
  { host, labs }: ReadyHost,
): Promise<{ readonly going: boolean; readonly kept: ReadonlySet<string> }> {
  const own = new Set(host.networks.map(({ name }) => name))
  const actions = (await labs.plan(innerLab(lab, host, host.name))).filter(
    ({ kind, name }) => kind === 'network' && !own.has(name),
  )
  const changed = new Set(actions.map(({ name }) => name))
  const shared = lab.cluster?.networks.map(({ name }) => name) ?? []
  return {
    going: actions.some(({ action }) => action === 'remove' || action === 'recreate'),
    kept: new Set(shared.filter((name) => !changed.has(name))),
  }
}

/** What a host has meanwhile. */
function onlyWith(kept: ReadonlySet<string>, lab: Lab): Lab {
  const { awaited = [], sandboxes } = lab
  const away = new Set(awaited.flatMap(({ name }) => (kept.has(name) ? [] : name)))
  return {
    ...lab,
    awaited: awaited.filter(({ name }) => !away.has(name)),
    sandboxes: sandboxes.map((sandbox) => ({
      ...sandbox,
      endpoints: sandbox.endpoints.filter(({ network }) => !away.has(network)),
    })),
  }
}

/** How often it is looked whether the cluster's networks have come. */
const POLL_MS = 20

/** Resolves when they are there as they are wanted. Throws REGISTRY_UNAVAILABLE where they do not come. */
export async function awaitNetworks(
  awaited: readonly WantedNetwork[],
  present: () => readonly NetworkInspect[],
  signal?: AbortSignal,
): Promise<void> {
  if (awaited.length === 0) return
  const end = performance.now() + CLUSTER_NETWORK_TIMEOUT_MS
  for (;;) {
    if (signal?.aborted === true) throw new TapwireError(ErrorCode.interrupted, 'Interrupted.')
    const digests = new Map(present().map(({ Name, Labels }) => [Name, Labels[DIGEST_LABEL]]))
    const missing = awaited.find(({ name, digest }) => digests.get(name) !== digest)
    if (missing === undefined) return
    if (performance.now() >= end) {
      throw new TapwireError(
        ErrorCode.registryUnavailable,
        `Network '${missing.name}' of the cluster has not come to this host within ${CLUSTER_NETWORK_TIMEOUT_MS / 1000} s.`,
        { hint: 'Look whether the registry runs (`tapwire ps`), and what it says (`tapwire logs`).' },
      )
    }
    await delay(POLL_MS)
  }
}

/** The sandbox of the lab's own registry. */
export function registrySandbox(
  { sandbox }: NonNullable<Lab['cluster']>,
  command: (name: string, address: string) => readonly string[],
): LabSandbox | undefined {
  if (sandbox === undefined) return undefined
  const { name, endpoints } = sandbox
  return {
    name,
    networkMode: 'networks',
    endpoints,
    command: [...command(name, endpoints[0]?.address ?? '')],
    environment: [],
    hostname: name,
    dns: [],
    dnsSearch: [],
    dnsOptions: [],
    extraHosts: [],
    labels: { [REGISTRY_LABEL]: name },
    ports: [],
    expose: [],
    stopSignal: STOP_SIGNAL,
    stopTimeoutS: STOP_TIMEOUT_S,
  }
}

/** Of a lab that is there: whether its hosts are in a cluster whose registry outlives it. */
export function outlivesLab({ networks }: Present): boolean {
  const registry = linkOf(networks)?.Labels[REGISTRY_LABEL]
  return registry !== undefined && !registry.startsWith(OWN)
}

const OWN = 'sandbox:'

/** As a lab file says it, of the link's labels. Undefined where the hosts are in no cluster. */
export function presentCluster(networks: readonly NetworkInspect[]) {
  const link = linkOf(networks)
  const { [CLUSTER_LABEL]: name, [REGISTRY_LABEL]: text } = link?.Labels ?? {}
  if (link === undefined || name === undefined || text === undefined) return undefined
  return {
    name,
    registry: text.startsWith(OWN) ? { sandbox: text.slice(OWN.length) } : text,
    link: link.Name,
  }
}

function linkOf(networks: readonly NetworkInspect[]): NetworkInspect | undefined {
  return networks.find(({ Labels }) => LINK_LABEL in Labels && CLUSTER_LABEL in Labels)
}
