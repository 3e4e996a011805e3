/** Puts the issues that the schema found into words, each with the path it belongs to. */
import type { z } from 'zod'
import type { LabPath } from './lab-problem.ts'
import { LAB_PARTS, labFileSchema } from './lab-schema.ts'
import { isRecord, keysAt, schemaAt } from './lab-schema-path.ts'
import { didYouMean } from './suggest.ts'

export interface LabIssue {
  readonly path: LabPath
  readonly at: 'key' | 'value'
  readonly message: string
  readonly hint?: (() => string | undefined) | undefined
}

type Issue = z.core.$ZodIssue

/** All that the schema finds wrong with a lab file's value. */
export function labIssues(value: unknown): LabIssue[] {
  const issues = issuesOf(labFileSchema, value, value, [])
  const isMap = typeof value === 'object' && value !== null && !Array.isArray(value)
  if (isMap && !LAB_PARTS.some((part) => part in value)) {
    issues.push({ path: [], at: 'key', message: `the file has none of the keys ${LAB_PARTS.join(', ')}` })
  }
  return issues
}

function issuesOf(schema: z.ZodType, value: unknown, root: unknown, path: LabPath): LabIssue[] {
  const result = schema.safeParse(value)
  return result.success ? [] : result.error.issues.flatMap((issue) => explain(issue, root, path))
}

function explain(issue: Issue, root: unknown, owner: LabPath): LabIssue[] {
  const path = [...owner, ...(issue.path as LabPath)]
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(root, [...path, key]))
  if (issue.code === 'invalid_key') return invalidKey(issue, root, path)
  if (issue.code === 'invalid_union') {
    // The branch that took the value's type is the one that was meant, unless several take it: then none is.
    const meant = issue.errors.filter((branch) => !branch.some(isOfOtherType))
    if (meant.length === 1) return meant[0]!.flatMap((inner) => explain(inner, root, path))
  }
  return [wrongValue(issue.message, root, path)]
}

function isOfOtherType(issue: Issue): boolean {
  return issue.path.length === 0 && issue.code === 'invalid_type'
}

function unknownKey(root: unknown, path: LabPath): LabIssue {
  const key = String(path.at(-1))
  return {
    path,
    at: 'key',
    message: `unknown key '${key}'`,
    hint: () => didYouMean(key, keysAt(labFileSchema, root, path.slice(0, -1))),
  }
}

/** The schema looks no further where a name is wrong; we do, so that all problems come at once. */
function invalidKey(issue: z.core.$ZodIssueInvalidKey, root: unknown, path: LabPath): LabIssue[] {
  const noun = NOUNS[String(path.at(-2))] ?? 'value'
  const message = `${shown(path.at(-1))} is no name for a ${noun}`
  const hint = () => `it must be ${issue.issues[0]?.message}`
  const schema = schemaAt(labFileSchema, root, path)
  const inside = schema === undefined ? [] : issuesOf(schema, valueAt(root, path), root, path)
  return [{ path, at: 'key', message, hint }, ...inside]
}

/** What stands in the lab file's maps from names. */
const NOUNS: Readonly<Record<string, string>> = {
  networks: 'network',
  sandboxes: 'sandbox',
  services: 'service',
  hosts: 'host',
}

function wrongValue(expected: string, root: unknown, path: LabPath): LabIssue {
  const value = valueAt(root, path)
  const label = labelOf(root, path)
  if (value === undefined) {
    return { path, at: 'key', message: `${label} is missing`, hint: () => `it must be ${expected}` }
  }
  const hint = typeof value === 'number' && expected.startsWith('text') ? () => `write "${value}"` : undefined
  return { path, at: 'value', message: `${label} must be ${expected}, not ${shown(value)}`, hint }
}

/** `mtu`, `command[2]`, `the file`: the last key of a path and the indexes behind it. */
function labelOf(root: unknown, path: LabPath): string {
  const keyIndex = path.findLastIndex((step) => typeof step === 'string')
  if (keyIndex < 0) return 'the file'
  const indexes = path.slice(keyIndex + 1).map((index) => `[${index}]`)
  const label = `${path[keyIndex]}${indexes.join('')}`
  const noun = NOUNS[String(path[keyIndex - 1])]
  const isNamedByUser = isRecord(labFileSchema, root, path.slice(0, keyIndex))
  return noun === undefined || !isNamedByUser ? label : `${noun} '${label}'`
}

function valueAt(root: unknown, path: LabPath): unknown {
  let value = root
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined
    value = (value as Record<string | number, unknown>)[step]
  }
  return value
}

function shown(value: unknown): string {
  if (value === null) return 'empty'
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list'
  if (typeof value === 'object') return Object.keys(value).length === 0 ? 'an empty map' : 'a map'
  if (typeof value !== 'string') return JSON.stringify(value)
  const short = value.length > 60 ? `${value.slice(0, 60)}…` : value
  return `'${short.replaceAll(/\p{Cc}/gu, '?')}'`
}
