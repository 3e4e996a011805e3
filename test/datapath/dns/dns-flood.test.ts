/**
 * Mutated questions in full bursts, twice each: with one thing behind each frame and where the answers go, and with another. What leaves is the same
 * both times, so nothing is read that is not the frame's; each frame is answered or dropped; no answer is longer than its client takes.
 *
 *     TAPWIRE_FUZZ_SEED=N      repeats a run; each prints its seed
 *     TAPWIRE_FUZZ_PACKETS=N   makes it shorter or longer
 */

import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { it } from 'node:test'
import { Engine } from '../../../src/datapath/engine.ts'
import {
  DESCRIPTOR_SHIFT,
  FrameMemory,
  frameLayout,
  LENGTH,
  OFFSET,
  VIRTIO_NET_HEADER_SIZE,
} from '../../../src/datapath/frame-memory.ts'
import { BURST_MAX, DNS_UDP_SIZE_MAX } from '../../../src/limits.ts'
import { parseMessage } from '../../../src/wire/dns-message.ts'
import { QueryReader } from '../../../src/wire/dns-query.ts'
import { questionOf } from '../../support/dns-scene.ts'
import { gatewayInterface } from '../../support/gateway-interface.ts'
import { address, packetFrame } from '../../support/packet-text.ts'
import { Random } from '../../support/random.ts'
import { assertAllAccountedFor } from '../../support/scenario.ts'

const PACKETS = Number(process.env['TAPWIRE_FUZZ_PACKETS'] ?? 50_000)
const SEED = Number(process.env['TAPWIRE_FUZZ_SEED'] ?? randomInt(1, 2 ** 31))
const GATEWAY = '10.1.0.1'
const MESSAGE = 14 + 28
const UDP_LENGTH = 14 + 20 + 4
const MTU = 1000
const BEHIND = 600
/** Of the arena, a burst's answers take so much at most. */
const ANSWERS_SIZE = BURST_MAX * MTU
const BYTES = Int32Array.of(0, 1, 2, 3, 12, 0x29, 0x3f, 0x40, 0x80, 0xc0, 0xff)

class Flood {
  readonly engine: Engine
  readonly #memory = new FrameMemory(frameLayout(BURST_MAX))
  readonly #random = new Random(SEED)
  readonly #reader = new QueryReader()
  readonly #frames: readonly Uint8Array[]
  readonly #descriptors = new Int32Array(BURST_MAX << DESCRIPTOR_SHIFT)
  answered = 0

  constructor() {
    this.engine = new Engine(this.#memory, { seed: SEED })
    this.#configure()
    const questions = [
      'web A',
      'WEB.front ANY',
      'store AAAA',
      '_http._tcp.web SRV',
      'host-7.front A',
      'nobody MX',
    ]
    const messages = [...questions, '2.0.1.10.in-addr.arpa PTR'].flatMap((question) => [
      questionOf(question),
      questionOf(question, { edns: 700 }),
      questionOf(question, { edns: 4096 }),
    ])
    this.#frames = messages.map((message) => {
      const data = Buffer.from(message).toString('hex')
      return packetFrame(`udp 10.1.0.2:4000>${GATEWAY}:53 nosum data=${data}`, address(GATEWAY)).frame
    })
  }

  burst(): void {
    for (let index = 0; index < BURST_MAX; index++) this.#place(index)
    const first = this.#run(0xff)
    const other = this.#run(0x03)
    assert.equal(Buffer.compare(first, other), 0, `what is behind a frame is read, seed ${SEED}`)
  }

  /** What leaves, one frame behind the other. */
  #run(behind: number): Buffer {
    const { received, transmits, bytes } = this.#memory
    const { arena } = this.#memory.layout
    received.set(this.#descriptors)
    for (let index = 0; index < BURST_MAX; index++) {
      const end =
        received[(index << DESCRIPTOR_SHIFT) + OFFSET]! + received[(index << DESCRIPTOR_SHIFT) + LENGTH]!
      bytes.fill(behind, end, end + BEHIND)
    }
    // What was in the arena before is nobody's either.
    bytes.fill(behind, arena, arena + ANSWERS_SIZE)
    assert.equal(this.engine.process(0, BURST_MAX, 1), BURST_MAX)
    const left: Uint8Array[] = []
    for (let index = 0; index < this.engine.transmitCount; index++) {
      const offset = transmits[(index << DESCRIPTOR_SHIFT) + OFFSET]!
      left.push(bytes.slice(offset, offset + transmits[(index << DESCRIPTOR_SHIFT) + LENGTH]!))
    }
    this.#check(left)
    this.engine.settle()
    return Buffer.concat(left)
  }

  /** Answers come in the order of their questions; what is no question has none. */
  #check(left: readonly Uint8Array[]): void {
    const { view } = this.#memory
    let next = 0
    for (let index = 0; index < BURST_MAX; index++) {
      const offset = this.#descriptors[(index << DESCRIPTOR_SHIFT) + OFFSET]! + MESSAGE
      const end = offset + view.getUint16(offset - 4) - 8
      // Cut short, or a response.
      if (end - offset < 12 || view.getUint8(offset + 2) >= 0x80) continue
      const answer = left[next++]!.subarray(MESSAGE)
      this.#reader.read(view, offset, end)
      const limit = Math.min(this.#reader.udpSize, DNS_UDP_SIZE_MAX, MTU - 28)
      const what = (): string =>
        `${Buffer.from(this.#memory.bytes.subarray(offset, end)).toString('hex')}, seed ${SEED}`
      if (answer.length > limit) assert.fail(`${answer.length} bytes to ${what()}`)
      if (answer[0] !== view.getUint8(offset) || answer[2]! < 0x80) assert.fail(`no answer to ${what()}`)
      if (this.#random.oneIn(64)) assert.ok(parseMessage(answer) !== undefined, what())
    }
    assert.equal(next, left.length, `each question has an answer, seed ${SEED}`)
    this.answered += next
  }

  #place(index: number): void {
    const random = this.#random
    const { bytes, view } = this.#memory
    const frame = random.pick(this.#frames)
    const offset = this.#memory.slotFrame(index)
    bytes.fill(0, offset - VIRTIO_NET_HEADER_SIZE, offset)
    bytes.set(frame, offset)
    const size = frame.length - MESSAGE
    for (let left = random.below(5); left > 0; left--) {
      const at = offset + MESSAGE + random.below(size)
      if (random.oneIn(2)) bytes[at] = random.from(BYTES)
      else bytes[at]! ^= 1 << random.below(8)
    }
    // A shorter datagram in the packet as it was: what is behind it is padding.
    if (random.oneIn(8)) view.setUint16(offset + UDP_LENGTH, 8 + random.below(size + 1))
    this.#descriptors.set([1, offset, frame.length, 0], index << DESCRIPTOR_SHIFT)
  }

  #configure(): void {
    const { engine } = this
    engine.addDomain(1, { transparent: false })
    engine.addPort(1, { domain: 1, mtu: 1500, plain: false })
    engine.setInterface(1, gatewayInterface(GATEWAY, MTU))
    const { dns } = engine
    dns.setZone(1, { name: 'front', ttlS: 5, served: true })
    for (let id = 0; id < 200; id++) {
      dns.setNamedHost(id, {
        id,
        domain: 1,
        ipv4: address('10.1.0.2') + id,
        ipv6: [0xfd00_0000 | 0, 0, 0, id],
        names: id === 0 ? [{ text: 'web', kind: 0 }] : [{ text: `host-${id}`, kind: 0 }],
        services: [{ protocol: 6, first: 80, last: 80 }],
      })
    }
    const scopes = [{ domain: 1, links: [{ alias: 'store', target: 'web' }] }]
    dns.setResolver(1, { id: 1, ports: [1], scopes, forwards: false, singleLabelsStay: false })
  }
}

it(`${PACKETS} mutated questions are answered from what they are alone`, (t) => {
  t.diagnostic(`TAPWIRE_FUZZ_SEED=${SEED}`)
  const flood = new Flood()
  for (let done = 0; done < PACKETS; done += BURST_MAX) flood.burst()
  t.diagnostic(`${flood.answered} answers; ${JSON.stringify(flood.engine.dns.counts())}`)
  assert.ok(flood.answered > PACKETS)
  assertAllAccountedFor(flood.engine.counters.total())
})
