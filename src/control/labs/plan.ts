/** The difference between the lab that is wanted and what is there, as operations in the order in which they can be done. */

import { isDeepStrictEqual } from 'node:util'
import type { LabAction } from '../api/lab.ts'
import type { Impairment } from '../api/link.ts'
import type { EndpointConfig, NetworkInspect } from '../api/network.ts'
import type { EndpointInspect, SandboxInspect } from '../api/sandbox.ts'
import type { ServiceInspect } from '../api/service.ts'
import { normalAddress } from '../lab-pool-plan.ts'
import { impairmentText } from '../rules/impairment.ts'
import { checkConflicts } from './conflicts.ts'
import { DIGEST_LABEL, ENDPOINTS_LABEL, HOST_LABEL, REGISTRY_LABEL } from './labels.ts'
import { type Present, presentOfLab } from './present.ts'
import { compareServices, type ServiceChange, type WantedService } from './services.ts'
import type { WantedNetwork, WantedSandbox } from './wanted.ts'

/** What one daemon is to have of a lab. */
export interface Wanted {
  readonly lab: string
  readonly networks: readonly WantedNetwork[]
  readonly sandboxes: readonly WantedSandbox[]
  readonly services: readonly WantedService[]
  /** Undefined: whatever it is. */
  readonly uplinkLink?: Impairment | undefined
  /** Networks of the cluster that another host makes; undefined where this daemon's networks are all its own to make. */
  readonly awaited?: readonly WantedNetwork[] | undefined
}

export interface LabPlan {
  /** What people read. */
  readonly actions: readonly LabAction[]
  /**
   * Those of one kind, and all of a sandbox's or network's, can be done at the same time; the kinds are done in this order,
   * so that what is in the way (a name, an address, an endpoint on a network) goes before what needs the place comes.
   */
  readonly removeServices: readonly ServiceInspect[]
  /** That give up ports. */
  readonly releasePorts: readonly ServiceChange[]
  readonly removeSandboxes: readonly SandboxInspect[]
  readonly disconnect: readonly { readonly sandbox: SandboxInspect; readonly network: string }[]
  readonly removeNetworks: readonly NetworkInspect[]
  readonly createNetworks: readonly WantedNetwork[]
  readonly connect: readonly {
    readonly sandbox: SandboxInspect
    readonly network: string
    readonly config: EndpointConfig
  }[]
  /** Of endpoints that stay, and of the uplink. */
  readonly changeLinks: readonly LinkChange[]
  readonly changeServices: readonly ServiceChange[]
  readonly createServices: readonly WantedService[]
  /** Made, and started. */
  readonly createSandboxes: readonly WantedSandbox[]
  readonly startSandboxes: readonly WantedSandbox[]
}

interface LinkChange {
  readonly place: string
  readonly impairment: Impairment
}

/** Throws LAB_CONFLICT where others have what the lab wants. */
export function planLab(wanted: Wanted, present: Present): LabPlan {
  const own = presentOfLab(present, wanted.lab)
  const networks = compareNetworks(wanted, own)
  const sandboxes = compareSandboxes(wanted, own, present)
  const remade = new Set([...networks.recreated, ...networks.elsewhere].map(({ name }) => name))
  const kept = sandboxes.kept.map(({ want, have }) => ({
    want,
    have,
    ...compareEndpoints(want, have, remade),
  }))
  const changeLinks = [
    ...kept.flatMap(({ have, links }) =>
      links.map(([network, impairment]) => ({ place: `${have.Name}@${network}`, impairment })),
    ),
    ...uplinkChange(wanted, present),
  ]
  const removeNetworks = [
    ...networks.unwanted,
    ...networks.recreated.map(({ name }) => own.networks.find((network) => network.Name === name)!),
  ]
  checkConflicts(wanted, present, removeNetworks)
  const services = compareServices(wanted.services, ownServices(wanted, own), remade)
  return {
    actions: [
      ...services.unwanted.map(({ Name }) => serviceAction('remove', Name)),
      ...sandboxes.unwanted.map((have) => sandboxAction('remove', have.Name, isHost(have))),
      ...kept.flatMap(({ want, disconnect, reasons }) =>
        disconnect.map((network) => endpointAction('disconnect', want, network, reasons)),
      ),
      ...networks.unwanted.map(({ Name }) => networkAction('remove', Name)),
      ...networks.recreated.map(({ name }) => networkAction('recreate', name, CHANGED)),
      ...networks.missing.map(({ name }) => networkAction('create', name)),
      ...kept.flatMap(({ want, connect, reasons }) =>
        connect.map(([network]) => endpointAction('connect', want, network, reasons)),
      ),
      ...changeLinks.map(linkAction),
      ...services.changed.map(({ have, reason }) => serviceAction('change', have.Name, reason)),
      ...services.missing.map(({ name }) => serviceAction('create', name)),
      ...services.recreated.map(({ want, reason }) => serviceAction('recreate', want.name, reason)),
      ...sandboxes.missing.map((want) => sandboxAction('create', want.name, want.isHost)),
      ...sandboxes.recreated.map(({ want, reason }) =>
        sandboxAction('recreate', want.name, want.isHost, reason),
      ),
      ...sandboxes.stopped.map((want) => sandboxAction('start', want.name, want.isHost)),
    ],
    removeServices: [...services.unwanted, ...services.recreated.map(({ have }) => have)],
    releasePorts: services.changed.filter(({ release }) => release !== undefined),
    removeSandboxes: [...sandboxes.unwanted, ...sandboxes.recreated.map(({ have }) => have)],
    disconnect: kept.flatMap(({ have, disconnect }) =>
      disconnect.map((network) => ({ sandbox: have, network })),
    ),
    removeNetworks,
    createNetworks: [...networks.recreated, ...networks.missing],
    connect: kept.flatMap(({ have, connect }) =>
      connect.map(([network, config]) => ({ sandbox: have, network, config })),
    ),
    changeLinks,
    changeServices: services.changed.filter(({ change }) => change !== undefined),
    createServices: [...services.missing, ...services.recreated.map(({ want }) => want)],
    createSandboxes: [...sandboxes.missing, ...sandboxes.recreated.map(({ want }) => want)],
    startSandboxes: sandboxes.stopped,
  }
}

/** Those of the cluster are another host's to change where its networks are. */
function ownServices({ awaited }: Wanted, { services }: Present): readonly ServiceInspect[] {
  return services.filter(({ Scope }) => awaited === undefined || Scope === 'local')
}

const CHANGED = 'its settings have changed'

function compareNetworks({ networks, awaited }: Wanted, own: Present) {
  const present = new Map(own.networks.map((network) => [network.Name, network]))
  const wantedNames = new Set(networks.map(({ name }) => name))
  const isOther = ({ name, digest }: WantedNetwork): boolean => {
    const have = present.get(name)
    return have !== undefined && have.Labels[DIGEST_LABEL] !== digest
  }
  return {
    unwanted: own.networks.filter(
      ({ Name, Scope }) => !wantedNames.has(Name) && (awaited === undefined || Scope === 'local'),
    ),
    missing: networks.filter(({ name }) => !present.has(name)),
    recreated: networks.filter(isOther),
    /** By another host of the cluster. */
    elsewhere: (awaited ?? []).filter(isOther),
  }
}

interface Matched {
  readonly want: WantedSandbox
  readonly have: SandboxInspect
}

function compareSandboxes({ sandboxes }: Wanted, own: Present, all: Present) {
  const present = new Map(own.sandboxes.map((sandbox) => [sandbox.Name, sandbox]))
  const wantedNames = new Set(sandboxes.map(({ name }) => name))
  const missing = sandboxes.filter(({ name }) => !present.has(name))
  const recreated: (Matched & { readonly reason: string })[] = []
  const kept: Matched[] = []
  for (const want of sandboxes) {
    const have = present.get(want.name)
    if (have === undefined) continue
    const isChanged = have.Config.Labels[DIGEST_LABEL] !== want.digest || !hasKnownEndpoints(want, have)
    if (isChanged) recreated.push({ want, have, reason: CHANGED })
    else if (!hasItsNetworks(have, all)) recreated.push({ want, have, reason: 'a network of it is gone' })
    else kept.push({ want, have })
  }
  const stays = followShared(kept, [...missing, ...recreated.map(({ want }) => want)], recreated)
  return {
    unwanted: own.sandboxes.filter(({ Name }) => !wantedNames.has(Name)),
    missing,
    recreated,
    kept: stays,
    stopped: stays.filter(({ have }) => !have.State.Running).map(({ want }) => want),
  }
}

/** One that does not run shows its endpoints in part only, and nothing is lost when it is made anew. */
function hasKnownEndpoints(want: WantedSandbox, have: SandboxInspect): boolean {
  return have.State.Running || have.Config.Labels[ENDPOINTS_LABEL] === want.endpointsDigest
}

/** A network can be removed by hand while a sandbox of it does not run; that one cannot start then. */
function hasItsNetworks({ State, NetworkSettings }: SandboxInspect, { networks }: Present): boolean {
  if (State.Running) return true
  const names = new Set(networks.map(({ Name }) => Name))
  return Object.keys(NetworkSettings.Networks).every((name) => names.has(name))
}

/** A sandbox that shares another one's network has to follow it, and others it, where that one begins anew. */
function followShared(
  kept: readonly Matched[],
  begin: readonly WantedSandbox[],
  recreated: (Matched & { readonly reason: string })[],
): readonly Matched[] {
  const fresh = new Set(begin.map(({ name }) => name))
  for (const { want, have } of kept) if (!have.State.Running) fresh.add(want.name)
  let stays = kept
  for (;;) {
    const follow = stays.filter(({ want }) => want.sharesWith !== undefined && fresh.has(want.sharesWith))
    if (follow.length === 0) return stays
    for (const one of follow) {
      fresh.add(one.want.name)
      recreated.push({ ...one, reason: `it shares the network of ${one.want.sharesWith}` })
    }
    stays = stays.filter((one) => !follow.includes(one))
  }
}

function compareEndpoints(want: WantedSandbox, have: SandboxInspect, remade: ReadonlySet<string>) {
  const disconnect: string[] = []
  const connect: [string, EndpointConfig][] = []
  const links: [string, Impairment][] = []
  const reasons = new Map<string, string>()
  if (want.endpoints === undefined) return { disconnect, connect, links, reasons }
  const present = have.NetworkSettings.Networks
  for (const network of Object.keys(present)) if (!want.endpoints.has(network)) disconnect.push(network)
  for (const [network, config] of want.endpoints) {
    const endpoint = Object.hasOwn(present, network) ? present[network] : undefined
    const reason = remade.has(network)
      ? 'the network is made anew'
      : endpoint === undefined
        ? undefined
        : endpointChange(config, endpoint, have)
    if (endpoint !== undefined && reason === undefined) {
      const impairment = config.Impairment ?? {}
      if (!isDeepStrictEqual(impairment, endpoint.Impairment ?? {})) links.push([network, impairment])
      continue
    }
    if (reason !== undefined) reasons.set(network, reason)
    if (endpoint !== undefined) disconnect.push(network)
    connect.push([network, config])
  }
  return { disconnect, connect, links, reasons }
}

function uplinkChange({ uplinkLink }: Wanted, present: Present): LinkChange[] {
  if (uplinkLink === undefined || isDeepStrictEqual(uplinkLink, present.uplinkLink ?? {})) return []
  return [{ place: 'uplink', impairment: uplinkLink }]
}

/** What of the endpoint is other than wanted; undefined where nothing is. */
function endpointChange(
  config: EndpointConfig,
  endpoint: EndpointInspect,
  sandbox: SandboxInspect,
): string | undefined {
  const { IPAMConfig: ipam } = config
  const own = endpoint.IPAMConfig
  if (normalAddress(ipam?.IPv4Address ?? '') !== normalAddress(own?.IPv4Address ?? ''))
    return 'its address has changed'
  if (normalAddress(ipam?.IPv6Address ?? '') !== normalAddress(own?.IPv6Address ?? ''))
    return 'its IPv6 address has changed'
  const mac = config.MacAddress
  if (sandbox.State.Running && mac !== undefined && mac !== endpoint.MacAddress)
    return 'its MAC address has changed'
  // Names that the daemon adds by itself are no one's wish.
  const added = new Set([sandbox.Name, sandbox.Id.slice(0, 12)])
  const aliases = (endpoint.Aliases ?? []).filter((alias) => !added.has(alias))
  if (
    !sameTexts(
      (config.Aliases ?? []).filter((alias) => !added.has(alias)),
      aliases,
    )
  )
    return 'its aliases have changed'
  if ((config.GwPriority ?? 0) !== endpoint.GwPriority) return 'its gateway priority has changed'
  if (!sameMap(config.DriverOpts ?? {}, endpoint.DriverOpts ?? {})) return 'its options have changed'
  return undefined
}

function sameTexts(a: readonly string[], b: readonly string[]): boolean {
  const other = b.toSorted()
  return a.length === b.length && a.toSorted().every((text, index) => text === other[index])
}

function sameMap(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(a)
  return (
    keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && a[key] === b[key])
  )
}

export function isHost(sandbox: SandboxInspect): boolean {
  return hostName(sandbox) !== undefined
}

/** The host that it is, whatever the sandbox is called by now. */
export function hostName({ Config }: SandboxInspect): string | undefined {
  return Config.Labels[HOST_LABEL]
}

/** Under which the lab keeps something of it: a host's daemon, or a registry. */
export function folderName(sandbox: SandboxInspect): string | undefined {
  return hostName(sandbox) ?? sandbox.Config.Labels[REGISTRY_LABEL]
}

/** Whether others need it: it comes before them, and goes after them. */
export function isRegistry({ Config }: SandboxInspect): boolean {
  return REGISTRY_LABEL in Config.Labels
}

function networkAction(action: LabAction['action'], name: string, reason?: string): LabAction {
  return { action, kind: 'network', name, ...(reason === undefined ? undefined : { reason }) }
}

function serviceAction(action: LabAction['action'], name: string, reason?: string): LabAction {
  return { action, kind: 'service', name, ...(reason === undefined ? undefined : { reason }) }
}

function linkAction({ place, impairment }: LinkChange): LabAction {
  const isPlain = Object.keys(impairment).length === 0
  const reason = isPlain ? 'frames pass as they are' : impairmentText(impairment)
  return { action: 'change', kind: 'link', name: place, reason }
}

function sandboxAction(
  action: LabAction['action'],
  name: string,
  hosts: boolean,
  reason?: string,
): LabAction {
  const kind = hosts ? 'host' : 'sandbox'
  return { action, kind, name, ...(reason === undefined ? undefined : { reason }) }
}

function endpointAction(
  action: 'connect' | 'disconnect',
  { name, isHost: hosts }: WantedSandbox,
  network: string,
  reasons: ReadonlyMap<string, string>,
): LabAction {
  return { ...sandboxAction(action, name, hosts, reasons.get(network)), network }
}

/** `connect alice to web (its address has changed)` */
export function formatAction({ action, kind, name, network, host, reason }: LabAction): string {
  const on = host === undefined ? '' : `${host}: `
  const why = reason === undefined ? '' : ` (${reason})`
  if (network === undefined) return `${on}${action} ${kind} ${name}${why}`
  return `${on}${action} ${name} ${action === 'connect' ? 'to' : 'from'} ${network}${why}`
}
