/**
 * Machines on one LAN, where their registry is, too. All are namespaces; the LAN is a bridge of the kernel's in one of its own:
 *
 *     red ─ TAP ─ daemon ─ 192.0.2.1 eth0 ── one ──┐
 *     blue ─ TAP ─ daemon ─ 192.0.2.2 eth0 ── two ─┼─ br0 192.0.2.254: etcd
 *     …                                            │
 *                  daemon ─ 192.0.2.3 eth0 ─ three ┘
 */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { NetworkInspect } from '../../../src/control/api/network.ts'
import type { OverlayPeers } from '../../../src/control/api/overlay.ts'
import type { SandboxCreate } from '../../../src/control/api/sandbox.ts'
import { NetworkNamespace } from '../../support/network-namespace.ts'
import { ControlDaemon } from './control-daemon.ts'
import { type Etcd, startEtcd } from './etcd.ts'
import { attempt, type Outcome, type Place, Program, run } from './program.ts'
import { until } from './until.ts'

const REGISTRY = '192.0.2.254'
const NETWORK = 'wide'
const STREAM = join(import.meta.dirname, 'numbered-stream.js')
/** Milliseconds between what a stream sends, of which it then sends a window. */
const PACE_MS = '250'

export const MACHINES = { one: '192.0.2.1', two: '192.0.2.2', three: '192.0.2.3' } as const
export type Machine = keyof typeof MACHINES
const NAMES = Object.keys(MACHINES) as Machine[]

export interface JoinOptions {
  readonly cluster?: string
  /** In this scene. */
  readonly called?: string
  /** In its cluster. */
  readonly name?: string
  readonly more?: readonly string[]
  readonly root?: string
}

export class ClusterScene {
  readonly lan = new NetworkNamespace()
  readonly machines = new Map<Machine, NetworkNamespace>()
  readonly daemons = new Map<string, ControlDaemon>()
  etcd!: Etcd

  static async start(): Promise<ClusterScene> {
    const scene = new ClusterScene()
    scene.etcd = await startEtcd({ namespace: scene.lan.name, host: REGISTRY })
    return scene
  }

  private constructor() {
    this.lan.ip('link', 'set', 'lo', 'up')
    this.lan.ip('link', 'add', 'br0', 'type', 'bridge')
    this.lan.ip('address', 'add', `${REGISTRY}/24`, 'dev', 'br0')
    this.lan.ip('link', 'set', 'br0', 'up')
    for (const name of NAMES) this.#plug(name)
  }

  #plug(name: Machine): void {
    const machine = new NetworkNamespace()
    this.machines.set(name, machine)
    machine.ip('link', 'set', 'lo', 'up')
    machine.ip('link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', name, 'netns', this.lan.name)
    machine.ip('address', 'add', `${MACHINES[name]}/24`, 'dev', 'eth0')
    machine.ip('link', 'set', 'eth0', 'up')
    this.lan.ip('link', 'set', name, 'master', 'br0', 'up')
  }

  /** A daemon on a machine, by whose name this scene and the cluster call it unless told otherwise, in the cluster `alpha`. */
  async join(machine: Machine, options: JoinOptions = {}): Promise<ControlDaemon> {
    const { cluster = 'alpha', called = machine, name = called, more = [], root } = options
    const registry = `${this.etcd.endpoint}/${cluster}`
    const daemon = await ControlDaemon.start({
      ...(root !== undefined && { root }),
      place: this.place(machine),
      args: ['--cluster', registry, '--advertise', MACHINES[machine], '--host-name', name, ...more],
    })
    this.daemons.set(called, daemon)
    return daemon
  }

  daemon(name: string): ControlDaemon {
    return this.daemons.get(name)!
  }

  place(machine: Machine): Place {
    return { namespace: this.machines.get(machine)!.name }
  }

  /** What its cable is in: nothing passes where it is cut, neither to other machines nor to the registry. */
  cable(machine: Machine, state: 'cut' | 'whole'): void {
    this.lan.ip('link', 'set', machine, state === 'cut' ? 'down' : 'up')
  }

  /** Creates the network, and waits until all of these have it. */
  async network(subnet: string, ...daemons: readonly string[]): Promise<void> {
    const [first = ''] = daemons
    const create = ['network', 'create', '-d', 'overlay', '--attachable', '--subnet', subnet, NETWORK]
    await until(`${first} has joined`, async () => (await this.daemon(first).attempt(...create)).code === 0)
    for (const name of daemons) {
      await until(`${name} has the network`, async () => {
        const networks = await this.daemon(name).call<NetworkInspect[]>('GET', '/networks')
        return networks.some(({ Name }) => Name === NETWORK)
      })
    }
  }

  /** Makes a sandbox and starts it. */
  async sandbox(daemon: string, name: string, IPv4Address?: string): Promise<Member> {
    await this.daemon(daemon).run(name, this.request(IPv4Address))
    return this.member(daemon, name)
  }

  request(IPv4Address?: string): SandboxCreate {
    return {
      HostConfig: { NetworkMode: NETWORK },
      NetworkingConfig: {
        EndpointsConfig: { [NETWORK]: IPv4Address === undefined ? {} : { IPAMConfig: { IPv4Address } } },
      },
    }
  }

  async member(daemon: string, name: string): Promise<Member> {
    const { Id } = await this.daemon(daemon).inspect(name)
    const { IPAddress, MacAddress } = await this.daemon(daemon).endpoint(name, NETWORK)
    return new Member(this.daemon(daemon).place(Id), IPAddress, MacAddress)
  }

  /** Names of the hosts that a daemon's network goes on to. */
  async peers(daemon: string): Promise<string[]> {
    const { peers } = await this.daemon(daemon).call<OverlayPeers>('GET', '/overlay/peers')
    return peers.map(({ host }) => host).toSorted()
  }

  /** What the registry holds of a cluster, below a key. */
  async registry(cluster: string, below = ''): Promise<Map<string, RegistryValue>> {
    const prefix = `/tapwire/${cluster}/`
    const text = await this.etcd.ctl('get', '--prefix', prefix + below, '-w', 'json')
    // Leases have more digits than a number of JavaScript's.
    const exact = text.replaceAll(/"lease":(\d+)/g, '"lease":"$1"')
    const { kvs = [] } = JSON.parse(exact) as { kvs?: { key: string; value: string; lease?: string }[] }
    return new Map(
      kvs.map(({ key, value, lease = '' }) => [
        decode(key).slice(prefix.length),
        { text: decode(value), lease },
      ]),
    )
  }

  /** Events of the cluster that a daemon has told of. */
  async events(daemon: string, action: string): Promise<Readonly<Record<string, string>>[]> {
    const now = new Date(Date.now() + 1).toISOString()
    const filter = ['--filter', 'type=cluster', '--filter', `event=${action}`]
    const args = ['events', '--since', '1', '--until', now, ...filter, '--format', '{{json .}}']
    const lines = (await this.daemon(daemon).do(...args)).split('\n').filter((line) => line !== '')
    return lines.map((line) => (JSON.parse(line) as Event).Actor.Attributes)
  }

  async stop(): Promise<void> {
    try {
      for (const daemon of this.daemons.values()) await daemon.stop()
      for (const name of NAMES) {
        assert.equal(await run(this.place(name), 'ss', '-Htuln'), '', 'no socket is left')
      }
      await this.etcd.stop()
    } finally {
      for (const namespace of [this.lan, ...this.machines.values()]) namespace.remove()
    }
  }
}

export interface RegistryValue {
  readonly text: string
  /** Empty where it lives for ever. */
  readonly lease: string
}

interface Event {
  readonly Actor: { readonly Attributes: Readonly<Record<string, string>> }
}

const decode = (base64: string): string => Buffer.from(base64, 'base64').toString()

/** A sandbox on the network. */
export class Member {
  readonly place: Place
  readonly address: string
  readonly mac: string

  constructor(place: Place, address: string, mac: string) {
    this.place = place
    this.address = address
    this.mac = mac
  }

  attempt(program: string, ...args: readonly string[]): Promise<Outcome> {
    return attempt(this.place, program, ...args)
  }

  /** The gateway's answer; empty where it knows no such name. */
  async ask(name: string): Promise<string> {
    const gateway = this.address.replace(/\d+$/, '1')
    const { output } = await this.attempt('dig', '+short', '+tries=1', `@${gateway}`, name)
    return output.trim()
  }

  /** The MAC address that it has for another one; empty where it has none. */
  async neighbour({ address }: Member): Promise<string> {
    const { output } = await this.attempt('ip', '-j', 'neigh', 'show', address)
    const [entry] = JSON.parse(output) as { lladdr?: string }[]
    return entry?.lladdr ?? ''
  }

  async reaches(to: Member): Promise<boolean> {
    return (await this.attempt('ping', '-n', '-c', '1', '-W', '1', to.address)).code === 0
  }
}

/** Pings from one sandbox to another, for as long as a test takes. */
export class Pings {
  readonly #ping: Program

  constructor(from: Member, to: Member) {
    this.#ping = new Program(from.place, 'ping', '-n', '-i', '0.1', to.address)
  }

  get answers(): number {
    return this.#ping.output.match(/ttl=/g)?.length ?? 0
  }

  /** Resolves when some are answered that were asked from now on. */
  async pass(): Promise<void> {
    // One may be under way.
    const answers = this.answers + 2
    await until('pings are answered', () => this.answers >= answers)
  }

  async stop(): Promise<void> {
    await this.#ping.stop('SIGINT')
  }
}

/** Pings, and one TCP connection each byte of which is checked. */
export class Traffic {
  readonly #echo: Program
  readonly #talk: Program
  readonly #pings: Pings

  static async start(from: Member, to: Member, port: string): Promise<Traffic> {
    const echo = new Program(to.place, process.execPath, STREAM, 'echo', port)
    await echo.printed(/listening/)
    const traffic = new Traffic(from, to, echo, port)
    await traffic.passes()
    return traffic
  }

  private constructor(from: Member, to: Member, echo: Program, port: string) {
    this.#echo = echo
    this.#talk = new Program(from.place, process.execPath, STREAM, 'talk', to.address, port, PACE_MS)
    this.#pings = new Pings(from, to)
  }

  /** Resolves when pings are answered, and bytes come back, that were sent from now on. */
  async passes(): Promise<void> {
    await Promise.all([this.#pings.pass(), this.#streams()])
  }

  async #streams(): Promise<void> {
    const { child, output } = this.#talk
    // Dots, one for a kilobyte: twice what may be under way.
    const wanted = output.length + 2 * 64
    await until('bytes come back', () => {
      assert.equal(child.exitCode, null, this.#talk.said)
      return this.#talk.output.length >= wanted
    })
  }

  /** Every byte has come back, on the one connection. */
  async stop(): Promise<void> {
    const { code, errors } = await this.#talk.stop('SIGTERM')
    assert.equal(code, 0, errors)
    await this.#echo.stop()
    await this.#pings.stop()
  }
}
