/** Which endpoints of its network are a service's backends. */

import type { ServiceRecord } from '../model/services.ts'

/** A place of a sandbox that runs, on any host. */
export interface ServiceMember {
  /** The endpoint's id. */
  readonly endpoint: string
  readonly sandbox: string
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly address: string
  /** Name of its host; empty where there is no cluster. */
  readonly host: string
  /** Port of the switch that it is behind; undefined while it has none. */
  readonly port: number | undefined
  readonly isLocal: boolean
}

export function isBackend(
  { replicasOf, endpoints }: Pick<ServiceRecord, 'replicasOf' | 'endpoints'>,
  { name, sandbox, labels }: Pick<ServiceMember, 'name' | 'sandbox' | 'labels'>,
): boolean {
  if (endpoints.includes(name) || endpoints.includes(sandbox)) return true
  return replicasOf.some((label) => hasLabel(labels, label))
}

/** `key`, or `key=value`. */
function hasLabel(labels: Readonly<Record<string, string>>, label: string): boolean {
  const at = label.indexOf('=')
  if (at < 0) return Object.hasOwn(labels, label)
  const key = label.slice(0, at)
  return Object.hasOwn(labels, key) && labels[key] === label.slice(at + 1)
}

/** The int32 by which flows are spread: all hosts make the same of the id. */
export const seedOf = ({ id }: Pick<ServiceRecord, 'id'>): number => Number.parseInt(id.slice(0, 8), 16) | 0
