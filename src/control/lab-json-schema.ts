import { z } from 'zod'
import { labFileSchema } from './lab-schema.ts'

/** The lab file's format as JSON schema (draft 2020-12), the text of docs/lab.schema.json. */
export function labJsonSchema(): string {
  const schema = z.toJSONSchema(labFileSchema, { target: 'draft-2020-12', io: 'input' })
  return `${JSON.stringify(schema, undefined, 2)}\n`
}
