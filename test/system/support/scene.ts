/**
 * Where a system test takes place: every namespace, lab, folder and process that it makes has this process's id in
 * its name or is in a list here, and is removed when the process ends, however it ends. A test that is killed outright
 * leaves namespaces, sandboxes and folders behind; the next one that starts removes them.
 *
 * Removing is synchronous: the test runner passes a signal on and does not wait.
 */

import { type ChildProcess, type SpawnSyncOptions, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { killSandboxes } from './sandboxes-left.ts'

const NAMESPACES = '/run/netns'

/** Begins the names of labs. The daemon puts `tw-` in front of it for a namespace. */
const LAB_PREFIX = `t${process.pid}`

const children = new Set<ChildProcess>()
const folders: string[] = []
let names = 0

/** A lab's name that no other test has. */
export const newLabName = (): string => `${LAB_PREFIX}-${++names}`

/** A namespace's name that no other test and no lab has. Made by the caller, removed here. */
export const newNamespaceName = (): string => `tw-${LAB_PREFIX}-n${++names}`

export const namespacePath = (name: string): string => join(NAMESPACES, name)

/** The namespaces that exist and whose name begins so, sorted. */
export function namespaces(prefix: string): string[] {
  if (!existsSync(NAMESPACES)) return []
  return readdirSync(NAMESPACES)
    .filter((name) => name.startsWith(prefix))
    .toSorted()
}

/** A new folder under the system's one for temporary files. Short: the path of a Unix socket has to fit. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), `tw-${LAB_PREFIX}-`))
  folders.push(folder)
  return folder
}

/** The child is killed at the end, should it still run. */
export function track(child: ChildProcess): void {
  children.add(child)
  child.once('close', () => children.delete(child))
}

function strikeScene(): void {
  for (const child of children) child.kill('SIGKILL')
  killSandboxes(folders.map((folder) => `${folder}/`))
  for (const name of namespaces(`tw-${LAB_PREFIX}-`)) deleteNamespace(name)
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
}

/** In a process group of its own: the signal that ends this process may have gone to the whole group. */
function deleteNamespace(name: string): void {
  spawnSync('ip', ['netns', 'delete', name], { detached: true } as SpawnSyncOptions)
}

function removeStale(): void {
  for (const name of namespaces('tw-t')) {
    const [, pid] = /^tw-t(\d+)-/.exec(name) ?? []
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) deleteNamespace(name)
  }
  const stale = readdirSync(tmpdir()).filter((name) => {
    const [, pid] = /^tw-t(\d+)-/.exec(name) ?? []
    return pid !== undefined && !existsSync(`/proc/${pid}`)
  })
  const paths = stale.map((name) => join(tmpdir(), name))
  if (paths.length > 0) killSandboxes(paths.map((path) => `${path}/`))
  for (const path of paths) rmSync(path, { recursive: true, force: true })
}

removeStale()
// Tests that failed may have left programs running, which would keep this process alive.
after(strikeScene)
process.on('exit', strikeScene)
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => process.exit(128 + constants.signals[signal]))
}
