/** What tests send by tunnels, and what they read of what came. */

import assert from 'node:assert/strict'
import {
  DESCRIPTOR_SHIFT,
  FACT_SEGMENT_SIZE,
  FACT_SOURCE_ADDRESS,
  FACT_SOURCE_PORT,
  FACT_SUMS,
  FACT_TOS,
  type FrameMemory,
  GATHER_ALIGN,
  LENGTH,
  OFFSET,
  PORT,
  REASON,
  SEND_RECORD_SHIFT,
  SEND_TOS_SHIFT,
  SEND_WORD,
} from '../../src/datapath/frame-memory.ts'
import { ARENA_SIZE } from '../../src/limits.ts'
import type { FrameIo } from '../../src/ports/frame-io.ts'
import { parseIpv4, parseIpv6 } from '../../src/wire/address.ts'
import { sum } from '../../src/wire/checksum.ts'
import { setTransmit } from './frame-io.ts'

/** As a number of the machine's order. */
const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1

/** 16 bytes, those of IPv4 mapped into IPv6. */
export function tunnelAddress(text: string): Uint8Array {
  const ipv4 = parseIpv4(text)
  if (ipv4 === undefined) return parseIpv6(text) ?? assert.fail(`${text} is no address`)
  const bytes = new Uint8Array(16)
  bytes.fill(0xff, 10, 12)
  new DataView(bytes.buffer).setInt32(12, ipv4)
  return bytes
}

export interface Datagram {
  readonly port: number
  readonly payload: Uint8Array
  readonly sourceAddress: Uint8Array
  readonly sourcePort: number
  readonly tos: number
  /** It came with others as one. */
  readonly joined: boolean
}

/** A payload that names its `sequence` number, and whose every byte depends on it and on its place. */
export function testPayload(sequence: number, length: number): Uint8Array {
  const payload = new Uint8Array(length)
  for (let i = 0; i < length; i++) payload[i] = (sequence * 37 + i * 11 + (i >> 8) + (sequence >> 8)) & 0xff
  if (length >= 8) new DataView(payload.buffer).setUint32(4, sequence)
  return payload
}

export const testPayloads = (count: number, length: number, first = 0): Uint8Array[] =>
  Array.from({ length: count }, (_, index) => testPayload(first + index, length))

/** The datagrams of the burst that the last poll returned; several that came as one apart, with their sums held to the bytes. */
export function copyDatagrams({ memory }: FrameIo, count: number): Datagram[] {
  return Array.from({ length: count }, (_, index) => datagramsOf(memory, index << DESCRIPTOR_SHIFT)).flat()
}

function datagramsOf(memory: FrameMemory, descriptor: number): Datagram[] {
  const { received, bytes, view, sums, layout } = memory
  const offset = received[descriptor + OFFSET] ?? 0
  const length = received[descriptor + LENGTH] ?? 0
  const facts = received[descriptor + REASON] ?? 0
  const fact = (at: number): number => view.getInt32(facts + at, LITTLE_ENDIAN)
  const common = {
    port: received[descriptor + PORT] ?? 0,
    sourceAddress: bytes.slice(facts + FACT_SOURCE_ADDRESS, facts + FACT_SOURCE_ADDRESS + 16),
    sourcePort: fact(FACT_SOURCE_PORT),
    tos: fact(FACT_TOS),
  }
  const size = fact(FACT_SEGMENT_SIZE)
  if (size === 0) {
    assert.equal(fact(FACT_SUMS), 0)
    return [{ ...common, payload: bytes.slice(offset, offset + length), joined: false }]
  }
  assert.ok(size > 0 && size < length, `${length} bytes in segments of ${size}`)
  const first = (fact(FACT_SUMS) - layout.sums) / 2
  return Array.from({ length: Math.ceil(length / size) }, (_, index) => {
    const from = offset + index * size
    const to = Math.min(from + size, offset + length)
    assert.equal(
      sums[first + index],
      sum(view, from, to - from),
      `sum ${index} of ${length} bytes by ${size}`,
    )
    return { ...common, payload: bytes.slice(from, to), joined: true }
  })
}

/** Room in the arena, from the beginning. */
export class Arena {
  readonly #memory: FrameMemory
  #next: number

  constructor({ memory }: FrameIo) {
    this.#memory = memory
    this.#next = memory.layout.arena + 64
  }

  /** Copies the bytes there, with 64 bytes of room before and a byte of poison behind; returns where. */
  put(bytes: Uint8Array): number {
    const offset = this.#next
    this.#next += bytes.length + 65
    assert.ok(this.#next <= this.#memory.layout.arena + ARENA_SIZE)
    this.#memory.bytes.set(bytes, offset)
    this.#memory.bytes[offset + bytes.length] = 0xa5
    return offset
  }
}

export interface SendOptions {
  readonly source?: number
  readonly tos?: number
  /** Its record, in units of GATHER_ALIGN words. */
  readonly record?: number
}

export function putSendWord(
  { memory }: FrameIo,
  offset: number,
  { source = 0, tos = 0, record }: SendOptions,
): void {
  const word =
    source | (tos << SEND_TOS_SHIFT) | ((record === undefined ? 0 : record + 1) << SEND_RECORD_SHIFT)
  memory.view.setInt32(offset + SEND_WORD, word, LITTLE_ENDIAN)
}

/** Writes the transmission of a payload that stands in the arena. */
export function setSend(
  io: FrameIo,
  index: number,
  port: number,
  offset: number,
  length: number,
  options: SendOptions = {},
): void {
  putSendWord(io, offset, options)
  setTransmit(io, index, port, offset, length)
}

/** Offset, length and checksum. */
export type Piece = readonly [offset: number, length: number, checksum: number]

/** Writes gather records, one behind the other. */
export class Records {
  readonly #memory: FrameMemory
  #next = 0

  constructor({ memory }: FrameIo) {
    this.#memory = memory
  }

  /** Where the record begins, in units of GATHER_ALIGN words. */
  put(segmentSize: number, pieces: readonly Piece[]): number {
    const words = [segmentSize, pieces.length, ...pieces.flat()]
    this.#memory.gathers.set(words, this.#next)
    const at = this.#next / GATHER_ALIGN
    this.#next += Math.ceil(words.length / GATHER_ALIGN) * GATHER_ALIGN
    return at
  }
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts))
}
