import { mkdirSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { REFERENCE_FOLDER, WORK_FOLDER } from './folders.ts'
import { run } from './process.ts'

/** Compiles bench/reference/NAME.c unless that is done already, and returns the program's path. */
export async function buildReference(name: string): Promise<string> {
  const program = join(WORK_FOLDER, name)
  if (isCurrent(program)) return program
  mkdirSync(WORK_FOLDER, { recursive: true })
  await run('cc', ['-O2', '-Wall', '-Wextra', '-o', program, join(REFERENCE_FOLDER, `${name}.c`)])
  return program
}

function isCurrent(program: string): boolean {
  const built = statSync(program, { throwIfNoEntry: false })?.mtimeMs ?? 0
  return readdirSync(REFERENCE_FOLDER).every((file) => statSync(join(REFERENCE_FOLDER, file)).mtimeMs < built)
}
