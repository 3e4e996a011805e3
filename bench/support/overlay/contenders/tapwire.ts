import { fileURLToPath } from 'node:url'
import { superFrameSize } from '../../../../src/datapath/tunnel/super-frame-size.ts'
import type { Contender } from '../../contender.ts'
import { pinProcesses } from '../../pin.ts'
import { type Background, startUntil } from '../../process.ts'
import { INTERFACE } from '../../test-bed.ts'
import { OVERLAY_MTU, type OverlayBed, SIDES } from '../bed.ts'

const FORWARDER = fileURLToPath(new URL('../tapwire-overlay-forwarder.js', import.meta.url))

function tapwire(io: 'io_uring' | 'epoll', id: string, title: string): Contender<OverlayBed> {
  return {
    id,
    title,
    description: `the data path of this project, a process in each host, I/O by ${io}`,
    needs: {},
    async start(bed) {
      const forwarders: Background[] = []
      const stop = async (): Promise<void> => {
        for (const forwarder of forwarders) await forwarder.stop()
      }
      try {
        for (const { host, sandbox, local, remote } of SIDES) {
          const port = `${bed.path(sandbox)}:${INTERFACE}`
          const args = ['--io', io, '--port', port, '--local', local, '--remote', remote]
          const namespace = bed.path(host)
          forwarders.push(await startUntil('ready', process.execPath, [FORWARDER, ...args], { namespace }))
          // As the daemon does for sandboxes on such a network.
          const size = String(superFrameSize(OVERLAY_MTU))
          await bed.ip(sandbox, ['link', 'set', INTERFACE, 'gso_max_size', size])
        }
      } catch (error) {
        await stop()
        throw error
      }
      const pids = forwarders.map(({ pid }) => pid)
      return { pids, pin: (core) => pinProcesses(pids, core), stop }
    },
  }
}

export const tapwireUring = tapwire('io_uring', 'tapwire', 'Tapwire')
export const tapwireEpoll = tapwire('epoll', 'tapwire-epoll', 'Tapwire, epoll')
