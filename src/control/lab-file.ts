import { fstatSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import { LAB_FILE_SIZE_MAX, LAB_NAME_MAX } from '../limits.ts'
import { ErrorCode, TapwireError } from './errors.ts'
import type { Lab } from './lab.ts'
import { draftLab } from './lab-draft.ts'
import { labIssues } from './lab-issues.ts'
import { LabProblems } from './lab-problem.ts'
import { resolveLab } from './lab-resolve.ts'
import { NAME_PATTERN } from './lab-schema-values.ts'
import { readLabYaml } from './lab-yaml.ts'

/** Reads a lab file; `-` is standard input. Throws LAB_FILE_UNREADABLE, or a LabFileError with all that is wrong in it. */
export function loadLab(path: string): Lab {
  return path === '-' ? parseLab(readText(0, 'standard input'), 'stdin') : parseLab(readText(path), path)
}

/**
 * Reads a lab file's text; `file` is its name in messages and, without its ending, the lab's default name. Commands run in
 * `folder`.
 */
export function parseLab(text: string, file: string, folder: string = dirname(resolve(file))): Lab {
  const problems = new LabProblems(file)
  const yaml = readLabYaml(text, problems)
  if (yaml === undefined) throw problems.toError()

  for (const { path, at, message, hint } of labIssues(yaml.value)) {
    problems.add(yaml.place(path, at), message, hint)
  }
  const name = givenName(yaml.value) ?? nameOfFile(file, problems)
  const lab = resolveLab(draftLab(yaml.value), name, folder, (path, message, hint) =>
    problems.add(yaml.place(path, 'value'), message, hint),
  )
  if (!problems.isEmpty) throw problems.toError()
  return lab
}

function readText(file: string | number, path = String(file)): string {
  let bytes: Uint8Array
  try {
    const { size } = typeof file === 'number' ? fstatSync(file) : statSync(file)
    if (size > LAB_FILE_SIZE_MAX) throw tooLarge(path)
    bytes = readFileSync(file)
  } catch (cause) {
    if (cause instanceof TapwireError) throw cause
    const { code = '', message } = cause as NodeJS.ErrnoException
    throw new TapwireError(
      ErrorCode.labFileUnreadable,
      `Cannot read ${path}: ${READ_ERRORS[code] ?? message}.`,
      {
        hint: code === 'ENOENT' ? 'Give the path of a lab file, such as examples/demo.yaml.' : undefined,
        cause,
      },
    )
  }
  // A pipe's or a device's size says nothing beforehand.
  if (bytes.length > LAB_FILE_SIZE_MAX) throw tooLarge(path)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new TapwireError(ErrorCode.labFileUnreadable, `${path} is not UTF-8 text.`, { cause })
  }
}

const READ_ERRORS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'it is a folder',
  EACCES: 'permission denied',
}

function tooLarge(path: string): TapwireError {
  return new TapwireError(
    ErrorCode.labFileUnreadable,
    `${path} is larger than the ${LAB_FILE_SIZE_MAX} bytes that a lab file may have.`,
  )
}

/** A name that is given but wrong is told by the schema. */
function givenName(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || !('name' in value)) return undefined
  return String(value.name)
}

function nameOfFile(file: string, problems: LabProblems): string {
  const base = basename(file).replace(/\.ya?ml$/i, '')
  if (NAME_PATTERN.test(base) && base.length <= LAB_NAME_MAX) return base
  const near = base
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, LAB_NAME_MAX)
    .replaceAll(/^-+|-+$/g, '')
  problems.add(
    { line: 1, column: 1 },
    `the lab has no name, and the file's name '${base}' cannot be one`,
    `add the line \`name: ${near === '' ? 'lab' : near}\``,
  )
  return base
}
