import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pinProcesses } from '../../pin.ts'
import { run } from '../../process.ts'
import { TapwireDaemon } from '../../tapwire-daemon.ts'
import { INTERFACE } from '../../test-bed.ts'
import { UPLINK_UPSTREAM } from '../bed.ts'
import type { Asking, DnsContender, NameServer } from '../name-server.ts'
import { namesOf, type Size } from '../names.ts'
import { NAMES_PER_HOST, untilReady } from './on-router.ts'

type Backend = 'io_uring' | 'epoll'

interface Inspected {
  readonly NetworkSettings: { readonly Networks: Readonly<Record<string, { readonly Gateway: string }>> }
}

/**
 * A daemon in the machine's namespace with the machine's own interface as its uplink; the machine's resolv.conf has the upstream.
 * The names are aliases of sandboxes, of which the first one of each network asks.
 */
function tapwire(io: Backend, id: string, title: string): DnsContender {
  return {
    id,
    title,
    description: `a whole daemon of this project, asked at the network's gateway, names as aliases, I/O by ${io}`,
    needs: {},
    async start(bed, folder) {
      mkdirSync(folder, { recursive: true })
      const resolvConf = join(folder, 'resolv.conf')
      writeFileSync(resolvConf, `nameserver ${UPLINK_UPSTREAM}\n`)
      await bed.addUplink(bed.name('machine'))
      const daemon = await TapwireDaemon.start({ namespace: bed.path('machine'), io, resolvConf })
      try {
        return await fillAll(daemon, folder)
      } catch (error) {
        await daemon.stop()
        throw error
      }
    },
  }
}

async function fillAll(daemon: TapwireDaemon, folder: string): Promise<NameServer> {
  await run(...daemon.command('uplink', 'set', `nic:${INTERFACE}`))
  const few = await fill(daemon, 'few')
  const asking = { few, many: await fill(daemon, 'many'), outside: few }
  return {
    networks: asking,
    outside: asking.outside,
    ready: () => untilReady(asking, folder),
    pids: [daemon.pid],
    pin: (core) => pinProcesses([daemon.pid], core),
    stop: () => daemon.stop(),
  }
}

/** Makes the network and its sandboxes. */
async function fill(daemon: TapwireDaemon, network: Size): Promise<Asking> {
  await run(...daemon.command('network', 'create', network))
  const names = namesOf(network)
  const ids: string[] = []
  for (let from = 0; from < names.length; from += NAMES_PER_HOST) {
    const aliases = names.slice(from, from + NAMES_PER_HOST).flatMap((name) => ['--network-alias', name])
    const words = ['run', '-d', '--name', `${network}-${ids.length}`, '--network', network, ...aliases]
    ids.push((await run(...daemon.command(...words, '--', 'sleep', '1000'))).trim())
  }
  const { NetworkSettings } = await daemon.request<Inspected>('GET', `/sandboxes/${network}-0`)
  return {
    namespace: TapwireDaemon.namespaceOf(ids[0]!),
    address: NetworkSettings.Networks[network]!.Gateway,
  }
}

export const tapwireUring = tapwire('io_uring', 'tapwire', 'Tapwire')
export const tapwireEpoll = tapwire('epoll', 'tapwire-epoll', 'Tapwire, epoll')
