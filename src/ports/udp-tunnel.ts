/**
 * The UDP sockets of a tunnel, in a network namespace. One receives, at the tunnel's own port; the others are what is sent by, each from a
 * port of its own, so that the underlay can tell flows apart (RFC 7348, 5). These receive nothing.
 */
import { closeSync } from 'node:fs'
import {
  TUNNEL_FIRST_SOURCE_PORT,
  TUNNEL_LAST_SOURCE_PORT,
  TUNNEL_RECEIVE_BUFFER,
  TUNNEL_SEND_BUFFER,
  TUNNEL_SOURCES_DEFAULT,
  TUNNEL_SOURCES_MAX,
} from '../limits.ts'
import { formatIpv4, formatIpv6 } from '../wire/address.ts'
import { isNativeError, type NativeError, native } from './native.ts'
import { OpenError } from './open-error.ts'

export interface UdpTunnelOptions {
  /** Path of the network namespace that has the address (`/run/netns/NAME`); undefined is this process's own. */
  readonly namespace?: string | undefined
  /** 16 bytes, those of IPv4 mapped into IPv6 (RFC 4291, 2.5.5.2). */
  readonly local: Uint8Array
  /** Where it receives. */
  readonly udpPort: number
  /** Sockets that are sent from, 1 to TUNNEL_SOURCES_MAX. */
  readonly sources?: number | undefined
  /** Of what is sent: TTL, or hop limit. Default 64. */
  readonly ttl?: number | undefined
  /** Bytes that may wait to be received. */
  readonly receiveBuffer?: number | undefined
}

/** Descriptors, which are the caller's until `NativeFrameIo.attachTunnel` takes them over. */
export interface TunnelSockets {
  readonly descriptor: number
  readonly sources: readonly number[]
}

/** What a tunnel could not be opened for. */
export class TunnelError extends OpenError {
  override readonly name = 'TunnelError'
}

const TTL = 64

/** Opens a tunnel's sockets. Throws TunnelError; RangeError for numbers that no tunnel has. */
export function openUdpTunnel(options: UdpTunnelOptions): TunnelSockets {
  const count = options.sources ?? TUNNEL_SOURCES_DEFAULT
  if (!Number.isInteger(count) || count < 1 || count > TUNNEL_SOURCES_MAX) {
    throw new RangeError(`a tunnel has 1 to ${TUNNEL_SOURCES_MAX} sources, not ${count}`)
  }
  const opened: number[] = []
  try {
    opened.push(open(options, options.udpPort, true))
    const ports = sourcePorts(options.udpPort)
    while (opened.length <= count) opened.push(openSource(options, ports))
  } catch (error) {
    for (const descriptor of opened) closeSync(descriptor)
    throw isNativeError(error) ? explain(error, options) : error
  }
  const [descriptor = -1, ...sources] = opened
  return { descriptor, sources }
}

/** Closes sockets that no frame I/O has taken over. */
export function closeUdpTunnel({ descriptor, sources }: TunnelSockets): void {
  for (const each of [descriptor, ...sources]) closeSync(each)
}

export interface RouteMtuOptions {
  readonly namespace?: string | undefined
  /** Both of one family, as 16 bytes. */
  readonly local: Uint8Array
  readonly address: Uint8Array
}

/** No route, or none from this address. */
const UNREACHABLE = new Set(['ENETUNREACH', 'EHOSTUNREACH', 'EACCES', 'EINVAL', 'EAFNOSUPPORT'])

/**
 * Bytes of IP packet that the kernel sends to `address` in one piece, by its routes and what it has learned of the path (RFC 1191, RFC 8201);
 * undefined where there is no route. Nothing is sent. Throws TunnelError.
 */
export function routeMtu({ namespace, local, address }: RouteMtuOptions): number | undefined {
  try {
    return native().routeMtu({ namespace, local, address })
  } catch (error) {
    if (!isNativeError(error)) throw error
    if (error.step === 'find-route' && UNREACHABLE.has(error.code)) return undefined
    throw explain(error, { namespace, local })
  }
}

function open(options: UdpTunnelOptions, port: number, receives: boolean): number {
  return native().openUdpSocket({
    namespace: options.namespace,
    address: options.local,
    port,
    receives,
    ttl: options.ttl ?? TTL,
    receiveBuffer: receives ? (options.receiveBuffer ?? TUNNEL_RECEIVE_BUFFER) : 0,
    sendBuffer: TUNNEL_SEND_BUFFER,
  })
}

/** All source ports but the tunnel's own, from one on that chance has chosen: other tunnels of the machine begin elsewhere. */
function* sourcePorts(without: number): Generator<number> {
  const count = TUNNEL_LAST_SOURCE_PORT - TUNNEL_FIRST_SOURCE_PORT + 1
  const start = Math.floor(Math.random() * count)
  for (let i = 0; i < count; i++) {
    const port = TUNNEL_FIRST_SOURCE_PORT + ((start + i) % count)
    if (port !== without) yield port
  }
}

/** The next port that is free. */
function openSource(options: UdpTunnelOptions, ports: Generator<number>): number {
  let taken: unknown
  for (let next = ports.next(); !next.done; next = ports.next()) {
    try {
      return open(options, next.value, false)
    } catch (error) {
      if (!isNativeError(error) || error.code !== 'EADDRINUSE') throw error
      taken = error
    }
  }
  throw taken
}

type Place = Pick<UdpTunnelOptions, 'namespace' | 'local'> & Partial<UdpTunnelOptions>

const place = (options: Place): string => options.namespace ?? 'this namespace'

/** As text; IPv4 where it is mapped. */
function addressText(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const isIpv4 = view.getUint32(0) === 0 && view.getUint32(4) === 0 && view.getUint32(8) === 0xffff
  return isIpv4 ? formatIpv4(view.getInt32(12)) : formatIpv6(bytes)
}

function explain(error: NativeError, options: Place): TunnelError {
  const [message, hint] = reason(error, options)
  return new TunnelError(error.code, message, hint, error)
}

function reason({ code, step, message }: NativeError, options: Place): [string, string] {
  const where = place(options)
  const address = addressText(options.local)
  const port = options.udpPort
  if (step === 'open-namespace' && (code === 'ENOENT' || code === 'ENOTDIR')) {
    return [`network namespace ${where} was not found (${code})`, 'Look at `ip netns list`.']
  }
  if (step === 'enter-namespace' && code === 'EINVAL') {
    return [
      `${where} is not a network namespace (${code})`,
      'A file that is left over in /run/netns goes with `ip netns delete`; `ip netns list` shows what is there.',
    ]
  }
  if (code === 'EADDRNOTAVAIL' || (step === 'bind' && code === 'EINVAL')) {
    return [
      `${address} is no address of ${where} that a tunnel can have (${code})`,
      '`ip address` lists the addresses. One of IPv6 cannot be used before the kernel has found it to be unique, nor one with link scope.',
    ]
  }
  if (code === 'EADDRINUSE') {
    return [
      `UDP port ${port} of ${address} is taken in ${where} (${code})`,
      '`ss -lunp` shows by whom. A line without a process is the kernel itself: a vxlan device (`ip -d link show type vxlan`) takes its port on all addresses. Another port will do where all hosts of the network use it.',
    ]
  }
  if (code === 'EPERM' || code === 'EACCES') {
    return [
      `not allowed to open a tunnel at ${address} port ${port} in ${where} (${code} at ${step})`,
      'Run as root, or give the process CAP_NET_ADMIN and CAP_SYS_ADMIN.',
    ]
  }
  if (code === 'EAFNOSUPPORT') {
    return [
      `this kernel has no sockets for ${address} (${code})`,
      'Where IPv6 was left out of it, use an address of IPv4.',
    ]
  }
  return [
    `no tunnel could be opened at ${address} port ${port} in ${where}: ${message} (${code})`,
    '`tapwire doctor` checks what this machine lacks.',
  ]
}
