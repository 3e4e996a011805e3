import type {
  CapturedPacket,
  CaptureFormat,
  CaptureInterface,
  CaptureName,
  CaptureStatistics,
} from './capture-file.ts'

/** What `CaptureReader.next` came upon. */
export const ReadResult = {
  /** Nothing whole: push, or end. */
  needMore: 0,
  packet: 1,
  interface: 2,
  names: 3,
  statistics: 4,
  section: 5,
  other: 6,
  end: 7,
} as const
export type ReadResult = (typeof ReadResult)[keyof typeof ReadResult]

/**
 * Reads pcap and pcapng, as chunks of any size come in. Call `next` until it says needMore, push more (or say that there is no more), and
 * so on until it says end.
 */
export class CaptureReader {
  readonly interfaces: readonly CaptureInterface[] = []

  /** Hands in the next bytes, which are copied. */
  push(_chunk: Uint8Array): void {}

  /** Room of at least `size` bytes in the reader's own buffer, to be filled from its start; `filled` then says how far. */
  space(_size: number): Uint8Array {
    return new Uint8Array(0)
  }

  filled(_length: number): void {}

  /** There are no more bytes. */
  end(): void {}

  /** Goes on to what comes next. Throws CaptureFileError, and the same one again, where the file is wrong. */
  next(): ReadResult {
    return ReadResult.end
  }

  /** After `packet`. The same object each time. */
  get packet(): CapturedPacket {
    throw new Error()
  }

  /** A view of `packet.bytes`' whole buffer, with the same offsets; both change when more is pushed. */
  get view(): DataView {
    throw new Error()
  }

  /** After `names`: those of this block. */
  get names(): readonly CaptureName[] {
    return []
  }

  /** After `statistics`: those of this block. */
  get statistics(): CaptureStatistics {
    throw new Error()
  }

  /** Undefined until the first `section`. */
  get format(): CaptureFormat | undefined {
    return undefined
  }
}
