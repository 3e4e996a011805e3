/** Frames of a capture file in the classic format, little-endian and of Ethernet. */
export function readPcap(file: Uint8Array): Uint8Array[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  const frames: Uint8Array[] = []
  let at = 24
  while (at < file.length) {
    const length = view.getUint32(at + 8, true)
    frames.push(Uint8Array.from(file.subarray(at + 16, at + 16 + length)))
    at += 16 + length
  }
  return frames
}

/** A capture file with these frames, a second apart. */
export function writePcap(frames: readonly Uint8Array[]): Uint8Array {
  const le32 = (...values: number[]): Uint8Array => new Uint8Array(Uint32Array.from(values).buffer)
  const LINKTYPE_ETHERNET = 1
  // Magic, version 2.4, time zone, accuracy, longest frame, link type.
  const header = le32(0xa1b2c3d4, 0x0004_0002, 0, 0, 65_535, LINKTYPE_ETHERNET)
  const records = frames.flatMap((frame, second) => [le32(second, 0, frame.length, frame.length), frame])
  return Buffer.concat([header, ...records])
}
