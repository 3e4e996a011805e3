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
const ENODEV = 19
const ENOBUFS = 105

const NO_HEADER = new Uint8Array(VIRTIO_NET_HEADER_SIZE)

/** A frame outside of the frame memory: its bytes, and the virtio-net header that goes with them. */
export interface QueuedFrame {
  readonly frame: Uint8Array
  readonly virtioHeader: Uint8Array
}

interface MemoryPort {
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
  readonly #lost: { port: number; error: number }[] = []
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
    this.#ports.set(port, { queueMax, arrivals: [], departures: [] })
  }

  /** Lets a frame arrive at the port. The bytes are copied at the poll that receives it. */
  inject(port: number, frame: Uint8Array, virtioHeader: Uint8Array = NO_HEADER): void {
    if (frame.length > FRAME_MAX)
      throw new RangeError(`a frame has at most ${FRAME_MAX} bytes, not ${frame.length}`)
    this.#attached(port).arrivals.push({ frame, virtioHeader })
  }

  /** Takes what was transmitted to the port since the last call. */
  collect(port: number): QueuedFrame[] {
    return this.#attached(port).departures.splice(0)
  }

  /** The port's device vanishes, as a TAP does with its namespace: the next poll reports it with this errno. */
  vanish(port: number, error: number = ENODEV): void {
    this.#attached(port)
    this.#lost.push({ port, error })
  }

  /** Ends the next poll's wait, and shows as STATUS_WOKEN in it. */
  wake(): void {
    this.#woken = true
  }

  transmit(count: number): void {
    if (count > TRANSMIT_MAX) throw new RangeError(`at most ${TRANSMIT_MAX} frames are transmitted at once`)
    this.memory.status[STATUS_TRANSMIT_FAILURES] = 0
    for (let i = 0; i < count; i++) this.#transmit(i << DESCRIPTOR_SHIFT)
  }

  poll(transmitCount: number, _timeoutMs: number): number {
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
    const port = this.#ports.get(transmits[descriptor + PORT]!)
    const offset = transmits[descriptor + OFFSET]!
    const end = offset + transmits[descriptor + LENGTH]!
    const error = port === undefined ? ENODEV : port.departures.length >= port.queueMax ? ENOBUFS : 0
    transmits[descriptor + RESULT] = -error
    if (error !== 0) status[STATUS_TRANSMIT_FAILURES]!++
    else
      port?.departures.push({
        frame: bytes.slice(offset, end),
        virtioHeader: bytes.slice(offset - VIRTIO_NET_HEADER_SIZE, offset),
      })
  }

  #reportLost(): number {
    const reported = this.#lost.splice(0, PORT_EVENTS_MAX)
    reported.forEach(({ port, error }, index) => {
      this.memory.events.set([port, error], index * EVENT_WORDS)
      this.detach(port)
    })
    return reported.length
  }

  /** One frame a port and round, so that no port fills the burst alone. */
  #receive(): number {
    let count = 0
    let before = -1
    while (count < this.#burstMax && count > before) {
      before = count
      for (const [number, port] of this.#ports) {
        const arrival = count < this.#burstMax ? port.arrivals.shift() : undefined
        if (arrival !== undefined) this.#place(count++, number, arrival)
      }
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
