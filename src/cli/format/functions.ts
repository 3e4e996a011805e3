/** Functions of templates: Go's own, and those that docker's client adds. */
import { printf } from './printf.ts'
import { isObject, isTrue, type Method, printValue, typeName } from './values.ts'

/** What a function throws; the evaluator adds the place. */
export class FunctionError extends Error {
  override readonly name = 'FunctionError'
}

/** Evaluated by the evaluator itself, which stops at the first argument that decides. */
export const SHORT_CIRCUIT = new Set(['and', 'or'])

export const FUNCTIONS: ReadonlyMap<string, Method> = new Map<string, Method>([
  ['json', (value) => JSON.stringify(value ?? null)],
  ['join', (list, separator) => ((list ?? []) as string[]).join(separator as string)],
  ['split', (value, separator) => (value as string).split(separator as string)],
  ['upper', (value) => (value as string).toUpperCase()],
  ['lower', (value) => (value as string).toLowerCase()],
  ['title', (value) => (value as string).replaceAll(/(^|\s)\S/g, (letter) => letter.toUpperCase())],
  [
    'truncate',
    (value, length) =>
      Array.from(value as string)
        .slice(0, length as number)
        .join(''),
  ],
  ['pad', pad],
  ['len', length],
  ['index', index],
  ['slice', slice],
  ['not', (value) => !isTrue(value)],
  ['and', () => undefined],
  ['or', () => undefined],
  ['print', print],
  ['println', (...values) => `${values.map(printValue).join(' ')}\n`],
  ['printf', (format, ...values) => printf(format as string, values)],
  ['eq', (value, ...others) => others.some((other) => isEqual(value, other))],
  ['ne', (a, b) => !isEqual(a, b)],
  ['lt', (a, b) => compare(a, b) < 0],
  ['le', (a, b) => compare(a, b) <= 0],
  ['gt', (a, b) => compare(a, b) > 0],
  ['ge', (a, b) => compare(a, b) >= 0],
])

export type ParameterType = 'string' | 'int' | '[]string' | 'any'

export interface Signature {
  readonly parameters: readonly ParameterType[]
  /** The last one may be given any number of times, also none. */
  readonly variadic?: boolean
}

const oneText: Signature = { parameters: ['string'] }
const two: Signature = { parameters: ['any', 'any'] }
const oneAndMore: Signature = { parameters: ['any', 'any'], variadic: true }

/** Of functions that are not named, any number of any type. */
export const SIGNATURES: Readonly<Record<string, Signature>> = {
  json: { parameters: ['any'] },
  join: { parameters: ['[]string', 'string'] },
  split: { parameters: ['string', 'string'] },
  upper: oneText,
  lower: oneText,
  title: oneText,
  truncate: { parameters: ['string', 'int'] },
  pad: { parameters: ['string', 'int', 'int'] },
  len: { parameters: ['any'] },
  index: oneAndMore,
  slice: oneAndMore,
  not: { parameters: ['any'] },
  and: oneAndMore,
  or: oneAndMore,
  printf: { parameters: ['string', 'any'], variadic: true },
  eq: oneAndMore,
  ne: two,
  lt: two,
  le: two,
  gt: two,
  ge: two,
}

/** Whether a value may be given for a parameter. */
export function fits(value: unknown, type: ParameterType): boolean {
  switch (type) {
    case 'any':
      return true
    case 'string':
      return typeof value === 'string'
    case 'int':
      return Number.isInteger(value)
    case '[]string':
      return value === null || (Array.isArray(value) && value.every((item) => typeof item === 'string'))
  }
}

function pad(value: unknown, before: unknown, after: unknown): string {
  const source = value as string
  if (source === '') return source
  return `${' '.repeat(before as number)}${source}${' '.repeat(after as number)}`
}

function length(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value)
  if (Array.isArray(value)) return value.length
  if (isObject(value)) return Object.keys(value).length
  throw new FunctionError(
    value === null || value === undefined ? 'len of nil pointer' : `len of type ${typeName(value)}`,
  )
}

/** `index .Networks "web" "IPAddress"` goes down step by step. What a map does not hold is nothing, as in Go. */
function index(value: unknown, ...keys: readonly unknown[]): unknown {
  let at = value
  for (const key of keys) {
    if (at === null || at === undefined) throw new FunctionError('index of untyped nil')
    if (Array.isArray(at) || typeof at === 'string') {
      if (typeof key !== 'number')
        throw new FunctionError(`cannot index slice/array with type ${typeName(key)}`)
      if (key < 0 || key >= at.length) throw new FunctionError(`index out of range: ${key}`)
      at = typeof at === 'string' ? Buffer.from(at)[key] : at[key]
    } else if (isObject(at)) {
      if (typeof key !== 'string') {
        throw new FunctionError(`value has type ${typeName(key)}; should be string`)
      }
      at = Object.hasOwn(at, key) ? at[key] : missingIn(at)
    } else {
      throw new FunctionError(`can't index item of type ${typeName(at)}`)
    }
  }
  return at
}

/** The zero value of a map of strings is the empty string. */
function missingIn(map: Readonly<Record<string, unknown>>): unknown {
  return Object.values(map).every((value) => typeof value === 'string') ? '' : undefined
}

function slice(value: unknown, from: unknown = 0, to?: unknown): unknown {
  if (typeof value !== 'string' && !Array.isArray(value)) {
    throw new FunctionError(`can't slice item of type ${typeName(value)}`)
  }
  const end = to === undefined ? value.length : (to as number)
  const start = from as number
  if (start < 0 || start > end || end > value.length) {
    throw new FunctionError(`index out of range: ${start < 0 || start > value.length ? start : end}`)
  }
  return value.slice(start, end)
}

/** As Go's Sprint: a blank between two where neither is a string. */
function print(...values: readonly unknown[]): string {
  return values
    .map((value, at) => {
      const isApart = at > 0 && typeof value !== 'string' && typeof values[at - 1] !== 'string'
      return `${isApart ? ' ' : ''}${printValue(value)}`
    })
    .join('')
}

function isEqual(a: unknown, b: unknown): boolean {
  if (a === undefined || a === null || b === undefined || b === null) return (a ?? null) === (b ?? null)
  checkBasic(a)
  checkBasic(b)
  if (typeof a !== typeof b) throw new FunctionError('incompatible types for comparison')
  return a === b
}

function compare(a: unknown, b: unknown): number {
  checkBasic(a)
  checkBasic(b)
  if (typeof a !== typeof b || typeof a === 'boolean') {
    throw new FunctionError(
      typeof a === 'boolean' && typeof b === 'boolean'
        ? 'invalid type for comparison'
        : 'incompatible types for comparison',
    )
  }
  if (typeof a === 'number') return a - (b as number)
  return Buffer.compare(Buffer.from(a as string), Buffer.from(b as string))
}

function checkBasic(value: unknown): void {
  if (['string', 'number', 'boolean'].includes(typeof value)) return
  throw new FunctionError('non-comparable type')
}
