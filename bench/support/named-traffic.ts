/**
 * Questions for names in memory: sandboxes of one network ask its gateway, each question a frame that goes through the engine in a burst,
 * laid out as in switched-traffic.ts, so that the two can be compared. Answers are frames of their own: questions stay as they are.
 *
 *     ports 0 to 29 ─ 10.0.0.0/16 ─ 10.0.0.1 router: name-0 is 10.0.1.0, and so are the 249 behind it, name-250 is 10.0.1.1 …
 */

import { Engine } from '../../src/datapath/engine.ts'
import {
  DESCRIPTOR_SHIFT,
  DESCRIPTOR_WORDS,
  FRAME_IN_SLOT,
  FrameMemory,
  LENGTH,
  OFFSET,
  PORT,
} from '../../src/datapath/frame-memory.ts'
import { InterfaceKind } from '../../src/datapath/router-settings.ts'
import { BURST_MAX, DNS_PORT, DNS_TTL_S_DEFAULT, MTU_DEFAULT } from '../../src/limits.ts'
import * as checksum from '../../src/wire/checksum.ts'
import * as ethernet from '../../src/wire/ethernet.ts'
import * as ipProtocol from '../../src/wire/ip-protocol.ts'
import * as ipv4 from '../../src/wire/ipv4.ts'
import * as udp from '../../src/wire/udp.ts'
import { Random } from './random.ts'
import { MAC_HIGH, routerInterface } from './router-interface.ts'
import { compactLayout, FRAMES, STRIDE } from './switched-traffic.ts'

export interface NamedShape {
  readonly names: number
  /** Names that are there, which are answered; or others, which are denied. */
  readonly known: boolean
}

const DOMAIN = 1
const SANDBOXES = 30
const NAMES_PER_HOST = 250
const GATEWAY = 0x0a00_0001
const FIRST_SANDBOX = 0x0a00_0002
const FIRST_HOST = 0x0a00_0100
const GATEWAY_MAC = 0x0a00_0001
const FIRST_SANDBOX_MAC = 0x0d00_0000
const CLIENT_PORT = 40_000

const NETWORK = ethernet.HEADER_SIZE
const TRANSPORT = NETWORK + ipv4.MIN_HEADER_SIZE
const MESSAGE = TRANSPORT + udp.HEADER_SIZE
const TIME_TO_LIVE = 64

// RFC 1035, 4.1.1: recursion is desired; 3.2.2 and 3.2.4: an address of the internet.
const RECURSION_DESIRED = 0x0100
const RECURSION_AVAILABLE = 0x0080
const RESPONSE = 0x8000
const NO_SUCH_NAME = 3
const TYPE_A = 1
const CLASS_IN = 1
const HEADER = 12

/** A name in a question is followed by type and class; the answer's record by these, a pointer, TTL, length and address. */
const QUESTION_TAIL = 4
const ADDRESS_RECORD = 16

export class NamedTraffic {
  readonly #shape: NamedShape
  readonly #memory = new FrameMemory(compactLayout())
  readonly #engine: Engine
  readonly #descriptors = new Int32Array(FRAMES * DESCRIPTOR_WORDS)
  /** What each frame asks for. */
  readonly #asked = new Int32Array(FRAMES)
  readonly #random = new Random(0x2545_f491)

  constructor(shape: NamedShape) {
    this.#shape = shape
    this.#engine = new Engine(this.#memory, { seed: 1 })
    this.#configure()
    for (let frame = 0; frame < FRAMES; frame++) this.#writeFrame(frame)
  }

  /** A pass over all frames, each a question for a random name: nanoseconds for a question, of each burst. */
  pass(): number[] {
    const engine = this.#engine
    const { received } = this.#memory
    const times: number[] = []
    for (let begin = 0; begin < FRAMES; begin += BURST_MAX) {
      const burst = this.#descriptors.subarray(
        begin << DESCRIPTOR_SHIFT,
        (begin + BURST_MAX) << DESCRIPTOR_SHIFT,
      )
      const start = process.hrtime.bigint()
      received.set(burst)
      engine.settle()
      const done = engine.process(0, BURST_MAX, 1)
      times.push(Number(process.hrtime.bigint() - start) / BURST_MAX)
      if (done < BURST_MAX || engine.transmitCount !== BURST_MAX)
        throw new Error(`${engine.transmitCount} answers to ${BURST_MAX} questions, ${done} taken`)
    }
    return times
  }

  /** Checks the answers that a pass leaves behind: those of its last burst. */
  check(): void {
    this.pass()
    for (let index = 0; index < BURST_MAX; index++) this.#checkAnswer(index, FRAMES - BURST_MAX + index)
  }

  #configure(): void {
    const engine = this.#engine
    engine.addDomain(DOMAIN, { transparent: false })
    for (let port = 0; port < SANDBOXES; port++)
      engine.addPort(port, { domain: DOMAIN, mtu: MTU_DEFAULT, plain: false })
    engine.setInterface(DOMAIN, routerInterface(InterfaceKind.inside, GATEWAY_MAC, GATEWAY, 16))
    const { dns } = engine
    dns.setZone(DOMAIN, { name: 'front', ttlS: DNS_TTL_S_DEFAULT, served: true })
    const { names } = this.#shape
    for (let first = 0, id = 0; first < names; first += NAMES_PER_HOST, id++) {
      const count = Math.min(NAMES_PER_HOST, names - first)
      const own = Array.from({ length: count }, (_, index) => ({
        text: nameOf(first + index),
        kind: 1 as const,
      }))
      dns.setNamedHost(id, { id, domain: DOMAIN, ipv4: FIRST_HOST + id, names: own, services: [] })
    }
    for (let port = 0; port < SANDBOXES; port++) {
      const scopes = [{ domain: DOMAIN, links: [] }]
      dns.setResolver(port, { id: port, ports: [port], scopes, forwards: false, singleLabelsStay: false })
    }
  }

  #writeFrame(frame: number): void {
    const { view } = this.#memory
    const { names, known } = this.#shape
    const asked = this.#random.below(names)
    const sandbox = this.#random.below(SANDBOXES)
    this.#asked[frame] = asked
    const offset = frame * STRIDE + FRAME_IN_SLOT
    const message = offset + MESSAGE
    const end = this.#writeQuestion(message, frame & 0xffff, nameOf(known ? asked : names + asked))
    const [network, transport] = [offset + NETWORK, offset + TRANSPORT]
    ethernet.setTarget(view, offset, MAC_HIGH, GATEWAY_MAC)
    ethernet.setSource(view, offset, MAC_HIGH, FIRST_SANDBOX_MAC + sandbox)
    ethernet.setEtherType(view, offset, ethernet.TYPE_IPV4)
    ipv4.setHeaderSize(view, network, ipv4.MIN_HEADER_SIZE)
    ipv4.setTotalLength(view, network, end - network)
    ipv4.setFragment(view, network, ipv4.DONT_FRAGMENT, 0)
    ipv4.setTimeToLive(view, network, TIME_TO_LIVE)
    ipv4.setProtocol(view, network, ipProtocol.UDP)
    ipv4.setSourceAddress(view, network, FIRST_SANDBOX + sandbox)
    ipv4.setDestinationAddress(view, network, GATEWAY)
    ipv4.fillChecksum(view, network)
    udp.setSourcePort(view, transport, CLIENT_PORT)
    udp.setDestinationPort(view, transport, DNS_PORT)
    udp.setLength(view, transport, end - transport)
    const pseudoHeader = checksum.pseudoHeaderIpv4(view, network, ipProtocol.UDP, end - transport)
    udp.fillChecksum(view, transport, pseudoHeader)
    this.#descriptors.set([sandbox, offset, end - offset, 0], frame << DESCRIPTOR_SHIFT)
  }

  /** Returns the message's end. */
  #writeQuestion(message: number, id: number, name: string): number {
    const { view } = this.#memory
    view.setUint16(message, id)
    view.setUint16(message + 2, RECURSION_DESIRED)
    view.setUint16(message + 4, 1)
    const at = message + HEADER
    view.setUint8(at, name.length)
    for (let index = 0; index < name.length; index++) view.setUint8(at + 1 + index, name.charCodeAt(index))
    const tail = at + 1 + name.length + 1
    view.setUint16(tail, TYPE_A)
    view.setUint16(tail + 2, CLASS_IN)
    return tail + QUESTION_TAIL
  }

  #checkAnswer(index: number, frame: number): void {
    const { view, transmits } = this.#memory
    const { known } = this.#shape
    const question = frame << DESCRIPTOR_SHIFT
    const answer = index << DESCRIPTOR_SHIFT
    const offset = transmits[answer + OFFSET]!
    const message = offset + MESSAGE
    const length = this.#descriptors[question + LENGTH]! + (known ? ADDRESS_RECORD : 0)
    const flags = RESPONSE | RECURSION_DESIRED | RECURSION_AVAILABLE | (known ? 0 : NO_SUCH_NAME)
    const host = FIRST_HOST + Math.floor(this.#asked[frame]! / NAMES_PER_HOST)
    const found: Record<string, readonly [number, number]> = {
      port: [transmits[answer + PORT]!, this.#descriptors[question + PORT]!],
      length: [transmits[answer + LENGTH]!, length],
      id: [view.getUint16(message), frame & 0xffff],
      flags: [view.getUint16(message + 2), flags],
      records: [view.getUint16(message + 6), known ? 1 : 0],
      ...(known ? { address: [view.getInt32(offset + length - 4), host] as const } : {}),
    }
    for (const [name, [is, should]] of Object.entries(found))
      if (is !== should) throw new Error(`answer to frame ${frame}: ${name} is ${is}, should be ${should}`)
  }
}

/** As long as any other, so that all questions are. */
const nameOf = (index: number): string => `name-${String(index).padStart(5, '0')}`
