/**
 * A list of fields that grows: each call reads a value from the packet's bytes and adds the field for it. Where its bytes are not all
 * here, the field is left out of the list, and what is returned is empty: so a header that was cut short is read as any other.
 */

import { DISSECTED_BYTES_MAX } from '../../limits.ts'
import { ipv4At, ipv6At } from '../../wire/address.ts'
import type { DissectedField } from './dissection.ts'

export interface Field extends DissectedField {
  text: string
  value: string | number | boolean
  fields: Field[] | undefined
  problem: string | undefined
}

/** What the packet may still show. */
interface Budget {
  readonly full: boolean
  fieldsLeft: number
  lettersLeft: number
}

/** Text of a number, made only where it is not the number itself. */
type Text = string | ((value: number) => string)

export class Fields {
  readonly list: Field[]
  readonly #budget: Budget
  readonly #view: DataView
  /** Where the bytes that are here end. */
  readonly #end: number

  constructor(budget: Budget, view: DataView, end: number, list: Field[]) {
    this.#budget = budget
    this.#view = view
    this.#end = end
    this.list = list
  }

  /** The same list, for bytes that end at `end`. */
  within(end: number): Fields {
    return new Fields(this.#budget, this.#view, Math.min(end, this.#end), this.list)
  }

  /** The list of the fields below `field`. */
  under(field: Field): Fields {
    field.fields ??= []
    return new Fields(this.#budget, this.#view, this.#end, field.fields)
  }

  add(
    name: string,
    label: string,
    value: string | number | boolean,
    text: string,
    offset: number,
    length: number,
    mask?: number,
  ): Field {
    const field: Field = {
      name,
      label,
      value,
      text,
      offset,
      length,
      mask,
      fields: undefined,
      problem: undefined,
    }
    if (this.#has(offset, length) && !this.#budget.full) {
      this.#budget.fieldsLeft--
      this.#budget.lettersLeft -= text.length
      this.list.push(field)
    }
    return field
  }

  /** A number of `length` bytes, up to 4; 6 and 8 are read as well as a double can hold them. */
  number(name: string, label: string, offset: number, length: number, text?: Text): Field {
    const value = this.#unsigned(offset, length)
    return this.add(name, label, value, textOf(value, text), offset, length)
  }

  /** A number of which `digits` hexadecimal digits are shown, with what it stands for. */
  hex(name: string, label: string, offset: number, length: number, meaning?: Text): Field {
    const value = this.#unsigned(offset, length)
    const digits = hex(value, length * 2)
    const text = meaning === undefined ? digits : withMeaning(digits, textOf(value, meaning))
    return this.add(name, label, value, text, offset, length)
  }

  /** The bits of `mask`, in a number of `length` bytes, as a number. */
  bits(name: string, label: string, offset: number, length: number, mask: number, text?: Text): Field {
    const value = (this.#unsigned(offset, length) & mask) >>> lowestBit(mask)
    return this.add(name, label, value, textOf(value, text), offset, length, mask)
  }

  /** One bit, or whether one of several is set. */
  flag(name: string, label: string, offset: number, length: number, mask: number): Field {
    const value = (this.#unsigned(offset, length) & mask) !== 0
    return this.add(name, label, value, value ? 'set' : 'not set', offset, length, mask)
  }

  mac(name: string, label: string, offset: number): Field {
    const text = this.#has(offset, 6) ? hexBytes(this.#view, offset, 6) : ''
    return this.add(name, label, text, text, offset, 6)
  }

  ipv4(name: string, label: string, offset: number): Field {
    const text = this.#has(offset, 4) ? ipv4At(this.#view, offset) : ''
    return this.add(name, label, text, text, offset, 4)
  }

  ipv6(name: string, label: string, offset: number): Field {
    const text = this.#has(offset, 16) ? ipv6At(this.#view, offset) : ''
    return this.add(name, label, text, text, offset, 16)
  }

  /** Bytes as `61:62:63`: up to DISSECTED_BYTES_MAX of them, then `…`. What a heading stands for has a `text` of its own. */
  bytes(name: string, label: string, offset: number, length: number, text?: string): Field {
    const value = this.#has(offset, length) ? hexBytes(this.#view, offset, length) : ''
    return this.add(name, label, value, text ?? value, offset, length)
  }

  /** Text as its bytes say in ASCII; others as `\x1b`. */
  string(name: string, label: string, offset: number, length: number): Field {
    const text = this.#has(offset, length) ? asciiText(this.#view, offset, length) : ''
    return this.add(name, label, text, text, offset, length)
  }

  #has(offset: number, length: number): boolean {
    return offset + length <= this.#end
  }

  /** 0 where the bytes are not here. */
  #unsigned(offset: number, length: number): number {
    if (!this.#has(offset, length)) return 0
    switch (length) {
      case 1:
        return this.#view.getUint8(offset)
      case 2:
        return this.#view.getUint16(offset)
      case 4:
        return this.#view.getUint32(offset)
      default: {
        let value = 0
        for (let i = 0; i < length; i++) value = value * 256 + this.#view.getUint8(offset + i)
        return value
      }
    }
  }
}

const textOf = (value: number, text: Text | undefined): string => {
  if (text === undefined) return String(value)
  return typeof text === 'string' ? text : text(value)
}

export const hex = (value: number, digits: number): string => `0x${value.toString(16).padStart(digits, '0')}`

/** `0x0800 (IPv4)`, `6 (TCP)`. */
export const withMeaning = (text: string, meaning: string): string =>
  meaning === '' ? text : `${text} (${meaning})`

/** Text for a number with a name: `6 (TCP)`. */
export const named =
  (names: Readonly<Record<number, string>>): ((value: number) => string) =>
  (value) =>
    withMeaning(String(value), names[value] ?? '')

/** The name alone, empty where it has none: for `hex`. */
export const nameIn =
  (names: Readonly<Record<number, string>>): ((value: number) => string) =>
  (value) =>
    names[value] ?? ''

const lowestBit = (mask: number): number => 31 - Math.clz32(mask & -mask)

const HEX_BYTES = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

export function hexBytes(view: DataView, offset: number, length: number, separator = ':'): string {
  const shown = Math.min(length, DISSECTED_BYTES_MAX)
  let text = ''
  for (let i = 0; i < shown; i++) text += (i === 0 ? '' : separator) + HEX_BYTES[view.getUint8(offset + i)]!
  return shown < length ? `${text}…` : text
}

export function asciiText(view: DataView, offset: number, length: number): string {
  const shown = Math.min(length, DISSECTED_BYTES_MAX)
  let text = ''
  for (let i = 0; i < shown; i++) {
    const byte = view.getUint8(offset + i)
    text += byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${HEX_BYTES[byte]!}`
  }
  return shown < length ? `${text}…` : text
}
