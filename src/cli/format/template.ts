/** `--format` templates: the part of Go's text/template that people use with docker. */
import { FUNCTIONS, FunctionError, fits, SHORT_CIRCUIT, SIGNATURES } from './functions.ts'
import { lineOf } from './lexer.ts'
import { parseTemplate } from './parser.ts'
import { type Operand, type Pipe, type TemplateNode, templateError } from './syntax.ts'
import { isObject, isTrue, type Method, printValue, sortedKeys, typeName } from './values.ts'

export interface TemplateOptions {
  /** More functions than all templates have. */
  readonly functions?: ReadonlyMap<string, Method>
  /** Keys whose values are maps and no objects with fixed keys: what they do not hold is nothing and no error. */
  readonly maps?: ReadonlySet<string>
  /** Keys that may be left out, and what they are then. */
  readonly absent?: ReadonlyMap<string, unknown>
  /** Of the program, where the data does not fit; 1 unless given. */
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
  readonly #maps: ReadonlySet<string>
  readonly #absent: ReadonlyMap<string, unknown>
  readonly #exitCode: number
  readonly #variables: Variable[]

  constructor(
    text: string,
    functions: ReadonlyMap<string, Method>,
    { maps = new Set(), absent = new Map(), exitCode = 1 }: TemplateOptions,
    data: unknown,
  ) {
    this.#text = text
    this.#functions = functions
    this.#maps = maps
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
      return this.#call(first, operands, dot, piped)
    }
    if (others.length === 0 && piped.length === 0) {
      if (first.kind === 'nil') throw this.#error(first, 'nil is not a command')
      return this.#operand(first, dot)
    }
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

  #call(
    place: Operand & { kind: 'function' },
    operands: readonly Operand[],
    dot: unknown,
    piped: readonly unknown[] = [],
  ): unknown {
    const { name } = place
    this.#checkCount(place, name, operands.length - 1 + piped.length)
    const given = operands.slice(1).map((one) => this.#operand(one, dot))
    const args = [...given, ...piped]
    for (const [at, value] of args.entries()) this.#checkType(place, operands[at + 1], value, at)
    try {
      return this.#functions.get(name)!(...args)
    } catch (error) {
      if (!(error instanceof FunctionError)) throw error
      const source = operands.map((one) => one.source).join(' ')
      throw this.#error({ ...place, source }, `error calling ${name}: ${error.message}`)
    }
  }

  #checkCount(place: Operand, name: string, count: number): void {
    const signature = SIGNATURES[name]
    if (signature === undefined) return
    const { parameters, variadic = false } = signature
    const least = parameters.length - (variadic ? 1 : 0)
    if (count >= least && (variadic || count === least)) return
    const want = variadic ? `at least ${least}` : String(least)
    throw this.#error(place, `wrong number of args for ${name}: want ${want} got ${count}`)
  }

  /** `operand` is undefined for the value of the command in front. */
  #checkType(
    place: Operand & { kind: 'function' },
    operand: Operand | undefined,
    value: unknown,
    at: number,
  ): void {
    const parameters = SIGNATURES[place.name]?.parameters ?? []
    const type = parameters[Math.min(at, parameters.length - 1)] ?? 'any'
    if (fits(value, type)) return
    if (operand?.kind !== 'literal') {
      throw this.#error(operand ?? place, `wrong type for value; expected ${type}; got ${typeName(value)}`)
    }
    const { source } = operand
    if (type === '[]string') throw this.#error(operand, `can't handle ${source} for arg of type ${type}`)
    throw this.#error(operand, `expected ${type === 'int' ? 'integer' : type}; found ${source}`)
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
        return this.#call(operand, [operand], undefined, args)
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
    let isMap = false
    for (const [at, name] of names.entries()) {
      value = this.#field(place, value, name, at === names.length - 1 ? args : [], isMap)
      isMap = this.#maps.has(name)
    }
    return value
  }

  #field(place: Operand, from: unknown, name: string, args: readonly unknown[], isMap: boolean): unknown {
    // What a map did not hold, and what of that.
    if (from === undefined) return undefined
    if (from === null) throw this.#error(place, `nil data; no entry for key "${name}"`)
    if (!isObject(from)) throw this.#error(place, `can't evaluate field ${name} in type ${typeName(from)}`)
    const key = Object.hasOwn(from, name) ? name : GO_NAMES[name]
    if (key === undefined || !Object.hasOwn(from, key)) {
      if (isMap) return undefined
      if (this.#absent.has(name)) return this.#absent.get(name)
      throw this.#error(place, `map has no entry for key "${name}"`, from)
    }
    const value = from[key]
    if (typeof value === 'function') return (value as Method)(...args)
    if (args.length > 0) throw this.#error(place, `${name} has arguments but cannot be invoked as function`)
    return value
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
      this.#exitCode,
      known.length === 0 ? undefined : `There are ${known.map((key) => `.${key}`).join(' ')}`,
    )
  }
}

/** Names that the fields have in docker's program, where JSON has others. */
const GO_NAMES: Readonly<Record<string, string>> = { ID: 'Id' }
