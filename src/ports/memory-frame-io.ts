import {
  DESCRIPTOR_SHIFT,
  EVENT_WORDS,
  FRAME_MAX,
  FrameMemory,
  frameLayout,
  LENGTH,
  OFFSET,
  PORT,
  RESULT,
  STATUS_EVENTS,
  STATUS_TRANSMIT_FAILURES,
  STATUS_WOKEN,
  VIRTIO_NET_HEADER_SIZE,
} from '../datapath/frame-memory.ts'
import { BURST_MAX, PORT_EVENTS_MAX, PORTS_MAX, SLOTS_DEFAULT, TRANSMIT_MAX } from '../limits.ts'
import type { FrameIo } from './frame-io.ts'

/** Linux's errno numbers, as a RESULT carries them. */
const EFAULT = 14
const ENODEV = 19
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
  readonly #ports = new Map<number, MemoryPort>()
  readonly #burstMax: number
  #woken = false

  constructor(slots: number = SLOTS_DEFAULT) {
    this.memory = new FrameMemory(frameLayout(slots))
    this.#burstMax = Math.min(BURST_MAX, slots)
  }

  /** `queueMax` bounds the departures that nobody collects: what goes beyond is refused with ENOBUFS, as by a device. */
  attach(port: number, queueMax: number = TRANSMIT_MAX): void {
    if (port < 0 || port >= PORTS_MAX) throw new RangeError(`port ${port} is not in 0..${PORTS_MAX - 1}`)
    if (this.#ports.has(port)) throw new Error(`port ${port} is attached already`)
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
  }

  close(): void {
    this.#ports.clear()
  }

  #attached(port: number): MemoryPort {
    const attached = this.#ports.get(port)
    if (attached === undefined) throw new Error(`port ${port} is not attached`)
    return attached
  }

  #transmit(descriptor: number): void {
    const { transmits, bytes, status } = this.memory
    const offset = transmits[descriptor + OFFSET]!
    const length = transmits[descriptor + LENGTH]!
    const port = this.#ports.get(transmits[descriptor + PORT]!)
    const error = port === undefined ? ENODEV : this.#refusal(port, offset, length)
    transmits[descriptor + RESULT] = -error
    if (error !== 0) status[STATUS_TRANSMIT_FAILURES]!++
    else
      port?.departures.push({
        frame: bytes.slice(offset, offset + length),
        virtioHeader: bytes.slice(offset - VIRTIO_NET_HEADER_SIZE, offset),
      })
  }

  /** The errno for a transmission, 0 where there is nothing against it. */
  #refusal(port: MemoryPort, offset: number, length: number): number {
    const { slots, size } = this.memory.layout
    if (offset < slots + VIRTIO_NET_HEADER_SIZE || length < 0 || offset + length > size) return EFAULT
    if (port.error !== 0) return port.error
    return port.departures.length >= port.queueMax ? ENOBUFS : 0
  }

  #reportLost(): number {
    let count = 0
    for (const [number, { error }] of this.#ports) {
      if (error === 0 || count === PORT_EVENTS_MAX) continue
      this.memory.events.set([number, error], count++ * EVENT_WORDS)
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
      const arrival = port.arrivals.shift()
      if (arrival === undefined) continue
      this.#place(count++, number, arrival)
      this.#ports.delete(number)
      this.#ports.set(number, port)
    }
    return count
  }

  #place(index: number, port: number, { frame, virtioHeader }: QueuedFrame): void {
    const { bytes, received } = this.memory
    const offset = this.memory.slotFrame(index)
    bytes.set(virtioHeader, offset - VIRTIO_NET_HEADER_SIZE)
    bytes.set(frame, offset)
    received.set([port, offset, frame.length, 0], index << DESCRIPTOR_SHIFT)
  }
}
