import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, renameSync, rmSync, statSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import * as fc from 'fast-check'
import type { LogEntry } from '../../src/control/api/sandbox.ts'
import type { LogOptions } from '../../src/control/control-plane.ts'
import { LogFile } from '../../src/daemon/log-file.ts'
import { readLog } from '../../src/daemon/log-reader.ts'
import { openDescriptors } from '../support/descriptors.ts'
import { Random } from '../support/random.ts'
import { randomRuns } from '../support/random-runs.ts'

const START_MS = Date.parse('2026-01-02T03:04:05Z')
const ALL: LogOptions = { follow: false, stdout: true, stderr: true }
const FOLLOW: LogOptions = { ...ALL, follow: true }

const entry = (number: number, more: Partial<LogEntry> = {}): LogEntry => ({
  log: `line ${number}\n`,
  stream: number % 3 === 2 ? 'stderr' : 'stdout',
  time: new Date(START_MS + number).toISOString().replace('Z', '000001Z'),
  ...more,
})

/** The shim's side of a log. */
class Writer {
  readonly directory = mkdtempSync(join(tmpdir(), 'tapwire-log-'))
  readonly current = join(this.directory, 'log.json')
  readonly older = join(this.directory, 'log.json.1')
  /** The file that is written, counted from 0, and which file each entry is in. */
  file = 0
  readonly fileOf: number[] = []
  ended = false

  write(count = 1): void {
    for (let more = 0; more < count; more++) {
      this.append(`${JSON.stringify(entry(this.fileOf.length))}\n`)
      this.fileOf.push(this.file)
    }
  }

  append(text: string): void {
    appendFileSync(this.current, text)
  }

  rotate(): void {
    renameSync(this.current, this.older)
    this.file += 1
  }

  read(options: LogOptions, signal = new AbortController().signal): AsyncGenerator<LogEntry, void> {
    return readLog([this.current, this.older], options, () => this.ended, signal)
  }

  /** What a reader that does not follow gets, as the numbers in the texts. */
  async numbers(options: Partial<LogOptions> = {}): Promise<number[]> {
    const numbers: number[] = []
    for await (const { log } of this.read({ ...ALL, ...options })) numbers.push(Number(log.slice(5)))
    return numbers
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true })
  }
}

function newWriter(t: TestContext): Writer {
  const writer = new Writer()
  t.after(() => writer.remove())
  return writer
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, number) => number)

describe('a log', () => {
  it('that was never written is empty', async (t) => {
    const writer = newWriter(t)
    assert.deepEqual(await writer.numbers(), [])
    assert.deepEqual(await writer.numbers({ tail: 5 }), [])
    writer.remove()
    assert.deepEqual(await writer.numbers(), [])
  })

  it('is read in order, the older half first', async (t) => {
    const writer = newWriter(t)
    writer.write(3)
    assert.deepEqual(await writer.numbers(), upTo(3))
    writer.rotate()
    assert.deepEqual(await writer.numbers(), upTo(3))
    writer.write(4)
    assert.deepEqual(await writer.numbers(), upTo(7))
  })

  it('gives entries as they were written', async (t) => {
    const writer = newWriter(t)
    const written = entry(0, { log: 'größe \u0000 "x" 😀\n' })
    writer.append(`${JSON.stringify(written)}\n`)
    const entries: LogEntry[] = []
    for await (const one of writer.read(ALL)) entries.push(one)
    assert.deepEqual(entries, [written])
  })

  it('gives one stream, or a time, or both', async (t) => {
    const writer = newWriter(t)
    writer.write(4)
    writer.rotate()
    writer.write(4)
    assert.deepEqual(await writer.numbers({ stderr: false }), [0, 1, 3, 4, 6, 7])
    assert.deepEqual(await writer.numbers({ stdout: false }), [2, 5])
    assert.deepEqual(await writer.numbers({ stdout: false, stderr: false }), [])
    assert.deepEqual(await writer.numbers({ sinceMs: START_MS + 3 }), [3, 4, 5, 6, 7])
    assert.deepEqual(await writer.numbers({ untilMs: START_MS + 2 }), [0, 1, 2])
    assert.deepEqual(
      await writer.numbers({ sinceMs: START_MS + 2, untilMs: START_MS + 6, stdout: false }),
      [2, 5],
    )
  })

  it('passes over what is damaged, and shows a last line without its end if it is whole', async (t) => {
    const writer = newWriter(t)
    writer.write()
    for (const line of [
      '',
      '{',
      'null',
      '[]',
      '{"log":"x","stream":"stdout"}',
      '\0\0',
      '{"log":1,"stream":"stdout","time":"2026-01-02"}',
    ]) {
      writer.append(`${line}\n`)
    }
    writer.append(`${JSON.stringify(entry(9, { stream: 'stdin' as never }))}\n`)
    writer.append(`${JSON.stringify(entry(9, { time: 'soon' }))}\n`)
    writer.append(`${'x'.repeat(3_000_000)}\n`)
    writer.write()
    writer.append('{"log":"half')
    for (const tail of [undefined, 2]) assert.deepEqual(await writer.numbers({ tail }), [0, 1])
    assert.deepEqual(await writer.numbers({ tail: 1 }), [1])
    writer.append('\n')
    writer.append(JSON.stringify(entry(2)))
    assert.deepEqual(await writer.numbers(), [0, 1, 2])
  })

  it('has the same end, whatever else is asked for', async () => {
    await fc.assert(
      fc.asyncProperty(
        // Lines of up to three blocks, so that they begin and end anywhere in them.
        fc.array(
          fc.record({
            size: fc.oneof(fc.nat(40), fc.nat(200_000)),
            rotate: fc.boolean(),
            damaged: fc.boolean(),
          }),
          {
            maxLength: 8,
          },
        ),
        fc.nat(9),
        fc.nat(9),
        fc.boolean(),
        async (lines, tail, since, stdout) => {
          const writer = new Writer()
          try {
            let rotated = false
            for (const [number, { size, rotate, damaged }] of lines.entries()) {
              const text = JSON.stringify({ ...entry(number), log: `line ${number}${' '.repeat(size)}` })
              writer.append(`${damaged ? text.slice(1) : text}\n`)
              if (rotate && !rotated) writer.rotate()
              rotated ||= rotate
            }
            const options = { stdout, sinceMs: START_MS + since }
            const all = await writer.numbers(options)
            assert.deepEqual(
              all,
              upTo(lines.length).filter(
                (number) => number >= since && !lines[number]!.damaged && (stdout || number % 3 === 2),
              ),
            )
            assert.deepEqual(await writer.numbers({ ...options, tail }), tail === 0 ? [] : all.slice(-tail))
          } finally {
            writer.remove()
          }
        },
      ),
      { numRuns: randomRuns(30) },
    )
  })
})

describe('a log that is followed', () => {
  it('goes on until the sandbox has ended, through every rename, and loses nothing', async () => {
    const step = fc.oneof(
      fc.record({ what: fc.constant('write' as const), count: fc.integer({ min: 1, max: 5 }) }),
      fc.record({ what: fc.constant('rotate' as const) }),
      fc.record({ what: fc.constant('read' as const), count: fc.integer({ min: 1, max: 5 }) }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const writer = new Writer()
        try {
          const reader = writer.read(FOLLOW)
          const got: LogEntry[] = []
          for (const next of steps) {
            // Two renames behind the file that the reader has open, the third takes one away that it never saw.
            const open = got.length === 0 ? 0 : writer.fileOf[got.length - 1]!
            const written = writer.fileOf.at(-1) === writer.file
            if (next.what === 'write') writer.write(next.count)
            else if (next.what === 'rotate' && written && got.length > 0 && writer.file < open + 2)
              writer.rotate()
            else if (next.what === 'read') {
              for (let count = 0; count < next.count && got.length < writer.fileOf.length; count++) {
                got.push((await reader.next()).value as LogEntry)
              }
            }
          }
          writer.ended = true
          for await (const last of reader) got.push(last)
          assert.deepEqual(
            got,
            upTo(writer.fileOf.length).map((number) => entry(number)),
          )
        } finally {
          writer.remove()
        }
      }),
      { numRuns: randomRuns(15) },
    )
  })

  it('loses nothing of what is written and renamed between two steps of the reader', async (t) => {
    const writer = newWriter(t)
    const random = new Random(1)
    const got: LogEntry[] = []
    const writing = (async () => {
      while (writer.file < 200) {
        writer.write()
        const open = writer.fileOf[got.length - 1] ?? Number.NaN
        if (writer.fileOf.length % 3 === 0 && writer.file < open + 2) writer.rotate()
        // Sometimes the reader catches up and waits, sometimes it is behind.
        for (let turns = random.below(8); turns >= 0; turns--) await new Promise(setImmediate)
      }
      writer.ended = true
    })()
    for await (const one of writer.read(FOLLOW)) got.push(one)
    await writing
    assert.deepEqual(
      got,
      upTo(writer.fileOf.length).map((number) => entry(number)),
    )
  })

  it('shows a line when it is whole', async (t) => {
    const writer = newWriter(t)
    writer.write(3)
    const text = JSON.stringify(entry(3))
    writer.append(text.slice(0, 10))
    const reader = writer.read({ ...FOLLOW, tail: 1 })
    assert.deepEqual((await reader.next()).value, entry(2))
    const next = reader.next()
    await new Promise(setImmediate)
    writer.append(`${text.slice(10)}\n`)
    assert.deepEqual((await next).value, entry(3))
    await reader.return()
  })

  it('waits for a log that is not there yet', async (t) => {
    const writer = newWriter(t)
    const reader = writer.read(FOLLOW)
    const next = reader.next()
    await new Promise(setImmediate)
    writer.write()
    assert.deepEqual((await next).value, entry(0))
    await reader.return()
  })

  it('goes on where the writer took back what it could not write whole', async (t) => {
    const writer = newWriter(t)
    writer.write()
    const { size } = statSync(writer.current)
    const file = await LogFile.open(writer.current)
    assert.ok(file !== undefined)
    const lines = async (): Promise<string[]> => {
      const found: string[] = []
      for await (const line of file.lines()) found.push(line)
      return found
    }
    assert.deepEqual(await lines(), [JSON.stringify(entry(0))])
    writer.append('{"log":"half')
    assert.deepEqual(await lines(), [])
    assert.equal(file.partialLine(), '{"log":"half')
    truncateSync(writer.current, size)
    assert.deepEqual(await lines(), [])
    writer.write()
    assert.deepEqual(await lines(), [JSON.stringify(entry(1))])
    await file.close()
  })

  it('ends when it is aborted, at its time, and when the folder has gone; no file stays open', async (t) => {
    const before = openDescriptors()
    const writer = newWriter(t)
    writer.write(2)
    const abort = new AbortController()
    const reader = writer.read(FOLLOW, abort.signal)
    await reader.next()
    await reader.next()
    const next = reader.next()
    abort.abort()
    assert.deepEqual(await next, { done: true, value: undefined })
    assert.deepEqual(await writer.numbers({ follow: true, untilMs: START_MS }), [0])
    assert.deepEqual(await writer.numbers({ follow: true, untilMs: START_MS + 5 }), [0, 1])

    const gone = writer.read({ ...FOLLOW, tail: 1 })
    await gone.next()
    const end = gone.next()
    writer.remove()
    writer.ended = true
    assert.deepEqual(await end, { done: true, value: undefined })
    assert.deepEqual(openDescriptors(), before)
  })
})
