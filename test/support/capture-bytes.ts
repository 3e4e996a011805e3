/** Capture files in memory. */

import { Direction } from '../../src/inspect/pcap/capture-file.ts'
import { CaptureReader } from '../../src/inspect/pcap/capture-reader.ts'
import { PcapWriter } from '../../src/inspect/pcap/pcap-writer.ts'
import {
  type InterfaceSettings,
  type PcapngSettings,
  PcapngWriter,
} from '../../src/inspect/pcap/pcapng-writer.ts'
import { ReadResult } from '../../src/inspect/pcap/read-result.ts'

export interface TestPacket {
  /** Milliseconds since 2001-09-09T01:46:40Z (1,000,000,000 s). */
  readonly atMs: number
  readonly frame: Uint8Array
  /** Number of the interface. */
  readonly on?: number
  readonly direction?: Direction
  /** On the wire, where that is more. */
  readonly length?: number
}

const EPOCH_S = 1_000_000_000

function timeOf(atMs: number): [seconds: number, nanoseconds: number] {
  const seconds = Math.floor(atMs / 1000)
  return [EPOCH_S + seconds, Math.round((atMs - seconds * 1000) * 1e6)]
}

export function pcapBytes(packets: readonly TestPacket[]): Uint8Array {
  const chunks: Uint8Array[] = []
  const writer = new PcapWriter((bytes) => void chunks.push(bytes))
  for (const { atMs, frame, length = frame.length } of packets) {
    writer.packet(...timeOf(atMs), frame, 0, frame.length, length)
  }
  writer.flush()
  return Buffer.concat(chunks)
}

export function pcapngBytes(
  interfaces: readonly InterfaceSettings[],
  packets: readonly TestPacket[],
  settings: PcapngSettings = {},
): Uint8Array {
  const chunks: Uint8Array[] = []
  const writer = new PcapngWriter((bytes) => void chunks.push(bytes), settings)
  for (const one of interfaces) writer.addInterface(one)
  for (const { atMs, frame, on = 0, direction = Direction.unknown, length = frame.length } of packets) {
    writer.packet(on, ...timeOf(atMs), frame, 0, frame.length, length, { direction })
  }
  writer.flush()
  return Buffer.concat(chunks)
}

export interface ReadPacket {
  readonly interface: string
  /** Nanoseconds since 1,000,000,000 s. */
  readonly atNs: number
  readonly direction: Direction
  readonly comments: readonly string[]
  readonly frame: Uint8Array
}

/** All packets of a capture. */
export function packetsOf(capture: Uint8Array): ReadPacket[] {
  const reader = new CaptureReader()
  reader.push(capture)
  reader.end()
  const packets: ReadPacket[] = []
  for (let result = reader.next(); result !== ReadResult.end; result = reader.next()) {
    if (result !== ReadResult.packet) continue
    const { interfaceId, seconds, nanoseconds, direction, comments, bytes, offset, capturedLength } =
      reader.packet
    packets.push({
      interface: reader.interfaces[interfaceId]!.name,
      atNs: (seconds - EPOCH_S) * 1e9 + nanoseconds,
      direction,
      comments: [...comments],
      frame: bytes.slice(offset, offset + capturedLength),
    })
  }
  return packets
}
