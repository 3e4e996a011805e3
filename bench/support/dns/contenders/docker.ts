import { mkdirSync } from 'node:fs'
import { DockerEngine } from '../../docker-engine.ts'
import { pinProcesses } from '../../pin.ts'
import { type DnsBed, UPLINK_UPSTREAM } from '../bed.ts'
import type { Asking, DnsContender, NameServer } from '../name-server.ts'
import { COUNTS, namesOf, type Size } from '../names.ts'
import { untilReady } from './on-router.ts'

const SERVER = '127.0.0.11'
/** Containers are dear, and names need no more of them: 1,000 aliases each. */
const NAMES_PER_CONTAINER = 1000

export const docker: DnsContender = {
  id: 'docker',
  title: 'Docker',
  description:
    'the resolver of a Docker engine at 127.0.0.11 of a container, names as aliases of up to 10 containers',
  needs: { 'docker.io': ['dockerd', 'docker'], 'busybox-static': ['busybox'], iptables: ['iptables'] },
  async start(bed, folder) {
    mkdirSync(folder, { recursive: true })
    const engine = await DockerEngine.start()
    try {
      return await join(bed, engine, folder)
    } catch (error) {
      await engine.stop()
      throw error
    }
  },
}

async function join(bed: DnsBed, engine: DockerEngine, folder: string): Promise<NameServer> {
  await bed.addUplink(engine.namespace)
  const few = fill(engine, 'few')
  const asking = { few, many: fill(engine, 'many'), outside: few }
  const pids = [...engine.pids]
  return {
    networks: asking,
    outside: asking.outside,
    ready: () => untilReady(asking, folder),
    pids,
    pin: (core) => pinProcesses(pids, core),
    stop: () => engine.stop(),
  }
}

/** Makes the network and its containers; the first one asks. */
function fill(engine: DockerEngine, network: Size): Asking {
  engine.succeed(['network', 'create', network])
  const names = namesOf(network)
  const containers = Math.ceil(COUNTS[network] / NAMES_PER_CONTAINER)
  for (let index = 0; index < containers; index++) {
    const own = names.slice(index * NAMES_PER_CONTAINER, (index + 1) * NAMES_PER_CONTAINER)
    const aliases = own.flatMap((name) => ['--network-alias', name])
    engine.succeed(
      ['run', '-d', '--name', `${network}-${index}`, '--network', network, '--dns', UPLINK_UPSTREAM].concat(
        aliases,
        [DockerEngine.image, 'sleep', '1000'],
      ),
    )
  }
  const pid = engine.succeed(['inspect', '--format', '{{.State.Pid}}', `${network}-0`])
  return { namespace: `/proc/${pid}/ns/net`, address: SERVER }
}
