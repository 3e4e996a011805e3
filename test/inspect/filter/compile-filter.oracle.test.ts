/** Filters against tcpdump's: the same frames, from a capture with frames of every kind. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import fc from 'fast-check'
import { accepts, checkProgram } from '../../../src/datapath/capture/frame-filter.ts'
import { compileFilter } from '../../../src/inspect/filter/compile-filter.ts'
import { FilterError } from '../../../src/inspect/filter/filter-error.ts'
import { needs } from '../../support/requirements.ts'
import { expressions } from './expression-arbitrary.ts'
import { filterFrames, readNumbers, writeNumbered } from './filter-capture.ts'

const SEED = Number(process.env['TAPWIRE_FUZZ_SEED'] ?? randomInt(1, 2 ** 31))
const EXPRESSIONS = Number(process.env['TAPWIRE_FILTER_EXPRESSIONS'] ?? 150)

/**
 * What tcpdump says of filters that it does not take and this program does:
 * - its compiler has sixteen registers and gives them back late;
 * - it takes the index of what is divided by, or shifted by, for the number itself: it refuses `1 << ether[40]` and `1 / ip[0]`.
 */
const ONLY_TCPDUMP_REFUSES = [
  /out of registers/,
  /shift by more than 31 bits/,
  /division by zero/,
  /modulus by zero/,
]

describe('filters', { skip: needs('tcpdump') }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'tw-filter-'))
  after(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'frames.pcap')
  const frames = filterFrames(SEED)
  writeFileSync(file, writeNumbered(frames))

  /** `-O`: without the optimizer, which leaves out reads that have no effect but to reach beyond the frame's end. */
  const tcpdump = (expression: string): { numbers: number[] } | { refusal: string } => {
    const { status, stdout, stderr } = spawnSync('tcpdump', ['-O', '-r', file, '-w', '-', '--', expression], {
      maxBuffer: 64 * 1024 * 1024,
    })
    return status === 0 ? { numbers: readNumbers(stdout) } : { refusal: stderr.toString() }
  }

  const tapwire = (expression: string): number[] => {
    const program = compileFilter(expression)
    assert.ok(checkProgram(program), `the program of ${expression} passes its own check`)
    return frames.flatMap(({ bytes, length }, number) => {
      // Other frames' bytes stand before and behind it, as in the frame memory.
      const memory = new Uint8Array(bytes.length + 64).fill(0x45)
      memory.set(bytes, 32)
      return accepts(program, new DataView(memory.buffer), 32, bytes.length, length) ? [number] : []
    })
  }

  const compare = (expression: string): void => {
    const expected = tcpdump(expression)
    if ('numbers' in expected) {
      assert.deepEqual(tapwire(expression), expected.numbers, expression)
    } else if (!ONLY_TCPDUMP_REFUSES.some((reason) => reason.test(expected.refusal))) {
      assert.throws(() => compileFilter(expression), FilterError, `${expression}: ${expected.refusal}`)
    }
  }

  it(`choose the frames that tcpdump chooses (seed ${SEED})`, () => {
    fc.assert(fc.property(expressions, compare), { seed: SEED, numRuns: EXPRESSIONS, endOnFailure: false })
  })

  for (const expression of [
    'vlan and tcp',
    'vlan 100 and vlan 5 and port 80',
    'not vlan and arp',
    'tcp or vlan 5 or tcp',
    'port 80 or 443',
    'tcp port 80 and not host 10.1.0.1 or 10.1.0.2',
    'host 10.1.0.1 and (port 80 or 5201)',
    'tcp[-1] != 0',
    'tcp[0] / (tcp[1] - tcp[1]) = 1',
    '1 << (ip[8] & 0x3f) > 5',
    '10 % ip[8] ^ 3 * 2 > 1',
    'less 4294967295',
    '0 = 0',
    'not 1 = 1',
  ]) {
    it(`choose them for ${expression}`, () => compare(expression))
  }

  for (const expression of [
    'tcp and',
    'port',
    '80',
    'tcp 80',
    'host',
    'foo',
    'ether',
    'tcp[0',
    'port 65536',
    'vlan 4096',
    'net 10.1.1.1/8',
  ]) {
    it(`refuse ${expression}, as tcpdump does`, () => {
      assert.ok('refusal' in tcpdump(expression))
      assert.throws(() => compileFilter(expression), FilterError)
    })
  }
})
