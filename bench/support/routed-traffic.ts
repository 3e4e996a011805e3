/**
 * Traffic that crosses the router in memory: sandboxes behind a gateway, an uplink, and flows between the two. Small frames in bursts
 * through the engine, laid out as in switched-traffic.ts, so that the two can be compared. Routing changes frames: they
 * are written anew each time, which is not timed.
 *
 *     ports 0 to 29 ─ 10.0.0.0/16 ─ 10.0.0.1 router 198.51.100.1 ─ port 30 ─ next hop 198.51.100.254 ─ servers 8.0.0.0 …
 *
 *     out   10.0.0.2:16384 -> 8.0.0.0:443        leaves as 198.51.100.1:16384 -> 8.0.0.0:443
 *     in    8.0.0.0:16384 -> 198.51.100.1:443    leaves as 8.0.0.0:16384 -> 10.0.0.2:8443
 */

import type { PortCount } from '../../src/datapath/counters.ts'
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
import { BURST_MAX, CONNECTIONS_MAX, MTU_DEFAULT } from '../../src/limits.ts'
import * as arp from '../../src/wire/arp.ts'
import * as checksum from '../../src/wire/checksum.ts'
import * as ethernet from '../../src/wire/ethernet.ts'
import * as ipProtocol from '../../src/wire/ip-protocol.ts'
import * as ipv4 from '../../src/wire/ipv4.ts'
import * as tcp from '../../src/wire/tcp.ts'
import * as udp from '../../src/wire/udp.ts'
import { busyTime } from './cpu.ts'
import { Random } from './random.ts'
import { MAC_HIGH, routerInterface } from './router-interface.ts'
import { compactLayout, FRAMES, STRIDE } from './switched-traffic.ts'

export interface RoutedShape {
  readonly protocol: 'tcp' | 'udp'
  /** From sandboxes, with source NAT; or to their published ports, with destination NAT. */
  readonly way: 'out' | 'in'
  readonly flows: number
}

/** One side of a packet: IPv4 addresses, ports, and what carries them over a link. */
interface Header {
  readonly port: number
  readonly source: number
  readonly destination: number
  readonly sourcePort: number
  readonly destinationPort: number
  readonly sourceMac: number
  readonly targetMac: number
}

const INSIDE = 1
const OUTSIDE = 2
const SANDBOXES = 30
const UPLINK_PORT = SANDBOXES

const GATEWAY = 0x0a00_0001
const FIRST_SANDBOX = 0x0a00_0002
const UPLINK = 0xc633_6401 | 0
const NEXT_HOP = 0xc633_64fe | 0
const FIRST_SERVER = 0x0800_0000

const GATEWAY_MAC = 0x0a00_0001
const UPLINK_MAC = 0x0b00_0001
const NEXT_HOP_MAC = 0x0c00_0001
const FIRST_SANDBOX_MAC = 0x0d00_0000

const SERVER_PORT = 443
const TARGET_PORT = 8443
/** Flows of one server, told apart by ports, which source NAT leaves as they are. */
const FLOWS_PER_SERVER = 32_768
const FIRST_FLOW_PORT = 16_384

const NETWORK = ethernet.HEADER_SIZE
const TRANSPORT = NETWORK + ipv4.MIN_HEADER_SIZE
const FRAME_LENGTH = 60
const TIME_TO_LIVE = 64
const { ACK, PSH, SYN } = tcp

/** Of a flow: the second after its last packet that is surely behind its deadline. */
const LIFETIME_S = 10_000

export class RoutedTraffic {
  readonly engine: Engine
  readonly #shape: RoutedShape
  readonly #memory = new FrameMemory(compactLayout())
  readonly #descriptors = new Int32Array(FRAMES * DESCRIPTOR_WORDS)
  /** What each frame is: flow << 1 | 1 where it comes in by the uplink. */
  readonly #packets = new Int32Array(FRAMES)
  readonly #random = new Random(0x2545_f491)
  #nowS = 1

  constructor(shape: RoutedShape) {
    this.#shape = shape
    this.engine = new Engine(this.#memory, {
      seed: 1,
      connections: CONNECTIONS_MAX,
      connectionsPerOwner: CONNECTIONS_MAX,
    })
    this.#configure()
  }

  /** Opens all flows: the first packet of each, its answer, a third. Returns the first packets' nanoseconds each, by burst. */
  open(): number[] {
    const first = this.#shape.way === 'out' ? 0 : 1
    const times: number[] = []
    for (let begin = 0; begin < this.#shape.flows; begin += FRAMES) {
      const count = Math.min(FRAMES, this.#shape.flows - begin)
      const choose = (frame: number): number => (begin + frame) << 1
      this.#greet()
      this.#write(count, (frame) => choose(frame) | first, SYN)
      times.push(...this.#take(count))
      this.#write(count, (frame) => choose(frame) | (1 - first), SYN | ACK)
      this.#take(count)
      this.#write(count, (frame) => choose(frame) | first, ACK)
      this.#take(count)
    }
    return times
  }

  /** A pass over all frames, packets of random flows and both directions: nanoseconds for a packet, of each burst. */
  pass(): number[] {
    this.#greet()
    this.#write(FRAMES, () => this.#draw(), ACK | PSH)
    return this.#take(FRAMES)
  }

  /** What takes the same packets through the engine again and again, and allocates nothing of its own. */
  repeat(): (passes: number) => void {
    const { engine } = this
    const { bytes, received } = this.#memory
    this.#greet()
    this.#write(FRAMES, () => this.#draw(), ACK | PSH)
    const frames = bytes.slice(0, FRAMES * STRIDE)
    const bursts = Array.from({ length: FRAMES / BURST_MAX }, (_, burst) =>
      this.#burst(burst * BURST_MAX, BURST_MAX),
    )
    return (passes) => {
      for (let pass = 0; pass < passes; pass++) {
        bytes.set(frames)
        for (let burst = 0; burst < bursts.length; burst++) {
          received.set(bursts[burst]!)
          engine.settle()
          engine.process(0, BURST_MAX, this.#nowS)
        }
      }
    }
  }

  /** Checks what a pass leaves: each frame's port, addresses, ports, TTL and checksums. */
  check(): void {
    this.pass()
    for (let frame = 0; frame < FRAMES; frame++) this.#checkFrame(frame)
    // All frames are still there, but of the lists of transmissions only the last one.
    const { transmits } = this.#memory
    for (let i = 0; i < BURST_MAX; i++) {
      const frame = FRAMES - BURST_MAX + i
      const descriptor = i << DESCRIPTOR_SHIFT
      const { port } = this.#leaving(this.#packets[frame]!)
      const isRight =
        transmits[descriptor + PORT] === port &&
        transmits[descriptor + OFFSET] === offsetOf(frame) &&
        transmits[descriptor + LENGTH] === FRAME_LENGTH
      if (!isRight) throw new Error(`frame ${frame} does not leave by port ${port}`)
    }
  }

  /**
   * Lets all flows expire in one second: nanoseconds for which each call of `tick` keeps its thread busy, until it says that there is no
   * more.
   */
  expire(): number[] {
    const { engine } = this
    if (engine.natCounts().flows !== this.#shape.flows) throw new Error('not all flows are open')
    this.#nowS += LIFETIME_S
    const times: number[] = []
    const left = { more: true }
    while (left.more) {
      engine.settle()
      times.push(
        busyTime(() => {
          left.more = engine.tick(this.#nowS)
        }),
      )
    }
    if (engine.natCounts().flows !== 0) throw new Error('not all flows have expired')
    return times
  }

  total(): PortCount {
    return this.engine.counters.total()
  }

  #configure(): void {
    const { engine } = this
    for (const domain of [INSIDE, OUTSIDE]) engine.addDomain(domain, { transparent: false })
    for (let port = 0; port <= UPLINK_PORT; port++) {
      engine.addPort(port, {
        domain: port === UPLINK_PORT ? OUTSIDE : INSIDE,
        mtu: MTU_DEFAULT,
        plain: false,
      })
    }
    const { inside, outside } = InterfaceKind
    engine.setInterface(INSIDE, routerInterface(inside, GATEWAY_MAC, GATEWAY, 16))
    engine.setInterface(OUTSIDE, routerInterface(outside, UPLINK_MAC, UPLINK, 24))
    engine.setRoutes([{ prefix: 0, prefixLength: 0, domain: OUTSIDE, nextHop: NEXT_HOP }])
    if (this.#shape.way === 'in') this.#publish()
  }

  #publish(): void {
    for (let sandbox = 0; sandbox < SANDBOXES; sandbox++) {
      this.engine.publish({
        id: sandbox + 1,
        protocol: this.#protocol,
        address: UPLINK,
        first: SERVER_PORT + sandbox,
        last: SERVER_PORT + sandbox,
        targetAddress: FIRST_SANDBOX + sandbox,
        targetFirst: TARGET_PORT,
        targetDomain: INSIDE,
        owner: sandbox,
      })
    }
  }

  get #protocol(): number {
    return this.#shape.protocol === 'tcp' ? ipProtocol.TCP : ipProtocol.UDP
  }

  /** A second passes, and all neighbours ask for the router, which knows them for the next half minute. */
  #greet(): void {
    this.#nowS++
    for (let sandbox = 0; sandbox < SANDBOXES; sandbox++) {
      this.#ask(sandbox, FIRST_SANDBOX_MAC + sandbox, FIRST_SANDBOX + sandbox, GATEWAY)
    }
    this.#ask(UPLINK_PORT, NEXT_HOP_MAC, NEXT_HOP, UPLINK)
  }

  #ask(port: number, mac: number, address: number, target: number): void {
    const frame = new Uint8Array(NETWORK + arp.PACKET_SIZE)
    const view = new DataView(frame.buffer)
    ethernet.setTarget(view, 0, 0xffff, -1)
    ethernet.setSource(view, 0, MAC_HIGH, mac)
    ethernet.setEtherType(view, 0, ethernet.TYPE_ARP)
    arp.setFormat(view, NETWORK)
    arp.setOperation(view, NETWORK, arp.OPERATION_REQUEST)
    arp.setSender(view, NETWORK, MAC_HIGH, mac, address)
    arp.setTarget(view, NETWORK, 0, 0, target)
    this.engine.settle()
    this.engine.inject(port, frame, this.#nowS)
    this.engine.settle()
  }

  /** Takes the first `count` frames through the engine: nanoseconds for a packet, of each burst. */
  #take(count: number): number[] {
    const { engine } = this
    const { received } = this.#memory
    const times: number[] = []
    for (let begin = 0; begin < count; begin += BURST_MAX) {
      const size = Math.min(BURST_MAX, count - begin)
      const burst = this.#burst(begin, size)
      const start = process.hrtime.bigint()
      received.set(burst)
      engine.settle()
      const done = engine.process(0, size, this.#nowS)
      times.push(Number(process.hrtime.bigint() - start) / size)
      if (done < size || engine.transmitCount !== size) throw new Error('not each packet has left')
    }
    return times
  }

  #burst(begin: number, size: number): Int32Array {
    return this.#descriptors.subarray(begin << DESCRIPTOR_SHIFT, (begin + size) << DESCRIPTOR_SHIFT)
  }

  #write(count: number, choose: (frame: number) => number, control: number): void {
    for (let frame = 0; frame < count; frame++) {
      const packet = choose(frame)
      this.#packets[frame] = packet
      const offset = offsetOf(frame)
      const header = this.#arriving(packet)
      this.#writeFrame(offset, header, control)
      this.#descriptors.set([header.port, offset, FRAME_LENGTH, 0], frame << DESCRIPTOR_SHIFT)
    }
  }

  #writeFrame(offset: number, header: Header, control: number): void {
    const { view } = this.#memory
    const network = offset + NETWORK
    const transport = offset + TRANSPORT
    const end = offset + FRAME_LENGTH
    ethernet.setTarget(view, offset, MAC_HIGH, header.targetMac)
    ethernet.setSource(view, offset, MAC_HIGH, header.sourceMac)
    ethernet.setEtherType(view, offset, ethernet.TYPE_IPV4)
    ipv4.setHeaderSize(view, network, ipv4.MIN_HEADER_SIZE)
    ipv4.setTotalLength(view, network, end - network)
    ipv4.setFragment(view, network, ipv4.DONT_FRAGMENT, 0)
    ipv4.setTimeToLive(view, network, TIME_TO_LIVE)
    ipv4.setProtocol(view, network, this.#protocol)
    ipv4.setSourceAddress(view, network, header.source)
    ipv4.setDestinationAddress(view, network, header.destination)
    ipv4.fillChecksum(view, network)
    view.setUint16(transport, header.sourcePort)
    view.setUint16(transport + 2, header.destinationPort)
    const pseudoHeader = checksum.pseudoHeaderIpv4(view, network, this.#protocol, end - transport)
    if (this.#shape.protocol === 'tcp') {
      tcp.setHeaderSize(view, transport, tcp.MIN_HEADER_SIZE)
      tcp.setControlBits(view, transport, control)
      tcp.fillChecksum(view, transport, end, pseudoHeader)
    } else {
      udp.setLength(view, transport, end - transport)
      udp.fillChecksum(view, transport, pseudoHeader)
    }
  }

  #checkFrame(frame: number): void {
    const { view } = this.#memory
    const offset = offsetOf(frame)
    const network = offset + NETWORK
    const transport = offset + TRANSPORT
    const end = offset + FRAME_LENGTH
    const want = this.#leaving(this.#packets[frame]!)
    const pseudoHeader = checksum.pseudoHeaderIpv4(view, network, this.#protocol, end - transport)
    const upperIsValid =
      this.#shape.protocol === 'tcp'
        ? tcp.checksumValid(view, transport, end, pseudoHeader)
        : udp.checksumValid(view, transport, pseudoHeader)
    const found: Record<string, readonly [number | boolean, number | boolean]> = {
      'target MAC': [ethernet.targetLow(view, offset), want.targetMac],
      'source MAC': [ethernet.sourceLow(view, offset), want.sourceMac],
      source: [ipv4.sourceAddress(view, network), want.source],
      destination: [ipv4.destinationAddress(view, network), want.destination],
      'source port': [view.getUint16(transport), want.sourcePort],
      'destination port': [view.getUint16(transport + 2), want.destinationPort],
      TTL: [ipv4.timeToLive(view, network), TIME_TO_LIVE - 1],
      'header checksum': [ipv4.checksumValid(view, network), true],
      'upper checksum': [upperIsValid, true],
    }
    for (const [name, [is, should]] of Object.entries(found)) {
      if (is !== should) throw new Error(`frame ${frame}: ${name} is ${is}, should be ${should}`)
    }
  }

  /** The packet as it comes to the router. */
  #arriving(packet: number): Header {
    const { sandbox, server, flowPort } = endsOf(packet >> 1)
    const isOut = this.#shape.way === 'out'
    return (packet & 1) === 1
      ? {
          port: UPLINK_PORT,
          source: server,
          destination: UPLINK,
          sourcePort: isOut ? SERVER_PORT : flowPort,
          destinationPort: isOut ? flowPort : SERVER_PORT + sandbox,
          sourceMac: NEXT_HOP_MAC,
          targetMac: UPLINK_MAC,
        }
      : {
          port: sandbox,
          source: FIRST_SANDBOX + sandbox,
          destination: server,
          sourcePort: isOut ? flowPort : TARGET_PORT,
          destinationPort: isOut ? SERVER_PORT : flowPort,
          sourceMac: FIRST_SANDBOX_MAC + sandbox,
          targetMac: GATEWAY_MAC,
        }
  }

  /** The packet as it should leave: what comes back is addressed to it. */
  #leaving(packet: number): Header {
    const back = this.#arriving(packet ^ 1)
    return {
      port: back.port,
      source: back.destination,
      destination: back.source,
      sourcePort: back.destinationPort,
      destinationPort: back.sourcePort,
      sourceMac: back.targetMac,
      targetMac: back.sourceMac,
    }
  }

  /** A random packet. */
  #draw(): number {
    const random = this.#random.next()
    return (((random >>> 1) % this.#shape.flows) << 1) | (random & 1)
  }
}

const offsetOf = (frame: number): number => frame * STRIDE + FRAME_IN_SLOT

const endsOf = (flow: number): { sandbox: number; server: number; flowPort: number } => ({
  sandbox: flow % SANDBOXES,
  server: FIRST_SERVER + Math.floor(flow / FLOWS_PER_SERVER),
  flowPort: FIRST_FLOW_PORT + (flow % FLOWS_PER_SERVER),
})
