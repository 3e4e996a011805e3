/**
 * The daemon's command line, run where this module is imported.
 *
 *     main.js [--root DIR] [--socket PATH] [--io io_uring|epoll] [--uplink SPEC] [--resolv-conf FILE]
 *             [--cluster ADDR --advertise ADDR [--host-name NAME] [--data-path-port N]
 *              [--cluster-ca FILE] [--cluster-cert FILE --cluster-key FILE]] [--live-restore] [--ephemeral] [--log-level LEVEL] [--ready-fd N]
 *     main.js --doctor          examines the machine; JSON on standard output
 */

import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { ClusterOptions } from '../control/cluster/cluster-options.ts'
import { ErrorCode, TapwireError } from '../control/errors.ts'
import { parseClusterAddress } from '../control/rules/cluster-address.ts'
import type { ClusterSettings } from '../control/rules/cluster-options.ts'
import { parseUplink } from '../control/rules/uplink.ts'
import { failureOf } from './api/failure.ts'
import { compose } from './compose.ts'
import { LOG_LEVELS, type LogLevel, readConfiguration } from './configuration.ts'
import { type DaemonOptions, runDaemon } from './daemon.ts'
import { examine } from './doctor.ts'
import { ROOT_DEFAULT, rootPaths } from './root-directory.ts'
import { RESOLV_CONF } from './surroundings.ts'

const USAGE = `usage: tapwire daemon [options]

  --root DIR         the folder that the daemon keeps everything in (${ROOT_DEFAULT}; $TAPWIRE_ROOT)
  --socket PATH      where its API listens (/run/tapwire/tapwire.sock; with another root ROOT/tapwire.sock)
  --io BACKEND       io_uring or epoll; the best that works unless given
  --uplink SPEC      the way out of all networks: none, nic, nic:eth0, tap:NAME,address=203.0.113.1/24;
                     the one that was set last unless given ($TAPWIRE_UPLINK)
  --resolv-conf FILE the machine's resolv.conf, in place of ${RESOLV_CONF} ($TAPWIRE_RESOLV_CONF)
  --cluster ADDR     the registry of the cluster that this host is in: etcd://HOST:PORT[,HOST:PORT…][/NAME],
                     etcds:// for TLS ($TAPWIRE_CLUSTER)
  --advertise ADDR   the address that the cluster's other hosts reach this one at ($TAPWIRE_ADVERTISE)
  --host-name NAME   of this host in the cluster; the machine's unless given
  --data-path-port N the UDP port of this host's tunnel; 4789 unless given
  --cluster-ca FILE, --cluster-cert FILE, --cluster-key FILE
                     the authority that signs the registry's certificates, and the certificate of this host with
                     its key (PEM)
  --live-restore     sandboxes go on running when the daemon ends
  --ephemeral        ends with its standard input, and removes its folder at the end
  --log-level LEVEL  ${LOG_LEVELS.join(', ')}
  --ready-fd N       a descriptor that is told in a line of JSON when the API listens, or why it does not
  --doctor           examine the machine, and the registry of the cluster, and end
`

const EXIT_USAGE = 2

const IO = ['auto', 'io_uring', 'epoll'] as const

try {
  // Also where something is left to wait for: nothing of a daemon that has ended may go on beside the next one.
  process.exit(await main(process.argv.slice(2)))
} catch (error) {
  const { message, hint } = failureOf(error)
  process.stderr.write(`tapwire: ${message}\n${hint === undefined ? '' : `hint: ${hint}\n`}`)
  process.exit(EXIT_USAGE)
}

async function main(args: string[]): Promise<number> {
  const options = parse(args)
  if (options.help) {
    process.stdout.write(USAGE)
    return 0
  }
  if (options.doctor) {
    process.stdout.write(`${JSON.stringify({ checks: await examine(doctorCluster(options)) })}\n`)
    return 0
  }
  return runDaemon(daemonOptions(options), compose)
}

function parse(args: string[]) {
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

function daemonOptions(options: ReturnType<typeof parse>): DaemonOptions {
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

function rootOf(options: ReturnType<typeof parse>): string {
  const { TAPWIRE_ROOT = '' } = process.env
  return options.root ?? (TAPWIRE_ROOT === '' ? ROOT_DEFAULT : TAPWIRE_ROOT)
}

function clusterSettings(options: ReturnType<typeof parse>): ClusterSettings {
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
function doctorCluster(options: ReturnType<typeof parse>): () => ClusterOptions | undefined {
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
