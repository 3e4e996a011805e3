import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  decodeExit,
  decodeFailed,
  encodeFrame,
  encodePlan,
  encodeResize,
  type Frame,
  FrameDecoder,
  FrameType,
} from '../../src/control/shim-frames.ts'
import { SHIM_FRAME_MAX } from '../../src/limits.ts'

function decodeAll(chunks: readonly Uint8Array[]): Frame[] {
  const decoder = new FrameDecoder()
  return chunks.flatMap((chunk) => {
    decoder.push(chunk)
    const frames: Frame[] = []
    for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) frames.push(frame)
    return frames
  })
}

describe('shim frames', () => {
  it('have a header as Docker has it', () => {
    assert.deepEqual(
      [...encodeFrame(FrameType.stderr, Buffer.from('hi'))],
      [2, 0, 0, 0, 0, 0, 0, 2, 0x68, 0x69],
    )
    assert.deepEqual([...encodeResize(24, 300)], [3, 0, 0, 0, 0, 0, 0, 4, 0, 24, 1, 44])
  })

  it('come out as they went in, however the bytes are cut', () => {
    const frame = fc.record({ type: fc.nat(14), payload: fc.uint8Array({ maxLength: 200 }) })
    fc.assert(
      fc.property(fc.array(frame), fc.array(fc.nat(2000)), (frames, cuts) => {
        const bytes = Buffer.concat(frames.map(({ type, payload }) => encodeFrame(type, payload)))
        const places = [0, ...cuts.filter((cut) => cut < bytes.length), bytes.length].toSorted(
          (a, b) => a - b,
        )
        const chunks = places.slice(1).map((place, index) => bytes.subarray(places[index], place))
        assert.deepEqual(
          decodeAll(chunks).map(({ type, payload }) => ({ type, payload: [...payload] })),
          frames.map(({ type, payload }) => ({ type, payload: [...payload] })),
        )
      }),
    )
  })

  it('are refused when they are longer than a frame may be', () => {
    assert.throws(() => encodeFrame(0, new Uint8Array(SHIM_FRAME_MAX + 1)), RangeError)
    assert.throws(() => decodeAll([Uint8Array.of(0, 0, 0, 0, 0, 1, 0, 1)]), RangeError)
    assert.throws(() => decodeAll([Uint8Array.of(0, 1, 0, 0, 0, 0, 0, 0)]), RangeError)
    assert.equal(decodeAll([encodeFrame(0, new Uint8Array(SHIM_FRAME_MAX))]).length, 1)
  })

  it('leave what is behind the last one that was taken', () => {
    const decoder = new FrameDecoder()
    decoder.push(Buffer.concat([encodeFrame(FrameType.done), Buffer.from('rest')]))
    assert.equal(decoder.next()?.type, FrameType.done)
    assert.equal(Buffer.from(decoder.rest()).toString(), 'rest')
  })

  it('carry a plan of any length, whose last frame is shorter than the others', () => {
    fc.assert(
      fc.property(fc.constantFrom(0, 1, 100, 65_000, SHIM_FRAME_MAX, 2 * SHIM_FRAME_MAX), (length) => {
        const flags = { tty: true, openStdin: true }
        const bare = encodePlan(FrameType.exec, flags, '/tmp', ['a', ''], [])
        const bareLength = (bare[0]?.length ?? 0) - 8
        const variable = `X=${'y'.repeat(Math.max(0, length - bareLength - 3))}`
        const frames = decodeAll(encodePlan(FrameType.exec, flags, '/tmp', ['a', ''], [variable]))
        const last = frames.at(-1)
        assert.ok(last !== undefined && last.payload.length < SHIM_FRAME_MAX)
        assert.ok(frames.slice(0, -1).every(({ payload }) => payload.length === SHIM_FRAME_MAX))
        const text = Buffer.concat(frames.map(({ payload }) => payload)).toString()
        assert.equal(text, `ti\0/tmp\x002\0a\0\0${variable}\0`)
      }),
    )
    assert.throws(
      () => encodePlan(FrameType.start, { tty: false, openStdin: false }, '/', ['a\0b'], []),
      RangeError,
    )
  })

  it('tell how a process ended, and why one could not be started', () => {
    assert.equal(decodeExit({ type: FrameType.exit, payload: Uint8Array.of(0, 0, 0, 137) }), 137)
    assert.equal(decodeExit({ type: FrameType.exit, payload: Uint8Array.of(1) }), 255)
    const payload = Buffer.from('\x7fexec: "nope"')
    assert.deepEqual(decodeFailed({ type: FrameType.failed, payload }), {
      exitCode: 127,
      message: 'exec: "nope"',
    })
  })
})
