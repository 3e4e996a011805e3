/** What a filter asks, before it is a program. */

import { Operation } from '../../datapath/capture/frame-filter.ts'

/** Compares bytes of the frame with a value, both unsigned. */
export interface Test {
  readonly kind: 'test'
  /** From the frame's first byte; where `header` is given, the IPv4 header's length is added. */
  readonly address: number
  /** Of the IPv4 header's first byte, or -1. */
  readonly header: number
  readonly size: 1 | 2 | 4
  readonly mask: number
  readonly relation: 'equal' | 'atLeast'
  readonly value: number
}

export type Condition =
  | Test
  /** Either of the two 16-bit numbers that follow one another is it; the second is only read where the first is not. */
  | { readonly kind: 'either'; readonly address: number; readonly header: number; readonly value: number }
  | { readonly kind: 'and' | 'or'; readonly left: Condition; readonly right: Condition }
  | { readonly kind: 'not'; readonly inner: Condition }
  | { readonly kind: 'length'; readonly atLeast: number }
  | { readonly kind: 'constant'; readonly holds: boolean }
  | {
      readonly kind: 'relation'
      readonly left: Arithmetic
      readonly right: Arithmetic
      readonly relation: 'equal' | 'atLeast'
    }

/** A number of 32 bits. */
export type Arithmetic =
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'frameLength' }
  | {
      readonly kind: 'load'
      /** Added to the index, with the IPv4 header's length where `header` is given. */
      readonly base: number
      readonly header: number
      readonly index: Arithmetic
      readonly size: 1 | 2 | 4
    }
  | { readonly kind: 'negate'; readonly operand: Arithmetic }
  | {
      readonly kind: 'binary'
      readonly operation: Operation
      readonly left: Arithmetic
      readonly right: Arithmetic
    }

export const NO_HEADER = -1

/** Bytes at `address` are `value`; `size` of them. */
export const equal = (address: number, size: 1 | 2 | 4, value: number, mask: number = -1): Condition => ({
  kind: 'test',
  address,
  header: NO_HEADER,
  size,
  mask,
  relation: 'equal',
  value,
})

export const atLeast = (address: number, size: 1 | 2 | 4, value: number): Condition => ({
  kind: 'test',
  address,
  header: NO_HEADER,
  size,
  mask: -1,
  relation: 'atLeast',
  value,
})

export const not = (inner: Condition): Condition => ({ kind: 'not', inner })

/** In this order: a read beyond the frame's end only counts where it is come to. */
export const allOf = (first: Condition, ...others: readonly Condition[]): Condition =>
  others.reduce((left, right) => ({ kind: 'and', left, right }), first)

export const anyOf = (first: Condition, ...others: readonly Condition[]): Condition =>
  others.reduce((left, right) => ({ kind: 'or', left, right }), first)

export const number = (value: number): Arithmetic => ({ kind: 'number', value: value | 0 })

const OPERATIONS: ReadonlyMap<string, Operation> = new Map<string, Operation>([
  ['+', Operation.add],
  ['-', Operation.subtract],
  ['*', Operation.multiply],
  ['/', Operation.divide],
  ['%', Operation.remainder],
  ['&', Operation.and],
  ['|', Operation.or],
  ['^', Operation.exclusiveOr],
  ['<<', Operation.shiftLeft],
  ['>>', Operation.shiftRight],
])

export const operationOf = (sign: string): Operation | undefined => OPERATIONS.get(sign)
