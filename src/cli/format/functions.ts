/** Functions of templates: Go's own, and those that docker's client adds. */
import { printf } from './printf.ts'
import { isObject, isTrue, type Method, printValue, sortedKeys, typeName } from './values.ts'

/** What a function throws; the evaluator adds the place. */
export class FunctionError extends Error {
  override readonly name = 'FunctionError'
}

/** Evaluated by the evaluator itself, which stops at the first argument that decides. */
export const SHORT_CIRCUIT = new Set(['and', 'or'])

export const FUNCTIONS: ReadonlyMap<string, Method> = new Map<string, Method>([
  ['json', (value) => JSON.stringify(value ?? null)],
  ['join', (list, separator) => texts(list, 'join').join(text(separator, 'join'))],
  ['split', (value, separator) => text(value, 'split').split(text(separator, 'split'))],
  ['upper', (value) => text(value, 'upper').toUpperCase()],
  ['lower', (value) => text(value, 'lower').toLowerCase()],
  ['title', (value) => text(value, 'title').replaceAll(/(^|\s)\S/g, (letter) => letter.toUpperCase())],
  [
    'truncate',
    (value, length) => Array.from(text(value, 'truncate')).slice(0, integer(length, 'truncate')).join(''),
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
  ['printf', (format, ...values) => printf(text(format, 'printf'), values)],
  ['eq', (value, ...others) => others.some((other) => isEqual(value, other))],
  ['ne', (a, b) => !isEqual(a, b)],
  ['lt', (a, b) => compare(a, b) < 0],
  ['le', (a, b) => compare(a, b) <= 0],
  ['gt', (a, b) => compare(a, b) > 0],
  ['ge', (a, b) => compare(a, b) >= 0],
])

/** How many arguments: at least, at most. Those that are not named take any number. */
export const ARGUMENTS: Readonly<Record<string, readonly [number, number]>> = {
  json: [1, 1],
  join: [2, 2],
  split: [2, 2],
  upper: [1, 1],
  lower: [1, 1],
  title: [1, 1],
  truncate: [2, 2],
  pad: [3, 3],
  len: [1, 1],
  index: [1, Infinity],
  slice: [1, 4],
  not: [1, 1],
  and: [1, Infinity],
  or: [1, Infinity],
  printf: [1, Infinity],
  eq: [2, Infinity],
  ne: [2, 2],
  lt: [2, 2],
  le: [2, 2],
  gt: [2, 2],
  ge: [2, 2],
}

function text(value: unknown, name: string): string {
  if (typeof value === 'string') return value
  throw new FunctionError(`wrong type for value; expected string; got ${typeName(value)} (in ${name})`)
}

function integer(value: unknown, name: string): number {
  if (typeof value === 'number' && Number.isInteger(value)) return value
  throw new FunctionError(`wrong type for value; expected int; got ${typeName(value)} (in ${name})`)
}

function texts(value: unknown, name: string): string[] {
  if (value === null || value === undefined) return []
  if (Array.isArray(value)) return value.map((item) => text(item, name))
  throw new FunctionError(`wrong type for value; expected []string; got ${typeName(value)} (in ${name})`)
}

function pad(value: unknown, before: unknown, after: unknown): string {
  const source = text(value, 'pad')
  if (source === '') return source
  return `${' '.repeat(integer(before, 'pad'))}${source}${' '.repeat(integer(after, 'pad'))}`
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
      at = Object.hasOwn(at, key) ? at[key] : undefined
    } else {
      throw new FunctionError(`can't index item of type ${typeName(at)}`)
    }
  }
  return at
}

function slice(value: unknown, from: unknown = 0, to?: unknown): unknown {
  if (typeof value !== 'string' && !Array.isArray(value)) {
    throw new FunctionError(`can't slice item of type ${typeName(value)}`)
  }
  const end = to === undefined ? value.length : integer(to, 'slice')
  const start = integer(from, 'slice')
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

/** For error messages: the keys of a value that could have been meant. */
export function keysOf(value: unknown): string[] {
  return isObject(value) ? sortedKeys(value) : []
}
