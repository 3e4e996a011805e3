import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { sampleQuestion } from '../../../src/control/rules/sample-question.ts'

describe('the question that anybody might ask', () => {
  it('is for the sandbox itself', () => {
    //                 header                  3 w e b root  A, IN
    const question = '000001000001000000000000 0377656200 00010001'
    assert.equal(Buffer.from(sampleQuestion('web')).toString('hex'), question.replaceAll(' ', ''))
  })

  it('is for another name where there is no sandbox, or none of a name that DNS can carry', () => {
    const other = Buffer.from(sampleQuestion('')).toString('latin1')
    assert.ok(other.endsWith('\u0007example\u0003com\0\0\u0001\0\u0001'))
    assert.equal(Buffer.from(sampleQuestion('x'.repeat(64))).toString('latin1'), other)
  })
})
