import type { FrameMemory } from '../datapath/frame-memory.ts'

/** How frames get in and out: a kernel interface for TAPs, or plain memory. */
export type Backend = 'io_uring' | 'epoll' | 'memory'

/**
 * The one interface between the data path and the world, a burst at a time. Implementations attach and detach
 * ports in their own way, and all pass the suite in test/ports/frame-io.conformance.ts.
 */
export interface FrameIo {
  readonly backend: Backend
  readonly memory: FrameMemory

  /**
   * Transmits the first `transmitCount` descriptors of `memory.transmits` in order, then returns how many
   * descriptors of `memory.received` are new (0 to BURST_MAX).
   *
   * On return every transmission is over: each descriptor has its RESULT, 0 or a negative errno, and
   * `memory.status[STATUS_TRANSMIT_FAILURES]` says how many failed. ENODEV: the port is not attached; EFAULT: offset and length
   * point outside of slots and arena. What goes to peers of a tunnel has the errno of sendmsg(2) where the kernel refuses it: EMSGSIZE,
   * ENETUNREACH …; it neither ends the peer nor the tunnel. Ports that vanished are detached and stand in `memory.events`, each once; the burst may
   * hold last frames of theirs. All frames of the burst before are gone.
   *
   * Waits up to `timeoutUs` microseconds for a frame, a wake or a port event (0 does not wait, -1 waits for ever), but never where
   * any of these is at hand already.
   */
  poll(transmitCount: number, timeoutUs: number): number

  /**
   * Carries out the first `count` transmissions and receives nothing: the burst stays as it is. For a burst that makes
   * more transmissions than one poll takes. RESULT and STATUS_TRANSMIT_FAILURES are set as by `poll`.
   */
  transmit(count: number): void

  /** Forgets the port and closes its device. Frames of it that wait unread are lost with it. */
  detach(port: number): void

  /** Closes all devices and gives the memory back. The memory must not be touched afterwards. */
  close(): void
}
