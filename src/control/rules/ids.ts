/** Ids of networks, sandboxes and endpoints: 32 random bytes as hexadecimal, of which people see the first twelve. */

const ID_BYTES = 32
const SHORT_ID_LENGTH = 12

/**
 * 64 lower-case hexadecimal digits. The short id becomes a hostname, and a hostname must not be a number: ids that begin
 * with twelve decimal digits (one in 283) are drawn again.
 */
export function newId(randomBytes: (count: number) => Uint8Array): string {
  for (;;) {
    const id = hexadecimal(randomBytes(ID_BYTES))
    if (!/^\d{12}/.test(id)) return id
  }
}

export function shortId(id: string): string {
  return id.slice(0, SHORT_ID_LENGTH)
}

function hexadecimal(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
