/**
 * The memory of captures' rings. It is kept for the next capture: what two threads share goes only when both have collected their garbage,
 * and the data path's thread makes none.
 */

import { clearRing, ringSize } from '../../datapath/capture/capture-ring.ts'
import { CAPTURE_RING_SIZE } from '../../limits.ts'

export class CaptureRings {
  readonly #free: SharedArrayBuffer[] = []

  /** Empty. */
  take(): SharedArrayBuffer {
    const ring = this.#free.pop()
    if (ring === undefined) return new SharedArrayBuffer(ringSize(CAPTURE_RING_SIZE))
    clearRing(ring)
    return ring
  }

  /** When neither its writer nor its reader will look at it any more. */
  giveBack(ring: SharedArrayBuffer): void {
    this.#free.push(ring)
  }
}
