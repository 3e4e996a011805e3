/**
 * A lab file's value taken apart, unit by unit, and each unit kept that fits the schema. A network whose MTU is wrong
 * still has its name, so that a lab file's problems can all be found at once and none is told twice.
 */
import type { LabPath } from './lab-problem.ts'
import {
  type EndpointFile,
  endpointSchema,
  type NetworkFile,
  networkSchema,
  type SandboxFile,
  sandboxSchema,
} from './lab-schema.ts'

export interface LabDraft {
  readonly networks: readonly NetworkDraft[]
  readonly sandboxes: readonly SandboxDraft[]
}

export interface NetworkDraft {
  readonly name: string
  readonly path: LabPath
  /** Undefined where they do not fit the schema. */
  readonly settings: NetworkFile | undefined
}

export interface SandboxDraft {
  readonly name: string
  readonly endpoints: readonly EndpointDraft[]
  readonly command: SandboxFile['command']
  readonly offload: SandboxFile['offload']
}

export interface EndpointDraft {
  readonly network: string
  readonly path: LabPath
  readonly settings: EndpointFile
}

export function draftLab(value: unknown): LabDraft {
  const { networks, sandboxes } = mapOf(value)
  return {
    networks: Object.entries(mapOf(networks)).map(([name, settings]) => ({
      name,
      path: ['networks', name],
      settings: networkSchema.safeParse(settings ?? {}).data,
    })),
    sandboxes: Object.entries(mapOf(sandboxes)).map(([name, settings]) => draftSandbox(name, settings)),
  }
}

function draftSandbox(name: string, value: unknown): SandboxDraft {
  const { networks, command, offload } = mapOf(value)
  const path = ['sandboxes', name, 'networks']
  const joined: [string | number, unknown, unknown][] = Array.isArray(networks)
    ? networks.map((network, index) => [index, network, {}])
    : Object.entries(mapOf(networks)).map(([network, settings]) => [network, network, settings ?? {}])
  return {
    name,
    endpoints: joined.flatMap(([step, network, settings]) => {
      const parsed = endpointSchema.safeParse(settings)
      if (typeof network !== 'string' || !parsed.success) return []
      return [{ network, path: [...path, step], settings: parsed.data }]
    }),
    command: sandboxSchema.shape.command.safeParse(command).data,
    offload: sandboxSchema.shape.offload.safeParse(offload).data,
  }
}

function mapOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {}
}
