import type { CaptureName, CaptureStatistics, CaptureTime, Direction } from './capture-file.ts'

/** Takes the bytes of a capture file in their order. They are its own from then on: nothing changes them any more. */
export type CaptureSink = (bytes: Uint8Array) => void

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

/** Writes pcapng: one section, little-endian, timestamps in nanoseconds. What it writes is kept until a batch is full, or `flush`. */
export class PcapngWriter {
  constructor(_sink: CaptureSink, _settings: PcapngSettings = {}) {}

  /** Returns its number, for `packet` and `statistics`. May be called at any time. */
  addInterface(_settings: InterfaceSettings): number {
    return 0
  }

  /** Allocates nothing where there are no comments (and `settings` is a constant of the caller's). */
  packet(
    _interfaceId: number,
    _seconds: number,
    _nanoseconds: number,
    _bytes: Uint8Array,
    _offset: number,
    _capturedLength: number,
    _originalLength: number,
    _settings?: PacketSettings,
  ): void {}

  names(_entries: readonly CaptureName[]): void {}

  statistics(
    _interfaceId: number,
    _statistics: Omit<CaptureStatistics, 'interfaceId' | 'time'> & { readonly time: CaptureTime },
  ): void {}

  /** Hands over to the sink what is written so far. */
  flush(): void {}
}
