/** Reads the file that the model is kept in, and tells people exactly what is wrong with one that cannot be read. */

import { readFileSync } from 'node:fs'
import { ErrorCode, TapwireError } from '../control/errors.ts'
import type { ModelRecord } from '../control/model/records.ts'
import { MODEL_VERSION, storedModelSchema } from '../control/model/schema.ts'
import { errorMessage, isCode } from './system-error.ts'

/** Problems that are told of one file; the first ones are most often the cause of the others. */
const PROBLEMS_TOLD = 3

/** Undefined where there is no file, and no copy from before either. Throws STATE_INVALID. */
export function readModel(path: string, previousPath: string): ModelRecord | undefined {
  const text = readText(path)
  if (text === undefined) {
    if (readText(previousPath) === undefined) return undefined
    throw invalid(path, previousPath, 'is missing, though the copy before it is there')
  }
  const model = parseModel(text)
  if (typeof model === 'string') throw invalid(path, previousPath, model)
  return model
}

/** Undefined where there is no such file. */
function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined
    throw new TapwireError(
      ErrorCode.stateInvalid,
      `The state file ${path} could not be read: ${errorMessage(error)}.`,
      { hint: 'It should be a file that the daemon may read and write.', cause: error },
    )
  }
}

/** The model, or what is wrong, to be read behind the file's name. */
function parseModel(text: string): ModelRecord | string {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    // What is kept ends in a brace: the file lacks its end, or it was edited.
    const cut = !text.trimEnd().endsWith('}')
    return `${cut ? 'ends in the middle' : 'is not valid JSON'} (${errorMessage(error)})`
  }
  const version = versionOf(value)
  if (version !== undefined && version > MODEL_VERSION) {
    return `was written by a newer Tapwire: it has schema version ${version}, and this one reads version ${MODEL_VERSION}`
  }
  const result = storedModelSchema.safeParse(value)
  if (result.success) {
    const { version: _version, ...model } = result.data
    return model
  }
  const { issues } = result.error
  const told = issues
    .slice(0, PROBLEMS_TOLD)
    .map((issue) => `${issue.path.join('.') || 'it'}: ${issue.message}`)
  const more = issues.length > PROBLEMS_TOLD ? `; and ${issues.length - PROBLEMS_TOLD} more` : ''
  return `is damaged (${told.join('; ')}${more})`
}

function versionOf(value: unknown): number | undefined {
  const version =
    typeof value === 'object' && value !== null && 'version' in value ? value.version : undefined
  return typeof version === 'number' ? version : undefined
}

function invalid(path: string, previousPath: string, problem: string): TapwireError {
  return new TapwireError(ErrorCode.stateInvalid, `The state file ${path} ${problem}.`, {
    hint: `Nothing was changed. ${adviceFor(path, previousPath)}`,
  })
}

function adviceFor(path: string, previousPath: string): string {
  const afresh = `move ${path} away to start with nothing`
  const text = readPrevious(previousPath)
  if (text === undefined) return `There is no copy from before it. Repair the file, or ${afresh}.`
  if (typeof parseModel(text) === 'string') {
    return `${previousPath}, the copy before it, cannot be read either. Repair one of them, or ${afresh} (and the copy with it).`
  }
  return `The copy before it is good: \`cp ${previousPath} ${path}\` goes back to it. Or ${afresh} (and the copy with it).`
}

function readPrevious(path: string): string | undefined {
  try {
    return readText(path)
  } catch {
    return undefined
  }
}
