import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { naiveSegments, noise, PLAIN } from '../../support/super-frame.ts'
import { mac, TUNNEL, TunnelHost, underlay, VNI } from '../../support/tunnel-scene.ts'

const TARGET = mac('02:42:0a:01:00:03')
const PLAIN_PORT = 2

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

const vxlan = (vni: number, frame: Uint8Array): number[] => [
  ...Uint8Array.of(8, 0, 0, 0, vni >>> 16, vni >>> 8, vni, 0),
  ...frame,
]

/** Where the target takes super-frames. */
function receiver(): TunnelHost {
  const made = new TunnelHost(0)
  made.tap(1, { station: TARGET })
  made.peer(1)
  made.peer(2)
  return made
}

/** Cuts what comes at port 1 into what a device without offloads gets. */
function cutter(): TunnelHost {
  const made = new TunnelHost(1)
  made.tap(1)
  made.tap(PLAIN_PORT, { plain: true, station: TARGET })
  return made
}

/** What happens to one segment of a connection on its way: nothing to most of them. */
const harm = fc.oneof(
  { weight: 12, arbitrary: fc.constant({ kind: 'none' as const }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('poke' as const), at: fc.nat(1100), value: fc.nat(255) }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'twice' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'lost' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'astray' as const }) },
)

/** A message of the kernel's: segments of one size from one host. */
const message = fc.record({
  version: fc.constantFrom(4 as const, 6 as const),
  size: fc.constantFrom(1, 7, 64, 999, 1000),
  count: fc.integer({ min: 1, max: 12 }),
  bits: fc.constantFrom(0x10, 0x18, 0x11, 0x90, 0x50),
  seed: fc.nat(),
  peer: fc.constantFrom(1, 1, 2),
  sequenceNumber: fc.constantFrom(0, 0xffff_ff00, 5000),
  harms: fc.array(harm, { minLength: 12, maxLength: 12 }),
})

it('what comes out of a tunnel in pieces is, cut up again, what came: byte for byte, and in order', () => {
  const made = receiver()
  const other = cutter()
  let superFrames = 0
  fc.assert(
    fc.property(fc.array(message, { minLength: 1, maxLength: 6 }), (messages) => {
      const expected: string[] = []
      made.io.memory.bytes.fill(0xa5, made.io.memory.layout.slots, made.io.memory.layout.gathers)
      for (const { version, size, count, bits, seed, peer, sequenceNumber, harms } of messages) {
        const spec = {
          ...PLAIN,
          version,
          sequenceNumber,
          controlBits: bits,
          payload: noise(size * count, seed),
        }
        const datagrams = naiveSegments(spec, size).flatMap((segment, index) => {
          const harmed = harms[index]!
          if (harmed.kind === 'lost') return []
          if (harmed.kind === 'poke' && harmed.at >= 14 && harmed.at < segment.length)
            segment[harmed.at]! ^= harmed.value
          const isAstray = harmed.kind === 'astray'
          const copies = harmed.kind === 'twice' ? 2 : 1
          if (!isAstray) for (let i = 0; i < copies; i++) expected.push(hex(segment))
          return Array<number[]>(copies).fill(vxlan(isAstray ? VNI + 1 : VNI, segment))
        })
        if (datagrams.length === 0) continue
        made.io.injectDatagram(TUNNEL, {
          payload: Uint8Array.from(datagrams.flat()),
          source: underlay(peer),
          sourcePort: 50_000,
          segmentSize: datagrams.length > 1 ? datagrams[0]!.length : 0,
          tos: 0,
        })
      }
      made.run()
      for (const { frame, virtioHeader } of made.io.collect(1)) {
        if (virtioHeader[1] !== 0) superFrames++
        other.io.inject(1, frame, virtioHeader)
      }
      other.run()
      assert.deepEqual(
        other.io.collect(PLAIN_PORT).map(({ frame }) => hex(frame)),
        expected,
      )
    }),
    { numRuns: 100 },
  )
  assert.ok(superFrames > 100)
})
