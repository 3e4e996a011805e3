/** What Wireshark says to an external capture program: `--name value` and `--name=value`, some names without a value. */

import { usage } from '../options.ts'

const FLAGS: ReadonlySet<string> = new Set([
  'extcap-interfaces',
  'extcap-dlts',
  'extcap-config',
  'capture',
  'drops',
  'raw',
  'help',
])

export class ExtcapArguments {
  readonly #values = new Map<string, string>()

  /** Of the same name the last one counts. Throws USAGE for a name without the value that it takes. */
  constructor(words: readonly string[]) {
    for (let at = 0; at < words.length; at++) {
      const [, name, glued] = /^--([a-z][a-z-]*)(?:=([\s\S]*))?$/.exec(words[at]!) ?? []
      // What a later Wireshark may say in addition is not for this version.
      if (name === undefined) continue
      if (glued !== undefined) this.#values.set(name, glued)
      else if (FLAGS.has(name)) this.#values.set(name, 'true')
      else if (at + 1 < words.length) this.#values.set(name, words[++at]!)
      // Wireshark gives its version like this, too.
      else if (name !== 'extcap-version') throw usage(`--${name} takes a value`)
    }
  }

  /** Undefined where it is not there. */
  value(name: string): string | undefined {
    return this.#values.get(name)
  }

  has(name: string): boolean {
    const value = this.#values.get(name)
    return value !== undefined && value !== 'false'
  }

  /** Throws USAGE where it is not there. */
  required(name: string): string {
    const value = this.#values.get(name)
    if (value === undefined || value === '') throw usage(`--${name} is missing`)
    return value
  }
}
