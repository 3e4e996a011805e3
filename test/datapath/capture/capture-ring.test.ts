import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { Worker } from 'node:worker_threads'
import * as fc from 'fast-check'
import {
  CaptureRingReader,
  CaptureRingWriter,
  clearRing,
  RecordKind,
  type RecordTuples,
  RING_FULL,
  ringSize,
} from '../../../src/datapath/capture/capture-ring.ts'

const NO_TUPLES: RecordTuples = {
  isUsed: () => false,
  protocol: () => 0,
  source: () => 0,
  destination: () => 0,
  ports: () => 0,
}
const WORDS = new BigInt64Array(512)
const BYTES = new Uint8Array(WORDS.buffer)
for (let i = 0; i < BYTES.length; i++) BYTES[i] = (i * 7) & 0xff
/** Where a frame begins in the frame memory, its header is aligned; elsewhere it is copied in another way. */
const OFFSETS = [138, 139]

interface Kept {
  readonly number: number
  readonly length: number
  readonly captured: number
  readonly frame: string
}

const fieldsOf = (number: number) => ({
  number,
  timeMs: number + 0.25,
  reason: number % 5,
  facts: number % 7,
  movedFrom: -1,
  flow: -1,
})

type Action =
  | { readonly kind: 'write'; readonly captured: number; readonly offset: number }
  | { readonly kind: 'nested'; readonly outer: number; readonly inner: number; readonly kept: boolean }
  | { readonly kind: 'publish' }
  | { readonly kind: 'read'; readonly count: number }

const action: fc.Arbitrary<Action> = fc.oneof(
  fc.record({
    kind: fc.constant('write' as const),
    captured: fc.integer({ min: 0, max: 600 }),
    offset: fc.constantFrom(...OFFSETS),
  }),
  fc.record({
    kind: fc.constant('nested' as const),
    outer: fc.integer({ min: 0, max: 200 }),
    inner: fc.integer({ min: -1, max: 200 }),
    kept: fc.boolean(),
  }),
  fc.constant({ kind: 'publish' as const }),
  fc.record({ kind: fc.constant('read' as const), count: fc.integer({ min: 1, max: 8 }) }),
)

/** Ring and model: what is reserved, published and kept, in order. */
class Pair {
  readonly writer: CaptureRingWriter
  readonly reader: CaptureRingReader
  #reserved: Kept[] = []
  readonly #published: Kept[] = []
  #number = 0
  #dropped = 0

  constructor(size: number) {
    const buffer = new SharedArrayBuffer(ringSize(size))
    this.writer = new CaptureRingWriter(buffer)
    this.reader = new CaptureRingReader(buffer)
  }

  do(one: Action): void {
    if (one.kind === 'write') this.#write(one.captured, one.offset)
    else if (one.kind === 'nested') this.#nested(one.outer, one.inner, one.kept)
    else if (one.kind === 'read') for (let i = 0; i < one.count; i++) this.#read()
    else this.#publish()
  }

  finish(): void {
    this.#publish()
    while (this.#published.length > 0) this.#read()
    assert.equal(this.reader.next(), false)
    const { dropped } = this.reader.countsOf(3)
    assert.equal(dropped, this.#dropped)
  }

  #reserve(captured: number, offset: number): { at: number; kept: Kept } {
    const number = ++this.#number
    const at = this.writer.reserve(RecordKind.arrival, 3, captured + 1, captured)
    if (at === RING_FULL) this.#dropped++
    else this.writer.copy(at, WORDS, offset)
    const frame = Buffer.from(BYTES.subarray(offset - 10, offset + captured)).toString('hex')
    return { at, kept: { number, length: captured + 1, captured, frame } }
  }

  #write(captured: number, offset: number): void {
    const { at, kept } = this.#reserve(captured, offset)
    if (at === RING_FULL) return
    this.writer.fill(at, fieldsOf(kept.number), NO_TUPLES)
    this.#reserved.push(kept)
  }

  /** An arrival that is decided on when something else has been written behind it. */
  #nested(outer: number, inner: number, isKept: boolean): void {
    const { at, kept } = this.#reserve(outer, OFFSETS[0]!)
    const place = this.#reserved.length
    if (inner >= 0) this.#write(inner, OFFSETS[0]!)
    if (at === RING_FULL) return
    if (!isKept) {
      this.writer.withdraw(at)
      return
    }
    this.writer.fill(at, fieldsOf(kept.number), NO_TUPLES)
    this.#reserved.splice(place, 0, kept)
  }

  #publish(): void {
    this.writer.publish()
    this.#published.push(...this.#reserved)
    this.#reserved = []
  }

  #read(): void {
    const { reader } = this
    const wanted = this.#published.shift()
    assert.equal(reader.next(), wanted !== undefined)
    if (wanted === undefined) return
    const { number, length, captured } = reader
    const frame = Buffer.from(reader.frame).toString('hex')
    assert.deepEqual({ number, length, captured, frame }, wanted)
    const { timeMs, reason, facts } = fieldsOf(number)
    assert.deepEqual([reader.timeMs, reader.reason, reader.facts, reader.flow], [timeMs, reason, facts, -1])
    reader.release()
  }
}

describe('a capture ring', () => {
  it('gives what was published, in order and whole, and counts what found no room', () => {
    fc.assert(
      fc.property(fc.constantFrom(704, 1000, 4096), fc.array(action, { maxLength: 200 }), (size, actions) => {
        const pair = new Pair(size)
        for (const one of actions) pair.do(one)
        pair.finish()
      }),
      { numRuns: 300 },
    )
  })

  it('takes records as long as the reader keeps up, whatever their size', () => {
    const pair = new Pair(2048)
    for (let i = 0; i < 1000; i++) {
      pair.do({ kind: 'write', captured: (i * 37) % 400, offset: OFFSETS[0]! })
      pair.do({ kind: 'publish' })
      pair.do({ kind: 'read', count: 1 })
    }
    assert.equal(pair.reader.countsOf(3).dropped, 0)
  })

  it('is as new when it has been cleared', () => {
    const buffer = new SharedArrayBuffer(ringSize(1024))
    const use = (): number[] => {
      const writer = new CaptureRingWriter(buffer)
      const reader = new CaptureRingReader(buffer)
      assert.equal(reader.wait(), true)
      assert.equal(reader.next(), false)
      let written = 0
      while (writer.reserve(RecordKind.departure, 7, 60, 60) !== RING_FULL) written++
      assert.equal(writer.publish(), true)
      assert.equal(reader.next(), true)
      return [written, reader.countsOf(7).dropped]
    }
    const first = use()
    clearRing(buffer)
    assert.deepEqual(use(), first)
  })

  it('tells a reader that waits, once', () => {
    const { writer, reader } = new Pair(1024)
    const write = (): boolean => {
      const at = writer.reserve(RecordKind.departure, 0, 60, 60)
      writer.fill(at, fieldsOf(1), NO_TUPLES)
      return writer.publish()
    }
    assert.equal(write(), false)
    assert.equal(reader.wait(), false)
    assert.ok(reader.next())
    reader.release()
    assert.equal(reader.wait(), true)
    assert.equal(write(), true)
    assert.equal(write(), false)
  })

  it('never shows half a record to another thread', async () => {
    const RECORDS = 20_000
    const buffer = new SharedArrayBuffer(ringSize(8192))
    const writer = new Worker(
      `
      const { parentPort, workerData } = require('node:worker_threads')
      import(workerData.module).then(({ CaptureRingWriter, RING_FULL }) => {
        const ring = new CaptureRingWriter(workerData.buffer)
        const tuples = {}
        const words = new Int32Array(1024)
        const longs = new BigInt64Array(words.buffer)
        let number = 1
        while (number <= ${RECORDS}) {
          const captured = (number * 31) % 1500
          const at = ring.reserve(1, 0, captured, captured)
          if (at === RING_FULL) continue
          words.fill(number)
          ring.copy(at, longs, 138)
          ring.fill(at, { number, timeMs: number, reason: 0, facts: 0, movedFrom: -1, flow: -1 }, tuples)
          number++
          if (number % 3 === 0 || number > ${RECORDS}) ring.publish()
        }
      })`,
      {
        eval: true,
        workerData: {
          buffer,
          module: new URL('../../../src/datapath/capture/capture-ring.js', import.meta.url).href,
        },
      },
    )
    const ended = once(writer, 'exit')
    const reader = new CaptureRingReader(buffer)
    for (let number = 1; number <= RECORDS; ) {
      if (!reader.next()) {
        await new Promise((resolve) => setImmediate(resolve))
        continue
      }
      assert.equal(reader.number, number)
      const { frame, captured } = reader
      assert.equal(captured, (number * 31) % 1500)
      const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength)
      for (let at = 0; at + 4 <= frame.length; at += 4) assert.equal(view.getInt32(at, true), number)
      reader.release()
      number++
    }
    await ended
  })
})
