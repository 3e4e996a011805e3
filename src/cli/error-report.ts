import { TapwireError } from '../control/errors.ts'
import { formatLabProblem, LabFileError } from '../control/lab-problem.ts'
import type { Cli } from './cli.ts'
import { colorsFor } from './colors.ts'

/**
 * Tells an error on standard error: what is wrong and what to do next, and returns the exit code. How the program got
 * there is for its developers, who set TAPWIRE_DEBUG=1.
 */
export function reportError(cli: Cli, error: unknown): number {
  const colors = colorsFor(cli, cli.stderr)
  const write = (text: string) => cli.stderr.write(`${text}\n`)
  if (error instanceof LabFileError) {
    for (const problem of error.problems) write(formatLabProblem(problem))
    if (error.unlisted > 0) write(`… and ${error.unlisted} more`)
  }
  const { message } = error instanceof Error ? error : new Error(String(error))
  write(`${colors.red('tapwire:')} ${message}`)
  if (error instanceof TapwireError) {
    if (error.hint !== undefined) write(`${colors.cyan('hint:')} ${error.hint}`)
  } else {
    write(`${colors.cyan('hint:')} This is a defect of Tapwire. TAPWIRE_DEBUG=1 shows where it happened.`)
  }
  if (cli.env['TAPWIRE_DEBUG'] === '1') writeStack(error, write)
  return error instanceof TapwireError ? error.exitCode : 1
}

function writeStack(error: unknown, write: (text: string) => void): void {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const code = at instanceof TapwireError ? ` [${at.code}]` : ''
    write(`${at === error ? '' : 'caused by '}${at.stack ?? at.message}${code}`)
  }
}
