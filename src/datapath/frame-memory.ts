/**
 * The memory that all frames live in: one ArrayBuffer, which the kernel reads into and writes from, and which
 * the data path changes in place. A frame is never copied between ports; what moves is its descriptor.
 *
 *     | status | events | received | transmits | slot 0 | slot 1 | ... | arena | gathers | sums |
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

import {
  ARENA_SIZE,
  BURST_MAX,
  GATHER_WORDS_MAX,
  PORT_EVENTS_MAX,
  SLOTS_DEFAULT,
  SLOTS_MAX,
  TRANSMIT_MAX,
  TUNNEL_DATAGRAMS_MAX,
} from '../limits.ts'
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

/**
 * Ports of a tunnel carry more than a frame.
 *
 * Received: the frame is the payload of a UDP datagram, or of several of one size, `segmentSize` bytes each but the last, that came as
 * one (UDP_GRO). Word 3 of its descriptor is where 32 bytes stand that say more of it:
 *
 *     | segment size int32, 0: one datagram | source port int32 | source address 16 | outer TOS int32 | sums int32 |
 *
 * Integers are of the machine's order. `sums` is where the 16-bit ones' complement sums (RFC 1071) of the datagrams' bytes stand, one for each
 * of several, TUNNEL_DATAGRAMS_MAX at most; 0 where there is one datagram.
 *
 * Transmitted, to a port that was attached as a peer: the descriptor's offset is where the VXLAN header begins, and the int32 before it
 * is the send word:
 *
 *     | source socket, bits 0 to 7 | outer TOS, bits 8 to 15 | 1 + where its gather record is, or 0: bits 16 to 31 |
 */
export const FACT_SEGMENT_SIZE = 0
export const FACT_SOURCE_PORT = 4
export const FACT_SOURCE_ADDRESS = 8
export const FACT_TOS = 24
export const FACT_SUMS = 28
export const SEND_WORD = -4
export const SEND_TOS_SHIFT = 8
export const SEND_RECORD_SHIFT = 16

/**
 * A gather record says of a transmission of which pieces it is put together, so that no payload is copied here: int32 words in the region
 * `gathers`, at a multiple of GATHER_ALIGN words.
 *
 *     | segment size, 0: one datagram | pieces | offset, length, checksum | offset, length, checksum | ...
 *
 * `checksum` is 0, or where the checksum field is that covers the piece: what it gets is the complement of the sum of the piece's bytes
 * and, where it does not lie in the piece itself, of what stands in the field. Negative (the complement of the offset): UDP's, where 0 is sent
 * as 0xffff (RFC 768). Each `segment size` bytes of all pieces together leave as one datagram (UDP_SEGMENT).
 *
 * A frame to a TAP has one where FLAG_GATHER is set in the flags of its virtio-net header: the int32 six bytes before that header is where
 * the record begins. Its pieces begin with the virtio-net header, from which the backend takes the flag.
 */
export const GATHER_SEGMENT_SIZE = 0
export const GATHER_PIECES = 1
export const GATHER_HEADER_WORDS = 2
export const PIECE_WORDS = 3
export const GATHER_ALIGN = 4
export const GATHER_WORD = -(VIRTIO_NET_HEADER_SIZE + 6)
export const FLAG_GATHER = 0x80

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
  /** Behind the arena, and touched by nobody who has no tunnels. */
  readonly gathers: number
  readonly sums: number
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
  const gathers = pageAligned(arena + ARENA_SIZE)
  const sums = pageAligned(gathers + GATHER_WORDS_MAX * 4)
  return {
    status,
    events,
    received,
    transmits,
    slots,
    slotCount,
    arena,
    gathers,
    sums,
    size: pageAligned(sums + BURST_MAX * TUNNEL_DATAGRAMS_MAX * 2),
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
  /** Gather records of the transmissions. Written by the data path; a piece's checksum becomes 0 when the I/O backend has carried it out. */
  readonly gathers: Int32Array
  /** Sums of datagrams that came as one. Written by the I/O backend. */
  readonly sums: Uint16Array

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
    this.gathers = new Int32Array(buffer, layout.gathers, GATHER_WORDS_MAX)
    this.sums = new Uint16Array(buffer, layout.sums, BURST_MAX * TUNNEL_DATAGRAMS_MAX)
  }

  /** Offset of the frame in slot `slot`. */
  slotFrame(slot: number): number {
    return this.layout.slots + slot * SLOT_SIZE + FRAME_IN_SLOT
  }
}
