import { join } from 'node:path'
import type { Contender } from '../../contender.ts'
import { type OpenVSwitch, startOpenVSwitch, vsctl } from '../../open-vswitch.ts'
import { pinProcesses } from '../../pin.ts'
import { INTERFACE } from '../../test-bed.ts'
import { NETWORK_IDENTIFIER, type OverlayBed, SIDES, type Side, UNDERLAY } from '../bed.ts'

/** The bridge that has the host's address, by which the tunnel finds its way. */
const OUTSIDE = 'br-phy'
const INSIDE = 'br-int'

/**
 * One Open vSwitch in each host. Its tunnels need the link between the hosts for a port of a second bridge, whose own interface then
 * has the host's address. Super-frames (userspace-tso-enable) they drop, so these are off.
 */
export const openVSwitchVxlan: Contender<OverlayBed> = {
  id: 'open-vswitch',
  title: 'Open vSwitch',
  description: 'userspace datapath, a VXLAN port in each host, without TSO, which its tunnels do not take',
  needs: { 'openvswitch-switch': ['ovs-vswitchd', 'ovsdb-server', 'ovs-vsctl'], ethtool: ['ethtool'] },
  async start(bed, folder) {
    const started: OpenVSwitch[] = []
    try {
      for (const side of SIDES) {
        const own = join(folder, side.host)
        started.push(
          await startOpenVSwitch(own, { namespace: bed.path(side.host), segmentationOffload: false }),
        )
        await span(bed, own, side)
      }
    } catch (error) {
      for (const daemons of started) await daemons.stop()
      throw error
    }
    const pids = started.flatMap((daemons) => daemons.pids)
    return {
      pids,
      pin: (core) => pinProcesses(pids, core),
      async stop() {
        for (const daemons of started) await daemons.stop()
      },
    }
  },
}

async function span(bed: OverlayBed, folder: string, { host, sandbox, local, remote }: Side): Promise<void> {
  for (const bridge of [OUTSIDE, INSIDE]) {
    await vsctl(folder, ['add-br', bridge, '--', 'set', 'bridge', bridge, 'datapath_type=netdev'])
  }
  await vsctl(folder, ['add-port', OUTSIDE, UNDERLAY])
  await bed.ip(host, ['addr', 'del', `${local}/24`, 'dev', UNDERLAY])
  await bed.ip(host, ['addr', 'add', `${local}/24`, 'dev', OUTSIDE])
  await bed.ip(host, ['link', 'set', OUTSIDE, 'up'])
  // Read through a packet socket, which must not be given unfinished frames.
  await bed.exec(host, 'ethtool', ['-K', UNDERLAY, 'tx', 'off'])

  const tunnel = ['type=vxlan', `options:remote_ip=${remote}`, `options:key=${NETWORK_IDENTIFIER}`]
  await vsctl(folder, ['add-port', INSIDE, 'vxlan0', '--', 'set', 'interface', 'vxlan0', ...tunnel])
  const tap = `tap-${sandbox}`
  await vsctl(folder, ['add-port', INSIDE, tap, '--', 'set', 'interface', tap, 'type=tap'])
  await bed.ip(host, ['link', 'set', tap, 'down'])
  await bed.ip(host, ['link', 'set', tap, 'name', INTERFACE, 'netns', bed.name(sandbox)])
}
