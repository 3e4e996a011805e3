/** Captures as commands read them: from a file or from standard input, with constant memory, and with errors for people. */

import { CaptureReader, ReadResult } from '../../inspect/pcap/capture-reader.ts'
import type { Cli } from '../cli.ts'
import { captureError, openCaptureFile } from './capture-input.ts'

/** What is done with what a capture holds. */
export interface CaptureVisitor {
  /** Goes on with what may be read now; true where nothing more is wanted. The reader stands at what `result` says. */
  visit(reader: CaptureReader, result: ReadResult): boolean
  /** So much waits to be written that a pause is due. */
  readonly full: boolean
  /** Between two pieces of the file, or when it is full: output may be written, and others may do their work. */
  pause(): Promise<void>
}

/**
 * Reads all of the capture, or as much as the visitor wants. Throws TapwireError where the file cannot be read, or is wrong: what was before
 * that has been visited.
 */
export async function readCapture(cli: Cli, path: string, visitor: CaptureVisitor): Promise<void> {
  if (path === '-') await readStream(cli, visitor)
  else await readFile(path, visitor)
}

async function readFile(path: string, visitor: CaptureVisitor): Promise<void> {
  const input = openCaptureFile(path)
  try {
    for (;;) {
      const state = told(path, () => visitAll(input.reader, visitor))
      if (state === 'done') return
      await visitor.pause()
      if (state === 'needMore') told(path, () => input.fill())
    }
  } finally {
    input.close()
  }
}

/** Throws CAPTURE_INVALID for what is wrong with the file, and in place of the system's errors. */
function told<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw captureError(path, error)
  }
}

async function readStream({ stdin }: Cli, visitor: CaptureVisitor): Promise<void> {
  const reader = new CaptureReader()
  for await (const chunk of stdin) {
    reader.push(chunk as Uint8Array)
    // Whoever writes it learns that nobody reads on.
    if ((await visitWithPauses(reader, visitor)) === 'done') return void stdin.destroy?.()
  }
  reader.end()
  await visitWithPauses(reader, visitor)
}

async function visitWithPauses(reader: CaptureReader, visitor: CaptureVisitor): Promise<VisitState> {
  for (;;) {
    const state = told('-', () => visitAll(reader, visitor))
    await visitor.pause()
    if (state !== 'full') return state
  }
}

/** Why it was not gone on with: it was the end, or enough; the next bytes are not here; the visitor is full. */
type VisitState = 'done' | 'needMore' | 'full'

function visitAll(reader: CaptureReader, visitor: CaptureVisitor): VisitState {
  while (!visitor.full) {
    const result = reader.next()
    if (result === ReadResult.needMore) return 'needMore'
    if (result === ReadResult.end || visitor.visit(reader, result)) return 'done'
  }
  return 'full'
}
