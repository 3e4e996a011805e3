/** Finds what a schema says of a place in a value, so that a message can name what is known there. */
import { z } from 'zod'
import type { LabPath } from './lab-problem.ts'

/** The schema of what stands at `path`; undefined where it knows of no such place. */
export function schemaAt(schema: z.ZodType, value: unknown, path: LabPath): z.ZodType | undefined {
  const [step, ...others] = path
  if (step === undefined) return schema
  const inside = innerSchema(meantSchema(schema, value), step)
  return inside === undefined ? undefined : schemaAt(inside, Object(value)[step], others)
}

/** The keys that the map at `path` may have, where they are fixed. */
export function keysAt(schema: z.ZodType, root: unknown, path: LabPath): string[] {
  const found = meantAt(schema, root, path)
  return found instanceof z.ZodObject ? Object.keys(found.shape) : []
}

/** Whether a map stands at `path` whose keys are the user's. */
export function isRecord(schema: z.ZodType, root: unknown, path: LabPath): boolean {
  return meantAt(schema, root, path) instanceof z.ZodRecord
}

function meantAt(schema: z.ZodType, root: unknown, path: LabPath): z.ZodType | undefined {
  const value = path.reduce<unknown>((owner, step) => Object(owner)[step], root)
  return meantSchema(schemaAt(schema, root, path), value)
}

function innerSchema(owner: z.ZodType | undefined, step: string | number): z.ZodType | undefined {
  if (owner instanceof z.ZodObject) return owner.shape[step] as z.ZodType | undefined
  if (owner instanceof z.ZodRecord) return owner.valueType as z.ZodType
  if (owner instanceof z.ZodArray) return owner.element as z.ZodType
  return undefined
}

/** What a schema is, behind what makes it optional, and of several the one that is meant for the value. */
function meantSchema(schema: z.ZodType | undefined, value: unknown): z.ZodType | undefined {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable) {
    return meantSchema(schema.unwrap() as z.ZodType, value)
  }
  if (!(schema instanceof z.ZodUnion)) return schema
  return meantSchema(
    (schema.options as z.ZodType[]).find((option) => takes(option, value)),
    value,
  )
}

function takes(schema: z.ZodType, value: unknown): boolean {
  if (Array.isArray(value)) return schema instanceof z.ZodArray
  if (typeof value === 'object' && value !== null) {
    return schema instanceof z.ZodRecord || schema instanceof z.ZodObject
  }
  return schema instanceof z.ZodString
}
