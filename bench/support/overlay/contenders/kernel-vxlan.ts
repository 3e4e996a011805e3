import type { Contender } from '../../contender.ts'
import { INTERFACE } from '../../test-bed.ts'
import { NETWORK_IDENTIFIER, type OverlayBed, SIDES, UNDERLAY } from '../bed.ts'

const TUNNEL = 'vxlan0'

/** What Docker's overlay driver builds, without its firewall rules. */
function kernelVxlan(
  id: string,
  title: string,
  description: string,
  offloads: boolean,
): Contender<OverlayBed> {
  return {
    id,
    title,
    description,
    needs: offloads ? {} : { ethtool: ['ethtool'] },
    async start(bed) {
      for (const side of SIDES) {
        const { host, sandbox, local, remote } = side
        const identifier = ['id', String(NETWORK_IDENTIFIER), 'dstport', '4789']
        const ends = ['local', local, 'remote', remote, 'dev', UNDERLAY]
        await bed.ip(host, ['link', 'add', 'br0', 'type', 'bridge'])
        await bed.ip(host, ['link', 'add', TUNNEL, 'type', 'vxlan', ...identifier, ...ends])
        await bed.cable(host, 'port', sandbox, INTERFACE)
        if (!offloads) await withoutTunnelOffloads(bed, host)
        for (const port of [TUNNEL, 'port']) await bed.ip(host, ['link', 'set', port, 'master', 'br0', 'up'])
        await bed.ip(host, ['link', 'set', 'br0', 'up'])
      }
      return {
        pids: [],
        // Nobody forwards who could be moved: each frame is carried on the core that sends it.
        pin: async () => undefined,
        stop: async () => undefined,
      }
    },
  }
}

/** As on a network card that cannot segment what is inside a tunnel: the kernel does so before it hands the frames over. */
async function withoutTunnelOffloads(bed: OverlayBed, host: 'left' | 'right'): Promise<void> {
  const off = ['tx-udp_tnl-segmentation', 'tx-udp_tnl-csum-segmentation'].flatMap((feature) => [
    feature,
    'off',
  ])
  await bed.exec(host, 'ethtool', ['-K', UNDERLAY, ...off])
}

export const kernelVxlanOffloaded = kernelVxlan(
  'kernel',
  'Kernel VXLAN',
  'a bridge and a vxlan device in each host; super-frames cross the veth between the hosts whole (tunnel offloads)',
  true,
)

export const kernelVxlanPlain = kernelVxlan(
  'kernel-plain',
  'Kernel VXLAN, plain',
  'the same without tunnel offloads: the link between the hosts takes no super-frames of tunnels',
  false,
)
