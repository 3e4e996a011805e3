/** Values of templates: what JSON has, and methods. They are judged and printed as Go does. */

/** A method is a function on an object: `.Label "key"`. */
export type Method = (...args: readonly unknown[]) => unknown

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** False are: false, 0, nothing, and what is empty. */
export function isTrue(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0
  if (isObject(value)) return Object.keys(value).length > 0
  return value !== undefined && value !== null && value !== false && value !== 0 && value !== ''
}

/** As `{{.}}` and `%v` print it. */
export function printValue(value: unknown): string {
  if (value === undefined || value === null) return '<no value>'
  return printInner(value)
}

function printInner(value: unknown): string {
  if (value === undefined || value === null) return '<nil>'
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (Array.isArray(value)) return `[${value.map(printInner).join(' ')}]`
  if (!isObject(value)) return '<func>'
  return `map[${sortedKeys(value)
    .map((key) => `${key}:${printInner(value[key])}`)
    .join(' ')}]`
}

/** Go goes through maps in the order of their keys' bytes. */
export function sortedKeys(value: Readonly<Record<string, unknown>>): string[] {
  return Object.keys(value).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
}

export function typeName(value: unknown): string {
  if (value === undefined || value === null) return 'nil'
  if (typeof value === 'boolean') return 'bool'
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'float64'
  if (typeof value === 'string') return 'string'
  return Array.isArray(value) ? '[]interface {}' : 'map[string]interface {}'
}
