import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { pinProcesses } from '../../pin.ts'
import { type Background, start } from '../../process.ts'
import { type DnsBed, ROUTER } from '../bed.ts'
import { untilAnswered } from '../dnsperf.ts'
import type { Asking, NameServer } from '../name-server.ts'
import { namesOf, newNames, questionFile, type Size } from '../names.ts'

/** What a process is to know. */
export type Part = Size | 'outside'

const PARTS: readonly Part[] = ['few', 'many', 'outside']

/** How many names share an address, as in a network whose hosts have as many names as they may. */
export const NAMES_PER_HOST = 250

/**
 * A program of Debian in the router's namespace, one hop of veth away from the client: a process for each part, with an address of
 * its own. `prepare` writes what the process reads and gives its command line.
 */
export async function startOnRouter(
  bed: DnsBed,
  folder: string,
  prepare: (part: Part, address: string, folder: string) => [string, readonly string[]],
): Promise<NameServer> {
  mkdirSync(folder, { recursive: true })
  const processes: Background[] = []
  const asking = {} as Record<Part, Asking>
  for (const [index, part] of PARTS.entries()) {
    const address = ROUTER.replace(/\d+$/, String(11 + index))
    await bed.ip('router', ['addr', 'add', `${address}/24`, 'dev', 'eth0'])
    const [program, args] = prepare(part, address, folder)
    processes.push(start(program, args, { namespace: bed.path('router') }))
    asking[part] = { namespace: bed.path('client'), address }
  }
  const pids = processes.map(({ pid }) => pid)
  return {
    networks: asking,
    outside: asking.outside,
    ready: () => untilReady(asking, folder),
    pids,
    pin: (core) => pinProcesses(pids, core),
    stop: async () => {
      for (const one of processes) await one.stop()
    },
  }
}

/** Resolves when every name of every part is answered. */
export async function untilReady(asking: Readonly<Record<Part, Asking>>, folder: string): Promise<void> {
  for (const part of PARTS) {
    const names = part === 'outside' ? newNames(1) : namesOf(part)
    await untilAnswered(asking[part], questionFile(join(folder, `ready-${part}`), names))
  }
}
