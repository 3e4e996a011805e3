import type { CaptureSink } from './pcapng-writer.ts'

export interface PcapSettings {
  /** Ethernet unless given. */
  readonly linkType?: number | undefined
  readonly snapLength?: number | undefined
  /** Timestamps in microseconds, which every program reads, and not in nanoseconds. */
  readonly microseconds?: boolean | undefined
}

/** Writes classic pcap, little-endian. What it writes is kept until a batch is full, or `flush`. */
export class PcapWriter {
  constructor(_sink: CaptureSink, _settings: PcapSettings = {}) {}

  packet(
    _seconds: number,
    _nanoseconds: number,
    _bytes: Uint8Array,
    _offset: number,
    _capturedLength: number,
    _originalLength: number,
  ): void {}

  flush(): void {}
}
