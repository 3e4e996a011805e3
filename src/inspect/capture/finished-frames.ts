/**
 * Frames as a wire would carry them: super-frames cut into segments, checksums that were left to the device filled in. What a TAP carries between
 * kernel and switch is neither, and packet dissectors would call it wrong.
 */

import { DropReason } from '../../datapath/drop-reason.ts'
import { FrameMemory, frameLayout, VIRTIO_NET_HEADER_SIZE } from '../../datapath/frame-memory.ts'
import { completeChecksum, offloadReason, Segmenter } from '../../datapath/offload.ts'
import { ARENA_SIZE } from '../../limits.ts'
import * as virtioNet from '../../wire/virtio-net.ts'

/** Of any length: that a frame is too long for its port is no reason not to show it. */
const FRAME_MAX = Number.MAX_SAFE_INTEGER

export class FinishedFrames {
  /** Which `frame` are there now. */
  count = 0
  readonly #memory = new FrameMemory(frameLayout(1))
  readonly #segmenter = new Segmenter(this.#memory)
  #isCut = false
  #length = 0

  /** Where `offset` counts. */
  get bytes(): Uint8Array {
    return this.#memory.bytes
  }

  /** Takes a frame in with its virtio-net header before it. One whose header makes no sense stays as it is. */
  take(frame: Uint8Array): void {
    const { bytes, view, layout } = this.#memory
    const offset = this.#memory.slotFrame(0)
    const header = offset - VIRTIO_NET_HEADER_SIZE
    const length = frame.length - VIRTIO_NET_HEADER_SIZE
    bytes.set(frame, header)
    this.#isCut = false
    this.#length = length
    this.count = 1
    if (virtioNet.offloads(view, header) === 0) return
    if (offloadReason(view, offset, length, FRAME_MAX) !== DropReason.none) return
    if (virtioNet.gsoType(view, header) === virtioNet.GSO_NONE) {
      completeChecksum(view, offset, length)
      return
    }
    const end = layout.arena + ARENA_SIZE
    if (this.#segmenter.segment(offset, length, layout.arena, end) !== DropReason.none) return
    this.#isCut = true
    this.count = this.#segmenter.count
  }

  offset(index: number): number {
    const { firstOffset, stride } = this.#segmenter
    return this.#isCut ? firstOffset + index * stride : this.#memory.slotFrame(0)
  }

  length(index: number): number {
    if (!this.#isCut) return this.#length
    return index === this.count - 1 ? this.#segmenter.lastLength : this.#segmenter.segmentLength
  }
}
