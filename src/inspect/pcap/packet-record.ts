import { CAPTURE_COMMENTS_MAX } from '../../limits.ts'
import { type CapturedPacket, Direction } from './capture-file.ts'
import { optionsOf, PacketOption, textOption } from './pcapng-options.ts'

/** Bits 0 and 1 of the flags (pcapng, 4.3.1). The fourth value has no meaning. */
const DIRECTIONS: readonly Direction[] = [
  Direction.unknown,
  Direction.inbound,
  Direction.outbound,
  Direction.unknown,
]

/**
 * The packet that a reader stands at. Plain packets have no options, and of the others few are looked at in full, so comments and the like are
 * read when somebody asks for them.
 */
export class PacketRecord implements CapturedPacket {
  interfaceId: number = 0
  seconds: number = 0
  nanoseconds: number = 0
  bytes: Uint8Array
  offset: number = 0
  capturedLength: number = 0
  originalLength: number = 0
  flags: number = 0
  /** The options' bytes, from `optionsStart` to `optionsEnd` of `view`; none where both are equal. */
  view: DataView
  optionsStart: number = 0
  optionsEnd: number = 0
  littleEndian: boolean = true
  /** What the obsolete packet block has in its header, and the others as an option; -1 where it says nothing. */
  dropsInHeader: number = -1

  constructor(bytes: Uint8Array, view: DataView) {
    this.bytes = bytes
    this.view = view
  }

  get direction(): Direction {
    return DIRECTIONS[this.flags & 3]!
  }

  get comments(): readonly string[] {
    if (this.optionsStart === this.optionsEnd) return NO_COMMENTS
    return this.#all(PacketOption.comment, (at, length) => textOption(this.bytes, at, length))
  }

  get dropCount(): number | undefined {
    if (this.dropsInHeader >= 0) return this.dropsInHeader
    const count = this.#uint64(PacketOption.dropCount)
    return count === undefined ? undefined : Number(count)
  }

  get packetId(): bigint | undefined {
    return this.#uint64(PacketOption.packetId)
  }

  get queue(): number | undefined {
    const found = this.#all(PacketOption.queue, (at, length) =>
      length === 4 ? this.view.getUint32(at, this.littleEndian) : undefined,
    )
    return found[0]
  }

  get verdicts(): readonly Uint8Array[] {
    return this.#all(PacketOption.verdict, (at, length) => this.bytes.slice(at, at + length))
  }

  #uint64(code: number): bigint | undefined {
    return this.#all(code, (at, length) =>
      length === 8 ? this.view.getBigUint64(at, this.littleEndian) : undefined,
    )[0]
  }

  #all<T>(code: number, read: (at: number, length: number) => T): T[] {
    const found: T[] = []
    for (const option of optionsOf(this.view, this.optionsStart, this.optionsEnd, this.littleEndian)) {
      if (option.code !== code) continue
      found.push(read(option.at, option.length))
      if (found.length === CAPTURE_COMMENTS_MAX) break
    }
    return found
  }
}

const NO_COMMENTS: readonly string[] = []
