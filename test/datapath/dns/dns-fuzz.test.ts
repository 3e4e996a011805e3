/**
 * Mutated questions through the engine. For each: `explain` says beforehand what becomes of it, and changes nothing; then it is answered,
 * waits or is dropped for a reason, and nothing else. Answers are no longer than their client takes, are read by our own reader and by
 * dns-packet, and what they say of the question is what was asked.
 *
 *     TAPWIRE_FUZZ_SEED=N      repeats a run; each prints its seed
 *     TAPWIRE_FUZZ_PACKETS=N   makes it shorter or longer
 */

import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { it } from 'node:test'
import { decode } from 'dns-packet'
import { DROP_REASONS } from '../../../src/datapath/drop-reason.ts'
import { DNS_PENDING_S, DNS_UDP_SIZE_MAX } from '../../../src/limits.ts'
import { parseMessage } from '../../../src/wire/dns-message.ts'
import { DnsScene, questionOf } from '../../support/dns-scene.ts'
import { address, packetFrame } from '../../support/packet-text.ts'
import { Random } from '../../support/random.ts'
import { assertAllAccountedFor } from '../../support/scenario.ts'

const PACKETS = Number(process.env['TAPWIRE_FUZZ_PACKETS'] ?? 5000)
const SEED = Number(process.env['TAPWIRE_FUZZ_SEED'] ?? randomInt(1, 2 ** 31))

const CLIENTS = {
  1: { address: '10.1.0.2', gateway: '10.1.0.1' },
  2: { address: '10.1.0.3', gateway: '10.1.0.1' },
}
const WORLD = `
  network 1
  port 1,2 network=1
  gateway 1 10.1.0.1/24 mtu=900
  zone 1 front
  named 1 network=1 10.1.0.2 client
  named 2 network=1 10.1.0.3 web alias:www fd00::3 tcp/80
  ${Array.from({ length: 60 }, (_, i) => `named ${i + 3} network=1 10.1.0.${i + 4} fd00::${i + 4} web${i} alias:www tcp/80`).join('\n')}
  resolver 1 ports=1 networks=1 forwards link=1:store:web
  resolver 2 ports=2 networks=1
`
const QUESTIONS = [
  'web A',
  'www A',
  'www ANY',
  'WEB.front AAAA',
  'store A',
  '_80._tcp.www SRV',
  '_http._tcp.web SRV',
  '3.0.1.10.in-addr.arpa PTR',
  `3.${'0.'.repeat(27)}0.0.d.f.ip6.arpa PTR`,
  'nobody A',
  'some.where.example MX',
  '. NS',
]
/** What hurts: lengths of labels, pointers, counts, flags. */
const BYTES = [0, 1, 2, 12, 0x3f, 0x40, 0x80, 0xc0, 0xff, 41]

class Fuzzer {
  readonly scene = new DnsScene(WORLD, CLIENTS)
  readonly ends = new Map<string, number>()
  readonly #random = new Random(SEED)
  #id = 0
  /** What was asked last. */
  #last: { readonly port: 1 | 2; readonly message: Uint8Array } = { port: 1, message: new Uint8Array() }

  step(): void {
    const random = this.#random
    const { scenario, engine } = this.scene.scene
    const { port, message } = random.oneIn(20) ? this.#last : this.#ask()
    const data = Buffer.from(message).toString('hex')
    const client = CLIENTS[port]
    const line = `udp ${client.address}:4000>10.1.0.1:53 data=${data}`
    const queued = packetFrame(line, address(client.gateway))
    const what = `${line}, seed ${SEED}`
    const before = engine.counters.port(port)
    const counts = engine.dns.counts()
    const last = engine.explain(port, queued.frame, scenario.nowS).at(-1)!
    assert.deepEqual(engine.counters.port(port), before, what)
    assert.deepEqual(engine.dns.counts(), counts, what)
    scenario.arrive(port, queued)
    while (scenario.turn() > 0 || engine.transmitCount > 0);
    const after = engine.counters.port(port)
    const drops = after.drops.flatMap((count, index) =>
      count > before.drops[index]! ? [DROP_REASONS[index]!.name] : [],
    )
    const frames = scenario.departures(port)
    const waits = engine.dns.counts().pending - counts.pending
    assert.equal(frames.length + waits + drops.length, 1, what)
    const [frame] = frames
    if (frame !== undefined) this.#check(message, this.scene.answerOf(port, frame), what)
    const end = drops[0] ?? (waits > 0 ? 'forward' : 'answer')
    this.ends.set(end, (this.ends.get(end) ?? 0) + 1)
    const explained = last.reason ?? (last.verdict === 'forward' ? 'forward' : 'answer')
    // What is asked again is dropped, for it is already on its way.
    if (end !== 'dns-repeated') assert.equal(explained, end, what)
    if (end === 'answer') assert.equal(last.verdict, this.#logged(), what)
    if (random.oneIn(64)) this.#pass()
  }

  /** Time goes by, and questions are answered or given up. */
  #pass(): void {
    const { scenario, engine } = this.scene.scene
    const questions = engine.dns.takeQuestions() ?? []
    const answers = questions
      .filter(() => this.#random.oneIn(2))
      .map(({ ticket, message }) => ({ ticket, message, verdict: 'cached', server: 0 }) as const)
    engine.dns.answerQuestions(answers, 0)
    scenario.run()
    for (const port of scenario.ports) scenario.departures(port)
    if (this.#random.oneIn(4)) scenario.nowS += DNS_PENDING_S
    engine.tick(scenario.nowS)
    assertAllAccountedFor(engine.counters.total())
  }

  /** The last entry's verdict, as steps have it. */
  #logged(): string {
    const { dns } = this.scene
    const { entries } = dns.log(dns.log(0, 0).last - 1, 1)
    return entries[0]!.verdict === 'answered' ? 'answer' : entries[0]!.verdict
  }

  #ask(): { readonly port: 1 | 2; readonly message: Uint8Array } {
    this.#last = { port: this.#random.oneIn(2) ? 1 : 2, message: this.#message() }
    return this.#last
  }

  #message(): Uint8Array {
    const random = this.#random
    const edns = random.pick([undefined, 0, 511, 600, 1232, 65_535])
    const question = random.pick(QUESTIONS)
    this.#id = (this.#id + 1) & 0xffff
    const message = questionOf(question, { id: this.#id, ...(edns !== undefined && { edns }) })
    for (let left = random.below(4); left > 0; left--) this.#mutate(message)
    if (random.oneIn(10)) return message.subarray(0, random.below(message.length + 1))
    if (random.oneIn(20)) return Uint8Array.from([...message, ...message])
    return message
  }

  #mutate(message: Uint8Array): void {
    const random = this.#random
    const at = random.below(message.length)
    if (random.oneIn(3)) message[at] = random.below(256)
    else if (random.oneIn(2)) message[at] = random.pick(BYTES)
    else message[at]! ^= 1 << random.below(8)
  }

  #check(message: Uint8Array, answer: Uint8Array, what: string): void {
    const parsed = parseMessage(answer)
    assert.ok(parsed !== undefined, what)
    decode(Buffer.from(answer))
    assert.equal(parsed.id, Buffer.from(message).readUInt16BE(0), what)
    assert.ok(parsed.questions.length <= 1, what)
    const asked = parseMessage(message)
    const opt = asked?.additionals.find(({ type }) => type === 41)
    const size = Math.min(Math.max(512, opt?.class ?? 512), DNS_UDP_SIZE_MAX, 900 - 28)
    assert.ok(answer.length <= (asked === undefined ? 900 - 28 : size), what)
    const [question] = parsed.questions
    if (question === undefined || asked === undefined) return
    assert.deepEqual(question, asked.questions[0], what)
  }
}

it(`${PACKETS} mutated questions are answered, forwarded or dropped`, (t) => {
  t.diagnostic(`TAPWIRE_FUZZ_SEED=${SEED}`)
  const fuzzer = new Fuzzer()
  for (let i = 0; i < PACKETS; i++) fuzzer.step()
  t.diagnostic(JSON.stringify(Object.fromEntries(fuzzer.ends)))
  for (const end of ['answer', 'forward', 'dns-repeated', 'dns-response', 'dns-truncated']) {
    assert.ok(fuzzer.ends.has(end), `${end} has been met`)
  }
})
