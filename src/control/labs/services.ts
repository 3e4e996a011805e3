/** The services of a lab as requests, and what tells those that are there from those that are wanted. */

import type { ServiceCreate, ServiceInspect, ServicePortConfig, ServiceUpdate } from '../api/service.ts'
import type { LabService, LabServicePort } from '../lab.ts'
import { LAB_LABEL, userLabels } from './labels.ts'

export interface WantedService {
  readonly name: string
  readonly service: LabService
  readonly request: ServiceCreate
}

export interface ServiceChange {
  readonly have: ServiceInspect
  /** What is changed, as people read it. */
  readonly reason: string
  /** Gives up ports that another may want. Done before all that asks for any. */
  readonly release: ServiceUpdate | undefined
  /** All else. */
  readonly change: ServiceUpdate | undefined
}

export interface ServicesDifference {
  readonly unwanted: readonly ServiceInspect[]
  readonly missing: readonly WantedService[]
  readonly recreated: readonly {
    readonly want: WantedService
    readonly have: ServiceInspect
    readonly reason: string
  }[]
  readonly changed: readonly ServiceChange[]
}

export function wantedService(lab: string, service: LabService): WantedService {
  const { name, network, endpointMode, address, replicasOf, endpoints, ports, labels } = service
  return {
    name,
    service,
    request: {
      Name: name,
      Network: network,
      EndpointMode: endpointMode,
      ...(address === undefined ? undefined : { VirtualIP: address }),
      ReplicasOf: [...replicasOf],
      Endpoints: [...endpoints],
      Ports: ports.map(portRequest),
      Labels: { ...labels, [LAB_LABEL]: lab },
    },
  }
}

/** Whether the daemon is to choose a port of it: others come first, so that none of theirs is chosen. */
export function choosesPorts({ service }: WantedService): boolean {
  return service.ports.some(({ published }) => published === undefined)
}

/** `remade`: networks that are made anew. `own` are those of the lab that are this daemon's to change. */
export function compareServices(
  wanted: readonly WantedService[],
  own: readonly ServiceInspect[],
  remade: ReadonlySet<string>,
): ServicesDifference {
  const present = new Map(own.map((service) => [service.Name, service]))
  const names = new Set(wanted.map(({ name }) => name))
  const recreated: { want: WantedService; have: ServiceInspect; reason: string }[] = []
  const changed: ServiceChange[] = []
  const asked = new Set(wanted.flatMap(({ service }) => service.ports).map(publishedOf))
  for (const want of wanted) {
    const have = present.get(want.name)
    if (have === undefined) continue
    const reason = remade.has(want.service.network)
      ? 'the network is made anew'
      : lastingChange(want.service, have)
    const change = reason === undefined ? serviceChange(want.service, have, asked) : undefined
    if (reason !== undefined) recreated.push({ want, have, reason })
    else if (change !== undefined) changed.push(change)
  }
  return {
    unwanted: own.filter(({ Name }) => !names.has(Name)),
    missing: wanted.filter(({ name }) => !present.has(name)),
    recreated,
    changed,
  }
}

/** What cannot change while the service lives. */
function lastingChange(
  { network, endpointMode, address }: LabService,
  have: ServiceInspect,
): string | undefined {
  if (network !== have.Network.Name) return 'its network has changed'
  if (endpointMode !== have.EndpointMode) return 'its endpoint mode has changed'
  if (address !== undefined && address !== addressOf(have)) return 'its address has changed'
  return undefined
}

/** Empty for dnsrr. */
export function addressOf({ VirtualIP }: Pick<ServiceInspect, 'VirtualIP'>): string {
  return VirtualIP.replace(/\/.*/, '')
}

function serviceChange(
  want: LabService,
  have: ServiceInspect,
  asked: ReadonlySet<string>,
): ServiceChange | undefined {
  const { kept, gone, came } = comparePorts(want.ports, have.Ports, asked)
  const replicas = sameTexts(want.replicasOf, have.ReplicasOf) ? undefined : want.replicasOf
  const endpoints = sameTexts(want.endpoints, have.Endpoints) ? undefined : want.endpoints
  const labels = userLabels(have.Labels)
  const labelAdd = Object.entries(want.labels).filter(([key, value]) => labels[key] !== value)
  const labelRm = Object.keys(labels).filter((key) => !Object.hasOwn(want.labels, key))
  const reasons = [
    ...(gone.length + came.length > 0 ? ['its ports have changed'] : []),
    ...((replicas ?? endpoints) ? ['its sandboxes have changed'] : []),
    ...(labelAdd.length + labelRm.length > 0 ? ['its labels have changed'] : []),
  ]
  if (reasons.length === 0) return undefined
  // Docker's way to take a port away takes all of one target.
  const taken = new Set(gone.map(targetOf))
  const release: ServiceUpdate = {
    PublishRm: [...new Map(gone.map((port) => [targetOf(port), port])).values()].map(
      ({ protocol, target }) => ({ Protocol: protocol, TargetPort: target }),
    ),
    PublishAdd: kept.filter((port) => taken.has(targetOf(port))).map(portRequest),
  }
  const change: ServiceUpdate = {
    ...(came.length === 0 ? undefined : { PublishAdd: came.map(portRequest) }),
    ...(replicas === undefined ? undefined : { ReplicasOf: [...replicas] }),
    ...(endpoints === undefined ? undefined : { Endpoints: [...endpoints] }),
    ...(labelAdd.length === 0 ? undefined : { LabelAdd: Object.fromEntries(labelAdd) }),
    ...(labelRm.length === 0 ? undefined : { LabelRm: labelRm }),
  }
  return {
    have,
    reason: reasons.join(', '),
    release: gone.length === 0 ? undefined : release,
    change: Object.keys(change).length === 0 ? undefined : change,
  }
}

/** A port that the daemon is to choose is any that it has, unless a service of the lab asks for that one (`asked`). */
function comparePorts(
  wanted: readonly LabServicePort[],
  have: ServiceInspect['Ports'],
  asked: ReadonlySet<string>,
) {
  const left: LabServicePort[] = have.map(labPort)
  const kept: LabServicePort[] = []
  const came: LabServicePort[] = []
  const fixedFirst = wanted.toSorted(
    (a, b) => Number(a.published === undefined) - Number(b.published === undefined),
  )
  for (const want of fixedFirst) {
    const at = left.findIndex(
      (port) =>
        targetOf(port) === targetOf(want) &&
        port.mode === want.mode &&
        (want.published === undefined ? !asked.has(publishedOf(port)) : want.published === port.published),
    )
    if (at === -1) came.push(want)
    else kept.push(...left.splice(at, 1))
  }
  return { kept, gone: left, came }
}

function publishedOf({ protocol, published }: LabServicePort): string {
  return `${published}/${protocol}`
}

function targetOf({ protocol, target }: LabServicePort): string {
  return `${target}/${protocol}`
}

/** Of what the daemon shows. */
export function labPort({
  Protocol,
  TargetPort,
  PublishedPort,
  PublishMode,
}: ServiceInspect['Ports'][number]): LabServicePort & { readonly published: number } {
  return {
    protocol: Protocol === 'udp' ? 'udp' : 'tcp',
    target: TargetPort,
    published: PublishedPort,
    mode: PublishMode === 'host' ? 'host' : 'ingress',
  }
}

function portRequest({ protocol, target, published, mode }: LabServicePort): ServicePortConfig {
  return {
    Protocol: protocol,
    TargetPort: target,
    ...(published === undefined ? undefined : { PublishedPort: published }),
    PublishMode: mode,
  }
}

function sameTexts(a: readonly string[], b: readonly string[]): boolean {
  const other = new Set(b)
  return a.length === other.size && a.every((text) => other.has(text))
}
