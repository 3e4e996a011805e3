/** A line for each packet, on standard output, as it comes. */

import type { TimeFormat } from '../../inspect/dissect/line-writer.ts'
import { CaptureReader, ReadResult } from '../../inspect/pcap/capture-reader.ts'
import type { Cli } from '../cli.ts'
import { writeTo } from '../write-to.ts'
import { CaptureNames } from './capture-names.ts'
import type { CaptureOutput } from './capture-output.ts'
import { LinePrinter } from './packet-printer.ts'

export interface LineOutputOptions {
  readonly time: TimeFormat
  /** Addresses also where they have names. */
  readonly numeric: boolean
  readonly hex: boolean
}

export class LineOutput implements CaptureOutput {
  readonly #cli: Cli
  readonly #reader = new CaptureReader()
  readonly #names = new CaptureNames()
  readonly #printer: LinePrinter

  constructor(cli: Cli, { time, numeric, hex }: LineOutputOptions) {
    this.#cli = cli
    this.#printer = new LinePrinter(time, numeric ? undefined : this.#names, hex)
  }

  async write(blocks: Uint8Array): Promise<void> {
    const reader = this.#reader
    reader.push(blocks)
    for (let result = reader.next(); result !== ReadResult.needMore; result = reader.next()) {
      if (result === ReadResult.packet) this.#printer.print(reader)
      else if (result === ReadResult.names) this.#names.learn(reader)
      if (this.#printer.full) await this.#flush()
    }
    await this.#flush()
  }

  end(): void {}

  close(): void {}

  async #flush(): Promise<void> {
    for (const piece of this.#printer.take()) await writeTo(this.#cli.stdout, piece)
  }
}
