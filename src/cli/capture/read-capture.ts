/** Captures as commands read them: from a file or from standard input, with constant memory, and with errors for people. */

import { closeSync, openSync, readSync } from 'node:fs'
import { ErrorCode, TapwireError } from '../../control/errors.ts'
import { CaptureFileError } from '../../inspect/pcap/capture-file-error.ts'
import { CaptureReader, ReadResult } from '../../inspect/pcap/capture-reader.ts'
import type { Cli } from '../cli.ts'
import { openError, usage } from '../options.ts'

/** Bytes of a file that are asked for at once. */
const CHUNK = 256 * 1024

/** What is done with what a capture holds. */
export interface CaptureVisitor {
  /** Goes on with what may be read now; true where nothing more is wanted. The reader stands at what `result` says. */
  visit(reader: CaptureReader, result: ReadResult): boolean
  /** Between two pieces of the file: output may be written, and others may do their work. */
  pause(): Promise<void>
}

/**
 * Reads all of the capture, or as much as the visitor wants. Throws TapwireError where the file cannot be read, or is wrong: what was before
 * that has been visited.
 */
export async function readCapture(cli: Cli, path: string, visitor: CaptureVisitor): Promise<void> {
  const reader = new CaptureReader()
  try {
    if (path === '-') await readStream(cli, reader, visitor)
    else await readFile(path, reader, visitor)
  } catch (error) {
    if (!(error instanceof CaptureFileError)) throw error
    const name = path === '-' ? 'standard input' : path
    throw new TapwireError(ErrorCode.captureInvalid, `${name}: ${error.message}`, {
      hint: error.hint,
      cause: error,
    })
  }
}

async function readFile(path: string, reader: CaptureReader, visitor: CaptureVisitor): Promise<void> {
  const descriptor = opened(path)
  try {
    for (;;) {
      if (visitAll(reader, visitor)) return
      await visitor.pause()
      const length = readInto(descriptor, path, reader.space(CHUNK))
      if (length === 0) reader.end()
      else reader.filled(length)
    }
  } finally {
    closeSync(descriptor)
  }
}

function opened(path: string): number {
  try {
    return openSync(path, 'r')
  } catch (cause) {
    throw usage(openError(path, cause))
  }
}

function readInto(descriptor: number, path: string, room: Uint8Array): number {
  try {
    return readSync(descriptor, room, 0, room.length, null)
  } catch (cause) {
    throw usage(openError(path, cause))
  }
}

async function readStream({ stdin }: Cli, reader: CaptureReader, visitor: CaptureVisitor): Promise<void> {
  for await (const chunk of stdin) {
    reader.push(chunk as Uint8Array)
    const enough = visitAll(reader, visitor)
    await visitor.pause()
    // Whoever writes it learns that nobody reads on.
    if (enough) return void stdin.destroy?.()
  }
  reader.end()
  visitAll(reader, visitor)
}

/** All that can be read of what has come in; whether that was the end, or enough. */
function visitAll(reader: CaptureReader, visitor: CaptureVisitor): boolean {
  for (;;) {
    const result = reader.next()
    if (result === ReadResult.needMore) return false
    if (result === ReadResult.end || visitor.visit(reader, result)) return true
  }
}
