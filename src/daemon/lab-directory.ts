/**
 * A lab's folder in the run directory: taken by one daemon at a time, and the record of what must be cleaned up
 * should that daemon die without doing so.
 */

import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { ErrorCode, TapwireError } from '../control/errors.ts'
import { type Lab, parseLabJson } from '../control/lab.ts'
import { type LabPaths, labPaths, livingDaemon } from '../control/run-directory.ts'
import { deleteNamespace, namespaceName } from './namespace.ts'

export type CleanUp = (message: string) => void

/**
 * Takes the lab's folder for this process. The remains of a dead daemon are removed first, and `onRemains` told.
 * Throws LAB_UP_ALREADY where a daemon runs.
 */
export async function takeDirectory(directory: string, lab: Lab, onRemains: CleanUp): Promise<LabPaths> {
  const paths = labPaths(directory, lab.name)
  try {
    mkdirSync(directory, { recursive: true, mode: 0o755 })
    makeDirectory(paths.directory)
  } catch (cause) {
    throw new TapwireError(
      ErrorCode.runDirectory,
      `Cannot make the folder ${paths.directory}: ${(cause as Error).message}.`,
      {
        hint: 'Set TAPWIRE_RUN to a folder that the daemon may write to.',
        cause,
      },
    )
  }
  while (!claim(paths.pid)) {
    const pid = livingDaemon(paths)
    if (pid !== undefined) {
      throw new TapwireError(ErrorCode.labUpAlready, `The lab ${lab.name} is up already (daemon ${pid}).`, {
        hint: `Take it down first: tapwire down ${lab.name}`,
      })
    }
    onRemains(`the daemon of ${lab.name} had died; removing what it left`)
    await removeRemains(paths)
    makeDirectory(paths.directory)
  }
  writeFileSync(paths.lab, JSON.stringify(lab, undefined, 2))
  return paths
}

/** Removes what a dead daemon left of the lab. Throws LAB_UP_ALREADY where it lives, LAB_UNKNOWN where there is nothing. */
export async function cleanUp(directory: string, lab: string): Promise<void> {
  const paths = labPaths(directory, lab)
  const pid = livingDaemon(paths)
  if (pid !== undefined) {
    throw new TapwireError(ErrorCode.labUpAlready, `The lab ${lab} is up (daemon ${pid}).`, {
      hint: `Take it down: tapwire down ${lab}`,
    })
  }
  await removeRemains(paths)
}

export function leaveDirectory(paths: LabPaths): void {
  rmSync(paths.directory, { recursive: true, force: true })
}

/** Not recursive: Node's own recursion goes round for ever where the file system answers ENOENT, as /proc does. */
function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { mode: 0o750 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

/** Creates the file of the process id, as only one process can. */
function claim(path: string): boolean {
  try {
    const descriptor = openSync(path, 'wx', 0o640)
    writeFileSync(descriptor, `${process.pid}\n`)
    closeSync(descriptor)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** The TAPs and the commands died with the daemon; what stays is the namespaces and the folder. */
async function removeRemains(paths: LabPaths): Promise<void> {
  for (const namespace of recordedNamespaces(paths)) await deleteNamespace(namespace)
  leaveDirectory(paths)
}

function recordedNamespaces(paths: LabPaths): string[] {
  let text: string
  try {
    text = readFileSync(paths.lab, 'utf8')
  } catch {
    return [] // It died before it had made any.
  }
  const lab = parseLabJson(text, paths.lab)
  return lab.sandboxes.map(({ name }) => namespaceName(lab.name, name))
}
