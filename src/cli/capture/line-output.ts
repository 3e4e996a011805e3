/** A line for each packet, on standard output, as it comes. */

import type { TimeFormat } from '../../inspect/dissect/line-writer.ts'
import { CaptureReader, ReadResult } from '../../inspect/pcap/capture-reader.ts'
import { CAPTURE_NAMES_MAX } from '../../limits.ts'
import type { Cli } from '../cli.ts'
import { writeTo } from '../write-to.ts'
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
  readonly #names = new Map<string, string>()
  readonly #printer: LinePrinter

  constructor(cli: Cli, { time, numeric, hex }: LineOutputOptions) {
    this.#cli = cli
    this.#printer = new LinePrinter(time, numeric ? undefined : { byAddress: this.#names }, hex)
  }

  async write(blocks: Uint8Array): Promise<void> {
    const reader = this.#reader
    reader.push(blocks)
    for (let result = reader.next(); result !== ReadResult.needMore; result = reader.next()) {
      if (result === ReadResult.packet) this.#printer.print(reader)
      else if (result === ReadResult.names) this.#learn()
      if (this.#printer.full) await this.#flush()
    }
    await this.#flush()
  }

  end(): void {}

  close(): void {}

  async #flush(): Promise<void> {
    for (const piece of this.#printer.take()) await writeTo(this.#cli.stdout, piece)
  }

  #learn(): void {
    for (const { address, names } of this.#reader.names) {
      if (names[0] !== undefined && this.#names.size < CAPTURE_NAMES_MAX) this.#names.set(address, names[0])
    }
  }
}
