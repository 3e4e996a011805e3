/** Each decision that the data path can tell has a sentence: those of its explanations and of its stories are read from their sources. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { DNS_VERDICTS } from '../../src/datapath/dns/dns-settings.ts'
import { DROP_REASONS } from '../../src/datapath/drop-reason.ts'
import { explainSentence } from '../../src/inspect/explain-text.ts'
import { filesBelow, repositoryRoot } from '../support/repository.ts'

const read = (path: string): string => readFileSync(join(repositoryRoot, path), 'utf8')

/** `bridge forward`. */
function decisionsIn(path: string): string[] {
  const text = read(path)
  const said = [...text.matchAll(/\.say\(\s*'([a-z-]+)',\s*'([a-z-]+)'/g)]
  const put = [...text.matchAll(/stage: '([a-z-]+)', verdict: '([a-z-]+)'/g)]
  return [...said, ...put].map(([, stage, verdict]) => `${stage} ${verdict}`)
}

/** The stage is in a constant there. */
const nameDecisions = (): string[] => {
  const witnessed = [...read('src/datapath/dns/explain-names.ts').matchAll(/#say\('([a-z-]+)'/g)]
  // What was asked outside is told of in its own words.
  const own = DNS_VERDICTS.filter((verdict) => !['forwarded', 'cached', 'failed'].includes(verdict))
  const verdicts = own.map((verdict) => (verdict === 'answered' ? 'answer' : verdict))
  return ['search', 'forward', ...witnessed.map(([, verdict]) => verdict!), ...verdicts].map(
    (verdict) => `names ${verdict}`,
  )
}

const SOURCES = [
  ...filesBelow('src/datapath').filter((path) => /explain[a-z-]*\.ts$/.test(path)),
  'src/inspect/story/story-steps.ts',
]

describe('the sentences of decisions', () => {
  const known = read('src/inspect/explain-text.ts')
  const told = new Set([...SOURCES.flatMap(decisionsIn), ...nameDecisions()])

  it('are found in the sources', () => {
    for (const decision of ['bridge forward', 'link delay', 'neighbour note', 'names match', 'learn moved']) {
      assert.ok(told.has(decision), decision)
    }
  })

  for (const decision of told) {
    it(`has one of ${decision}`, () => {
      assert.ok(known.includes(`'${decision}':`), decision)
    })
  }

  for (const { name, sentence } of DROP_REASONS) {
    it(`has one of a drop: ${name}`, () => {
      assert.equal(explainSentence({ stage: 'router', verdict: 'drop', reason: name, values: {} }), sentence)
    })
  }

  it('takes values for what they are, and no templates', () => {
    const values = { comment: '[{address}] {port}', address: 'wrong' }
    assert.equal(explainSentence({ stage: 'capture', verdict: 'says', values }), '[{address}] {port}')
  })
})
