/**
 * Programs of the machine that the shim runs inside its sandbox. A fork of the daemon has to copy the page tables of a process of a
 * hundred megabytes while everybody waits; the shim's is over in no time, and it is in the right namespaces already.
 */

import { ErrorCode, TapwireError } from '../../control/errors.ts'
import {
  decodeExit,
  encodeChunks,
  encodeFrame,
  encodePlan,
  FrameDecoder,
  FrameType,
} from '../../control/shim-frames.ts'
import { openStream } from './shim-connection.ts'

/** Where a daemon may run without them on its PATH. */
const SYSTEM_FOLDERS = '/usr/sbin:/sbin:/usr/bin:/bin'

/**
 * Runs a program to its end with `input` as its standard input. Throws COMMAND_NOT_FOUND, COMMAND_NOT_EXECUTABLE, SANDBOX_ENDED, and
 * what the program wrote to standard error where it failed.
 */
export async function runInside(
  socketPath: string,
  command: readonly string[],
  input: string,
): Promise<void> {
  const { exitCode, errors } = await runToEnd(socketPath, command, Buffer.from(input))
  if (exitCode === 0) return
  throw new TapwireError(ErrorCode.daemonFailed, `\`${command.join(' ')}\` failed: ${errors.trim()}`)
}

export const isNotRunnable = (error: unknown): boolean =>
  error instanceof TapwireError &&
  (error.code === ErrorCode.commandNotFound || error.code === ErrorCode.commandNotExecutable)

async function runToEnd(
  socketPath: string,
  command: readonly string[],
  input: Uint8Array,
): Promise<{ exitCode: number; errors: string }> {
  const environment = [`PATH=${process.env['PATH'] ?? ''}:${SYSTEM_FOLDERS}`]
  const stream = await openStream(
    socketPath,
    ...encodePlan(FrameType.exec, { tty: false, openStdin: true }, '/', command, environment),
  )
  const decoder = new FrameDecoder()
  const errors: Uint8Array[] = []
  try {
    for (const frame of encodeChunks(FrameType.stdin, input)) stream.write(frame)
    stream.write(encodeFrame(FrameType.stdin))
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      decoder.push(chunk)
      for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) {
        if (frame.type === FrameType.stderr) errors.push(frame.payload)
        if (frame.type === FrameType.exit)
          return { exitCode: decodeExit(frame), errors: Buffer.concat(errors).toString() }
      }
    }
    throw new TapwireError(ErrorCode.sandboxEnded, 'The sandbox has ended.')
  } finally {
    stream.destroy()
  }
}
