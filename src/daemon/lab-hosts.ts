/**
 * The daemons inside a lab's hosts. Each has a folder of its own in our root; its socket lies there, and is reached by its
 * path: a host has a network of its own, and shares the file system.
 *
 *     ROOT/hosts/LAB.HOST/{tapwire.sock,state.json,daemon.log,…}
 */

import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { ControlPlane } from '../control/control-plane.ts'
import { ErrorCode, TapwireError } from '../control/errors.ts'
import type { LabHosts, LabService } from '../control/labs/labs.ts'
import { HOST_READY_TIMEOUT_MS } from '../limits.ts'
import { RemoteLabs } from './remote-labs.ts'

export interface HostDaemonOptions {
  /** Of this daemon. */
  readonly root: string
  readonly io: 'auto' | 'io_uring' | 'epoll'
  readonly control: Pick<ControlPlane, 'inspectSandbox'>
}

const MAIN = fileURLToPath(new URL('./main.js', import.meta.url))

/** How often a daemon that is about to start is asked whether it has. */
const POLL_MS = 20

export class HostDaemons implements LabHosts {
  readonly #options: HostDaemonOptions

  constructor(options: HostDaemonOptions) {
    this.#options = options
  }

  command(lab: string, host: string): readonly string[] {
    const { io } = this.#options
    return [
      process.execPath,
      MAIN,
      '--root',
      this.#root(lab, host),
      '--socket',
      this.socket(lab, host),
      ...(io === 'auto' ? [] : ['--io', io]),
    ]
  }

  socket(lab: string, host: string): string {
    return join(this.#root(lab, host), 'tapwire.sock')
  }

  /** Waits until the host's daemon answers; throws where it has ended, or does not answer in time. */
  async labs(lab: string, host: string, signal?: AbortSignal): Promise<LabService> {
    const labs = new RemoteLabs(this.socket(lab, host))
    const end = performance.now() + HOST_READY_TIMEOUT_MS
    for (;;) {
      signal?.throwIfAborted()
      if (await labs.answers()) return labs
      const { State } = this.#options.control.inspectSandbox(host)
      if (!State.Running) throw this.#silent(lab, host, `has ended with exit code ${State.ExitCode}`)
      if (performance.now() > end) {
        throw this.#silent(lab, host, `does not answer within ${HOST_READY_TIMEOUT_MS / 1000} s`)
      }
      await delay(POLL_MS)
    }
  }

  async remove(lab: string, host: string): Promise<void> {
    await rm(this.#root(lab, host), { recursive: true, force: true })
  }

  #root(lab: string, host: string): string {
    return join(this.#options.root, 'hosts', `${lab}.${host}`)
  }

  #silent(lab: string, host: string, why: string): TapwireError {
    return new TapwireError(ErrorCode.daemonUnreachable, `The daemon of host '${host}' ${why}.`, {
      hint: `\`tapwire logs ${host}\` and ${join(this.#root(lab, host), 'daemon.log')} say more.`,
    })
  }
}
