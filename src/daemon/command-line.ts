/** What the words of the daemon's command line, and the environment, say. */

import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { ClusterOptions } from '../control/cluster/cluster-options.ts'
import { ErrorCode, TapwireError } from '../control/errors.ts'
import { parseClusterAddress } from '../control/rules/cluster-address.ts'
import type { ClusterSettings } from '../control/rules/cluster-options.ts'
import { parseUplink } from '../control/rules/uplink.ts'
import { LOG_LEVELS, type LogLevel, readConfiguration } from './configuration.ts'
import type { DaemonOptions } from './daemon.ts'
import { ROOT_DEFAULT, rootPaths } from './root-directory.ts'

const IO = ['auto', 'io_uring', 'epoll'] as const

type Arguments = ReturnType<typeof parse>

/** Throws BAD_REQUEST. */
export function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        root: { type: 'string' },
        socket: { type: 'string' },
        io: { type: 'string' },
        uplink: { type: 'string' },
        'resolv-conf': { type: 'string' },
        cluster: { type: 'string' },
        advertise: { type: 'string' },
        'host-name': { type: 'string' },
        'data-path-port': { type: 'string' },
        'cluster-ca': { type: 'string' },
        'cluster-cert': { type: 'string' },
        'cluster-key': { type: 'string' },
        'live-restore': { type: 'boolean' },
        ephemeral: { type: 'boolean' },
        'log-level': { type: 'string' },
        'ready-fd': { type: 'string' },
        doctor: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values
  } catch (cause) {
    throw usage((cause as Error).message, cause)
  }
}

/** Throws BAD_REQUEST, UPLINK_INVALID or CLUSTER_INVALID. */
export function daemonOptions(options: Arguments): DaemonOptions {
  if (options.ephemeral === true && options['live-restore'] === true) {
    throw usage('--live-restore leaves sandboxes to the next daemon, and --ephemeral removes what it needs.')
  }
  const { TAPWIRE_UPLINK = '', TAPWIRE_RESOLV_CONF = '' } = process.env
  return {
    root: rootOf(options),
    socket: options.socket,
    io: oneOf('--io', IO, options.io) ?? 'auto',
    logLevel: oneOf<LogLevel>('--log-level', LOG_LEVELS, options['log-level']),
    liveRestore: options['live-restore'],
    uplink: checkedUplink(options.uplink ?? (TAPWIRE_UPLINK === '' ? undefined : TAPWIRE_UPLINK)),
    resolvConf: absolutePath(
      options['resolv-conf'] ?? (TAPWIRE_RESOLV_CONF === '' ? undefined : TAPWIRE_RESOLV_CONF),
    ),
    cluster: clusterSettings(options),
    ephemeral: options.ephemeral,
    readyDescriptor: descriptor(options['ready-fd']),
  }
}

function rootOf(options: Arguments): string {
  const { TAPWIRE_ROOT = '' } = process.env
  return options.root ?? (TAPWIRE_ROOT === '' ? ROOT_DEFAULT : TAPWIRE_ROOT)
}

function clusterSettings(options: Arguments): ClusterSettings {
  const { TAPWIRE_CLUSTER = '', TAPWIRE_ADVERTISE = '' } = process.env
  return {
    cluster: checkedCluster(options.cluster ?? (TAPWIRE_CLUSTER === '' ? undefined : TAPWIRE_CLUSTER)),
    advertise: options.advertise ?? (TAPWIRE_ADVERTISE === '' ? undefined : TAPWIRE_ADVERTISE),
    hostName: options['host-name'],
    dataPathPort: port(options['data-path-port']),
    ca: absolutePath(options['cluster-ca']),
    certificate: absolutePath(options['cluster-cert']),
    key: absolutePath(options['cluster-key']),
  }
}

/** Of the daemon that these options would start; what is wrong with them is a finding. */
export function doctorCluster(options: Arguments): () => ClusterOptions | undefined {
  return () => {
    const { configuration } = rootPaths(rootOf(options), options.socket)
    return readConfiguration(configuration, { cluster: clusterSettings(options) }).cluster
  }
}

function oneOf<T extends string>(
  name: string,
  choices: readonly T[],
  value: string | undefined,
): T | undefined {
  if (value === undefined) return undefined
  const choice = choices.find((one) => one === value)
  if (choice === undefined) throw usage(`${name} takes one of ${choices.join(', ')}, not ${value}.`)
  return choice
}

/** Throws UPLINK_INVALID. */
function checkedUplink(text: string | undefined): string | undefined {
  if (text !== undefined) parseUplink(text)
  return text
}

/** Throws CLUSTER_INVALID. */
function checkedCluster(text: string | undefined): string | undefined {
  if (text !== undefined) parseClusterAddress(text)
  return text
}

/** As the starter means it: a daemon in the background has another working directory. */
function absolutePath(path: string | undefined): string | undefined {
  return path && resolve(path)
}

function port(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!/^\d{1,5}$/.test(text)) throw usage(`--data-path-port takes the number of a UDP port, not ${text}.`)
  return Number(text)
}

function descriptor(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!/^\d{1,9}$/.test(text)) throw usage(`--ready-fd takes the number of an open descriptor, not ${text}.`)
  return Number(text)
}

function usage(message: string, cause?: unknown): TapwireError {
  return new TapwireError(ErrorCode.badRequest, message, {
    hint: 'tapwire daemon --help shows the options.',
    cause,
  })
}
