/** What a capture file is, and how much is in it. */

import type { CaptureFormat, CaptureInterface } from '../../inspect/pcap/capture-file.ts'
import type { CaptureReader } from '../../inspect/pcap/capture-reader.ts'
import { ReadResult } from '../../inspect/pcap/read-result.ts'
import { formatAmount, formatCount, formatTable, printable } from '../output.ts'
import { formatTime } from './packet-printer.ts'

interface Moment {
  readonly seconds: number
  readonly nanoseconds: number
}

interface InterfaceCount {
  packets: number
  bytes: number
}

const NANOSECONDS = 1_000_000_000

/** Letters of one cell of the table: all rows are as wide as its widest, and there may be thousands. */
const CELL_LETTERS_MAX = 64

export class CaptureSummary {
  #format: CaptureFormat | undefined
  #interfaces: readonly CaptureInterface[] = []
  readonly #counts: InterfaceCount[] = []
  /** Packets dropped, by interface, as its last statistics say. */
  readonly #dropped = new Map<number, number | undefined>()
  #packets = 0
  #bytes = 0
  #captured = 0
  #names = 0
  #comments = 0
  #first: Moment | undefined
  #last: Moment | undefined

  /** Counts what the reader stands at. */
  add(reader: CaptureReader, result: ReadResult): void {
    this.#format = reader.format
    this.#interfaces = reader.interfaces
    if (result === ReadResult.packet) this.#packet(reader)
    else if (result === ReadResult.names) this.#names += reader.names.length
    else if (result === ReadResult.statistics && reader.statistics !== undefined) {
      this.#dropped.set(reader.statistics.interfaceId, reader.statistics.dropped)
    }
  }

  #packet({ packet }: CaptureReader): void {
    const { interfaceId, capturedLength, originalLength, seconds, nanoseconds } = packet
    this.#packets += 1
    this.#bytes += originalLength
    this.#captured += capturedLength
    this.#comments += packet.comments.length
    const count = (this.#counts[interfaceId] ??= { packets: 0, bytes: 0 })
    count.packets += 1
    count.bytes += originalLength
    if (this.#first === undefined || isBefore(packet, this.#first)) this.#first = { seconds, nanoseconds }
    if (this.#last === undefined || isBefore(this.#last, packet)) this.#last = { seconds, nanoseconds }
  }

  json(): unknown {
    const [first, last] = [this.#first, this.#last]
    return {
      format: this.#format?.kind,
      version: this.#format?.version,
      byteOrder: this.#format?.bigEndian === true ? 'big-endian' : 'little-endian',
      ...(this.#format?.application ? { application: this.#format.application } : {}),
      packets: this.#packets,
      bytes: this.#bytes,
      capturedBytes: this.#captured,
      names: this.#names,
      comments: this.#comments,
      ...(first && { first: formatTime(first, 9) }),
      ...(last && { last: formatTime(last, 9) }),
      interfaces: this.#interfaces.map((one) => ({
        ...one,
        packets: this.#counts[one.id]?.packets ?? 0,
        bytes: this.#counts[one.id]?.bytes ?? 0,
        ...(this.#dropped.has(one.id) ? { dropped: this.#dropped.get(one.id) ?? 0 } : {}),
      })),
    }
  }

  text(): string {
    const format = this.#format
    const rows: [string, string][] = [
      [
        'Format',
        `${format?.kind ?? 'unknown'} ${format?.version ?? ''}, ${format?.bigEndian === true ? 'big-endian' : 'little-endian'}`,
      ],
      ['Written by', printable(format?.application ?? '')],
      ['Packets', formatCount(this.#packets)],
      [
        'Bytes',
        `${formatAmount(this.#bytes, 'B')}${this.#captured < this.#bytes ? `, ${formatAmount(this.#captured, 'B')} captured` : ''}`,
      ],
      ['Names', this.#names === 0 ? '' : formatCount(this.#names)],
      ['Comments', this.#comments === 0 ? '' : formatCount(this.#comments)],
      ...this.#times(),
    ]
    const shown = rows
      .filter(([, value]) => value !== '')
      .map(([name, value]) => `${name}:`.padEnd(12) + value)
    return `${shown.join('\n')}\n\n${this.#table()}`
  }

  #times(): [string, string][] {
    const [first, last] = [this.#first, this.#last]
    if (first === undefined || last === undefined) return []
    const duration = last.seconds - first.seconds + (last.nanoseconds - first.nanoseconds) / NANOSECONDS
    return [
      ['First', formatTime(first, 9)],
      ['Last', formatTime(last, 9)],
      ['Duration', `${duration.toFixed(6)} s`],
    ]
  }

  #table(): string {
    const right = (heading: string): { heading: string; align: 'right' } => ({ heading, align: 'right' })
    return formatTable(
      ['INTERFACE', 'LINK TYPE', right('PACKETS'), right('BYTES'), right('DROPPED'), 'DESCRIPTION'],
      this.#interfaces.map(({ id, name, linkType, description }) => [
        name === '' ? String(id) : name.slice(0, CELL_LETTERS_MAX),
        linkType === 1 ? 'Ethernet' : String(linkType),
        formatCount(this.#counts[id]?.packets ?? 0),
        formatAmount(this.#counts[id]?.bytes ?? 0, 'B'),
        droppedText(this.#dropped.get(id)),
        description.slice(0, CELL_LETTERS_MAX),
      ]),
    )
  }
}

const droppedText = (dropped: number | undefined): string =>
  dropped === undefined ? '' : formatCount(dropped)

const isBefore = (one: Moment, other: Moment): boolean =>
  one.seconds < other.seconds || (one.seconds === other.seconds && one.nanoseconds < other.nanoseconds)
