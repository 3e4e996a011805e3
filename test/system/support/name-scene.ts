/**
 * Sandboxes on networks that have names, and programs in them that ask. The machine is a namespace of its own with nothing but a loopback:
 * there is no way out of it.
 */

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DnsLog, DnsLogEntry, DnsStats } from '../../../src/control/api/dns.ts'
import type { EndpointConfig } from '../../../src/control/api/network.ts'
import type { SandboxCreate } from '../../../src/control/api/sandbox.ts'
import { NetworkNamespace } from '../../support/network-namespace.ts'
import { ControlDaemon } from './control-daemon.ts'
import { digArguments, type NameAnswer, readDig } from './docker/dig.ts'
import { attempt, type Outcome, type Place, Program } from './program.ts'
import { newFolder } from './scene.ts'

/** By network; the first one is the sandbox's network mode. */
export type Endpoints = Readonly<Record<string, EndpointConfig>>

export interface NameSceneOptions {
  /** The machine's resolv.conf. */
  readonly resolvConf?: string
}

export class NameScene {
  readonly home = new NetworkNamespace()
  readonly #resolvConf = join(newFolder(), 'resolv.conf')
  readonly #ids = new Map<string, string>()
  #daemon: ControlDaemon | undefined

  static async start({ resolvConf = 'nameserver 192.0.2.53\n' }: NameSceneOptions = {}): Promise<NameScene> {
    const scene = new NameScene()
    writeFileSync(scene.#resolvConf, resolvConf)
    scene.home.ip('link', 'set', 'lo', 'up')
    try {
      const args = ['--resolv-conf', scene.#resolvConf]
      scene.#daemon = await ControlDaemon.start({ place: { namespace: scene.home.name }, args })
    } catch (error) {
      scene.home.remove()
      throw error
    }
    return scene
  }

  get daemon(): ControlDaemon {
    return this.#daemon!
  }

  /** Makes a sandbox and starts it; its id. */
  async sandbox(name: string, endpoints: Endpoints, more: SandboxCreate = {}): Promise<string> {
    const { HostConfig, ...rest } = more
    const id = await this.daemon.run(name, {
      ...rest,
      HostConfig: { NetworkMode: Object.keys(endpoints)[0]!, ...HostConfig },
      NetworkingConfig: { EndpointsConfig: { ...endpoints } },
    })
    this.#ids.set(name, id)
    return id
  }

  /** The id of a sandbox, by the name that it was made with. */
  id(name: string): string {
    return this.#ids.get(name)!
  }

  /** A sandbox's network namespace. */
  place(name: string): Place {
    return this.daemon.place(this.id(name))
  }

  /** Begins a program in a sandbox: with its files, its host name and its network. */
  async begin(name: string, program: string, ...args: readonly string[]): Promise<Program> {
    return new Program({}, 'nsenter', ...(await this.#within(name)), program, ...args)
  }

  /** Runs one to its end. */
  async on(name: string, program: string, ...args: readonly string[]): Promise<Outcome> {
    return attempt({}, 'nsenter', ...(await this.#within(name)), program, ...args)
  }

  async #within(name: string): Promise<string[]> {
    const { Pid } = (await this.daemon.inspect(this.id(name))).State
    return ['--target', String(Pid), '--net', '--mount', '--uts', '--']
  }

  /** dig, which asks whom the sandbox's resolv.conf names. `question` is `NAME TYPE`, and options of dig. */
  async ask(name: string, question: string): Promise<NameAnswer> {
    const { output } = await this.on(name, 'dig', ...digArguments(undefined, question))
    return readDig(output, new Map())
  }

  /** The last question that was asked: the log from there on is `asked`. */
  async mark(): Promise<number> {
    return (await this.daemon.call<DnsLog>('GET', '/dns/log?limit=1')).last
  }

  /** What was asked behind the mark, in order. */
  async asked(after: number): Promise<readonly DnsLogEntry[]> {
    return (await this.daemon.call<DnsLog>('GET', `/dns/log?after=${after}`)).entries
  }

  stats(): Promise<DnsStats> {
    return this.daemon.call<DnsStats>('GET', '/dns/stats')
  }

  /** A daemon that has ended leaves no sandbox and no socket behind. */
  async stop(): Promise<void> {
    try {
      if (this.#daemon === undefined) return
      await this.#daemon.stop()
      assert.deepEqual(this.#daemon.traces(), { folders: [], links: [], shims: [], processes: [] })
      assert.equal(this.home.exec('ss', '-Htuln'), '')
    } finally {
      this.home.remove()
    }
  }
}

/** What an answer says, in short: its code and its records. */
export const told = ({ status, answer }: NameAnswer): string => [status, ...answer].join('; ')
