/** Network namespaces of sandboxes, by iproute2, so that everything done here can be repeated and looked at by hand. */

import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { ErrorCode, TapwireError } from '../control/errors.ts'
import type { LabEndpoint } from '../control/lab.ts'
import { run } from './program.ts'

const DIRECTORY = '/run/netns'

/** A dot stands in no name, so two labs never mean the same namespace. */
export const namespaceName = (lab: string, sandbox: string): string => `tw-${lab}.${sandbox}`

export const namespacePath = (name: string): string => join(DIRECTORY, name)

/** Device and inode of what `path` stands for, which tell one namespace from another; undefined where there is nothing. */
export function namespaceIdentity(path: string): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false })
  return found && `${found.dev}:${found.ino}`
}

export async function createNamespace(name: string): Promise<void> {
  if (existsSync(namespacePath(name))) {
    throw new TapwireError(ErrorCode.daemonFailed, `The network namespace ${name} exists already.`, {
      hint: `Another run directory has a lab of this name, or its remains are left: ip netns delete ${name}`,
    })
  }
  await run('ip', ['netns', 'add', name])
  try {
    await run('ip', ['-n', name, 'link', 'set', 'lo', 'up'])
  } catch (error) {
    await deleteNamespaces([name])
    throw error
  }
}

/**
 * Removes namespaces, those that exist. What still runs in one is killed: it would keep the namespace alive, without a
 * name. Throws the first failure, after having tried all.
 */
export async function deleteNamespaces(names: readonly string[]): Promise<void> {
  const present = names.filter((name) => existsSync(namespacePath(name)))
  killProcessesIn(present)
  const failures: unknown[] = []
  for (const name of present) {
    await run('ip', ['netns', 'delete', name]).catch((error: unknown) => failures.push(error))
  }
  if (failures.length > 0) throw failures[0]
}

/**
 * One look at /proc for all of them: with many processes it is the look that takes time. This process's own namespace is
 * spared, whatever somebody has given a sandbox's name to.
 */
function killProcessesIn(names: readonly string[]): void {
  if (names.length === 0) return
  const doomed = new Set(names.map((name) => namespaceIdentity(namespacePath(name))))
  doomed.delete(namespaceIdentity('/proc/self/ns/net'))
  doomed.delete(undefined)
  for (const pid of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      if (doomed.has(namespaceIdentity(`/proc/${pid}/ns/net`))) process.kill(Number(pid), 'SIGKILL')
    } catch {
      // It has ended meanwhile.
    }
  }
}

/** Gives the sandbox's interfaces their addresses and takes them up. */
export async function configureInterfaces(name: string, endpoints: readonly LabEndpoint[]): Promise<void> {
  const commands = endpoints.flatMap((endpoint) => [
    `address add ${endpoint.address}/${endpoint.prefixLength} broadcast + dev ${endpoint.interface}`,
    `link set ${endpoint.interface} up`,
  ])
  await run('ip', ['-n', name, '-batch', '-'], commands.join('\n'))
}
