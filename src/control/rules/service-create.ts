/** What a service may be: requests, checked and in normal form. The texts are Docker's where it has one. */

import { SERVICE_NAME_MAX, SERVICE_PORTS_MAX } from '../../limits.ts'
import type { ServiceCreate, ServicePortConfig, ServiceUpdate } from '../api/service.ts'
import { ErrorCode, TapwireError } from '../errors.ts'
import { parseIpAddress } from '../ip-address.ts'
import type { ServicePort, ServiceRecord } from '../model/services.ts'
import { printable } from './names.ts'
import { isPublishable } from './publish-plan.ts'

/** Of a record, what its user says; the virtual address is empty where it may be any. */
export type ServicePlan = Pick<
  ServiceRecord,
  'name' | 'endpointMode' | 'virtualIp' | 'replicasOf' | 'endpoints' | 'ports' | 'labels'
>

/** Throws NAME_INVALID, SERVICE_INVALID, PORT_INVALID. Ports that are to be chosen have 0. */
export function planService(request: ServiceCreate): ServicePlan {
  checkServiceName(request.Name)
  const replicasOf = unique(request.ReplicasOf ?? [])
  const endpoints = unique(request.Endpoints ?? [])
  if (replicasOf.length === 0 && endpoints.length === 0) {
    throw invalid('a service needs backends', "Say whose with '--replicas-of LABEL' or '--endpoint SANDBOX'.")
  }
  checkLabels(replicasOf)
  const endpointMode = request.EndpointMode ?? 'vip'
  const virtualIp = request.VirtualIP ?? ''
  if (virtualIp !== '') checkAddress(virtualIp, endpointMode)
  const ports = (request.Ports ?? []).map(planServicePort)
  checkPorts(ports, endpointMode)
  return {
    name: request.Name,
    endpointMode,
    virtualIp,
    replicasOf,
    endpoints,
    ports,
    labels: request.Labels ?? {},
  }
}

/** The record as it is to be. Throws what `planService` throws, and PORT_NOT_PUBLISHED. */
export function updateService(service: ServiceRecord, request: ServiceUpdate): ServiceRecord {
  let { ports } = service
  for (const { Protocol = 'tcp', TargetPort } of request.PublishRm ?? []) {
    const rest = ports.filter(({ protocol, target }) => protocol !== Protocol || target !== TargetPort)
    if (rest.length === ports.length) {
      throw new TapwireError(
        ErrorCode.portNotPublished,
        `no public port '${TargetPort}/${Protocol}' published for ${service.name}`,
      )
    }
    ports = rest
  }
  ports = [...ports, ...(request.PublishAdd ?? []).map(planServicePort)]
  checkPorts(ports, service.endpointMode)
  const replicasOf = request.ReplicasOf ? unique(request.ReplicasOf) : service.replicasOf
  checkLabels(replicasOf)
  const removed = new Set(request.LabelRm ?? [])
  const kept = Object.entries(service.labels).filter(([key]) => !removed.has(key))
  return {
    ...service,
    ports,
    replicasOf,
    endpoints: request.Endpoints ? unique(request.Endpoints) : service.endpoints,
    labels: { ...Object.fromEntries(kept), ...request.LabelAdd },
  }
}

/** It is a label of a domain name (RFC 1123, 2.1). */
function checkServiceName(name: string): void {
  if (name.length <= SERVICE_NAME_MAX && /^[a-zA-Z0-9]([a-zA-Z0-9-_]*[a-zA-Z0-9])?$/.test(name)) return
  throw new TapwireError(
    ErrorCode.nameInvalid,
    `name must be valid as a DNS name component: ${printable(name)}`,
  )
}

/** Throws PORT_INVALID. One that is to be chosen has 0. */
export function planServicePort({
  Protocol = 'tcp',
  TargetPort,
  PublishedPort = 0,
  PublishMode = 'ingress',
}: ServicePortConfig): ServicePort {
  if (!isPublishable(Protocol)) {
    throw new TapwireError(
      ErrorCode.portInvalid,
      `port ${TargetPort}/${Protocol} cannot be published: only TCP and UDP are forwarded to sandboxes`,
    )
  }
  if (TargetPort < 1 || TargetPort > 65_535 || PublishedPort < 0 || PublishedPort > 65_535) {
    throw new TapwireError(ErrorCode.portInvalid, `invalid port: ${PublishedPort}:${TargetPort}`)
  }
  return { protocol: Protocol, published: PublishedPort, target: TargetPort, mode: PublishMode }
}

function checkAddress(address: string, endpointMode: ServiceRecord['endpointMode']): void {
  if (endpointMode === 'dnsrr') throw invalid('with dnsrr there is no virtual address')
  if (parseIpAddress(address)?.family === 4) return
  throw invalid(`invalid virtual address: ${printable(address)}`, 'It is an IPv4 address of the network.')
}

function checkPorts(ports: readonly ServicePort[], endpointMode: ServiceRecord['endpointMode']): void {
  if (ports.length > SERVICE_PORTS_MAX) {
    throw new TapwireError(
      ErrorCode.limitReached,
      `too many published ports: ${ports.length}, at most ${SERVICE_PORTS_MAX} are possible`,
    )
  }
  if (endpointMode === 'dnsrr' && ports.some(({ mode }) => mode === 'ingress')) {
    throw invalid("EndpointSpec: port published with ingress mode can't be used with dnsrr mode")
  }
  const published = ports.filter((port) => port.published > 0)
  const known = new Set(published.map((port) => `${port.published}/${port.protocol}`))
  if (known.size < published.length) throw invalid('EndpointSpec: duplicate published ports provided')
}

/** What has no key would be a label of everybody. */
function checkLabels(labels: readonly string[]): void {
  const wrong = labels.find((label) => label === '' || label.startsWith('='))
  if (wrong !== undefined) throw invalid(`invalid label: ${printable(wrong)}`)
}

const unique = (texts: readonly string[]): readonly string[] => [...new Set(texts)]

const invalid = (message: string, hint?: string): TapwireError =>
  new TapwireError(ErrorCode.serviceInvalid, message, { hint })
