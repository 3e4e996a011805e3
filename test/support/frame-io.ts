/** What tests say to a FrameIo, and what they read from its memory. */

import assert from 'node:assert/strict'
import {
  DESCRIPTOR_SHIFT,
  EVENT_WORDS,
  RESULT,
  STATUS_EVENTS,
  STATUS_TRANSMIT_FAILURES,
  STATUS_WOKEN,
  VIRTIO_NET_HEADER_SIZE,
} from '../../src/datapath/frame-memory.ts'
import { ARENA_SIZE } from '../../src/limits.ts'
import type { FrameIo } from '../../src/ports/frame-io.ts'

/** Local Experimental EtherType 1, the only one that a far end receives. */
const ETHERTYPE = 0x88b5
/** Ethernet header and sequence number. */
const LEAST = 18

export interface ReceivedFrame {
  readonly port: number
  readonly offset: number
  readonly header: Uint8Array
  readonly frame: Uint8Array
}

export const frameBytes = (received: ReceivedFrame): Uint8Array => received.frame

/** A frame that names its `sequence` number, and whose every byte depends on it and on its place. */
export function testFrame(sequence: number, length: number): Uint8Array {
  const frame = new Uint8Array(Math.max(length, LEAST))
  const view = new DataView(frame.buffer)
  frame.set([0x02, 0, 0, 0, 0, 0x02, 0x02, 0, 0, 0, 0, 0x01])
  view.setUint16(12, ETHERTYPE)
  view.setUint32(14, sequence)
  for (let i = LEAST; i < frame.length; i++) frame[i] = (sequence * 31 + i * 7 + (i >> 8)) & 0xff
  return frame
}

/** `count` frames numbered from `first`. */
export function testFrames(count: number, { first = 0, length = 60 } = {}): Uint8Array[] {
  return Array.from({ length: count }, (_, index) => testFrame(first + index, length))
}

const sequenceOf = (frame: Uint8Array): number =>
  frame.length < LEAST ? -1 : new DataView(frame.buffer, frame.byteOffset).getUint32(14)

/** Byte for byte; a failure first says which frames are there, which is easier to read than their bytes. */
export function assertFrames(actual: readonly Uint8Array[], expected: readonly Uint8Array[]): void {
  assert.deepEqual(actual.map(sequenceOf), expected.map(sequenceOf))
  for (const [index, frame] of expected.entries()) {
    assert.ok(
      Buffer.compare(frame, actual[index] ?? new Uint8Array()) === 0,
      `frame ${index} has other bytes`,
    )
  }
}

export function byPort(frames: readonly ReceivedFrame[]): Map<number, Uint8Array[]> {
  const result = new Map<number, Uint8Array[]>()
  for (const { port, frame } of frames) {
    const others = result.get(port)
    if (others === undefined) result.set(port, [frame])
    else others.push(frame)
  }
  return result
}

/** Polls that may come back for nothing before it counts as a failure to arrive. */
const EMPTY_POLLS = 10

/**
 * Polls until `count` frames have been handed out, and returns copies. Frames that are there already are received
 * without waiting; the time-out only ends a test that has failed.
 */
export function receive(io: FrameIo, count: number, eachPoll?: (count: number) => void): ReceivedFrame[] {
  const frames: ReceivedFrame[] = []
  for (let empty = 0; frames.length < count && empty < EMPTY_POLLS; ) {
    const burst = io.poll(0, 1_000_000)
    eachPoll?.(burst)
    frames.push(...copyBurst(io, burst))
    if (burst === 0) empty++
  }
  assert.equal(frames.length, count, `received ${frames.length} frames, not ${count}`)
  return frames
}

/** The frames of the burst that the last poll returned. */
export function copyBurst(io: FrameIo, count: number): ReceivedFrame[] {
  const { received, bytes } = io.memory
  return Array.from({ length: count }, (_, index) => {
    const at = index << DESCRIPTOR_SHIFT
    const [port = 0, offset = 0, length = 0] = received.subarray(at, at + 3)
    return {
      port,
      offset,
      header: bytes.slice(offset - VIRTIO_NET_HEADER_SIZE, offset),
      frame: bytes.slice(offset, offset + length),
    }
  })
}

/** No frame is there, and no event. */
export function receiveNothing(io: FrameIo): void {
  assert.equal(io.poll(0, 0), 0)
  assert.deepEqual(events(io), [])
}

/** Writes the frames into the arena, each behind an empty virtio-net header; returns their offsets. */
export function placeInArena(io: FrameIo, frames: readonly Uint8Array[]): number[] {
  const { bytes, layout } = io.memory
  let next = layout.arena
  return frames.map((frame) => {
    const offset = next + VIRTIO_NET_HEADER_SIZE
    bytes.fill(0, next, offset)
    bytes.set(frame, offset)
    next = offset + frame.length
    assert.ok(next <= layout.arena + ARENA_SIZE)
    return offset
  })
}

export function setTransmit(io: FrameIo, index: number, port: number, offset: number, length: number): void {
  // A RESULT that nobody wrote shows.
  io.memory.transmits.set([port, offset, length, 12_345], index << DESCRIPTOR_SHIFT)
}

export const result = (io: FrameIo, index: number): number =>
  io.memory.transmits[(index << DESCRIPTOR_SHIFT) + RESULT] ?? Number.NaN

export const failures = (io: FrameIo): number => io.memory.status[STATUS_TRANSMIT_FAILURES] ?? Number.NaN

export const woken = (io: FrameIo): boolean => io.memory.status[STATUS_WOKEN] !== 0

/** Port and errno of what the last poll reported. */
export function events(io: FrameIo): [number, number][] {
  const count = io.memory.status[STATUS_EVENTS] ?? 0
  return Array.from({ length: count }, (_, index) => {
    const [port = 0, error = 0] = io.memory.events.subarray(index * EVENT_WORDS, (index + 1) * EVENT_WORDS)
    return [port, error]
  })
}
