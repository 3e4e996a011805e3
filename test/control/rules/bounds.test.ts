import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ErrorCode } from '../../../src/control/errors.ts'
import { checkMap, checkWords } from '../../../src/control/rules/bounds.ts'
import { ENVIRONMENT_MAX, ENVIRONMENT_SIZE_MAX, LABELS_MAX, LABELS_SIZE_MAX } from '../../../src/limits.ts'

const code = ErrorCode.sandboxInvalid
const mapOf = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${n}`, 'v']))

describe('what the daemon keeps for its users', () => {
  it('has a number of labels, and of their bytes', () => {
    checkMap(code, 'labels', null)
    checkMap(code, 'labels', mapOf(LABELS_MAX))
    assert.throws(() => checkMap(code, 'labels', mapOf(LABELS_MAX + 1)), {
      code,
      message: 'too many labels: 1025, at most 1024 are possible',
    })
    checkMap(code, 'labels', { a: 'x'.repeat(LABELS_SIZE_MAX - 1) })
    assert.throws(() => checkMap(code, 'labels', { é: 'x'.repeat(LABELS_SIZE_MAX - 1) }), {
      code,
      message: 'the labels are too large: 65537 bytes, at most 65536 are possible',
    })
  })

  it('has a number of words, and of their bytes', () => {
    checkWords(code, 'words', Array<string>(ENVIRONMENT_MAX).fill('a'))
    assert.throws(() => checkWords(code, 'words', Array<string>(ENVIRONMENT_MAX + 1).fill('a')), { code })
    checkWords(code, 'words', ['x'.repeat(ENVIRONMENT_SIZE_MAX)])
    assert.throws(() => checkWords(code, 'words', ['x'.repeat(ENVIRONMENT_SIZE_MAX), 'y']), { code })
  })
})
