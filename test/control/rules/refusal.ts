import assert from 'node:assert/strict'
import { TapwireError } from '../../../src/control/errors.ts'

/** Asserts that the call is refused with this code and this text, and no more. */
export function assertRefused(call: () => unknown, code: string, message: string): void {
  try {
    call()
  } catch (error) {
    if (!(error instanceof TapwireError)) throw error
    assert.deepEqual({ code: error.code, message: error.message }, { code, message })
    return
  }
  assert.fail(`not refused, though '${message}' was expected`)
}
