import { TapwireError } from '../control/errors.ts'
import { formatLabProblem, LabFileError } from '../control/lab-problem.ts'
import { printable } from '../control/rules/names.ts'
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
    for (const problem of error.problems) write(safe(formatLabProblem(problem)))
    if (error.unlisted > 0) write(`… and ${error.unlisted} more`)
  }
  const { message } = error instanceof Error ? error : new Error(String(error))
  write(`${colors.red('tapwire:')} ${safe(message)}`)
  if (error instanceof TapwireError) {
    if (error.hint !== undefined) write(`${colors.cyan('hint:')} ${safe(error.hint)}`)
  } else {
    write(`${colors.cyan('hint:')} This is a defect of Tapwire. TAPWIRE_DEBUG=1 shows where it happened.`)
  }
  if (cli.env['TAPWIRE_DEBUG'] === '1') writeStack(error, write)
  return error instanceof TapwireError ? error.exitCode : 1
}

/** Names of files, and what stood in them, are parts of messages; they are not to steer the terminal. Lines and tabs stay. */
const safe = (text: string): string =>
  text
    .split(/([\n\t])/)
    .map(keepBreak)
    .join('')

const keepBreak = (part: string): string => (part === '\n' || part === '\t' ? part : printable(part))

function writeStack(error: unknown, write: (text: string) => void): void {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const code = at instanceof TapwireError ? ` [${at.code}]` : ''
    write(`${at === error ? '' : 'caused by '}${at.stack ?? at.message}${code}`)
  }
}
