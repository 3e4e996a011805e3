/** Puts the issues that the schema found into words, each with the path it belongs to. */
import type { z } from 'zod'
import type { LabPath } from './lab-problem.ts'
import { endpointSchema, labFileSchema, networkSchema, sandboxSchema } from './lab-schema.ts'
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
  return issuesOf(labFileSchema, value, value, [])
}

function issuesOf(schema: z.ZodType, value: unknown, root: unknown, path: LabPath): LabIssue[] {
  const result = schema.safeParse(value)
  return result.success ? [] : result.error.issues.flatMap((issue) => explain(issue, root, path))
}

function explain(issue: Issue, root: unknown, owner: LabPath): LabIssue[] {
  const path = [...owner, ...(issue.path as LabPath)]
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey([...path, key]))
  if (issue.code === 'invalid_key') return invalidKey(issue, root, path)
  if (issue.code === 'invalid_union') {
    // The branch that took the value's type is the one that was meant.
    const meant = issue.errors.find((branch) => !branch.some(isOfOtherType))
    if (meant !== undefined) return meant.flatMap((inner) => explain(inner, root, path))
  }
  return [wrongValue(issue.message, root, path)]
}

function isOfOtherType(issue: Issue): boolean {
  return issue.path.length === 0 && issue.code === 'invalid_type'
}

function unknownKey(path: LabPath): LabIssue {
  const key = String(path.at(-1))
  return {
    path,
    at: 'key',
    message: `unknown key '${key}'`,
    hint: () => didYouMean(key, knownKeys(path.slice(0, -1))),
  }
}

/** The schema looks no further where a name is wrong; we do, so that all problems come at once. */
function invalidKey(issue: z.core.$ZodIssueInvalidKey, root: unknown, path: LabPath): LabIssue[] {
  const isNetwork = path[0] === 'networks'
  const message = `${shown(path.at(-1))} is no name for a ${isNetwork ? 'network' : 'sandbox'}`
  const hint = () => `it must be ${issue.issues[0]?.message}`
  const schema = isNetwork ? networkSchema.nullable() : sandboxSchema
  return [{ path, at: 'key', message, hint }, ...issuesOf(schema, valueAt(root, path), root, path)]
}

function wrongValue(expected: string, root: unknown, path: LabPath): LabIssue {
  const value = valueAt(root, path)
  const label = labelOf(path)
  if (value === undefined) {
    return { path, at: 'key', message: `${label} is missing`, hint: () => `it must be ${expected}` }
  }
  const hint = typeof value === 'number' && expected.startsWith('text') ? () => `write "${value}"` : undefined
  return { path, at: 'value', message: `${label} must be ${expected}, not ${shown(value)}`, hint }
}

/** `mtu`, `command[2]`, `the file`: the last key of a path and the indexes behind it. */
function labelOf(path: LabPath): string {
  const keyIndex = path.findLastIndex((step) => typeof step === 'string')
  if (keyIndex < 0) return 'the file'
  const [owner] = path
  const indexes = path.slice(keyIndex + 1).map((index) => `[${index}]`)
  const label = `${path[keyIndex]}${indexes.join('')}`
  const isNamedByUser = keyIndex === 1 || (keyIndex === 3 && path[2] === 'networks')
  if (!isNamedByUser) return label
  return `${keyIndex === 1 && owner === 'sandboxes' ? 'sandbox' : 'network'} '${label}'`
}

function knownKeys(owner: LabPath): string[] {
  if (owner.length === 0) return Object.keys(labFileSchema.shape)
  if (owner[0] === 'networks') return Object.keys(networkSchema.shape)
  return Object.keys(owner.length > 2 ? endpointSchema.shape : sandboxSchema.shape)
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
