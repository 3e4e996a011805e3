/** Which packets of a capture are wanted: `--packet`, `--filter`, `--count`. */

import { ErrorCode, TapwireError } from '../../control/errors.ts'
import type { FilterNames } from '../../inspect/filter/compile-filter.ts'
import { FilterError } from '../../inspect/filter/filter-error.ts'
import { PacketFilter } from '../../inspect/filter/packet-filter.ts'
import type { CaptureReader } from '../../inspect/pcap/capture-reader.ts'
import { usage } from '../options.ts'

export interface PacketRange {
  readonly first: number
  readonly last: number
}

/** `7`, `7-9`, `7-` and `-9`. Throws USAGE. */
export function parsePacketRange(text: string): PacketRange {
  const [, first = '', dash = '', last = ''] = /^(\d{0,15})(-?)(\d{0,15})$/.exec(text) ?? []
  const range = {
    first: first === '' ? 1 : Number(first),
    last: last === '' ? (dash === '' ? Number(first) : Number.MAX_SAFE_INTEGER) : Number(last),
  }
  if ((first === '' && last === '') || range.first < 1 || range.last < range.first) {
    throw usage(`'${text}' is no range of packets`, 'Packets are counted from 1: 7, 7-9, 7- or -9.')
  }
  return range
}

/** Throws TapwireError with the place pointed at. */
export function packetFilter(text: string, names?: FilterNames): PacketFilter {
  try {
    return new PacketFilter(text, names)
  } catch (error) {
    if (!(error instanceof FilterError)) throw error
    const place = error.excerpt.replaceAll(/^/gm, '    ')
    throw new TapwireError(ErrorCode.filterInvalid, `${error.message} in the filter:\n${place}`, {
      hint: error.hint,
    })
  }
}

export class PacketChoice {
  readonly #range: PacketRange
  readonly #filter: string
  readonly #names: FilterNames
  #compiled: PacketFilter | undefined
  /** Packets that may still be chosen. */
  #left: number
  /** Packets so far, chosen or not: the number of the one that is looked at, from 1. */
  number: number = 0

  constructor(range: PacketRange, filter: string, count: number, names: FilterNames) {
    this.#range = range
    this.#filter = filter
    this.#left = count
    this.#names = names
  }

  /** Number of the first packet that is asked for. */
  get first(): number {
    return this.#range.first
  }

  /** No packet behind this one is wanted. */
  get complete(): boolean {
    return this.#left <= 0 || this.number >= this.#range.last
  }

  /** Whether the reader's packet, the next one, is wanted. */
  wants(reader: CaptureReader, linkType: number): boolean {
    this.number += 1
    if (this.number < this.#range.first || this.#left <= 0) return false
    const { offset, capturedLength, originalLength } = reader.packet
    if (!this.filter().accepts(reader.view, offset, capturedLength, originalLength, linkType)) return false
    this.#left -= 1
    return true
  }

  /** Compiled when it is first wanted: the names that the capture begins with are known by then. Throws FILTER_INVALID. */
  filter(): PacketFilter {
    this.#compiled ??= packetFilter(this.#filter, this.#names)
    return this.#compiled
  }
}
