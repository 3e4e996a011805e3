/** Capture files, as commands read them. */

import { ErrorCode, TapwireError } from '../../control/errors.ts'
import { CaptureFileError } from '../../inspect/pcap/capture-file-error.ts'
import { type CaptureInput, openCapture } from '../../inspect/pcap/capture-input.ts'

/** Throws CAPTURE_INVALID. `-` is the standard input. */
export function openCaptureFile(path: string): CaptureInput {
  try {
    return openCapture(path)
  } catch (cause) {
    throw captureError(path, cause)
  }
}

/** What goes wrong while a capture is read, as people are told of it; anything else as it is. */
export function captureError(path: string, error: unknown): unknown {
  const name = path === '-' ? 'the standard input' : path
  if (error instanceof CaptureFileError) {
    return new TapwireError(ErrorCode.captureInvalid, `Cannot read ${name} as a capture. ${error.message}`, {
      hint: error.hint,
      cause: error,
    })
  }
  const { code = '', message, syscall } = error as NodeJS.ErrnoException
  if (syscall === undefined) return error
  return new TapwireError(ErrorCode.captureInvalid, `Cannot read ${name}: ${READ_ERRORS[code] ?? message}.`, {
    cause: error,
  })
}

const READ_ERRORS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'it is a folder',
  EACCES: 'permission denied',
}
