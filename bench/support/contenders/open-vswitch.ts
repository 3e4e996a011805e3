import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Contender } from '../contender.ts'
import { pinProcesses } from '../pin.ts'
import { type Background, CommandError, run, start } from '../process.ts'
import { INTERFACE, type TestBed } from '../test-bed.ts'

const SCHEMA = '/usr/share/openvswitch/vswitch.ovsschema'
const START_MS = 5000

/** Open vSwitch's userspace datapath, with a database and a run directory of its own. */
function openVSwitch(id: string, title: string, ports: 'tap' | 'veth', description: string): Contender {
  return {
    id,
    title,
    description,
    needs: { 'openvswitch-switch': ['ovs-vswitchd', 'ovsdb-server', 'ovs-vsctl'] },
    async start(bed, folder) {
      const daemons = await startDaemons(bed, folder)
      try {
        await vsctl(folder, ['add-br', 'br0', '--', 'set', 'bridge', 'br0', 'datapath_type=netdev'])
        for (const place of ['a', 'b'] as const) {
          if (ports === 'tap') await addTap(bed, folder, place)
          else await addVeth(bed, folder, place)
        }
        checkSegmentationOffload(folder)
      } catch (error) {
        await daemons.stop()
        throw error
      }
      return daemons
    },
  }
}

/** A TAP that ovs-vswitchd opens itself. Moved into the namespace it stays attached. */
async function addTap(bed: TestBed, folder: string, place: 'a' | 'b'): Promise<void> {
  const name = `tap-${place}`
  await vsctl(folder, ['add-port', 'br0', name, '--', 'set', 'interface', name, 'type=tap'])
  await bed.ip('s', ['link', 'set', name, 'down'])
  await bed.ip('s', ['link', 'set', name, 'name', INTERFACE, 'netns', bed.name(place)])
}

/** A veth, whose near end ovs-vswitchd reads through a packet socket. */
async function addVeth(bed: TestBed, folder: string, place: 'a' | 'b'): Promise<void> {
  const name = `port-${place}`
  await bed.ip('s', [
    'link',
    'add',
    name,
    'type',
    'veth',
    'peer',
    'name',
    INTERFACE,
    'netns',
    bed.name(place),
  ])
  await bed.ip('s', ['link', 'set', name, 'up'])
  await vsctl(folder, ['add-port', 'br0', name])
}

interface Daemons {
  readonly pids: readonly number[]
  pin(core: number | undefined): Promise<void>
  stop(): Promise<void>
}

async function startDaemons(bed: TestBed, folder: string): Promise<Daemons> {
  mkdirSync(folder, { recursive: true })
  const options = { namespace: bed.path('s'), environment: runDirectory(folder) }
  const database = join(folder, 'conf.db')
  await run('ovsdb-tool', ['create', database, SCHEMA])
  const server = start(
    'ovsdb-server',
    [
      database,
      `--remote=punix:${socketOf(folder)}`,
      `--unixctl=${join(folder, 'ovsdb.ctl')}`,
      '-vconsole:off',
    ],
    options,
  )
  await waitFor(socketOf(folder), server)
  await vsctl(folder, ['--no-wait', 'init'])
  await vsctl(folder, ['--no-wait', 'set', 'Open_vSwitch', '.', 'other_config:userspace-tso-enable=true'])

  const control = join(folder, 'vswitchd.ctl')
  const vswitchd = start(
    'ovs-vswitchd',
    [`unix:${socketOf(folder)}`, `--unixctl=${control}`, `--log-file=${logOf(folder)}`, '-vconsole:off'],
    options,
  )
  await waitFor(control, vswitchd)
  return {
    pids: [vswitchd.pid],
    pin: (core) => pinProcesses([vswitchd.pid], core),
    async stop() {
      await vswitchd.stop()
      await server.stop()
    },
  }
}

/** The setting asks; this line of the log says that it was granted. Without it the comparison would be unfair. */
function checkSegmentationOffload(folder: string): void {
  if (!readFileSync(logOf(folder), 'utf8').includes('Segmentation Offloading support enabled'))
    throw new CommandError('ovs-vswitchd runs without userspace TSO')
}

function vsctl(folder: string, args: readonly string[]): Promise<string> {
  return run('ovs-vsctl', [`--db=unix:${socketOf(folder)}`, '--timeout=10', ...args], {
    environment: runDirectory(folder),
  })
}

async function waitFor(path: string, daemon: Background): Promise<void> {
  for (const end = Date.now() + START_MS; !existsSync(path); ) {
    if (Date.now() > end) throw new CommandError(`process ${daemon.pid} did not make ${path}`)
    await sleep(10)
  }
}

const socketOf = (folder: string): string => join(folder, 'db.sock')
const logOf = (folder: string): string => join(folder, 'vswitchd.log')
const runDirectory = (folder: string): Record<string, string> => ({
  OVS_RUNDIR: folder,
  OVS_LOGDIR: folder,
  OVS_DBDIR: folder,
})

export const openVSwitchTap = openVSwitch(
  'open-vswitch',
  'Open vSwitch',
  'tap',
  'userspace datapath with TSO on TAP ports, where it is fastest',
)

export const openVSwitchVeth = openVSwitch(
  'open-vswitch-veth',
  'Open vSwitch, veth',
  'veth',
  'userspace datapath with TSO on veth ports, read through packet sockets',
)
