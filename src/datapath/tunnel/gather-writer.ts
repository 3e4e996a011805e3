import { GATHER_WORDS_MAX } from '../../limits.ts'
import type { Egress } from '../egress.ts'
import type { FrameMemory } from '../frame-memory.ts'
import * as frameMemory from '../frame-memory.ts'
import type { SegmentHeaders } from './segment-headers.ts'

// Constants of this module, whose values V8 compiles in; an imported one it would load and check at each use.
const { GATHER_HEADER_WORDS, GATHER_PIECES, GATHER_SEGMENT_SIZE, PIECE_WORDS } = frameMemory

/** Writes gather records (frame-memory.ts), one behind the other. That there is room for what one frame needs is what `Egress.hasRoom` says. */
export class GatherWriter {
  private readonly gathers: Int32Array
  private readonly egress: Egress

  constructor(memory: FrameMemory, egress: Egress) {
    this.gathers = memory.gathers
    this.egress = egress
  }

  /** A record without pieces: where it is, in words. `segmentSize`: 0 of one datagram, or frame. */
  begin(segmentSize: number): number {
    const { gathers, egress } = this
    const record = egress.freeGathers
    gathers[record + GATHER_SEGMENT_SIZE] = segmentSize
    gathers[record + GATHER_PIECES] = 0
    egress.takeGathers(record + GATHER_HEADER_WORDS)
    return record
  }

  /** Adds a piece to the record that was begun last. */
  add(record: number, offset: number, length: number, checksum: number): void {
    const { gathers } = this
    const pieces = gathers[record + GATHER_PIECES]!
    const piece = record + GATHER_HEADER_WORDS + pieces * PIECE_WORDS
    if (piece + PIECE_WORDS > GATHER_WORDS_MAX) return
    gathers[piece] = offset
    gathers[piece + 1] = length
    gathers[piece + 2] = checksum
    gathers[record + GATHER_PIECES] = pieces + 1
    this.egress.takeGathers(piece + PIECE_WORDS)
  }

  /**
   * Adds segments `from` to `to` (not included) of the super-frame at `offset` to the record that was begun last, each in two pieces: its headers with
   * `prefix` bytes in front, and its payload, with which its checksum is to be completed. Returns the bytes of all.
   */
  addSegments(
    record: number,
    segments: SegmentHeaders,
    from: number,
    to: number,
    prefix: number,
    offset: number,
  ): number {
    const { gathers } = this
    const { count, firstOffset, stride, headersSize, payloadSize, lastPayloadSize, field } = segments
    let piece = record + GATHER_HEADER_WORDS
    if (piece + (to - from) * 2 * PIECE_WORDS > GATHER_WORDS_MAX) return 0
    for (let i = from; i < to; i++) {
      const at = firstOffset + i * stride
      gathers[piece] = at - prefix
      gathers[piece + 1] = prefix + headersSize
      gathers[piece + 2] = 0
      gathers[piece + 3] = offset + headersSize + i * payloadSize
      gathers[piece + 4] = i === count - 1 ? lastPayloadSize : payloadSize
      // UDP's is said by the complement.
      gathers[piece + 5] = segments.isTcp ? at + field : ~(at + field)
      piece += 2 * PIECE_WORDS
    }
    gathers[record + GATHER_PIECES] = (to - from) * 2
    this.egress.takeGathers(piece)
    const payload = (to - from) * payloadSize - (to === count ? payloadSize - lastPayloadSize : 0)
    return (to - from) * (prefix + headersSize) + payload
  }
}
