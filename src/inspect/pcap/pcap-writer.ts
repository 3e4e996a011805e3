import { CaptureBatch, type CaptureSink } from './capture-batch.ts'
import { LINK_TYPE_ETHERNET } from './capture-file.ts'

export interface PcapSettings {
  /** Ethernet unless given. */
  readonly linkType?: number | undefined
  /** 262,144 unless given: as tcpdump has it. */
  readonly snapLength?: number | undefined
  /** Timestamps in microseconds, which every program reads, and not in nanoseconds. */
  readonly microseconds?: boolean | undefined
}

const MAGIC_MICROSECONDS = 0xa1b2c3d4
const MAGIC_NANOSECONDS = 0xa1b23c4d
const FILE_HEADER = 24
const PACKET_HEADER = 16
const SNAP_LENGTH = 262_144
const SECONDS_MAX = 0xffff_ffff

/** Writes classic pcap, little-endian. What it writes is kept until a batch of 256 KB is full, or until `flush`. */
export class PcapWriter {
  #batch: CaptureBatch
  #nanosecondsPerUnit: number

  constructor(sink: CaptureSink, settings: PcapSettings = {}) {
    this.#batch = new CaptureBatch(sink)
    const microseconds = settings.microseconds ?? false
    this.#nanosecondsPerUnit = microseconds ? 1000 : 1
    const at = this.#batch.reserve(FILE_HEADER)
    const { view } = this.#batch
    view.setUint32(at, microseconds ? MAGIC_MICROSECONDS : MAGIC_NANOSECONDS, true)
    // Version 2.4, and two words that nobody uses any more.
    view.setUint16(at + 4, 2, true)
    view.setUint16(at + 6, 4, true)
    view.setUint32(at + 8, 0, true)
    view.setUint32(at + 12, 0, true)
    view.setUint32(at + 16, settings.snapLength ?? SNAP_LENGTH, true)
    view.setUint32(at + 20, settings.linkType ?? LINK_TYPE_ETHERNET, true)
  }

  /** Writes `capturedLength` bytes at `offset` of `bytes`. Seconds that 32 bits cannot tell (before 1970, after 2106) become the first or last that they can. */
  packet(
    seconds: number,
    nanoseconds: number,
    bytes: Uint8Array,
    offset: number,
    capturedLength: number,
    originalLength: number,
  ): void {
    const batch = this.#batch
    const at = batch.reserve(PACKET_HEADER + capturedLength)
    const view = batch.view
    view.setUint32(at, Math.min(Math.max(seconds, 0), SECONDS_MAX), true)
    view.setUint32(at + 4, Math.floor(nanoseconds / this.#nanosecondsPerUnit), true)
    view.setUint32(at + 8, capturedLength, true)
    view.setUint32(at + 12, originalLength, true)
    batch.put(bytes, offset, capturedLength, at + PACKET_HEADER)
  }

  /** Hands over to the sink what is written so far. */
  flush(): void {
    this.#batch.flush()
  }
}
