import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { openApiText } from '../../src/daemon/api/document.ts'
import type { ApiDocument } from '../support/api-document.ts'
import { repositoryRoot } from '../support/repository.ts'

describe('docs/openapi.json', () => {
  it('is what the routes say; `npm run openapi` writes it', () => {
    assert.equal(readFileSync(join(repositoryRoot, 'docs/openapi.json'), 'utf8'), openApiText())
  })

  it('has a shape for each answer with a body, and failures for each operation', () => {
    const document = JSON.parse(openApiText()) as ApiDocument
    for (const [path, methods] of Object.entries(document.paths)) {
      for (const [method, { responses }] of Object.entries(methods)) {
        assert.ok(responses['default']?.content?.['application/json']?.schema, `${method} ${path}`)
        for (const { content = {} } of Object.values(responses)) {
          for (const { schema } of Object.values(content)) assert.ok(schema, `${method} ${path}`)
        }
      }
    }
  })
})
