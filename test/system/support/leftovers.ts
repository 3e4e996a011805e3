/** What a lab, or a data path in this process, has of the machine, so that a test can see that it gives it back. */

import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { namespaceName } from '../../../src/daemon/namespace.ts'
import type { Daemon } from './daemon.ts'
import { namespacePath, namespaces } from './scene.ts'
import { until } from './until.ts'

/** A process that has ended and that nobody has asked for its exit code, a zombie, does not live. */
export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const state = stat.slice(stat.lastIndexOf(')') + 2)[0]
    return state !== 'Z' && state !== 'X'
  } catch {
    return false
  }
}

/** What the descriptors of a process are, as `ls -l /proc/PID/fd` shows it. */
export function descriptors(pid: number | 'self'): string[] {
  const folder = `/proc/${pid}/fd`
  return readdirSync(folder).flatMap((descriptor) => {
    try {
      return [readlinkSync(`${folder}/${descriptor}`)]
    } catch {
      return [] // That of reading the folder.
    }
  })
}

export const tapDescriptors = (pid: number | 'self'): number =>
  descriptors(pid).filter((path) => path === '/dev/net/tun').length

export const threads = (pid: number | 'self'): number => readdirSync(`/proc/${pid}/task`).length

/** Everything that a running lab has: its namespaces and who is in them, its daemon and that one's children, its folder. */
export class LabTraces {
  readonly #daemon: Daemon
  readonly #namespaces: ReadonlySet<string>
  readonly #processes: readonly number[]

  constructor(daemon: Daemon) {
    this.#daemon = daemon
    const present = namespaces(namespaceName(daemon.lab.name, ''))
    assert.equal(present.length, daemon.lab.sandboxes.length)
    this.#namespaces = new Set(present.map((name) => `net:[${statSync(namespacePath(name)).ino}]`))
    this.#processes = [daemon.pid, ...childrenOf(daemon.pid), ...this.#residents()]
    assert.ok(existsSync(daemon.paths.directory))
  }

  /** Asserts that nothing of it is left. To be called when the daemon has ended. */
  async gone(): Promise<void> {
    assert.deepEqual(namespaces(namespaceName(this.#daemon.lab.name, '')), [])
    assert.ok(!existsSync(this.#daemon.paths.directory), 'the folder in the run directory')
    await this.processesGone()
  }

  /** The kernel kills a dead daemon's children, and says so to nobody. */
  async processesGone(): Promise<void> {
    await until('all processes of the lab have ended', () => {
      return !this.#processes.some(isAlive) && this.#residents().length === 0
    })
  }

  /** Processes that are in the lab's namespaces, whoever has started them. */
  #residents(): number[] {
    return processIds().filter((pid) => {
      try {
        return this.#namespaces.has(readlinkSync(`/proc/${pid}/ns/net`)) && isAlive(pid)
      } catch {
        return false // It has ended.
      }
    })
  }
}

const processIds = (): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)

function childrenOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
  return children.split(' ').filter(Boolean).map(Number)
}
