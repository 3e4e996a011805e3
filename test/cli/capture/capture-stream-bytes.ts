/** A stream as the daemon's: interfaces, names, packets, and statistics at the end. */
import { Direction } from '../../../src/inspect/pcap/capture-file.ts'
import { PcapngWriter } from '../../../src/inspect/pcap/pcapng-writer.ts'

export interface StreamPlan {
  readonly interfaces: number
  /** Lengths of the packets, which go by turns over the interfaces. */
  readonly lengths: readonly number[]
}

export const SECOND = 1_700_000_000

/** The whole of it, in pieces of the writer's. */
export function captureBytes({ interfaces, lengths }: StreamPlan): Buffer {
  const pieces: Uint8Array[] = []
  const writer = new PcapngWriter((bytes) => pieces.push(bytes), { application: 'Tapwire', os: 'Linux' })
  writer.names([{ address: '10.0.0.2', names: ['web'] }])
  for (let i = 0; i < interfaces; i++) writer.addInterface({ name: `s${i}.eth0@blue`, speed: 1e10 })
  for (const [number, length] of lengths.entries()) {
    const direction = number % 2 === 0 ? Direction.inbound : Direction.outbound
    const comments = number % 3 === 0 ? [`number ${number}`] : []
    const bytes = Buffer.alloc(length, number)
    writer.packet(number % interfaces, SECOND, number, bytes, 0, length, length, { direction, comments })
  }
  const time = { seconds: SECOND, nanoseconds: lengths.length }
  for (let i = 0; i < interfaces; i++) {
    writer.statistics(i, { time, received: lengths.length, accepted: lengths.length, dropped: i + 1 })
  }
  writer.flush()
  return Buffer.concat(pieces)
}

/** 10.0.0.2 pings 10.0.0.3. */
export const PING = Buffer.from(
  '02420000000302420000000208004500002000010000400166d80a0000020a0000030800f7fd0001000161626364',
  'hex',
)
