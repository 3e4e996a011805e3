/**
 * Random packets, mutated ones among them, through the router of a small world, one at a time. For each: `explain` says beforehand
 * what becomes of it, and changes nothing; then exactly that happens. Whatever it is, nobody throws, all is accounted for, what leaves
 * has a right header, no network that hides its addresses shows one, and what is isolated stays so.
 *
 *     TAPWIRE_FUZZ_SEED=N      repeats a run; each prints its seed
 *     TAPWIRE_FUZZ_PACKETS=N   makes it shorter or longer
 */

import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { it } from 'node:test'
import type { PortCount } from '../../src/datapath/counters.ts'
import { DROP_REASONS } from '../../src/datapath/drop-reason.ts'
import { VIRTIO_NET_HEADER_SIZE } from '../../src/datapath/frame-memory.ts'
import type { ExplainedStep } from '../../src/datapath/router-settings.ts'
import type { QueuedFrame } from '../../src/ports/memory-frame-io.ts'
import { packetFrame } from '../support/packet-text.ts'
import { Random } from '../support/random.ts'
import { playRouter, RouterScene } from '../support/router-scene.ts'
import { assertAllAccountedFor } from '../support/scenario.ts'
import { naiveChecksum } from '../support/wire-bytes.ts'

const PACKETS = Number(process.env['TAPWIRE_FUZZ_PACKETS'] ?? 5000)
const SEED = Number(process.env['TAPWIRE_FUZZ_SEED'] ?? randomInt(1, 2 ** 31))

/** Networks 5 and 6 publish nothing: nobody but the world that they ask may reach them. */
const WORLD = `
  network 1
  network 2 icc=no
  network 3
  network 4
  network 5
  network 6
  network 7
  port 1 network=1 guard=10.1.0.2
  port 2 network=1
  port 3,4 network=2
  port 5 network=5
  port 6 network=6 plain
  port 7 network=4
  port 8 network=7
  port 9 network=3 plain
  port 10 network=4 host
  gateway 1 10.1.0.1/24 proxy
  gateway 2 10.2.0.1/24 mtu=1400
  gateway 4 10.4.0.1/24 mode=routed host=10
  gateway 5 10.5.0.1/24
  gateway 6 10.6.0.1/24 internal
  uplink 3 192.0.2.1/24 ports=4000-4003
  relay 7 169.254.0.1/30
  route 0.0.0.0/0 3 via=192.0.2.254
  route 9.0.0.0/8 3
  zone 1 front
  zone 5 back
  named 1 network=1 10.1.0.2 web
  resolver 1 ports=1,2,5 networks=1,5 forwards
  service 169.254.0.2:53 network=7
`
const PUBLISHED = `
  publish 1 udp 4000-4001 10.1.0.2:53 network=1 owner=1
  publish 2 tcp 4001 10.2.0.2:53 network=2 owner=3
  publish 3 tcp 53 10.4.0.2:53 network=4 owner=7 at=10.4.0.2
  permit 4 network=2 10.2.0.2 10.2.0.3:53 tcp
  virtual 1 10.1.0.100 network=1 10.1.0.2@1 10.1.0.3@2
  publish 5 udp 4002 10.1.0.100:53 network=1 owner=-1
`
/** Where each station is; those of the last lines are nowhere. */
const HOMES: Readonly<Record<string, number>> = {
  '10.1.0.2': 1,
  '10.1.0.3': 2,
  '10.2.0.2': 3,
  '10.2.0.3': 4,
  '10.5.0.2': 5,
  '10.6.0.2': 6,
  '10.4.0.2': 7,
  '169.254.0.2': 8,
  '192.0.2.254': 9,
  '192.0.2.77': 9,
  '9.9.9.9': 9,
}
const GATEWAYS = ['10.1.0.1', '10.2.0.1', '10.4.0.1', '10.5.0.1', '10.6.0.1', '192.0.2.1', '169.254.0.1']
/** The virtual address of a service whose backends are on network 1. */
const VIRTUAL = '10.1.0.100'
const OTHERS = [VIRTUAL, '10.1.0.9', '10.1.0.255', '8.8.8.8', '127.0.0.1', '192.0.2.9']
const NETWORK_OF: Readonly<Record<number, number>> = {
  1: 1,
  2: 1,
  3: 2,
  4: 2,
  5: 5,
  6: 6,
  7: 4,
  8: 7,
  9: 3,
  10: 4,
}
const GATEWAY_OF: Readonly<Record<number, string>> = {
  1: '10.1.0.1',
  2: '10.2.0.1',
  3: '192.0.2.1',
  4: '10.4.0.1',
  5: '10.5.0.1',
  6: '10.6.0.1',
  7: '169.254.0.1',
}
const UPLINK_PORT = 9
/** First two bytes of what the uplink must not see: 10.1, 10.2, 10.5, 10.6. */
const HIDDEN = new Set([0x0a01, 0x0a02, 0x0a05, 0x0a06])
const UNREACHED = new Set([5, 6])

interface Arrival {
  readonly port: number
  readonly frame: QueuedFrame
  readonly line: string
}

interface State {
  readonly flows: unknown
  readonly neighbours: unknown
  readonly stations: unknown
}

class Fuzzer {
  readonly scene = new RouterScene({ seed: SEED, connections: 64, connectionsPerOwner: 8 })
  readonly #random = new Random(SEED)
  readonly #queue: Arrival[] = []
  /** How often each explanation ended in which way: what is never met is not tested. */
  readonly ends = new Map<string, number>()

  constructor() {
    playRouter(WORLD + PUBLISHED, this.scene)
  }

  get #ports(): readonly number[] {
    return this.scene.scenario.ports
  }

  step(): void {
    const random = this.#random
    if (this.#random.oneIn(20)) this.#changeSomething()
    const arrival = this.#queue.shift() ?? this.#packet()
    if (!this.#ports.includes(arrival.port)) return
    const { scenario, engine } = this.scene
    const before = this.#counters()
    // Now and then, for it takes long.
    const state = random.oneIn(16) ? this.#state() : undefined
    const steps = engine.explain(arrival.port, arrival.frame.frame, scenario.nowS)
    assert.deepEqual(this.#counters(), before, `explain counts something: ${arrival.line}`)
    if (state !== undefined)
      assert.deepEqual(this.#state(), state, `explain changes something: ${arrival.line}`)
    scenario.arrive(arrival.port, arrival.frame)
    this.#turn()
    const left = new Map(this.#ports.map((port) => [port, scenario.departures(port)]))
    // What has waited goes on with some packets, and then more happens than is explained.
    const isAlone = before.every(({ held }) => held === 0)
    for (const [port, frames] of left)
      for (const frame of frames) this.#departed(arrival, port, frame, isAlone)
    // What is explained is a finished frame.
    if (arrival.frame.virtioHeader.every((byte) => byte === 0))
      this.#compare(arrival, steps.at(-1)!, left, before, isAlone)
  }

  #packet(): Arrival {
    const random = this.#random
    const line = this.#line()
    const source = /[\d.]+(?=[:>])|(?<=arp )[\d.]+/.exec(line)![0]
    const home = HOMES[source] ?? 1 + random.below(10)
    const port = random.oneIn(30) ? 1 + random.below(10) : home
    const from = home === 9 ? ` from=${random.pick(['192.0.2.254', '192.0.2.77'])}` : ''
    const about = line.indexOf(' about ')
    const whole = about < 0 ? line + from : line.slice(0, about) + from + line.slice(about)
    const queued = packetFrame(
      line.startsWith('arp') ? line : whole,
      this.#address(GATEWAY_OF[NETWORK_OF[port]!]!),
    )
    const frame = Uint8Array.from(queued.frame)
    for (let left = random.oneIn(8) ? 1 + random.below(3) : 0; left > 0; left--) {
      frame[random.below(Math.min(frame.length, 80))] = random.below(256)
    }
    const virtioHeader = Uint8Array.from(queued.virtioHeader)
    if (virtioHeader[0] === 1 && random.oneIn(2)) {
      // Flags, type and checksum request; small numbers are those that could do harm.
      virtioHeader[random.pick([0, 1, 4, 6, 8])] = random.below(64)
    }
    return { port, frame: { frame, virtioHeader }, line: `${port}> ${whole}` }
  }

  #address(text: string): number {
    return text.split('.').reduce((sum, part) => (sum << 8) | Number(part), 0)
  }

  #line(): string {
    const random = this.#random
    const station = (): string => random.pick(Object.keys(HOMES))
    const anybody = (): string =>
      random.pick([...Object.keys(HOMES), ...GATEWAYS, '192.0.2.1', '192.0.2.1', ...OTHERS])
    const port = (): string => random.pick(['53', '4000', '4001', '4002', random.oneIn(20) ? '0' : '53'])
    const source = random.oneIn(20) ? anybody() : station()
    const destination = anybody()
    const ends = `${source}:${port()}>${destination}:${port()}`
    const rest = random.pick([
      '',
      '',
      '',
      '',
      ' ttl=1',
      ' df len=1390',
      ' len=1390',
      ' ident=7 len=64 cut=0-24',
      ' ident=7 len=64 cut=24-72',
      ' opts=94040000',
      ' partial',
      ' partial ident=7 len=64 cut=24-72',
      ' len=3000 gso=1000',
    ])
    switch (random.below(8)) {
      case 0:
      case 1:
      case 2:
        return `udp ${ends}${rest}`
      case 3:
      case 4:
        return `tcp ${ends} ${random.pick(['syn', 'syn,ack', 'ack', 'fin,ack', 'rst'])}${rest}`
      case 5:
        return `${random.pick(['echo', 'reply'])} ${source}>${destination} id=${random.pick(['53', '4000'])}${rest}`
      case 6:
        return `error=${random.pick(['3/1', '3/4', '11/0', '5/1'])} ${source}>${destination} about udp ${destination}:${port()}>${random.oneIn(2) ? source : station()}:${port()}`
      default:
        if (random.oneIn(4)) return `proto=47 ${source}>${destination}`
        return `arp ${source} ${random.pick(['asks', 'tells'])} ${random.oneIn(2) ? (GATEWAY_OF[NETWORK_OF[HOMES[source] ?? 1]!] ?? destination) : destination}`
    }
  }

  /** Stations answer ARP, mostly. */
  #departed(arrival: Arrival, port: number, { frame }: QueuedFrame, isAlone: boolean): void {
    const bytes = Buffer.from(frame)
    if (bytes.readUInt16BE(12) === 0x0806 && bytes.readUInt16BE(20) === 1) {
      const target = [...bytes.subarray(38, 42)].join('.')
      const asker = [...bytes.subarray(28, 32)].join('.')
      if (HOMES[target] === port && asker === GATEWAY_OF[NETWORK_OF[port]!] && !this.#random.oneIn(8)) {
        const line = `arp ${target} tells ${asker}`
        this.#queue.push({ port, frame: packetFrame(line, 0), line: `${port}> ${line}` })
      }
    }
    if (this.#random.oneIn(3)) this.#answer(port, frame)
    const [from, to] = [NETWORK_OF[arrival.port]!, NETWORK_OF[port]!]
    if (from === to) return
    const what = `${arrival.line} left by ${port} as ${bytes.toString('hex', 0, 80)}, seed ${SEED}`
    // ARP requests of the router.
    if (bytes.readUInt16BE(12) === 0x0806) return
    assert.equal(bytes.readUInt16BE(12), 0x0800, what)
    const size = (bytes[14]! & 15) * 4
    assert.equal(naiveChecksum(bytes.subarray(14, 14 + size)), 0, `bad checksum: ${what}`)
    assert.equal(bytes.readUInt16BE(16), bytes.length - 14, `length: ${what}`)
    if (port === UPLINK_PORT) assert.ok(!HIDDEN.has(bytes.readUInt16BE(26)), `shows an address: ${what}`)
    // What has waited may have come from another network than what ended that; it says itself where it is at home.
    const home = HOMES[[...bytes.subarray(26, 30)].join('.')]
    const begun = isAlone ? from : NETWORK_OF[home ?? 0]
    if (begun === undefined || begun === to) return
    assert.ok(!(UNREACHED.has(to) && begun !== 3 && begun !== 7 && this.#isNew(bytes)), `isolated: ${what}`)
  }

  /** Not an answer from a published port, which has an address of the router's, or is one of the routed network's. */
  #isNew(bytes: Buffer): boolean {
    const source = [...bytes.subarray(26, 30)].join('.')
    return !GATEWAYS.includes(source) && !source.startsWith('10.4.')
  }

  /** What came, sent back: addresses and ports change sides, which no checksum notices. */
  #answer(port: number, frame: Uint8Array): void {
    const bytes = Buffer.from(frame)
    const transport = 14 + (bytes[14]! & 15) * 4
    const hasPorts = bytes[23] === 6 || bytes[23] === 17
    if (
      bytes.readUInt16BE(12) !== 0x0800 ||
      bytes.length < transport + 8 ||
      (bytes.readUInt16BE(20) & 0x1fff) !== 0
    )
      return
    exchange(bytes, 0, 6, 6)
    exchange(bytes, 26, 30, 4)
    if (hasPorts) exchange(bytes, transport, transport + 2, 2)
    const virtioHeader = new Uint8Array(VIRTIO_NET_HEADER_SIZE)
    this.#queue.push({
      port,
      frame: { frame: bytes, virtioHeader },
      line: `${port}> ${bytes.toString('hex')}`,
    })
  }

  #compare(
    arrival: Arrival,
    last: ExplainedStep,
    left: ReadonlyMap<number, readonly QueuedFrame[]>,
    before: readonly PortCount[],
    isAlone: boolean,
  ): void {
    const { stage, verdict, reason } = last
    const end = reason ?? `${stage} ${verdict}`
    this.ends.set(end, (this.ends.get(end) ?? 0) + 1)
    const now = this.#counters()
    const index = this.#ports.indexOf(arrival.port)
    const own = now[index]!
    const old = before[index]!
    const drops = own.drops.flatMap((count, i) => (count > old.drops[i]! ? [DROP_REASONS[i]!.name] : []))
    const what = `${arrival.line}: explained as ${JSON.stringify(last)}, seed ${SEED}`
    if (reason !== undefined) assert.ok(drops.includes(reason), what)
    if (end === 'egress transmit') assert.ok(left.get(Number(last.values['port']))!.length > 0, what)
    if (!isAlone) return
    assert.deepEqual(drops, reason === undefined ? [] : [reason], what)
    if (end.startsWith('answer')) assert.equal(left.get(arrival.port)!.length, 1, what)
    if (end === 'neighbour unknown' || end === 'fragments wait') assert.equal(own.held, old.held + 1, what)
    const isConsumed = end === 'router consume' || end === 'answer arp-reply' || stage === 'names'
    assert.equal(own.consumed, old.consumed + (isConsumed && reason === undefined ? 1 : 0), what)
    if (end === 'bridge flood')
      assert.ok(
        [...left.values()].some((frames) => frames.length > 0),
        what,
      )
  }

  /** What may not change by an explanation. */
  #state(): State {
    const { engine, scenario } = this.scene
    return {
      flows: engine.flows({}, 1000, scenario.nowS),
      neighbours: engine.neighbours(),
      stations: engine.stations.size,
    }
  }

  #counters(): PortCount[] {
    return this.#ports.map((port) => this.scene.engine.counters.port(port))
  }

  #changeSomething(): void {
    const random = this.#random
    const { scenario, engine } = this.scene
    if (random.oneIn(2)) scenario.nowS++
    if (random.oneIn(20)) scenario.nowS += random.pick([10, 40, 200])
    engine.tick(scenario.nowS)
    this.#settle()
    const change = random.below(60)
    if (change === 0)
      playRouter('unpublish 1\npublish 1 udp 4000-4001 10.1.0.2:53 network=1 owner=1', this.scene)
    else if (change === 1) playRouter('flush', this.scene)
    else if (change === 2 && this.#ports.includes(3)) scenario.remove(3)
    else if (change === 3 && !this.#ports.includes(3)) playRouter('port 3 network=2', this.scene)
    else if (change === 4) this.#quietly('gateway 5 none')
    else if (change === 5) this.#quietly('gateway 5 10.5.0.1/24')
    else if (change === 6 && this.#ports.includes(9)) scenario.remove(9)
    else if (change > 50 && !this.#ports.includes(9)) playRouter('port 9 network=3 plain', this.scene)
    this.#settle()
    if (random.oneIn(16)) assertAllAccountedFor(engine.counters.total())
  }

  #turn(): void {
    const { scenario, engine } = this.scene
    while (scenario.turn() > 0 || engine.transmitCount > 0);
  }

  /** What timers and changes have sent goes, unseen. */
  #settle(): void {
    this.#turn()
    for (const port of this.#ports) this.scene.scenario.departures(port)
  }

  /** A change by which packets that wait may be dropped. */
  #quietly(line: string): void {
    this.scene.command(line)
    this.#settle()
  }
}

function exchange(bytes: Buffer, one: number, other: number, size: number): void {
  const first = Uint8Array.from(bytes.subarray(one, one + size))
  bytes.copyWithin(one, other, other + size)
  bytes.set(first, other)
}

it(`${PACKETS} random packets become what explain says, and nothing that they may not`, (t) => {
  t.diagnostic(`TAPWIRE_FUZZ_SEED=${SEED}`)
  const fuzzer = new Fuzzer()
  for (let i = 0; i < PACKETS; i++) fuzzer.step()
  t.diagnostic(JSON.stringify(Object.fromEntries(fuzzer.ends)))
  for (const end of [
    'egress transmit',
    'answer echo-reply',
    'neighbour unknown',
    'network-isolated',
    'bridge flood',
  ])
    assert.ok(fuzzer.ends.has(end), `${end} has been met`)
})
