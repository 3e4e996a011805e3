/** What a transaction may be, whichever registry takes it. */

import {
  REGISTRY_KEY_SIZE_MAX,
  REGISTRY_TRANSACTION_OPERATIONS_MAX,
  REGISTRY_TRANSACTION_SIZE_MAX,
} from '../../limits.ts'
import { ErrorCode, TapwireError } from '../errors.ts'
import type { RegistryCondition, RegistryOperation, RegistryTransaction } from './registry.ts'

/** Throws LIMIT_REACHED where it is too large, and RangeError where it is none: a key that is empty, or named twice. */
export function checkTransaction({ when, do: operations }: RegistryTransaction): void {
  checkCount(when.length, 'conditions')
  checkCount(operations.length, 'operations')
  checkSize([...when.map(sizeOfCondition), ...operations.map(sizeOfOperation)])
  for (const condition of when) checkKey('key' in condition ? condition.key : condition.prefix)
  checkApart(operations)
}

/** Text that is not Unicode would come back as something else. */
export function checkKey(key: string): void {
  if (key === '') throw new RangeError('a key of the registry is empty')
  if (/\p{Surrogate}/u.test(key)) throw new RangeError('a key of the registry has half a character')
  if (byteLength(key) <= REGISTRY_KEY_SIZE_MAX) return
  throw new TapwireError(
    ErrorCode.limitReached,
    `A key of the registry has at most ${REGISTRY_KEY_SIZE_MAX} bytes: ${key.slice(0, 100)}…`,
  )
}

export const keyOf = (operation: RegistryOperation): string =>
  'put' in operation ? operation.put : 'delete' in operation ? operation.delete : operation.deletePrefix

/** No operation touches a key that another one does: which of them came last would be left to the registry. */
function checkApart(operations: readonly RegistryOperation[]): void {
  const keys = new Set<string>()
  for (const operation of operations) {
    const key = keyOf(operation)
    checkKey(key)
    if (keys.has(key)) throw new RangeError(`a transaction names ${key} twice`)
    keys.add(key)
  }
  for (const operation of operations) {
    if (!('deletePrefix' in operation)) continue
    const { deletePrefix: prefix } = operation
    const other = [...keys].find((key) => key !== prefix && key.startsWith(prefix))
    if (other !== undefined) throw new RangeError(`a transaction names ${other}, and all below ${prefix}`)
  }
}

function checkCount(count: number, what: string): void {
  if (count <= REGISTRY_TRANSACTION_OPERATIONS_MAX) return
  throw new TapwireError(
    ErrorCode.limitReached,
    `A transaction has at most ${REGISTRY_TRANSACTION_OPERATIONS_MAX} ${what}, not ${count}.`,
  )
}

function checkSize(sizes: readonly number[]): void {
  const size = sizes.reduce((sum, one) => sum + one, 0)
  if (size <= REGISTRY_TRANSACTION_SIZE_MAX) return
  throw new TapwireError(
    ErrorCode.limitReached,
    `What is written to the registry at once has at most ${REGISTRY_TRANSACTION_SIZE_MAX} bytes, not ${size}.`,
  )
}

function sizeOfCondition(condition: RegistryCondition): number {
  const name = byteLength('key' in condition ? condition.key : condition.prefix)
  return 'value' in condition ? name + byteLength(condition.value) : name
}

const sizeOfOperation = (operation: RegistryOperation): number =>
  byteLength(keyOf(operation)) + ('put' in operation ? byteLength(operation.value) : 0)

const byteLength = (text: string): number => Buffer.byteLength(text)
