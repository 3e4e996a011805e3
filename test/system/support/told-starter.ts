/** The daemon as other commands start it: it tells on a descriptor how its start went, and logs to its root. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { repositoryRoot } from '../../support/repository.ts'
import { track } from './scene.ts'

export interface ToldStarter {
  readonly pid: number
  /** All that the daemon wrote to the descriptor until it closed it. */
  readonly told: string
  readonly ended: Promise<number | null>
}

/** Resolves when the daemon has closed the descriptor. */
export async function startTold(root: string, ...args: readonly string[]): Promise<ToldStarter> {
  const main = join(repositoryRoot, 'dist/src/daemon/main.js')
  const line = ['--pdeathsig', 'KILL', process.execPath, main, '--root', root, '--ready-fd', '3', ...args]
  const child = spawn('setpriv', line, { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] })
  track(child)
  const ended = once(child, 'exit').then(([code]) => code as number | null)
  const told = await text(child.stdio[3] as Readable)
  return { pid: child.pid!, told, ended }
}
