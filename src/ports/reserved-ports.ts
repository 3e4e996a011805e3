import { RESERVED_BACKLOG } from '../limits.ts'
import {
  isNativeError,
  type NativeArrival,
  type NativeDatagram,
  type NativeError,
  type NativeReserved,
  type NativeWatch,
  native,
} from './native.ts'
import { OpenError } from './open-error.ts'

export type TransportProtocol = 'tcp' | 'udp'

export interface PortRange {
  /** Empty: all addresses of the machine; `0.0.0.0` and `::` are all of one kind. */
  readonly address: string
  readonly protocol: TransportProtocol
  readonly first: number
  readonly last: number
}

/** Where a datagram of `receive` came from, and so where its answer goes. */
export type ReceivedDatagram = NativeDatagram

/** Why a port could not be reserved. */
export class ReservedPortsError extends OpenError {
  override readonly name = 'ReservedPortsError'
  /** The first port of the range that could not be had. */
  readonly port: number

  constructor(code: string, message: string, hint: string, port: number, cause?: unknown) {
    super(code, message, hint, cause)
    this.port = port
  }
}

/**
 * Tells when connections or datagrams wait at any of the ports that are reserved with it: calls `ready` once, and again after
 * `resume`. One is for one protocol: `accept` takes TCP connections, `receive` datagrams.
 */
export class ArrivalWatch {
  /** For `reservePorts`. */
  readonly handle: NativeWatch

  constructor(ready: () => void) {
    this.handle = native().openArrivalWatch(ready)
  }

  accept(): (NativeArrival & { readonly descriptor: number }) | undefined {
    return native().accept(this.handle)
  }

  receive(to: Uint8Array): ReceivedDatagram | undefined {
    return native().receive(this.handle, to)
  }

  resume(): void {
    native().resumeArrivalWatch(this.handle)
  }

  /** After the ports that were reserved with it. */
  close(): void {
    native().closeArrivalWatch(this.handle)
  }
}

/**
 * Ports that no other program of the machine can have, and that answer nobody: a connection attempt or a datagram from the
 * network is dropped before the kernel looks at it, without a reset or an ICMP error.
 */
export class ReservedPorts {
  readonly range: PortRange
  readonly #handle: NativeReserved
  // As long as somebody has the reservation, its arrivals have somewhere to go.
  readonly #watch: ArrivalWatch | undefined
  #released: Promise<void> | undefined

  /**
   * All of the range, or none; throws ReservedPortsError. With `arrivals` what local programs send over the loopback interface
   * arrives there, marked with `tag`; without, nothing arrives at all.
   */
  constructor(range: PortRange, arrivals?: { readonly watch: ArrivalWatch; readonly tag: number }) {
    this.range = range
    this.#watch = arrivals?.watch
    try {
      this.#handle = native().reservePorts({
        address: range.address,
        tcp: range.protocol === 'tcp',
        first: range.first,
        last: range.last,
        deliver: arrivals !== undefined,
        backlog: RESERVED_BACKLOG,
        tag: arrivals?.tag ?? 0,
        watch: this.#watch?.handle,
      })
    } catch (error) {
      throw isNativeError(error) ? explain(error, range) : error
    }
  }

  /** Answers a datagram that was received at the port `first + index`. Throws with the errno's name as `code`. */
  answer(datagram: ReceivedDatagram, bytes: Uint8Array): void {
    const { index, remoteAddress, remotePort, localAddress } = datagram
    native().send(this.#handle, index, bytes, remoteAddress, remotePort, localAddress)
  }

  /** More than once does no harm. */
  close(): void {
    native().closePorts(this.#handle)
  }

  /** Like `close`, without keeping this thread: nothing arrives any more, and the ports are free when it has resolved. */
  async release(): Promise<void> {
    this.#released ??= native().releasePorts(this.#handle)
    await this.#released
  }
}

/** What all addresses are called. */
const hostOf = (address: string): string => (address === '' ? '0.0.0.0' : address)

/** `0.0.0.0:80/tcp`, `[::1]:80/tcp`: a port as Docker names it. */
export function hostPortName(
  { address, protocol }: Pick<PortRange, 'address' | 'protocol'>,
  port: number,
): string {
  const host = hostOf(address)
  return `${host.includes(':') ? `[${host}]` : host}:${port}/${protocol}`
}

function explain(error: NativeError & { readonly port?: number }, range: PortRange): ReservedPortsError {
  const port = error.port ?? range.first
  const [message, hint] = reason(error, range, port)
  return new ReservedPortsError(error.code, message, hint, port, error)
}

function reason(
  { code, step, message }: NativeError,
  range: PortRange,
  port: number,
): readonly [string, string] {
  const { address, protocol } = range
  const host = hostOf(address)
  const name = hostPortName(range, port)
  switch (code) {
    case 'EADDRINUSE':
      return [
        `failed to bind host port ${name}: address already in use`,
        `Another program has it: \`ss -${protocol === 'tcp' ? 't' : 'u'}lnp 'sport = :${port}'\` says which. Choose another port, or end it.`,
      ]
    case 'EADDRNOTAVAIL':
      return [
        `${host} is not an address of this machine (${code})`,
        '`ip address` lists those it has; without an address a port is published on all of them.',
      ]
    case 'EACCES':
    case 'EPERM':
      return [
        `not allowed to take ${name} (${code})`,
        step === 'attach-filter'
          ? 'Run as root, or give the process CAP_NET_ADMIN: it has to keep the network away from the port.'
          : 'Ports below 1024 need root or CAP_NET_BIND_SERVICE; net.ipv4.ip_unprivileged_port_start sets the bound.',
      ]
    case 'EMFILE':
    case 'ENFILE':
      return [
        `too few file descriptors for ${range.last - range.first + 1} ports: none was left at ${name} (${code})`,
        'Each port takes one. Raise the limit (`ulimit -n`, or LimitNOFILE= of a systemd unit), or publish fewer ports.',
      ]
    case 'EAFNOSUPPORT':
      return [
        `${name} cannot be taken: this machine has no IPv6 (${code})`,
        'Publish on an IPv4 address, or on none.',
      ]
    case 'EINVAL':
      return [
        `${host} is not an IP address that a port can be taken on (${code})`,
        'Name it as in `ip address`.',
      ]
    default:
      return [
        `${name} could not be taken: ${message} (${code})`,
        '`tapwire doctor` checks what this machine lacks.',
      ]
  }
}
