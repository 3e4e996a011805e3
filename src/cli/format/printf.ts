import { printValue, typeName } from './values.ts'

/** Go's Sprintf, as far as names and numbers need it: %s %v %d %q %t %x %X %f %%, with flags, width and precision. */
export function printf(format: string, values: readonly unknown[]): string {
  let next = 0
  const written = format.replaceAll(VERB, (verb: string, ...groups: (string | undefined)[]) => {
    const [flags = '', width = '', precision, letter = ''] = groups
    if (letter === '%') return '%'
    if (letter === '') return '%!(NOVERB)'
    if (next >= values.length) return `%!${letter}(MISSING)`
    const value = values[next++]
    const text = render(letter, value, flags, precision === undefined ? undefined : Number(precision))
    if (text === undefined) return `%!${letter}(${typeName(value)}=${printValue(value)})`
    return padded(text, flags, Number(width), typeof value === 'number', verb)
  })
  const extra = values.slice(next).map((value) => `${typeName(value)}=${printValue(value)}`)
  return extra.length === 0 ? written : `${written}%!(EXTRA ${extra.join(', ')})`
}

const VERB = /%([-+# 0]*)(\d*)(?:\.(\d*))?([^]?)/g

/** Undefined where the verb is not for such a value. */
function render(
  verb: string,
  value: unknown,
  flags: string,
  precision: number | undefined,
): string | undefined {
  switch (verb) {
    case 'v':
    case 's':
      if (verb === 's' && (typeof value === 'number' || typeof value === 'boolean')) return undefined
      return printValue(value).slice(0, typeof value === 'string' ? precision : undefined)
    case 'q':
      return typeof value === 'string' ? JSON.stringify(value) : undefined
    case 't':
      return typeof value === 'boolean' ? String(value) : undefined
    case 'd':
      return Number.isInteger(value)
        ? signed(value as number, flags, String(Math.abs(value as number)))
        : undefined
    case 'f':
      return typeof value === 'number'
        ? signed(value, flags, Math.abs(value).toFixed(precision ?? 6))
        : undefined
    case 'x':
    case 'X':
      return hexadecimal(value, flags, verb)
    default:
      return undefined
  }
}

function signed(value: number, flags: string, digits: string): string {
  if (value < 0) return `-${digits}`
  return flags.includes('+') ? `+${digits}` : digits
}

function hexadecimal(value: unknown, flags: string, verb: 'x' | 'X'): string | undefined {
  const prefix = flags.includes('#') ? '0x' : ''
  let digits: string
  if (typeof value === 'string') digits = Buffer.from(value).toString('hex')
  else if (Number.isInteger(value)) digits = (value as number).toString(16)
  else return undefined
  const text = `${prefix}${digits}`
  return verb === 'X' ? text.toUpperCase() : text
}

function padded(text: string, flags: string, width: number, isNumber: boolean, verb: string): string {
  if (flags.includes('-')) return text.padEnd(width)
  if (!flags.includes('0') || !isNumber || verb.endsWith('v')) return text.padStart(width)
  const [, sign = '', digits = ''] = /^([+-]?)(.*)$/s.exec(text) ?? []
  return `${sign}${digits.padStart(width - sign.length, '0')}`
}
