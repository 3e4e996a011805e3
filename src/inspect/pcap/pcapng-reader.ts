/**
 * pcapng (draft-ietf-opsawg-pcapng): blocks, each of which says how long it is at its start and at its end.
 *
 *     type | total length | body … | total length        all multiples of four bytes
 *
 * A section header sets the byte order of what follows, and begins the numbers of interfaces anew.
 */

import { CAPTURE_BLOCK_MAX, CAPTURE_INTERFACES_MAX, CAPTURE_INTERFACES_SIZE_MAX } from '../../limits.ts'
import type { CaptureBuffer } from './capture-buffer.ts'
import type { CaptureFormat, CaptureInterface, CaptureStatistics, OtherBlock } from './capture-file.ts'
import { type CaptureFileError, cutShort, damaged } from './capture-file-error.ts'
import { PacketRecord } from './packet-record.ts'
import { type Block, BlockType, brokenOptions, needBody, tooShort } from './pcapng-block.ts'
import { readInterface } from './pcapng-interface.ts'
import { type NameBlock, readNames } from './pcapng-names.ts'
import { brokenOption, packetFlags, padded } from './pcapng-options.ts'
import { readSection } from './pcapng-section.ts'
import { readStatistics } from './pcapng-statistics.ts'
import { ReadResult } from './read-result.ts'
import { type Resolution, readTimestamp } from './timestamp.ts'

const BLOCK_HEADER = 8
/** Header and the length at the end. */
const BLOCK_MIN = 12
const BYTE_ORDER = 0x1a2b3c4d

const PACKET_RESULT: ReadResult = ReadResult.packet
const NEED_MORE: ReadResult = ReadResult.needMore
const ENHANCED_PACKET = BlockType.enhancedPacket
const SECTION_HEADER = BlockType.sectionHeader

export class PcapngReader {
  readonly interfaces: CaptureInterface[] = []
  readonly packet: PacketRecord
  format: CaptureFormat | undefined
  names: NameBlock = { names: [], server: '' }
  statistics: CaptureStatistics | undefined
  /** The block that was stepped over last. */
  block: OtherBlock | undefined
  #buffer: CaptureBuffer
  #littleEndian = true
  /** Of `interfaces`, the first of this section. */
  #sectionStart = 0
  /** By place in `interfaces`. */
  #resolutions: Resolution[] = []
  #interfacesSize = 0

  constructor(buffer: CaptureBuffer) {
    this.#buffer = buffer
    this.packet = new PacketRecord(buffer.bytes, buffer.view)
  }

  next(): ReadResult {
    const buffer = this.#buffer
    const at = buffer.start
    const present = buffer.end - at
    if (present < BLOCK_MIN) return this.#incomplete(present, BLOCK_MIN, "a block's header")

    const view = buffer.view
    const type = view.getUint32(at, this.#littleEndian)
    // Of one of these the byte order is not known yet; its type reads the same in both.
    const littleEndian = type === SECTION_HEADER ? this.#sectionOrder(at) : this.#littleEndian
    const length = view.getUint32(at + 4, littleEndian)
    if (length < BLOCK_MIN || length > CAPTURE_BLOCK_MAX || (length & 3) !== 0) throw this.#badLength(length)
    if (present < length) return this.#incomplete(present, length, `a block of type ${type}`)
    const end = at + length - 4
    const lengthAtEnd = view.getUint32(end, littleEndian)
    if (lengthAtEnd !== length) throw this.#differentLengths(length, lengthAtEnd)

    const result =
      type === ENHANCED_PACKET
        ? this.#readEnhancedPacket(at + BLOCK_HEADER, end)
        : this.#readRareBlock(type, { buffer, start: at, body: at + BLOCK_HEADER, end, littleEndian })
    buffer.start = end + 4
    return result
  }

  /**
   * Enhanced packet block (4.3), and the packet block (A) that it replaced, which differs in its first word:
   *
   *     interface (32 or 16 bits) | – (or 16 bits: drops) | time, upper | time, lower | captured | original | bytes, filled up | options
   */
  #readEnhancedPacket(body: number, end: number): ReadResult {
    if (end - body < PACKET_FIXED) throw tooShort(this.#offset(), 'a packet', end - body, PACKET_FIXED)
    const { view } = this.#buffer
    const packet = this.packet
    packet.dropsInHeader = -1
    const id = this.#interfaceOf(view.getUint32(body, this.#littleEndian))
    return this.#readPacket(body, end, id)
  }

  #readObsoletePacket(block: Block): ReadResult {
    needBody(block, 'a packet', PACKET_FIXED)
    const { view } = this.#buffer
    const { body, end } = block
    const id = this.#interfaceOf(view.getUint16(body, this.#littleEndian))
    const drops = view.getUint16(body + 2, this.#littleEndian)
    this.packet.dropsInHeader = drops === DROPS_UNKNOWN ? -1 : drops
    return this.#readPacket(body, end, id)
  }

  #readPacket(body: number, end: number, id: number): ReadResult {
    const { bytes, view } = this.#buffer
    const packet = this.packet
    const littleEndian = this.#littleEndian
    const captured = view.getUint32(body + 12, littleEndian)
    if (captured > end - body - PACKET_FIXED) throw this.#beyondBlock(captured, end - body - PACKET_FIXED)
    const options = body + PACKET_FIXED + padded(captured)
    packet.flags = 0
    if (options !== end) {
      if (brokenOption(view, options, end, littleEndian) !== -1) throw brokenOptions(this.#offset())
      packet.flags = packetFlags(view, options, end, littleEndian)
    }
    packet.optionsStart = options
    packet.optionsEnd = end
    packet.littleEndian = littleEndian
    packet.interfaceId = id
    packet.bytes = bytes
    packet.view = view
    packet.offset = body + PACKET_FIXED
    packet.capturedLength = captured
    packet.originalLength = Math.max(captured, view.getUint32(body + 16, littleEndian))
    const high = view.getUint32(body + 4, littleEndian)
    readTimestamp(high, view.getUint32(body + 8, littleEndian), this.#resolutions[id]!, packet)
    return PACKET_RESULT
  }

  /** Simple packet block (4.4): the original length and the bytes, of the section's first interface, at no known time. */
  #readSimplePacket(block: Block): ReadResult {
    needBody(block, 'a simple packet', 4)
    const { body, end } = block
    const { bytes, view } = this.#buffer
    const packet = this.packet
    const id = this.#interfaceOf(0)
    const original = view.getUint32(body, this.#littleEndian)
    const { snapLength } = this.interfaces[id]!
    const captured = snapLength === 0 ? original : Math.min(original, snapLength)
    if (captured > end - body - 4) throw this.#beyondBlock(captured, end - body - 4)
    packet.interfaceId = id
    packet.seconds = 0
    packet.nanoseconds = 0
    packet.bytes = bytes
    packet.view = view
    packet.offset = body + 4
    packet.capturedLength = captured
    packet.originalLength = original
    packet.flags = 0
    packet.dropsInHeader = -1
    packet.optionsStart = end
    packet.optionsEnd = end
    return PACKET_RESULT
  }

  #readRareBlock(type: number, block: Block): ReadResult {
    switch (type) {
      case SECTION_HEADER:
        this.format = readSection(block)
        this.#littleEndian = block.littleEndian
        this.#sectionStart = this.interfaces.length
        return ReadResult.section
      case BlockType.interfaceDescription:
        return this.#readInterface(block)
      case BlockType.packet:
        return this.#readObsoletePacket(block)
      case BlockType.simplePacket:
        return this.#readSimplePacket(block)
      case BlockType.nameResolution:
        this.names = readNames(block)
        return ReadResult.names
      case BlockType.interfaceStatistics: {
        needBody(block, 'interface statistics', 4)
        const id = this.#interfaceOf(this.#buffer.view.getUint32(block.body, block.littleEndian))
        this.statistics = readStatistics(block, id, this.#resolutions[id]!)
        return ReadResult.statistics
      }
      default:
        this.block = otherBlock(type, block)
        return ReadResult.other
    }
  }

  #readInterface(block: Block): ReadResult {
    const size = block.end - block.start
    if (this.interfaces.length === CAPTURE_INTERFACES_MAX) {
      throw damaged(this.#offset(), `is one interface more than the ${CAPTURE_INTERFACES_MAX} that are taken`)
    }
    if (this.#interfacesSize + size > CAPTURE_INTERFACES_SIZE_MAX) {
      throw damaged(
        this.#offset(),
        `is an interface with which their descriptions have more than ${CAPTURE_INTERFACES_SIZE_MAX} bytes`,
      )
    }
    const { description, resolution } = readInterface(block, this.interfaces.length)
    this.#interfacesSize += size
    this.#resolutions.push(resolution)
    this.interfaces.push(description)
    return ReadResult.interface
  }

  /** Number over all sections of the interface that has `local` in this one. */
  #interfaceOf(local: number): number {
    const id = this.#sectionStart + local
    if (id < this.interfaces.length) return id
    const count = this.interfaces.length - this.#sectionStart
    const known = count === 0 ? 'none is described' : `only 0 to ${count - 1} are described`
    throw damaged(this.#offset(), `is a block of interface ${local}, but ${known} before it in its section`)
  }

  #sectionOrder(at: number): boolean {
    const { view } = this.#buffer
    if (view.getUint32(at + 8, true) === BYTE_ORDER) return true
    if (view.getUint32(at + 8, false) === BYTE_ORDER) return false
    const magic = view
      .getUint32(at + 8)
      .toString(16)
      .padStart(8, '0')
    throw damaged(
      this.#offset(),
      `is a section header whose byte order is neither 1a2b3c4d nor 4d3c2b1a but ${magic}`,
    )
  }

  #incomplete(present: number, wanted: number, what: string): ReadResult {
    if (!this.#buffer.ended) return NEED_MORE
    if (present === 0) return ReadResult.end
    throw cutShort(this.#offset(), what, wanted, present)
  }

  /** Of the block that is read. */
  #offset(): number {
    return this.#buffer.offsetOf(this.#buffer.start)
  }

  #badLength(length: number): CaptureFileError {
    const problem =
      length < BLOCK_MIN
        ? `no block has fewer than ${BLOCK_MIN}`
        : length > CAPTURE_BLOCK_MAX
          ? `${CAPTURE_BLOCK_MAX} are the most that are taken`
          : "a block's length is a multiple of 4"
    return damaged(this.#offset(), `is a block that claims ${length} bytes; ${problem}`)
  }

  #differentLengths(length: number, atEnd: number): CaptureFileError {
    return damaged(
      this.#offset(),
      `is a block that has ${length} bytes as its start says, and ${atEnd} as its end says`,
    )
  }

  #beyondBlock(captured: number, room: number): CaptureFileError {
    return damaged(
      this.#offset(),
      `is a packet that claims ${captured} captured bytes, in a block that has room for ${room}`,
    )
  }
}

/** Its bytes are those of the buffer. */
const otherBlock = (type: number, { buffer, start, body, end }: Block): OtherBlock => ({
  type,
  offset: buffer.offsetOf(start),
  body: buffer.bytes.subarray(body, end),
})

/** Bytes of a packet's block before its bytes. */
const PACKET_FIXED = 20

/** In the obsolete packet block. */
const DROPS_UNKNOWN = 0xffff
