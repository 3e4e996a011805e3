/**
 * Two machines on a cable, which are namespaces, with a daemon each, or one of them with the kernel's own vxlan device:
 *
 *     red ─ TAP ─ daemon ─ 192.0.2.1 eth0 ─── eth0 192.0.2.2 ─ daemon ─ TAP ─ blue
 *     └────────── left ───────────────┘      └──────────────── right ──────────┘
 */

import assert from 'node:assert/strict'
import type { OverlayPeers } from '../../../src/control/api/overlay.ts'
import type { Stats } from '../../../src/control/api/switch.ts'
import { NetworkNamespace } from '../../support/network-namespace.ts'
import { ControlDaemon } from './control-daemon.ts'
import type { Backend } from './live-lab.ts'
import { attempt, type Outcome, type Place, Program, run } from './program.ts'

export interface Underlay {
  readonly left: string
  readonly right: string
  readonly prefixLength: number
  readonly mtu: number
}

export const UNDERLAY4: Underlay = { left: '192.0.2.1', right: '192.0.2.2', prefixLength: 24, mtu: 1500 }
export const UNDERLAY6: Underlay = { left: '2001:db8::1', right: '2001:db8::2', prefixLength: 64, mtu: 1500 }

/** Networks that both have, by name, each with addresses of its own on each side: `wide` is the one that is meant unless another is named. */
const SUBNETS = { wide: '10.9.0', other: '10.10.0', learned: '10.11.0' } as const
const RANGES = { left: '0/25', right: '128/25' } as const
export type NetworkName = keyof typeof SUBNETS
export const VNI = 42

export type Side = 'left' | 'right'
const OTHER = { left: 'right', right: 'left' } as const

export class TunnelScene {
  readonly left = new NetworkNamespace()
  readonly right = new NetworkNamespace()
  readonly underlay: Underlay
  readonly daemons = new Map<Side, ControlDaemon>()
  readonly #places = new Map<string, Place>()

  /** Daemons on both sides, or on the left one alone; with `args` beyond those that every one has. */
  static async start(
    underlay: Underlay,
    sides: readonly Side[] = ['left', 'right'],
    io: Backend = 'io_uring',
    args: (side: Side) => readonly string[] = () => [],
  ): Promise<TunnelScene> {
    const scene = new TunnelScene(underlay)
    await Promise.all(
      sides.map(async (side) => {
        const place = { namespace: scene[side].name }
        scene.daemons.set(side, await ControlDaemon.start({ place, args: ['--io', io, ...args(side)] }))
      }),
    )
    return scene
  }

  private constructor(underlay: Underlay) {
    this.underlay = underlay
    for (const side of ['left', 'right'] as const) {
      this[side].ip('link', 'set', 'lo', 'up')
      this.#places.set(side, { namespace: this[side].name })
    }
    const mtu = ['mtu', String(underlay.mtu)]
    this.left.ip(
      'link',
      'add',
      'eth0',
      ...mtu,
      'type',
      'veth',
      'peer',
      'name',
      'eth0',
      ...mtu,
      'netns',
      this.right.name,
    )
    for (const side of ['left', 'right'] as const) {
      // Nobody else has it: there is no need to find that out first.
      const nodad = underlay.left.includes(':') ? ['nodad'] : []
      this[side].ip('address', 'add', `${underlay[side]}/${underlay.prefixLength}`, 'dev', 'eth0', ...nodad)
      this[side].ip('link', 'set', 'eth0', 'up')
    }
  }

  daemon(side: Side): ControlDaemon {
    return this.daemons.get(side)!
  }

  /** A network of a side's daemon. */
  async network(
    side: Side,
    options: Readonly<Record<string, string>> = {},
    name: NetworkName = 'wide',
  ): Promise<void> {
    const prefix = SUBNETS[name]
    const ranges = { Subnet: `${prefix}.0/24`, IPRange: `${prefix}.${RANGES[side]}`, Gateway: `${prefix}.1` }
    await this.daemon(side).call('POST', '/networks', {
      Name: name,
      Driver: 'vxlan',
      IPAM: { Config: [ranges] },
      Options: { vni: String(VNI), remote: this.underlay[OTHER[side]], ...options },
    })
  }

  /** Makes a sandbox on it and starts it; its address. */
  async sandbox(
    side: Side,
    name: string,
    options: Readonly<Record<string, string>> = {},
    network: NetworkName = 'wide',
  ): Promise<string> {
    const id = await this.daemon(side).run(name, {
      HostConfig: { NetworkMode: network },
      NetworkingConfig: { EndpointsConfig: { [network]: { DriverOpts: { ...options } } } },
    })
    this.#places.set(name, this.daemon(side).place(id))
    return (await this.daemon(side).endpoint(name, network)).IPAddress
  }

  /** The kernel's own, on the right: a vxlan device in a bridge that has `address`. Where a daemon has a UDP port there, it needs another one. */
  kernel(address: string, udpPort = 4789): void {
    const { left, right } = this.underlay
    const ends = ['local', right, 'remote', left, 'dstport', String(udpPort)]
    const device = ['vxlan0', 'type', 'vxlan', 'id', String(VNI), 'dev', 'eth0', ...ends]
    this.right.ip('link', 'add', ...device)
    this.right.ip('link', 'add', 'br0', 'type', 'bridge')
    this.right.ip('link', 'set', 'vxlan0', 'master', 'br0', 'up')
    this.right.ip('address', 'add', `${address}/24`, 'dev', 'br0')
    this.right.ip('link', 'set', 'br0', 'up')
  }

  /** Of a sandbox, or a side. */
  place(name: string): Place {
    return this.#places.get(name)!
  }

  on(name: string, program: string, ...args: readonly string[]): Promise<string> {
    return run(this.place(name), program, ...args)
  }

  attempt(name: string, program: string, ...args: readonly string[]): Promise<Outcome> {
    return attempt(this.place(name), program, ...args)
  }

  begin(name: string, program: string, ...args: readonly string[]): Program {
    return new Program(this.place(name), program, ...args)
  }

  async peers(side: Side): Promise<OverlayPeers['peers']> {
    return (await this.daemon(side).call<OverlayPeers>('GET', '/overlay/peers')).peers
  }

  /** Frames dropped for each reason, so far. */
  async drops(side: Side): Promise<Readonly<Record<string, number>>> {
    const { drops } = await this.daemon(side).call<Stats>('GET', '/stats')
    return Object.fromEntries(drops.map(({ reason, frames }) => [reason, frames]))
  }

  async stop(): Promise<void> {
    try {
      for (const [side, daemon] of this.daemons) {
        await daemon.stop()
        assert.equal(await this.on(side, 'ss', '-Htuln'), '', 'no socket is left')
      }
    } finally {
      this.left.remove()
      this.right.remove()
    }
  }
}
