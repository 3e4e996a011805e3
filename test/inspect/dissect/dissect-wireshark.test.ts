/**
 * Our trees against Wireshark's: frames that scapy makes over all protocols, the stack of protocols of each, and each field of ours by
 * name, value and bytes. The differences that are meant are in wireshark-differences.ts.
 */

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { dissect } from '../../../src/inspect/dissect/dissect.ts'
import type { DissectedField, DissectedLayer, Dissection } from '../../../src/inspect/dissect/dissection.ts'
import { repositoryRoot } from '../../support/repository.ts'
import { needs } from '../../support/requirements.ts'
import { needsScapy } from '../../support/scapy.ts'
import { type TsharkField, type TsharkFrame, tsharkTrees } from '../../support/tshark-tree.ts'
import { FIELD_DIFFERENCES, type FieldPlace, STACK_DIFFERENCES } from './wireshark-differences.ts'

/** As few as need all the differences that are meant. */
const FRAMES = 1050
const SEED = 1
/** Differences that a failure tells. */
const TOLD_MAX = 40

describe('trees of packets and Wireshark', { skip: needs('tshark') || needsScapy() }, () => {
  it('are the same in protocols, fields, values and bytes', (context) => {
    const folder = mkdtempSync(join(tmpdir(), 'tapwire-dissect-'))
    try {
      const { fields } = compare(folder)
      context.diagnostic(`${FRAMES} frames, ${fields} fields`)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

function compare(folder: string): Comparison {
  const script = join(repositoryRoot, 'test/support/scapy/corpus.py')
  const corpus = execFileSync('/usr/bin/python3', [script, String(FRAMES), String(SEED)], {
    maxBuffer: 64 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: 60_000,
  })
  const path = join(folder, 'corpus.pcap')
  writeFileSync(path, corpus)
  const comparison = new Comparison()
  const trees = tsharkTrees(path)
  const dissections = [...eachFrame(corpus)]
  assert.equal(dissections.length, FRAMES)
  assert.equal(trees.length, FRAMES)
  for (const [index, ours] of dissections.entries()) comparison.frame(index + 1, ours, trees[index]!)
  const { problems } = comparison
  assert.deepEqual(problems.slice(0, TOLD_MAX), [], `${problems.length} differences that nobody means`)
  assert.deepEqual(comparison.unused(), [], 'differences that no frame needs any more')
  assert.ok(comparison.fields > FRAMES * 20, `only ${comparison.fields} fields`)
  return comparison
}

/** The frames of a classic pcap, little-endian, of which some are cut short. */
function* eachFrame(file: Buffer): Generator<Dissection> {
  for (let at = 24; at < file.length; ) {
    const length = file.readUInt32LE(at + 8)
    yield dissect(file, at + 16, length, { originalLength: file.readUInt32LE(at + 12) })
    at += 16 + length
  }
}

class Comparison {
  readonly problems: string[] = []
  fields = 0
  readonly #used = new Set<unknown>()

  frame(number: number, ours: Dissection, theirs: TsharkFrame): void {
    const cut = ours.capturedLength < ours.originalLength
    const malformed = ours.layers.findIndex((layer) => isMalformed(layer))
    const stack = ours.layers.map((layer) => layer.protocol).join(':')
    if (stack !== theirs.protocols) {
      const difference = STACK_DIFFERENCES.find((one) => one.explains(stack, theirs, malformed))
      if (difference === undefined) this.problems.push(`${number}: ${stack} and not ${theirs.protocols}`)
      else this.#used.add(difference)
    }
    let quoted = false
    let broken = false
    for (const layer of ours.layers) {
      broken ||= isMalformed(layer)
      const place = { layer, frame: theirs, cut, quoted, broken }
      for (const field of flattened(layer.fields)) {
        // Headings without a name have none in Wireshark either.
        if (field.name !== '') this.#field(number, field, place)
      }
      quoted ||= layer.protocol === 'icmp' || layer.protocol === 'icmpv6'
    }
  }

  unused(): string[] {
    return [...FIELD_DIFFERENCES, ...STACK_DIFFERENCES]
      .filter((one) => !this.#used.has(one))
      .map(({ reason }) => reason)
  }

  #field(number: number, ours: DissectedField, place: FieldPlace): void {
    this.fields++
    const theirs = place.frame.fields.get(ours.name) ?? []
    if (theirs.some((one) => isSame(ours, one))) return
    const difference = FIELD_DIFFERENCES.find((one) => one.explains(ours, theirs, place))
    if (difference !== undefined) {
      this.#used.add(difference)
      return
    }
    const told = theirs.map(({ offset, length, show }) => `${offset}+${length} '${show}'`).join(', ')
    this.problems.push(
      `${number}: ${ours.name} ${ours.offset}+${ours.length} '${ours.value}' and not ${told} (${place.frame.protocols})`,
    )
  }
}

/** Something in it is wrong, and not the sum over it. */
const isMalformed = (layer: DissectedLayer): boolean =>
  layer.problem !== undefined ||
  Array.from(flattened(layer.fields)).some(
    ({ name, problem }) => problem !== undefined && !name.endsWith('checksum'),
  )

function* flattened(fields: readonly DissectedField[]): Generator<DissectedField> {
  for (const field of fields) {
    yield field
    yield* flattened(field.fields ?? [])
  }
}

const isSame = (ours: DissectedField, theirs: TsharkField): boolean =>
  ours.offset === theirs.offset && ours.length === theirs.length && isSameValue(ours.value, theirs.show)

/** PDML has `0x0800` or `2048` for numbers, `1` and `0` for booleans, and nothing for a field without a value. */
function isSameValue(ours: DissectedField['value'], show: string): boolean {
  if (show === '') return true
  if (typeof ours === 'number') return Number(show) === ours
  if (typeof ours === 'boolean') return Number(show) === Number(ours)
  return ours === show
}
