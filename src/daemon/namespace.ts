/** Network namespaces of sandboxes, by iproute2, so that everything done here can be repeated and looked at by hand. */

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { ErrorCode, TapwireError } from '../control/errors.ts'
import type { LabEndpoint } from '../control/lab.ts'
import { run } from './program.ts'

const DIRECTORY = '/run/netns'

/** A dot stands in no name, so two labs never mean the same namespace. */
export const namespaceName = (lab: string, sandbox: string): string => `tw-${lab}.${sandbox}`

export const namespacePath = (name: string): string => join(DIRECTORY, name)

export async function createNamespace(name: string): Promise<void> {
  if (existsSync(namespacePath(name))) {
    throw new TapwireError(ErrorCode.daemonFailed, `The network namespace ${name} exists already.`, {
      hint: `Another run directory has a lab of this name, or its remains are left: ip netns delete ${name}`,
    })
  }
  await run('ip', ['netns', 'add', name])
  await run('ip', ['-n', name, 'link', 'set', 'lo', 'up'])
}

/** Does nothing where it does not exist. */
export async function deleteNamespace(name: string): Promise<void> {
  if (existsSync(namespacePath(name))) await run('ip', ['netns', 'delete', name])
}

/** Gives the sandbox's interfaces their addresses and takes them up. */
export async function configureInterfaces(name: string, endpoints: readonly LabEndpoint[]): Promise<void> {
  const commands = endpoints.flatMap((endpoint) => [
    `address add ${endpoint.address}/${endpoint.prefixLength} broadcast + dev ${endpoint.interface}`,
    `link set ${endpoint.interface} up`,
  ])
  await run('ip', ['-n', name, '-batch', '-'], commands.join('\n'))
}
