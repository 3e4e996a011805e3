import type { OutputStream } from './cli.ts'

/** Writes, and resolves when the reader has caught up: what is written faster would be kept in memory. */
export function writeTo(stream: OutputStream, data: string | Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    if (data.length === 0 || stream.write(data) !== false || stream.on === undefined) return resolve()
    const drained = (): void => {
      stream.off?.('drain', drained)
      resolve()
    }
    stream.on('drain', drained)
  })
}
