/** Open vSwitch's userspace datapath with a tunnel of its own, in a namespace, with a database and a run directory of its own. */

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Program, run } from './program.ts'
import { newFolder } from './scene.ts'
import { until } from './until.ts'

const SCHEMA = '/usr/share/openvswitch/vswitch.ovsschema'

/** The bridge that has the machine's address, by which tunnels find their way. */
const OUTSIDE = 'br-phy'

/** The bridge that the tunnel is a port of; its own interface is a station on the network. */
export const OVS_STATION = 'br-int'

/** What the machine has, and where the tunnel goes to. */
export interface OpenVSwitchPlan {
  readonly namespace: string
  /** The interface to the other machine, and its address with the prefix length. */
  readonly underlay: string
  readonly address: string
  readonly remote: string
  readonly networkIdentifier: number
}

export class OpenVSwitch {
  readonly #plan: OpenVSwitchPlan
  readonly #folder = newFolder()
  readonly #programs: Program[] = []

  /** One that runs. The machine's address is that of a bridge's interface then. */
  static async start(plan: OpenVSwitchPlan): Promise<OpenVSwitch> {
    const ovs = new OpenVSwitch(plan)
    await ovs.#launch()
    await ovs.#span()
    return ovs
  }

  private constructor(plan: OpenVSwitchPlan) {
    this.#plan = plan
  }

  get #environment(): NodeJS.ProcessEnv {
    return { OVS_RUNDIR: this.#folder, OVS_LOGDIR: this.#folder, OVS_DBDIR: this.#folder }
  }

  get #socket(): string {
    return join(this.#folder, 'db.sock')
  }

  async #launch(): Promise<void> {
    const database = join(this.#folder, 'conf.db')
    await run({}, 'ovsdb-tool', 'create', database, SCHEMA)
    const remote = `--remote=punix:${this.#socket}`
    await this.#begin('ovsdb-server', this.#socket, database, remote)
    await this.vsctl('--no-wait', 'init')
    await this.#begin('ovs-vswitchd', join(this.#folder, 'ovs-vswitchd.ctl'), `unix:${this.#socket}`)
  }

  /** Begins a daemon, which is ready when it has made the file `sign`. */
  async #begin(program: string, sign: string, ...args: readonly string[]): Promise<void> {
    const place = { namespace: this.#plan.namespace, environment: this.#environment }
    const control = `--unixctl=${join(this.#folder, `${program}.ctl`)}`
    this.#programs.push(new Program(place, program, ...args, control, '-vconsole:warn'))
    await until(`${program} is ready`, () => existsSync(sign))
  }

  async #span(): Promise<void> {
    const { namespace, underlay, address, remote, networkIdentifier } = this.#plan
    const options = [`options:remote_ip=${remote}`, `options:key=${networkIdentifier}`]
    const commands = [
      ['add-br', OUTSIDE],
      ['set', 'bridge', OUTSIDE, 'datapath_type=netdev'],
      ['add-br', OVS_STATION],
      ['set', 'bridge', OVS_STATION, 'datapath_type=netdev'],
      ['add-port', OUTSIDE, underlay],
      ['add-port', OVS_STATION, 'vxlan0'],
      ['set', 'interface', 'vxlan0', 'type=vxlan', ...options],
    ]
    await this.vsctl(...commands.flatMap((command) => ['--', ...command]))
    const ip = (...args: readonly string[]): Promise<string> => run({ namespace }, 'ip', ...args)
    await ip('address', 'del', address, 'dev', underlay)
    await ip('address', 'add', address, 'dev', OUTSIDE, ...(address.includes(':') ? ['nodad'] : []))
    await ip('link', 'set', OUTSIDE, 'up')
  }

  /** A change of its configuration, which is in force when this resolves. */
  async vsctl(...args: readonly string[]): Promise<void> {
    const database = `--db=unix:${this.#socket}`
    await run({ environment: this.#environment }, 'ovs-vsctl', database, '--timeout=30', ...args)
  }

  /** Options of the tunnel: csum=true has it send outer checksums. */
  tunnel(...options: readonly string[]): Promise<void> {
    return this.vsctl('set', 'interface', 'vxlan0', ...options.map((option) => `options:${option}`))
  }

  async stop(): Promise<void> {
    for (const program of this.#programs.toReversed()) await program.stop()
  }
}
