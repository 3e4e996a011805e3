import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DropReason } from '../../../src/datapath/drop-reason.ts'
import * as checksum from '../../../src/wire/checksum.ts'
import * as virtioNet from '../../../src/wire/virtio-net.ts'
import { address, packetFrame } from '../../support/packet-text.ts'
import { finishedFrame, PLAIN, partialFrame } from '../../support/super-frame.ts'
import { INNER_MTU, mac, peerOf, TUNNEL, TunnelHost, underlay, VNI } from '../../support/tunnel-scene.ts'

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

describe('a way that is as narrow as a forged ICMP error says', () => {
  const NARROW = 502
  const narrow = (): TunnelHost => {
    const made = host()
    made.tap(2)
    made.engine.setRemote(1, mac('02:42:0a:01:00:07'), { port: peerOf(1), ipv4: [] })
    made.engine.setPeerMtu(peerOf(1), NARROW)
    return made
  }
  const packet = (text: string): Uint8Array => packetFrame(text, address('10.1.0.7')).frame

  it('takes fragments, and their sender is told of it where there may be none', () => {
    const made = narrow()
    made.io.inject(2, packet('udp 10.1.0.6:1>10.1.0.7:2 len=900'))
    made.run()
    const sent = made.io.collectDatagrams(TUNNEL)
    assert.equal(sent.length, 2)
    for (const { payload } of sent) assert.ok(payload.length <= NARROW + 14 + 8)
    made.io.inject(2, packet('udp 10.1.0.6:1>10.1.0.7:2 df len=900'))
    made.run()
    assert.equal(made.drops(peerOf(1))[DropReason.fragmentationNeeded], 1)
    const [{ frame } = assert.fail('nobody is told')] = made.io.collect(2)
    // ICMP type 3, code 4; the MTU is its last field (RFC 1191, 4).
    assert.equal(hex(frame.subarray(34, 36)), '0304')
    assert.equal((frame[40]! << 8) | frame[41]!, NARROW)
  })
})
