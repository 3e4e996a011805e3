import { readFileSync } from 'node:fs'
import type { Contender } from '../contender.ts'
import { logOf, startOpenVSwitch, vsctl } from '../open-vswitch.ts'
import { CommandError } from '../process.ts'
import { INTERFACE, type TestBed } from '../test-bed.ts'

/** Open vSwitch's userspace datapath, with a database and a run directory of its own. */
function openVSwitch(id: string, title: string, ports: 'tap' | 'veth', description: string): Contender {
  return {
    id,
    title,
    description,
    needs: { 'openvswitch-switch': ['ovs-vswitchd', 'ovsdb-server', 'ovs-vsctl'] },
    async start(bed, folder) {
      const daemons = await startOpenVSwitch(folder, { namespace: bed.path('s'), segmentationOffload: true })
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
  await bed.cable('s', name, place, INTERFACE)
  await bed.ip('s', ['link', 'set', name, 'up'])
  await vsctl(folder, ['add-port', 'br0', name])
}

/** The setting asks; this line of the log says that it was granted. Without it the comparison would be unfair. */
function checkSegmentationOffload(folder: string): void {
  if (!readFileSync(logOf(folder), 'utf8').includes('Segmentation Offloading support enabled'))
    throw new CommandError('ovs-vswitchd runs without userspace TSO')
}

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
