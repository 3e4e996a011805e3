import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { needs, needsRoot, programPath } from './requirements.ts'

const MISSING = 'no-such-program'

describe('what a test needs', () => {
  const { CI } = process.env
  afterEach(() => {
    if (CI === undefined) delete process.env['CI']
    else process.env['CI'] = CI
  })

  it('is met by a program that is there', () => {
    assert.equal(needs('sh'), false)
    assert.match(programPath('sh') ?? '', /\/sh$/)
  })

  it('names all that is missing, as the reason to skip', () => {
    delete process.env['CI']
    assert.equal(needs('sh', MISSING, 'nor-this-one'), `needs ${MISSING} and nor-this-one, not installed`)
  })

  it('must be there in CI as root', () => {
    process.env['CI'] = 'true'
    if (process.geteuid?.() === 0) assert.throws(() => needs(MISSING), /must not be skipped/)
    else assert.match(String(needs(MISSING)), /not installed/)
  })

  it('is root where root is asked for', () => {
    delete process.env['CI']
    if (process.geteuid?.() !== 0) assert.equal(needsRoot(), 'needs root')
    else assert.notEqual(needsRoot(), 'needs root')
  })
})
