/** A copy as a wire would carry it. */

import { VIRTIO_NET_HEADER_SIZE } from '../../datapath/frame-memory.ts'
import * as virtioNet from '../../wire/virtio-net.ts'
import { FinishedFrames } from '../capture/finished-frames.ts'
import type { SourceCopy } from './story-source.ts'

export interface FinishedCopy {
  readonly bytes: Uint8Array
  /** Payload bytes of each frame that a super-frame would be on a wire; 0: it is none. */
  readonly segmentSize: number
}

/** One for all: what it holds is copied at once. Made when it is needed first. */
let frames: FinishedFrames | undefined

/** A super-frame stays whole: what was decided, was decided on it. */
export function finishedCopy({ bytes, virtioHeader }: SourceCopy): FinishedCopy {
  if (virtioHeader === undefined) return { bytes, segmentSize: 0 }
  const view = new DataView(virtioHeader.buffer, virtioHeader.byteOffset, virtioHeader.byteLength)
  if (!virtioNet.check(view, 0, virtioHeader.length) || virtioNet.offloads(view, 0) === 0) {
    return { bytes, segmentSize: 0 }
  }
  if (virtioNet.gsoType(view, 0) !== virtioNet.GSO_NONE) {
    return { bytes, segmentSize: virtioNet.gsoSize(view, 0) }
  }
  frames ??= new FinishedFrames()
  const whole = new Uint8Array(VIRTIO_NET_HEADER_SIZE + bytes.length)
  whole.set(virtioHeader)
  whole.set(bytes, VIRTIO_NET_HEADER_SIZE)
  frames.take(whole)
  const offset = frames.offset(0)
  return { bytes: frames.bytes.slice(offset, offset + frames.length(0)), segmentSize: 0 }
}
