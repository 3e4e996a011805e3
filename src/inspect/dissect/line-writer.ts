/**
 * Packets as lines of text, one each, straight into bytes: as fast as a file can be read. `packetLine` is the same for those who want one line
 * as a string. docs/captures.md describes what a line says.
 */

import { LINK_TYPE_ETHERNET } from '../pcap/capture-file.ts'
import { printable } from '../printable.ts'
import { ethernetLine } from './line-ethernet.ts'
import { LINE_MAX, type LineNames, LinePacket } from './line-packet.ts'
import { ascii } from './line-text.ts'
import { LineTime, type TimeFormat } from './line-time.ts'

export type { LineNames } from './line-packet.ts'
export { TIME_FORMATS, type TimeFormat } from './line-time.ts'

export interface LineWriterOptions {
  /** `clock` unless given. */
  readonly time?: TimeFormat | undefined
  /** Names in place of addresses; may grow while lines are written. */
  readonly names?: LineNames | undefined
}

/** A packet whose line is wanted: CapturedPacket of capture-file.ts is one. */
export interface LinePacketInput {
  readonly seconds: number
  readonly nanoseconds: number
  readonly offset: number
  readonly capturedLength: number
  readonly originalLength: number
}

/** Bytes that are collected before they are worth a system call. */
const BATCH = 64 * 1024

const CUT_SHORT = ascii(' [cut short]')
const LINK_TYPE = ascii('link type ')
const LENGTH = ascii(', length ')
const NOTE = ascii('    # ')
const LINE_FEED = 0x0a
/** Of three bytes each at most: half of what a line may have. */
const NOTE_LETTERS_MAX = 1200

export class LineWriter {
  readonly #line = new LinePacket(BATCH + LINE_MAX)
  readonly #time: LineTime
  readonly #names: LineNames | undefined

  constructor({ time = 'clock', names }: LineWriterOptions = {}) {
    this.#time = new LineTime(time)
    this.#names = names
  }

  /** Something like 64 KB of lines are there to be taken. */
  get full(): boolean {
    return this.#line.end >= BATCH
  }

  /** The lines since the last `take`, in a buffer of the caller's own. */
  take(): Uint8Array {
    const taken = this.#line.bytes.slice(0, this.#line.end)
    this.#line.end = 0
    return taken
  }

  /**
   * Adds the packet's line. `view` is of the buffer that the packet's offset counts in. `digits`: of its time behind the point, 6 or 9.
   * `prefix` stands between the time and the packet, 255 bytes of it at most. Not more than what makes `full` true, without `take`.
   */
  write(
    view: DataView,
    packet: LinePacketInput,
    digits: number,
    linkType: number = LINK_TYPE_ETHERNET,
    prefix: Uint8Array = NOTHING,
  ): void {
    const line = this.#line
    this.#time.write(line, packet.seconds, packet.nanoseconds, digits)
    line.put(prefix)
    // Where there are none yet, addresses need not become keys of a map.
    line.names = this.#names?.byAddress.size ? this.#names : undefined
    const { offset, capturedLength, originalLength } = packet
    describe(line, view, offset, capturedLength, originalLength, linkType)
    line.byte(LINE_FEED)
  }

  /** Adds a line of text below a packet's: a comment. Of a long one only the beginning. */
  note(text: string): void {
    const line = this.#line
    const shown = text.length > NOTE_LETTERS_MAX ? `${text.slice(0, NOTE_LETTERS_MAX)}...` : text
    line.put(NOTE)
    line.put(new TextEncoder().encode(printable(shown)))
    line.byte(LINE_FEED)
  }
}

const NOTHING = new Uint8Array(0)

function describe(
  line: LinePacket,
  view: DataView,
  offset: number,
  length: number,
  originalLength: number,
  linkType: number,
): void {
  line.view = view
  line.limit = offset + length
  line.wireEnd = offset + Math.max(length, originalLength)
  line.cut = false
  line.depth = 0
  if (linkType === LINK_TYPE_ETHERNET) {
    line.inner = offset
    while (line.inner >= 0) {
      const frame = line.inner
      line.inner = -1
      ethernetLine(line, frame)
    }
  } else {
    line.put(LINK_TYPE)
    line.decimal(linkType)
    line.put(LENGTH)
    line.decimal(line.wireEnd - offset)
  }
  if (line.cut) line.put(CUT_SHORT)
}

export interface PacketLineOptions {
  /** Bytes that the packet had on the wire; `length` unless given. */
  readonly originalLength?: number | undefined
  readonly linkType?: number | undefined
  readonly names?: LineNames | undefined
}

/** For one at a time. Nothing of a packet stays here from one to the next. */
const single = new LinePacket(LINE_MAX)

/** The line of the packet of `length` bytes at `offset`, without a time. */
export function packetLine(
  bytes: Uint8Array,
  offset: number = 0,
  length: number = bytes.length - offset,
  { originalLength = length, linkType = LINK_TYPE_ETHERNET, names }: PacketLineOptions = {},
): string {
  // Exactly the packet: what reads beside it throws, where it would read another one's bytes unseen.
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, length)
  single.end = 0
  single.names = names
  describe(single, view, 0, length, originalLength, linkType)
  return Buffer.from(single.bytes.buffer, 0, single.end).toString('latin1')
}
