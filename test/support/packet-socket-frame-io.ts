import { closeSync, readSync, writeSync } from 'node:fs'
import { FRAME_MAX } from '../../src/datapath/frame-memory.ts'
import { MTU_MAX } from '../../src/limits.ts'
import { NativeFrameIo, openWake, wake } from '../../src/ports/native-frame-io.ts'
import { openPacketSocket } from '../../src/ports/packet-socket.ts'
import { openTap } from '../../src/ports/tap.ts'
import type { NativeBackend } from './native-frame-io.ts'
import type { NetworkNamespace } from './network-namespace.ts'

/** Local Experimental EtherType 1: what else is said on an interface is passed over. */
const TEST_ETHERTYPE = 0x88b5

/** More frames than a test has on their way to one port. */
const QUEUE = 10_000

/**
 * A NativeFrameIo whose ports are packet sockets on TAPs' interfaces; the far ends are the TAPs' descriptors. The kernel hands
 * a frame over within the system call that sends it, in both directions.
 */
export class OpenedPacketSocketFrameIo {
  readonly io: NativeFrameIo
  readonly #namespace: NetworkNamespace
  readonly #wakeDescriptor = openWake()
  /** By port: the descriptor of the TAP. */
  readonly #farEnds = new Map<number, number>()

  constructor(backend: NativeBackend, namespace: NetworkNamespace, slots?: number) {
    this.#namespace = namespace
    this.io = new NativeFrameIo({
      backend,
      wakeDescriptor: this.#wakeDescriptor,
      ...(slots !== undefined && { slots }),
    })
  }

  attach = async (port: number, waiting: readonly Uint8Array[] = []): Promise<void> => {
    this.#closeFarEnd(port)
    const name = `t${port}`
    const tap = openTap({ namespace: this.#namespace.path, name, mtu: MTU_MAX, offload: false })
    this.#farEnds.set(port, tap.descriptor)
    this.#namespace.ip('link', 'set', name, 'txqueuelen', String(QUEUE), 'addrgenmode', 'none', 'up')
    const { descriptor } = openPacketSocket({
      namespace: this.#namespace.path,
      interface: name,
      promiscuous: true,
    })
    await this.inject(port, waiting)
    this.io.attach(port, descriptor, true)
  }

  inject = async (port: number, frames: readonly Uint8Array[]): Promise<void> => {
    for (const frame of frames) writeSync(this.#farEnd(port), frame)
  }

  collect = async (port: number): Promise<Uint8Array[]> => {
    const frames: Uint8Array[] = []
    const room = Buffer.alloc(FRAME_MAX)
    for (;;) {
      const size = this.#read(port, room)
      if (size === 0) return frames
      if (room.readUInt16BE(12) === TEST_ETHERTYPE) frames.push(Uint8Array.from(room.subarray(0, size)))
    }
  }

  vanish = async (port: number): Promise<void> => {
    this.#namespace.ip('link', 'delete', `t${port}`)
  }

  wake = (): void => wake(this.#wakeDescriptor)

  close = async (): Promise<void> => {
    this.io.close()
    closeSync(this.#wakeDescriptor)
    for (const port of this.#farEnds.keys()) this.#closeFarEnd(port)
  }

  /** 0 where nothing waits. */
  #read(port: number, room: Buffer): number {
    try {
      return readSync(this.#farEnd(port), room)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return 0
      throw error
    }
  }

  #farEnd(port: number): number {
    const descriptor = this.#farEnds.get(port)
    if (descriptor === undefined) throw new Error(`port ${port} has no far end`)
    return descriptor
  }

  /** The interface goes with it. */
  #closeFarEnd(port: number): void {
    const descriptor = this.#farEnds.get(port)
    if (descriptor !== undefined) closeSync(descriptor)
    this.#farEnds.delete(port)
  }
}
