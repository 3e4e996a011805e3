import type { CaptureBuffer } from './capture-buffer.ts'
import { type CaptureFileError, damaged } from './capture-file-error.ts'
import { brokenOption, type OptionSpan, optionsOf } from './pcapng-options.ts'

/** Types of blocks (pcapng, 11.1). */
export const BlockType = {
  sectionHeader: 0x0a0d0d0a,
  interfaceDescription: 1,
  packet: 2,
  simplePacket: 3,
  nameResolution: 4,
  interfaceStatistics: 5,
  enhancedPacket: 6,
} as const

/** A whole block in the buffer: from `start` its header, from `body` what it says, at `end` its length again. */
export interface Block {
  readonly buffer: CaptureBuffer
  readonly start: number
  readonly body: number
  readonly end: number
  readonly littleEndian: boolean
}

/** Throws where the block has no room for the fixed part of `what`. */
export function needBody(block: Block, what: string, wanted: number): void {
  const length = block.end - block.body
  if (length < wanted) throw tooShort(offsetOf(block), what, length, wanted)
}

export const tooShort = (offset: number, what: string, length: number, wanted: number): CaptureFileError =>
  damaged(offset, `is the block of ${what} with ${length} bytes; it takes ${wanted} at least`)

/** The options from `start` to the block's end. Throws where one does not fit. */
export function blockOptions(block: Block, start: number): Iterable<OptionSpan> {
  const { view } = block.buffer
  if (brokenOption(view, start, block.end, block.littleEndian) !== -1) throw brokenOptions(offsetOf(block))
  return optionsOf(view, start, block.end, block.littleEndian)
}

export const offsetOf = (block: Block): number => block.buffer.offsetOf(block.start)

export const brokenOptions = (offset: number): CaptureFileError =>
  damaged(offset, 'is a block with an option that is longer than the block')
