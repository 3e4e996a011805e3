/** Prints packets of a capture: a line each, their trees, their bytes, or JSON. */

import { dissect } from '../../inspect/dissect/dissect.ts'
import { dissectionJson } from '../../inspect/dissect/dissection-json.ts'
import { type LineNames, LineWriter, type TimeFormat } from '../../inspect/dissect/line-writer.ts'
import { hexDump, treeText } from '../../inspect/dissect/tree-text.ts'
import { type CapturedPacket, type CaptureInterface, Direction } from '../../inspect/pcap/capture-file.ts'
import type { CaptureReader } from '../../inspect/pcap/capture-reader.ts'
import { printable, printableJson } from '../../inspect/printable.ts'

export interface PacketPrinter {
  print(reader: CaptureReader, number: number): void
  /** Enough has been printed to be written. */
  readonly full: boolean
  /** What has been printed since the last call. */
  take(): readonly (Uint8Array | string)[]
}

const DIRECTIONS = { [Direction.unknown]: '', [Direction.inbound]: ' in', [Direction.outbound]: ' out' }
const NAME_LETTERS_MAX = 64
const UNKNOWN_INTERFACE = { linkType: 1, timestampDigits: 6, name: '' }

const interfaceOf = (
  reader: CaptureReader,
): Pick<CaptureInterface, 'linkType' | 'timestampDigits' | 'name'> =>
  reader.interfaces[reader.packet.interfaceId] ?? UNKNOWN_INTERFACE

/** Digits of its time that a line shows. */
const digitsOf = (digits: number): number => (digits > 6 ? 9 : 6)

/** A line a packet; where the capture is of several interfaces with their names and directions. */
export class LinePrinter implements PacketPrinter {
  readonly #writer: LineWriter
  readonly #hex: boolean
  #pieces: Uint8Array[] = []
  /** By interface and direction. */
  readonly #prefixes = new Map<number, Uint8Array>()

  constructor(time: TimeFormat, names: LineNames | undefined, hex: boolean) {
    this.#writer = new LineWriter({ time, names })
    this.#hex = hex
  }

  get full(): boolean {
    return this.#writer.full || this.#pieces.length > 0
  }

  take(): Uint8Array[] {
    const pieces = [...this.#pieces, this.#writer.take()]
    this.#pieces = []
    return pieces
  }

  print(reader: CaptureReader): void {
    const { packet, view } = reader
    const { linkType, timestampDigits } = interfaceOf(reader)
    this.#writer.write(view, packet, digitsOf(timestampDigits), linkType, this.#prefix(reader))
    for (const comment of packet.comments) {
      if (this.#writer.full) this.#pieces.push(this.#writer.take())
      this.#writer.note(comment)
    }
    if (!this.#hex) return
    const dump = hexDump(packet.bytes, packet.offset, packet.capturedLength).replaceAll(/^/gm, '    ')
    this.#pieces.push(this.#writer.take(), Buffer.from(`${dump}\n`))
  }

  #prefix(reader: CaptureReader): Uint8Array | undefined {
    if (reader.interfaces.length < 2) return undefined
    const { interfaceId, direction } = reader.packet
    const key = interfaceId * 4 + direction
    let prefix = this.#prefixes.get(key)
    if (prefix === undefined) {
      prefix = Buffer.from(`[${nameOf(reader)}${DIRECTIONS[direction]}] `)
      this.#prefixes.set(key, prefix)
    }
    return prefix
  }
}

const nameOf = (reader: CaptureReader): string => {
  const { name } = interfaceOf(reader)
  return name === '' ? `interface ${reader.packet.interfaceId}` : printable(name.slice(0, NAME_LETTERS_MAX))
}

/** The whole tree of each packet, and its bytes. */
export class TreePrinter implements PacketPrinter {
  readonly full: boolean = true
  readonly #hex: boolean
  #text = ''

  constructor(hex: boolean) {
    this.#hex = hex
  }

  take(): string[] {
    const text = this.#text
    this.#text = ''
    return [text]
  }

  print(reader: CaptureReader, number: number): void {
    const { packet } = reader
    const { capturedLength, originalLength, offset, bytes } = packet
    const where = reader.interfaces.length < 2 ? '' : `, ${nameOf(reader)}${DIRECTIONS[packet.direction]}`
    const cut = capturedLength < originalLength ? `, ${capturedLength} captured` : ''
    const lines = [`Packet ${number}, ${timeOf(reader)}, ${originalLength} bytes${cut}${where}`]
    lines.push(...packet.comments.map((comment) => `# ${printable(comment)}`))
    const { linkType } = interfaceOf(reader)
    lines.push(treeText(dissect(bytes, offset, capturedLength, { originalLength, linkType })))
    if (this.#hex) lines.push(hexDump(bytes, offset, capturedLength))
    this.#text += `${lines.join('\n')}\n\n`
  }
}

/** A JSON document a line. */
export class JsonPrinter implements PacketPrinter {
  readonly full: boolean = true
  #text = ''

  take(): string[] {
    const text = this.#text
    this.#text = ''
    return [text]
  }

  print(reader: CaptureReader, number: number): void {
    const { packet } = reader
    const { capturedLength, originalLength, offset, bytes, direction, comments } = packet
    const { name, linkType } = interfaceOf(reader)
    const dissection = dissect(bytes, offset, capturedLength, { originalLength, linkType })
    this.#text += `${printableJson({
      number,
      time: timeOf(reader),
      interface: packet.interfaceId,
      ...(name === '' ? {} : { interfaceName: name }),
      ...(direction === Direction.unknown ? {} : { direction: DIRECTIONS[direction].trim() }),
      ...(comments.length === 0 ? {} : { comments }),
      ...dissectionJson(dissection),
    })}\n`
  }
}

const timeOf = (reader: CaptureReader): string =>
  formatTime(reader.packet, digitsOf(interfaceOf(reader).timestampDigits))

/** `2026-03-01T12:00:00.000000001Z`; seconds since 1970 where no calendar has them. */
export function formatTime(
  { seconds, nanoseconds }: Pick<CapturedPacket, 'seconds' | 'nanoseconds'>,
  digits: number,
): string {
  const fraction = String(nanoseconds).padStart(9, '0').slice(0, digits)
  const time = new Date(seconds * 1000)
  return Number.isNaN(time.getTime())
    ? `${seconds}.${fraction}`
    : `${time.toISOString().slice(0, -5)}.${fraction}Z`
}
