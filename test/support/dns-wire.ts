import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { encodeName } from '../../src/wire/dns-name.ts'
import { hex } from './wire-bytes.ts'

/** Questions as programs send them, recorded on the loopback interface. */
export const QUERIES = {
  /** getaddrinfo of musl asks for both families at once. */
  muslA: hex('7610 0100 0001 0000 0000 0000 03776562 0566726f6e74 00 0001 0001'),
  muslAaaa: hex('76ce 0100 0001 0000 0000 0000 03776562 0566726f6e74 00 001c 0001'),
  glibcA: hex('45bb 0100 0001 0000 0000 0000 03776562 0566726f6e74 00 0001 0001'),
  glibcAaaa: hex('b4b9 0100 0001 0000 0000 0000 03776562 0566726f6e74 00 001c 0001'),
  /** dig 9.18: RD and AD, EDNS with 1232 bytes and a cookie. */
  dig: hex(`5857 0120 0001 0000 0000 0001 03776562 0566726f6e74 00 0001 0001
    00 0029 04d0 00000000 000c 000a0008b823693abfacaf13`),
  /** dig -x 10.0.0.2 */
  digReverse:
    hex(`40e5 0120 0001 0000 0000 0001 0132 0130 0130 023130 07696e2d61646472 0461727061 00 000c 0001
    00 0029 04d0 00000000 000c 000a0008 68e988091c5c8551`),
} as const

/** The wire form of a name that has one. */
export function wireName(text: string): Uint8Array {
  const name = encodeName(text)
  assert.ok(name !== undefined, `'${text}' is no name`)
  return name
}

const label = fc.oneof(
  { weight: 9, arbitrary: fc.stringMatching(/^[a-zA-Z0-9_-]{1,8}$/) },
  { weight: 1, arbitrary: fc.stringMatching(/^[a-zA-Z0-9_-]{63}$/) },
)

/** Names that need no escape, so that other programs spell them as we do. A few are shared, so that they end alike. */
export const plainName: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom('web', 'web.front', 'Web.Front', 'api.front', 'a.b.c.d.front', 'front'),
  fc
    .array(label, { minLength: 1, maxLength: 6 })
    .map((labels) => labels.join('.'))
    .filter((text) => text.length <= 253),
)

/** One change of a message: a byte that is another, bytes that are missing at its end, or more than there were. */
export const damage: fc.Arbitrary<(bytes: Uint8Array) => Uint8Array> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(fc.nat(), fc.oneof(fc.constantFrom(0, 1, 2, 0x3f, 0x40, 0xc0, 0xff), fc.nat(255)))
      .map(([at, value]) => (bytes: Uint8Array) => {
        const changed = bytes.slice()
        if (bytes.length > 0) changed[at % bytes.length] = value
        return changed
      }),
  },
  {
    weight: 1,
    arbitrary: fc.nat().map((size) => (bytes: Uint8Array) => bytes.slice(0, size % (bytes.length + 1))),
  },
  {
    weight: 1,
    arbitrary: fc
      .uint8Array({ maxLength: 30 })
      .map((more) => (bytes: Uint8Array) => Uint8Array.from([...bytes, ...more])),
  },
)

/** One of `messages`, damaged in up to eight places. */
export const damaged = (messages: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> =>
  fc
    .tuple(fc.constantFrom(...messages), fc.array(damage, { maxLength: 8 }))
    .map(([message, damages]) => damages.reduce((bytes, change) => change(bytes), message))

const MARGIN = 300

/**
 * What `read` says of `bytes`, which it is shown amid others that are no part of it. Asserts that those make no difference, whatever
 * they are (they would, were they read): labels, roots, pointers, ends of the memory.
 */
export function readGuarded<T>(
  bytes: Uint8Array,
  read: (view: DataView, offset: number, end: number) => T,
): T {
  const results = [0x00, 0x01, 0xa5, 0xc0].map((fill) => {
    const memory = new Uint8Array(MARGIN + bytes.length + MARGIN).fill(fill)
    memory.set(bytes, MARGIN)
    return read(new DataView(memory.buffer), MARGIN, MARGIN + bytes.length)
  })
  const cut = new Uint8Array(MARGIN + bytes.length).fill(0x03)
  cut.set(bytes, MARGIN)
  // Here, a byte behind the end cannot be read without an exception.
  const result = read(new DataView(cut.buffer), MARGIN, MARGIN + bytes.length)
  for (const other of results) assert.deepEqual(other, result)
  return result
}
