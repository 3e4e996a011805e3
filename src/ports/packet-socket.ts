import { FRAME_MAX } from '../datapath/frame-memory.ts'
import { INTERFACE_NAME_MAX, PACKET_RECEIVE_BUFFER, PACKET_SEND_BUFFER } from '../limits.ts'
import { isNativeError, type NativeError, native } from './native.ts'
import { OpenError } from './open-error.ts'

export interface PacketSocketOptions {
  /** Path of the network namespace that has the interface (`/run/netns/NAME`); undefined is this process's own. */
  readonly namespace?: string | undefined
  /** Name of an Ethernet interface that is up. */
  readonly interface: string
  /** Receives frames for other stations too. Default false. */
  readonly promiscuous?: boolean
  /** Leaves out what is for the interface's own address, which is the machine's. Default false. */
  readonly withoutOwn?: boolean
}

/**
 * An open packet socket, whose frames carry a virtio-net header. The descriptor belongs to the caller until a frame I/O
 * takes it over, as a port that speaks the header. When the interface goes down or vanishes the port is reported as gone,
 * and is to be opened anew.
 */
export interface PacketSocket {
  readonly descriptor: number
  readonly ifindex: number
  /** Six bytes. */
  readonly mac: Uint8Array
  /** Bytes of IP packet, as it was when the socket was opened. */
  readonly mtu: number
}

/** What a packet socket could not be opened for. */
export class PacketSocketError extends OpenError {
  override readonly name = 'PacketSocketError'
}

/**
 * Opens a packet socket on an interface, in another network namespace if asked. Frames of tagged VLANs, and such as the
 * machine itself sends, are not received. Throws PacketSocketError.
 */
export function openPacketSocket(options: PacketSocketOptions): PacketSocket {
  const name = options.interface
  const bytes = new TextEncoder().encode(name).length
  // No interface has such a name.
  if (bytes === 0 || bytes > INTERFACE_NAME_MAX || name.includes('\0')) throw notFound('ENODEV', options)
  try {
    return native().openPacketSocket({
      namespace: options.namespace,
      interface: name,
      promiscuous: options.promiscuous ?? false,
      withoutOwn: options.withoutOwn ?? false,
      receiveBuffer: PACKET_RECEIVE_BUFFER,
      sendBuffer: PACKET_SEND_BUFFER,
      frameMax: FRAME_MAX,
    })
  } catch (error) {
    throw isNativeError(error) ? explain(error, options) : error
  }
}

const place = (options: PacketSocketOptions): string => options.namespace ?? 'this namespace'

function notFound(code: string, options: PacketSocketOptions, cause?: unknown): PacketSocketError {
  return new PacketSocketError(
    code,
    `there is no interface ${options.interface} in ${place(options)} (${code})`,
    '`ip link` lists the interfaces.',
    cause,
  )
}

function explain(error: NativeError, options: PacketSocketOptions): PacketSocketError {
  const { code, step } = error
  if (step === 'find-interface' && code === 'ENODEV') return notFound(code, options, error)
  const [message, hint] = reason(error, options)
  return new PacketSocketError(code, message, hint, error)
}

function reason({ code, step, message }: NativeError, options: PacketSocketOptions): [string, string] {
  const name = options.interface
  const where = place(options)
  if (step === 'open-namespace' && (code === 'ENOENT' || code === 'ENOTDIR')) {
    return [`network namespace ${where} was not found (${code})`, 'Look at `ip netns list`.']
  }
  if (step === 'enter-namespace' && code === 'EINVAL') {
    return [
      `${where} is not a network namespace (${code})`,
      'A file that is left over in /run/netns goes with `ip netns delete`; `ip netns list` shows what is there.',
    ]
  }
  if (code === 'EPERM' || code === 'EACCES') {
    return [
      `not allowed to open a packet socket on ${name} in ${where} (${code} at ${step})`,
      'Run as root, or give the process CAP_NET_RAW, CAP_NET_ADMIN and CAP_SYS_ADMIN.',
    ]
  }
  if (code === 'ENETDOWN') {
    return [`the interface ${name} is down (${code})`, `Take it up with \`ip link set ${name} up\`.`]
  }
  if (step === 'check-type') {
    return [
      `${name} is not an Ethernet interface (${code})`,
      '`ip link` shows link/ether for those that are.',
    ]
  }
  // Between two steps the interface was deleted.
  if (code === 'ENODEV' || code === 'ENXIO') {
    return [`the interface ${name} has vanished from ${where} (${code})`, '`ip link` lists the interfaces.']
  }
  return [
    `no packet socket could be opened on ${name} in ${where}: ${message} (${code})`,
    '`tapwire doctor` checks what this machine lacks.',
  ]
}
