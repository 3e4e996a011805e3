import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import fc from 'fast-check'
import { encodeChunks, FrameType } from '../../src/control/shim-frames.ts'
import { needs, needsRoot } from '../support/requirements.ts'
import { type LogLine, ShimClient, TestShim } from '../support/shim.ts'

const { start } = FrameType
const LINE_MAX = 16_384
const FILE_MAX = 10 * 1024 * 1024

describe("the shim's log", { skip: needsRoot() }, () => {
  let shim: TestShim
  beforeEach(async () => {
    shim = await TestShim.start()
  })
  afterEach(() => shim.remove())

  /** Runs the command to the shim's end. */
  async function logged(command: readonly string[]): Promise<LogLine[]> {
    const outcome = await (await shim.connect()).run(start, command)
    assert.equal(outcome.exitCode, 0)
    await shim.ended()
    return shim.log()
  }

  /** What is logged of a text that the command prints as it is. */
  async function loggedText(bytes: Uint8Array): Promise<string[]> {
    const client = await shim.connect()
    const feeder = await shim.connect()
    feeder.send(FrameType.attach)
    await feeder.expect(FrameType.done)
    for (const frame of encodeChunks(FrameType.stdin, bytes)) feeder.socket.write(frame)
    feeder.send(FrameType.stdin)
    const outcome = await client.run(start, ['cat'], { flags: { openStdin: true } })
    assert.equal(outcome.exitCode, 0)
    feeder.close()
    await shim.ended()
    return shim.log().map((line) => line.log)
  }

  it('has lines with their stream and time, and the last one without an end', async () => {
    const before = new Date().toISOString()
    // Each waits until the one before is there: of two that wait at once in two pipes nobody knows the order.
    const there = (text: string): string =>
      `until grep -q ${text} ${join(shim.directory, 'log.json')}; do sleep 0.01; done`
    const script = ['echo one', there('one'), 'echo two >&2', there('two'), 'printf three'].join('\n')
    const lines = await logged(['sh', '-c', script])
    assert.deepEqual(
      lines.map(({ log, stream }) => [log, stream]),
      [
        ['one\n', 'stdout'],
        ['two\n', 'stderr'],
        ['three', 'stdout'],
      ],
    )
    const times = [before, ...lines.map(({ time }) => time), new Date().toISOString().replace('Z', '999999Z')]
    assert.deepEqual(times, times.toSorted())
    for (const { time } of lines) assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/)
  })

  it('escapes what JSON wants escaped', async () => {
    const text = `"quoted" \\ \t \b \x00 \x1b[31m \x7f ü € 😀 \u2028\r\n`
    assert.deepEqual(await loggedText(Buffer.from(text)), [text])
  })

  it('replaces what is no UTF-8 as browsers do', { skip: needs('cat') }, async () => {
    const bytes = Buffer.from(
      'ok \xff \xc3( \xe2\x82 \xf0\x9f\x98 \xed\xa0\x80 \xc0\xaf \xf4\x90\x80\x80 \xf0\x9f\n\x80',
      'latin1',
    )
    const decoded = new TextDecoder().decode(bytes)
    assert.equal((await loggedText(bytes)).join(''), decoded)
  })

  it('keeps every byte of any text, in lines of bounded length', async () => {
    const part = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 40 }).map((text) => ({ text, times: 1 })),
      fc.record({
        text: fc.constantFrom('x', 'é', '€', '😀', '\n'),
        times: fc.constantFrom(1, LINE_MAX / 4, LINE_MAX / 2, LINE_MAX - 1, LINE_MAX),
      }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 12 }), async (parts) => {
        const text = parts.map((one) => one.text.repeat(one.times)).join('')
        const lines = await loggedText(Buffer.from(text))
        assert.ok(lines.join('') === text)
        for (const [index, line] of lines.entries()) {
          const length = Buffer.byteLength(line)
          assert.ok(length <= LINE_MAX)
          const last = index === lines.length - 1
          assert.ok(line.endsWith('\n') || last || length > LINE_MAX - 4, `line ${index} has ${length} bytes`)
          assert.ok(!line.slice(0, -1).includes('\n'))
        }
        await shim.remove()
        shim = await TestShim.start()
      }),
      { numRuns: 12 },
    )
  })

  it('becomes the older half when it is full, and loses no line of the last two', async () => {
    await logged(['sh', '-c', 'seq 1 250000; echo end >&2'])
    assert.ok(statSync(join(shim.directory, 'log.json')).size <= FILE_MAX)
    assert.ok(statSync(join(shim.directory, 'log.json.1')).size <= FILE_MAX)
    const lines = [...shim.log('log.json.1'), ...shim.log()].filter(({ stream }) => stream === 'stdout')
    const numbers = lines.map(({ log }) => Number(log))
    assert.equal(numbers.at(-1), 250_000)
    assert.ok(numbers.length > 100_000)
    assert.deepEqual(
      numbers,
      Array.from(numbers, (_, index) => index + (numbers[0] ?? 0)),
    )
  })

  it('goes on with an older log of the same folder', async () => {
    await logged(['echo', 'first'])
    const again = await TestShim.start('--directory', shim.directory)
    try {
      const client = await ShimClient.open(join(shim.directory, 'shim.sock'))
      assert.equal((await client.run(start, ['echo', 'second'])).exitCode, 0)
      await again.ended()
      assert.deepEqual(
        shim.log().map(({ log }) => log),
        ['first\n', 'second\n'],
      )
    } finally {
      await again.remove()
    }
  })

  it('costs lines, and nothing else, where the disk is full', async () => {
    const disk = join(shim.directory, 'disk')
    mkdirSync(disk)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk])
    try {
      const full = await TestShim.start('--directory', disk)
      try {
        const client = await ShimClient.open(join(disk, 'shim.sock'))
        assert.equal((await client.run(start, ['seq', '1', '10000'])).exitCode, 0)
        await full.ended()
        const lines = readFileSync(join(disk, 'log.json'), 'utf8').trimEnd().split('\n')
        assert.ok(lines.length > 10 && lines.length < 10_000)
        for (const line of lines) JSON.parse(line)
      } finally {
        await full.remove()
      }
    } finally {
      execFileSync('umount', [disk])
    }
  })
})
