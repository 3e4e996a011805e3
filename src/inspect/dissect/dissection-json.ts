/**
 * Dissections as JSON for tools. The shape is stable: fields are added, never renamed. What is absent is left out.
 *
 *     {
 *       "summary": "172.18.0.2.40000 > 172.18.0.3.80: …",
 *       "capturedLength": 74, "originalLength": 74,
 *       "layers": [{
 *         "protocol": "ip", "title": "…", "offset": 14, "length": 20, "depth": 0, "problem": "…",
 *         "fields": [{
 *           "name": "ip.ttl", "label": "Time to live", "value": 64, "text": "64", "offset": 22, "length": 1,
 *           "mask": 15, "problem": "…", "fields": […]
 *         }]
 *       }]
 *     }
 */

import type { DissectedField, DissectedLayer, Dissection } from './dissection.ts'

/** A value of JSON.stringify's, made anew: nothing of it is the dissection's own. */
export interface DissectionJson {
  readonly summary: string
  readonly capturedLength: number
  readonly originalLength: number
  readonly layers: readonly LayerJson[]
}

export interface LayerJson {
  readonly protocol: string
  readonly title: string
  readonly offset: number
  readonly length: number
  readonly depth: number
  readonly problem?: string
  readonly fields: readonly FieldJson[]
}

export interface FieldJson {
  readonly name: string
  readonly label: string
  readonly value: string | number | boolean
  readonly text: string
  readonly offset: number
  readonly length: number
  readonly mask?: number
  readonly problem?: string
  readonly fields?: readonly FieldJson[]
}

export const dissectionJson = ({
  summary,
  capturedLength,
  originalLength,
  layers,
}: Dissection): DissectionJson => ({
  summary,
  capturedLength,
  originalLength,
  layers: layers.map(layerJson),
})

const layerJson = ({
  protocol,
  title,
  offset,
  length,
  depth,
  problem,
  fields,
}: DissectedLayer): LayerJson => ({
  protocol,
  title,
  offset,
  length,
  depth,
  ...(problem === undefined ? {} : { problem }),
  fields: fields.map(fieldJson),
})

const fieldJson = ({
  name,
  label,
  value,
  text,
  offset,
  length,
  mask,
  problem,
  fields,
}: DissectedField): FieldJson => ({
  name,
  label,
  value,
  text,
  offset,
  length,
  ...(mask === undefined ? {} : { mask }),
  ...(problem === undefined ? {} : { problem }),
  ...(fields === undefined || fields.length === 0 ? {} : { fields: fields.map(fieldJson) }),
})
