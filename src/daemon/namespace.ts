/** Named network namespaces, by iproute2, so that everything done here can be repeated and looked at by hand. */

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './program.ts'

const DIRECTORY = '/run/netns'

export const namespacePath = (name: string): string => join(DIRECTORY, name)

export async function createNamespace(name: string): Promise<void> {
  await run('ip', ['netns', 'add', name])
}

/** Does nothing where there is none. */
export async function deleteNamespace(name: string): Promise<void> {
  if (existsSync(namespacePath(name))) await run('ip', ['netns', 'delete', name])
}
