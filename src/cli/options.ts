/** Pieces of command lines that several commands share. */
import { InvalidArgumentError } from 'commander'
import { ErrorCode, TapwireError } from '../control/errors.ts'
import { EXIT_BAD_OPTION } from './cli.ts'

/** Collects an option that may be given many times. */
export function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value]
}

/** The same where a comma is as good as another option. */
export function collectList(value: string, before: readonly string[] = []): string[] {
  return [...before, ...value.split(',').filter((part) => part !== '')]
}

export function parseInteger(text: string): number {
  if (/^[+-]?\d+$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It must be a whole number.')
}

/** `key=value`, or `key` alone for an empty value; the last of one key counts. Undefined where there is none. */
export function toMap(entries: readonly string[] | undefined): Record<string, string> | undefined {
  if (entries === undefined || entries.length === 0) return undefined
  return Object.fromEntries(entries.map(splitAtEquals))
}

/** The same for labels. Throws USAGE where one has no name. */
export function toLabels(entries: readonly string[] | undefined): Record<string, string> | undefined {
  const bad = entries?.find((entry) => /^\s*(?:=|$)/.test(entry))
  if (bad === undefined) return toMap(entries)
  throw usage(
    `invalid argument ${JSON.stringify(bad)} for "-l, --label" flag: invalid label '${bad}': empty name`,
    undefined,
    EXIT_BAD_OPTION,
  )
}

/** The same where a value must be given. Throws USAGE. */
export function toStrictMap(entries: readonly string[] | undefined): Record<string, string> | undefined {
  const bad = entries?.find((entry) => !/^[^=]+=/.test(entry))
  if (bad === undefined) return toMap(entries)
  throw usage(`'${bad}' is no key=value.`)
}

/** `['label=a', 'label=b', 'name=x']` as the API's `{"label":["a","b"],"name":["x"]}`; undefined where there is none. */
export function filtersOf(entries: readonly string[] | undefined): string | undefined {
  if (entries === undefined || entries.length === 0) return undefined
  const filters: Record<string, string[]> = {}
  for (const entry of entries) {
    // docker network prune takes `label!=x`, whose key is `label!`.
    const at = entry.indexOf('=')
    if (at < 1)
      throw usage(
        `invalid argument "${entry}" for "-f, --filter" flag: invalid filter '${entry}'`,
        undefined,
        EXIT_BAD_OPTION,
      )
    const key = entry.slice(0, at).trim().toLowerCase()
    filters[key] = [...(filters[key] ?? []), entry.slice(at + 1).trim()]
  }
  return JSON.stringify(filters)
}

export function splitAtEquals(entry: string): [key: string, value: string] {
  const at = entry.indexOf('=')
  return at === -1 ? [entry, ''] : [entry.slice(0, at), entry.slice(at + 1)]
}

/** An error of the command line itself. */
export function usage(message: string, hint?: string, exitCode = 1): TapwireError {
  return new TapwireError(ErrorCode.usage, message, { hint, exitCode })
}

/** Why a file of an option cannot be opened, as Go words it. */
export function openError(path: string, cause: unknown): string {
  const { code, message } = cause as NodeJS.ErrnoException
  const words = code === undefined ? undefined : OPEN_ERRORS[code]
  return `open ${path}: ${words ?? message}`
}

const OPEN_ERRORS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory',
  EACCES: 'permission denied',
  EISDIR: 'is a directory',
  ENOTDIR: 'not a directory',
  EEXIST: 'file exists',
}

/** The hint where options have no meaning; they are named as in the code: `labHost` for --lab-host. */
export function leaveAway(options: readonly string[]): string {
  const flags = options.map(
    (name) => `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
  )
  return `Leave away: ${flags.join(', ')}.`
}

/** Examples as help shows them below all else. */
export function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}`
}

export const FORMAT_HELP = "'table', 'json', 'table TEMPLATE' or a Go template"
