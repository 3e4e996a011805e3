import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { WallClock } from '../../src/daemon/capture/capture-clock.ts'
import { RecordKind } from '../../src/datapath/capture/capture-ring.ts'
import { Fact } from '../../src/datapath/capture/recorded-frame.ts'
import { DropReason } from '../../src/datapath/drop-reason.ts'
import { CaptureComments } from '../../src/inspect/capture/capture-comments.ts'
import { address } from '../support/packet-text.ts'

const FRAME = new DataView(new ArrayBuffer(64))
// The source: 02:42:ac:12:00:03.
FRAME.setUint16(6, 0x0242)
FRAME.setUint32(8, 0xac12_0003)
const IPV4 = 0x0800
const ARP = 0x0806

interface Said {
  readonly kind?: number
  readonly number?: number
  readonly facts?: number
  readonly reason?: number
  readonly movedFrom?: number
  readonly flow?: number
  readonly protocol?: number
  /** IPv4 unless given. */
  readonly etherType?: number
  /** Flags and offset of IPv4. */
  readonly fragment?: number
  /** Source, destination, ports of both directions. */
  readonly tuples?: readonly (readonly [string, string, number, number])[]
}

function commentsOf(said: Said): readonly string[] {
  const { tuples = [], etherType = IPV4, fragment = 0, ...rest } = said
  FRAME.setUint16(12, etherType)
  FRAME.setUint16(14 + 6, fragment)
  const record = {
    kind: RecordKind.arrival as number,
    number: 1,
    facts: 0,
    reason: 0,
    movedFrom: -1,
    flow: -1,
    protocol: 6,
    ...rest,
    tuple: (direction: number, part: number): number => {
      const [source, destination, from, to] = tuples[direction]!
      return part === 0 ? address(source) : part === 1 ? address(destination) : (from << 16) | to
    },
  }
  return new CaptureComments((port) => `place ${port}`).of(record, 'web', FRAME, 0)
}

/** A client outside, a published port, a sandbox. */
const DNAT: Said['tuples'] = [
  ['198.51.100.7', '203.0.113.1', 4000, 3000],
  ['172.18.0.2', '198.51.100.7', 80, 4000],
]
const SNAT: Said['tuples'] = [
  ['172.18.0.2', '198.51.100.7', 4000, 443],
  ['198.51.100.7', '203.0.113.1', 443, 61_000],
]
const ROUTED: Said['tuples'] = [
  ['10.0.0.1', '10.0.0.2', 4000, 80],
  ['10.0.0.2', '10.0.0.1', 80, 4000],
]
const { departure } = RecordKind

describe('comments of captured packets', () => {
  const CASES: readonly (readonly [said: Said, comments: readonly string[]])[] = [
    [{}, []],
    [{ kind: departure }, []],
    [{ facts: Fact.learned }, ['learned 02:42:ac:12:00:03 on web']],
    [{ facts: Fact.moved, movedFrom: 7 }, ['learned 02:42:ac:12:00:03 on web; it was on place 7']],
    [{ facts: Fact.flooded }, ['flooded to all other ports of the network']],
    [{ facts: Fact.consumed }, ['for the router itself']],
    [{ kind: departure, number: 0 }, ['made by the router']],
    [{ kind: departure, facts: Fact.made }, ['made by the router, because of a frame that came']],
    [{ kind: departure, number: 3, facts: Fact.released }, ['had waited']],
    [{ kind: departure, number: 0, facts: Fact.released | Fact.delayed }, ['delayed by the link']],
    [{ kind: departure, number: 3, facts: Fact.released | Fact.delayed }, ['delayed by the link']],
    [
      { kind: departure, number: 3, facts: Fact.released | Fact.made },
      ['made by the router, because of a frame that came'],
    ],
    [
      { reason: DropReason.iccDisabled },
      [
        'dropped: icc-disabled. The network forbids its sandboxes to talk to one another, and no link permits this.',
      ],
    ],
    // A copy that has left was not dropped, whatever became of the others.
    [{ kind: departure, reason: DropReason.segmentLimit }, []],
    [
      { flow: 34, facts: Fact.beganFlow, tuples: DNAT },
      ['begins connection #17', 'DNAT 203.0.113.1:3000 → 172.18.0.2:80'],
    ],
    [
      { flow: 34, facts: Fact.beganFlow, kind: departure, tuples: DNAT },
      ['DNAT 203.0.113.1:3000 → 172.18.0.2:80, connection #17'],
    ],
    [{ flow: 4, facts: Fact.beganFlow, tuples: ROUTED }, ['begins connection #2']],
    [{ flow: 4, facts: Fact.held, tuples: ROUTED }, ['waits for an answer to ARP', 'connection #2']],
    [{ facts: Fact.held, fragment: 0x2000 }, ['waits for an answer to ARP']],
    [{ facts: Fact.held, fragment: 185 }, ['waits for the first fragment of its datagram']],
    [
      { flow: 4, facts: Fact.held, fragment: 185, tuples: ROUTED },
      ['waits for an answer to ARP', 'connection #2'],
    ],
    [{ flow: 35, tuples: DNAT }, ['DNAT undone 172.18.0.2:80 → 203.0.113.1:3000, connection #17, answer']],
    [{ flow: 34, tuples: SNAT }, ['SNAT 172.18.0.2:4000 → 203.0.113.1:61000, connection #17']],
    [
      { flow: 35, kind: departure, tuples: SNAT },
      ['SNAT undone 203.0.113.1:61000 → 172.18.0.2:4000, connection #17, answer'],
    ],
    [
      { flow: 34, protocol: 1, tuples: SNAT },
      ['SNAT 172.18.0.2 id 4000 → 203.0.113.1 id 61000, connection #17'],
    ],
    // A packet of the connection waits, and the router asks for its next address.
    [
      { flow: 34, kind: departure, facts: Fact.made, etherType: ARP, tuples: DNAT },
      ['made by the router, because of a frame that came', 'connection #17'],
    ],
    [
      {
        flow: 4,
        protocol: 47,
        tuples: [
          ['10.0.0.1', '10.0.0.2', 0, 0],
          ['10.0.0.2', '10.0.0.1', 0, 0],
        ],
      },
      ['connection #2'],
    ],
  ]
  for (const [said, comments] of CASES) {
    it(comments.join('; ') || `nothing: ${JSON.stringify(said)}`, () =>
      assert.deepEqual(commentsOf(said), comments),
    )
  }
})

describe('the clock of a capture', () => {
  it('has nanoseconds that never go back, whatever the offset', () => {
    const clock = new WallClock({ offsetMs: 1_767_323_045_678.125 })
    let before = { seconds: 0, nanoseconds: 0 }
    for (let i = 0; i < 10_000; i++) {
      const time = clock.time(123_456.5 + i * 0.37)
      assert.ok(Number.isInteger(time.seconds) && Number.isInteger(time.nanoseconds))
      assert.ok(time.nanoseconds >= 0 && time.nanoseconds <= 999_999_999)
      const isLater =
        time.seconds > before.seconds ||
        (time.seconds === before.seconds && time.nanoseconds >= before.nanoseconds)
      assert.ok(isLater, `${i}`)
      before = time
    }
    assert.equal(clock.text(0), '2026-01-02T03:04:05.678125000Z')
  })
})
