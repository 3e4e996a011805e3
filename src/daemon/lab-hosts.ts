/**
 * The daemons inside a lab's hosts. Each has a folder of its own in our root; its socket lies there, and is reached by its
 * path: a host has a network of its own, and shares the file system.
 *
 *     ROOT/hosts/LAB.HOST/{tapwire.sock,state.json,daemon.log,…}
 *     ROOT/hosts/LAB.SANDBOX/etcd/              what the registry of the lab's cluster keeps
 */

import { rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { ControlPlane } from '../control/control-plane.ts'
import { ErrorCode, TapwireError } from '../control/errors.ts'
import { NAME_PATTERN } from '../control/lab-schema-values.ts'
import type { DaemonLabs, HostSettings, LabHosts } from '../control/labs/labs.ts'
import { HOST_PROBE_TIMEOUT_MS, HOST_READY_TIMEOUT_MS, LAB_NAME_MAX, SOCKET_PATH_MAX } from '../limits.ts'
import { etcdCommand } from './lab-registry.ts'
import { RemoteLabs } from './remote-labs.ts'

export interface HostDaemonOptions {
  /** Of this daemon. */
  readonly root: string
  readonly io: 'auto' | 'io_uring' | 'epoll'
  readonly control: Pick<ControlPlane, 'inspectSandbox'>
  /** Milliseconds for a host's daemon to answer. */
  readonly readyTimeoutMs?: number
}

const MAIN = fileURLToPath(new URL('./main.js', import.meta.url))

/** How often a daemon that is about to start is asked whether it has. */
const POLL_MS = 20

export class HostDaemons implements LabHosts {
  readonly #options: HostDaemonOptions

  constructor(options: HostDaemonOptions) {
    this.#options = options
  }

  /** Throws LAB_FILE_INVALID where the names are too long for a socket's path. */
  command(lab: string, host: string, { uplink, cluster }: HostSettings = {}): readonly string[] {
    const { io } = this.#options
    this.#checkLength(lab, host)
    return [
      process.execPath,
      MAIN,
      '--root',
      this.#root(lab, host),
      '--socket',
      this.socket(lab, host),
      ...(io === 'auto' ? [] : ['--io', io]),
      ...(uplink === undefined ? [] : ['--uplink', uplink]),
      ...(cluster === undefined
        ? []
        : ['--cluster', cluster.registry, '--advertise', cluster.advertise, '--host-name', host]),
    ]
  }

  registry(lab: string, sandbox: string, address: string): readonly string[] {
    return etcdCommand(this.#root(lab, sandbox), sandbox, address)
  }

  socket(lab: string, host: string): string {
    return join(this.#root(lab, host), 'tapwire.sock')
  }

  /** Waits until the host's daemon answers; throws where it has ended, or does not answer in time. */
  async labs(lab: string, host: string, signal?: AbortSignal): Promise<DaemonLabs> {
    const { readyTimeoutMs = HOST_READY_TIMEOUT_MS } = this.#options
    const labs = new RemoteLabs({ socket: this.socket(lab, host), name: `host '${host}'` })
    const end = performance.now() + readyTimeoutMs
    for (;;) {
      signal?.throwIfAborted()
      const leftMs = Math.max(Math.ceil(end - performance.now()), 1)
      if (await labs.answers(Math.min(leftMs, HOST_PROBE_TIMEOUT_MS), signal)) return labs
      const { State } = this.#options.control.inspectSandbox(host)
      if (!State.Running) throw this.#silent(lab, host, `has ended with exit code ${State.ExitCode}`)
      if (performance.now() >= end) {
        throw this.#silent(lab, host, `does not answer within ${readyTimeoutMs / 1000} s`)
      }
      await delay(POLL_MS)
    }
  }

  async remove(lab: string, host: string): Promise<void> {
    await rm(this.#root(lab, host), { recursive: true, force: true })
  }

  /** Names come from requests and from labels, and what the path says is removed with all that is in it. */
  #root(lab: string, host: string): string {
    const hosts = join(this.#options.root, 'hosts')
    const path = join(hosts, `${lab}.${host}`)
    if (isName(lab) && isName(host) && dirname(path) === hosts) return path
    throw new TapwireError(
      ErrorCode.badRequest,
      `${JSON.stringify(`${lab}/${host}`)} does not name a lab and a host.`,
    )
  }

  #checkLength(lab: string, host: string): void {
    const socket = this.socket(lab, host)
    const length = Buffer.byteLength(socket)
    if (length <= SOCKET_PATH_MAX) return
    throw new TapwireError(
      ErrorCode.labFileInvalid,
      `The socket of host '${host}' would be ${socket}, of ${length} bytes; a socket's path can have ${SOCKET_PATH_MAX}.`,
      { hint: `Give the lab or the host a shorter name, or use a daemon with a shorter --root.` },
    )
  }

  #silent(lab: string, host: string, why: string): TapwireError {
    return new TapwireError(ErrorCode.daemonUnreachable, `The daemon of host '${host}' ${why}.`, {
      hint: `\`tapwire logs ${host}\` and ${join(this.#root(lab, host), 'daemon.log')} say more.`,
    })
  }
}

function isName(name: string): boolean {
  return name.length <= LAB_NAME_MAX && NAME_PATTERN.test(name)
}
