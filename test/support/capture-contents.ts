import type {
  CaptureFormat,
  CaptureInterface,
  CaptureName,
  CaptureStatistics,
  Direction,
} from '../../src/inspect/pcap/capture-file.ts'
import { CaptureFileError } from '../../src/inspect/pcap/capture-file-error.ts'
import { CaptureReader, ReadResult } from '../../src/inspect/pcap/capture-reader.ts'

export interface ReadPacket {
  readonly interfaceId: number
  readonly seconds: number
  readonly nanoseconds: number
  /** As hexadecimal text. */
  readonly bytes: string
  readonly originalLength: number
  readonly direction: Direction
  readonly comments: readonly string[]
  readonly flags: number | undefined
  readonly dropCount: number | undefined
  readonly packetId: bigint | undefined
  readonly queue: number | undefined
  readonly verdicts: readonly string[]
}

/** All that a reader tells of a file, copied. */
export interface CaptureContents {
  readonly results: readonly ReadResult[]
  readonly formats: readonly CaptureFormat[]
  readonly interfaces: readonly CaptureInterface[]
  readonly packets: readonly ReadPacket[]
  readonly names: readonly CaptureName[]
  readonly nameServers: readonly string[]
  readonly statistics: readonly CaptureStatistics[]
  readonly others: readonly { readonly type: number; readonly offset: number; readonly body: string }[]
  readonly error: CaptureFileError | undefined
}

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** Reads a file that comes in chunks of these sizes, in turn and again; in one without any. */
export function readCapture(file: Uint8Array, sizes: readonly number[] = [file.length]): CaptureContents {
  const reader = new CaptureReader()
  const results: ReadResult[] = []
  const formats: CaptureFormat[] = []
  const packets: ReadPacket[] = []
  const names: CaptureName[] = []
  const nameServers: string[] = []
  const statistics: CaptureStatistics[] = []
  const others: { type: number; offset: number; body: string }[] = []
  let error: CaptureFileError | undefined
  let at = 0
  let turn = 0
  try {
    for (;;) {
      const result = reader.next()
      if (result === ReadResult.needMore) {
        const size = Math.max(1, sizes[turn++ % sizes.length] ?? 1)
        if (at === file.length) reader.end()
        else reader.push(file.subarray(at, at + size))
        at = Math.min(file.length, at + size)
        continue
      }
      results.push(result)
      if (result === ReadResult.end) break
      if (result === ReadResult.section) formats.push(reader.format!)
      else if (result === ReadResult.packet) packets.push(packetOf(reader))
      else if (result === ReadResult.statistics) statistics.push(reader.statistics!)
      else if (result === ReadResult.names) {
        names.push(...reader.names)
        nameServers.push(reader.nameServer)
      } else if (result === ReadResult.other) {
        const { type, offset, body } = reader.block!
        others.push({ type, offset, body: hexOf(body) })
      }
    }
  } catch (thrown) {
    if (!(thrown instanceof CaptureFileError)) throw thrown
    error = thrown
  }
  return {
    results,
    formats,
    interfaces: reader.interfaces,
    packets,
    names,
    nameServers,
    statistics,
    others,
    error,
  }
}

function packetOf(reader: CaptureReader): ReadPacket {
  const { packet } = reader
  const { interfaceId, seconds, nanoseconds, originalLength, direction, comments } = packet
  const { flags, dropCount, packetId, queue } = packet
  const bytes = hexOf(packet.bytes.subarray(packet.offset, packet.offset + packet.capturedLength))
  const verdicts = (packet.verdicts ?? []).map(hexOf)
  const known = { interfaceId, seconds, nanoseconds, bytes, originalLength, direction, comments }
  return { ...known, flags, dropCount, packetId, queue, verdicts }
}

/** A file of what a writer hands over, which must not change it afterwards. */
export class CaptureCollector {
  #chunks: { readonly given: Uint8Array; readonly copy: Uint8Array }[] = []

  readonly sink = (bytes: Uint8Array): void => {
    this.#chunks.push({ given: bytes, copy: bytes.slice() })
  }

  file(): Uint8Array {
    for (const { given, copy } of this.#chunks) {
      if (!Buffer.from(given).equals(copy)) throw new Error('the writer changed what it had handed over')
    }
    return Buffer.concat(this.#chunks.map(({ copy }) => copy))
  }
}

/**
 * Bytes of a block from text that shows its fields in big-endian order: `0006 00000001`, each turned around where they are to be little-endian, but
 * for those that are bytes in any order: `=0242ac120002`, `"eth0"`. LENGTH stands for four bytes with the length of the whole.
 */
export function captureBytes(text: string, littleEndian: boolean): Uint8Array {
  const fields = text.match(/"[^"]*"|\S+/g) ?? []
  const bytesOf = (field: string, length: number): Uint8Array => {
    if (field.startsWith('"')) return Buffer.from(field.slice(1, -1))
    if (field.startsWith('=')) return Buffer.from(field.slice(1), 'hex')
    const digits = field === 'LENGTH' ? length.toString(16).padStart(8, '0') : field
    const bytes = Buffer.from(digits, 'hex')
    return littleEndian ? bytes.toReversed() : bytes
  }
  const length = fields.reduce((sum, field) => sum + bytesOf(field, 0).length, 0)
  return Buffer.concat(fields.map((field) => bytesOf(field, length)))
}
