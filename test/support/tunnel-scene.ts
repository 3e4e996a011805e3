/**
 * Hosts with tunnels between them, in memory: each a data path of its own with network 1, whose TAPs are ports 1 to 9. What one host sends to
 * its peers arrives at these.
 *
 *     host 0 (10.0.0.1) ── tunnel 100, peers 200, 201 ... by the number of the other host ── host 1 (10.0.0.2)
 */

import assert from 'node:assert/strict'
import { Engine, type EngineOptions } from '../../src/datapath/engine.ts'
import type { PortSettings } from '../../src/datapath/port-table.ts'
import type { OverlaySettings, TunnelSettings } from '../../src/datapath/tunnel/tunnel-settings.ts'
import { MTU_DEFAULT } from '../../src/limits.ts'
import { MemoryFrameIo, type QueuedFrame } from '../../src/ports/memory-frame-io.ts'
import type { ArrivingDatagram, SentDatagram } from '../../src/ports/memory-tunnel.ts'
import { type MacAddress, parseMac } from '../../src/wire/address.ts'
import { assertAllAccountedFor } from './scenario.ts'

export const TUNNEL = 100
export const VNI = 0x123456
const FIRST_PEER = 200
const FIRST_SOURCE_PORT = 49_152
const SOURCES = 16
/** Hosts are made by the dozen. */
const SLOTS = 32
const SMALL = { stations: 1024, connections: 1024, connectionsPerOwner: 256 }
const NO_HEADER = new Uint8Array(10)
/** What the underlay's 1500 leave. */
export const INNER_MTU = 1450

export const underlay = (host: number): Uint8Array =>
  Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 0, host + 1)

export const peerOf = (host: number): number => FIRST_PEER + host

export function mac(text: string): MacAddress {
  const address = parseMac(text)
  assert.ok(address !== undefined, `no address: ${text}`)
  return address
}

export interface HostOptions {
  readonly overlay?: Partial<OverlaySettings>
  readonly tunnel?: Partial<TunnelSettings>
  readonly engine?: Partial<EngineOptions>
  readonly mtu?: number
  readonly slots?: number
}

export class TunnelHost {
  readonly io: MemoryFrameIo
  readonly engine: Engine
  readonly number: number
  readonly overlay: OverlaySettings
  nowS = 1

  constructor(number: number, { overlay, tunnel, engine, slots }: HostOptions = {}) {
    this.number = number
    this.io = new MemoryFrameIo(slots ?? SLOTS)
    this.engine = new Engine(this.io.memory, { seed: 1, ...SMALL, ...engine })
    this.engine.addDomain(1, { transparent: false })
    this.engine.addTunnel(TUNNEL, { local: underlay(number), udpPort: 4789, sources: SOURCES, ...tunnel })
    this.io.attachTunnel(TUNNEL, { sources: SOURCES })
    this.overlay = {
      tunnel: TUNNEL,
      networkIdentifier: VNI,
      floods: true,
      learns: true,
      suppressesArp: false,
      ...overlay,
    }
    this.engine.setOverlay(1, this.overlay)
  }

  tap(port: number, settings: Partial<PortSettings> = {}): void {
    this.engine.addPort(port, { domain: 1, mtu: MTU_DEFAULT, plain: false, ...settings })
    this.io.attach(port)
  }

  peer(host: number, mtu: number = INNER_MTU): void {
    this.engine.addPeer(peerOf(host), { domain: 1, address: underlay(host), mtu })
    this.io.attachPeer(peerOf(host), TUNNEL, underlay(host), 4789)
  }

  /** Turns until nothing arrives any more. */
  run(): void {
    while (this.turn() > 0 || this.engine.transmitCount > 0) {
      // Everything happens in `turn`.
    }
    assertAllAccountedFor(this.engine.counters.total())
  }

  turn(): number {
    const { engine, io, nowS } = this
    const count = io.poll(engine.transmitCount, 0)
    engine.settle()
    this.#process(engine.arrive(count, nowS * 1e6))
    while (engine.hasArrivals) {
      this.#transmit()
      this.#process(engine.arrive(0, nowS * 1e6))
    }
    while (!engine.depart()) this.#transmit()
    return count
  }

  /** Names of drops and how many, of all ports. */
  drops(port: number): readonly number[] {
    return this.engine.counters.port(port).drops
  }

  #process(count: number): void {
    let done = this.engine.process(0, count, this.nowS)
    while (done < count) {
      this.#transmit()
      done = this.engine.process(done, count, this.nowS)
    }
  }

  #transmit(): void {
    this.io.transmit(this.engine.transmitCount)
    this.engine.settle()
  }
}

/** Hosts that are all peers of one another. */
export class TunnelScene {
  readonly hosts: readonly TunnelHost[]
  /** Datagrams that come as one, at most: 1 where the kernel puts none together. */
  groMax = 64
  /** All datagrams that went over the underlay. */
  readonly wire: SentDatagram[] = []
  /** The outer TOS on arrival; undefined: as it was sent. */
  marks: number | undefined = undefined

  constructor(count: number, options: HostOptions | ((host: number) => HostOptions) = {}) {
    const of = typeof options === 'function' ? options : () => options
    this.hosts = Array.from({ length: count }, (_, host) => new TunnelHost(host, of(host)))
    for (const host of this.hosts) {
      for (const other of this.hosts) if (other !== host) host.peer(other.number, of(host.number).mtu)
    }
  }

  inject(host: number, port: number, frame: Uint8Array, virtioHeader: Uint8Array = NO_HEADER): void {
    this.hosts[host]!.io.inject(port, frame, virtioHeader)
  }

  /** Until nothing is under way any more. */
  run(): void {
    for (let rounds = 0; this.#round(); rounds++) assert.ok(rounds < 100, 'it goes round in a circle')
  }

  collect(host: number, port: number): QueuedFrame[] {
    return this.hosts[host]!.io.collect(port)
  }

  /** The only frame that has left there. */
  only(host: number, port: number): Uint8Array {
    const frames = this.collect(host, port)
    assert.equal(frames.length, 1, `frames at port ${port} of host ${host}`)
    return frames[0]!.frame
  }

  #round(): boolean {
    let moved = false
    for (const host of this.hosts) {
      host.run()
      const sent = host.io.collectDatagrams(TUNNEL)
      this.wire.push(...sent)
      moved ||= sent.length > 0
      for (const [to, arrivals] of this.#arrivals(host.number, sent)) {
        for (const arrival of arrivals) this.hosts[to]!.io.injectDatagram(TUNNEL, arrival)
      }
    }
    return moved
  }

  /** As the receiving kernel has them: those of one flow and size that follow one another as one (UDP_GRO). */
  #arrivals(from: number, sent: readonly SentDatagram[]): Map<number, ArrivingDatagram[]> {
    const groups = new Map<
      number,
      { readonly first: SentDatagram; readonly all: Uint8Array[]; closed: boolean }[]
    >()
    for (const datagram of sent) {
      const to = datagram.address[15]! - 1
      const list = groups.get(to) ?? []
      groups.set(to, list)
      const last = list.at(-1)
      const size = last?.first.payload.length ?? 0
      if (
        last !== undefined &&
        !last.closed &&
        last.first.source === datagram.source &&
        last.first.tos === datagram.tos &&
        last.all.length < this.groMax &&
        (last.all.length + 1) * size <= 65_507 &&
        datagram.payload.length <= size
      ) {
        last.all.push(datagram.payload)
        last.closed = datagram.payload.length < size
      } else list.push({ first: datagram, all: [datagram.payload], closed: false })
    }
    return new Map(
      [...groups].map(([to, list]) => [
        to,
        list.map(({ first, all }) => ({
          payload: Uint8Array.from(Buffer.concat(all)),
          source: underlay(from),
          sourcePort: FIRST_SOURCE_PORT + first.source,
          segmentSize: all.length > 1 ? first.payload.length : 0,
          tos: this.marks ?? first.tos,
        })),
      ]),
    )
  }
}
