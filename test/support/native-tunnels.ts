import assert from 'node:assert/strict'
import { closeSync } from 'node:fs'
import { VIRTIO_NET_HEADER_SIZE } from '../../src/datapath/frame-memory.ts'
import { NativeFrameIo, openWake } from '../../src/ports/native-frame-io.ts'
import { openPacketSocket } from '../../src/ports/packet-socket.ts'
import { openTap } from '../../src/ports/tap.ts'
import { closeUdpTunnel, openUdpTunnel } from '../../src/ports/udp-tunnel.ts'
import type { OpenedTunnels, Side } from '../ports/tunnel.conformance.ts'
import { copyBurst } from './frame-io.ts'
import type { NativeBackend } from './native-frame-io.ts'
import { NetworkNamespace } from './network-namespace.ts'
import { concat, tunnelAddress } from './tunnel.ts'

export const ADDRESSES = {
  near: { ipv4: '192.0.2.1', ipv6: '2001:db8::1' },
  far: { ipv4: '192.0.2.2', ipv6: '2001:db8::2' },
}

/** Two namespaces, a veth pair between them. */
export class Underlay {
  readonly near = new NetworkNamespace()
  readonly far = new NetworkNamespace()

  constructor() {
    this.near.ip('link', 'add', 'under', 'type', 'veth', 'peer', 'name', 'under', 'netns', this.far.name)
    for (const side of ['near', 'far'] as const) {
      const { ipv4, ipv6 } = ADDRESSES[side]
      this[side].ip('address', 'add', `${ipv4}/24`, 'dev', 'under')
      this[side].ip('address', 'add', `${ipv6}/64`, 'dev', 'under', 'nodad')
      this[side].ip('link', 'set', 'under', 'addrgenmode', 'none', 'up')
    }
    for (const side of ['near', 'far'] as const) {
      while (this[side].link('under')?.operstate !== 'UP');
      // Waits for what the kernel does when it notices a link.
      this[side].ip('link', 'set', 'under', 'alias', 'ready')
    }
  }

  remove(): void {
    this.near.remove()
    this.far.remove()
  }
}

/** A NativeFrameIo with tunnels whose sockets are in the namespaces of an underlay. */
export class OpenedNativeTunnels implements OpenedTunnels {
  readonly io: NativeFrameIo
  readonly #underlay: Underlay
  readonly #wakeDescriptor = openWake()
  /** Of the same frame I/O: what hears what goes to a port of frames. */
  readonly #listeners = new Map<number, number>()
  readonly #heard = new Map<number, Uint8Array[]>()

  constructor(backend: NativeBackend, underlay: Underlay, slots?: number) {
    this.#underlay = underlay
    this.io = new NativeFrameIo({
      backend,
      wakeDescriptor: this.#wakeDescriptor,
      ...(slots !== undefined && { slots }),
    })
  }

  namespace = (side: Side): string => this.#underlay[side].path

  address = (side: Side, ipv6 = false): Uint8Array => tunnelAddress(ADDRESSES[side][ipv6 ? 'ipv6' : 'ipv4'])

  attachTunnel = (port: number, side: Side, ipv6 = false): void => {
    const namespace = this.#underlay[side].path
    const sockets = openUdpTunnel({ namespace, local: this.address(side, ipv6), udpPort: 4789, sources: 4 })
    try {
      this.io.attachTunnel(port, sockets)
    } catch (error) {
      closeUdpTunnel(sockets)
      throw error
    }
  }

  attachPeer = (port: number, tunnelPort: number, address: Uint8Array): void =>
    this.io.attachPeer(port, tunnelPort, address, 4789)

  attachFrames = (port: number): void => {
    const namespace = this.#underlay.near
    const name = `t${port}`
    const tap = openTap({ namespace: namespace.path, name, mtu: 1500 })
    assert.ok(tap.virtio)
    this.io.attach(port, tap.descriptor, tap.virtio)
    namespace.ip('link', 'set', name, 'addrgenmode', 'none', 'up')
    const { descriptor } = openPacketSocket({ namespace: namespace.path, interface: name, promiscuous: true })
    this.#listeners.set(port, 100 + port)
    this.io.attach(100 + port, descriptor, true)
  }

  collectFrames = (port: number): Uint8Array[] => {
    for (let count = 1; count > 0; ) {
      count = this.io.poll(0, 0)
      for (const { port: from, header, frame } of copyBurst(this.io, count)) {
        this.#heard.set(from, [...(this.#heard.get(from) ?? []), concat([header, frame])])
      }
    }
    const listener = this.#listeners.get(port) ?? -1
    const frames = this.#heard.get(listener) ?? []
    this.#heard.delete(listener)
    // What else is said on the interface is passed over: Local Experimental EtherType 1 is ours.
    return frames.filter((frame) => Buffer.from(frame).readUInt16BE(VIRTIO_NET_HEADER_SIZE + 12) === 0x88b5)
  }

  settle = (): void => {}

  close = (): void => {
    this.io.close()
    closeSync(this.#wakeDescriptor)
  }
}
