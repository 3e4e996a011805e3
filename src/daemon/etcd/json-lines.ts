/** Lines of a stream, whose chunks end anywhere. */

import { EtcdGarbage } from './etcd-text.ts'

const LINE_FEED = 0x0a

export class JsonLines {
  readonly #lengthMax: number
  /** Of the line that has not ended. */
  #chunks: Buffer[] = []
  #length = 0

  constructor(lengthMax: number) {
    this.#lengthMax = lengthMax
  }

  /** The lines that end in it, without empty ones. Throws EtcdGarbage where one is longer than the maximum, whether it ends or not. */
  push(chunk: Buffer): string[] {
    const lines: string[] = []
    let start = 0
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, start)) {
      this.#keep(chunk.subarray(start, end))
      const line = Buffer.concat(this.#chunks).toString().trim()
      if (line !== '') lines.push(line)
      this.#chunks = []
      this.#length = 0
      start = end + 1
    }
    this.#keep(chunk.subarray(start))
    return lines
  }

  #keep(part: Buffer): void {
    if (part.length === 0) return
    this.#length += part.length
    if (this.#length > this.#lengthMax) throw new EtcdGarbage(`a line has more than ${this.#lengthMax} bytes`)
    this.#chunks.push(part)
  }
}
