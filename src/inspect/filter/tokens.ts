/** Cuts a filter into words and signs, as libpcap's scanner does: the longest that fits, of two alike the first. */

import { parseIpv6 } from '../../wire/address.ts'
import { FilterError } from './filter-error.ts'
import { KEYWORDS, NAMED_NUMBERS, PROTOCOLS, UNSUPPORTED } from './words.ts'

export type TokenKind =
  /** `text` is the sign, or the keyword in its first spelling. */
  | 'sign'
  | 'protocol'
  | 'number'
  /** `10.1`, `10.1.2`, `10.1.2.3`. */
  | 'ipv4'
  | 'ipv6'
  | 'mac'
  | 'name'
  | 'end'

export interface Token {
  readonly kind: TokenKind
  readonly text: string
  /** Of a number, from 0 to 2^32 - 1. */
  readonly value: number
  readonly position: number
}

const BYTE = '[0-9A-Fa-f]{1,2}'
const MAC = new RegExp(
  `(?:${BYTE}(?::${BYTE}){5}|${BYTE}(?:-${BYTE}){5}|${BYTE}(?:\\.${BYTE}){5}|[0-9A-Fa-f]{4}(?:\\.[0-9A-Fa-f]{4}){2}|[0-9A-Fa-f]{12})`,
  'y',
)
const NUMBER = /0[xX][0-9A-Fa-f]+|[0-9]+/y
const IPV4 = /(?:0[xX][0-9A-Fa-f]+|[0-9]+)(?:\.(?:0[xX][0-9A-Fa-f]+|[0-9]+)){1,3}/y
const IPV6 = /(?:[0-9A-Fa-f]*:){2,}(?:[0-9]+(?:\.[0-9]+){3}|[0-9A-Fa-f]*)/y
/** Characters of the longest address: eight groups, the last two with dots. */
const IPV6_MAX = 45
const NAME = /[A-Za-z0-9](?:[-_.A-Za-z0-9]*[.A-Za-z0-9])?/y
const ESCAPED = /\\[^ !()\n\t]+/y
const SIGN = /&&|\|\||>=|<=|!=|==|<<|>>|[-+*/%:[\]!<>()&|^=]/y
const BLANK = /[ \r\n\t]*/y

const SAME_SIGNS: ReadonlyMap<string, string> = new Map([
  ['&&', 'and'],
  ['||', 'or'],
  ['==', '='],
])

/** In the order in which they win where they fit alike. */
const PATTERNS: readonly (readonly [kind: TokenKind, pattern: RegExp])[] = [
  ['sign', SIGN],
  ['mac', MAC],
  ['number', NUMBER],
  ['ipv4', IPV4],
  ['ipv6', IPV6],
  ['name', NAME],
]

/** The last one is the end. Throws FilterError at what is none. */
export function tokensOf(text: string): Token[] {
  const tokens: Token[] = []
  let position = matchLength(BLANK, text, 0)
  while (position < text.length) {
    const { token, length } = tokenAt(text, position)
    tokens.push(token)
    position += length
    position += matchLength(BLANK, text, position)
  }
  tokens.push({ kind: 'end', text: '', value: 0, position })
  return tokens
}

function tokenAt(text: string, position: number): { token: Token; length: number } {
  const escaped = matchLength(ESCAPED, text, position)
  if (escaped > 0) {
    const name = text.slice(position + 1, position + escaped)
    return { token: { kind: 'name', text: name, value: 0, position }, length: escaped }
  }
  let kind: TokenKind = 'end'
  let length = 0
  for (const [candidate, pattern] of PATTERNS) {
    const fits = candidate === 'ipv6' ? ipv6Length(text, position) : matchLength(pattern, text, position)
    if (fits > length) [kind, length] = [candidate, fits]
  }
  if (length === 0) {
    throw new FilterError(
      `'${String.fromCodePoint(text.codePointAt(position)!)}' has no meaning here`,
      text,
      position,
    )
  }
  const word = text.slice(position, position + length)
  return { token: meaningOf(kind, word, text, position), length }
}

function meaningOf(kind: TokenKind, word: string, text: string, position: number): Token {
  if (kind === 'number') return { kind, text: word, value: numberOf(word, text, position), position }
  if (kind === 'sign') return { kind, text: SAME_SIGNS.get(word) ?? word, value: 0, position }
  if (kind !== 'name') return { kind, text: word, value: 0, position }
  const keyword = KEYWORDS.get(word)
  if (keyword !== undefined) return { kind: 'sign', text: keyword, value: 0, position }
  const number = NAMED_NUMBERS.get(word)
  if (number !== undefined) return { kind: 'number', text: word, value: number, position }
  if (PROTOCOLS.has(word)) return { kind: 'protocol', text: word, value: 0, position }
  if (UNSUPPORTED.has(word)) {
    const hint = `where it is the name of a host, write \\${word}`
    throw new FilterError(`'${word}' is a word of tcpdump's that is not supported`, text, position, hint)
  }
  return { kind, text: word, value: 0, position }
}

/** Decimal, `0x50`, or octal with a zero in front, as C has them. */
function numberOf(word: string, text: string, position: number): number {
  const octal = /^0[0-9]+$/.test(word)
  if (octal && /[89]/.test(word)) throw new FilterError(`${word} is not an octal number`, text, position)
  const value = octal ? Number.parseInt(word, 8) : Number(word)
  if (value > 0xffff_ffff) throw new FilterError(`${word} is more than 32 bits can hold`, text, position)
  return value
}

/** Of the longest address that the text begins with there: `tcp[0::2]` is none. */
function ipv6Length(text: string, position: number): number {
  const address = text.slice(position, position + IPV6_MAX)
  const most = matchLength(IPV6, address, 0)
  return most > 0 && parseIpv6(address.slice(0, most)) !== undefined ? most : 0
}

function matchLength(pattern: RegExp, text: string, position: number): number {
  pattern.lastIndex = position
  return pattern.exec(text)?.[0].length ?? 0
}
