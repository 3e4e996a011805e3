import { Namespaces } from '../namespaces.ts'
import { ADDRESS, INTERFACE, TRANSMIT_QUEUE } from '../test-bed.ts'

/**
 * Two sandboxes on two hosts, between which a contender spans an overlay:
 *
 *     a: eth0 10.99.0.1/24 ── contender, in left ── under0 ──veth── under0 ── contender, in right ── b: eth0 10.99.0.2/24
 *                                        192.0.2.1/24          192.0.2.2/24
 *
 * The hosts' MTU is 1500, the sandboxes' 1450, as VXLAN over IPv4 leaves it. The hosts' addresses are for documentation (RFC 5737).
 */
export type OverlayPlace = 'a' | 'b' | 'left' | 'right'

export const UNDERLAY = 'under0'
export const OVERLAY_MTU = 1450
/** VNI. */
export const NETWORK_IDENTIFIER = 4096

export interface Side {
  readonly host: 'left' | 'right'
  readonly sandbox: 'a' | 'b'
  readonly local: string
  readonly remote: string
}

export const SIDES: readonly Side[] = [
  { host: 'left', sandbox: 'a', local: '192.0.2.1', remote: '192.0.2.2' },
  { host: 'right', sandbox: 'b', local: '192.0.2.2', remote: '192.0.2.1' },
]

export class OverlayBed extends Namespaces<OverlayPlace> {
  static async create(): Promise<OverlayBed> {
    const bed = new OverlayBed(['a', 'b', 'left', 'right'])
    await bed.make()
    await bed.cable('left', UNDERLAY, 'right', UNDERLAY)
    for (const { host, local } of SIDES) {
      await bed.ip(host, ['addr', 'add', `${local}/24`, 'dev', UNDERLAY])
      await bed.ip(host, ['link', 'set', UNDERLAY, 'up'])
    }
    return bed
  }

  /** Gives the sandboxes' interfaces their addresses, and waits until a ping crosses. */
  async configure(): Promise<void> {
    const queue = ['txqueuelen', String(TRANSMIT_QUEUE)]
    for (const { sandbox } of SIDES) {
      await this.ip(sandbox, ['link', 'set', INTERFACE, 'mtu', String(OVERLAY_MTU), ...queue, 'up'])
      await this.ip(sandbox, ['addr', 'add', `${ADDRESS[sandbox]}/24`, 'dev', INTERFACE])
    }
    await this.exec('a', 'ping', ['-q', '-i', '0.05', '-c', '3', '-w', '5', ADDRESS.b])
  }
}
