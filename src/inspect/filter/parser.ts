/**
 * Reads a filter. The grammar is pcap-filter(7)'s, with its peculiarities:
 *
 *     expression:  operand { ("and" | "or") operand }        of equal rank, from left to right
 *     operand:     "not" operand | "(" expression ")" | qualifiers id | protocol | relation | "vlan" [id] | …
 *     id:          an address, a name, a number; with the qualifiers of the one before: `port 80 or 443`
 *
 * An id may only stand alone where qualifiers stand before it: `tcp and 80` is a mistake.
 */

import { FILTER_DEPTH_MAX } from '../../limits.ts'
import {
  combined,
  isRelationSign,
  loaded,
  negated,
  type RelationSign,
  related,
  type Value,
} from './arithmetic.ts'
import { type Condition, not, number, operationOf } from './condition.ts'
import { FilterError } from './filter-error.ts'
import type { IdentifierReader, Qualifiers } from './identifiers.ts'
import {
  etherBroadcast,
  etherMulticast,
  type FilterDirection,
  ipv4Multicast,
  ipv6Multicast,
  type Layout,
  protocolCondition,
  TAG_SIZE,
  UNTAGGED,
  vlan,
} from './primitives.ts'
import { nearest } from './suggestion.ts'
import { type Token, tokensOf } from './tokens.ts'
import { type FilterProtocol, KEYWORDS, PROTOCOLS } from './words.ts'

/** A condition, and the qualifiers that an id behind it inherits. */
interface Operand {
  readonly condition: Condition
  readonly qualifiers: Qualifiers | undefined
}

/** What binds numbers, weakest first; `%` and `^` stand outside of it: see `#arithmetic`. */
const RANKS: ReadonlyMap<string, number> = new Map([
  ['|', 1],
  ['&', 2],
  ['<<', 3],
  ['>>', 3],
  ['+', 4],
  ['-', 4],
  ['*', 5],
  ['/', 5],
  ['%', 6],
  ['^', 6],
])
const RANK_OF_MINUS = 6

const VLAN_MAX = 4095

export class FilterParser {
  readonly #text: string
  readonly #tokens: readonly Token[]
  readonly #identifiers: IdentifierReader
  #at = 0
  #depth = 0
  #layout: Layout = UNTAGGED

  constructor(text: string, identifiers: IdentifierReader) {
    this.#text = text
    this.#tokens = tokensOf(text)
    this.#identifiers = identifiers
  }

  /** The whole filter, of which there is some. Throws FilterError. */
  parse(): Condition {
    const { condition } = this.#expression(undefined, false)
    if (this.#token.kind !== 'end') this.#unexpected('`and`, `or` or the end')
    return condition
  }

  get #token(): Token {
    return this.#tokens[this.#at]!
  }

  #peek(text: string): boolean {
    return this.#token.kind === 'sign' && this.#token.text === text
  }

  #take(text: string): boolean {
    if (!this.#peek(text)) return false
    this.#at += 1
    return true
  }

  #expect(text: string): void {
    if (!this.#take(text)) this.#unexpected(`'${text}'`)
  }

  /** `onlyIds`: of a list in parentheses, `port (80 or 443)`. */
  #expression(inherited: Qualifiers | undefined, onlyIds: boolean): Operand {
    let operand = this.#operand(inherited, onlyIds)
    let { condition } = operand
    while (this.#peek('and') || this.#peek('or')) {
      const kind = this.#token.text as 'and' | 'or'
      this.#at += 1
      operand = this.#operand(operand.qualifiers, onlyIds)
      condition = { kind, left: condition, right: operand.condition }
    }
    return { condition, qualifiers: operand.qualifiers }
  }

  #operand(inherited: Qualifiers | undefined, onlyIds: boolean): Operand {
    return this.#nested(() => {
      if (this.#take('!')) {
        const { condition, qualifiers } = this.#operand(inherited, onlyIds)
        return { condition: not(condition), qualifiers }
      }
      if (this.#peek('(') && (onlyIds || !this.#beginsNumber()))
        return this.#parenthesised(inherited, onlyIds)
      if (this.#beginsId() && (onlyIds || !this.#beginsNumber())) return this.#id(inherited)
      if (onlyIds) this.#unexpected('an address, a name or a number')
      return this.#primitive()
    })
  }

  /** What stands behind the parentheses inherits what stands before them. */
  #parenthesised(inherited: Qualifiers | undefined, onlyIds: boolean): Operand {
    this.#at += 1
    const { condition } = this.#expression(inherited, onlyIds)
    this.#expect(')')
    return { condition, qualifiers: inherited }
  }

  #beginsId(): boolean {
    return ['number', 'ipv4', 'ipv6', 'mac', 'name'].includes(this.#token.kind)
  }

  #id(qualifiers: Qualifiers | undefined): Operand {
    const token = this.#token
    if (qualifiers === undefined) {
      const near =
        token.kind === 'name' ? nearest(token.text, [...KEYWORDS.keys(), ...PROTOCOLS.keys()]) : undefined
      const hint =
        near === undefined
          ? 'what is it? Write `host`, `net` or `port` in front of it'
          : `did you mean '${near}'?`
      throw new FilterError(`'${token.text}' is no word of a filter`, this.#text, token.position, hint)
    }
    this.#at += 1
    const { condition, taken } = this.#identifiers.read(qualifiers, this.#layout, this.#tokens, this.#at - 1)
    this.#at += taken - 1
    return { condition, qualifiers }
  }

  #primitive(): Operand {
    if (this.#beginsNumber()) return this.#alone(this.#relation())
    if (this.#take('less')) return this.#alone(atMost(this.#number('a length')))
    if (this.#take('greater')) return this.#alone({ kind: 'length', atLeast: this.#number('a length') | 0 })
    if (this.#take('vlan')) return this.#alone(this.#vlan())
    const start = this.#token
    const protocol = start.kind === 'protocol' ? PROTOCOLS.get(start.text) : undefined
    if (protocol !== undefined) this.#at += 1
    if (this.#peek('broadcast') || this.#peek('multicast')) return this.#alone(this.#group(protocol))
    const qualifiers = this.#qualifiers(protocol)
    if (qualifiers !== undefined) return this.#qualified(qualifiers)
    if (protocol === undefined) this.#unexpected('an expression')
    if (this.#beginsId()) this.#unexpected('`and`, `or`, `host`, `net`, `port` or the end')
    if (protocol.over === 'link') {
      throw new FilterError(
        `'${start.text}' says nothing alone`,
        this.#text,
        start.position,
        'every frame has an Ethernet header; `ether host`, `ether proto` and `ether[0]` ask what stands in it',
      )
    }
    return this.#alone(protocolCondition(this.#layout, protocol))
  }

  #alone(condition: Condition): Operand {
    return { condition, qualifiers: undefined }
  }

  /** `src port`, `net`, `proto`; undefined where there is none behind the protocol. */
  #qualifiers(protocol: FilterProtocol | undefined): Qualifiers | undefined {
    if (this.#take('proto')) return { protocol, direction: undefined, type: 'proto' }
    const direction = this.#direction()
    const type = (['host', 'net', 'port', 'portrange'] as const).find((word) => this.#take(word))
    return direction === undefined && type === undefined
      ? undefined
      : { protocol, direction, type: type ?? 'default' }
  }

  #direction(): FilterDirection | undefined {
    const first = (['src', 'dst'] as const).find((word) => this.#take(word))
    if (first === undefined) return undefined
    const next = this.#tokens[this.#at + 1]
    const joined = this.#peek('or') || this.#peek('and')
    const other = first === 'src' ? 'dst' : 'src'
    if (!joined || next?.kind !== 'sign' || next.text !== other) return first
    const word = this.#token.text as 'or' | 'and'
    this.#at += 2
    return `src ${word} dst`
  }

  #qualified(qualifiers: Qualifiers): Operand {
    return { condition: this.#ids(qualifiers), qualifiers }
  }

  /** What stands behind qualifiers: an id, none of them, or some in parentheses. */
  #ids(qualifiers: Qualifiers): Condition {
    return this.#nested(() => {
      if (this.#take('!')) return not(this.#ids(qualifiers))
      if (this.#peek('(')) return this.#parenthesised(qualifiers, true).condition
      if (!this.#beginsId()) this.#unexpected(EXPECTED[qualifiers.type])
      return this.#id(qualifiers).condition
    })
  }

  #group(protocol: FilterProtocol | undefined): Condition {
    const { text: word, position } = this.#token
    this.#at += 1
    const name = protocol?.over === 'link' ? undefined : protocol?.name
    if (name === undefined) return word === 'broadcast' ? etherBroadcast() : etherMulticast()
    if (word === 'multicast' && name === 'ip') return ipv4Multicast(this.#layout)
    if (word === 'multicast' && name === 'ip6') return ipv6Multicast(this.#layout)
    const hint =
      name === 'ip'
        ? "it depends on the network's mask, which a capture does not tell; `ether broadcast`, or `dst host` with the address"
        : `\`${word}\` alone, or \`ether ${word}\``
    throw new FilterError(`'${name} ${word}' cannot be asked`, this.#text, position, hint)
  }

  #vlan(): Condition {
    const { position } = this.#token
    const id = this.#isNumberInParentheses() ? this.#number('a VLAN') : undefined
    if (id !== undefined && id > VLAN_MAX) {
      throw new FilterError(`a VLAN is at most ${VLAN_MAX}`, this.#text, position)
    }
    const condition = vlan(this.#layout, id)
    const { etherType, payload } = this.#layout
    this.#layout = { etherType: etherType + TAG_SIZE, payload: payload + TAG_SIZE }
    return condition
  }

  #isNumberInParentheses(): boolean {
    let at = this.#at
    while (this.#tokens[at]?.text === '(' && this.#tokens[at]?.kind === 'sign') at += 1
    return this.#tokens[at]?.kind === 'number'
  }

  /** A number, in parentheses or not. */
  #number(what: string): number {
    return this.#nested(() => {
      if (this.#take('(')) {
        const value = this.#number(what)
        this.#expect(')')
        return value
      }
      const token = this.#token
      if (token.kind !== 'number') this.#unexpected(what)
      this.#at += 1
      return token.value
    })
  }

  /** Whether a relation begins here, and nothing else: `(tcp[0] + 1) * 2 = 4`, but neither `(tcp)` nor `80` behind `port`. */
  #beginsNumber(): boolean {
    let at = this.#at
    while (this.#tokens[at]!.kind === 'sign' && this.#tokens[at]!.text === '(') at += 1
    const [first, next] = [this.#tokens[at]!, this.#tokens[at + 1]]
    if (at > this.#at && !this.#goesOnBehind(this.#at)) return false
    if (first.kind === 'protocol') return next?.text === '['
    if (first.kind === 'number') return at > this.#at || isOperator(next)
    return first.kind === 'sign' && (first.text === '-' || first.text === 'len')
  }

  /** Whether the parenthesis that opens there closes before a sign of arithmetic or of a relation. */
  #goesOnBehind(start: number): boolean {
    let depth = 0
    for (let at = start; at < this.#tokens.length; at++) {
      const { kind, text } = this.#tokens[at]!
      if (kind === 'sign' && text === '(') depth += 1
      if (kind === 'sign' && text === ')') depth -= 1
      if (depth === 0) return isOperator(this.#tokens[at + 1])
    }
    return false
  }

  #relation(): Condition {
    const left = this.#arithmetic(0)
    const sign = this.#token
    if (sign.kind !== 'sign' || !isRelationSign(sign.text))
      this.#unexpected('a comparison: =, !=, <, <=, > or >=')
    this.#at += 1
    return related(sign.text as RelationSign, left, this.#arithmetic(0))
  }

  /**
   * Operators of at least `rank`. libpcap's grammar gives `%` and `^` no rank: they take the number before them at once, and all that
   * follows to their right.
   */
  #arithmetic(rank: number): Value {
    return this.#nested(() => {
      let left = this.#factor()
      for (;;) {
        const sign = this.#token
        const operation = sign.kind === 'sign' ? operationOf(sign.text) : undefined
        const own = RANKS.get(sign.text)
        if (operation === undefined || own === undefined || own < rank) return left
        this.#at += 1
        const greedy = sign.text === '%' || sign.text === '^'
        const right = this.#arithmetic(greedy ? 0 : own + 1)
        this.#checkShift(sign, right)
        const result = combined(operation, left, right)
        if (result === undefined) {
          throw new FilterError('a division by zero', this.#text, sign.position)
        }
        left = result
      }
    })
  }

  #checkShift(sign: Token, { literal }: Value): void {
    if (sign.text !== '<<' && sign.text !== '>>') return
    if (literal !== undefined && literal > 31) {
      throw new FilterError(
        'a number has 32 bits: it can be shifted by 31 at most',
        this.#text,
        sign.position,
      )
    }
  }

  #factor(): Value {
    const token = this.#token
    if (this.#take('-')) return negated(this.#arithmetic(RANK_OF_MINUS))
    if (this.#take('len')) return { arithmetic: { kind: 'frameLength' }, checks: [] }
    if (this.#take('(')) {
      const value = this.#arithmetic(0)
      this.#expect(')')
      return value
    }
    if (token.kind === 'number') {
      this.#at += 1
      return { arithmetic: number(token.value), checks: [], literal: token.value }
    }
    const protocol = token.kind === 'protocol' ? PROTOCOLS.get(token.text) : undefined
    if (protocol === undefined) return this.#unexpected('a number, `len` or `tcp[0]`')
    this.#at += 1
    this.#expect('[')
    const index = this.#arithmetic(0)
    const size = this.#take(':') ? this.#size() : 1
    this.#expect(']')
    const value = loaded(this.#layout, protocol, index, size)
    if (value !== undefined) return value
    throw new FilterError(`'${token.text}' has no header that can be indexed`, this.#text, token.position)
  }

  #size(): 1 | 2 | 4 {
    const { kind, value, position } = this.#token
    if (kind === 'number' && (value === 1 || value === 2 || value === 4)) {
      this.#at += 1
      return value
    }
    throw new FilterError('1, 2 or 4 bytes can be read at once', this.#text, position)
  }

  #nested<T>(read: () => T): T {
    if (this.#depth >= FILTER_DEPTH_MAX) {
      throw new FilterError('too deeply nested', this.#text, this.#token.position)
    }
    this.#depth += 1
    const result = read()
    this.#depth -= 1
    return result
  }

  #unexpected(expected: string): never {
    const { kind, text, position } = this.#token
    const found = kind === 'end' ? 'it ends' : `'${text}' stands`
    throw new FilterError(`${found} where ${expected} is expected`, this.#text, position)
  }
}

const atMost = (length: number): Condition =>
  length === 0xffff_ffff
    ? { kind: 'constant', holds: true }
    : not({ kind: 'length', atLeast: (length + 1) | 0 })

function isOperator(token: Token | undefined): boolean {
  return token?.kind === 'sign' && (operationOf(token.text) !== undefined || isRelationSign(token.text))
}

const EXPECTED: Readonly<Record<Qualifiers['type'], string>> = {
  default: '`host`, `net`, `port` or an address',
  host: 'an address or a name',
  net: 'a net: 172.18.0.0/16',
  port: 'a port: 80 or http',
  portrange: 'ports: 8000-8080',
  proto: "a protocol's number or name",
}
