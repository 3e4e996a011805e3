import {
  DESCRIPTOR_SHIFT,
  EVENT_WORDS,
  FLAG_GATHER,
  FRAME_MAX,
  FrameMemory,
  frameLayout,
  GATHER_WORD,
  LENGTH,
  OFFSET,
  PORT,
  RESULT,
  STATUS_EVENTS,
  STATUS_TRANSMIT_FAILURES,
  STATUS_WOKEN,
  VIRTIO_NET_HEADER_SIZE,
} from '../datapath/frame-memory.ts'
import {
  BURST_MAX,
  PORT_EVENTS_MAX,
  PORTS_MAX,
  SLOTS_DEFAULT,
  TRANSMIT_MAX,
  TUNNEL_DATAGRAMS_MAX,
  UDP_PAYLOAD_MAX,
} from '../limits.ts'
import type { FrameIo } from './frame-io.ts'
import { framesHave, takeGather } from './memory-gather.ts'
import {
  type ArrivingDatagram,
  type MemoryPeer,
  type MemoryPeerOptions,
  MemoryTunnel,
  type MemoryTunnelOptions,
  memoryPeer,
  placeDatagram,
  type SentDatagram,
  sendDatagrams,
} from './memory-tunnel.ts'

/** Linux's errno numbers, as a RESULT carries them. */
const EFAULT = 14
const ENODEV = 19
const EMSGSIZE = 90
const EOPNOTSUPP = 95
const ENOBUFS = 105

const NO_HEADER = new Uint8Array(VIRTIO_NET_HEADER_SIZE)

/** A frame outside of the frame memory: its bytes, and the virtio-net header that goes with them. */
export interface QueuedFrame {
  readonly frame: Uint8Array
  readonly virtioHeader: Uint8Array
}

interface MemoryPort {
  /** The errno with which the device vanished; 0 while it is there. */
  error: number
  readonly queueMax: number
  readonly arrivals: QueuedFrame[]
  readonly departures: QueuedFrame[]
}

/**
 * Ports without devices: what a test, a replay or a browser puts in with `inject` is received, and what was
 * transmitted is taken out with `collect`. Never waits, for no time passes here.
 */
export class MemoryFrameIo implements FrameIo {
  readonly backend = 'memory'
  readonly memory: FrameMemory
  /** What receives, in the order of turns. */
  readonly #ports = new Map<number, MemoryPort | MemoryTunnel>()
  readonly #peers = new Map<number, MemoryPeer>()
  readonly #burstMax: number
  #woken = false

  constructor(slots: number = SLOTS_DEFAULT) {
    this.memory = new FrameMemory(frameLayout(slots))
    this.#burstMax = Math.min(BURST_MAX, slots)
  }

  /** `queueMax` bounds the departures that nobody collects: what goes beyond is refused with ENOBUFS, as by a device. */
  attach(port: number, queueMax: number = TRANSMIT_MAX): void {
    this.#refuseTaken(port)
    this.#ports.set(port, { error: 0, queueMax, arrivals: [], departures: [] })
  }

  /** Lets a frame arrive at the port. The bytes are copied at the poll that receives it. */
  inject(port: number, frame: Uint8Array, virtioHeader: Uint8Array = NO_HEADER): void {
    if (frame.length > FRAME_MAX)
      throw new RangeError(`a frame has at most ${FRAME_MAX} bytes, not ${frame.length}`)
    if (virtioHeader.length !== VIRTIO_NET_HEADER_SIZE)
      throw new RangeError(
        `a virtio-net header has ${VIRTIO_NET_HEADER_SIZE} bytes, not ${virtioHeader.length}`,
      )
    this.#attached(port).arrivals.push({ frame, virtioHeader })
  }

  /** A port of datagrams: what NativeFrameIo has sockets for. */
  attachTunnel(port: number, options: MemoryTunnelOptions = {}): void {
    this.#refuseTaken(port)
    this.#ports.set(port, new MemoryTunnel(options))
  }

  /** As NativeFrameIo's. */
  attachPeer(
    port: number,
    tunnelPort: number,
    address: Uint8Array,
    udpPort: number,
    options: MemoryPeerOptions = {},
  ): void {
    this.#refuseTaken(port)
    this.#peers.set(port, memoryPeer(tunnelPort, address, udpPort, options))
  }

  /** Lets a datagram, or several as one, arrive at the tunnel. The bytes are copied at the poll that receives them. */
  injectDatagram(port: number, arrival: ArrivingDatagram): void {
    const { payload, segmentSize = 0 } = arrival
    if (payload.length > UDP_PAYLOAD_MAX)
      throw new RangeError(`a payload has at most ${UDP_PAYLOAD_MAX} bytes, not ${payload.length}`)
    if (segmentSize > 0 && payload.length > segmentSize * TUNNEL_DATAGRAMS_MAX)
      throw new RangeError(`at most ${TUNNEL_DATAGRAMS_MAX} datagrams come as one`)
    this.#tunnel(port).arrivals.push(arrival)
  }

  /** Takes what was transmitted to the tunnel's peers since the last call. */
  collectDatagrams(port: number): SentDatagram[] {
    return this.#tunnel(port).departures.splice(0)
  }

  /** Takes what was transmitted to the port since the last call. */
  collect(port: number): QueuedFrame[] {
    return this.#attached(port).departures.splice(0)
  }

  /** The port's device vanishes, as a TAP does with its namespace: the next poll reports it with this errno. */
  vanish(port: number, error: number = ENODEV): void {
    this.#attached(port).error ||= error
  }

  /** Ends the next poll's wait, and shows as STATUS_WOKEN in it. */
  wake(): void {
    this.#woken = true
  }

  transmit(count: number): void {
    if (count < 0 || count > TRANSMIT_MAX)
      throw new RangeError(`0 to ${TRANSMIT_MAX} frames are transmitted at once, not ${count}`)
    this.memory.status[STATUS_TRANSMIT_FAILURES] = 0
    for (let i = 0; i < count; i++) this.#transmit(i << DESCRIPTOR_SHIFT)
  }

  poll(transmitCount: number, _timeoutUs: number): number {
    this.transmit(transmitCount)
    const { status } = this.memory
    status[STATUS_WOKEN] = this.#woken ? 1 : 0
    this.#woken = false
    status[STATUS_EVENTS] = this.#reportLost()
    return this.#receive()
  }

  detach(port: number): void {
    this.#ports.delete(port)
    this.#peers.delete(port)
  }

  close(): void {
    this.#ports.clear()
    this.#peers.clear()
  }

  #refuseTaken(port: number): void {
    if (port < 0 || port >= PORTS_MAX) throw new RangeError(`port ${port} is not in 0..${PORTS_MAX - 1}`)
    if (this.#ports.has(port) || this.#peers.has(port)) throw new Error(`port ${port} is attached already`)
  }

  #tunnel(port: number): MemoryTunnel {
    const tunnel = this.#ports.get(port)
    if (!(tunnel instanceof MemoryTunnel)) throw new Error(`port ${port} is no tunnel`)
    return tunnel
  }

  #attached(port: number): MemoryPort {
    const attached = this.#ports.get(port)
    if (attached === undefined || attached instanceof MemoryTunnel)
      throw new Error(`port ${port} is not attached`)
    return attached
  }

  #transmit(descriptor: number): void {
    const { transmits, status } = this.memory
    const error = this.#send(descriptor, transmits[descriptor + PORT]!)
    transmits[descriptor + RESULT] = -error
    if (error !== 0) status[STATUS_TRANSMIT_FAILURES]!++
  }

  /** The errno of a transmission, or 0. */
  #send(descriptor: number, port: number): number {
    const attached = this.#ports.get(port)
    if (attached instanceof MemoryTunnel) return EOPNOTSUPP
    if (attached !== undefined) return this.#sendFrame(descriptor, attached)
    const peer = this.#peers.get(port)
    const tunnel = peer && this.#ports.get(peer.tunnelPort)
    if (peer === undefined || !(tunnel instanceof MemoryTunnel)) return ENODEV
    return sendDatagrams(this.memory, descriptor, port, peer, tunnel)
  }

  #sendFrame(descriptor: number, port: MemoryPort): number {
    const { transmits, bytes, view } = this.memory
    const offset = transmits[descriptor + OFFSET]!
    const length = transmits[descriptor + LENGTH]!
    const header = offset - VIRTIO_NET_HEADER_SIZE
    if (!framesHave(this.memory, header, VIRTIO_NET_HEADER_SIZE) || !framesHave(this.memory, offset, length))
      return EFAULT
    if (port.error !== 0) return port.error
    if (port.departures.length >= port.queueMax) return ENOBUFS
    if ((view.getUint8(header) & FLAG_GATHER) !== 0) return this.#sendGathered(offset, port)
    port.departures.push({
      frame: bytes.slice(offset, offset + length),
      virtioHeader: bytes.slice(header, offset),
    })
    return 0
  }

  #sendGathered(offset: number, port: MemoryPort): number {
    const { view } = this.memory
    if (!framesHave(this.memory, offset + GATHER_WORD, 4)) return EFAULT
    const gathered = takeGather(this.memory, view.getInt32(offset + GATHER_WORD, true))
    if (gathered === undefined || gathered.bytes.length < VIRTIO_NET_HEADER_SIZE) return EFAULT
    const virtioHeader = gathered.bytes.slice(0, VIRTIO_NET_HEADER_SIZE)
    const frame = gathered.bytes.slice(VIRTIO_NET_HEADER_SIZE)
    if (frame.length > FRAME_MAX) return EMSGSIZE
    virtioHeader[0]! &= ~FLAG_GATHER
    port.departures.push({ frame, virtioHeader })
    return 0
  }

  #reportLost(): number {
    let count = 0
    for (const [number, port] of this.#ports) {
      if (port instanceof MemoryTunnel || port.error === 0 || count === PORT_EVENTS_MAX) continue
      this.memory.events.set([number, port.error], count++ * EVENT_WORDS)
      this.detach(number)
    }
    return count
  }

  /**
   * A port that was served goes to the end of the order, where this very loop comes by again: so the ports take turns,
   * in a burst and from one burst to the next.
   */
  #receive(): number {
    let count = 0
    for (const [number, port] of this.#ports) {
      if (count === this.#burstMax) break
      if (!this.#take(count, number, port)) continue
      count++
      this.#ports.delete(number)
      this.#ports.set(number, port)
    }
    return count
  }

  /** Whether anything was there. */
  #take(index: number, number: number, port: MemoryPort | MemoryTunnel): boolean {
    if (port.arrivals.length === 0) return false
    if (port instanceof MemoryTunnel) placeDatagram(this.memory, index, number, port.arrivals.shift()!)
    else this.#place(index, number, port.arrivals.shift()!)
    return true
  }

  #place(index: number, port: number, { frame, virtioHeader }: QueuedFrame): void {
    const { bytes, received } = this.memory
    const offset = this.memory.slotFrame(index)
    bytes.set(virtioHeader, offset - VIRTIO_NET_HEADER_SIZE)
    bytes.set(frame, offset)
    received.set([port, offset, frame.length, 0], index << DESCRIPTOR_SHIFT)
  }
}
