import { CaptureBuffer } from './capture-buffer.ts'
import type {
  CapturedPacket,
  CaptureFormat,
  CaptureInterface,
  CaptureName,
  CaptureStatistics,
  OtherBlock,
} from './capture-file.ts'
import { cutShort } from './capture-file-error.ts'
import { emptyCapture, MAGIC_LENGTH, MAGIC_LOOK, notACapture } from './capture-magic.ts'
import { isPcap, PcapReader } from './pcap-reader.ts'
import { BlockType } from './pcapng-block.ts'
import { PcapngReader } from './pcapng-reader.ts'
import { ReadResult } from './read-result.ts'

export { ReadResult } from './read-result.ts'

/**
 * Reads pcap and pcapng, in chunks of any size:
 *
 *     for (;;) {
 *       const result = reader.next()
 *       if (result === ReadResult.needMore) reader.push(chunk)      // or reader.end()
 *       else if (result === ReadResult.packet) look(reader.packet)
 *       else if (result === ReadResult.end) break
 *     }
 *
 * Of the file it keeps one block, the chunk that was pushed last, and what interfaces there are. The bytes may be read from a file straight
 * into its buffer, with `space` and `filled`. Plain packets cost no allocation.
 */
export class CaptureReader {
  #buffer = new CaptureBuffer()
  #pcap: PcapReader | undefined
  #pcapng: PcapngReader | undefined

  /** Hands in the next bytes, which are copied. */
  push(chunk: Uint8Array): void {
    this.#buffer.push(chunk)
  }

  /** Room of at least `size` bytes in the reader's own buffer, to be filled from its start; `filled` then says how far. */
  space(size: number): Uint8Array {
    return this.#buffer.space(size)
  }

  filled(length: number): void {
    this.#buffer.end += length
  }

  /** There are no more bytes. */
  end(): void {
    this.#buffer.ended = true
  }

  /** Goes on to what comes next. Throws CaptureFileError, and the same each time, where the file is wrong. */
  next(): ReadResult {
    if (this.#pcap !== undefined) return this.#pcap.next()
    if (this.#pcapng !== undefined) return this.#pcapng.next()
    return this.#begin()
  }

  /** The same object each time. It holds from a `packet` to the next call of anything but what only reads. */
  get packet(): CapturedPacket {
    return this.#format().packet
  }

  /** Of the whole buffer that `packet.bytes` is, with the same offsets; holds as long as that. */
  get view(): DataView {
    return this.#buffer.view
  }

  /** All that were described so far, by their number over all sections. */
  get interfaces(): readonly CaptureInterface[] {
    return this.#pcap?.interfaces ?? this.#pcapng?.interfaces ?? []
  }

  /** After `names`: those of this block. */
  get names(): readonly CaptureName[] {
    return this.#pcapng?.names.names ?? []
  }

  /** After `names`: the name server that they are from; empty where the block does not say. */
  get nameServer(): string {
    return this.#pcapng?.names.server ?? ''
  }

  /** After `statistics`: those of this block. */
  get statistics(): CaptureStatistics | undefined {
    return this.#pcapng?.statistics
  }

  /** After `other`: the block that is stepped over. */
  get block(): OtherBlock | undefined {
    return this.#pcapng?.block
  }

  /** From the first `section` on. */
  get format(): CaptureFormat | undefined {
    return this.#pcap?.format ?? this.#pcapng?.format
  }

  /** Finds the format by its first bytes. */
  #begin(): ReadResult {
    const buffer = this.#buffer
    const present = buffer.end - buffer.start
    if (present < MAGIC_LENGTH) {
      if (!buffer.ended) return ReadResult.needMore
      throw present === 0 ? emptyCapture() : cutShort(0, "the file's magic number", MAGIC_LENGTH, present)
    }
    if (buffer.view.getUint32(buffer.start) === BlockType.sectionHeader)
      this.#pcapng = new PcapngReader(buffer)
    else if (isPcap(buffer.view, buffer.start)) this.#pcap = new PcapReader(buffer)
    else if (present < MAGIC_LOOK && !buffer.ended) return ReadResult.needMore
    else throw notACapture(buffer.bytes.subarray(buffer.start, buffer.end))
    return this.next()
  }

  #format(): PcapReader | PcapngReader {
    const format = this.#pcap ?? this.#pcapng
    if (format === undefined) throw new Error('no packet was read yet')
    return format
  }
}
