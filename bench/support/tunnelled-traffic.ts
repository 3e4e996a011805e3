/** Frames of 60 bytes through the data path in memory: switched, into a tunnel, and out of one, alone and many in one slot. */

import { Engine } from '../../src/datapath/engine.ts'
import {
  DESCRIPTOR_SHIFT,
  FACT_SEGMENT_SIZE,
  FACT_SOURCE_ADDRESS,
  FACT_SUMS,
  FACT_TOS,
  FrameMemory,
  frameLayout,
  STATUS_TRANSMIT_FAILURES,
  VIRTIO_NET_HEADER_SIZE,
} from '../../src/datapath/frame-memory.ts'
import { BURST_MAX } from '../../src/limits.ts'

const FLOWS = 64
const FRAME_LENGTH = 60
const VXLAN_HEADER_SIZE = 8
const DATAGRAM_LENGTH = FRAME_LENGTH + VXLAN_HEADER_SIZE
const VXLAN_FLAGS = 0x08000000
const VNI = 4096
const TUNNEL = 100
const PEER = 200
const STATION_HIGH = 0x0200
const FACTS_IN_SLOT = 32
const IPV4_UDP = 17

export type Way = 'switched' | 'into' | 'out of' | 'out of, 64 in one'

const GROUP = 64
const address = (host: number): Uint8Array =>
  Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 0, host)

export class TunnelledTraffic {
  readonly #memory = new FrameMemory(frameLayout(BURST_MAX))
  readonly #engine = new Engine(this.#memory, { seed: 1 })
  readonly #way: Way
  #nowS = 1

  constructor(way: Way) {
    this.#way = way
    const engine = this.#engine
    engine.addDomain(1, { transparent: false })
    for (const port of [1, 2]) engine.addPort(port, { domain: 1, mtu: 1450, plain: false })
    engine.addTunnel(TUNNEL, { local: address(1), udpPort: 4789, sources: 16 })
    engine.setOverlay(1, {
      tunnel: TUNNEL,
      networkIdentifier: VNI,
      floods: true,
      learns: false,
      suppressesArp: true,
    })
    engine.addPeer(PEER, { domain: 1, address: address(2), mtu: 1450 })
    for (let flow = 0; flow < FLOWS; flow++) {
      engine.stations.addStatic(1, STATION_HIGH, flow, way.startsWith('out') ? PEER : 1)
      engine.stations.addStatic(1, STATION_HIGH, FLOWS + flow, way === 'into' ? PEER : 2)
    }
    for (let index = 0; index < BURST_MAX; index++) this.#write(this.#place(index), index % FLOWS)
  }

  /** Nanoseconds a frame. */
  round(bursts: number): number {
    const before = process.hrtime.bigint()
    for (let burst = 0; burst < bursts; burst++) this.#burst()
    const ns = Number(process.hrtime.bigint() - before) / (bursts * BURST_MAX)
    this.#nowS++
    return ns
  }

  /** What has left, all in all. */
  get transmitted(): number {
    return this.#engine.counters.total().transmittedFrames
  }

  /** Where frame `index` of a burst stands. */
  #place(index: number): number {
    const memory = this.#memory
    if (this.#way !== 'out of, 64 in one') return memory.slotFrame(index) + (this.#way === 'out of' ? 100 : 0)
    return memory.slotFrame(Math.floor(index / GROUP)) + 100 + (index % GROUP) * DATAGRAM_LENGTH
  }

  #write(at: number, flow: number): void {
    const { view } = this.#memory
    view.setUint16(at, STATION_HIGH)
    view.setInt32(at + 2, FLOWS + flow)
    view.setUint16(at + 6, STATION_HIGH)
    view.setInt32(at + 8, flow)
    view.setUint16(at + 12, 0x0800)
    view.setUint16(at + 14, 0x4500)
    view.setUint16(at + 16, FRAME_LENGTH - 14)
    view.setUint16(at + 22, (64 << 8) | IPV4_UDP)
    view.setInt32(at + 26, 0x0a010000 + flow)
    view.setInt32(at + 30, 0x0a010100 + flow)
    view.setInt32(at + 34, (1000 << 16) | 2000)
    view.setUint16(at + 38, FRAME_LENGTH - 34)
  }

  #burst(): void {
    const engine = this.#engine
    const nowUs = this.#nowS * 1e6
    this.#memory.status[STATUS_TRANSMIT_FAILURES] = 0
    engine.settle()
    let count = engine.arrive(this.#poll(), nowUs)
    engine.process(0, count, this.#nowS)
    while (engine.hasArrivals) {
      engine.settle()
      count = engine.arrive(0, nowUs)
      engine.process(0, count, this.#nowS)
    }
  }

  /** What the kernel would write: descriptors and headers, the latter of which the path changes in place. */
  #poll(): number {
    if (this.#way === 'out of, 64 in one') return this.#pollGroups()
    const { view } = this.#memory
    for (let index = 0; index < BURST_MAX; index++) {
      const at = this.#place(index)
      if (this.#way === 'out of') {
        view.setInt32(at - 8, VXLAN_FLAGS)
        view.setInt32(at - 4, VNI << 8)
        this.#describe(index, TUNNEL, at - VXLAN_HEADER_SIZE, DATAGRAM_LENGTH, this.#facts(index, 0))
      } else {
        const header = at - VIRTIO_NET_HEADER_SIZE
        view.setInt32(header, 0)
        view.setInt32(header + 4, 0)
        view.setInt16(header + 8, 0)
        this.#describe(index, 1, at, FRAME_LENGTH, 0)
      }
    }
    return BURST_MAX
  }

  #pollGroups(): number {
    const { view } = this.#memory
    for (let index = 0; index < BURST_MAX; index++) {
      const at = this.#place(index)
      view.setInt32(at - 8, VXLAN_FLAGS)
      view.setInt32(at - 4, VNI << 8)
      // Two bytes of each frame are where the next one's virtio-net header was.
      view.setInt16(at + FRAME_LENGTH - 2, 0x1234)
      if (index % GROUP !== 0) continue
      const group = index / GROUP
      const facts = this.#facts(group, DATAGRAM_LENGTH)
      this.#describe(group, TUNNEL, at - VXLAN_HEADER_SIZE, GROUP * DATAGRAM_LENGTH, facts)
    }
    return BURST_MAX / GROUP
  }

  #facts(slot: number, segmentSize: number): number {
    const { view } = this.#memory
    const facts = this.#memory.slotFrame(slot) - FACTS_IN_SLOT - VIRTIO_NET_HEADER_SIZE
    view.setInt32(facts + FACT_SEGMENT_SIZE, segmentSize, true)
    view.setInt32(facts + FACT_TOS, 0, true)
    view.setInt32(facts + FACT_SUMS, segmentSize === 0 ? 0 : this.#memory.layout.sums, true)
    view.setInt32(facts + FACT_SOURCE_ADDRESS, 0)
    view.setInt32(facts + FACT_SOURCE_ADDRESS + 4, 0)
    view.setInt32(facts + FACT_SOURCE_ADDRESS + 8, 0xffff)
    view.setInt32(facts + FACT_SOURCE_ADDRESS + 12, 0x0a000002)
    return facts
  }

  #describe(index: number, port: number, offset: number, length: number, word: number): void {
    const { received } = this.#memory
    const descriptor = index << DESCRIPTOR_SHIFT
    received[descriptor] = port
    received[descriptor + 1] = offset
    received[descriptor + 2] = length
    received[descriptor + 3] = word
  }
}
