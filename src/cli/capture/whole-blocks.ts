/** A pcapng stream as the daemon writes it, little-endian, in pieces that end where a block ends. */

import { BlockType } from '../../inspect/pcap/pcapng-block.ts'
import { optionsOf, StatisticsOption } from '../../inspect/pcap/pcapng-options.ts'
import { CAPTURE_BLOCK_MAX } from '../../limits.ts'

/** Type and length in front, and the length again behind (pcapng, 3.1). */
const BLOCK_SIZE_MIN = 12
const HEADER_SIZE = 8
const STATISTICS_OPTIONS = 20

export class WholeBlocks {
  #rest: Uint8Array = new Uint8Array(0)

  /** The blocks that are whole with this chunk, which may be none. Throws RangeError where it is no pcapng. */
  push(chunk: Uint8Array): Uint8Array {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const end = blocksEnd(bytes, bytes.length)
    // A copy: the chunk is not to be kept for the sake of its last bytes.
    this.#rest = bytes.slice(end)
    return bytes.subarray(0, end)
  }
}

/** Where the last block ends that ends within the first `limit` of the bytes, which begin with a block. */
export function blocksEnd(bytes: Uint8Array, limit: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 0
  while (at + HEADER_SIZE <= limit) {
    const length = view.getUint32(at + 4, true)
    if (length < BLOCK_SIZE_MIN || length > CAPTURE_BLOCK_MAX || length % 4 !== 0) {
      throw new RangeError(`a block of ${length} bytes`)
    }
    if (at + length > limit) break
    at += length
  }
  return at
}

/** Calls back with each block's type, and where it is. */
export function eachBlock(
  blocks: Uint8Array,
  call: (type: number, start: number, end: number, view: DataView) => void,
): void {
  const view = new DataView(blocks.buffer, blocks.byteOffset, blocks.byteLength)
  for (let at = 0; at < blocks.length; ) {
    const end = at + view.getUint32(at + 4, true)
    call(view.getUint32(at, true), at, end, view)
    at = end
  }
}

/** What a capture has come to so far. */
export class CaptureTally {
  packets: number = 0
  bytes: number = 0
  /** Copies for which the capture's buffer had no room; what the capture ends with says so. */
  dropped: number | undefined

  add(blocks: Uint8Array): void {
    this.bytes += blocks.length
    eachBlock(blocks, (type, start, end, view) => {
      if (type === BlockType.enhancedPacket) this.packets += 1
      else if (type === BlockType.interfaceStatistics) {
        this.dropped = (this.dropped ?? 0) + droppedOf(view, start, end)
      }
    })
  }
}

function droppedOf(view: DataView, start: number, end: number): number {
  for (const { code, at, length } of optionsOf(view, start + STATISTICS_OPTIONS, end - 4, true)) {
    if (code === StatisticsOption.dropped && length === 8) return Number(view.getBigUint64(at, true))
  }
  return 0
}
