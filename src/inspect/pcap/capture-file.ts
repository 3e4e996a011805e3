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
  /** The system that it was captured on, and the hardware. */
  readonly os: string
  readonly hardware: string
  /** `172.18.0.2/16`, in the file's order. */
  readonly addresses: readonly string[]
  readonly comments: readonly string[]
  /** Bytes of the frame check sequence at the end of each packet; 0 where there is none or the file does not say. */
  readonly fcsLength: number
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
  /** Bytes that are here, and those that it had on the wire: never fewer, even where the file says so. */
  readonly capturedLength: number
  readonly originalLength: number
  readonly direction: Direction
  readonly comments: readonly string[]
  /** The whole word of flags of which the direction is a part (pcapng, 4.3.1); 0 where the file does not say. */
  readonly flags?: number | undefined
  /** Packets that were lost on this interface between the packet before and this one. */
  readonly dropCount?: number | undefined
  /** The same packet has the same number wherever it was captured. */
  readonly packetId?: bigint | undefined
  /** Number of the interface's queue. */
  readonly queue?: number | undefined
  /** What a filter or a program decided: a byte for the kind, and what that kind says. */
  readonly verdicts?: readonly Uint8Array[] | undefined
}

/** A name of an address (pcapng, 4.5), `172.18.0.2` or `02:42:ac:12:00:02`'s. */
export interface CaptureName {
  readonly address: string
  readonly names: readonly string[]
}

/** Since 1970, UTC. */
export interface CaptureTime {
  readonly seconds: number
  readonly nanoseconds: number
}

/** What an interface counted (pcapng, 4.6); undefined where the file does not say. */
export interface CaptureStatistics {
  readonly interfaceId: number
  /** When these were the numbers. */
  readonly time?: CaptureTime | undefined
  readonly started?: CaptureTime | undefined
  readonly ended?: CaptureTime | undefined
  readonly received?: number | undefined
  /** Not captured for want of room. */
  readonly dropped?: number | undefined
  /** That the filter let pass. */
  readonly accepted?: number | undefined
  /** Accepted, and dropped by the system. */
  readonly droppedByOs?: number | undefined
  /** Given to the program that captured. */
  readonly delivered?: number | undefined
  readonly comment?: string | undefined
}

/** What a capture file says of itself; of a pcapng file, its section that the reader is in. */
export interface CaptureFormat {
  readonly kind: 'pcap' | 'pcapng'
  readonly bigEndian: boolean
  /** `2.4`, `1.0`. */
  readonly version: string
  /** Of a classic pcap file, digits of its timestamps: 6 or 9. In pcapng each interface has its own. */
  readonly timestampDigits: number | undefined
  /** Empty where the file does not say. */
  readonly hardware: string
  readonly os: string
  readonly application: string
  readonly comments: readonly string[]
}

/** A block of pcapng that the reader steps over: custom ones, secrets, entries of a journal, and types yet to come. */
export interface OtherBlock {
  readonly type: number
  /** Of its header, in the file. */
  readonly offset: number
  /** In the byte order of its section. The reader's own buffer: copy what must last. */
  readonly body: Uint8Array
}
