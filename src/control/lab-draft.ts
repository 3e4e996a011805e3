/**
 * A lab file's value taken apart, unit by unit, and each unit kept that fits the schema. A network whose MTU is wrong
 * still has its name, so that a lab file's problems can all be found at once and none is told twice.
 */
import type { z } from 'zod'
import type { Impairment } from './api/link.ts'
import type { LabPath } from './lab-problem.ts'
import { uplinkSchema } from './lab-schema.ts'
import { type ClusterFile, clusterSchema } from './lab-schema-cluster.ts'
import { type LinkFile, linkFileSchema } from './lab-schema-link.ts'
import { type NetworkFile, networkSchema } from './lab-schema-network.ts'
import { type EndpointFile, endpointSchema, type SandboxFile, sandboxSchema } from './lab-schema-sandbox.ts'
import { type ServiceFile, serviceSchema } from './lab-schema-service.ts'
import { mtu, name as nameSchema, subnet4 } from './lab-schema-values.ts'

/** What one daemon is to have. */
export interface ScopeDraft {
  readonly networks: readonly NetworkDraft[]
  readonly sandboxes: readonly SandboxDraft[]
  readonly services: readonly ServiceDraft[]
}

export interface LabDraft extends ScopeDraft {
  readonly hosts: readonly HostDraft[]
  readonly links: readonly LinkDraft[]
  readonly cluster: ClusterDraft | undefined
}

export interface NetworkDraft {
  readonly name: string
  readonly path: LabPath
  /** Undefined where they do not fit the schema. */
  readonly settings: NetworkFile | undefined
}

export interface SandboxDraft {
  readonly name: string
  readonly path: LabPath
  readonly endpoints: readonly EndpointDraft[]
  /** Whether the file says where it is at all, right or wrong. */
  readonly isPlaced: boolean
  /** Each of which fits the schema. */
  readonly settings: Partial<Omit<SandboxFile, 'networks'>>
}

export interface EndpointDraft {
  readonly network: string
  readonly path: LabPath
  readonly settings: EndpointFile
  /** Of a cable's end. */
  readonly link?: Impairment | undefined
  /** It gets the highest free address of the subnet. */
  readonly isLast?: true
}

export interface ServiceDraft {
  readonly name: string
  readonly path: LabPath
  /** Each of which fits the schema. */
  readonly settings: Partial<ServiceFile>
  /** Keys of settings that do not fit it; all of them where it is no map. */
  readonly unfit: ReadonlySet<string>
}

export interface HostDraft extends ScopeDraft {
  readonly name: string
  readonly path: LabPath
  readonly uplink: string | undefined
  readonly uplinkLink: LinkFile | undefined
}

export interface LinkDraft {
  readonly path: LabPath
  readonly between: readonly string[]
  readonly name: string | undefined
  readonly subnet: string | undefined
  readonly mtu: number | undefined
  readonly link: LinkFile | undefined
}

export interface ClusterDraft {
  readonly path: LabPath
  readonly networks: readonly NetworkDraft[]
  /** Each of which fits the schema. */
  readonly settings: Partial<Omit<ClusterFile, 'networks'>>
}

export function draftLab(value: unknown): LabDraft {
  const file = mapOf(value)
  const { hosts, links } = file
  return {
    ...draftScope(value, []),
    hosts: Object.entries(mapOf(hosts)).map(([name, settings]) => {
      const path = ['hosts', name]
      return {
        name,
        path,
        ...draftScope(settings, path),
        ...draftUplink(mapOf(settings)['uplink']),
      }
    }),
    links: (Array.isArray(links) ? links : []).map((link, index) => draftLink(link, ['links', index])),
    cluster: 'cluster' in file ? draftCluster(file['cluster']) : undefined,
  }
}

function draftUplink(value: unknown): Pick<HostDraft, 'uplink' | 'uplinkLink'> {
  const { data } = uplinkSchema.safeParse(value)
  return typeof data === 'object'
    ? { uplink: data.via, uplinkLink: data.link }
    : { uplink: data, uplinkLink: undefined }
}

function draftCluster(value: unknown): ClusterDraft {
  const path = ['cluster']
  const { networks, ...others } = mapOf(value)
  return {
    path,
    networks: draftNetworks(networks, path),
    settings: fitting(clusterSchema.shape, others),
  }
}

function draftNetworks(value: unknown, owner: LabPath): NetworkDraft[] {
  return Object.entries(mapOf(value)).map(([name, settings]) => ({
    name,
    path: [...owner, 'networks', name],
    settings: networkSchema.safeParse(settings ?? {}).data,
  }))
}

function draftScope(value: unknown, path: LabPath): ScopeDraft {
  const { networks, sandboxes, services } = mapOf(value)
  return {
    networks: draftNetworks(networks, path),
    sandboxes: Object.entries(mapOf(sandboxes)).map(([name, settings]) =>
      draftSandbox(name, settings, [...path, 'sandboxes', name]),
    ),
    services: Object.entries(mapOf(services)).map(([name, settings]) =>
      draftService(name, settings, [...path, 'services', name]),
    ),
  }
}

function draftSandbox(name: string, value: unknown, owner: LabPath): SandboxDraft {
  const { networks, ...others } = mapOf(value)
  const path = [...owner, 'networks']
  const joined: [string | number, unknown, unknown][] = Array.isArray(networks)
    ? networks.map((network, index) => [index, network, {}])
    : Object.entries(mapOf(networks)).map(([network, settings]) => [network, network, settings ?? {}])
  return {
    name,
    path: owner,
    isPlaced: mapOf(value) !== value || 'networks' in value || 'network_mode' in value,
    endpoints: joined.flatMap(([step, network, settings]) => {
      const parsed = endpointSchema.safeParse(settings)
      if (typeof network !== 'string' || !parsed.success) return []
      return [{ network, path: [...path, step], settings: parsed.data }]
    }),
    settings: fitting(sandboxSchema.shape, others),
  }
}

function draftService(name: string, value: unknown, path: LabPath): ServiceDraft {
  const given = mapOf(value)
  const settings = fitting(serviceSchema.shape, given)
  const said = given === value ? given : serviceSchema.shape
  return { name, path, settings, unfit: new Set(Object.keys(said).filter((key) => !(key in settings))) }
}

/** The settings of a map that fit their schemas, one by one. */
function fitting(
  schemas: Readonly<Record<string, z.ZodType>>,
  values: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const kept: Record<string, unknown> = {}
  for (const [key, schema] of Object.entries(schemas)) {
    const { data } = schema.safeParse(values[key])
    if (data !== undefined) kept[key] = data
  }
  return kept
}

function draftLink(value: unknown, path: LabPath): LinkDraft {
  const link = mapOf(value)
  const between: unknown[] = Array.isArray(link['between']) ? link['between'] : []
  return {
    path,
    between: between.filter((host) => typeof host === 'string'),
    name: nameSchema.safeParse(link['name']).data,
    subnet: subnet4.safeParse(link['subnet']).data,
    mtu: mtu.safeParse(link['mtu']).data,
    link: linkFileSchema.safeParse(link['link']).data,
  }
}

function mapOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {}
}
