/**
 * Domain names (RFC 1035, 3.1 and 4.1.4).
 *
 *     | 3 | w e b | 5 | f r o n t | 0 |               wire form: labels, the empty one of the root at the end
 *     | 3 | a p i | 11 and an offset of 14 bits |     compressed: the rest stands there, counted from the message's start
 *
 * The text form is that of RFC 1035, 5.1, without the last dot: `web.front`, `a\.b`, `\009`; the root is `.`.
 */

import { DNS_NAME_POINTERS_MAX } from '../limits.ts'

/** Bytes of a name in wire form, the root's included, and of one label (RFC 1035, 2.3.4). */
export const NAME_SIZE_MAX = 255
export const LABEL_SIZE_MAX = 63

/** What is answered instead of a size where there is no name. */
export const MALFORMED = -1

/** The upper two bits of a length: 11 a pointer; 01 and 10 are no lengths (RFC 6891, 5; RFC 1035, 4.1.4). */
const POINTER = 0xc0
const POINTER_SIZE = 2
const POINTER_MASK = 0x3fff

// Constants of this module: V8 folds what a module keeps to itself.
const NAME_MAX = NAME_SIZE_MAX
const LABEL_MAX = LABEL_SIZE_MAX
const NONE = MALFORMED
const POINTERS_MAX = DNS_NAME_POINTERS_MAX

/** Size of the name at `offset`, the root's byte included. MALFORMED where it is compressed or does not end before `end`. */
export function nameSize(view: DataView, offset: number, end: number): number {
  let at = offset
  while (at < end) {
    const label = view.getUint8(at)
    if (label > LABEL_MAX) return NONE
    at += label + 1
    if (at - offset > NAME_MAX) return NONE
    if (label === 0) return at - offset
  }
  return NONE
}

/**
 * Bytes that the name at `offset` of the message at `message` takes there: up to its root or its pointer, which is not followed
 * but has to lead backwards. MALFORMED where it does not end before `end`.
 */
export function skipName(view: DataView, message: number, offset: number, end: number): number {
  let at = offset
  while (at < end) {
    const label = view.getUint8(at)
    if (label >= POINTER) {
      if (end - at < POINTER_SIZE) return NONE
      const target = message + (view.getUint16(at) & POINTER_MASK)
      return target < offset ? at + POINTER_SIZE - offset : NONE
    }
    if (label > LABEL_MAX) return NONE
    at += label + 1
    if (at - offset > NAME_MAX) return NONE
    if (label === 0) return at - offset
  }
  return NONE
}

/**
 * Puts the name at `offset` of the message at `message` into `to` (NAME_SIZE_MAX bytes), in wire form without compression, spelled
 * as it is there, and returns its size. MALFORMED, with any bytes in `to`, where it is too long, or not within `message` and `end`,
 * or where a pointer does not lead to before the labels that it ends: so each step goes back, and there is no loop; or where it has
 * more pointers than DNS_NAME_POINTERS_MAX.
 */
export function readName(
  view: DataView,
  message: number,
  offset: number,
  end: number,
  to: Uint8Array,
): number {
  let size = 0
  let pointers = 0
  let start = offset
  let at = offset
  while (at < end) {
    const label = view.getUint8(at)
    if (label >= POINTER) {
      if (end - at < POINTER_SIZE) return NONE
      at = message + (view.getUint16(at) & POINTER_MASK)
      if (at >= start || ++pointers > POINTERS_MAX) return NONE
      start = at
      continue
    }
    if (label > LABEL_MAX || label >= end - at || size + label >= NAME_MAX) return NONE
    for (let i = 0; i <= label; i++) to[size + i] = view.getUint8(at + i)
    at += label + 1
    size += label + 1
    if (label === 0) return size
  }
  return NONE
}

const UPPER_A = 0x41
const LETTERS = 26
const CASE = 0x20

/**
 * Lower case of an ASCII letter, any other byte as it is (RFC 4343, 3). Lengths of labels are no letters: they stay. With one comparison,
 * as each byte of a question comes here.
 */
export const fold = (byte: number): number => ((byte - UPPER_A) >>> 0 < LETTERS ? byte | CASE : byte)

/** Whether `size` bytes of names in wire form are the same, whatever the case of their ASCII letters. */
export function equalNames(a: Uint8Array, aAt: number, b: Uint8Array, bAt: number, size: number): boolean {
  for (let i = 0; i < size; i++) {
    if (lowerCase(a[aAt + i]!) !== lowerCase(b[bAt + i]!)) return false
  }
  return true
}

const lowerCase = fold

const BACKSLASH = 0x5c
const DOT = 0x2e
const SPACE = 0x20
const TILDE = 0x7e

/** What a zone file gives a meaning to (RFC 1035, 5.1). */
const SPECIAL = '.\\"();@$'

/**
 * The wire form of a name, the root at its end, which the text may have (as its last dot) or not. Undefined where a label is empty
 * or too long, or the name is; where an escape is none; where a character is not ASCII or a control character: those have to be
 * escaped, as they are bytes of a name and no characters.
 */
export function encodeName(text: string): Uint8Array | undefined {
  if (text === '.') return new Uint8Array(1)
  const name: number[] = []
  let label: number[] = []
  for (let at = 0; at < text.length; ) {
    if (text.charCodeAt(at) === DOT) {
      if (!appendLabel(name, label)) return undefined
      label = []
      at++
      continue
    }
    const { byte, length } = byteAt(text, at)
    if (byte === MALFORMED) return undefined
    label.push(byte)
    at += length
  }
  if (label.length > 0 && !appendLabel(name, label)) return undefined
  if (name.length === 0 || name.length + 1 > NAME_SIZE_MAX) return undefined
  return Uint8Array.from([...name, 0])
}

function appendLabel(name: number[], label: readonly number[]): boolean {
  if (label.length === 0 || label.length > LABEL_SIZE_MAX) return false
  name.push(label.length, ...label)
  return true
}

/** A byte of a name, and how many characters stand for it; MALFORMED where none is meant. */
function byteAt(text: string, at: number): { byte: number; length: number } {
  const code = text.charCodeAt(at)
  if (code !== BACKSLASH) return { byte: isPrintable(code) ? code : MALFORMED, length: 1 }
  const decimal = /^[0-9]{3}/.exec(text.slice(at + 1, at + 4))
  if (decimal !== null) {
    const byte = Number(decimal[0])
    return { byte: byte > 0xff ? MALFORMED : byte, length: 4 }
  }
  const escaped = text.charCodeAt(at + 1)
  return { byte: isPrintable(escaped) && !isDigit(escaped) ? escaped : MALFORMED, length: 2 }
}

const isPrintable = (code: number): boolean => code >= SPACE && code <= TILDE
const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39

/** The text of a name in wire form, as `encodeName` and `readName` make it. */
export function formatName(bytes: Uint8Array, offset = 0): string {
  let text = ''
  for (let at = offset; ; ) {
    const label = bytes[at] ?? 0
    if (label === 0) return text === '' ? '.' : text
    if (text !== '') text += '.'
    for (let i = 1; i <= label; i++) text += escaped(bytes[at + i] ?? 0)
    at += label + 1
  }
}

function escaped(byte: number): string {
  if (byte <= SPACE || byte > TILDE) return decimalEscape(byte)
  const character = String.fromCharCode(byte)
  return SPECIAL.includes(character) ? `\\${character}` : character
}

/** A byte as `\DDD` (RFC 1035, 5.1). */
export const decimalEscape = (byte: number): string => `\\${byte.toString().padStart(3, '0')}`
