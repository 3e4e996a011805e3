import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Contender } from '../contender.ts'
import { pinProcesses } from '../pin.ts'
import { CommandError, start } from '../process.ts'
import { INTERFACE } from '../test-bed.ts'

const START_MS = 5000

/**
 * The switch opens the TAPs itself (`-t`): vde_plug2tap would add a process and a socket on the way. It has no
 * virtio headers, so the kernel cuts every super-frame before it.
 */
export const vdeSwitch: Contender = {
  id: 'vde-switch',
  title: 'vde_switch',
  description: 'VDE 2 with TAPs of its own, no segmentation offload',
  needs: { vde2: ['vde_switch'] },
  async start(bed, folder) {
    mkdirSync(folder, { recursive: true })
    const places = ['a', 'b'] as const
    const management = join(folder, 'management')
    const vde = start(
      'vde_switch',
      ['-s', join(folder, 'vde'), '-M', management, ...places.flatMap((place) => ['-t', `tap-${place}`])],
      { namespace: bed.path('s') },
    )
    for (const end = Date.now() + START_MS; !existsSync(management); await sleep(10))
      if (Date.now() > end) throw new CommandError(`vde_switch did not start: ${vde.output()}`)
    for (const place of places)
      await bed.ip('s', ['link', 'set', `tap-${place}`, 'name', INTERFACE, 'netns', bed.name(place)])
    return { pids: [vde.pid], pin: (core) => pinProcesses([vde.pid], core), stop: () => vde.stop() }
  },
}
