/** What an endpoint is called on its network, and which words of a sandbox DNS can carry. */

import { encodeName, fold } from '../../wire/dns-name.ts'
import type { FabricNameKind } from '../model/names.ts'
import type { EndpointSettings, SandboxRecord } from '../model/records.ts'
import { shortId } from './ids.ts'

export interface EndpointName {
  readonly text: string
  readonly kind: FabricNameKind
}

/** Each once, in Docker's order: the first is what its addresses lead to. DNS may not be able to carry them. */
export function endpointNames(
  { id, name, config }: SandboxRecord,
  { aliases }: Pick<EndpointSettings, 'aliases'>,
): readonly EndpointName[] {
  const all: readonly EndpointName[] = [
    { text: name, kind: 'sandbox' },
    ...aliases.map((text): EndpointName => ({ text, kind: 'alias' })),
    { text: shortId(id), kind: 'short-id' },
    { text: config.hostname, kind: 'hostname' },
  ]
  const known = new Map<string, EndpointName>()
  for (const each of all) {
    const key = nameKey(each.text) ?? each.text
    if (each.text !== '' && !known.has(key)) known.set(key, each)
  }
  return [...known.values()]
}

/** The same for names that DNS takes for one (RFC 4343); undefined for a text that it cannot carry. */
export function nameKey(text: string): string | undefined {
  const name = encodeName(text)
  if (name === undefined || name.length === 1) return undefined
  return String.fromCharCode(...name.map(fold))
}
