import { UNPLACED_SOURCES_MAX } from '../../limits.ts'
import { macAt } from '../../wire/address.ts'
import * as ethernet from '../../wire/ethernet.ts'
import { sourceAddress } from './place-finder.ts'

const SOURCE_MAC = 6

export interface UnplacedSource {
  readonly mac: string
  /** Of its first packet; empty where that had none. */
  readonly address: string
  readonly frames: number
}

/** Frames that come from nowhere in the lab, and from whom they are. */
export class Unplaced {
  frames = 0
  readonly #sources = new Map<string, { readonly address: string; frames: number }>()

  /** Those that sent the most first. */
  get sources(): readonly UnplacedSource[] {
    return [...this.#sources]
      .map(([mac, { address, frames }]) => ({ mac, address, frames }))
      .toSorted((a, b) => b.frames - a.frames || (a.mac < b.mac ? -1 : 1))
  }

  add(view: DataView, offset: number, length: number): void {
    this.frames++
    if (length < ethernet.HEADER_SIZE) return
    const mac = macAt(view, offset + SOURCE_MAC)
    const source = this.#sources.get(mac)
    if (source !== undefined) source.frames++
    else if (this.#sources.size < UNPLACED_SOURCES_MAX) {
      this.#sources.set(mac, { address: sourceAddress(view, offset, length) ?? '', frames: 1 })
    }
  }
}
