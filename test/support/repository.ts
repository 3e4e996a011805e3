import { existsSync, readdirSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

/** The checkout's root folder. Tests run compiled, from somewhere below dist/. */
export const repositoryRoot = findRoot(import.meta.dirname)

function findRoot(folder: string): string {
  return existsSync(join(folder, 'package-lock.json')) ? folder : findRoot(dirname(folder))
}

/** Paths of all files below `folder`, both from the checkout's root, in alphabetical order. */
export function filesBelow(folder: string): string[] {
  return readdirSync(join(repositoryRoot, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(repositoryRoot, join(entry.parentPath, entry.name)))
    .toSorted()
}
