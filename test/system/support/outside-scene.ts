/**
 * Sandboxes on a machine that asks name servers of the internet, which answer as a test wants it (name-server-answers.ts).
 *
 *     app   ── front ─ gateway ─ daemon ── eth0 ─── internet: 198.51.100.7   all manners of answers    192.0.2.7 for every name
 *     vault ── sealed (internal)                              198.51.100.8   well-behaved, or late     192.0.2.8 for every name
 */

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DnsStats } from '../../../src/control/api/dns.ts'
import type { Uplink } from '../../../src/control/api/uplink.ts'
import { digArguments, type NameAnswer, readDig } from './docker/dig.ts'
import { told } from './name-scene.ts'
import { NameServer } from './name-server.ts'
import { FAR, FARTHER, NatScene } from './nat-scene.ts'
import { Program } from './program.ts'
import { newFolder } from './scene.ts'
import { until } from './until.ts'

/** Of the networks `front` and `sealed`. */
export const FRONT_GATEWAY = '10.83.1.1'
export const SEALED_GATEWAY = '10.83.2.1'
/** What the servers answer. */
export const OF_FAR = '192.0.2.7'
export const OF_FARTHER = '192.0.2.8'
export const TTL_S = 300

/** Longer than any server outside is waited for. */
const PATIENCE = '+time=30'

export class OutsideScene {
  /** The machine's, which the daemon has been told of. */
  readonly resolvConf: string
  readonly #scene: NatScene
  readonly #servers: NameServer

  static async start(): Promise<OutsideScene> {
    const resolvConf = join(newFolder(), 'resolv.conf')
    writeFileSync(resolvConf, `nameserver ${FAR}\n`)
    const scene = await NatScene.start({ args: ['--resolv-conf', resolvConf] })
    const servers = await NameServer.start(scene.place('internet'))
    await servers.call('serve', FAR, OF_FAR)
    await servers.call('serve', FARTHER, OF_FARTHER, ['late'])
    await scene.daemon.network('front', '10.83.1.0/24')
    await scene.daemon.network('sealed', '10.83.2.0/24', { Internal: true })
    await scene.sandbox('app', 'front')
    await scene.sandbox('vault', 'sealed')
    return new OutsideScene(scene, servers, resolvConf)
  }

  private constructor(scene: NatScene, servers: NameServer, resolvConf: string) {
    this.#scene = scene
    this.#servers = servers
    this.resolvConf = resolvConf
  }

  get nat(): NatScene {
    return this.#scene
  }

  get servers(): NameServer {
    return this.#servers
  }

  stats(): Promise<DnsStats> {
    return this.#scene.daemon.call('GET', '/dns/stats')
  }

  /** The machine's servers are others, and the daemon knows. What was known of servers that were not among them is forgotten. */
  async use(...servers: readonly string[]): Promise<void> {
    writeFileSync(this.resolvConf, servers.map((server) => `nameserver ${server}\n`).join(''))
    await this.follows(servers)
  }

  follows(servers: readonly string[]): Promise<void> {
    return until(`the machine's servers are ${servers.join(' ')}`, async () => {
      const own = (await this.stats()).servers.filter(({ sandbox }) => sandbox === '')
      return own.map(({ address }) => address).join() === servers.join()
    })
  }

  /** `question` is `NAME TYPE`, and options of dig. */
  async ask(question: string, from = 'app', gateway = FRONT_GATEWAY): Promise<NameAnswer> {
    const args = digArguments(gateway, `${question} ${PATIENCE}`)
    const { output } = await this.#scene.attempt(from, 'dig', ...args)
    return readDig(output, new Map())
  }

  /** A question whose answer nobody has to wait for. */
  begin(question: string, from = 'app'): Program {
    return new Program(this.#scene.place(from), 'dig', ...digArguments(FRONT_GATEWAY, question))
  }

  /** The answer is what one of the servers has said just now. */
  async answers(name: string, data: string, from = 'app'): Promise<void> {
    assert.equal(told(await this.ask(`${name} A`, from)), `NOERROR; ${name}. ${TTL_S} IN A ${data}`)
  }

  async askedOf(server: string, name: string): Promise<number> {
    return (await this.#servers.call('asked', name)).filter((one) => one.server === server).length
  }

  async isUp(): Promise<boolean> {
    return (await this.#scene.daemon.call<Uplink>('GET', '/uplink')).Up
  }

  async stop(): Promise<void> {
    await this.#servers.stop()
    await this.#scene.stop()
  }
}
