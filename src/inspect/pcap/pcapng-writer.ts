import { parseMac } from '../../wire/address.ts'
import { CaptureBatch, type CaptureSink } from './capture-batch.ts'
import {
  type CaptureName,
  type CaptureStatistics,
  type CaptureTime,
  Direction,
  LINK_TYPE_ETHERNET,
} from './capture-file.ts'
import { BlockType } from './pcapng-block.ts'
import { putNameRecord } from './pcapng-name-records.ts'
import { OptionList } from './pcapng-option-list.ts'
import {
  InterfaceOption,
  OPTION_HEADER,
  PacketOption,
  padded,
  SectionOption,
  StatisticsOption,
} from './pcapng-options.ts'
import { putTimestamp } from './timestamp.ts'

export type { CaptureSink } from './capture-batch.ts'

/** The section's comment and where it was made; absent where undefined. */
export interface PcapngSettings {
  readonly hardware?: string | undefined
  readonly os?: string | undefined
  readonly application?: string | undefined
  readonly comment?: string | undefined
}

export interface InterfaceSettings {
  readonly name: string
  readonly description?: string | undefined
  /** `02:42:ac:12:00:02`. */
  readonly mac?: string | undefined
  /** Bits a second. */
  readonly speed?: number | undefined
  /** Ethernet unless given. */
  readonly linkType?: number | undefined
  /** 0, without limit, unless given. */
  readonly snapLength?: number | undefined
  readonly filter?: string | undefined
  readonly os?: string | undefined
  readonly hardware?: string | undefined
  readonly comment?: string | undefined
}

export interface PacketSettings {
  readonly direction?: Direction | undefined
  readonly comments?: readonly string[] | undefined
  readonly dropCount?: number | undefined
}

export type StatisticsSettings = Omit<CaptureStatistics, 'interfaceId' | 'time'> & {
  readonly time: CaptureTime
}

/** Header and the length at the end of a block. */
const BLOCK = 12
const BODY = 8
const PACKET_FIXED = 20
const BYTE_ORDER = 0x1a2b3c4d
const NANOSECONDS = 9
const FILTER_TEXT = 0

const ENHANCED_PACKET = BlockType.enhancedPacket
const UNKNOWN = Direction.unknown

/** Comments that are kept encoded, and characters of the longest of them. */
const OPTIONS_KEPT = 4096
const OPTIONS_KEPT_LENGTH = 1024

/**
 * Writes pcapng: one section, little-endian, timestamps in nanoseconds. What it writes is kept until a batch of 256 KB is full, or until `flush`.
 * Texts that are longer than the format allows (65,535 bytes) are cut.
 */
export class PcapngWriter {
  #batch: CaptureBatch
  #interfaces = 0
  /** By direction, and by comment. */
  readonly #encoded = Object.values(Direction).map(() => new Map<string, Uint8Array>())

  constructor(sink: CaptureSink, settings: PcapngSettings = {}) {
    this.#batch = new CaptureBatch(sink)
    this.#putSection(settings)
  }

  /** Returns its number, for `packet` and `statistics`. May be called at any time. */
  addInterface(settings: InterfaceSettings): number {
    const mac = settings.mac === undefined ? undefined : parseMac(settings.mac)
    const options = new OptionList()
      .text(InterfaceOption.name, settings.name)
      .text(InterfaceOption.description, settings.description)
    if (mac !== undefined) options.bytes(InterfaceOption.mac, macBytes(mac.high, mac.low))
    options.uint64(InterfaceOption.speed, settings.speed).uint8(InterfaceOption.resolution, NANOSECONDS)
    if (settings.filter !== undefined && settings.filter !== '') {
      options.text(InterfaceOption.filter, String.fromCharCode(FILTER_TEXT) + settings.filter)
    }
    options.text(InterfaceOption.os, settings.os).text(InterfaceOption.hardware, settings.hardware)
    // Last: Scapy 2.5 stops reading options at a comment of one line, and would miss the resolution.
    options.text(InterfaceOption.comment, settings.comment)

    const at = this.#putBlock(BlockType.interfaceDescription, 8, options)
    const { view } = this.#batch
    view.setUint32(at, (settings.linkType ?? LINK_TYPE_ETHERNET) & 0xffff, true)
    view.setUint32(at + 4, settings.snapLength ?? 0, true)
    return this.#interfaces++
  }

  /**
   * Writes `capturedLength` bytes at `offset` of `bytes`. Where there are neither comments nor drops, and `settings` is a constant of the caller's,
   * nothing is allocated (but a view of bytes that are more than a few). Throws RangeError where there is no such interface, which others could not read.
   */
  packet(
    interfaceId: number,
    seconds: number,
    nanoseconds: number,
    bytes: Uint8Array,
    offset: number,
    capturedLength: number,
    originalLength: number,
    settings?: PacketSettings,
  ): void {
    if (interfaceId < 0 || interfaceId >= this.#interfaces) throw noInterface(interfaceId)
    const direction = settings?.direction ?? UNKNOWN
    const options = settings === undefined ? undefined : this.#richOptions(settings)
    const filled = padded(capturedLength)
    const optionsSize = options !== undefined ? options.length : direction === UNKNOWN ? 0 : FLAGS_SIZE
    const length = BLOCK + PACKET_FIXED + filled + optionsSize

    const batch = this.#batch
    const at = batch.reserve(length)
    const view = batch.view
    view.setUint32(at, ENHANCED_PACKET, true)
    view.setUint32(at + 4, length, true)
    view.setUint32(at + 8, interfaceId, true)
    putTimestamp(view, at + 12, seconds, nanoseconds)
    view.setUint32(at + 20, capturedLength, true)
    view.setUint32(at + 24, originalLength, true)
    const data = at + BODY + PACKET_FIXED
    batch.put(bytes, offset, capturedLength, data)
    for (let i = data + capturedLength; i < data + filled; i++) batch.bytes[i] = 0
    if (options !== undefined) batch.bytes.set(options, data + filled)
    else if (optionsSize > 0) putFlags(view, data + filled, direction)
    view.setUint32(at + length - 4, length, true)
  }

  /** Addresses that are none are left out. */
  names(entries: readonly CaptureName[]): void {
    let records: number[] = []
    for (const entry of entries) {
      if (records.length > NAMES_BLOCK_SIZE) {
        this.#putNames(records)
        records = []
      }
      putNameRecord(entry, records)
    }
    if (records.length > 0) this.#putNames(records)
  }

  statistics(interfaceId: number, statistics: StatisticsSettings): void {
    if (interfaceId < 0 || interfaceId >= this.#interfaces) throw noInterface(interfaceId)
    const options = new OptionList()
      .text(StatisticsOption.comment, statistics.comment)
      .time(StatisticsOption.started, statistics.started)
      .time(StatisticsOption.ended, statistics.ended)
      .uint64(StatisticsOption.received, statistics.received)
      .uint64(StatisticsOption.dropped, statistics.dropped)
      .uint64(StatisticsOption.accepted, statistics.accepted)
      .uint64(StatisticsOption.droppedByOs, statistics.droppedByOs)
      .uint64(StatisticsOption.delivered, statistics.delivered)
    const at = this.#putBlock(BlockType.interfaceStatistics, 12, options)
    const { view } = this.#batch
    view.setUint32(at, interfaceId, true)
    putTimestamp(view, at + 4, statistics.time.seconds, statistics.time.nanoseconds)
  }

  /** Hands over to the sink what is written so far. */
  flush(): void {
    this.#batch.flush()
  }

  /** Undefined where there is nothing but a direction. */
  #richOptions({ direction = UNKNOWN, comments = [], dropCount }: PacketSettings): Uint8Array | undefined {
    if (dropCount === undefined && comments.length === 0) return undefined
    if (dropCount !== undefined || comments.length > 1) return encodeOptions(direction, comments, dropCount)
    // One comment alone, such as packets of one connection have in common, is encoded once.
    const comment = comments[0]!
    const encoded = this.#encoded[direction]!
    let options = encoded.get(comment)
    if (options !== undefined) return options
    options = encodeOptions(direction, comments, undefined)
    if (encoded.size >= OPTIONS_KEPT) encoded.clear()
    if (comment.length <= OPTIONS_KEPT_LENGTH) encoded.set(comment, options)
    return options
  }

  #putSection(settings: PcapngSettings): void {
    const options = new OptionList()
      .text(SectionOption.comment, settings.comment)
      .text(SectionOption.hardware, settings.hardware)
      .text(SectionOption.os, settings.os)
      .text(SectionOption.application, settings.application)
    const at = this.#putBlock(BlockType.sectionHeader, 16, options)
    const { view } = this.#batch
    view.setUint32(at, BYTE_ORDER, true)
    // Version 1.0, and a section of unknown length, -1: it is written as it comes.
    view.setUint32(at + 4, 1, true)
    view.setBigInt64(at + 8, -1n, true)
  }

  #putNames(records: readonly number[]): void {
    // The record that ends them, of type and length 0.
    const at = this.#putBlock(BlockType.nameResolution, records.length + 4, NO_OPTIONS)
    this.#batch.bytes.set(records, at)
    this.#batch.view.setUint32(at + records.length, 0, true)
  }

  /** Everything but the body's fixed part, the position of which it returns. */
  #putBlock(type: number, fixed: number, options: OptionList): number {
    const length = BLOCK + fixed + options.size
    const at = this.#batch.reserve(length)
    const { bytes, view } = this.#batch
    view.setUint32(at, type, true)
    view.setUint32(at + 4, length, true)
    options.put(bytes, view, at + BODY + fixed)
    view.setUint32(at + length - 4, length, true)
    return at + BODY
  }
}

const NO_OPTIONS = new OptionList()

/** Bytes of records after which another block begins. */
const NAMES_BLOCK_SIZE = 32 * 1024

/** The option and the one that ends the options. */
const FLAGS_SIZE = OPTION_HEADER + 4 + OPTION_HEADER

function putFlags(view: DataView, at: number, direction: Direction): void {
  view.setUint16(at, PacketOption.flags, true)
  view.setUint16(at + 2, 4, true)
  view.setUint32(at + 4, direction, true)
  view.setUint32(at + 8, 0, true)
}

/** Undefined where there is at most a direction, which `putFlags` writes without a list. */
function encodeOptions(
  direction: Direction,
  comments: readonly string[],
  dropCount: number | undefined,
): Uint8Array {
  const options = new OptionList()
  if (direction !== UNKNOWN) options.uint32(PacketOption.flags, direction)
  options.uint64(PacketOption.dropCount, dropCount)
  for (const comment of comments) options.text(PacketOption.comment, comment)
  const encoded = new Uint8Array(options.size)
  options.put(encoded, new DataView(encoded.buffer), 0)
  return encoded
}

function macBytes(high: number, low: number): Uint8Array {
  const bytes = new Uint8Array(6)
  const view = new DataView(bytes.buffer)
  view.setUint16(0, high)
  view.setInt32(2, low)
  return bytes
}

const noInterface = (id: number): RangeError => new RangeError(`interface ${id} was not added`)
