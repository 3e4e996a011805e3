import { statSync } from 'node:fs'
import type { Cli } from '../cli.ts'
import { writeTo } from '../write-to.ts'
import type { CaptureOutput } from './capture-output.ts'
import { FifoOutput } from './fifo-output.ts'
import { FileOutput } from './file-output.ts'

/** By its path; `-` is standard output. Throws OUTPUT_UNWRITABLE. */
export async function openOutput(cli: Cli, path: string, signal: AbortSignal): Promise<CaptureOutput> {
  if (path === '-') return new StandardOutput(cli)
  const isFifo = statSync(path, { throwIfNoEntry: false })?.isFIFO() === true
  return isFifo ? await FifoOutput.open(path, signal) : new FileOutput(path)
}

/** The program itself sees to it that it ends with who reads that. */
class StandardOutput implements CaptureOutput {
  readonly #cli: Cli

  constructor(cli: Cli) {
    this.#cli = cli
  }

  write(blocks: Uint8Array): Promise<void> {
    return writeTo(this.#cli.stdout, blocks)
  }

  end(): void {}

  close(): void {}
}
