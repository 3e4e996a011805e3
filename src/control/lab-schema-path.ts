/** Finds what a schema says of a place in a value, so that a message can name what is known there. */
import type { z } from 'zod'
import type { LabPath } from './lab-problem.ts'

type Schema = z.core.$ZodType

/** The schema of what stands at `path`; undefined where it knows of no such place. */
export function schemaAt(schema: Schema, value: unknown, path: LabPath): Schema | undefined {
  const [step, ...others] = path
  if (step === undefined) return schema
  const def = definition(schema, value)
  const inner = Object(value)[step] as unknown
  if (def?.type === 'object') {
    const { [step]: property } = def.shape
    return property === undefined ? undefined : schemaAt(property, inner, others)
  }
  if (def?.type === 'record') return schemaAt(def.valueType, inner, others)
  if (def?.type === 'array') return schemaAt(def.element, inner, others)
  return undefined
}

/** The keys that the map at `path` may have, where they are fixed. */
export function keysAt(schema: Schema, root: unknown, path: LabPath): string[] {
  const def = definitionAt(schema, root, path)
  return def?.type === 'object' ? Object.keys(def.shape) : []
}

/** Whether a map stands at `path` whose keys are the user's. */
export function isRecord(schema: Schema, root: unknown, path: LabPath): boolean {
  return definitionAt(schema, root, path)?.type === 'record'
}

function definitionAt(schema: Schema, root: unknown, path: LabPath) {
  const found = schemaAt(schema, root, path)
  const value = path.reduce<unknown>((owner, step) => Object(owner)[step] as unknown, root)
  return found === undefined ? undefined : definition(found, value)
}

/** What a schema is, behind what makes it optional, and of several the one that is meant for the value. */
function definition(schema: Schema, value: unknown): z.core.$ZodTypes['_zod']['def'] | undefined {
  const { def } = (schema as z.core.$ZodTypes)._zod
  if (def.type === 'optional' || def.type === 'nullable') return definition(def.innerType, value)
  if (def.type !== 'union') return def
  const meant = def.options.find((option) => takes(option, value))
  return meant === undefined ? undefined : definition(meant, value)
}

function takes(schema: Schema, value: unknown): boolean {
  const { type } = (schema as z.core.$ZodTypes)._zod.def
  if (Array.isArray(value)) return type === 'array'
  if (typeof value === 'object' && value !== null) return type === 'record' || type === 'object'
  return type === 'string'
}
