import { closeSync } from 'node:fs'
import { INTERFACE_NAME_MAX } from '../limits.ts'
import { isNativeError, type NativeAddon, type NativeError, native } from './native.ts'
import { OpenError } from './open-error.ts'

/** TUNSETOFFLOAD features (linux/if_tun.h): what the interface's own stack may leave for the other end to do. */
export const TapFeature = {
  checksum: 0x01,
  tso4: 0x02,
  tso6: 0x04,
  tsoEcn: 0x08,
  uso4: 0x20,
  uso6: 0x40,
} as const

const TSO = TapFeature.checksum | TapFeature.tso4 | TapFeature.tso6 | TapFeature.tsoEcn
const TSO_USO = TSO | TapFeature.uso4 | TapFeature.uso6

/**
 * Frames that may wait for us in the interface's queue. A full queue drops, and TCP hears of it only then, so the queue
 * holds more than a TCP window of 64 KB super-frames; one of small frames is a few milliseconds of traffic.
 */
const TRANSMIT_QUEUE_LENGTH = 1000

export interface TapOptions {
  /** Path of the network namespace to open the TAP in (`/run/netns/NAME`); undefined is this process's own. */
  readonly namespace?: string | undefined
  /** Interface name, 1 to 15 bytes. */
  readonly name: string
  /** Six bytes; the kernel chooses where undefined. */
  readonly mac?: Uint8Array | undefined
  /** Bytes of IP packet. */
  readonly mtu: number
  /** Super-frames and unfinished checksums in both directions, by the virtio-net header. Default true. */
  readonly offload?: boolean
  /** Opens one queue of a multi-queue TAP. */
  readonly multiQueue?: boolean
  /**
   * The interface outlives the descriptor, and is taken up again by opening it anew: as it is then, whatever `mac` and `mtu`
   * say. Such a descriptor keeps its namespace alive; one of an ordinary TAP does not, and the TAP vanishes with the namespace.
   */
  readonly persistent?: boolean
}

/** An open TAP. The descriptor belongs to the caller until a frame I/O takes it over. */
export interface Tap {
  readonly descriptor: number
  readonly name: string
  readonly virtio: boolean
  /** The offloads that the kernel granted, bits of TapFeature. */
  readonly features: number
  /** It was persistent and there already. */
  readonly takenUp: boolean
}

/** What a TAP could not be opened for. */
export class TapError extends OpenError {
  override readonly name = 'TapError'
}

/** Opens a TAP, in another network namespace if asked. Throws TapError. */
export function openTap(options: TapOptions): Tap {
  checkName(options.name)
  const virtio = options.offload ?? true
  let opened: ReturnType<NativeAddon['openTap']>
  try {
    opened = native().openTap({
      namespace: options.namespace,
      name: options.name,
      mac: options.mac,
      mtu: options.mtu,
      transmitQueueLength: TRANSMIT_QUEUE_LENGTH,
      virtio,
      multiQueue: options.multiQueue ?? false,
      persistent: options.persistent ?? false,
    })
  } catch (error) {
    throw isNativeError(error) ? explain(error, options) : error
  }
  const { descriptor, takenUp } = opened
  try {
    return { descriptor, name: options.name, virtio, features: grantedFeatures(descriptor, virtio), takenUp }
  } catch (error) {
    discardTap(opened)
    throw isNativeError(error) ? explain(error, options) : error
  }
}

/** Closes a TAP that nobody has use for. One that was made for this use goes with it, even if it is persistent. */
export function discardTap({ descriptor, takenUp }: Pick<Tap, 'descriptor' | 'takenUp'>): void {
  if (!takenUp) native().setPersistent(descriptor, 0)
  closeSync(descriptor)
}

/** USO needs Linux 6.2; without it the kernel refuses the whole set. */
function grantedFeatures(descriptor: number, virtio: boolean): number {
  for (const features of virtio ? [TSO_USO, TSO, TapFeature.checksum] : []) {
    try {
      native().setOffload(descriptor, features)
      return features
    } catch (error) {
      if (!isNativeError(error) || error.code !== 'EINVAL') throw error
    }
  }
  native().setOffload(descriptor, 0)
  return 0
}

function checkName(name: string): void {
  const bytes = new TextEncoder().encode(name).length
  if (bytes === 0 || bytes > INTERFACE_NAME_MAX) {
    throw new TapError(
      'ENAMETOOLONG',
      `the interface name "${name}" has ${bytes} bytes`,
      `Linux allows 1 to ${INTERFACE_NAME_MAX}; choose a shorter name.`,
    )
  }
  if (/[\s\0/:%]/.test(name) || name === '.' || name === '..') {
    throw new TapError(
      'EINVAL',
      `"${name}" cannot be an interface name`,
      'Use letters, digits, "-", "_" and ".": Linux allows no slash, colon, percent sign or space.',
    )
  }
}

function explain(error: NativeError, options: TapOptions): TapError {
  const where = options.namespace === undefined ? 'this namespace' : options.namespace
  const [message, hint] = reason(error, options, where)
  return new TapError(error.code, message, hint, error)
}

function reason(error: NativeError, options: TapOptions, where: string): readonly [string, string] {
  const { code, step } = error
  if (step === 'open-namespace' && (code === 'ENOENT' || code === 'ENOTDIR')) {
    return [
      `network namespace ${where} was not found (${code})`,
      'Look at `ip netns list`; a lab makes its namespaces at `tapwire up`.',
    ]
  }
  if (step === 'open-device' && (code === 'ENOENT' || code === 'ENODEV' || code === 'ENXIO')) {
    return [
      `/dev/net/tun is missing (${code})`,
      'Load the module with `modprobe tun`; in a container, pass the device in (`--device /dev/net/tun`).',
    ]
  }
  if (code === 'EPERM' || code === 'EACCES') {
    return [
      `not allowed to open the TAP ${options.name} in ${where} (${code} at ${step})`,
      'Run as root, or give the process CAP_NET_ADMIN and CAP_SYS_ADMIN and access to /dev/net/tun.',
    ]
  }
  if (code === 'EINVAL' && (step === 'enter-namespace' || step === 'move')) {
    return [
      `${where} is not a network namespace (${code})`,
      'A file that is left over in /run/netns goes with `ip netns delete`; `ip netns list` shows what is there.',
    ]
  }
  // EINVAL: an interface of another kind, or a TAP of the other kind of queues.
  if (code === 'EEXIST' || code === 'EBUSY' || (code === 'EINVAL' && step === 'create')) {
    return [
      `the interface name ${options.name} is taken in ${where} (${code})`,
      'Choose another name, or remove that interface with `ip link delete`.',
    ]
  }
  if (step === 'set-mac') {
    return [
      `the kernel refused the MAC address of ${options.name} (${code})`,
      'Use a unicast address that is not all zero.',
    ]
  }
  if (step === 'set-mtu') {
    return [
      `the kernel refused the MTU ${options.mtu} of ${options.name} (${code})`,
      'A TAP takes 68 to 65,521 bytes.',
    ]
  }
  return [
    `the TAP ${options.name} could not be opened in ${where}: ${error.message} (${code})`,
    '`tapwire doctor` checks what this machine lacks.',
  ]
}
