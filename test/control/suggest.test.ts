import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { didYouMean, suggest } from '../../src/control/suggest.ts'

describe('suggest', () => {
  const cases: [string, readonly string[], string | undefined][] = [
    ['mtuu', ['subnet', 'mtu'], 'mtu'],
    ['wbe', ['web', 'db'], 'web'],
    ['netwroks', ['name', 'networks'], 'networks'],
    ['Alice', ['alice', 'alicia'], 'alice'],
    ['sandbox', ['sandboxes', 'networks'], 'sandboxes'],
    ['bobs', ['bob', 'rob'], 'bob'],
    ['a', ['b', 'c'], undefined],
    ['ab', ['cd'], undefined],
    ['gateway', ['subnet', 'mtu'], undefined],
    ['x', [], undefined],
    ['', ['a'], undefined],
  ]
  for (const [word, candidates, expected] of cases) {
    it(`finds ${expected ?? 'nothing'} for '${word}' in [${candidates.join(', ')}]`, () => {
      assert.equal(suggest(word, candidates), expected)
    })
  }
})

describe('didYouMean', () => {
  it('lists what there is where nothing is near, ten at most', () => {
    assert.equal(didYouMean('zzz', ['a', 'b']), 'known: a, b')
    const names = Array.from({ length: 12 }, (_, index) => `name-${index}`)
    assert.equal(didYouMean('zzz', names), `known: ${names.slice(0, 10).join(', ')}, and 2 more`)
  })
})
