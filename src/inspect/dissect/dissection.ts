/**
 * What a packet says: layers from the outside in, each a tree of fields that know which bytes they stand in. Names are Wireshark's
 * display filter names (`ip.ttl`), so that what is learned here can be typed there.
 */

export interface DissectedField {
  /** `ip.ttl`. Empty for a heading over other fields (a DNS record), which has no name in Wireshark either. */
  readonly name: string
  /** `Time to Live`. */
  readonly label: string
  /** As JSON has it: numbers as numbers, addresses and names as text. */
  readonly value: string | number | boolean
  /** For people: `64`, `0x0800 (IPv4)`, `[SYN, ACK]`. */
  readonly text: string
  /** From the frame's first byte. */
  readonly offset: number
  readonly length: number
  /** Of the `length` bytes, where the field is only a part of them: `0x0fff`. */
  readonly mask?: number | undefined
  readonly fields?: readonly DissectedField[] | undefined
  /** What is wrong with it: `wrong, it should be 0x1c46`. */
  readonly problem?: string | undefined
}

export interface DissectedLayer {
  /** A name of PROTOCOLS (packet.ts), which is Wireshark's: `eth`, `ip`, `tcp`, … */
  readonly protocol: string
  /** `Internet Protocol Version 4, 172.18.0.2 → 172.18.0.3`. */
  readonly title: string
  readonly offset: number
  readonly length: number
  /** 0; one more for each tunnel (VXLAN) that carries it and each error message (ICMP) that quotes it. */
  readonly depth: number
  readonly fields: readonly DissectedField[]
  /** Why the rest of it could not be read: `cut short: 12 of 20 bytes are here`. */
  readonly problem?: string | undefined
}

export interface Dissection {
  readonly layers: readonly DissectedLayer[]
  /** One line: `172.18.0.2.40000 > 172.18.0.3.80: TCP [S], seq 1, win 64240, length 0`. The same as `LineWriter` writes. */
  readonly summary: string
  readonly capturedLength: number
  readonly originalLength: number
}

export interface DissectOptions {
  /** Bytes that the packet had on the wire, where some were cut off; `length` where undefined. */
  readonly originalLength?: number | undefined
  /** LINKTYPE of the registry; Ethernet where undefined. Others are shown as bytes. */
  readonly linkType?: number | undefined
  /** The transport checksum is still to be completed by "hardware": it is shown as such and not called wrong. */
  readonly partialChecksum?: boolean | undefined
}
