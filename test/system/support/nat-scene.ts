/**
 * A machine on a cable to the internet, both of them namespaces, and a daemon on the machine:
 *
 *     sandboxes ─ router ─ packet socket ─ eth0 203.0.113.2 ─── 203.0.113.1 eth0 ── 198.51.100.7, 198.51.100.8 (lo)
 *     └───────────── the machine: host ──────────────┘      └──────────────── internet ─────────────────┘
 */

import assert from 'node:assert/strict'
import type { SandboxCreate } from '../../../src/control/api/sandbox.ts'
import type { Stats } from '../../../src/control/api/switch.ts'
import { NetworkNamespace } from '../../support/network-namespace.ts'
import { Capture } from './capture.ts'
import { ControlDaemon, type ControlOptions } from './control-daemon.ts'
import type { Backend } from './live-lab.ts'
import { attempt, type Outcome, type Place, Program, run } from './program.ts'
import { Station } from './station.ts'
import { until } from './until.ts'

export const HOST = '203.0.113.2'
/** Of the cable's other end, and two that lie behind it. */
export const INTERNET = '203.0.113.1'
export const FAR = '198.51.100.7'
export const FARTHER = '198.51.100.8'
/** Of the machine's interface: it stays where that is deleted and made again. */
export const HOST_MAC = '02:00:00:00:00:02'

export interface NatSceneOptions extends ControlOptions {
  readonly io?: Backend
  /** Of the cable. */
  readonly mtu?: number
}

export class NatScene {
  readonly host: NetworkNamespace
  readonly internet: NetworkNamespace
  readonly #mtu: number
  readonly #places = new Map<string, Place>()
  readonly #stations: Station[] = []
  #daemon: ControlDaemon | undefined

  static async start(options: NatSceneOptions = {}): Promise<NatScene> {
    const scene = new NatScene(options)
    const { io, args = [], ...rest } = options
    const place = { namespace: scene.host.name }
    const all = [...args, ...(io === undefined ? [] : ['--io', io])]
    scene.#daemon = await ControlDaemon.start({ ...rest, place, args: all })
    await scene.daemon.call('PUT', '/uplink', { Uplink: 'nic:eth0' })
    return scene
  }

  private constructor({ mtu = 1500 }: NatSceneOptions) {
    this.#mtu = mtu
    this.host = new NetworkNamespace()
    this.internet = new NetworkNamespace()
    this.host.ip('link', 'set', 'lo', 'up')
    this.internet.ip('link', 'set', 'lo', 'up')
    // Their kernels say no more than once a second, otherwise, that a port is closed.
    for (const machine of [this.host, this.internet])
      machine.exec('sysctl', '-qw', 'net.ipv4.icmp_ratelimit=0')
    for (const address of [FAR, FARTHER]) this.internet.ip('address', 'add', `${address}/32`, 'dev', 'lo')
    this.plug()
  }

  /** The cable and what the machine's interface needs, as it is at first. */
  plug(): void {
    const mtu = ['mtu', String(this.#mtu)]
    const peer = ['peer', 'name', 'eth0', ...mtu, 'netns', this.internet.name]
    this.host.ip('link', 'add', 'eth0', 'address', HOST_MAC, ...mtu, 'type', 'veth', ...peer)
    this.host.ip('address', 'add', `${HOST}/24`, 'dev', 'eth0')
    this.host.ip('link', 'set', 'eth0', 'up')
    this.internet.ip('address', 'add', `${INTERNET}/24`, 'dev', 'eth0')
    this.internet.ip('link', 'set', 'eth0', 'up')
    this.host.ip('route', 'add', 'default', 'via', INTERNET)
  }

  get daemon(): ControlDaemon {
    return this.#daemon!
  }

  /** Makes a sandbox and starts it. `publish` is as after `-p`, with a host port: `8080:80/udp`. */
  async sandbox(
    name: string,
    network = 'bridge',
    publish: readonly string[] = [],
    more: SandboxCreate = {},
  ): Promise<string> {
    const { HostConfig, ...rest } = more
    const id = await this.daemon.run(name, {
      ...rest,
      HostConfig: { NetworkMode: network, PortBindings: bindings(publish), ...HostConfig },
    })
    this.#places.set(name, this.daemon.place(id))
    return id
  }

  /** Of a sandbox, `host` or `internet`. */
  place(name: string): Place {
    if (name === 'host') return { namespace: this.host.name }
    return name === 'internet' ? { namespace: this.internet.name } : this.#places.get(name)!
  }

  async address(sandbox: string, network = 'bridge'): Promise<string> {
    return (await this.daemon.endpoint(sandbox, network)).IPAddress
  }

  /** Runs a program to its end; its standard output. */
  on(name: string, program: string, ...args: readonly string[]): Promise<string> {
    return run(this.place(name), program, ...args)
  }

  attempt(name: string, program: string, ...args: readonly string[]): Promise<Outcome> {
    return attempt(this.place(name), program, ...args)
  }

  begin(name: string, program: string, ...args: readonly string[]): Program {
    return new Program(this.place(name), program, ...args)
  }

  capture(name: string, filter: string, interfaceName = 'eth0'): Promise<Capture> {
    return Capture.start(this.place(name), interfaceName, filter)
  }

  async station(name: string): Promise<Station> {
    const station = await Station.start(this.place(name))
    this.#stations.push(station)
    return station
  }

  /** Frames dropped for each reason, so far. */
  async drops(): Promise<Readonly<Record<string, number>>> {
    const { drops } = await this.daemon.call<Stats>('GET', '/stats')
    return Object.fromEntries(drops.map(({ reason, frames }) => [reason, frames]))
  }

  /** Resolves once frames have been dropped for this reason since `before`. */
  async dropped(reason: string, before: Readonly<Record<string, number>>, frames = 1): Promise<void> {
    await until(`${frames} frames dropped: ${reason}`, async () => {
      return ((await this.drops())[reason] ?? 0) - (before[reason] ?? 0) >= frames
    })
  }

  /** A daemon that has ended leaves no sandbox, no interface and no port of the machine behind. */
  async #checkLeftovers(daemon: ControlDaemon): Promise<void> {
    assert.deepEqual(daemon.traces(), { folders: [], links: [], shims: [], processes: [] })
    assert.deepEqual(
      this.host.links().map(({ ifname }) => ifname),
      ['eth0'],
    )
    assert.equal(await this.on('host', 'ss', '-Htuln'), '')
  }

  async stop(): Promise<void> {
    try {
      for (const station of this.#stations) await station.stop()
      await this.#daemon?.stop()
      if (this.#daemon !== undefined) await this.#checkLeftovers(this.#daemon)
    } finally {
      this.host.remove()
      this.internet.remove()
    }
  }
}

/** `[address:]host:sandbox[/protocol]`, each port a number. */
function bindings(specs: readonly string[]): Record<string, { HostIp: string; HostPort: string }[]> {
  const result: Record<string, { HostIp: string; HostPort: string }[]> = {}
  for (const spec of specs) {
    const [, HostIp = '', HostPort, port, protocol = 'tcp'] = /^(?:(.+):)?([\d-]+):(\d+)(?:\/(\w+))?$/.exec(
      spec,
    )!
    assert.ok(HostPort)
    ;(result[`${port}/${protocol}`] ??= []).push({ HostIp, HostPort })
  }
  return result
}
