/**
 * Reads YAML 1.2 into plain values and remembers where each stood, so that a problem found in a value can be shown
 * in the file. What the format allows and a lab file has no use for (tags, several documents, keys that are no plain
 * text) is refused, and so is what could make a small file a large value: deep nesting, aliases of aliases.
 */
import {
  Composer,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  type Node,
  type ParsedNode,
  Parser,
} from 'yaml'
import { LAB_DEPTH_MAX, LAB_VALUES_MAX } from '../limits.ts'
import type { LabPath, LabPlace, LabProblems } from './lab-problem.ts'

export interface LabYaml {
  readonly value: unknown
  /**
   * Where the key or the value at `path` stands: a scalar where it begins, a collection at its key. What is not there
   * stands at the key of its nearest owner, and what came in by an alias where the alias does.
   */
  place(path: LabPath, at: 'key' | 'value'): LabPlace
}

/** Undefined, with the reasons in `problems`, where the text is no YAML that can be read further. */
export function readLabYaml(text: string, problems: LabProblems): LabYaml | undefined {
  const lines = new LineCounter()
  const placeOf = (offset: number): LabPlace => {
    const { line, col } = lines.linePos(offset)
    return { line: Math.max(line, 1), column: Math.max(col, 1) }
  }

  const document = composeDocument(text, lines, placeOf, problems)
  if (document === undefined) return undefined
  if (document.contents === null) {
    problems.add({ line: 1, column: 1 }, 'the file is empty', 'see examples/demo.yaml for a start')
    return undefined
  }
  const reader = new ValueReader(placeOf, problems)
  const value = reader.read(document.contents)
  if (reader.gaveUp) return undefined
  return { value, place: (path, at) => placeOf(reader.offsetOf(value, path, at)) }
}

/** A limit on nesting stands before the composer, which recurses, and on a deep file would take the stack with it. */
function composeDocument(
  text: string,
  lines: LineCounter,
  placeOf: (offset: number) => LabPlace,
  problems: LabProblems,
): Document.Parsed | undefined {
  const parser = new Parser(lines.addNewLine)
  lines.addNewLine(0)
  const composer = new Composer({ uniqueKeys: false, prettyErrors: false })
  const documents: Document.Parsed[] = []
  for (const lexeme of new Lexer().lex(text)) {
    for (const token of parser.next(lexeme)) documents.push(...composer.next(token))
    // The stack holds the document, the collections, and a scalar.
    if (parser.stack.length > LAB_DEPTH_MAX + 2) {
      problems.add(placeOf(parser.offset), `more than ${LAB_DEPTH_MAX} collections inside one another`)
      return undefined
    }
  }
  for (const token of parser.end()) documents.push(...composer.next(token))
  documents.push(...composer.end(true, text.length))

  const [document, second] = documents
  if (document === undefined) return undefined
  // The first error of a line is the cause; those behind it are what the parser made of the rest.
  const told = new Set<number>()
  for (const error of [...document.errors, ...document.warnings]) {
    const place = placeOf(error.pos[0])
    if (!told.has(place.line)) problems.add(place, lowerFirst(error.message))
    told.add(place.line)
  }
  if (second !== undefined) {
    problems.add(placeOf(second.range[0]), 'a second document', 'a lab file holds one lab; split the file')
  }
  return problems.isEmpty ? document : undefined
}

interface Offsets {
  readonly key: number
  readonly value: number
}

/** Turns nodes into plain values, once, within LAB_VALUES_MAX. */
class ValueReader {
  readonly #placeOf: (offset: number) => LabPlace
  readonly #problems: LabProblems
  readonly #offsets = new Map<object, Map<string | number, Offsets>>()
  readonly #anchors = new Map<string, Node>()
  #values = 0
  #rootOffset = 0
  gaveUp = false

  constructor(placeOf: (offset: number) => LabPlace, problems: LabProblems) {
    this.#placeOf = placeOf
    this.#problems = problems
  }

  read(root: ParsedNode): unknown {
    this.#rootOffset = root.range[0]
    return this.#value(root, undefined, 0)
  }

  offsetOf(root: unknown, path: LabPath, at: 'key' | 'value'): number {
    let owner = root
    let offset = this.#rootOffset
    for (const [index, step] of path.entries()) {
      const offsets = this.#offsets.get(owner as object)?.get(step)
      if (offsets === undefined) return offset
      offset = at === 'value' && index === path.length - 1 ? offsets.value : offsets.key
      owner = (owner as Record<string | number, unknown>)[step]
    }
    return offset
  }

  /** `shownAt` is the offset of the alias by which the node is read, if it is. */
  #value(node: Node | null, shownAt: number | undefined, depth: number): unknown {
    const offset = shownAt ?? node?.range?.[0] ?? 0
    this.#values += 1
    if (this.gaveUp) return null
    if (this.#values > LAB_VALUES_MAX || depth > LAB_DEPTH_MAX) {
      this.gaveUp = true
      const what =
        depth > LAB_DEPTH_MAX ? `${LAB_DEPTH_MAX} collections inside one another` : `${LAB_VALUES_MAX} values`
      this.#problems.add(this.#placeOf(offset), `the file, with its aliases followed, has more than ${what}`)
      return null
    }
    if (isAlias(node)) return this.#alias(node.source, offset, depth)
    if (node === null) return null
    if ('anchor' in node && node.anchor !== undefined) this.#anchors.set(node.anchor, node)
    if (isMap(node)) return this.#map(node.items as MapItem[], shownAt, depth)
    if (isSeq(node)) return this.#list(node.items as Node[], shownAt, depth)
    return isScalar(node) ? node.value : null
  }

  #alias(anchor: string, offset: number, depth: number): unknown {
    const target = this.#anchors.get(anchor)
    if (target === undefined) {
      this.#problems.add(this.#placeOf(offset), `the alias *${anchor} has no anchor &${anchor} before it`)
      return null
    }
    return this.#value(target, offset, depth + 1)
  }

  #map(items: readonly MapItem[], shownAt: number | undefined, depth: number): object {
    const map: Record<string, unknown> = {}
    const offsets = new Map<string | number, Offsets>()
    this.#offsets.set(map, offsets)
    for (const { key: keyNode, value: valueNode } of items) {
      const keyOffset = shownAt ?? keyNode?.range?.[0] ?? 0
      const key = keyText(keyNode)
      if (key === undefined) {
        this.#problems.add(this.#placeOf(keyOffset), 'a key must be plain text')
        continue
      }
      const first = offsets.get(key)
      if (first !== undefined) {
        const { line } = this.#placeOf(first.key)
        this.#problems.add(this.#placeOf(keyOffset), `duplicate key '${key}'`, `the first is in line ${line}`)
        continue
      }
      const value = this.#value(valueNode, shownAt, depth + 1)
      offsets.set(key, { key: keyOffset, value: shownAt ?? valueOffset(valueNode) ?? keyOffset })
      map[key] = value
    }
    return map
  }

  #list(items: readonly Node[], shownAt: number | undefined, depth: number): unknown[] {
    const offsets = new Map<string | number, Offsets>()
    const list = items.map((item, index) => {
      const offset = shownAt ?? item.range?.[0] ?? 0
      offsets.set(index, { key: offset, value: offset })
      return this.#value(item, shownAt, depth + 1)
    })
    this.#offsets.set(list, offsets)
    return list
  }
}

interface MapItem {
  readonly key: Node | null
  readonly value: Node | null
}

/** `1:`, `true:` and `~:` are keys as well: their text is. `__proto__` would be no key of a JavaScript object. */
function keyText(key: Node | null): string | undefined {
  if (!isScalar(key) || key.value === '__proto__') return undefined
  const text = key.source ?? key.value
  return typeof text === 'string' ? text : undefined
}

/** Where readers look for a value: a scalar where it begins; a collection, or an empty value, at its key. */
function valueOffset(node: Node | null): number | undefined {
  if (isAlias(node)) return node.range?.[0]
  if (!isScalar(node) || (node.type === 'PLAIN' && node.source === '')) return undefined
  return node.range?.[0]
}

function lowerFirst(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1)
}
