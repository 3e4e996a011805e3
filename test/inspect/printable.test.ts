import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { printable, printableJson } from '../../src/inspect/printable.ts'

describe('text that is fit for a terminal', () => {
  const cases: readonly [what: string, text: string, shown: string][] = [
    ['letters of all scripts', 'größe 大 سلام', 'größe 大 سلام'],
    ['an escape', '\u001b[31mred', ' [31mred'],
    ['the second set of controls', 'a\u009b31m', 'a 31m'],
    ['line feeds', 'a\r\nb', 'a b'],
    ['a change of direction', 'a\u202etxt.exe\u2066', 'a txt.exe '],
    ['separators', 'a\u2028b\u2029', 'a b '],
  ]
  for (const [what, text, shown] of cases) {
    it(`of ${what}`, () => assert.equal(printable(text), shown))
    it(`of ${what}, in JSON`, () => {
      const json = printableJson({ text })
      assert.deepEqual(JSON.parse(json), { text })
      assert.doesNotMatch(json, /[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]/u)
    })
  }
})
