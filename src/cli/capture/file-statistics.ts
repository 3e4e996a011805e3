/** What a file of a ring ends with: how many packets of each interface are in it, and from when to when. */

import { BlockType } from '../../inspect/pcap/pcapng-block.ts'

/** Block, three options of eight bytes (pcapng, 4.6), and the end of options. */
export const FILE_STATISTICS_SIZE = 64

const OPTION_STARTED = 2
const OPTION_ENDED = 3
const OPTION_DELIVERED = 8
const VALUE_SIZE = 8

interface Count {
  packets: number
  /** Timestamps of 64 bits as they stand in the file, of packets. */
  readonly first: Uint8Array
  last: Uint8Array
}

export class FileStatistics {
  readonly #counts = new Map<number, Count>()

  /** The packet block at `start`. */
  count(view: DataView, start: number): void {
    const id = view.getUint32(start + 8, true)
    const time = new Uint8Array(view.buffer, view.byteOffset + start + 12, VALUE_SIZE)
    const known = this.#counts.get(id)
    if (known === undefined) {
      this.#counts.set(id, { packets: 1, first: time.slice(), last: time.slice() })
      return
    }
    known.packets += 1
    known.last.set(time)
  }

  /** The blocks, by interface; what is counted from now on is of the next file. */
  take(): Uint8Array {
    const blocks = [...this.#counts].toSorted(([a], [b]) => a - b).map(([id, count]) => blockOf(id, count))
    this.#counts.clear()
    return Buffer.concat(blocks)
  }
}

function blockOf(id: number, { packets, first, last }: Count): Uint8Array {
  const bytes = new Uint8Array(FILE_STATISTICS_SIZE)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, BlockType.interfaceStatistics, true)
  view.setUint32(4, FILE_STATISTICS_SIZE, true)
  view.setUint32(8, id, true)
  bytes.set(last, 12)
  const delivered = new Uint8Array(VALUE_SIZE)
  new DataView(delivered.buffer).setBigUint64(0, BigInt(packets), true)
  let at = 20
  for (const [code, value] of [
    [OPTION_STARTED, first],
    [OPTION_ENDED, last],
    [OPTION_DELIVERED, delivered],
  ] as const) {
    view.setUint16(at, code, true)
    view.setUint16(at + 2, VALUE_SIZE, true)
    bytes.set(value, at + 4)
    at += 4 + VALUE_SIZE
  }
  view.setUint32(FILE_STATISTICS_SIZE - 4, FILE_STATISTICS_SIZE, true)
  return bytes
}
