import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { ErrorCode, TapwireError } from '../control/errors.ts'

/** flock(1)'s exit code for a lock that another process has; by our wish, to know it from its other failures. */
const LOCKED = 75

/**
 * Runs a program to its end and resolves to its standard output. Rejects with what it wrote to standard error where it
 * failed, and with the name of the missing package's program where it is not installed.
 */
export async function run(program: string, args: readonly string[], input = ''): Promise<string> {
  const { code, output, errors } = await runToEnd(program, args, input)
  if (code !== 0) throw failed(program, args, errors)
  return output
}

/**
 * Locks an open file against all who do the same (flock(2)). False where another process has the lock. It belongs to the
 * open file, and so it stays when flock(1) has ended, and goes with this process, however that ends.
 */
export async function lock(descriptor: number): Promise<boolean> {
  const args = ['--nonblock', '--conflict-exit-code', String(LOCKED), '3']
  const { code, errors } = await runToEnd('flock', args, '', descriptor)
  if (code !== 0 && code !== LOCKED) throw failed('flock', args, errors)
  return code === 0
}

interface Ended {
  /** Null where a signal ended it. */
  readonly code: number | null
  readonly output: string
  readonly errors: string
}

/** `descriptors` are 3, 4, … in the program. */
async function runToEnd(
  program: string,
  args: readonly string[],
  input: string,
  ...descriptors: readonly number[]
): Promise<Ended> {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe', ...descriptors] })
  try {
    // Without descriptors left there are no streams, but an error.
    await once(child, 'spawn')
    const [stdin, stdout, stderr] = [child.stdin!, child.stdout!, child.stderr!]
    // A program that ends before it has read everything says why on standard error.
    stdin.on('error', () => {})
    stdin.end(input)
    const [output, errors, [code]] = await Promise.all([text(stdout), text(stderr), once(child, 'close')])
    return { code: code as number | null, output, errors }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    throw new TapwireError(ErrorCode.programMissing, `The program ${program} is not installed.`, {
      hint: 'On Debian: apt-get install iproute2 util-linux',
      cause: error,
    })
  }
}

const failed = (program: string, args: readonly string[], errors: string): TapwireError =>
  new TapwireError(ErrorCode.daemonFailed, `\`${[program, ...args].join(' ')}\` failed: ${errors.trim()}`)
