/** Makes a program of a condition. */

import {
  ACCEPT,
  type FilterProgram,
  HEADER_SHIFT,
  INSTRUCTION_SIZE,
  Operation,
  REGISTERS,
  REJECT,
} from '../../datapath/capture/frame-filter.ts'
import { FILTER_INSTRUCTIONS_MAX } from '../../limits.ts'
import { type Arithmetic, type Condition, NO_HEADER, type Test } from './condition.ts'

/** Where an instruction leads: another one, or the end. */
type Target = Instruction | typeof ACCEPT | typeof REJECT

interface Instruction {
  readonly words: readonly [operation: number, a: number, b: number, c: number]
  yes: Target
  no: Target
}

/** The condition needs more than a program may have. */
export class ProgramTooLong extends Error {
  override readonly name: string = 'ProgramTooLong'
}

export function writeProgram(condition: Condition): FilterProgram {
  const writer = new ProgramWriter()
  const first = writer.place(condition, ACCEPT, REJECT)
  if (first === ACCEPT) return new Int32Array(0)
  const start = first === REJECT ? writer.add([Operation.jump, 0, 0, 0], REJECT, REJECT) : first
  return assemble(shorten(writer.instructions(), start))
}

/**
 * Instructions are made from the end of the program to its beginning, because each is told where it leads: so all jumps are forward.
 */
class ProgramWriter {
  readonly #backwards: Instruction[] = []

  /** In the order of the program. */
  instructions(): Instruction[] {
    return this.#backwards.toReversed()
  }

  add(words: Instruction['words'], yes: Target, no: Target): Instruction {
    if (this.#backwards.length >= FILTER_INSTRUCTIONS_MAX) throw new ProgramTooLong()
    const instruction = { words, yes, no }
    this.#backwards.push(instruction)
    return instruction
  }

  /** Instructions that lead to `yes` where the condition holds, and to `no` where not. */
  place(condition: Condition, yes: Target, no: Target): Target {
    switch (condition.kind) {
      case 'and':
        return this.place(condition.left, this.place(condition.right, yes, no), no)
      case 'or':
        return this.place(condition.left, yes, this.place(condition.right, yes, no))
      case 'not':
        return this.place(condition.inner, no, yes)
      case 'constant':
        return condition.holds ? yes : no
      case 'length':
        return this.add([Operation.lengthAtLeast, 0, 0, condition.atLeast], yes, no)
      case 'test':
        return this.#test(condition, yes, no)
      case 'either': {
        const { address, header, value } = condition
        const operation = header === NO_HEADER ? Operation.either16 : Operation.headerEither16
        return this.add([atHeader(operation, header), address, 0, value], yes, no)
      }
      case 'relation': {
        const operation = condition.relation === 'equal' ? Operation.registerEqual : Operation.registerAtLeast
        const compare = this.add([operation, 0, 1, 0], yes, no)
        return this.#into(0, condition.left, this.#into(1, condition.right, compare))
      }
    }
  }

  #test({ address, header, size, mask, relation, value }: Test, yes: Target, no: Target): Instruction {
    const first =
      header === NO_HEADER
        ? relation === 'equal'
          ? Operation.equal8
          : Operation.atLeast8
        : relation === 'equal'
          ? Operation.headerEqual8
          : Operation.headerAtLeast8
    return this.add([sized(first, size, header), address, mask, value], yes, no)
  }

  /** Instructions that leave the value in the register; those above it are free. */
  #into(register: number, value: Arithmetic, next: Target): Target {
    if (register >= REGISTERS) throw new ProgramTooLong()
    switch (value.kind) {
      case 'number':
        return this.add([Operation.constant, register, register, value.value], next, next)
      case 'frameLength':
        return this.add([Operation.length, register, register, 0], next, next)
      case 'load': {
        const first = value.header === NO_HEADER ? Operation.load8 : Operation.headerLoad8
        const operation = sized(first, value.size, value.header)
        const load = this.add([operation, register, register, value.base], next, next)
        return this.#into(register, value.index, load)
      }
      case 'negate': {
        const negate = this.add([Operation.negate, register, register, 0], next, next)
        return this.#into(register, value.operand, negate)
      }
      case 'binary': {
        const both = this.add([value.operation, register, register + 1, 0], next, next)
        return this.#into(register, value.left, this.#into(register + 1, value.right, both))
      }
    }
  }
}

/** Operations for one, two and four bytes follow each other. */
const sized = (first: number, size: 1 | 2 | 4, header: number): number =>
  atHeader(first + (size === 4 ? 2 : size - 1), header)

const atHeader = (operation: number, header: number): number =>
  operation | (header === NO_HEADER ? 0 : header << HEADER_SHIFT)

/** What is known of the bytes that a test reads: their value, or what it is not. */
interface Knowledge {
  readonly is: number | undefined
  readonly isNot: ReadonlySet<number>
}

type Facts = ReadonlyMap<string, Knowledge>

/**
 * Leaves out tests whose answer is known from those before: behind `ip6` that failed and `ip` that held nobody asks for the EtherType
 * again. Instructions that nothing leads to any more are gone.
 */
function shorten(instructions: readonly Instruction[], start: Instruction): Instruction[] {
  const arriving = new Map<Instruction, Facts>([[start, new Map()]])
  const kept: Instruction[] = []
  for (const instruction of instructions) {
    const facts = arriving.get(instruction)
    if (facts === undefined) continue
    kept.push(instruction)
    for (const [way, told] of [
      ['yes', learned(facts, instruction, true)],
      ['no', learned(facts, instruction, false)],
    ] as const) {
      const target = follow(instruction[way], told)
      instruction[way] = target
      if (target === ACCEPT || target === REJECT) continue
      const others = arriving.get(target)
      arriving.set(target, others === undefined ? told : common(others, told))
    }
  }
  return kept
}

/** What an instruction compares, where it is a test for a value; the same text is the same bytes. */
function placeOf({ words }: Instruction): string | undefined {
  const [operation, address, mask] = words
  const code = operation & ((1 << HEADER_SHIFT) - 1)
  const equality =
    (code >= Operation.equal8 && code <= Operation.equal32) ||
    (code >= Operation.headerEqual8 && code <= Operation.headerEqual32)
  return equality ? `${operation} ${address} ${mask}` : undefined
}

/** Values that the same bytes are known not to be: enough for protocols, and long lists of ports stay cheap to compile. */
const REMEMBERED_MAX = 8

function learned(facts: Facts, instruction: Instruction, answer: boolean): Facts {
  const place = placeOf(instruction)
  if (place === undefined) return facts
  const value = instruction.words[3]
  const before = facts.get(place)
  const now: Knowledge = answer
    ? { is: value, isNot: new Set() }
    : { is: undefined, isNot: new Set([...(before?.isNot ?? []), value].slice(-REMEMBERED_MAX)) }
  return new Map(facts).set(place, now)
}

/** The first instruction from there on whose answer is not known. */
function follow(target: Target, facts: Facts): Target {
  let at = target
  while (at !== ACCEPT && at !== REJECT) {
    const place = placeOf(at)
    const known = place === undefined ? undefined : facts.get(place)
    const value = at.words[3]
    if (known?.is !== undefined) at = known.is === value ? at.yes : at.no
    else if (known?.isNot.has(value) === true) at = at.no
    else return at
  }
  return at
}

/** What holds on both ways. */
function common(one: Facts, other: Facts): Facts {
  const both = new Map<string, Knowledge>()
  for (const [place, a] of one) {
    const b = other.get(place)
    if (b === undefined) continue
    const is = a.is === b.is ? a.is : undefined
    const isNot = new Set(
      [...a.isNot, ...b.isNot].filter((value) => excludes(a, value) && excludes(b, value)),
    )
    if (is !== undefined || isNot.size > 0) both.set(place, { is, isNot })
  }
  return both
}

const excludes = (knowledge: Knowledge, value: number): boolean =>
  knowledge.is === undefined ? knowledge.isNot.has(value) : knowledge.is !== value

function assemble(instructions: readonly Instruction[]): FilterProgram {
  const index = new Map(instructions.map((instruction, at) => [instruction, at * INSTRUCTION_SIZE]))
  const indexOf = (target: Target): number =>
    target === ACCEPT || target === REJECT ? target : index.get(target)!
  return Int32Array.from(instructions.flatMap(({ words, yes, no }) => [...words, indexOf(yes), indexOf(no)]))
}
