import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { ErrorCode, TapwireError } from '../control/errors.ts'

/**
 * Runs a program to its end and resolves to its standard output. Rejects with what it wrote to standard error where it
 * failed, and with the name of the missing package's program where it is not installed.
 */
export async function run(program: string, args: readonly string[], input = ''): Promise<string> {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] })
  // A program that ends before it has read everything says why on standard error.
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  try {
    const [output, errors, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close'),
    ])
    if (code === 0) return output
    throw new TapwireError(
      ErrorCode.daemonFailed,
      `\`${[program, ...args].join(' ')}\` failed: ${errors.trim()}`,
    )
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    throw new TapwireError(ErrorCode.programMissing, `The program ${program} is not installed.`, {
      hint: 'On Debian: apt-get install iproute2 util-linux',
      cause: error,
    })
  }
}
