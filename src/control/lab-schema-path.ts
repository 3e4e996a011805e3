/** Finds what a schema says of a place in a value, so that a message can name what is known there. */
import type { z } from 'zod'
import type { LabPath } from './lab-problem.ts'

type Schema = z.core.$ZodType

/** The schema of what stands at `path`; undefined where it knows of no such place. */
export function schemaAt(schema: Schema, value: unknown, path: LabPath): Schema | undefined {
  const { def } = (schema as z.core.$ZodTypes)._zod
  if (def.type === 'optional' || def.type === 'nullable') return schemaAt(def.innerType, value, path)
  if (def.type === 'union') {
    const meant = def.options.find((option) => takes(option, value))
    return meant === undefined ? undefined : schemaAt(meant, value, path)
  }
  const [step, ...others] = path
  if (step === undefined) return schema
  const inner = Object(value)[step] as unknown
  if (def.type === 'object') {
    const { [step]: property } = def.shape
    return property === undefined ? undefined : schemaAt(property, inner, others)
  }
  if (def.type === 'record') return schemaAt(def.valueType, inner, others)
  if (def.type === 'array') return schemaAt(def.element, inner, others)
  return undefined
}

/** The keys that the map at `path` may have, where they are fixed. */
export function keysAt(schema: Schema, value: unknown, path: LabPath): string[] {
  const found = schemaAt(schema, value, path) as z.core.$ZodTypes | undefined
  return found?._zod.def.type === 'object' ? Object.keys(found._zod.def.shape) : []
}

/** Whether a map stands at `path` whose keys are the user's. */
export function isRecord(schema: Schema, value: unknown, path: LabPath): boolean {
  const found = schemaAt(schema, value, path) as z.core.$ZodTypes | undefined
  return found?._zod.def.type === 'record'
}

function takes(schema: Schema, value: unknown): boolean {
  const { type } = (schema as z.core.$ZodTypes)._zod.def
  if (Array.isArray(value)) return type === 'array'
  if (typeof value === 'object' && value !== null) return type === 'record' || type === 'object'
  return type === 'string'
}
