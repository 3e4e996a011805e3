import { lexError, type Token, type TokenKind, tokenize } from './lexer.ts'
import type { Command, Operand, Pipe, TemplateNode } from './syntax.ts'

/** Parses a template whose functions are `functions`. Throws TEMPLATE_INVALID, in the words of Go's text/template. */
export function parseTemplate(template: string, functions: ReadonlySet<string>): readonly TemplateNode[] {
  return new Parser(template, functions).parse()
}

/** What ends a list of nodes: {{end}}, {{else}} or {{else if …}} and {{else with …}}, or the end of the template. */
type ListEnd = 'end' | 'else' | 'else if' | 'else with' | 'eof'

class Parser {
  readonly #template: string
  readonly #functions: ReadonlySet<string>
  readonly #tokens: readonly Token[]
  #at = 0
  /** Declared so far, the innermost last. */
  readonly #variables = ['$']
  #rangeDepth = 0

  constructor(template: string, functions: ReadonlySet<string>) {
    this.#template = template
    this.#functions = functions
    this.#tokens = tokenize(template)
  }

  parse(): readonly TemplateNode[] {
    const { nodes, end } = this.#list()
    if (end !== 'eof') throw this.#error(`unexpected {{${end.split(' ', 1)[0]}}}`)
    return nodes
  }

  #list(): { nodes: TemplateNode[]; end: ListEnd } {
    const nodes: TemplateNode[] = []
    for (;;) {
      const token = this.#tokens[this.#at++]
      if (token === undefined) return { nodes, end: 'eof' }
      if (token.kind === 'text') {
        nodes.push({ kind: 'text', text: token.text })
        continue
      }
      // The token opens an action.
      this.#skipSpace()
      const word = this.#peek('word')
      if (word === 'end' || word === 'else') return { nodes, end: this.#listEnd(word) }
      nodes.push(this.#action(word))
    }
  }

  #listEnd(word: 'end' | 'else'): ListEnd {
    this.#at += 1
    this.#skipSpace()
    const next = word === 'else' ? this.#peek('word') : undefined
    if (next === 'if' || next === 'with') {
      this.#at += 1
      return `else ${next}`
    }
    this.#close(word)
    return word
  }

  #action(word = ''): TemplateNode {
    switch (word) {
      case 'if':
      case 'with':
      case 'range':
        this.#at += 1
        return this.#control(word)
      case 'break':
      case 'continue':
        this.#at += 1
        this.#skipSpace()
        this.#close(word)
        if (this.#rangeDepth === 0) throw this.#error(`{{${word}}} outside {{range}}`)
        return { kind: word }
      case 'define':
      case 'template':
      case 'block':
        throw this.#error(`unexpected {{${word}}}: templates inside of templates are not supported`)
      default:
        return { kind: 'action', pipe: this.#pipe('command', 'close') }
    }
  }

  #control(kind: 'if' | 'with' | 'range'): TemplateNode {
    const scope = this.#variables.length
    const pipe = this.#pipe(kind, 'close')
    if (kind === 'range') this.#rangeDepth += 1
    const { nodes: body, end } = this.#list()
    if (kind === 'range') this.#rangeDepth -= 1
    const otherwise = this.#otherwise(end)
    this.#variables.length = scope
    return { kind, pipe, body, otherwise }
  }

  #otherwise(end: ListEnd): TemplateNode[] {
    switch (end) {
      case 'end':
        return []
      case 'eof':
        throw this.#error('unexpected EOF')
      case 'else if':
        return [this.#control('if')]
      case 'else with':
        return [this.#control('with')]
      case 'else': {
        const { nodes, end: next } = this.#list()
        if (next === 'eof') throw this.#error('unexpected EOF')
        if (next !== 'end') throw this.#error('expected end; found {{else}}')
        return nodes
      }
    }
  }

  /** Up to and with the `}}` or `)` that ends it. `context` names it in errors. */
  #pipe(context: string, end: 'close' | ')'): Pipe {
    this.#skipSpace()
    const { variables, isAssignment } = this.#declarations(context)
    const commands: Command[] = []
    for (;;) {
      this.#skipSpace()
      const operands = this.#operands()
      const token = this.#tokens[this.#at++]
      if (token === undefined) throw this.#error('unclosed action')
      if (operands.length > 0) {
        this.#checkCommand(operands, commands.length)
        commands.push({ operands })
      } else if (commands.length === 0) {
        if (token.kind === 'close') throw this.#error(`missing value for ${context}`)
        throw this.#error(`unexpected ${JSON.stringify(token.text)} in ${context}`)
      }
      if (token.text === '|' && token.kind === 'sign') continue
      if (end === ')' && token.text === ')') break
      if (end === 'close' && token.kind === 'close') break
      if (end === ')') throw this.#error('unclosed left paren')
      if (token.text === ')') throw this.#error('unexpected right paren')
      throw this.#error(`unexpected ${JSON.stringify(token.text)} in ${context}`)
    }
    this.#variables.push(...(isAssignment ? [] : variables))
    return { variables, isAssignment, commands }
  }

  /** `$x :=`, `$x =` and, in range, `$i, $x :=`. */
  #declarations(context: string): { variables: string[]; isAssignment: boolean } {
    const start = this.#at
    const variables: string[] = []
    while (this.#peek('variable') !== undefined) {
      variables.push(this.#tokens[this.#at++]!.text)
      this.#skipSpace()
      const sign = this.#peek('sign')
      if (sign === ',' && context === 'range') {
        if (variables.length > 1) throw this.#error('too many declarations in range')
        this.#at += 1
        this.#skipSpace()
        continue
      }
      if (sign !== ':=' && sign !== '=') break
      this.#at += 1
      const undefinedOne = variables.find((name) => sign === '=' && !this.#variables.includes(name))
      if (undefinedOne !== undefined) throw this.#error(`undefined variable "${undefinedOne}"`)
      return { variables, isAssignment: sign === '=' }
    }
    this.#at = start
    return { variables: [], isAssignment: false }
  }

  #checkCommand(operands: readonly Operand[], index: number): void {
    const [first] = operands
    if (first === undefined) return
    const isValue = first.kind === 'literal' || first.kind === 'dot' || first.kind === 'nil'
    if (isValue && index > 0) {
      throw this.#error(`non executable command in pipeline stage ${index + 1}`)
    }
  }

  #operands(): Operand[] {
    const operands: Operand[] = []
    for (;;) {
      this.#skipSpace()
      const operand = this.#operand()
      if (operand === undefined) return operands
      operands.push(operand)
      const next = this.#tokens[this.#at]
      if (next !== undefined && !['space', 'close'].includes(next.kind) && !['|', ')'].includes(next.text)) {
        throw this.#error(`unexpected ${JSON.stringify(next.text)} in operand`)
      }
    }
  }

  #operand(): Operand | undefined {
    const token = this.#tokens[this.#at]
    if (token === undefined) throw this.#error('unclosed action')
    const { position, text } = token
    switch (token.kind) {
      case 'string':
        this.#at += 1
        return { kind: 'literal', value: this.#unquote(text), position, source: text }
      case 'number':
        this.#at += 1
        return { kind: 'literal', value: Number(text), position, source: text }
      case 'word':
        this.#at += 1
        return this.#word(token)
      case 'field': {
        const second = this.#tokens[this.#at + 1]
        const names = this.#fields()
        return {
          kind: 'field',
          names,
          position: names.length > 1 ? second!.position : position,
          source: names.map((name) => `.${name}`).join(''),
        }
      }
      case 'variable': {
        this.#at += 1
        if (!this.#variables.includes(text)) throw this.#error(`undefined variable "${text}"`)
        const first = this.#tokens[this.#at]
        const names = this.#fields()
        const source = [text, ...names].join('.')
        return {
          kind: 'variable',
          name: text,
          names,
          position: names.length > 0 ? first!.position : position,
          source,
        }
      }
      case 'sign':
        return this.#signed(token)
      case 'text':
      case 'open':
      case 'close':
      case 'space':
        return undefined
    }
  }

  #signed({ text, position }: Token): Operand | undefined {
    if (text === '.') {
      this.#at += 1
      return { kind: 'dot', position, source: '.' }
    }
    if (text !== '(') return undefined
    this.#at += 1
    const pipe = this.#pipe('parenthesized pipeline', ')')
    const names = this.#fields()
    const end = this.#tokens[this.#at]?.position ?? this.#template.length
    return { kind: 'pipe', pipe, names, position, source: this.#template.slice(position, end) }
  }

  #word({ text, position }: Token): Operand {
    if (text === 'true' || text === 'false') {
      return { kind: 'literal', value: text === 'true', position, source: text }
    }
    if (text === 'nil') return { kind: 'nil', position, source: text }
    if (!this.#functions.has(text)) throw this.#error(`function "${text}" not defined`)
    return { kind: 'function', name: text, position, source: text }
  }

  /** `.A.B`, as it follows without a blank. */
  #fields(): string[] {
    const names: string[] = []
    while (this.#tokens[this.#at]?.kind === 'field') names.push(this.#tokens[this.#at++]!.text.slice(1))
    return names
  }

  #unquote(text: string): string {
    if (text.startsWith('`')) return text.slice(1, -1)
    try {
      return JSON.parse(text.replaceAll(/\\(x[\da-fA-F]{2}|a|v|')/g, jsonEscape)) as string
    } catch {
      throw this.#error(`invalid syntax`)
    }
  }

  #peek(kind: TokenKind): string | undefined {
    const token = this.#tokens[this.#at]
    return token?.kind === kind ? token.text : undefined
  }

  #skipSpace(): void {
    while (this.#tokens[this.#at]?.kind === 'space') this.#at += 1
  }

  #close(context: string): void {
    const token = this.#tokens[this.#at++]
    if (token?.kind !== 'close')
      throw this.#error(`unexpected ${JSON.stringify(token?.text ?? '')} in ${context}`)
  }

  #error(message: string): Error {
    const token = this.#tokens[Math.min(this.#at, this.#tokens.length) - 1]
    return lexError(this.#template, token?.position ?? 0, message)
  }
}

/** Escapes that Go's strings have and JSON's have not. */
function jsonEscape(_: string, escape: string): string {
  const codes: Record<string, string> = { a: '\\u0007', v: '\\u000b', "'": "'" }
  return codes[escape] ?? `\\u00${escape.slice(1)}`
}
