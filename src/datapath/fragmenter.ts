/**
 * IPv4 fragmentation (RFC 791, 3.2), for a packet without Don't Fragment that is longer than the MTU of its way out.
 *
 *     packet       | Ethernet | IPv4, options | payload                                     |
 *     fragment 0   | Ethernet | IPv4, options | a multiple of 8 bytes |
 *     fragment 1   | Ethernet | IPv4, copied options | the next bytes ...                   |
 *
 * The fragments are complete frames in the arena, in slots of one size, each with a virtio-net header of zeros in front:
 *
 *     | virtio-net 10, zero | fragment 0 | pad | virtio-net 10, zero | fragment 1 | pad | ...
 *                           ^ firstOffset
 *     |<------------- stride ----------------->|                                        ^ arenaNext
 */

import * as ipv4 from '../wire/ipv4.ts'
import * as virtioNet from '../wire/virtio-net.ts'
import { type FrameMemory, VIRTIO_NET_HEADER_SIZE } from './frame-memory.ts'
import { completeChecksum } from './offload.ts'

/** Fragment offsets count units of 8 bytes. */
const UNIT_MASK = ~7

const OPTION_END = 0
const OPTION_NO_OPERATION = 1
/** The bit of an option's type that says it belongs into every fragment. */
const OPTION_COPIED = 0x80

/** The fields describe the result of the last `fragment` that returned true. */
export class Fragmenter {
  /** Number of fragments, at least 1. Fragment i is at firstOffset + i * stride. */
  count = 0
  firstOffset = 0
  stride = 0
  /** Where the arena is free again. */
  arenaNext = 0

  readonly #view: DataView
  readonly #bytes: Uint8Array
  #linkSize = 0
  #firstHeader = 0
  #laterHeader = 0
  #firstPayload = 0
  #laterPayload = 0
  #payload = 0

  constructor(memory: FrameMemory) {
    this.#view = memory.view
    this.#bytes = memory.bytes
  }

  /** Length of fragment `index` as an Ethernet frame. */
  lengthOf(index: number): number {
    const header = index === 0 ? this.#firstHeader : this.#laterHeader
    return this.#linkSize + header + this.#payloadOf(index)
  }

  /**
   * Writes the fragments of the packet at `network` in the frame at `offset` into the memory from `arenaFrom` to `arenaEnd`,
   * of which the frame is no part. A checksum that NEEDS_CSUM left open is finished first, in the frame itself.
   *
   * The frame must have passed `offloadReason` and `ipv4.check`, and have no gso_type (cut it into segments before); the
   * packet must end within the 65,535 bytes of its datagram; `mtu` is PEER_MTU_MIN at least, less two VLAN tags. A packet that is a fragment itself
   * becomes smaller ones. One that is not too long comes out as one.
   *
   * Returns false, and has written nothing there, where the arena has too little room left.
   */
  fragment(
    offset: number,
    length: number,
    network: number,
    mtu: number,
    arenaFrom: number,
    arenaEnd: number,
  ): boolean {
    const view = this.#view
    this.#plan(offset, network, mtu)
    const from = aligned(arenaFrom)
    const arenaNext = from + this.count * this.stride
    if (arenaNext > arenaEnd) return false
    this.firstOffset = from + VIRTIO_NET_HEADER_SIZE
    this.arenaNext = arenaNext
    if (virtioNet.offloads(view, offset - VIRTIO_NET_HEADER_SIZE) !== 0)
      completeChecksum(view, offset, length)
    for (let i = 0; i < this.count; i++) this.#write(i, offset, network)
    return true
  }

  #plan(offset: number, network: number, mtu: number): void {
    const view = this.#view
    const total = ipv4.totalLength(view, network)
    this.#linkSize = network - offset
    this.#firstHeader = ipv4.headerSize(view, network)
    this.#laterHeader = ipv4.MIN_HEADER_SIZE + this.#copiedOptions(network, NOWHERE)
    this.#payload = total - this.#firstHeader
    this.#laterPayload = (mtu - this.#laterHeader) & UNIT_MASK
    if (total <= mtu) {
      this.#firstPayload = this.#payload
      this.count = 1
    } else {
      this.#firstPayload = (mtu - this.#firstHeader) & UNIT_MASK
      this.count = 1 + Math.ceil((this.#payload - this.#firstPayload) / this.#laterPayload)
    }
    this.stride = aligned(VIRTIO_NET_HEADER_SIZE + this.#linkSize + Math.min(mtu, total))
  }

  /** Where the payload of fragment `index` begins in that of the packet. */
  #payloadStart(index: number): number {
    return index === 0 ? 0 : this.#firstPayload + (index - 1) * this.#laterPayload
  }

  #payloadOf(index: number): number {
    const whole = index === 0 ? this.#firstPayload : this.#laterPayload
    return Math.min(whole, this.#payload - this.#payloadStart(index))
  }

  #write(index: number, offset: number, network: number): void {
    const view = this.#view
    const bytes = this.#bytes
    const to = this.firstOffset + index * this.stride
    const header = to + this.#linkSize
    const headerSize = index === 0 ? this.#firstHeader : this.#laterHeader
    const start = this.#payloadStart(index)
    const size = this.#payloadOf(index)
    const payload = network + this.#firstHeader + start

    virtioNet.clear(view, to - VIRTIO_NET_HEADER_SIZE)
    // Of a later fragment's options: those that are copied, which follow, and the padding of the last word.
    bytes.copyWithin(to, offset, network + (index === 0 ? headerSize : ipv4.MIN_HEADER_SIZE))
    if (index > 0) this.#copiedOptions(network, header + ipv4.MIN_HEADER_SIZE)
    bytes.copyWithin(header + headerSize, payload, payload + size)

    const isLast = index === this.count - 1
    const more = !isLast || ipv4.moreFragments(view, network)
    const kept = ipv4.dontFragment(view, network) ? ipv4.DONT_FRAGMENT : 0
    ipv4.setHeaderSize(view, header, headerSize)
    ipv4.setTotalLength(view, header, headerSize + size)
    ipv4.setFragment(
      view,
      header,
      kept | (more ? ipv4.MORE_FRAGMENTS : 0),
      ipv4.fragmentOffset(view, network) + start,
    )
    ipv4.fillChecksum(view, header)
  }

  /**
   * Writes the options of the header at `network` that belong into every fragment to `to`, filled up to whole words, and
   * returns their size; with NOWHERE it only counts. What is behind a malformed option cannot be told and stays behind.
   */
  #copiedOptions(network: number, to: number): number {
    const view = this.#view
    const end = network + ipv4.headerSize(view, network)
    let at = network + ipv4.MIN_HEADER_SIZE
    let copied = 0
    while (at < end) {
      const type = view.getUint8(at)
      if (type === OPTION_END) break
      if (type === OPTION_NO_OPERATION) {
        at++
        continue
      }
      const size = at + 1 < end ? view.getUint8(at + 1) : 0
      if (size < 2 || at + size > end) break
      if ((type & OPTION_COPIED) !== 0) {
        if (to !== NOWHERE) this.#bytes.copyWithin(to + copied, at, at + size)
        copied += size
      }
      at += size
    }
    const whole = (copied + 3) & ~3
    if (to !== NOWHERE) this.#bytes.fill(OPTION_END, to + copied, to + whole)
    return whole
  }
}

const NOWHERE = -1

/** As in the slots: the IP header is as well aligned as that of a received frame. */
const aligned = (offset: number): number => (offset + 7) & ~7
