import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pinProcesses } from '../../pin.ts'
import { type Background, CommandError, run, start } from '../../process.ts'
import { INTERFACE } from '../../test-bed.ts'
import { HOST, type NatBed, PUBLISHED_PORTS } from '../bed.ts'
import type { NatContender } from '../gateway.ts'

const START_MS = 5000

/**
 * pasta of passt: segments from a TAP become data of sockets in the host's namespace. Its MTU is its own default,
 * 65520, and the sandbox has the host's address.
 */
export const pasta: NatContender = {
  id: 'pasta',
  title: 'pasta',
  description: 'pasta of passt on a TAP with its default MTU of 65520, ports published with -t',
  needs: { passt: ['pasta'] },
  async start(bed, folder) {
    mkdirSync(folder, { recursive: true })
    const daemon = ['--foreground', '--quiet', '--log-file', join(folder, 'pasta.log'), '--runas', '0']
    const interfaces = ['--config-net', '--ipv4-only', '--no-map-gw', '--ns-ifname', INTERFACE]
    const ports = ['-t', PUBLISHED_PORTS.join(','), '-u', 'none', '-T', 'none', '-U', 'none']
    const args = [...daemon, ...interfaces, ...ports, '--netns', bed.path('sandbox')]
    const process = start('pasta', args, { namespace: bed.path('host') })
    try {
      await waitForRoute(bed, process)
    } catch (error) {
      await process.stop()
      throw error
    }
    return {
      sandbox: bed.sandbox(HOST),
      pids: [process.pid],
      pin: (core) => pinProcesses([process.pid], core),
      stop: () => process.stop(),
    }
  },
}

/** It says nothing when it is ready; the default route is the last that it makes in the sandbox. */
async function waitForRoute(bed: NatBed, process: Background): Promise<void> {
  const options = { namespace: bed.path('sandbox') }
  const isThere = async (): Promise<boolean> =>
    (await run('ip', ['route', 'show', 'default'], options)) !== ''
  for (const end = Date.now() + START_MS; !(await isThere()); await sleep(10))
    if (Date.now() > end) throw new CommandError(`pasta did not start: ${process.output()}`)
}
