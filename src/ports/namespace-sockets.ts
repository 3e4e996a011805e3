/** Sockets of UDP and TCP that belong to a network namespace for good, for Node to adopt by their descriptors. */

import { isNativeError, type NativeError, native } from './native.ts'

export interface SocketOptions {
  /** Path of the network namespace (`/run/netns/NAME`); undefined is this process's own. */
  readonly namespace?: string | undefined
  readonly protocol: 'tcp' | 'udp'
  /** Default 4. One of IPv6 takes nothing of IPv4. */
  readonly family?: 4 | 6
}

export interface ListenerOptions extends SocketOptions {
  /** Of the namespace, and of the family. */
  readonly address: string
  readonly port: number
}

/** What a socket could not be opened for. `code` is the errno's name; EINVAL where the path is no network namespace, or the text no address. */
export class SocketError extends Error {
  override readonly name = 'SocketError'
  readonly code: string

  constructor(code: string, message: string, cause?: unknown) {
    super(message, { cause })
    this.code = code
  }
}

/** As many as Linux lets wait unless it is told otherwise: net.core.somaxconn. */
const BACKLOG = 4096

/**
 * The descriptor of a new socket, which is the caller's; for Node's `bind({ fd })` of dgram and `new Socket({ fd })` of net. Throws
 * SocketError.
 *
 * One of UDP has a port already, which the kernel has chosen at random: libuv sets SO_REUSEADDR on what it is given, and two sockets with
 * that may be given one and the same port.
 */
export function openSocket({ namespace, protocol, family = 4 }: SocketOptions): number {
  const address = protocol === 'tcp' ? undefined : family === 4 ? '0.0.0.0' : '::'
  return open({ namespace, tcp: protocol === 'tcp', ipv6: family === 6, address, port: 0, backlog: 0 })
}

/**
 * The descriptor of a new socket that receives at an address and port, which is the caller's; for Node's `bind({ fd })` of dgram and
 * `listen({ fd })` of net. Throws SocketError: EADDRINUSE, EADDRNOTAVAIL …
 */
export function openListener({ namespace, protocol, family = 4, address, port }: ListenerOptions): number {
  const tcp = protocol === 'tcp'
  return open({ namespace, tcp, ipv6: family === 6, address, port, backlog: tcp ? BACKLOG : 0 })
}

/**
 * From now on the close of this TCP socket resets its connection (SO_LINGER of 0). For `destroy` in the place of Node's
 * `resetAndDestroy`, which fails while an end is on its way, and then leaves the descriptor open for ever (libuv does not mix the two).
 */
export function resetOnClose(descriptor: number): void {
  native().resetOnClose(descriptor)
}

type NativeOptions = Parameters<ReturnType<typeof native>['openSocket']>[0]

function open(options: NativeOptions): number {
  try {
    return native().openSocket(options)
  } catch (error) {
    throw isNativeError(error) ? new SocketError(error.code, sentence(error, options), error) : error
  }
}

function sentence({ code, step, message }: NativeError, options: NativeOptions): string {
  const { namespace, tcp, address, port } = options
  const where = namespace ?? 'this namespace'
  if (step === 'open-namespace') return `network namespace ${where} was not found (${code})`
  if (step === 'enter-namespace') return `network namespace ${where} cannot be entered (${code})`
  const what = `${tcp ? 'TCP' : 'UDP'} socket${address === undefined ? '' : ` at ${address} port ${port}`}`
  return `no ${what} could be opened in ${where}: ${message} (${code})`
}
