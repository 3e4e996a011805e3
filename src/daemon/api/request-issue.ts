/** Says what is wrong with a request in one sentence that names the place. */

import { z } from 'zod'
import { ErrorCode, TapwireError } from '../../control/errors.ts'
import { suggest } from '../../control/suggest.ts'

type Path = readonly PropertyKey[]

/** Where in the request the value was: for the sentence. */
export type RequestPart = 'body' | 'query' | 'path' | 'header' | 'file'

/** The value as `schema` has it. Throws BAD_REQUEST. */
export function parsePart<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  part: RequestPart,
): z.output<Schema> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  throw badPart(schema, value, part, result.error.issues)
}

/** BAD_REQUEST with the first of the issues in words. */
export function badPart(
  schema: z.ZodType | undefined,
  value: unknown,
  part: RequestPart,
  issues: readonly z.core.$ZodIssue[],
): TapwireError {
  const [issue] = issues
  const { message, hint } =
    issue?.code === 'unrecognized_keys'
      ? unknownKey(schema, issue, part)
      : { message: wrongValue(issue, value, part), hint: undefined }
  return new TapwireError(ErrorCode.badRequest, message, { hint })
}

function unknownKey(
  schema: z.ZodType | undefined,
  { path, keys }: z.core.$ZodIssueUnrecognizedKeys,
  part: RequestPart,
): { message: string; hint: string | undefined } {
  const [key = ''] = keys
  const near = suggest(key, keysAt(schema, path))
  const message = `${start(nameOf(part))} has an unknown key ${shown(pathText([...path, key]))}`
  return near === undefined
    ? { message: `${message}.`, hint: undefined }
    : { message: `${message}; did you mean ${near}?`, hint: `Write ${pathText([...path, near])}.` }
}

function wrongValue(issue: z.core.$ZodIssue | undefined, value: unknown, part: RequestPart): string {
  if (issue === undefined) return `${start(nameOf(part))} is wrong.`
  const { path } = issue
  const found = valueAt(value, path)
  const name = path.length === 0 ? start(nameOf(part)) : `${shown(pathText(path))} of ${nameOf(part)}`
  if (issue.code === 'invalid_type') {
    if (found === undefined) return `${name} is missing; it must be ${ofType(issue.expected)}.`
    return `${name} must be ${ofType(issue.expected)}, not ${typeOf(found)}.`
  }
  if (issue.code === 'invalid_value') return `${name} must be one of ${issue.values.join(', ')}.`
  if (issue.code === 'custom') return `${name} ${issue.message}.`
  return `${name} is wrong: ${issue.message}.`
}

const nameOf = (part: RequestPart): string => (part === 'file' ? 'the file' : `the request's ${part}`)

/** As a sentence begins. */
const start = (text: string): string => text.replace(/^t/, 'T')

/** The keys that the object at `path` may have. */
function keysAt(schema: z.ZodType | undefined, path: Path): string[] {
  let at = unwrapped(schema)
  for (const step of path) {
    if (at instanceof z.ZodObject) at = unwrapped(at.shape[String(step)] as z.ZodType | undefined)
    else if (at instanceof z.ZodArray) at = unwrapped(at.element as z.ZodType)
    else if (at instanceof z.ZodRecord) at = unwrapped(at.valueType as z.ZodType)
    else return []
  }
  return at instanceof z.ZodObject ? Object.keys(at.shape) : []
}

function unwrapped(schema: z.ZodType | undefined): z.ZodType | undefined {
  let at = schema
  while (at instanceof z.ZodOptional || at instanceof z.ZodNullable) at = at.unwrap() as z.ZodType
  return at
}

function valueAt(root: unknown, path: Path): unknown {
  let value = root
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined
    value = (value as Record<PropertyKey, unknown>)[step]
  }
  return value
}

/** `IPAM.Config[0].Subnet` */
function pathText(path: Path): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`
    return text === '' ? String(step) : `${text}.${String(step)}`
  }, '')
}

const KEY_SHOWN_MAX = 100

/** What a client sent, as a sentence can take it. */
function shown(text: string): string {
  const clean = text.replaceAll(/\p{Cc}/gu, '?')
  return clean.length > KEY_SHOWN_MAX ? `${clean.slice(0, KEY_SHOWN_MAX)}…` : clean
}

const TYPES: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'an object',
  record: 'an object',
  array: 'a list',
}

const ofType = (expected: string): string => TYPES[expected] ?? expected

function typeOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  return TYPES[typeof value] ?? typeof value
}
