/** `--format` templates: the part of Go's text/template that people use with docker. */
import { ARGUMENTS, FUNCTIONS, FunctionError, SHORT_CIRCUIT } from './functions.ts'
import { lineOf } from './lexer.ts'
import { parseTemplate } from './parser.ts'
import { type Operand, type Pipe, type TemplateNode, templateError } from './syntax.ts'
import { isObject, isTrue, type Method, printValue, sortedKeys } from './values.ts'

export interface TemplateOptions {
  /** More functions than all templates have. */
  readonly functions?: ReadonlyMap<string, Method>
  /** Keys whose values are maps of strings: what they do not hold is the empty string and no error. */
  readonly stringMaps?: ReadonlySet<string>
  /** Keys that may be left out, and what they are then. */
  readonly absent?: ReadonlyMap<string, unknown>
  /** Of the program, where the data does not fit. */
  readonly exitCode?: number
}

/** Throws TEMPLATE_INVALID where the template is wrong in itself, and when it is executed with data that it does not fit. */
export class Template {
  readonly #text: string
  readonly #nodes: readonly TemplateNode[]
  readonly #functions: ReadonlyMap<string, Method>
  readonly #options: TemplateOptions

  constructor(text: string, options: TemplateOptions = {}) {
    const { functions = new Map<string, Method>() } = options
    this.#text = text
    this.#functions = functions.size === 0 ? FUNCTIONS : new Map([...FUNCTIONS, ...functions])
    this.#nodes = parseTemplate(text, new Set(this.#functions.keys()))
    this.#options = options
  }

  execute(data: unknown): string {
    const run = new Execution(this.#text, this.#functions, this.#options, data)
    run.list(this.#nodes, data)
    return run.output
  }
}

interface Variable {
  readonly name: string
  value: unknown
}

class Execution {
  output = ''
  readonly #text: string
  readonly #functions: ReadonlyMap<string, Method>
  readonly #stringMaps: ReadonlySet<string>
  readonly #absent: ReadonlyMap<string, unknown>
  readonly #exitCode: number | undefined
  readonly #variables: Variable[]

  constructor(
    text: string,
    functions: ReadonlyMap<string, Method>,
    { stringMaps = new Set(), absent = new Map(), exitCode }: TemplateOptions,
    data: unknown,
  ) {
    this.#text = text
    this.#functions = functions
    this.#stringMaps = stringMaps
    this.#absent = absent
    this.#exitCode = exitCode
    this.#variables = [{ name: '$', value: data }]
  }

  /** Why the list was left, if not by its end. */
  list(nodes: readonly TemplateNode[], dot: unknown): 'break' | 'continue' | undefined {
    for (const node of nodes) {
      const left = this.#node(node, dot)
      if (left !== undefined) return left
    }
    return undefined
  }

  #node(node: TemplateNode, dot: unknown): 'break' | 'continue' | undefined {
    switch (node.kind) {
      case 'text':
        this.output += node.text
        return undefined
      case 'action': {
        const value = this.#pipe(node.pipe, dot)
        if (node.pipe.variables.length === 0) this.output += printValue(value)
        return undefined
      }
      case 'break':
      case 'continue':
        return node.kind
      case 'range':
        return this.#scoped(() => this.#range(node, dot))
      case 'if':
      case 'with':
        return this.#scoped(() => {
          const value = this.#pipe(node.pipe, dot)
          if (isTrue(value)) return this.list(node.body, node.kind === 'with' ? value : dot)
          return this.list(node.otherwise, dot)
        })
    }
  }

  /** Variables that `body` declares are gone behind it. */
  #scoped<T>(body: () => T): T {
    const depth = this.#variables.length
    const result = body()
    this.#variables.length = depth
    return result
  }

  #range(node: Extract<TemplateNode, { kind: 'range' }>, dot: unknown): undefined | 'break' | 'continue' {
    const { variables } = node.pipe
    const value = this.#pipe({ ...node.pipe, variables: [] }, dot)
    const items = this.#items(value, node.pipe)
    if (items.length === 0) return this.list(node.otherwise, dot)
    for (const [key, item] of items) {
      const left = this.#scoped(() => {
        const values = variables.length === 1 ? [item] : [key, item]
        for (const [at, name] of variables.entries()) this.#set(name, values[at], node.pipe.isAssignment)
        return this.list(node.body, item)
      })
      if (left === 'break') break
    }
    return undefined
  }

  #items(value: unknown, pipe: Pipe): (readonly [unknown, unknown])[] {
    if (value === undefined || value === null) return []
    if (Array.isArray(value)) return value.map((item, at) => [at, item] as const)
    if (isObject(value)) return sortedKeys(value).map((key) => [key, value[key]] as const)
    if (typeof value === 'number' && Number.isInteger(value)) {
      return Array.from({ length: Math.max(0, value) }, (_, at) => [at, at] as const)
    }
    throw this.#error(pipe.commands[0]!.operands[0]!, `range can't iterate over ${printValue(value)}`)
  }

  #pipe(pipe: Pipe, dot: unknown): unknown {
    let value: unknown
    for (const [at, { operands }] of pipe.commands.entries()) {
      value = this.#command(operands, dot, at === 0 ? [] : [value])
    }
    for (const name of pipe.variables) this.#set(name, value, pipe.isAssignment)
    return value
  }

  #set(name: string, value: unknown, isAssignment: boolean): void {
    if (isAssignment) this.#variables.findLast((one) => one.name === name)!.value = value
    else this.#variables.push({ name, value })
  }

  /** `piped` is the value of the command in front, if there is one. */
  #command(operands: readonly Operand[], dot: unknown, piped: readonly unknown[]): unknown {
    const [first, ...others] = operands as [Operand, ...Operand[]]
    if (first.kind === 'function') {
      if (SHORT_CIRCUIT.has(first.name)) return this.#shortCircuit(first, others, dot, piped)
      return this.#call(first, first.name, [...others.map((one) => this.#operand(one, dot)), ...piped])
    }
    if (others.length === 0 && piped.length === 0) return this.#operand(first, dot)
    const args = [...others.map((one) => this.#operand(one, dot)), ...piped]
    return this.#operand(first, dot, args)
  }

  #shortCircuit(
    place: Operand & { kind: 'function' },
    operands: readonly Operand[],
    dot: unknown,
    piped: readonly unknown[],
  ): unknown {
    this.#checkCount(place, place.name, operands.length + piped.length)
    const stopsAt = place.name === 'or'
    let value: unknown
    for (const operand of operands) {
      value = this.#operand(operand, dot)
      if (isTrue(value) === stopsAt) return value
    }
    return piped.length === 0 ? value : piped[0]
  }

  #call(place: Operand, name: string, args: readonly unknown[]): unknown {
    this.#checkCount(place, name, args.length)
    try {
      return this.#functions.get(name)!(...args)
    } catch (error) {
      if (error instanceof FunctionError) throw this.#error(place, `error calling ${name}: ${error.message}`)
      throw error
    }
  }

  #checkCount(place: Operand, name: string, count: number): void {
    const [least, most] = ARGUMENTS[name] ?? [0, Infinity]
    if (count >= least && count <= most) return
    const want = least === most ? String(least) : `at least ${least}`
    throw this.#error(place, `wrong number of args for ${name}: want ${want} got ${count}`)
  }

  /** `args` are for the last of its fields, which then is a method. */
  #operand(operand: Operand, dot: unknown, args: readonly unknown[] = []): unknown {
    switch (operand.kind) {
      case 'dot':
        return this.#noArguments(operand, args, dot)
      case 'nil':
        return undefined
      case 'literal':
        return this.#noArguments(operand, args, operand.value)
      case 'function':
        return this.#call(operand, operand.name, args)
      case 'field':
        return this.#fields(operand, dot, operand.names, args)
      case 'variable': {
        const variable = this.#variables.findLast((one) => one.name === operand.name)
        return this.#fields(operand, variable?.value, operand.names, args)
      }
      case 'pipe':
        return this.#fields(
          operand,
          this.#scoped(() => this.#pipe(operand.pipe, dot)),
          operand.names,
          args,
        )
    }
  }

  #fields(place: Operand, from: unknown, names: readonly string[], args: readonly unknown[]): unknown {
    if (names.length === 0) return this.#noArguments(place, args, from)
    let value = from
    let isStringMap = false
    for (const [at, name] of names.entries()) {
      const isLast = at === names.length - 1
      value = this.#field(place, value, name, isLast ? args : [], isStringMap)
      isStringMap = this.#stringMaps.has(name)
    }
    return value
  }

  #field(
    place: Operand,
    from: unknown,
    name: string,
    args: readonly unknown[],
    isStringMap: boolean,
  ): unknown {
    if (from === undefined || from === null) {
      if (isStringMap) return ''
      throw this.#error(place, `nil data; no entry for key "${name}"`)
    }
    if (!isObject(from)) throw this.#error(place, `can't evaluate field ${name} in type ${typeOf(from)}`)
    const key = Object.hasOwn(from, name) ? name : GO_NAMES[name]
    if (key === undefined || !Object.hasOwn(from, key)) {
      if (isStringMap) return ''
      if (this.#absent.has(name)) return this.#absent.get(name)
      throw this.#error(place, `map has no entry for key "${name}"`, from)
    }
    const value = from[key]
    if (typeof value === 'function') return (value as Method)(...args)
    return this.#noArguments(place, args, value)
  }

  #noArguments(place: Operand, args: readonly unknown[], value: unknown): unknown {
    if (args.length === 0) return value
    throw this.#error(place, `can't give argument to non-function ${place.source}`)
  }

  #error(place: Operand, message: string, among?: Readonly<Record<string, unknown>>): Error {
    const line = lineOf(this.#text, place.position)
    const before = this.#text.slice(0, place.position)
    const column = Buffer.byteLength(before.slice(before.lastIndexOf('\n') + 1))
    const known = among === undefined ? [] : Object.keys(among)
    return templateError(
      `:${line}:${column}: executing "" at <${place.source}>: ${message}`,
      known.length === 0 ? undefined : `There are ${known.map((key) => `.${key}`).join(' ')}`,
      this.#exitCode,
    )
  }
}

/** Names that the fields have in docker's program, where JSON has others. */
const GO_NAMES: Readonly<Record<string, string>> = { ID: 'Id' }

function typeOf(value: unknown): string {
  if (typeof value === 'string') return 'string'
  if (typeof value === 'number') return 'int'
  if (typeof value === 'boolean') return 'bool'
  return '[]interface {}'
}
