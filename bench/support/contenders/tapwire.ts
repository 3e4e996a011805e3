import { fileURLToPath } from 'node:url'
import type { Contender } from '../contender.ts'
import { pinProcesses } from '../pin.ts'
import { startUntil } from '../process.ts'
import { INTERFACE } from '../test-bed.ts'

const FORWARDER = fileURLToPath(new URL('../tapwire-forwarder.js', import.meta.url))

function tapwire(io: 'io_uring' | 'epoll', id: string, title: string): Contender {
  return {
    id,
    title,
    description: `the data path of this project in a process of its own, I/O by ${io}`,
    needs: {},
    async start(bed) {
      const ports = (['a', 'b'] as const).flatMap((place) => ['--port', `${bed.path(place)}:${INTERFACE}`])
      const forwarder = await startUntil('ready', process.execPath, [FORWARDER, '--io', io, ...ports])
      return {
        pids: [forwarder.pid],
        pin: (core) => pinProcesses([forwarder.pid], core),
        stop: () => forwarder.stop(),
      }
    },
  }
}

export const tapwireUring = tapwire('io_uring', 'tapwire', 'Tapwire')
export const tapwireEpoll = tapwire('epoll', 'tapwire-epoll', 'Tapwire, epoll')
