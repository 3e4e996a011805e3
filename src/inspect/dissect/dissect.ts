import type { Dissection, DissectOptions } from './dissection.ts'

/** Takes apart the packet of `length` bytes at `offset`. Never throws: what cannot be read is a problem of its layer. */
export function dissect(
  bytes: Uint8Array,
  offset: number = 0,
  length: number = bytes.length - offset,
  options: DissectOptions = {},
): Dissection {
  const originalLength = options.originalLength ?? length
  return { layers: [], summary: '', capturedLength: length, originalLength }
}
