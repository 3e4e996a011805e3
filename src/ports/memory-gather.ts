/** Gather records carried out in plain memory: what native/gather.c does, for MemoryFrameIo. */
import {
  type FrameMemory,
  GATHER_ALIGN,
  GATHER_HEADER_WORDS,
  GATHER_PIECES,
  GATHER_SEGMENT_SIZE,
  PIECE_WORDS,
} from '../datapath/frame-memory.ts'
import { finish, sum, udpChecksum } from '../wire/checksum.ts'

export interface Gathered {
  /** 0: one datagram. */
  readonly segmentSize: number
  readonly bytes: Uint8Array
}

/** Whether `size` bytes from `offset` on lie in slots and arena. */
export const framesHave = ({ layout }: FrameMemory, offset: number, size: number): boolean =>
  offset >= layout.slots && size >= 0 && offset + size <= layout.gathers

/**
 * The record at `at`, put together, with the checksums of its pieces completed. Undefined: the record, a piece or a field does not lie
 * where it may, and nothing was changed.
 */
export function takeGather(memory: FrameMemory, at: number): Gathered | undefined {
  const { gathers, bytes } = memory
  const first = at * GATHER_ALIGN
  if (at < 0 || first + GATHER_HEADER_WORDS > gathers.length) return undefined
  const segmentSize = gathers[first + GATHER_SEGMENT_SIZE]!
  const count = gathers[first + GATHER_PIECES]!
  const end = first + GATHER_HEADER_WORDS + count * PIECE_WORDS
  if (segmentSize < 0 || count < 1 || end > gathers.length) return undefined
  const pieces = Array.from({ length: count }, (_, i) => first + GATHER_HEADER_WORDS + i * PIECE_WORDS)
  if (!pieces.every((piece) => pieceFits(memory, piece))) return undefined
  for (const piece of pieces) complete(memory, piece)
  const parts = pieces.map((piece) => bytes.subarray(gathers[piece], gathers[piece]! + gathers[piece + 1]!))
  const size = parts.reduce((total, part) => total + part.length, 0)
  const whole = new Uint8Array(size)
  let to = 0
  for (const part of parts) {
    whole.set(part, to)
    to += part.length
  }
  return { segmentSize, bytes: whole }
}

/** Where the field is: UDP's is said by the complement. */
const fieldOf = (checksum: number): number => (checksum < 0 ? ~checksum : checksum)

function pieceFits(memory: FrameMemory, piece: number): boolean {
  const checksum = memory.gathers[piece + 2]!
  if (!framesHave(memory, memory.gathers[piece]!, memory.gathers[piece + 1]!)) return false
  return checksum === 0 || framesHave(memory, fieldOf(checksum), 2)
}

/** As a network interface would: what stands in the field is the sum of what else it covers. */
function complete({ gathers, view }: FrameMemory, piece: number): void {
  const offset = gathers[piece]!
  const length = gathers[piece + 1]!
  const checksum = gathers[piece + 2]!
  if (checksum === 0) return
  const field = fieldOf(checksum)
  const inside = field >= offset && field + 2 <= offset + length
  const result = finish(sum(view, offset, length, inside ? 0 : view.getUint16(field)))
  view.setUint16(field, checksum < 0 ? udpChecksum(result) : result)
  gathers[piece + 2] = 0
}
