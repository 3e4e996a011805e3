/** Named network namespaces, by iproute2, so that everything done here can be repeated and looked at by hand. */

import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './program.ts'

const DIRECTORY = '/run/netns'

export const namespacePath = (name: string): string => join(DIRECTORY, name)

/**
 * Whether the path leads to the network namespace that this process is in. False where it leads nowhere.
 *
 * A sandbox's path goes by the number of a process, which another process may have once that one has ended.
 */
export function isOwnNamespace(path: string): boolean {
  const own = statSync('/proc/self/ns/net')
  const found = statSync(path, { throwIfNoEntry: false })
  return found !== undefined && found.dev === own.dev && found.ino === own.ino
}

export async function createNamespace(name: string): Promise<void> {
  await run('ip', ['netns', 'add', name])
}

/** Does nothing where there is none. */
export async function deleteNamespace(name: string): Promise<void> {
  if (existsSync(namespacePath(name))) await run('ip', ['netns', 'delete', name])
}
