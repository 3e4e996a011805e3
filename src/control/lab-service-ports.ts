/** Published ports of a lab's services, and which of them are published twice. */

import { SERVICE_PORTS_MAX } from '../limits.ts'
import type { ServicePortConfig } from './api/service.ts'
import type { LabServicePort } from './lab.ts'
import type { ServiceDraft } from './lab-draft.ts'
import type { Report } from './lab-pool-plan.ts'
import type { LabPath } from './lab-problem.ts'
import type { ServiceFile } from './lab-schema-service.ts'
import type { ServicePort } from './model/services.ts'
import { planServicePort } from './rules/service-create.ts'
import { parseServicePublish } from './rules/service-publish.ts'

/** A port, and where the file says it. */
export interface PlacedPort {
  readonly path: LabPath
  readonly port: LabServicePort
}

export function servicePorts({ name, path, settings }: ServiceDraft, report: Report): readonly PlacedPort[] {
  const ports: PlacedPort[] = []
  for (const [index, written] of (settings.ports ?? []).entries()) {
    const at = [...path, 'ports', index]
    const read = readPorts(written, at, report).map((port) => ({ path: at, port: labPort(port) }))
    if (settings.endpoint_mode === 'dnsrr' && read.some(({ port }) => port.mode === 'ingress')) {
      const why = `service '${name}' has the endpoint_mode dnsrr, and so no port of the mode ingress`
      report(at, why, 'write it as { published: 8080, target: 80, mode: host }')
    }
    // A range of a few letters is thousands of ports: none is kept, nor is anything said of each.
    if (ports.length + read.length > SERVICE_PORTS_MAX) {
      const why = `service '${name}' publishes more ports than the ${SERVICE_PORTS_MAX} that one service can have`
      report(at, why, 'publish a smaller range, or make several services')
      break
    }
    ports.push(...read)
  }
  return ports
}

function readPorts(
  written: NonNullable<ServiceFile['ports']>[number],
  path: LabPath,
  report: Report,
): readonly ServicePort[] {
  try {
    const requests: readonly ServicePortConfig[] =
      typeof written === 'string' ? parseServicePublish(written) : [requestOf(written)]
    return requests.map(planServicePort)
  } catch (error) {
    report(path, error instanceof Error ? error.message : String(error))
    return []
  }
}

type PortFile = Exclude<NonNullable<ServiceFile['ports']>[number], string>

function requestOf({ target, published, protocol, mode }: PortFile): ServicePortConfig {
  return { TargetPort: target, PublishedPort: published, Protocol: protocol, PublishMode: mode }
}

function labPort({ protocol, target, published, mode }: ServicePort): LabServicePort {
  return { protocol, target, ...(published === 0 ? undefined : { published }), mode }
}

/** `services` are those that one daemon has, by name with their ports. */
export function checkPublishedTwice(
  services: readonly { readonly draft: ServiceDraft; readonly ports: readonly PlacedPort[] }[],
  report: Report,
): void {
  const holders = new Map<string, ServiceDraft>()
  for (const { draft, ports } of services) {
    for (const { path, port } of ports) {
      if (port.published === undefined) continue
      const name = `${port.published}/${port.protocol}`
      const holder = holders.get(name)
      if (holder === undefined) holders.set(name, draft)
      else
        report(
          path,
          `service '${holder.name}' publishes port ${name} ${holder === draft ? 'twice' : 'already'}`,
        )
    }
  }
}
