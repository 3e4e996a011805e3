/** The message that parts of are shown, and the names in it. */

import { DISSECTED_BYTES_MAX } from '../../limits.ts'
import { formatName, MALFORMED, NAME_SIZE_MAX, readName } from '../../wire/dns-name.ts'
import type { Fields } from './fields.ts'
import type { Packet } from './packet.ts'

/** The message, from `message` to `end`, and the list that its parts are shown in. */
export interface DnsSource {
  readonly packet: Packet
  readonly fields: Fields
  readonly message: number
  readonly end: number
  readonly multicast: boolean
}

/** The name at `offset` with its pointers followed, up to DISSECTED_BYTES_MAX letters, then `…`; undefined where it is malformed. */
export function nameText({ packet, message, end }: DnsSource, offset: number): string | undefined {
  const name = new Uint8Array(NAME_SIZE_MAX)
  if (readName(packet.view, message, offset, end, name) === MALFORMED) return undefined
  const text = formatName(name)
  // Only with escapes is a name longer than its bytes: `\000` is one.
  return text.length > DISSECTED_BYTES_MAX ? `${text.slice(0, DISSECTED_BYTES_MAX)}…` : text
}
