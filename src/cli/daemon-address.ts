/** Which daemon a command talks to: the options in front of it, then the environment, then the one at the usual place. */
import { join, resolve } from 'node:path'
import { ErrorCode, TapwireError } from '../control/errors.ts'
import { SOCKET_PATH_MAX } from '../limits.ts'
import type { GlobalOptions } from './cli.ts'

export const ROOT_DEFAULT = '/var/lib/tapwire'
export const SOCKET_DEFAULT = '/run/tapwire/tapwire.sock'

export interface DaemonAddress {
  readonly socket: string
  /** Undefined where only a socket was named: who runs behind it is not ours to start. */
  readonly root: string | undefined
}

/**
 * The daemon that is meant. A host (--host, TAPWIRE_HOST) is one that must run, and so is a socket alone; a root (--root,
 * TAPWIRE_ROOT, or the default one) has one that may be started. Options come before the environment. Throws DAEMON_ADDRESS.
 */
export function daemonAddress(options: GlobalOptions, env: NodeJS.ProcessEnv): DaemonAddress {
  const { TAPWIRE_ROOT = '', TAPWIRE_HOST = '' } = env
  if (options.host !== undefined && options.socket !== undefined) {
    throw new TapwireError(ErrorCode.daemonAddress, '--host and --socket both name the socket.', {
      hint: 'Give one of them.',
    })
  }
  const root = options.root ?? (TAPWIRE_ROOT === '' ? undefined : TAPWIRE_ROOT)
  if (options.socket !== undefined) {
    const socket = checked(socketOf(options.socket))
    return { socket, root: root === undefined ? undefined : resolve(root) }
  }
  const host = options.host ?? (options.root === undefined ? TAPWIRE_HOST : '')
  if (host !== '') return { socket: checked(socketOfHost(host)), root: undefined }
  if (root === undefined || resolve(root) === ROOT_DEFAULT) {
    return { socket: SOCKET_DEFAULT, root: ROOT_DEFAULT }
  }
  return { socket: checked(join(resolve(root), 'tapwire.sock')), root: resolve(root) }
}

/** `unix:///run/tapwire.sock`, or an absolute path: what is relative would be another daemon in another folder. */
function socketOfHost(host: string): string {
  if (host.startsWith('/') || /^\w+:\/\//.test(host)) return socketOf(host)
  throw new TapwireError(ErrorCode.daemonAddress, `'${host}' names no daemon.`, {
    hint: 'Name it as in unix:///run/tapwire/tapwire.sock, or as LAB/HOST.',
  })
}

/** `unix:///run/tapwire.sock`, or a path. */
function socketOf(host: string): string {
  if (host.startsWith('unix://')) return host.slice('unix://'.length)
  if (!/^\w+:\/\//.test(host)) return resolve(host)
  throw new TapwireError(ErrorCode.daemonAddress, `The daemon is on a Unix socket, not at ${host}.`, {
    hint: 'Name it as in unix:///run/tapwire/tapwire.sock.',
  })
}

function checked(socket: string): string {
  const length = Buffer.byteLength(socket)
  if (socket.startsWith('/') && length <= SOCKET_PATH_MAX) return socket
  if (length > SOCKET_PATH_MAX) {
    throw new TapwireError(
      ErrorCode.daemonAddress,
      `The path ${socket} has ${length} bytes; a socket's path can have ${SOCKET_PATH_MAX}.`,
      { hint: 'Choose a shorter one with --socket, or a shorter --root.' },
    )
  }
  throw new TapwireError(ErrorCode.daemonAddress, `'${socket}' is no absolute path.`, {
    hint: 'It has three slashes, as in unix:///run/tapwire/tapwire.sock.',
  })
}
