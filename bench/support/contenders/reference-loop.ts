import { buildReference } from '../build-reference.ts'
import type { Contender } from '../contender.ts'
import { pinProcesses } from '../pin.ts'
import { startUntil } from '../process.ts'
import { INTERFACE } from '../test-bed.ts'

function referenceLoop(id: string, title: string, program: string, description: string): Contender {
  return {
    id,
    title,
    description,
    needs: { gcc: ['cc'] },
    async start(bed) {
      const ports = (['a', 'b'] as const).map((place) => `${bed.path(place)}:${INTERFACE}`)
      const forwarder = await startUntil('ready', await buildReference(program), ports)
      return {
        pids: [forwarder.pid],
        pin: (core) => pinProcesses([forwarder.pid], core),
        stop: () => forwarder.stop(),
      }
    },
  }
}

export const readWriteLoop = referenceLoop(
  'c-readwrite',
  'C read/write loop',
  'forward-readwrite',
  'bench/reference/forward-readwrite.c: epoll, nonblocking read and write, virtio headers',
)

export const uringLoop = referenceLoop(
  'c-uring',
  'C io_uring loop',
  'forward-uring',
  'bench/reference/forward-uring.c: multishot reads into provided buffers, writes submitted with the wait, virtio headers',
)
