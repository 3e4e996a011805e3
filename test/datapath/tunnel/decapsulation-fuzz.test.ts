import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { BURST_MAX } from '../../../src/limits.ts'
import { finishedFrame, naiveSegments, noise, PLAIN } from '../../support/super-frame.ts'
import { mac, peerOf, TUNNEL, TunnelHost, underlay, VNI } from '../../support/tunnel-scene.ts'

const TARGET = mac('02:42:0a:01:00:03')
const OTHER_VNI = VNI + 1

/** Network 1 with port 1, network 2 with port 2, the first behind VNI, the second behind the next one. */
function host(): TunnelHost {
  const made = new TunnelHost(0)
  made.tap(1, { station: TARGET })
  made.peer(1)
  made.engine.addDomain(2, { transparent: false })
  made.engine.setOverlay(2, { ...made.overlay, networkIdentifier: OTHER_VNI })
  made.tap(2, { domain: 2, station: TARGET })
  made.engine.addPeer(301, { domain: 2, address: underlay(1), mtu: 1450 })
  made.io.attachPeer(301, TUNNEL, underlay(1), 4789)
  return made
}

const vxlan = (vni: number, inner: Uint8Array): Uint8Array =>
  Uint8Array.from([8, 0, 0, 0, vni >>> 16, (vni >>> 8) & 0xff, vni & 0xff, 0, ...inner])

const segments = naiveSegments({ ...PLAIN, payload: noise(6000, 7) }, 1000)
const segments6 = naiveSegments({ ...PLAIN, version: 6, payload: noise(3000, 9) }, 900)
const single = finishedFrame({ ...PLAIN, transport: 'udp', payload: noise(200, 3) })

const changes = fc.array(fc.tuple(fc.nat(6500), fc.nat(255)), { maxLength: 6 })

describe('datagrams of any kind', () => {
  it('harm nobody, count, and reach no network but their own', () => {
    const made = host()
    const whole = (vni: number, frames: readonly Uint8Array[]): Uint8Array =>
      Uint8Array.from(frames.flatMap((frame) => [...vxlan(vni, frame)]))
    const sizes = fc.oneof(
      fc.constantFrom(0, 8 + segments[0]!.length, 8 + segments6[0]!.length),
      fc.nat(2000),
    )
    const contents = fc.constantFrom([...segments], [...segments6], [single, single, single], [single])
    fc.assert(
      fc.property(
        fc.array(fc.tuple(contents, fc.boolean(), sizes, changes, fc.nat(255)), {
          minLength: 1,
          maxLength: 5,
        }),
        (arrivals) => {
          made.io.memory.bytes.fill(0xa5, made.io.memory.layout.slots, made.io.memory.layout.gathers)
          let reaches2 = false
          for (const [frames, isOther, size, pokes, tos] of arrivals) {
            const payload = whole(isOther ? OTHER_VNI : VNI, frames)
            for (const [at, value] of pokes) if (at < payload.length) payload[at] = value
            // A changed header may name the other network, but nothing else may.
            const step = size === 0 ? payload.length : size
            for (let at = 0; at < payload.length; at += step) {
              const vni = (payload[at + 4]! << 16) | (payload[at + 5]! << 8) | payload[at + 6]!
              if (vni === OTHER_VNI) reaches2 = true
            }
            const segmentSize = size > 0 && Math.ceil(payload.length / size) <= 128 ? size : 0
            if (segmentSize !== size && size > 0) reaches2 = true
            made.io.injectDatagram(TUNNEL, {
              payload,
              source: underlay(1),
              sourcePort: 50_000,
              segmentSize,
              tos,
            })
          }
          made.run()
          made.io.collect(1)
          const left = made.io.collect(2)
          made.io.collectDatagrams(TUNNEL)
          if (!reaches2) assert.deepEqual(left, [])
        },
      ),
      { numRuns: 150 },
    )
  })

  it('come out in rounds where there are more than a burst has room for, each once and in order', () => {
    const made = host()
    const count = 100
    const rounds = 9
    for (let round = 0; round < rounds; round++) {
      const frames = Array.from({ length: count }, (_, i) => {
        const frame = Uint8Array.from(single)
        frame.set([(round * count + i) >>> 8, (round * count + i) & 0xff], frame.length - 2)
        return frame
      })
      const payload = Uint8Array.from(frames.flatMap((frame) => [...vxlan(VNI, frame)]))
      const segmentSize = 8 + single.length
      made.io.injectDatagram(TUNNEL, { payload, source: underlay(1), sourcePort: 50_000, segmentSize })
    }
    assert.ok(count * rounds > BURST_MAX)
    made.run()
    const arrived = made.io.collect(1).map(({ frame }) => frame)
    assert.deepEqual(
      arrived.map((frame) => (frame.at(-2)! << 8) | frame.at(-1)!),
      Array.from({ length: count * rounds }, (_, i) => i),
    )
    for (const frame of arrived) {
      assert.equal(Buffer.compare(frame.subarray(0, -2), single.subarray(0, -2)), 0)
    }
    assert.equal(made.engine.counters.port(peerOf(1)).receivedFrames, count * rounds)
  })
})
