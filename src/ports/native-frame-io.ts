import { writeSync } from 'node:fs'
import { FrameMemory, frameLayout, HEADROOM, SLOT_SIZE } from '../datapath/frame-memory.ts'
import {
  BURST_MAX,
  GATHER_WORDS_MAX,
  PORT_EVENTS_MAX,
  PORTS_MAX,
  SLOTS_DEFAULT,
  TRANSMIT_MAX,
  TUNNEL_DATAGRAMS_MAX,
} from '../limits.ts'
import type { FrameIo } from './frame-io.ts'
import { isNativeError, type NativeHandle, native } from './native.ts'
import type { TunnelSockets } from './udp-tunnel.ts'

export interface NativeFrameIoSettings {
  /** `auto` takes io_uring where the kernel has and allows it, else epoll. */
  readonly backend?: 'auto' | 'io_uring' | 'epoll'
  /** Frames that can be on their way in at once. */
  readonly slots?: number
  /**
   * What `openWake` returned. Whoever may wake the poll has to own it: a descriptor that another thread closes could
   * be somebody else's file by the time it is written to.
   */
  readonly wakeDescriptor: number
}

const WAKE = new Uint8Array(new BigUint64Array([1n]).buffer)

/** A descriptor for `wake`. Close it when the frame I/O is closed. */
export const openWake = (): number => native().openWake()

/** Ends a poll that waits, or the next one. For any thread. */
export const wake = (descriptor: number): void => {
  writeSync(descriptor, WAKE)
}

/**
 * Frames of kernel devices (TAPs), by io_uring or epoll. To be opened, polled and closed by one thread: an io_uring
 * belongs to the thread that made it.
 */
export class NativeFrameIo implements FrameIo {
  readonly backend: 'io_uring' | 'epoll'
  readonly memory: FrameMemory
  /** Why `auto` did not take io_uring; undefined where it did, or was not asked to. */
  readonly fallbackReason: string | undefined
  readonly #handle: NativeHandle

  constructor(settings: NativeFrameIoSettings) {
    const wanted = settings.backend ?? 'auto'
    let opened: ReturnType<typeof open>
    let fallbackReason: string | undefined
    try {
      opened = open(wanted === 'auto' ? 'io_uring' : wanted, settings)
    } catch (error) {
      if (wanted !== 'auto' || !isNativeError(error)) throw error
      fallbackReason = `${error.message} (${error.code})`
      opened = open('epoll', settings)
    }
    this.backend = opened.backend
    this.memory = opened.memory
    this.fallbackReason = fallbackReason
    this.#handle = opened.handle
  }

  /** Takes over `descriptor`, a TAP's; `virtio` says whether its frames carry a virtio-net header. */
  attach(port: number, descriptor: number, virtio: boolean): void {
    native().attach(this.#handle, port, descriptor, virtio)
  }

  /** Takes over the sockets of a tunnel, as one port: what it receives has TUNNEL_FACTS beside it. It is sent by to its peers only. */
  attachTunnel(port: number, sockets: TunnelSockets): void {
    native().attachTunnel(this.#handle, port, sockets.descriptor, sockets.sources)
  }

  /**
   * A port that sends to `address` (16 bytes, those of IPv4 mapped into IPv6) by the sockets of the tunnel `tunnelPort`. Where that is not
   * there, transmissions are refused with ENODEV; it may come and go.
   */
  attachPeer(port: number, tunnelPort: number, address: Uint8Array, udpPort: number): void {
    native().attachPeer(this.#handle, port, tunnelPort, address, udpPort)
  }

  transmit(count: number): void {
    native().transmit(this.#handle, count)
  }

  poll(transmitCount: number, timeoutUs: number): number {
    return native().poll(this.#handle, transmitCount, timeoutUs)
  }

  detach(port: number): void {
    native().detach(this.#handle, port)
  }

  /**
   * Like `detach`, but leaves the descriptor to the caller; -1 where there is no such port, or it is a peer. Of a
   * tunnel that is the socket that receives; the others are closed. To close a device may take the kernel
   * 20 ms (a packet socket waits until no processor looks at it any more), which is for a thread that has nothing else to do.
   */
  release(port: number): number {
    return native().release(this.#handle, port)
  }

  close(): void {
    native().closeFrameIo(this.#handle)
  }
}

function open(backend: 'io_uring' | 'epoll', settings: NativeFrameIoSettings) {
  const layout = frameLayout(settings.slots ?? SLOTS_DEFAULT)
  const { handle, memory } = native().openFrameIo({
    backend,
    memorySize: layout.size,
    status: layout.status,
    events: layout.events,
    eventsMax: PORT_EVENTS_MAX,
    received: layout.received,
    burstMax: BURST_MAX,
    transmits: layout.transmits,
    transmitMax: TRANSMIT_MAX,
    slots: layout.slots,
    slotSize: SLOT_SIZE,
    slotCount: layout.slotCount,
    headroom: HEADROOM,
    gathers: layout.gathers,
    gatherWords: GATHER_WORDS_MAX,
    sums: layout.sums,
    datagramsMax: TUNNEL_DATAGRAMS_MAX,
    portsMax: PORTS_MAX,
    wakeDescriptor: settings.wakeDescriptor,
  })
  return { backend, handle, memory: new FrameMemory(layout, memory) }
}
