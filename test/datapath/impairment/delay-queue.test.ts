import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { FRAME_MAX } from '../../../src/datapath/frame-memory.ts'
import { DelayQueue, NEVER } from '../../../src/datapath/impairment/delay-queue.ts'
import { FrameStore, NO_SLOT, StoreMemory } from '../../../src/datapath/impairment/frame-store.ts'
import { IMPAIRMENT_MEMORY_MAX } from '../../../src/limits.ts'

/** Bytes of a chunk of long frames, which are one frame each. */
const LONGEST = 10 + FRAME_MAX

class Memory {
  readonly bytes = new Uint8Array(256 * 1024)
  readonly words = new Int32Array(this.bytes.buffer)

  /** A frame whose every byte depends on `id`, among others that must not get into it. */
  write(at: number, length: number, id: number): void {
    this.bytes.fill(0xee)
    for (let i = 0; i < length; i++) this.bytes[at + i] = id * 31 + i * 7 + (i >> 8)
  }

  check(at: number, length: number, id: number): void {
    for (let i = 0; i < length; i++) {
      if (this.bytes[at + i] !== ((id * 31 + i * 7 + (i >> 8)) & 0xff))
        assert.fail(`byte ${i} of frame ${id}`)
    }
  }
}

interface Waiting {
  readonly id: number
  readonly dueUs: number
  readonly length: number
}

const lengths = fc.oneof(
  fc.integer({ min: 10, max: 300 }),
  fc.constantFrom(255, 256, 257, 2047, 2048, 2049, 16_384, 16_385, LONGEST),
)

describe('a queue of frames that wait', () => {
  it('is what a list would be that is sorted by time and arrival, whatever the lengths and places', () => {
    const step = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.tuple(fc.integer({ min: 0, max: 20 }), lengths, fc.integer({ min: 0, max: 7 })),
      },
      { weight: 2, arbitrary: fc.constant(undefined) },
    )
    const memory = new Memory()
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const queue = new DelayQueue(new FrameStore(new StoreMemory()))
        let model: Waiting[] = []
        for (const [id, pushed] of steps.entries()) {
          if (pushed !== undefined) {
            const [dueUs, length, at] = pushed
            memory.write(at, length, id)
            assert.notEqual(
              queue.push(memory.bytes, memory.words, at, length, Float64Array.of(dueUs), id),
              NO_SLOT,
            )
            // Stable, as the standard demands.
            model = [...model, { id, dueUs, length }].toSorted((one, other) => one.dueUs - other.dueUs)
          } else if (model.length > 0) {
            const [{ id: first, length }] = model as [Waiting]
            assert.equal(queue.nextLength, length)
            assert.equal(queue.nextNumber, first)
            memory.bytes.fill(0xee)
            queue.pop(memory.bytes, memory.words, 8)
            memory.check(8, length, first)
            assert.equal(memory.bytes[7], 0xee)
            assert.equal(memory.bytes[8 + ((length + 3) & ~3)], 0xee)
            model = model.slice(1)
          }
          assert.equal(queue.size, model.length)
          assert.equal(queue.next, model[0]?.dueUs ?? NEVER)
        }
      }),
      { numRuns: 60 },
    )
  })

  it('takes memory as it grows, none where it is used again, and gives all of it back', () => {
    const memory = new Memory()
    const store = new StoreMemory()
    const queue = new DelayQueue(new FrameStore(store))
    const fill = (): void => {
      for (let i = 0; i < 1000; i++) queue.push(memory.bytes, memory.words, 0, LONGEST, Float64Array.of(i))
    }
    fill()
    const left = store.left
    assert.ok(left <= IMPAIRMENT_MEMORY_MAX - 1000 * LONGEST, 'a thousand of the longest frames')
    for (let i = 0; i < 1000; i++) queue.pop(memory.bytes, memory.words, 0)
    fill()
    assert.equal(store.left, left)
    assert.equal(queue.clear(), 1000)
    assert.equal(store.left, IMPAIRMENT_MEMORY_MAX)
    assert.equal(queue.next, NEVER)
  })

  it('refuses what there is no memory for, and takes it when there is', () => {
    const memory = new Memory()
    const store = new StoreMemory(5 * LONGEST)
    const queue = new DelayQueue(new FrameStore(store))
    const push = (): number => queue.push(memory.bytes, memory.words, 0, LONGEST, Float64Array.of(1))
    assert.deepEqual([push(), push()].includes(NO_SLOT), false)
    assert.equal(push(), NO_SLOT)
    assert.equal(queue.size, 2)
    queue.pop(memory.bytes, memory.words, 0)
    assert.notEqual(push(), NO_SLOT)
  })

  it('leaves room to others, however much is put in', () => {
    const memory = new Memory()
    const store = new StoreMemory()
    const fill = (): number => {
      const queue = new DelayQueue(new FrameStore(store))
      while (queue.push(memory.bytes, memory.words, 0, LONGEST, Float64Array.of(1)) !== NO_SLOT);
      return queue.size
    }
    const most = Math.floor(IMPAIRMENT_MEMORY_MAX / LONGEST)
    const first = fill()
    const second = fill()
    assert.ok(first > 0.49 * most && first <= 0.5 * most, `${first} of ${most}`)
    assert.ok(second > 0.24 * most && second <= 0.25 * most, `${second} of ${most}`)
    assert.ok(store.left > IMPAIRMENT_MEMORY_MAX / 5)
  })

  it('gives back what nothing has waited in since it was asked last, and works on', () => {
    const memory = new Memory()
    const store = new StoreMemory()
    const queue = new DelayQueue(new FrameStore(store))
    const push = (length: number, due: number): number =>
      queue.push(memory.bytes, memory.words, 0, length, Float64Array.of(due))
    for (let i = 0; i < 200; i++) push(LONGEST, i)
    push(100, 1000)
    queue.trim()
    queue.trim()
    const full = store.left
    for (let i = 0; i < 200; i++) queue.pop(memory.bytes, memory.words, 0)
    queue.trim()
    assert.ok(store.left > full + 199 * LONGEST, 'of the short one alone a chunk is kept')
    assert.ok(store.left < IMPAIRMENT_MEMORY_MAX)
    assert.deepEqual([queue.size, queue.next], [1, 1000])
    queue.pop(memory.bytes, memory.words, 0)
    push(100, 2000)
    queue.pop(memory.bytes, memory.words, 0)
    queue.trim()
    assert.ok(store.left < IMPAIRMENT_MEMORY_MAX, 'it was used')
    queue.trim()
    assert.equal(store.left, IMPAIRMENT_MEMORY_MAX)
    for (let i = 0; i < 100; i++) push(100, 100 - i)
    for (let i = 0; i < 100; i++) {
      assert.equal(queue.next, i + 1)
      queue.pop(memory.bytes, memory.words, 0)
    }
  })
})
