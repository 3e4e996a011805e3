/**
 * Questions by name in a scene of the router (router-scene.ts), asked as frames, and what becomes of each as a line:
 *
 *     ask(1, 'web A')              NOERROR web 5 A 10.1.0.2, web 5 A 10.1.0.3
 *     ask(1, '_80._tcp.web SRV')   NOERROR _80._tcp.web 5 SRV 0 0 80 web.front | web.front 5 A 10.1.0.2
 *     ask(1, 'nobody A')           NXDOMAIN
 *     ask(1, 'example.com A')      waits
 *     ask(1, '', { data })         dropped: dns-truncated
 *
 * Flags and EDNS stand in front where they are not what every answer has: `TC NOERROR …`, `EDNS=1232 …`.
 */

import assert from 'node:assert/strict'
import { type DecodedPacket, decode, encode, type Packet, type RecordType } from 'dns-packet'
import { DROP_REASONS } from '../../src/datapath/drop-reason.ts'
import type { QueuedFrame } from '../../src/ports/memory-frame-io.ts'
import { address, packetFrame, packetLine } from './packet-text.ts'
import { playRouter, type RouterScene } from './router-scene.ts'

export interface Asking {
  readonly id?: number
  readonly edns?: number
  /** The client's port. */
  readonly from?: number
  /** The message itself. */
  readonly data?: Uint8Array
  /** More words of packet-text.ts. */
  readonly words?: string
  readonly to?: string
  readonly recursion?: boolean
}

export interface Client {
  readonly address: string
  readonly gateway: string
}

export class DnsScene {
  readonly scene: RouterScene
  readonly #clients: ReadonlyMap<number, Client>

  constructor(text: string, clients: Readonly<Record<number, Client>>) {
    this.scene = playRouter(text)
    this.#clients = new Map(Object.entries(clients).map(([port, client]) => [Number(port), client]))
  }

  get dns(): RouterScene['engine']['dns'] {
    return this.scene.engine.dns
  }

  play(text: string): void {
    playRouter(text, this.scene)
  }

  /** What becomes of the question. */
  ask(port: number, question: string, asking: Asking = {}): string {
    const left = this.send(port, question, asking)
    if (left.reason !== undefined) return `dropped: ${left.reason}`
    return left.answer === undefined ? 'waits' : answerText(left.answer)
  }

  /** The answer's bytes, with all headers checked; or why the question was dropped. */
  send(port: number, question: string, asking: Asking = {}): { answer?: Uint8Array; reason?: string } {
    const client = this.#clients.get(port)!
    const from = asking.from ?? 4000
    const to = asking.to ?? client.gateway
    const data = Buffer.from(asking.data ?? questionOf(question, asking)).toString('hex')
    const line = `udp ${client.address}:${from}>${to}:53 data=${data} ${asking.words ?? ''}`
    const { scenario } = this.scene
    const before = scenario.engine.counters.port(port)
    scenario.arrive(port, packetFrame(line, address(client.gateway)))
    scenario.run()
    const after = scenario.engine.counters.port(port)
    const reasons = after.drops.flatMap((count, index) =>
      count > before.drops[index]! ? [DROP_REASONS[index]!.name] : [],
    )
    const [frame, ...others] = scenario.departures(port)
    assert.equal(others.length, 0, 'one answer at most')
    if (frame !== undefined) return { answer: this.answerOf(port, frame, from) }
    return reasons.length === 0 ? {} : { reason: reasons.join(', ') }
  }

  /** The message in a frame of the server, whose headers must be right. */
  answerOf(port: number, queued: QueuedFrame, from = 4000): Uint8Array {
    const client = this.#clients.get(port)!
    const message = queued.frame.subarray(14 + 28)
    const length = message.length === 8 ? '' : ` len=${message.length}`
    const line = packetLine(queued, address(client.gateway))
    assert.equal(line, `udp ${client.gateway}:53>${client.address}:${from}${length} ttl=64`)
    return message
  }

  /** Answers all questions that wait with these verdicts, and returns the frames that leave by the port. */
  outside(
    port: number,
    ...answers: Parameters<RouterScene['engine']['dns']['answerQuestions']>[0]
  ): Uint8Array[] {
    const { scenario } = this.scene
    assert.equal(this.dns.answerQuestions(answers, 0), answers.length)
    scenario.run()
    return scenario.departures(port).map((frame) => this.answerOf(port, frame))
  }
}

export function questionOf(question: string, { id = 7, edns, recursion = true }: Asking = {}): Uint8Array {
  const [name, type] = question.split(' ')
  return encode({
    type: 'query',
    id,
    flags: recursion ? 0x100 : 0,
    questions: [{ name: name!, type: type as RecordType }],
    ...(edns !== undefined && {
      additionals: [
        {
          type: 'OPT',
          name: '.',
          udpPayloadSize: edns,
          extendedRcode: 0,
          ednsVersion: 0,
          flags: 0,
          flag_do: false,
          options: [],
        },
      ],
    }),
  } as Packet)
}

/** See above; dns-packet must be able to read it. */
export function answerText(message: Uint8Array): string {
  const decoded = decode(Buffer.from(message)) as DecodedPacket & { rcode: string }
  assert.ok(decoded.flag_qr, 'it is a response')
  assert.ok(decoded.flag_ra, 'recursion is available')
  assert.ok(!decoded.flag_aa, 'it has no authority')
  const records = (decoded.answers ?? []).map(recordText)
  const additionals = (decoded.additionals ?? []).flatMap((one) =>
    one.type === 'OPT' ? [] : [recordText(one)],
  )
  const opt = (decoded.additionals ?? []).find(({ type }) => type === 'OPT') as
    | { udpPayloadSize: number; extendedRcode: number }
    | undefined
  const words = [
    ...(opt === undefined ? [] : [`EDNS=${opt.udpPayloadSize}`]),
    ...(opt !== undefined && opt.extendedRcode > 0 ? [`extended=${opt.extendedRcode}`] : []),
    ...(decoded.flag_tc ? ['TC'] : []),
    decoded.rcode,
    ...(records.length > 0 ? [records.join(', ')] : []),
    ...(additionals.length > 0 ? ['|', additionals.join(', ')] : []),
  ]
  return words.join(' ')
}

/** Of an address or a name. */
export function dataText(data: unknown): string {
  assert.ok(typeof data === 'string')
  return data
}

function recordText(record: NonNullable<DecodedPacket['answers']>[number]): string {
  assert.ok('ttl' in record && 'data' in record)
  const data =
    record.type === 'SRV'
      ? `${record.data.priority} ${record.data.weight} ${record.data.port} ${record.data.target}`
      : dataText(record.data)
  return `${record.name} ${record.ttl} ${record.type} ${data}`
}
