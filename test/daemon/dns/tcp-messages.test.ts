import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { framed, TcpMessages } from '../../../src/daemon/dns/tcp-messages.ts'

function take(messages: TcpMessages): Uint8Array[] {
  const taken: Uint8Array[] = []
  for (let next = messages.next(); next !== undefined; next = messages.next()) taken.push(next)
  return taken
}

describe('messages by TCP', () => {
  it('are found however what comes is cut', () => {
    const sizes = fc.oneof(fc.integer({ min: 0, max: 600 }), fc.constantFrom(0, 1, 255, 256, 65_535))
    fc.assert(
      fc.property(
        fc.array(sizes, { maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1 }),
        (lengths, cuts) => {
          const sent = lengths.map((length, index) =>
            new Uint8Array(length).map((_, at) => (at * 31 + index) & 0xff),
          )
          const bytes = Buffer.concat(sent.map(framed))
          const messages = new TcpMessages()
          const received: Uint8Array[] = []
          for (let at = 0, turn = 0; at < bytes.length; turn++) {
            const size = cuts[turn % cuts.length]!
            messages.push(bytes.subarray(at, at + size))
            received.push(...take(messages))
            at += size
          }
          assert.deepEqual(received, sent)
        },
      ),
    )
  })

  it('may be left where they are, and more may come', () => {
    const messages = new TcpMessages()
    messages.push(Buffer.concat([framed(Uint8Array.of(1)), framed(Uint8Array.of(2)), Uint8Array.of(0)]))
    assert.deepEqual(messages.next(), Uint8Array.of(1))
    messages.push(Uint8Array.of(1, 3))
    assert.deepEqual(take(messages), [Uint8Array.of(2), Uint8Array.of(3)])
  })

  it('have buffers of their own, of their own size', () => {
    const messages = new TcpMessages()
    messages.push(new Uint8Array(4096).fill(0))
    assert.equal(messages.next()?.buffer.byteLength, 0)
    messages.push(framed(new Uint8Array(30)))
    assert.equal(take(messages).at(-1)?.buffer.byteLength, 30)
  })
})
