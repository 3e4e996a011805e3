import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { findNetwork, findSandbox } from '../../../src/control/rules/references.ts'
import { assertRefused } from './refusal.ts'

const [one, two, three] = [
  { id: `abc${'0'.repeat(61)}`, name: 'web' },
  { id: `abd${'0'.repeat(61)}`, name: 'abc' },
  { id: `abe${'0'.repeat(61)}`, name: `abc${'0'.repeat(61)}` },
]
const all = [two, one, three]

describe('a reference', () => {
  it('is a full id before it is a name', () => assert.equal(findSandbox(all, one.id), one))
  it('is a name before it is the beginning of an id', () => assert.equal(findNetwork(all, 'abc'), two))
  it('is the beginning of one id', () => assert.equal(findNetwork(all, 'abe'), three))
  it('to a sandbox may have a slash in front', () => assert.equal(findSandbox(all, '/web'), one))
  it('that two ids begin with is ambiguous', () => {
    assertRefused(
      () => findSandbox(all, 'ab'),
      'REFERENCE_AMBIGUOUS',
      'Multiple IDs found with provided prefix: ab',
    )
    assertRefused(
      () => findNetwork(all, 'ab'),
      'REFERENCE_AMBIGUOUS',
      'network ab is ambiguous (3 matches found on ID prefix)',
    )
  })
  it('that nothing fits is unknown', () => {
    assertRefused(() => findSandbox(all, 'x'), 'SANDBOX_UNKNOWN', 'No such container: x')
    assertRefused(() => findNetwork(all, 'x'), 'NETWORK_UNKNOWN', 'network x not found')
    assertRefused(() => findNetwork(all, '/web'), 'NETWORK_UNKNOWN', 'network /web not found')
  })
  it('is not empty', () => {
    assertRefused(() => findSandbox(all, ''), 'REFERENCE_INVALID', 'invalid name or ID supplied: ""')
    assertRefused(() => findNetwork([], ''), 'REFERENCE_INVALID', 'invalid name or ID supplied: ""')
  })
})
