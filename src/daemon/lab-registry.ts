/**
 * The registry that a lab starts for its cluster: etcd, one member, in a sandbox on the link between the hosts. What it keeps lies in the
 * lab's folder, so that the cluster is the same again when the sandbox is started anew.
 */

import { accessSync, constants, statSync } from 'node:fs'
import { join } from 'node:path'
import { ErrorCode, TapwireError } from '../control/errors.ts'

const PROGRAM = 'etcd'
const CLIENT_PORT = 2379
/** Of other members, of which there are none: it listens where nobody reaches it. */
const PEER = 'http://127.0.0.1:2380'

/** It has nobody to hear from, and elects itself when the second is over, which etcd wants to be five times the first at least. */
const HEARTBEAT_MS = 20
const ELECTION_MS = 200

/** Where a daemon that was started with little in its environment looks. */
const USUAL_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** Program and arguments. Throws REGISTRY_NOT_INSTALLED. */
export function etcdCommand(
  folder: string,
  name: string,
  address: string,
  path: string = process.env['PATH'] ?? USUAL_PATH,
): readonly string[] {
  const clients = `http://${address}:${CLIENT_PORT}`
  const settings = {
    name,
    'data-dir': join(folder, 'etcd'),
    'listen-client-urls': clients,
    'advertise-client-urls': clients,
    'listen-peer-urls': PEER,
    'initial-advertise-peer-urls': PEER,
    'initial-cluster': `${name}=${PEER}`,
    'heartbeat-interval': HEARTBEAT_MS,
    'election-timeout': ELECTION_MS,
    logger: 'zap',
    'log-level': 'warn',
  }
  return [programPath(path), ...Object.entries(settings).map(([key, value]) => `--${key}=${value}`)]
}

function programPath(path: string): string {
  const found = path
    .split(':')
    .map((folder) => join(folder, PROGRAM))
    .find(isProgram)
  if (found !== undefined) return found
  throw new TapwireError(
    ErrorCode.registryNotInstalled,
    `The lab's cluster takes a registry, and the program ${PROGRAM} is not installed.`,
    {
      hint: "Install it (Debian's package etcd-server), or give the cluster another registry: `registry: etcd://HOST:PORT`.",
    },
  )
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}
