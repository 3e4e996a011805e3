/** What a capture file tells, whatever its format: the values that the readers fill and the writers take. */

/** Which way a packet went, as seen from the interface (pcapng, 4.3.1: epb_flags, bits 0 and 1). */
export const Direction = { unknown: 0, inbound: 1, outbound: 2 } as const
export type Direction = (typeof Direction)[keyof typeof Direction]

/** LINKTYPE_ETHERNET of the registry of link types. */
export const LINK_TYPE_ETHERNET = 1

/** An interface that packets were captured on (pcapng, 4.2). Of a classic pcap file there is one, without a name. */
export interface CaptureInterface {
  /** Its number in the file, over all sections: 0, 1, 2, … */
  readonly id: number
  readonly linkType: number
  /** Most bytes of a packet that are kept; 0 is without limit. */
  readonly snapLength: number
  readonly name: string
  readonly description: string
  /** `02:42:ac:12:00:02`; empty where the file does not say. */
  readonly mac: string
  /** Bits a second; 0 where the file does not say. */
  readonly speed: number
  /** The filter that it was captured with, as text. */
  readonly filter: string
  /** Digits after the decimal point that its timestamps really have: 6 for microseconds, 9 for nanoseconds. */
  readonly timestampDigits: number
}

/**
 * The packet that the reader stands at. One object, filled anew by each `next()`; `bytes` is the reader's own buffer and changes with it,
 * too: copy what must last.
 */
export interface CapturedPacket {
  readonly interfaceId: number
  /** Since 1970, UTC; `nanoseconds` from 0 to 999,999,999. */
  readonly seconds: number
  readonly nanoseconds: number
  readonly bytes: Uint8Array
  readonly offset: number
  /** Bytes that are here, and those that it had on the wire. */
  readonly capturedLength: number
  readonly originalLength: number
  readonly direction: Direction
  readonly comments: readonly string[]
}

/** A name of an address (pcapng, 4.5), `172.18.0.2` or `02:42:ac:12:00:02`'s. */
export interface CaptureName {
  readonly address: string
  readonly names: readonly string[]
}

/** What an interface counted (pcapng, 4.6); undefined where the file does not say. */
export interface CaptureStatistics {
  readonly interfaceId: number
  readonly received?: number | undefined
  /** Not captured for want of room. */
  readonly dropped?: number | undefined
  /** That the filter let pass. */
  readonly accepted?: number | undefined
  readonly comment?: string | undefined
}
