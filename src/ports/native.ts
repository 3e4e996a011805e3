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
  detach(handle: NativeHandle, port: number): void
  transmit(handle: NativeHandle, count: number): void
  poll(handle: NativeHandle, transmitCount: number, timeoutMs: number): number
  openTap(options: NativeTapOptions): { readonly descriptor: number; readonly takenUp: boolean }
  /** 1: the TAP outlives its descriptors; 0: it does not. */
  setPersistent(descriptor: number, persistent: 0 | 1): void
  setOffload(descriptor: number, features: number): void
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
