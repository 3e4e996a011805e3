import type { Cli } from './cli.ts'

/**
 * Does `action` for each reference, one after the other. One that fails is told and the others go on; the exit code is 1
 * then.
 */
export async function forEach(
  cli: Cli,
  references: readonly string[],
  action: (reference: string) => Promise<void>,
): Promise<void> {
  for (const reference of references) {
    try {
      await action(reference)
    } catch (error) {
      await tellFailure(cli, error)
    }
  }
}

/** Tells an error that ends one part of the work; the program is to end with 1. */
export async function tellFailure(cli: Cli, error: unknown): Promise<void> {
  const { reportError } = await import('./error-report.ts')
  reportError(cli, error)
  cli.exitCode = 1
}

/** The same, with the reference printed where all went well, as docker does. */
export async function forEachPrinted(
  cli: Cli,
  references: readonly string[],
  action: (reference: string) => Promise<void>,
): Promise<void> {
  await forEach(cli, references, async (reference) => {
    await action(reference)
    cli.stdout.write(`${reference}\n`)
  })
}
