import type { CaptureReader } from '../../inspect/pcap/capture-reader.ts'
import { CAPTURE_NAME_LETTERS_MAX, CAPTURE_NAMES_MAX } from '../../limits.ts'

/** The names that a capture gives to addresses. They are kept until its end, so that their number and size have limits. */
export class CaptureNames {
  readonly #byAddress = new Map<string, string>()

  get byAddress(): ReadonlyMap<string, string> {
    return this.#byAddress
  }

  /** Of the block of names that the reader stands at. */
  learn(reader: CaptureReader): void {
    for (const { address, names } of reader.names) {
      const [name] = names
      if (name === undefined || name.length > CAPTURE_NAME_LETTERS_MAX) continue
      if (this.#byAddress.size < CAPTURE_NAMES_MAX) this.#byAddress.set(address, name)
    }
  }

  addressesOf(name: string): string[] {
    return Array.from(this.#byAddress).flatMap(([address, known]) => (known === name ? [address] : []))
  }
}
