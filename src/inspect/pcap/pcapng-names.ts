import { CAPTURE_NAMES_MAX } from '../../limits.ts'
import { formatIpv4, formatIpv6, formatMac } from '../../wire/address.ts'
import type { CaptureName } from './capture-file.ts'
import { damaged } from './capture-file-error.ts'
import { type Block, blockOptions, offsetOf } from './pcapng-block.ts'
import { NamesOption, padded, textOption } from './pcapng-options.ts'

/** Types of records (pcapng, 4.5), and bytes of their addresses. */
export const NameRecord = { end: 0, ipv4: 1, ipv6: 2, eui48: 3, eui64: 4 } as const
const ADDRESS_LENGTHS: readonly number[] = [0, 4, 16, 6, 8]

const RECORD_HEADER = 4

export interface NameBlock {
  readonly names: readonly CaptureName[]
  /** The name server that was asked; empty where the block does not say. */
  readonly server: string
}

/** The name resolution block (pcapng, 4.5): records of an address and its names, each ended by a NUL, and then options. */
export function readNames(block: Block): NameBlock {
  const { bytes, view } = block.buffer
  const names: CaptureName[] = []
  /** Names of all addresses so far. */
  let count = 0
  let at = block.body
  for (;;) {
    // Some writers leave the last record out, of type "end", where nothing comes behind it.
    if (block.end - at < RECORD_HEADER) break
    const type = view.getUint16(at, block.littleEndian)
    const length = view.getUint16(at + 2, block.littleEndian)
    at += RECORD_HEADER
    if (type === NameRecord.end) break
    if (padded(length) > block.end - at) {
      throw damaged(offsetOf(block), 'is a block of names with a record that is longer than the block')
    }
    const addressLength = ADDRESS_LENGTHS[type]
    if (addressLength !== undefined && length >= addressLength) {
      if (names.length === CAPTURE_NAMES_MAX)
        throw damaged(offsetOf(block), `is a block with names of more than ${CAPTURE_NAMES_MAX} addresses`)
      const address = addressText(type, bytes, view, at)
      const found = namesOf(bytes, at + addressLength, at + length)
      count += found.length
      if (count > CAPTURE_NAMES_MAX)
        throw damaged(offsetOf(block), `is a block with more than ${CAPTURE_NAMES_MAX} names`)
      names.push({ address, names: found })
    }
    at += padded(length)
  }
  let server = ''
  for (const option of blockOptions(block, at)) {
    if (option.code === NamesOption.server) server = textOption(bytes, option.at, option.length)
  }
  return { names, server }
}

function addressText(type: number, bytes: Uint8Array, view: DataView, at: number): string {
  switch (type) {
    case NameRecord.ipv4:
      return formatIpv4(view.getUint32(at))
    case NameRecord.ipv6:
      return formatIpv6(bytes.subarray(at, at + 16))
    case NameRecord.eui48:
      return formatMac(view.getUint16(at), view.getInt32(at + 2))
    default:
      return Array.from(bytes.subarray(at, at + 8), (byte) => byte.toString(16).padStart(2, '0')).join(':')
  }
}

function namesOf(bytes: Uint8Array, start: number, end: number): string[] {
  const names: string[] = []
  let at = start
  while (at < end) {
    const nul = bytes.indexOf(0, at)
    const stop = nul === -1 || nul > end ? end : nul
    if (stop > at) names.push(textOption(bytes, at, stop - at))
    at = stop + 1
  }
  return names
}
