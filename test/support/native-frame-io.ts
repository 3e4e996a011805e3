import { closeSync } from 'node:fs'
import { MTU_MAX } from '../../src/limits.ts'
import { NativeFrameIo, openWake, wake } from '../../src/ports/native-frame-io.ts'
import { openTap } from '../../src/ports/tap.ts'
import type { FarEnd } from './far-end.ts'
import type { NetworkNamespace } from './network-namespace.ts'

export type NativeBackend = 'io_uring' | 'epoll'

export interface NativeSetup {
  readonly backend: NativeBackend
  readonly namespace: NetworkNamespace
  readonly farEnd: FarEnd
}

/** The interface of a port in the namespace. */
export const interfaceName = (port: number): string => `t${port}`

/** A NativeFrameIo whose ports are TAPs in a namespace, with their far ends. */
export class OpenedNativeFrameIo {
  readonly io: NativeFrameIo
  readonly #setup: NativeSetup
  readonly #wakeDescriptor = openWake()
  /** Ports whose far end is open. */
  readonly #farEnds = new Set<number>()

  constructor(setup: NativeSetup, slots?: number) {
    this.#setup = setup
    this.io = new NativeFrameIo({
      backend: setup.backend,
      wakeDescriptor: this.#wakeDescriptor,
      ...(slots !== undefined && { slots }),
    })
  }

  attach = async (
    port: number,
    waiting: readonly Uint8Array[] = [],
    { offload = true, namespace = this.#setup.namespace } = {},
  ): Promise<void> => {
    await this.closeFarEnd(port)
    const { farEnd } = this.#setup
    const name = interfaceName(port)
    const tap = openTap({ namespace: namespace.path, name, mtu: MTU_MAX, offload })
    try {
      await farEnd.open(port, namespace.path, name)
      this.#farEnds.add(port)
      if (waiting.length > 0) await farEnd.send(port, waiting)
      this.io.attach(port, tap.descriptor, tap.virtio)
    } catch (error) {
      closeSync(tap.descriptor)
      throw error
    }
  }

  inject = (port: number, frames: readonly Uint8Array[]): Promise<void> =>
    this.#setup.farEnd.send(port, frames)

  collect = (port: number): Promise<Uint8Array[]> => this.#setup.farEnd.receive(port)

  vanish = async (port: number): Promise<void> => {
    this.#setup.namespace.ip('link', 'delete', interfaceName(port))
  }

  wake = (): void => wake(this.#wakeDescriptor)

  /** Lets go of the namespace, which a packet socket keeps alive. */
  async closeFarEnd(port: number): Promise<void> {
    if (this.#farEnds.delete(port)) await this.#setup.farEnd.close(port)
  }

  close = async (): Promise<void> => {
    this.io.close()
    closeSync(this.#wakeDescriptor)
    for (const port of this.#farEnds) await this.closeFarEnd(port)
  }
}
