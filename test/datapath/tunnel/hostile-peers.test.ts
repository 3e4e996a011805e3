import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as checksum from '../../../src/wire/checksum.ts'
import * as virtioNet from '../../../src/wire/virtio-net.ts'
import { finishedFrame, PLAIN, partialFrame } from '../../support/super-frame.ts'
import { INNER_MTU, mac, TUNNEL, TunnelHost, underlay, VNI } from '../../support/tunnel-scene.ts'

const TARGET = mac('02:42:0a:01:00:03')
const SYN = 2

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** One with the target at port 1, and host 1 for a peer. */
function host(options: ConstructorParameters<typeof TunnelHost>[1] = {}): TunnelHost {
  const made = new TunnelHost(0, options)
  made.tap(1, { station: TARGET })
  made.peer(1)
  return made
}

function receive(made: TunnelHost, ...frames: readonly Uint8Array[]): void {
  const payload = frames.flatMap((frame) => [
    8,
    0,
    0,
    0,
    VNI >>> 16,
    (VNI >>> 8) & 0xff,
    VNI & 0xff,
    0,
    ...frame,
  ])
  made.io.injectDatagram(TUNNEL, {
    payload: Uint8Array.from(payload),
    source: underlay(1),
    sourcePort: 50_000,
    segmentSize: frames.length > 1 ? frames[0]!.length + 8 : 0,
    tos: 0,
  })
  made.run()
}

describe('a SYN out of a tunnel', () => {
  const syn = (mss: number) =>
    ({ ...PLAIN, controlBits: SYN, tcpOptions: Uint8Array.of(2, 4, mss >>> 8, mss & 0xff) }) as const

  for (const version of [4, 6] as const) {
    const clamped = INNER_MTU - (version === 4 ? 40 : 60)

    it(`whose checksum is left open has a right one in the end, with another MSS: IPv${version}`, () => {
      const made = host()
      receive(made, partialFrame({ ...syn(8960), version }))
      const [{ frame, virtioHeader } = assert.fail('nothing has come')] = made.io.collect(1)
      const header = virtioNet.parse(new DataView(Uint8Array.from(virtioHeader).buffer), 0, 10)!
      assert.equal(header.flags, virtioNet.FLAG_NEEDS_CSUM)
      const view = new DataView(Uint8Array.from(frame).buffer)
      const from = header.checksumStart
      view.setUint16(
        from + header.checksumOffset,
        checksum.finish(checksum.sum(view, from, view.byteLength - from)),
      )
      assert.equal(hex(new Uint8Array(view.buffer)), hex(finishedFrame({ ...syn(clamped), version })))
    })

    it(`with a right checksum has a right one, with another MSS: IPv${version}`, () => {
      const made = host()
      receive(made, finishedFrame({ ...syn(8960), version }))
      const [{ frame } = assert.fail('nothing has come')] = made.io.collect(1)
      assert.equal(hex(frame), hex(finishedFrame({ ...syn(clamped), version })))
    })
  }
})
