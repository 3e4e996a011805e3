import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FRAME_MAX } from '../../../src/datapath/frame-memory.ts'
import { Direction } from '../../../src/inspect/pcap/capture-file.ts'
import type { CaptureFileError } from '../../../src/inspect/pcap/capture-file-error.ts'
import { CaptureReader } from '../../../src/inspect/pcap/capture-reader.ts'
import { Replay } from '../../../src/simulation/replay/replay.ts'
import type { ReplaySummary } from '../../../src/simulation/replay/replay-summary.ts'
import { parseSourceRule } from '../../../src/simulation/replay/source-rules.ts'
import { pcapBytes, pcapngBytes, type TestPacket } from '../../support/capture-bytes.ts'
import { FrameMutator } from '../../support/frame-mutator.ts'
import { address, packetFrame } from '../../support/packet-text.ts'
import { Random } from '../../support/random.ts'
import { SimulatedScene } from '../../support/simulated-scene.ts'

const frameOf = (packet: string, gateway = '10.1.0.1'): Uint8Array =>
  packetFrame(packet, address(gateway)).frame

const ALICE_TO_BOB = frameOf('echo 10.1.0.2>10.1.0.3 id=7 via=10.1.0.3')
const BOB_TO_ALICE = frameOf('reply 10.1.0.3>10.1.0.2 id=7 via=10.1.0.2')
const STRANGER = frameOf('echo 192.0.2.9>10.1.0.3 id=7 via=10.1.0.3')

interface ReplayOf {
  readonly rules?: readonly string[]
  readonly scene?: SimulatedScene
  /** Bytes that the reader is given at a time. */
  readonly chunk?: number
}

async function replayOf(
  capture: Uint8Array,
  { rules = [], scene, chunk = capture.length }: ReplayOf = {},
): Promise<ReplaySummary> {
  const { lab } = scene ?? (await SimulatedScene.start('demo'))
  const replay = new Replay(lab, { rules: rules.map(parseSourceRule) })
  const reader = new CaptureReader()
  for (let at = 0; at < capture.length; at += chunk) {
    reader.push(capture.subarray(at, at + chunk))
    assert.equal(replay.read(reader), false)
  }
  reader.end()
  assert.equal(replay.read(reader), true)
  return replay.finish()
}

describe('a replay', () => {
  it('takes frames to who has their source address', async () => {
    const summary = await replayOf(
      pcapBytes([
        { atMs: 0, frame: ALICE_TO_BOB },
        { atMs: 1.5, frame: BOB_TO_ALICE },
        { atMs: 2, frame: STRANGER },
      ]),
    )
    const { read, placed, unplaced, spanS } = summary.file
    assert.deepEqual({ read, placed, unplaced, spanS }, { read: 3, placed: 2, unplaced: 1, spanS: 0.0015 })
    assert.deepEqual(summary.unplaced, [{ mac: '02:42:c0:00:02:09', address: '192.0.2.9', frames: 1 }])
    assert.deepEqual([summary.received, summary.transmitted, summary.dropped], [2, 2, 0])
  })

  it('finds who has the IP address, or the sender of ARP, where nobody has the MAC address', async () => {
    const summary = await replayOf(
      pcapBytes([
        { atMs: 0, frame: frameOf('echo 10.1.0.2>10.1.0.3 via=10.1.0.3 from=192.0.2.9') },
        { atMs: 0, frame: frameOf('arp 10.1.0.3 asks 10.1.0.2 from=192.0.2.8') },
      ]),
    )
    assert.equal(summary.file.placed, 2)
    assert.deepEqual(
      summary.drops.map(({ reason, frames }) => [reason, frames]),
      [['mac-spoofed', 2]],
    )
  })

  it('leaves out what a gateway has sent', async () => {
    const { file } = await replayOf(
      pcapBytes([{ atMs: 0, frame: frameOf('echo 10.1.0.1>10.1.0.2 via=10.1.0.2') }]),
    )
    assert.deepEqual([file.byRouter, file.placed, file.unplaced], [1, 0, 0])
  })

  it('follows what the user says: an interface before an address, and everything last', async () => {
    const capture = pcapngBytes(
      [{ name: 'eth0' }, { name: 'eth1' }],
      [
        { atMs: 0, on: 0, frame: STRANGER },
        { atMs: 0, on: 1, frame: STRANGER },
        { atMs: 0, on: 1, frame: BOB_TO_ALICE },
      ],
    )
    const scene = await SimulatedScene.start('demo')
    const before = (name: string): number => scene.lab.datapath.counters.port(scene.port(name)).receivedFrames
    const [erin, dave, carol] = ['erin', 'dave', 'carol'].map(before)
    await replayOf(capture, { scene, rules: ['eth0=erin', '10.1.0.3=dave', '*=carol'] })
    assert.deepEqual(['erin', 'dave', 'carol'].map(before), [erin! + 1, dave! + 1, carol! + 1])
    await assert.rejects(replayOf(capture, { rules: ['eth0=nobody'] }), { code: 'USAGE' })
  })

  it('puts in again what came in, in captures of our own, and not what left', async () => {
    const interfaces = [{ name: 'carol.eth0@web' }, { name: 'bob.eth0@web#2' }]
    const packets: TestPacket[] = [
      { atMs: 0, on: 0, frame: STRANGER, direction: Direction.inbound },
      { atMs: 0, on: 1, frame: STRANGER, direction: Direction.outbound },
    ]
    const own = await replayOf(pcapngBytes(interfaces, packets, { application: 'tapwire 1.0.0' }))
    assert.deepEqual([own.file.placed, own.file.outbound, own.file.unplaced], [1, 1, 0])
    const other = await replayOf(pcapngBytes(interfaces, packets, { application: 'dumpcap 4.0.17' }))
    assert.deepEqual([other.file.placed, other.file.outbound, other.file.unplaced], [0, 0, 2])
  })

  it('never goes back in time, and says how often it should have', async () => {
    const { file } = await replayOf(
      pcapBytes([
        { atMs: 5000, frame: ALICE_TO_BOB },
        { atMs: 1000, frame: BOB_TO_ALICE },
        { atMs: 7000, frame: BOB_TO_ALICE },
      ]),
    )
    assert.deepEqual([file.backwards, file.spanS, file.placed], [1, 2, 3])
  })

  it('fills up what was not captured whole, and leaves out what is no frame', async () => {
    const scene = await SimulatedScene.start('demo')
    const bytes = (): number => scene.lab.datapath.counters.port(scene.port('bob')).transmittedBytes
    const before = bytes()
    const { file, transmitted: sent } = await replayOf(
      pcapBytes([
        { atMs: 0, frame: ALICE_TO_BOB.subarray(0, 40), length: ALICE_TO_BOB.length },
        { atMs: 0, frame: ALICE_TO_BOB, length: 100_000 },
      ]),
      { scene },
    )
    assert.deepEqual([file.cut, file.tooLong, file.placed, sent], [1, 1, 1, 1])
    assert.equal(bytes() - before, ALICE_TO_BOB.length)
    const cooked = pcapngBytes([{ name: 'any', linkType: 276 }], [{ atMs: 0, frame: ALICE_TO_BOB }])
    assert.equal((await replayOf(cooked)).file.otherLinkType, 1)
  })

  it('of a frame without bytes is a runt', async () => {
    const summary = await replayOf(pcapBytes([{ atMs: 0, frame: new Uint8Array() }]), { rules: ['alice'] })
    assert.deepEqual(
      summary.drops.map(({ reason }) => reason),
      ['runt-frame'],
    )
  })

  it('of a capture without packets does nothing', async () => {
    const summary = await replayOf(pcapBytes([]))
    assert.deepEqual([summary.file.read, summary.received, summary.transmitted], [0, 0, 0])
  })

  it('says how far a broken file was read', async () => {
    const capture = pcapBytes([{ atMs: 0, frame: ALICE_TO_BOB }])
    await assert.rejects(
      replayOf(capture.subarray(0, -3)),
      ({ name, offset }: CaptureFileError) => name === 'CaptureFileError' && offset === 24,
    )
  })

  it('does the same whoever looks on, and however the file comes in', async () => {
    const random = new Random(20)
    const hosts = ['10.1.0.2', '10.1.0.3', '10.1.0.4', '10.2.0.2', '203.0.113.2']
    const gateways = ['10.1.0.1', '10.1.0.1', '10.1.0.1', '10.2.0.1', '203.0.113.1']
    const packets = Array.from({ length: 1500 }, (_, index): TestPacket => {
      const from = random.below(hosts.length)
      const to = random.pick(hosts)
      const ports = `${hosts[from]!}:${1000 + random.below(20)}>${to}:${random.pick([53, 80, 443])}`
      const line = random.pick([
        `echo ${hosts[from]!}>${to} id=${random.below(9)}`,
        `udp ${ports}`,
        `tcp ${ports} syn`,
        `arp ${hosts[from]!} tells ${gateways[from]!}`,
        `arp ${hosts[from]!} asks ${to}`,
      ])
      const frame = frameOf(line, gateways[from]!)
      return { atMs: index * 37, frame: random.oneIn(4) ? mutated(random, frame) : frame }
    })
    const capture = pcapBytes(packets)
    const quiet = await replayOf(capture)
    const watched = await SimulatedScene.start('demo')
    let departures = 0
    watched.lab.datapath.path.add({
      wantsRefused: false,
      begin: () => undefined,
      make: () => undefined,
      depart: () => void departures++,
      end: () => undefined,
      lose: () => undefined,
      refuse: () => undefined,
      miss: () => undefined,
      overlooks: (from) => from,
      overlook: () => undefined,
      flush: () => undefined,
    })
    assert.deepEqual(await replayOf(capture, { scene: watched, chunk: 1000 }), quiet)
    assert.equal(departures, quiet.transmitted)
    assert.ok(quiet.transmitted > 500 && quiet.dropped > 100 && quiet.flows > 10, JSON.stringify(quiet))
    const { received, copies, segments, originated, consumed, held, dropped } = quiet
    assert.equal(received + copies + segments + originated, quiet.transmitted + dropped + consumed + held)
  })
})

/** One that has room before it, where the mutator asks for offloads, and behind it, where it grows. */
function mutated(random: Random, frame: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(128 + FRAME_MAX)
  bytes.set(frame, 64)
  const mutator = new FrameMutator(new DataView(bytes.buffer), bytes, random)
  return bytes.slice(64, 64 + mutator.mutate(64, frame.length, 64))
}

describe('mutated captures', () => {
  const count = Number(process.env['TAPWIRE_FUZZ_PACKETS'] ?? 100)

  it(`end a replay with a result, or with the offset of what is wrong (${count} of them)`, async () => {
    const scene = await SimulatedScene.start('demo')
    const seed = Number(process.env['TAPWIRE_FUZZ_SEED'] ?? 1)
    const random = new Random(seed)
    const packets: TestPacket[] = [
      { atMs: 0, frame: ALICE_TO_BOB, direction: Direction.inbound },
      { atMs: 3, on: 1, frame: BOB_TO_ALICE, direction: Direction.outbound },
      { atMs: 4000, frame: frameOf('udp 10.1.0.2:4000>203.0.113.2:53') },
    ]
    const originals = [
      pcapBytes(packets),
      pcapngBytes([{ name: 'alice.eth0@web' }, { name: 'bob.eth0@web' }], packets, {
        application: 'tapwire',
      }),
    ]
    const ends = { whole: 0, broken: 0 }
    for (let turn = 0; turn < count; turn++) {
      const capture = Uint8Array.from(random.pick(originals))
      for (let i = random.below(6); i >= 0; i--) capture[random.below(capture.length)] = random.next()
      const end = capture.subarray(0, random.oneIn(4) ? random.below(capture.length) : capture.length)
      try {
        await replayOf(end, { scene })
        ends.whole++
      } catch (error) {
        assert.equal(
          (error as Error).name,
          'CaptureFileError',
          `seed ${seed}, turn ${turn}: ${String(error)}`,
        )
        ends.broken++
      }
    }
    assert.ok(ends.whole > count / 10 && ends.broken > count / 10, JSON.stringify(ends))
  })
})
