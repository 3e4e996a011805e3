/**
 * Options of pcapng blocks (pcapng, 3.5): code and length of two bytes each, a value, and bytes up to a multiple of four. An option of code
 * 0 ends them; where it is absent, the block's end does.
 */

/** Codes that every block has, and those of packets, interfaces and sections (pcapng, 3.5.1, 4.1 to 4.6). */
const END = 0
const COMMENT = 1

export const PacketOption = {
  comment: COMMENT,
  flags: 2,
  dropCount: 4,
  packetId: 5,
  queue: 6,
  verdict: 7,
} as const

export const SectionOption = { comment: COMMENT, hardware: 2, os: 3, application: 4 } as const

export const InterfaceOption = {
  comment: COMMENT,
  name: 2,
  description: 3,
  ipv4Address: 4,
  ipv6Address: 5,
  mac: 6,
  speed: 8,
  resolution: 9,
  filter: 11,
  os: 12,
  fcsLength: 13,
  timeOffset: 14,
  hardware: 15,
} as const

export const NamesOption = { comment: COMMENT, server: 2 } as const

export const StatisticsOption = {
  comment: COMMENT,
  started: 2,
  ended: 3,
  received: 4,
  dropped: 5,
  accepted: 6,
  droppedByOs: 7,
  delivered: 8,
} as const

export const OPTION_HEADER = 4

export interface OptionSpan {
  readonly code: number
  /** Of the value, in the view that was given. */
  readonly at: number
  readonly length: number
}

/** What a value's bytes take with those that fill up. */
export const padded = (length: number): number => (length + 3) & ~3

/** The options from `start` to `end`, up to the first that does not fit. `checkOptions` tells whether there is one. */
export function* optionsOf(
  view: DataView,
  start: number,
  end: number,
  littleEndian: boolean,
): Generator<OptionSpan> {
  let at = start
  while (at + OPTION_HEADER <= end) {
    const code = view.getUint16(at, littleEndian)
    const length = view.getUint16(at + 2, littleEndian)
    const value = at + OPTION_HEADER
    if (code === END || value + length > end) return
    yield { code, at: value, length }
    at = value + padded(length)
  }
}

/** Position of the first option that is longer than what there is; -1 where all are whole. Allocates nothing. */
export function brokenOption(view: DataView, start: number, end: number, littleEndian: boolean): number {
  let at = start
  while (at + OPTION_HEADER <= end) {
    const code = view.getUint16(at, littleEndian)
    if (code === END) return -1
    const next = at + OPTION_HEADER + padded(view.getUint16(at + 2, littleEndian))
    if (next > end) return at
    at = next
  }
  return -1
}

/** The flags of a packet's options, which are whole; 0 where there are none. Allocates nothing. */
export function packetFlags(view: DataView, start: number, end: number, littleEndian: boolean): number {
  let at = start
  while (at + OPTION_HEADER <= end) {
    const code = view.getUint16(at, littleEndian)
    const length = view.getUint16(at + 2, littleEndian)
    if (code === END) return 0
    if (code === PacketOption.flags && length === 4) return view.getUint32(at + OPTION_HEADER, littleEndian)
    at += OPTION_HEADER + padded(length)
  }
  return 0
}

// A comment that begins with the mark of UTF-8 is to be written as it was read.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** Text is not ended by a NUL, but some programs write one. */
export function textOption(bytes: Uint8Array, at: number, length: number): string {
  let end = at + length
  while (end > at && bytes[end - 1] === 0) end--
  return decoder.decode(bytes.subarray(at, end))
}
