/**
 * Which frames are meant, as a program that is run on each: compiled by inspect/filter from what people write (pcap-filter(7)).
 *
 * A program is a list of instructions of six words:
 *
 *     | operation | a | b | c | next, or next where true | next where false |
 *
 * It knows only jumps forward, so it ends after as many instructions as it has at most, and its terminals are two numbers that are no
 * index. Most instructions read and compare at once: what a filter costs is the number of its instructions that a frame meets.
 */

import { FILTER_INSTRUCTIONS_MAX } from '../../limits.ts'

/** Instructions, as `compileFilter` makes them. Empty: every frame. Can be sent to another thread; `checkProgram` judges what came from one. */
export type FilterProgram = Int32Array

/** Words of one instruction. */
export const INSTRUCTION_SIZE = 6

/** In place of an index: the end. */
export const ACCEPT = -1
export const REJECT = -2

/** Registers of arithmetic; libpcap has as many. */
export const REGISTERS = 16

/**
 * The low byte of the operation. Of `equal…` and `atLeast…` (unsigned) a is the address from the frame's first byte, b the mask, c the value.
 * Of those behind `header` the IPv4 header's length is added to the address: its first byte stands where the operation's other bits say.
 */
export const Operation = {
  jump: 0,
  equal8: 1,
  equal16: 2,
  equal32: 3,
  atLeast8: 4,
  atLeast16: 5,
  atLeast32: 6,
  headerEqual8: 7,
  headerEqual16: 8,
  headerEqual32: 9,
  headerAtLeast8: 10,
  headerAtLeast16: 11,
  headerAtLeast32: 12,
  /** c: bytes that the frame has on the wire at least. */
  lengthAtLeast: 13,
  /** Register a becomes c. */
  constant: 14,
  /** Register a becomes the frame's length. */
  length: 15,
  /** Register a becomes what stands at address c + register b. */
  load8: 16,
  load16: 17,
  load32: 18,
  headerLoad8: 19,
  headerLoad16: 20,
  headerLoad32: 21,
  /** Register a becomes a OPERATION b. */
  add: 22,
  subtract: 23,
  multiply: 24,
  divide: 25,
  remainder: 26,
  and: 27,
  or: 28,
  exclusiveOr: 29,
  shiftLeft: 30,
  shiftRight: 31,
  negate: 32,
  /** Register a with register b. */
  registerEqual: 33,
  registerAtLeast: 34,
  /** Either of the two 16-bit numbers at a and a + 2 is c: the ports, of which most filters want one. b is not used. */
  either16: 35,
  headerEither16: 36,
} as const
export type Operation = (typeof Operation)[keyof typeof Operation]

const LAST_OPERATION = Operation.headerEither16
const FIRST_REGISTER_OPERATION = Operation.constant
const LAST_REGISTER_OPERATION = Operation.registerAtLeast

/** The operation's byte and, above it, where the IPv4 header begins. */
const OPERATION_MASK = 0xff
export const HEADER_SHIFT = 8

// Constants of this module.
const CODE_MASK = 0xff
const WIDTH = 6
const END = 0
const ACCEPTED = -1
/** Turns an unsigned comparison into one of signed numbers. */
const SIGN = -0x8000_0000

/** No program needs what another one left here: each register is written before it is read, or reads what is harmless. */
const registers = new Int32Array(REGISTERS)

/**
 * Whether the program accepts the frame of `length` bytes (Ethernet on) at `offset`. Bytes behind the frame's end are never read: what asks
 * for them is not accepted, as with the kernel's filter. `wireLength` is what the frame had before it was cut. Allocates nothing.
 */
export function accepts(
  program: FilterProgram,
  view: DataView,
  offset: number,
  length: number,
  wireLength: number = length,
): boolean {
  if (program.length === 0) return true
  let at = 0
  while (at >= END) {
    const operation = program[at]!
    let address = program[at + 1]!
    let yes = false
    // Numbers, because only with those V8 makes a table of jumps; `Operation` names them.
    switch (operation & CODE_MASK) {
      case 0: // jump
        break
      case 1: // equal8
        if (address < 0 || address >= length) return false
        yes = (view.getUint8(offset + address) & program[at + 2]!) === program[at + 3]!
        break
      case 2: // equal16
        if (address < 0 || address > length - 2) return false
        yes = (view.getUint16(offset + address) & program[at + 2]!) === program[at + 3]!
        break
      case 3: // equal32
        if (address < 0 || address > length - 4) return false
        yes = (view.getInt32(offset + address) & program[at + 2]!) === program[at + 3]!
        break
      case 4: // atLeast8
        if (address < 0 || address >= length) return false
        yes = unsignedAtLeast(view.getUint8(offset + address) & program[at + 2]!, program[at + 3]!)
        break
      case 5: // atLeast16
        if (address < 0 || address > length - 2) return false
        yes = unsignedAtLeast(view.getUint16(offset + address) & program[at + 2]!, program[at + 3]!)
        break
      case 6: // atLeast32
        if (address < 0 || address > length - 4) return false
        yes = unsignedAtLeast(view.getInt32(offset + address) & program[at + 2]!, program[at + 3]!)
        break
      case 7: // headerEqual8
        address = behindHeader(view, offset, length, operation, address)
        if (address < 0 || address >= length) return false
        yes = (view.getUint8(offset + address) & program[at + 2]!) === program[at + 3]!
        break
      case 8: // headerEqual16
        address = behindHeader(view, offset, length, operation, address)
        if (address < 0 || address > length - 2) return false
        yes = (view.getUint16(offset + address) & program[at + 2]!) === program[at + 3]!
        break
      case 9: // headerEqual32
        address = behindHeader(view, offset, length, operation, address)
        if (address < 0 || address > length - 4) return false
        yes = (view.getInt32(offset + address) & program[at + 2]!) === program[at + 3]!
        break
      case 10: // headerAtLeast8
        address = behindHeader(view, offset, length, operation, address)
        if (address < 0 || address >= length) return false
        yes = unsignedAtLeast(view.getUint8(offset + address) & program[at + 2]!, program[at + 3]!)
        break
      case 11: // headerAtLeast16
        address = behindHeader(view, offset, length, operation, address)
        if (address < 0 || address > length - 2) return false
        yes = unsignedAtLeast(view.getUint16(offset + address) & program[at + 2]!, program[at + 3]!)
        break
      case 12: // headerAtLeast32
        address = behindHeader(view, offset, length, operation, address)
        if (address < 0 || address > length - 4) return false
        yes = unsignedAtLeast(view.getInt32(offset + address) & program[at + 2]!, program[at + 3]!)
        break
      case 13: // lengthAtLeast
        yes = unsignedAtLeast(wireLength, program[at + 3]!)
        break
      case 35: // either16
        if (address < 0 || address > length - 2) return false
        yes = view.getUint16(offset + address) === program[at + 3]!
        if (yes) break
        if (address > length - 4) return false
        yes = view.getUint16(offset + address + 2) === program[at + 3]!
        break
      case 36: // headerEither16
        address = behindHeader(view, offset, length, operation, address)
        if (address < 0 || address > length - 2) return false
        yes = view.getUint16(offset + address) === program[at + 3]!
        if (yes) break
        if (address > length - 4) return false
        yes = view.getUint16(offset + address + 2) === program[at + 3]!
        break
      case 33: // registerEqual
        yes = registers[address] === registers[program[at + 2]!]
        break
      case 34: // registerAtLeast
        yes = unsignedAtLeast(registers[address]!, registers[program[at + 2]!]!)
        break
      default:
        if (!calculate(program, at, view, offset, length, wireLength)) return false
    }
    at = yes ? program[at + 4]! : program[at + 5]!
  }
  return at === ACCEPTED
}

const unsignedAtLeast = (a: number, b: number): boolean => (a ^ SIGN) >= (b ^ SIGN)

/** The address with the IPv4 header's length added; -1 where the header's first byte is not there. */
function behindHeader(
  view: DataView,
  offset: number,
  length: number,
  operation: number,
  address: number,
): number {
  const header = operation >>> HEADER_SHIFT
  return header < length ? (address + ((view.getUint8(offset + header) & 0x0f) << 2)) | 0 : -1
}

/** Runs an instruction that ends with a value in a register; false where there is none: beyond the frame, divided by zero. */
function calculate(
  program: FilterProgram,
  at: number,
  view: DataView,
  offset: number,
  length: number,
  wireLength: number,
): boolean {
  const operation = program[at]!
  const code = operation & CODE_MASK
  const target = program[at + 1]!
  const second = registers[program[at + 2]!]!
  const first = registers[target]!
  let value = 0
  if (code >= Operation.load8 && code <= Operation.headerLoad32) {
    // The index wraps around at 32 bits with the header's length added, and then no more: tcp[-1] is the byte before the header,
    // ip[-1] is nowhere.
    let index = second
    if (code >= Operation.headerLoad8) {
      const header = operation >>> HEADER_SHIFT
      if (header >= length) return false
      index = (index + ((view.getUint8(offset + header) & 0x0f) << 2)) | 0
    }
    const address = program[at + 3]! + index
    const size = 1 << ((code - Operation.load8) % 3)
    if (index < 0 || address < 0 || address > length - size) return false
    value =
      size === 1
        ? view.getUint8(offset + address)
        : size === 2
          ? view.getUint16(offset + address)
          : view.getInt32(offset + address)
  } else {
    switch (code) {
      case Operation.constant:
        value = program[at + 3]!
        break
      case Operation.length:
        value = wireLength
        break
      case Operation.divide:
        if (second === 0) return false
        value = (first >>> 0) / (second >>> 0)
        break
      case Operation.remainder:
        if (second === 0) return false
        value = (first >>> 0) % (second >>> 0)
        break
      default:
        value = operate(code, first, second)
    }
  }
  // To 32 bits: of a quotient what stands before the point.
  registers[target] = value
  return true
}

/** The result of an operation of two registers that always has one; of 32 bits, unsigned. The compiler of filters folds constants by it. */
export function operate(code: number, first: number, second: number): number {
  switch (code) {
    case Operation.add:
      return (first + second) | 0
    case Operation.subtract:
      return (first - second) | 0
    case Operation.multiply:
      return Math.imul(first, second)
    case Operation.divide:
      return ((first >>> 0) / (second >>> 0)) | 0
    case Operation.remainder:
      return ((first >>> 0) % (second >>> 0)) | 0
    case Operation.and:
      return first & second
    case Operation.or:
      return first | second
    case Operation.exclusiveOr:
      return first ^ second
    case Operation.shiftLeft:
      return second >>> 0 < 32 ? first << second : 0
    case Operation.shiftRight:
      return second >>> 0 < 32 ? first >>> second : 0
    default:
      // negate
      return -first | 0
  }
}

/**
 * Whether `program` may be run: known operations and registers, jumps only forward and to the beginning of an instruction. Such a program ends,
 * and reads nothing but the frame and its registers.
 */
export function checkProgram(program: FilterProgram): boolean {
  const { length } = program
  if (length % WIDTH !== 0 || length > FILTER_INSTRUCTIONS_MAX * WIDTH) return false
  for (let at = 0; at < length; at += WIDTH) {
    const operation = program[at]!
    const code = operation & OPERATION_MASK
    if (operation < 0 || code > LAST_OPERATION) return false
    const registers = code >= FIRST_REGISTER_OPERATION && code <= LAST_REGISTER_OPERATION
    if (registers && !(isRegister(program[at + 1]!) && isRegister(program[at + 2]!))) return false
    if (!isTarget(program[at + 4]!, at, length) || !isTarget(program[at + 5]!, at, length)) return false
  }
  return true
}

const isRegister = (value: number): boolean => value >= 0 && value < REGISTERS

const isTarget = (target: number, from: number, length: number): boolean =>
  target === ACCEPT || target === REJECT || (target > from && target < length && target % WIDTH === 0)
