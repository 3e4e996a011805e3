/** The environment of a sandbox's command: the caller's, as far as it says who and where one is, then what options say. */
import { readFileSync } from 'node:fs'
import { openError, usage } from '../options.ts'

export interface EnvironmentOptions {
  /** `NAME=value`, or `NAME` for the caller's value. */
  readonly env?: readonly string[]
  readonly envFile?: readonly string[]
}

const TAKEN = new Set(['PATH', 'HOME', 'LANG', 'TZ', 'USER', 'SHELL'])

/** `NAME=value`, each name once; options come after files, later ones over earlier ones. Throws USAGE. */
export function environmentOf(
  env: NodeJS.ProcessEnv,
  { env: given = [], envFile: files = [] }: EnvironmentOptions,
  tty: boolean,
): string[] {
  const values = new Map<string, string>()
  for (const [name, value] of Object.entries(env)) {
    const isTaken = TAKEN.has(name) || name.startsWith('LC_') || (tty && name === 'TERM')
    if (isTaken && value !== undefined) values.set(name, value)
  }
  if (tty && !values.has('TERM')) values.set('TERM', 'xterm')
  for (const entry of [...files.flatMap(readEnvFile), ...given]) apply(values, entry, env)
  return [...values].map(([name, value]) => `${name}=${value}`)
}

/** Only what options say. */
function apply(values: Map<string, string>, entry: string, env: NodeJS.ProcessEnv): void {
  const at = entry.indexOf('=')
  const name = at === -1 ? entry : entry.slice(0, at)
  if (name === '') throw usage(`invalid environment variable: ${entry}`)
  const value = at === -1 ? env[name] : entry.slice(at + 1)
  if (value === undefined) values.delete(name)
  else values.set(name, value)
}

/** A line each; # begins a comment where it begins the line. */
function readEnvFile(path: string): string[] {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    throw usage(openError(path, cause))
  }
  const lines = text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .map((line) => line.replace(/\r$/, '').trimStart())
  return lines
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const name = line.split('=', 1)[0]!
      if (name === '') throw usage(`no variable name on line '${line}'`)
      if (/\s/.test(name)) throw usage(`variable '${name}' contains whitespaces`)
      return line
    })
}
