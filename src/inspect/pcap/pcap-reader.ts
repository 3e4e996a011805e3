/**
 * Classic pcap (draft-ietf-opsawg-pcap): a header of 24 bytes, and for each packet a header and its bytes.
 *
 *     magic | version | 2 x 4 unused | snap length | link type         then  seconds | fraction | captured | original | bytes
 *
 * The magic tells byte order and what the fraction counts. In the "modified" format, which Linux distributions shipped around the year 2000,
 * packets' headers are eight bytes longer: the interface's index, the protocol, and what kind of packet it is.
 */

import { CAPTURE_BLOCK_MAX, CAPTURED_PACKET_MAX } from '../../limits.ts'
import type { CaptureBuffer } from './capture-buffer.ts'
import { type CaptureFormat, type CaptureInterface, Direction } from './capture-file.ts'
import { CaptureFileError, cutShort, damaged } from './capture-file-error.ts'
import { PacketRecord } from './packet-record.ts'
import { ReadResult } from './read-result.ts'

const FILE_HEADER = 24
const PACKET_HEADER = 16
const MODIFIED_PACKET_HEADER = 24

interface Variant {
  readonly digits: 6 | 9
  readonly packetHeader: number
}

const VARIANTS: ReadonlyMap<number, Variant> = new Map([
  [0xa1b2c3d4, { digits: 6, packetHeader: PACKET_HEADER }],
  [0xa1b23c4d, { digits: 9, packetHeader: PACKET_HEADER }],
  [0xa1b2cd34, { digits: 6, packetHeader: MODIFIED_PACKET_HEADER }],
])

/** Whether a header of classic pcap is at the position, by its first four bytes. */
export const isPcap = (view: DataView, at: number): boolean =>
  VARIANTS.has(view.getUint32(at)) || VARIANTS.has(view.getUint32(at, true))

const PACKET_RESULT: ReadResult = ReadResult.packet
const NEED_MORE: ReadResult = ReadResult.needMore

/** How packets' flags of pcapng say what the modified format says (linux/if_packet.h: PACKET_HOST to PACKET_OUTGOING). */
const FLAGS_OF_KIND: readonly number[] = [
  Direction.inbound,
  Direction.inbound,
  Direction.inbound,
  Direction.unknown,
  Direction.outbound,
]

export class PcapReader {
  readonly interfaces: CaptureInterface[] = []
  readonly packet: PacketRecord
  format: CaptureFormat | undefined
  #buffer: CaptureBuffer
  #littleEndian = false
  #modified = false
  #packetHeader = PACKET_HEADER
  #nanosecondsPerUnit = 1
  #unitsPerSecond = 0
  #packetMax = CAPTURED_PACKET_MAX

  constructor(buffer: CaptureBuffer) {
    this.#buffer = buffer
    this.packet = new PacketRecord(buffer.bytes, buffer.view)
  }

  next(): ReadResult {
    if (this.interfaces.length === 0) return this.#readHeader()
    const buffer = this.#buffer
    const at = buffer.start
    const present = buffer.end - at
    const header = this.#packetHeader
    if (present < header) return this.#incomplete(present, header, "a packet's header")

    const view = buffer.view
    const littleEndian = this.#littleEndian
    const captured = view.getUint32(at + 8, littleEndian)
    if (captured > this.#packetMax) throw this.#tooLong(captured)
    if (present < header + captured) return this.#incomplete(present, header + captured, 'a packet')

    const packet = this.packet
    let seconds = view.getUint32(at, littleEndian)
    let fraction = view.getUint32(at + 4, littleEndian)
    if (fraction >= this.#unitsPerSecond) {
      seconds += Math.floor(fraction / this.#unitsPerSecond)
      fraction %= this.#unitsPerSecond
    }
    packet.seconds = seconds
    packet.nanoseconds = fraction * this.#nanosecondsPerUnit
    packet.bytes = buffer.bytes
    packet.view = view
    packet.offset = at + header
    packet.capturedLength = captured
    packet.originalLength = Math.max(captured, view.getUint32(at + 12, littleEndian))
    if (this.#modified) packet.flags = FLAGS_OF_KIND[view.getUint8(at + 22)] ?? Direction.unknown
    buffer.start = at + header + captured
    return PACKET_RESULT
  }

  /** Tells of the section first, and of its one interface when it is asked again: only then it goes on behind the header. */
  #readHeader(): ReadResult {
    const { start, end, view } = this.#buffer
    if (end - start < FILE_HEADER)
      return this.#incomplete(end - start, FILE_HEADER, 'the header of classic pcap')
    if (this.format === undefined) {
      this.format = this.#readFormat()
      return ReadResult.section
    }
    const snapLength = view.getUint32(start + 16, this.#littleEndian)
    this.interfaces.push(
      interfaceOf(view.getUint32(start + 20, this.#littleEndian), snapLength, this.format.timestampDigits!),
    )
    if (snapLength > CAPTURED_PACKET_MAX) this.#packetMax = Math.min(snapLength, CAPTURE_BLOCK_MAX)
    this.#buffer.start += FILE_HEADER
    return ReadResult.interface
  }

  #readFormat(): CaptureFormat {
    const { start, view } = this.#buffer
    const littleEndian = !VARIANTS.has(view.getUint32(start))
    const { digits, packetHeader } = VARIANTS.get(view.getUint32(start, littleEndian))!
    const major = view.getUint16(start + 4, littleEndian)
    const version = `${major}.${view.getUint16(start + 6, littleEndian)}`
    if (major !== 2) {
      throw new CaptureFileError(
        this.#buffer.offsetOf(start),
        `is a header of version ${version} of classic pcap; only 2.x is known`,
      )
    }
    this.#littleEndian = littleEndian
    this.#packetHeader = packetHeader
    this.#modified = packetHeader === MODIFIED_PACKET_HEADER
    this.#unitsPerSecond = 10 ** digits
    this.#nanosecondsPerUnit = 10 ** (9 - digits)
    const texts = { hardware: '', os: '', application: '', comments: [] }
    return { kind: 'pcap', bigEndian: !littleEndian, version, timestampDigits: digits, ...texts }
  }

  #incomplete(present: number, wanted: number, what: string): ReadResult {
    if (!this.#buffer.ended) return NEED_MORE
    if (present === 0) return ReadResult.end
    throw cutShort(this.#buffer.offsetOf(this.#buffer.start), what, wanted, present)
  }

  #tooLong(captured: number): CaptureFileError {
    const offset = this.#buffer.offsetOf(this.#buffer.start)
    return damaged(
      offset,
      `is a packet that claims ${captured} captured bytes; this file's packets have ${this.#packetMax} at most`,
    )
  }
}

/**
 * The link type's field has more than the link type (draft-ietf-opsawg-pcap, 4): its upper four bits count the frame check sequence in units
 * of two bytes, where bit 26 says that they do.
 */
const FCS_PRESENT = 0x0400_0000
const FCS_SHIFT = 28
const LINK_TYPE_MASK = 0xffff

function interfaceOf(network: number, snapLength: number, timestampDigits: number): CaptureInterface {
  return {
    id: 0,
    linkType: network & LINK_TYPE_MASK,
    snapLength,
    name: '',
    description: '',
    mac: '',
    speed: 0,
    filter: '',
    os: '',
    hardware: '',
    addresses: [],
    comments: [],
    fcsLength: (network & FCS_PRESENT) === 0 ? 0 : 2 * (network >>> FCS_SHIFT),
    timestampDigits,
  }
}
