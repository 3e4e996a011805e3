/** Requests and answers against the API's own OpenAPI document, as a client would read it that knows nothing else. */

import assert from 'node:assert/strict'
import { z } from 'zod'

type Json = Record<string, unknown>

interface Operation {
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { schema?: Json }>> }>
  >
}

export interface ApiDocument {
  readonly openapi: string
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, Json>> }
}

/** `GET /networks/{network}`, all of them. */
export function operations(document: ApiDocument): string[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  )
}

/** Asserts that the document has this answer to the operation, and that the body is of its shape. */
export function assertAnswer(
  document: ApiDocument,
  operation: string,
  answer: { readonly status: number; readonly type: string; readonly body: string },
): void {
  const [method = '', path = ''] = operation.split(' ')
  const { responses } = document.paths[path]?.[method.toLowerCase()] ?? assert.fail(`no ${operation}`)
  const where = `${operation} answered ${answer.status}: ${answer.body.slice(0, 300)}`
  const response = responses[answer.status] ?? (answer.status >= 400 ? responses['default'] : undefined)
  assert.ok(response, where)
  const { content } = response
  if (content === undefined) {
    assert.equal(answer.body, '', where)
    return
  }
  const type = answer.type.split(';')[0]!
  const schema = content[type]?.schema ?? assert.fail(`${where} of type ${type}`)
  for (const value of valuesOf(type, answer.body)) assertOfSchema(document, schema, value, where)
}

export function assertOfSchema(document: ApiDocument, schema: Json, value: unknown, where: string): void {
  const closed = closing(inlined(document, schema)) as Json
  const result = z.fromJSONSchema(closed as Parameters<typeof z.fromJSONSchema>[0]).safeParse(value)
  assert.ok(result.success, `${where}\n${result.error === undefined ? '' : z.prettifyError(result.error)}`)
}

function valuesOf(type: string, body: string): unknown[] {
  const lines = (start: string): unknown[] =>
    body
      .split('\n')
      .filter((line) => line.startsWith(start) && line !== '')
      .map((line) => JSON.parse(line.slice(start.length)) as unknown)
  if (type === 'application/x-ndjson') return lines('')
  if (type === 'text/event-stream') return lines('data: ')
  return [type === 'application/json' ? JSON.parse(body) : body]
}

/** With each reference replaced by what it names. */
function inlined(document: ApiDocument, schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map((each) => inlined(document, each))
  if (typeof schema !== 'object' || schema === null) return schema
  const { $ref: reference } = schema as { $ref?: string }
  if (typeof reference === 'string') {
    const name = reference.replace('#/components/schemas/', '')
    return inlined(document, document.components.schemas[name] ?? assert.fail(`no schema ${reference}`))
  }
  return Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, inlined(document, value)]))
}

/** An answer has no key that the document does not name. */
function closing(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closing)
  if (typeof schema !== 'object' || schema === null) return schema
  const closed = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, closing(value)]))
  const isClosable = 'properties' in closed && !('additionalProperties' in closed)
  return isClosable ? { ...closed, additionalProperties: false } : closed
}
