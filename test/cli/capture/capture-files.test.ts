/** How captures are written: whole blocks, one file or a ring of them, whatever the disk does. */
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import fc from 'fast-check'
import { FileOutput } from '../../../src/cli/capture/file-output.ts'
import { RingOutput } from '../../../src/cli/capture/ring-output.ts'
import { parseFileRing } from '../../../src/cli/capture/ring-size.ts'
import { blocksEnd, CaptureTally, WholeBlocks } from '../../../src/cli/capture/whole-blocks.ts'
import { readCapture } from '../../support/capture-contents.ts'
import { captureBytes } from './capture-stream-bytes.ts'

const folder = mkdtempSync(join(tmpdir(), 'tw-cap-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const plans = fc.record({
  interfaces: fc.integer({ min: 1, max: 5 }),
  lengths: fc.array(fc.integer({ min: 0, max: 9000 }), { maxLength: 200 }),
})

/** As they may come over a socket. */
function chunksOf(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = []
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length]!
    chunks.push(bytes.subarray(at, at + size))
    at += size
  }
  return chunks
}

const chunkSizes = fc.array(fc.integer({ min: 1, max: 20_000 }), { minLength: 1, maxLength: 8 })

describe('a stream in whole blocks', () => {
  it('is the stream, each piece of which ends where a block ends, with what is in it counted', () => {
    fc.assert(
      fc.property(plans, chunkSizes, (plan, sizes) => {
        const bytes = captureBytes(plan)
        const whole = new WholeBlocks()
        const tally = new CaptureTally()
        const pieces = chunksOf(bytes, sizes).map((chunk) => whole.push(chunk))
        for (const piece of pieces) {
          assert.equal(blocksEnd(piece, piece.length), piece.length)
          tally.add(piece)
        }
        assert.ok(Buffer.concat(pieces).equals(bytes))
        const dropped = (plan.interfaces * (plan.interfaces + 1)) / 2
        assert.deepEqual(
          [tally.packets, tally.bytes, tally.dropped],
          [plan.lengths.length, bytes.length, dropped],
        )
      }),
      { numRuns: 50 },
    )
  })

  it('is refused where it is no pcapng', () => {
    assert.throws(() => new WholeBlocks().push(Buffer.from('{"code": "no"}  ')), RangeError)
  })
})

describe('a ring of files', () => {
  const read = (name: string) => {
    const bytes = readFileSync(join(folder, name))
    return { size: bytes.length, ...readCapture(bytes) }
  }
  let rings = 0

  it('holds the last packets in files that are complete, none larger than was said and none more', () => {
    fc.assert(
      fc.property(
        plans,
        chunkSizes,
        fc.integer({ min: 12_000, max: 60_000 }),
        fc.integer({ min: 2, max: 4 }),
        (plan, sizes, size, count) => {
          const bytes = captureBytes(plan)
          const name = `r${++rings}`
          const ring = new RingOutput(join(folder, `${name}.pcapng`), { size, count })
          const whole = new WholeBlocks()
          for (const chunk of chunksOf(bytes, sizes)) {
            ring.write(whole.push(chunk))
            assert.ok(readdirSync(folder).filter((file) => file.startsWith(`${name}-`)).length <= count)
          }
          ring.end()
          const all = readCapture(bytes)
          const files = readdirSync(folder)
            .filter((file) => file.startsWith(`${name}-`))
            .toSorted()
            .map(read)
          for (const file of files) {
            assert.equal(file.error, undefined)
            assert.ok(file.size <= size, `${file.size} of ${size}`)
            assert.deepEqual(
              file.interfaces.map((one) => one.name),
              all.interfaces.map((one) => one.name),
            )
            assert.deepEqual(file.names, all.names)
          }
          const packets = files.flatMap((file) => file.packets)
          assert.deepEqual(packets, all.packets.slice(all.packets.length - packets.length))
          if (files.length < count) assert.equal(packets.length, all.packets.length)
          for (const { packets: own, statistics } of files.slice(0, -1)) {
            const delivered = statistics.reduce((sum, one) => sum + (one.delivered ?? 0), 0)
            assert.equal(delivered, own.length)
            const last = own.findLast(({ interfaceId }) => interfaceId === statistics[0]!.interfaceId)!
            assert.deepEqual(statistics[0]!.ended, { seconds: last.seconds, nanoseconds: last.nanoseconds })
          }
          assert.deepEqual(files.at(-1)!.statistics, all.statistics)
        },
      ),
      { numRuns: 25 },
    )
  })

  it('names its files by their number, the ending aside', () => {
    const ring = new RingOutput(join(folder, 'named'), { size: 20_000, count: 2 })
    ring.write(captureBytes({ interfaces: 1, lengths: Array.from({ length: 40 }, () => 1500) }))
    ring.end()
    const names = readdirSync(folder).filter((name) => name.startsWith('named-'))
    assert.deepEqual(names.toSorted(), ['named-00003.pcapng', 'named-00004.pcapng'])
  })

  it('tells where a file has no room for what it has to begin with', () => {
    const ring = new RingOutput(join(folder, 'small'), { size: 10_000, count: 2 })
    assert.throws(() => ring.write(captureBytes({ interfaces: 100, lengths: [60] })), {
      message: /^Files of 10\.0 kB are too small: the description of \d+ interfaces alone takes /,
    })
    ring.close()
  })

  it('is described as people write it', () => {
    assert.deepEqual(parseFileRing('100MB×5'), { size: 100e6, count: 5 })
    assert.deepEqual(parseFileRing('100MBx5'), { size: 100e6, count: 5 })
    assert.deepEqual(parseFileRing('1.5 GiB x 10'), { size: 1.5 * 2 ** 30, count: 10 })
    assert.deepEqual(parseFileRing('200000x2'), { size: 200_000, count: 2 })
    for (const bad of [
      '',
      '5',
      '100MB',
      'x5',
      '100MBx1',
      '100MBx99999',
      '1kBx5',
      '9999TBx5',
      '-1MBx5',
      '1MBx5x6',
    ]) {
      assert.throws(() => parseFileRing(bad), { code: 'commander.invalidArgument' }, bad)
    }
  })
})

describe('a file', () => {
  it('takes the place of one that is there', () => {
    const path = join(folder, 'there.pcapng')
    writeFileSync(path, 'x'.repeat(100_000))
    const bytes = captureBytes({ interfaces: 1, lengths: [60] })
    const file = new FileOutput(path)
    file.write(bytes)
    file.end()
    assert.ok(readFileSync(path).equals(bytes))
  })

  it('that cannot be opened or written says why', () => {
    assert.throws(() => new FileOutput(join(folder, 'no/such.pcapng')), {
      code: 'OUTPUT_UNWRITABLE',
      message: /^open .*no\/such\.pcapng: no such file or directory$/,
    })
    const full = new FileOutput('/dev/full')
    assert.throws(() => full.write(captureBytes({ interfaces: 1, lengths: [60] })), {
      code: 'OUTPUT_UNWRITABLE',
      message: 'write /dev/full: no space left on device',
    })
    full.close()
  })
})
