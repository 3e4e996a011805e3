/** Lines against tcpdump's, over captures of every-day traffic: the same addresses, ports, flags, numbers, options and lengths. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { writeCaptureFile } from '../../../bench/support/capture-file.ts'
import { LINE_MAX } from '../../../src/inspect/dissect/line-packet.ts'
import { packetLine } from '../../../src/inspect/dissect/line-writer.ts'
import { readPcap } from '../../support/pcap.ts'
import { Random } from '../../support/random.ts'
import { repositoryRoot } from '../../support/repository.ts'
import { needs } from '../../support/requirements.ts'
import { filterFrames } from '../filter/filter-capture.ts'

const SEED = Number(process.env['TAPWIRE_FUZZ_SEED'] ?? randomInt(1, 2 ** 31))
const PACKETS = Number(process.env['TAPWIRE_FUZZ_PACKETS'] ?? 50_000)

/** Our line as tcpdump would word it, with `-n -S -t`; undefined for what it words too differently. */
function worded(line: string): string | undefined {
  const [, ends, rest = ''] = /^(\S+ > \S+): (.*)$/.exec(line) ?? []
  if (ends === undefined) return undefined
  const name = ends.includes('::') ? 'IP6' : 'IP'
  const tcp = /^TCP \[(\S+)\], seq (\d+)(.*), length (\d+)/.exec(rest)
  if (tcp !== null) {
    const [, flags, sequence, middle = '', length] = tcp
    const plain = middle.replaceAll(
      /(options \[)([^\]]*)/g,
      (_all, head: string, list: string) => head + list.replaceAll(', ', ','),
    )
    const end = (Number(sequence) + Number(length)) % 2 ** 32
    const range =
      Number(length) > 0 ? `, seq ${sequence}:${end}` : /[SFR]/.test(flags!) ? `, seq ${sequence}` : ''
    return `${name} ${ends}: Flags [${flags}]${range}${plain}, length ${length}`
  }
  if (rest.startsWith('UDP, length')) return `${name} ${ends}: ${rest}`
  if (rest.startsWith('ICMP echo') && !rest.includes('fragment')) return `${name} ${ends}: ${rest}`
  return undefined
}

describe('lines', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tw-line-'))
  after(() => rmSync(folder, { recursive: true, force: true }))

  const compare = (file: string): number => {
    const { stdout } = spawnSync('tcpdump', ['-n', '-S', '-t', '-r', file], {
      maxBuffer: 2 ** 28,
      encoding: 'utf8',
    })
    const theirs = stdout.trimEnd().split('\n')
    const ours = readPcap(readFileSync(file)).map((frame) => packetLine(frame))
    assert.equal(ours.length, theirs.length)
    let compared = 0
    for (const [index, line] of ours.entries()) {
      const expected = worded(line)
      if (expected === undefined) continue
      // What stands behind the length is the application's.
      assert.equal(theirs[index]!.replace(/(, length \d+).*$/, '$1'), expected)
      compared += 1
    }
    return compared
  }

  it('say of two hosts what tcpdump says', { skip: needs('tcpdump') }, () => {
    assert.ok(compare(join(repositoryRoot, 'test/fixtures/lan.pcap')) > 100)
  })

  it(`say of made traffic what tcpdump says (seed ${SEED})`, { skip: needs('tcpdump') }, () => {
    const file = join(folder, 'made.pcap')
    const packets = writeCaptureFile(file, {
      size: 2_000_000,
      seed: SEED,
      format: 'pcap',
      microseconds: true,
    })
    assert.ok(compare(file) > packets / 2)
  })

  it(`are lines whatever the packet is (seed ${SEED})`, () => {
    const random = new Random(SEED)
    const frames = filterFrames(SEED).map(({ bytes }) => bytes)
    for (let packet = 0; packet < PACKETS; packet++) {
      const frame = Uint8Array.from(random.pick(frames))
      for (let changes = random.below(8); changes > 0 && frame.length > 0; changes--) {
        frame[random.below(Math.min(frame.length, 120))] = random.oneIn(3)
          ? random.pick([0, 1, 0x45, 0x60, 0xc0, 0xff])
          : random.next()
      }
      // Well-known ports, so that what they lead to is met.
      if (random.oneIn(2) && frame.length > 60)
        frame.set([0, random.pick([53, 67, 80])], random.pick([34, 36, 38, 54, 56]))
      if (random.oneIn(8) && frame.length > 60) frame.set([0x12, 0xb5], random.pick([36, 40, 56]))
      const kept = random.oneIn(2) ? frame.length : random.below(frame.length + 1)
      // A read behind the packet's end throws: the view ends there.
      const line = packetLine(frame, 0, kept, { originalLength: frame.length })
      assert.match(line, /^[ -~]+$/)
      assert.ok(line.length < LINE_MAX)
    }
  })
})
