/** What holds for the dissection of any bytes. */

import assert from 'node:assert/strict'
import type { DissectedField, Dissection } from '../../src/inspect/dissect/dissection.ts'
import { PROTOCOLS } from '../../src/inspect/dissect/packet.ts'
import { DISSECTED_BYTES_MAX, DISSECTED_FIELDS_MAX, DISSECTED_LAYERS_MAX } from '../../src/limits.ts'

/** Behind its header: the frame does not say how long its payload is. */
const OUTSIDE: ReadonlySet<string> = new Set(['eth.padding', 'eth.trailer'])

/** Characters of the longest text: bytes as `\x1b`, and a record of DNS with several names of 255 bytes as `\000`. */
const TEXT_MAX = 4 * DISSECTED_BYTES_MAX * 4

/** All layers and fields lie within the frame, fields within their layer and their parent, and there are not too many. Returns their number. */
export function checkDissection(dissection: Dissection): number {
  const { layers, capturedLength } = dissection
  assert.ok(layers.length > 0 || capturedLength === 0)
  assert.ok(layers.length <= DISSECTED_LAYERS_MAX)
  let count = 0
  for (const layer of layers) {
    assert.ok(
      PROTOCOLS.some((protocol) => protocol === layer.protocol),
      layer.protocol,
    )
    checkRange(layer.protocol, layer, { offset: 0, length: capturedLength })
    count += checkFields(layer.fields, layer, { offset: 0, length: capturedLength })
  }
  assert.ok(count <= DISSECTED_FIELDS_MAX + layers.length, `${count} fields`)
  return count
}

interface Range {
  readonly offset: number
  readonly length: number
}

function checkFields(fields: readonly DissectedField[], parent: Range, frame: Range): number {
  let count = 0
  for (const field of fields) {
    checkRange(field.name, field, OUTSIDE.has(field.name) ? frame : parent)
    assert.ok(field.text.length <= TEXT_MAX && String(field.value).length <= TEXT_MAX, field.name)
    assert.notEqual(field.label, '', field.name)
    if (typeof field.value === 'number') assert.ok(Number.isInteger(field.value), field.name)
    count += 1 + checkFields(field.fields ?? [], field, frame)
  }
  return count
}

function checkRange(name: string, inner: Range, outer: Range): void {
  const inside =
    inner.offset >= outer.offset &&
    inner.length >= 0 &&
    inner.offset + inner.length <= outer.offset + outer.length
  if (!inside) {
    assert.fail(`${name} ${inner.offset}+${inner.length} is not within ${outer.offset}+${outer.length}`)
  }
}
