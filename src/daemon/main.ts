/**
 * The daemon's program. `tapwire daemon` runs it in the foreground; other commands start it in the background. What it does and
 * which options it takes is in command.ts, of which there are two forms:
 *
 *     dist/src/daemon/command.js   as compiled, some 700 modules with those of the packages: to find and link them takes as long
 *                                  as all else that a start takes
 *     dist/bundle/daemon.js        the same modules in one file (scripts/bundle.mjs)
 *
 * The data path's worker, which is small and whose constants V8 is to fold, has one form.
 */

import { statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Milliseconds since 1970; undefined where there is no such file. */
const writtenAt = (file: string): number | undefined =>
  statSync(fileURLToPath(new URL(file, import.meta.url)), { throwIfNoEntry: false })?.mtimeMs

/** Whether nothing has been compiled since the bundle was made: it never runs in place of newer modules. */
function bundleIsCurrent(bundle: string): boolean {
  const bundledAt = writtenAt(bundle)
  if (bundledAt === undefined) return false
  // What the compiler writes last, whenever it has looked at sources that were touched.
  return ['../pure.tsbuildinfo', '../src.tsbuildinfo'].every((file) => (writtenAt(file) ?? 0) <= bundledAt)
}

const BUNDLE = '../../bundle/daemon.js'

await (bundleIsCurrent(BUNDLE) ? import(new URL(BUNDLE, import.meta.url).href) : import('./command.ts'))
