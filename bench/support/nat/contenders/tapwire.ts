import { pinProcesses } from '../../pin.ts'
import { run } from '../../process.ts'
import { TapwireDaemon } from '../../tapwire-daemon.ts'
import { INTERFACE } from '../../test-bed.ts'
import { PUBLISHED_PORTS } from '../bed.ts'
import type { NatContender } from '../gateway.ts'

const NETWORK = 'bench'
const SANDBOX = 'server'
const IDLE = ['sleep', '1000']

interface Inspected {
  readonly NetworkSettings: { readonly Networks: Readonly<Record<string, { readonly IPAddress: string }>> }
}

/**
 * A daemon in the host's namespace with the host's own interface as its uplink, which it reads and writes through a packet
 * socket and shares with the host's kernel; the sandbox is one of its own, with published ports.
 */
function tapwire(io: 'io_uring' | 'epoll', id: string, title: string): NatContender {
  return {
    id,
    title,
    description: `a whole daemon of this project, uplink nic:${INTERFACE}, I/O by ${io}`,
    needs: {},
    async start(bed) {
      const daemon = await TapwireDaemon.start({ namespace: bed.path('host'), io })
      try {
        const command = (...args: string[]): Promise<string> => run(...daemon.command(...args))
        await command('uplink', 'set', `nic:${INTERFACE}`)
        await command('network', 'create', NETWORK)
        const ports = PUBLISHED_PORTS.flatMap((port) => ['-p', `${port}:${port}`])
        const started = await command(
          'run',
          '-d',
          '--name',
          SANDBOX,
          '--network',
          NETWORK,
          ...ports,
          '--',
          ...IDLE,
        )
        const { NetworkSettings } = await daemon.request<Inspected>('GET', `/sandboxes/${SANDBOX}`)
        return {
          sandbox: {
            namespace: TapwireDaemon.namespaceOf(started.trim()),
            address: NetworkSettings.Networks[NETWORK]!.IPAddress,
          },
          pids: [daemon.pid],
          pin: (core) => pinProcesses([daemon.pid], core),
          publishRange: (first, count) => publishRange(daemon, first, count),
          stop: () => daemon.stop(),
        }
      } catch (error) {
        await daemon.stop()
        throw error
      }
    },
  }
}

/** What `tapwire port add server FIRST-LAST:FIRST-LAST` asks the daemon for. */
async function publishRange(daemon: TapwireDaemon, first: number, count: number): Promise<void> {
  const ports = `${first}-${first + count - 1}`
  const PortBindings = { [`${ports}/tcp`]: [{ HostPort: ports }] }
  await daemon.request('POST', `/sandboxes/${SANDBOX}/ports`, { PortBindings })
}

export const tapwireUring = tapwire('io_uring', 'tapwire', 'Tapwire')
export const tapwireEpoll = tapwire('epoll', 'tapwire-epoll', 'Tapwire, epoll')
