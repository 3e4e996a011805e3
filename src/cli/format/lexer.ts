import { EXIT_TEMPLATE_SYNTAX, templateError } from './syntax.ts'

export type TokenKind =
  | 'text'
  | 'open'
  | 'close'
  | 'space'
  | 'word'
  | 'field'
  | 'variable'
  | 'string'
  | 'number'
  | 'sign'

export interface Token {
  readonly kind: TokenKind
  readonly text: string
  /** Offset in the template. */
  readonly position: number
}

/** Cuts a template into what stands outside of `{{ }}` and the words inside. Throws TEMPLATE_INVALID. */
export function tokenize(template: string): Token[] {
  const tokens: Token[] = []
  let at = 0
  let trimsNext = false
  while (at < template.length) {
    const open = template.indexOf('{{', at)
    const end = open === -1 ? template.length : open
    const trimsBefore = open !== -1 && /^-\s/.test(template.slice(open + 2, open + 4))
    let text = template.slice(at, end)
    if (trimsNext) text = text.trimStart()
    if (trimsBefore) text = text.trimEnd()
    if (text !== '') tokens.push({ kind: 'text', text, position: at })
    if (open === -1) break
    const action = readAction(template, open + 2 + (trimsBefore ? 1 : 0))
    if (!action.isComment) {
      tokens.push({ kind: 'open', text: '{{', position: open }, ...action.tokens)
      tokens.push({ kind: 'close', text: '}}', position: action.end - 2 })
    }
    trimsNext = action.trimsAfter
    at = action.end
  }
  return tokens
}

interface Action {
  readonly tokens: readonly Token[]
  readonly isComment: boolean
  readonly trimsAfter: boolean
  /** Behind `}}`. */
  readonly end: number
}

function readAction(template: string, start: number): Action {
  const comment = /^\s*\/\*[\s\S]*?\*\/(\s+-)?\}\}/.exec(template.slice(start))
  if (comment !== null) {
    return {
      tokens: [],
      isComment: true,
      trimsAfter: comment[1] !== undefined,
      end: start + comment[0].length,
    }
  }
  if (/^\s*\/\*/.test(template.slice(start))) throw lexError(template, start, 'unclosed comment')
  const tokens: Token[] = []
  let at = start
  while (at < template.length) {
    const rest = template.slice(at)
    const [close = ''] = /^(\s+-)?\}\}/.exec(rest) ?? []
    if (close !== '') {
      return { tokens, isComment: false, trimsAfter: close.length > 2, end: at + close.length }
    }
    const token = readToken(template, at, rest)
    checkEnd(template, token)
    tokens.push(token)
    at += token.text.length
  }
  throw lexError(template, template.length, 'unclosed action')
}

/** In the order in which they are tried. */
const PATTERNS: readonly (readonly [TokenKind, RegExp])[] = [
  ['space', /^\s+/],
  ['string', /^"(?:[^"\\\n]|\\.)*"|^`[^`]*`/],
  ['number', /^[+-]?(?:0[xX][\da-fA-F]+|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.])/],
  ['field', /^\.[\p{L}_][\p{L}\p{Nd}_]*/u],
  ['variable', /^\$(?:[\p{L}_][\p{L}\p{Nd}_]*)?/u],
  ['word', /^[\p{L}_][\p{L}\p{Nd}_]*/u],
  ['sign', /^(?::=|[=|(),.])/],
]

function readToken(template: string, position: number, rest: string): Token {
  for (const [kind, pattern] of PATTERNS) {
    const [text] = pattern.exec(rest) ?? []
    if (text !== undefined) return { kind, text, position }
  }
  const [character = ''] = rest
  if (character === '"') throw lexError(template, position, 'unterminated quoted string')
  if (character === '`') throw lexError(template, position, 'unterminated raw quoted string')
  const [number] = /^[+-]?\d[\w.]*/.exec(rest) ?? []
  if (number !== undefined) throw lexError(template, position, `bad number syntax: ${JSON.stringify(number)}`)
  throw lexError(template, position, `unrecognized character in action: ${codePoint(character)}`)
}

/** A name must be followed by what can stand behind one. */
function checkEnd(template: string, { kind, text, position }: Token): void {
  if (kind !== 'field' && kind !== 'variable' && kind !== 'word') return
  const [next = ''] = template.slice(position + text.length)
  if (next === '' || /[\s.,|:=()]/.test(next) || template.startsWith('}}', position + text.length)) return
  throw lexError(template, position, `bad character ${codePoint(next)}`)
}

/** `U+0040 '@'` */
function codePoint(character: string): string {
  const code = character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')
  return `U+${code} '${character}'`
}

export function lexError(template: string, position: number, message: string): Error {
  return templateError(`:${lineOf(template, position)}: ${message}`, EXIT_TEMPLATE_SYNTAX)
}

/** 1 is the first. */
export function lineOf(template: string, position: number): number {
  return template.slice(0, position).split('\n').length
}
