/**
 * The native addon, and the only file that loads it. native/README.md has the memory contract; the C sources hold no
 * policy, so each function here does one thing that JavaScript cannot.
 */
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

/** Opaque: frame memory, backend and attached ports of one native frame I/O. */
declare const handleBrand: unique symbol
export interface NativeHandle {
  readonly [handleBrand]: true
}

export interface NativeFrameIoOptions {
  readonly backend: 'io_uring' | 'epoll'
  readonly memorySize: number
  readonly status: number
  readonly events: number
  readonly eventsMax: number
  readonly received: number
  readonly burstMax: number
  readonly transmits: number
  readonly transmitMax: number
  readonly slots: number
  readonly slotSize: number
  readonly slotCount: number
  readonly headroom: number
  readonly gathers: number
  readonly gatherWords: number
  readonly sums: number
  readonly datagramsMax: number
  readonly portsMax: number
  readonly wakeDescriptor: number
}

export interface NativeTapOptions {
  /** Path of the network namespace; undefined is the one that this process is in. */
  readonly namespace: string | undefined
  readonly name: string
  /** Six bytes; undefined lets the kernel choose one. */
  readonly mac: Uint8Array | undefined
  readonly mtu: number
  readonly transmitQueueLength: number
  readonly virtio: boolean
  readonly multiQueue: boolean
  readonly persistent: boolean
}

/** Opaque: one thread that waits for what arrives at reserved ports. */
declare const watchBrand: unique symbol
export interface NativeWatch {
  readonly [watchBrand]: true
}

/** Opaque: the sockets of a range of ports. */
declare const reservedBrand: unique symbol
export interface NativeReserved {
  readonly [reservedBrand]: true
}

export interface NativePacketSocketOptions {
  /** Path of the network namespace; undefined is the one that this process is in. */
  readonly namespace: string | undefined
  readonly interface: string
  readonly promiscuous: boolean
  readonly withoutOwn: boolean
  readonly receiveBuffer: number
  readonly sendBuffer: number
  /** Bytes; longer frames are not received. */
  readonly frameMax: number
}

export interface NativePacketSocket {
  readonly descriptor: number
  readonly ifindex: number
  readonly mac: Uint8Array
  readonly mtu: number
}

export interface NativeUdpSocketOptions {
  /** Path of the network namespace; undefined is the one that this process is in. */
  readonly namespace: string | undefined
  /** 16 bytes, those of IPv4 mapped into IPv6. */
  readonly address: Uint8Array
  readonly port: number
  /** Otherwise the kernel drops what comes. */
  readonly receives: boolean
  readonly ttl: number
  readonly receiveBuffer: number
  readonly sendBuffer: number
}

export interface NativeSocketOptions {
  /** Path of the network namespace; undefined is the one that this process is in. */
  readonly namespace: string | undefined
  readonly tcp: boolean
  readonly ipv6: boolean
  /** Undefined: it is bound to none. */
  readonly address: string | undefined
  /** 0: the kernel chooses. */
  readonly port: number
  /** 0: it does not listen. */
  readonly backlog: number
}

export interface NativeReservedOptions {
  /** Empty: all addresses of IPv4 and IPv6; `0.0.0.0` and `::` all of one. */
  readonly address: string
  readonly tcp: boolean
  readonly first: number
  readonly last: number
  /** Whether what came over the loopback interface is received; nothing else ever is. */
  readonly deliver: boolean
  readonly backlog: number
  /** Stands in each arrival; 31 bits. */
  readonly tag: number
  /** Must stay open for as long as the reservation. */
  readonly watch: NativeWatch | undefined
}

/** Something came to the port `first + index` of the reservation of this tag. */
export interface NativeArrival {
  readonly tag: number
  readonly index: number
}

export interface NativeDatagram extends NativeArrival {
  readonly size: number
  readonly remoteAddress: string
  readonly remotePort: number
  /** The address of ours that it was sent to. */
  readonly localAddress: string
}

/** Every function throws an Error with `code` (the errno's name) and `step` (what was being done). */
export interface NativeAddon {
  /** An eventfd. Belongs to the caller. */
  openWake(): number
  openFrameIo(options: NativeFrameIoOptions): {
    readonly handle: NativeHandle
    readonly memory: ArrayBuffer
  }
  closeFrameIo(handle: NativeHandle): void
  /** The descriptor belongs to the handle from here on, and is closed with the port. Where this throws it is the caller's still. */
  attach(handle: NativeHandle, port: number, descriptor: number, virtio: boolean): void
  /** The descriptors, 1 to 256 of `sources`, belong to the handle from here on, as with `attach`. */
  attachTunnel(handle: NativeHandle, port: number, descriptor: number, sources: readonly number[]): void
  /** `address` has 16 bytes, those of IPv4 mapped into IPv6. */
  attachPeer(
    handle: NativeHandle,
    port: number,
    tunnelPort: number,
    address: Uint8Array,
    udpPort: number,
  ): void
  detach(handle: NativeHandle, port: number): void
  release(handle: NativeHandle, port: number): number
  transmit(handle: NativeHandle, count: number): void
  poll(handle: NativeHandle, transmitCount: number, timeoutUs: number): number
  openTap(options: NativeTapOptions): { readonly descriptor: number; readonly takenUp: boolean }
  /** 1: the TAP outlives its descriptors; 0: it does not. */
  setPersistent(descriptor: number, persistent: 0 | 1): void
  setOffload(descriptor: number, features: number): void

  openPacketSocket(options: NativePacketSocketOptions): NativePacketSocket

  openUdpSocket(options: NativeUdpSocketOptions): number
  /** Bytes of IP packet on the way from one address to the other, as far as the kernel knows it. */
  routeMtu(options: {
    readonly namespace: string | undefined
    readonly local: Uint8Array
    readonly address: Uint8Array
  }): number

  /** Calls back when something waits at a port, and then not before `resumeArrivalWatch`. Keeps no process from ending. */
  openArrivalWatch(ready: () => void): NativeWatch
  resumeArrivalWatch(watch: NativeWatch): void
  closeArrivalWatch(watch: NativeWatch): void
  /** All ports of the range; the error's `port` is the one that could not be had. */
  reservePorts(options: NativeReservedOptions): NativeReserved
  closePorts(reserved: NativeReserved): void
  /** In the background. */
  releasePorts(reserved: NativeReserved): Promise<void>
  /** The next TCP connection, whose descriptor is the caller's. */
  accept(watch: NativeWatch): (NativeArrival & { readonly descriptor: number }) | undefined
  /** The next datagram, as far as there is room for it. */
  receive(watch: NativeWatch, to: Uint8Array): NativeDatagram | undefined
  send(
    reserved: NativeReserved,
    index: number,
    bytes: Uint8Array,
    remoteAddress: string,
    remotePort: number,
    localAddress: string,
  ): void

  /** A descriptor of a new network namespace, which lives as long as anything of it is open. */
  makeNamespace(): number
  /** A descriptor that does not block, of a socket that belongs to the namespace for good. */
  openSocket(options: NativeSocketOptions): number
  /** From now on the close of this TCP socket resets its connection. */
  resetOnClose(descriptor: number): void
}

export interface NativeError extends Error {
  readonly code: string
  readonly step: string
}

export const isNativeError = (error: unknown): error is NativeError =>
  error instanceof Error && 'step' in error

const PATH =
  process.env['TAPWIRE_ADDON'] ?? fileURLToPath(new URL('../../../build/tapwire.node', import.meta.url))

let loaded: NativeAddon | undefined

/** Loads the addon at the first call, so that everything that is pure runs where it was never built. */
export function native(): NativeAddon {
  loaded ??= createRequire(import.meta.url)(PATH) as NativeAddon
  return loaded
}
