import { ErrorCode, TapwireError } from '../../control/errors.ts'

/** Ctrl-P Ctrl-Q. */
export const DETACH_KEYS_DEFAULT: readonly number[] = [0x10, 0x11]

/** Docker's notation: `ctrl-p,ctrl-q`, or `ctrl-@`, `a,b,c`. Throws USAGE. */
export function parseDetachKeys(text: string): number[] {
  return text.split(',').map((key) => {
    if (key.length === 1) return key.charCodeAt(0)
    const [, letter = ''] = /^ctrl-([a-zA-Z@[\\\]^_])$/.exec(key) ?? []
    if (letter === '') {
      throw new TapwireError(ErrorCode.usage, `Invalid escape keys (${text}): Unknown character: '${key}'`, {
        hint: 'Keys are single letters or ctrl- with one of a-z @ [ \\ ] ^ _, with commas between them.',
        exitCode: 125,
      })
    }
    return letter.toLowerCase().charCodeAt(0) & 0x1f
  })
}

/**
 * Looks for the keys in what is typed. Keys that may be the beginning of them are held back until the next one decides; those
 * that turn out not to be follow as they were typed.
 */
export class DetachWatch {
  readonly #keys: readonly number[]
  #matched = 0

  constructor(keys: readonly number[]) {
    this.#keys = keys
  }

  /** What is to be handed on, and whether the keys were found behind it. */
  push(chunk: Uint8Array): { readonly bytes: Uint8Array; readonly detached: boolean } {
    const bytes: number[] = []
    for (const byte of chunk) {
      if (byte === this.#keys[this.#matched]) {
        this.#matched += 1
        if (this.#matched === this.#keys.length) return { bytes: Uint8Array.from(bytes), detached: true }
        continue
      }
      bytes.push(...this.#keys.slice(0, this.#matched))
      this.#matched = byte === this.#keys[0] ? 1 : 0
      if (this.#matched === 0) bytes.push(byte)
    }
    return { bytes: Uint8Array.from(bytes), detached: false }
  }
}
