/**
 * The memory that all frames live in: one ArrayBuffer, which the kernel reads into and writes from, and which
 * the data path changes in place. A frame is never copied between ports; what moves is its descriptor.
 *
 *     | status | events | received | transmits | slot 0 | slot 1 | ... | arena |
 *
 *     a slot    | headroom 128 | virtio-net 10 | Ethernet frame, up to 65,654 |
 *               ^ slot         ^ read goes here ^ the frame's offset
 *
 * Every frame in the memory, in a slot or in the arena, has its virtio-net header in the ten bytes before
 * its offset, also where the port it came from does not speak that header (it is all zero then).
 *
 * Ownership: the frames of a burst belong to the data path from the poll that returned them to the next
 * poll. That poll transmits what the transmit list names and takes all slots and the arena back. Whatever must
 * live longer is copied out. So no frame is ever freed, and none can leak.
 */

import { ARENA_SIZE, BURST_MAX, PORT_EVENTS_MAX, SLOTS_DEFAULT, SLOTS_MAX, TRANSMIT_MAX } from '../limits.ts'
import { HEADER_SIZE as VIRTIO_NET_HEADER_SIZE } from '../wire/virtio-net.ts'

/** Words (int32) of one descriptor, in `received` and `transmits` alike. */
export const DESCRIPTOR_WORDS = 4
export const DESCRIPTOR_SHIFT = 2

/** Word 0: the port's number. */
export const PORT = 0
/** Word 1: where the Ethernet frame begins, in bytes from the start of the memory. */
export const OFFSET = 1
/** Word 2: the Ethernet frame's length in bytes, without virtio-net header and FCS. */
export const LENGTH = 2
/** Word 3 of a received frame: 0, or the DropReason with which the data path did not accept it. */
export const REASON = 3
/** Word 3 of a transmission: 0, or the negative errno with which the device refused the frame. */
export const RESULT = 3

/** Status word: 1 where the wake descriptor was signalled; the poll that reports it clears the signal. */
export const STATUS_WOKEN = 0
/** Status word: how many of the last transmits carry a RESULT other than 0. */
export const STATUS_TRANSMIT_FAILURES = 1
/** Status word: how many port events stand in `events`, two words each: port, errno. */
export const STATUS_EVENTS = 2
const STATUS_WORDS = 16
export const EVENT_WORDS = 2

/** Room in front of each received frame, for encapsulation: 128 bytes hold VXLAN over IPv6 and a virtio-net header. */
export const HEADROOM = 128

export { VIRTIO_NET_HEADER_SIZE }

/** Where the frame begins in its slot: 8-byte aligned header, so that the IP header is 8-byte aligned too. */
export const FRAME_IN_SLOT = HEADROOM + VIRTIO_NET_HEADER_SIZE

/**
 * 64 KiB of IP, Ethernet, two VLAN tags and the room in front. A multiple of the cache line, and on purpose no power
 * of two: the first bytes of the slots, which are all that the switch reads, then spread over all cache sets.
 */
export const SLOT_SIZE = 257 * 256

/** Longest frame that a slot holds. */
export const FRAME_MAX = SLOT_SIZE - FRAME_IN_SLOT

/** Where each region begins, in bytes. The native addon is told these numbers and knows none of its own. */
export interface FrameLayout {
  readonly status: number
  readonly events: number
  readonly received: number
  readonly transmits: number
  readonly slots: number
  readonly slotCount: number
  readonly arena: number
  readonly size: number
}

const PAGE = 4096
const pageAligned = (size: number): number => Math.ceil(size / PAGE) * PAGE

export function frameLayout(slotCount: number = SLOTS_DEFAULT): FrameLayout {
  if (slotCount < 1 || slotCount > SLOTS_MAX) {
    throw new RangeError(`a frame memory has 1 to ${SLOTS_MAX} slots, not ${slotCount}`)
  }
  const status = 0
  const events = status + STATUS_WORDS * 4
  const received = pageAligned(events + PORT_EVENTS_MAX * EVENT_WORDS * 4)
  const transmits = received + BURST_MAX * DESCRIPTOR_WORDS * 4
  const slots = pageAligned(transmits + TRANSMIT_MAX * DESCRIPTOR_WORDS * 4)
  const arena = pageAligned(slots + slotCount * SLOT_SIZE)
  return {
    status,
    events,
    received,
    transmits,
    slots,
    slotCount,
    arena,
    size: pageAligned(arena + ARENA_SIZE),
  }
}

export class FrameMemory {
  readonly layout: FrameLayout
  /** All bytes, for headers: big-endian by default, like the network. */
  readonly view: DataView
  /** All bytes, for copying. */
  readonly bytes: Uint8Array
  readonly status: Int32Array
  readonly events: Int32Array
  /** Descriptors of the burst that the last poll returned. Written by the I/O backend. */
  readonly received: Int32Array
  /** Descriptors that the next poll transmits. Written by the data path; RESULT by the I/O backend. */
  readonly transmits: Int32Array

  constructor(layout: FrameLayout, buffer: ArrayBuffer = new ArrayBuffer(layout.size)) {
    if (buffer.byteLength < layout.size) {
      throw new RangeError(`the frame memory needs ${layout.size} bytes, the buffer has ${buffer.byteLength}`)
    }
    this.layout = layout
    this.view = new DataView(buffer)
    this.bytes = new Uint8Array(buffer)
    this.status = new Int32Array(buffer, layout.status, STATUS_WORDS)
    this.events = new Int32Array(buffer, layout.events, PORT_EVENTS_MAX * EVENT_WORDS)
    this.received = new Int32Array(buffer, layout.received, BURST_MAX * DESCRIPTOR_WORDS)
    this.transmits = new Int32Array(buffer, layout.transmits, TRANSMIT_MAX * DESCRIPTOR_WORDS)
  }

  /** Offset of the frame in slot `slot`. */
  slotFrame(slot: number): number {
    return this.layout.slots + slot * SLOT_SIZE + FRAME_IN_SLOT
  }
}
