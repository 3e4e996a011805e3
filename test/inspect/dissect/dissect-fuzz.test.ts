/**
 * Frames made wrong, in a buffer full of other bytes, through the dissector: whatever they are, it does not throw, all that it shows is
 * within them, and the bytes beside them change nothing.
 *
 *     TAPWIRE_FUZZ_PACKETS=N   makes it shorter or longer
 *     TAPWIRE_FUZZ_SEED=N      begins elsewhere
 */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { dissect } from '../../../src/inspect/dissect/dissect.ts'
import type { DissectOptions } from '../../../src/inspect/dissect/dissection.ts'
import { checkDissection } from '../../support/dissection-check.ts'
import { readPcap } from '../../support/pcap.ts'
import { Random } from '../../support/random.ts'
import { repositoryRoot } from '../../support/repository.ts'

const PACKETS = Number(process.env['TAPWIRE_FUZZ_PACKETS'] ?? 30_000)
const SEED = Number(process.env['TAPWIRE_FUZZ_SEED'] ?? 1)
/** One of so many is dissected a second time, among other bytes. */
const POISONED_ONE_IN = 8
const MARGIN = 64

const VALUES = Int32Array.of(
  0,
  1,
  2,
  4,
  5,
  7,
  8,
  0x0f,
  0x11,
  0x3f,
  0x40,
  0x45,
  0x4f,
  0x60,
  0x7f,
  0x80,
  0xc0,
  0xfe,
  0xff,
)

const frames = readPcap(readFileSync(join(repositoryRoot, 'test/fixtures/protocols.pcap')))

describe('dissecting mutated frames', () => {
  it(`of all protocols (${PACKETS}, seed ${SEED}) never throws nor leaves the frame`, (context) => {
    const random = new Random(SEED)
    let fields = 0
    for (let number = 0; number < PACKETS; number++) {
      const frame = mutated(random)
      const options = optionsFor(random, frame.length)
      try {
        fields += check(random, frame, options)
      } catch (error) {
        throw new Error(`frame ${number}: ${Buffer.from(frame).toString('hex')}`, { cause: error })
      }
    }
    context.diagnostic(`${fields} fields`)
  })
})

function check(random: Random, frame: Uint8Array, options: DissectOptions): number {
  const dissection = dissect(frame, 0, frame.length, options)
  const fields = checkDissection(dissection)
  if (random.oneIn(POISONED_ONE_IN)) {
    const among = Uint8Array.from({ length: frame.length + 2 * MARGIN }, () => random.below(256))
    among.set(frame, MARGIN)
    assert.deepEqual(dissect(among, MARGIN, frame.length, options), dissection)
  }
  return fields
}

function optionsFor(random: Random, length: number): DissectOptions {
  if (random.oneIn(4)) return { originalLength: length + random.below(2000), partialChecksum: true }
  return random.oneIn(50) ? { linkType: 101 } : {}
}

/** A frame with bytes and words changed, cut, lengthened, or with a piece of another one in it. */
function mutated(random: Random): Uint8Array {
  let frame = Uint8Array.from(random.pick(frames))
  for (let change = random.below(6); change > 0; change--) {
    const at = frame.length === 0 ? 0 : random.below(frame.length)
    switch (random.below(6)) {
      case 0:
        frame[at] = random.below(256)
        break
      case 1:
        frame[at] = random.from(VALUES)
        break
      case 2:
        frame[at] = frame[at]! ^ (1 << random.below(8))
        break
      case 3:
        frame = frame.slice(0, at)
        break
      case 4:
        frame = Uint8Array.from([...frame.subarray(0, at), ...random.pick(frames).subarray(random.below(60))])
        break
      default:
        frame = Uint8Array.from([...frame.subarray(0, at), random.from(VALUES), ...frame.subarray(at)])
    }
  }
  return frame
}
