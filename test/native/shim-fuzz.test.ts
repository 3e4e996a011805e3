import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import fc from 'fast-check'
import { encodeFrame, encodePlan, encodeResize, FrameType } from '../../src/control/shim-frames.ts'
import { needsRoot } from '../support/requirements.ts'
import { TestShim } from '../support/shim.ts'

const { start, exec } = FrameType

/** All types but `lastwords`, and `signal` only with what ends nobody: the shim is to live on. */
const TYPES = Object.values(FrameType).filter(
  (type) => type !== FrameType.lastwords && type !== FrameType.signal,
)

const plan = fc
  .record({
    type: fc.constantFrom(start, exec),
    flags: fc.constantFrom('', 'i', 't', 'ti', 'd', 'dt', 'x'),
    directory: fc.constantFrom('', '/', '/no'),
    count: fc.constantFrom('0', '1', '2', '-1', '+1', '99999999999999999999', '', 'a', '4294967297'),
    strings: fc.array(fc.constantFrom('/no', '', 'A=b', 'PATH=/no', 'TAPWIRE_SANDBOX=x'), { maxLength: 5 }),
    end: fc.constantFrom('\0', ''),
  })
  .map(({ type, flags, directory, count, strings, end }) =>
    encodeFrame(type, Buffer.from([flags, directory, count, ...strings].join('\0') + end)),
  )

const frame = fc.oneof(
  plan,
  fc
    .record({ type: fc.constantFrom(...TYPES), payload: fc.uint8Array({ maxLength: 80 }) })
    .map(({ type, payload }) => encodeFrame(type, payload)),
  fc.constantFrom(
    ...encodePlan(exec, { tty: false, openStdin: true }, '/', ['cat'], []),
    ...encodePlan(exec, { tty: true, openStdin: true }, '/', ['true'], []),
    encodeResize(1, 1),
    encodeFrame(FrameType.attach),
    encodeFrame(FrameType.stdin),
    encodeFrame(FrameType.signal, Uint8Array.of(28)),
    encodeFrame(exec, new Uint8Array(65_536)),
    encodeFrame(FrameType.stdin, new Uint8Array(65_536)),
  ),
  fc.uint8Array({ maxLength: 40 }),
)

/** Bytes that are mostly frames, mostly whole, in pieces of any size. */
const stream = fc.record({
  bytes: fc.array(frame, { maxLength: 12 }).map((frames) => Buffer.concat(frames)),
  cuts: fc.array(fc.nat(200_000), { maxLength: 3 }),
  end: fc.constantFrom('destroy', 'end'),
})

describe('the shim and clients that send anything', { skip: needsRoot() }, () => {
  let shim: TestShim
  before(async () => {
    shim = await TestShim.start()
  })
  after(() => shim.remove())

  it('lives on and serves the next one', async () => {
    const send = async ({
      bytes,
      cuts,
      end,
    }: {
      bytes: Buffer
      cuts: number[]
      end: string
    }): Promise<void> => {
      const socket = connect(join(shim.directory, 'shim.sock'))
      socket.on('error', () => {})
      await once(socket, 'connect')
      socket.resume()
      const places = [0, ...cuts.filter((cut) => cut < bytes.length), bytes.length].toSorted((a, b) => a - b)
      for (const [index, place] of places.slice(1).entries())
        socket.write(bytes.subarray(places[index], place))
      if (end === 'end') socket.end(() => socket.destroy())
      else await new Promise((resolve) => socket.write('', resolve)).then(() => socket.destroy())
      await once(socket, 'close')
    }
    await fc.assert(
      fc.asyncProperty(fc.array(stream, { minLength: 10, maxLength: 10 }), async (streams) => {
        await Promise.all(streams.map(send))
        const { stdout } = await (await shim.connect()).run(exec, ['echo', 'here'])
        assert.equal(stdout, 'here\n')
      }),
      // Who has ended it is told as it was: no smaller example fails in its own right where the shim is gone.
      { numRuns: 200, endOnFailure: true },
    )
    const last = await shim.connect()
    last.send(FrameType.lastwords)
    assert.notEqual((await last.outcome()).exitCode, undefined)
    await shim.ended()
  })

  it('takes a plan that is too long for what it is, and no more of it', async () => {
    const other = await TestShim.start()
    try {
      const client = await other.connect()
      for (let index = 0; index < 200; index++) client.send(exec, new Uint8Array(65_536))
      await client.expect(FrameType.failed)
      assert.equal(await client.next(), undefined)
      client.close()
      assert.equal((await (await other.connect()).run(exec, ['true'])).exitCode, 0)
    } finally {
      await other.remove()
    }
  })

  it('answers all of many requests that come at once', async () => {
    const other = await TestShim.start()
    try {
      const client = await other.connect()
      // As many as one read takes; their answers are three times what may wait to be sent.
      const count = 8000
      client.socket.write(Buffer.concat(Array.from({ length: count }, () => encodeFrame(FrameType.sysctl))))
      for (let answers = 0; answers < count; answers += 1) await client.expect(FrameType.failed)
      client.close()
    } finally {
      await other.remove()
    }
  })

  it('answers no more requests of a client that does not read', async () => {
    const other = await TestShim.start()
    try {
      const client = await other.connect()
      for (let index = 0; index < 200_000; index++) client.send(FrameType.sysctl)
      assert.equal((await (await other.connect()).run(exec, ['true'])).exitCode, 0)
      let answers = 0
      while (answers < 200_000) {
        await client.expect(FrameType.failed)
        answers += 1
      }
      client.close()
    } finally {
      await other.remove()
    }
  })
})
