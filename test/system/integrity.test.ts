/**
 * Megabytes arrive byte for byte, whatever offloads the sandboxes' interfaces have on. TAPWIRE_TRANSFER_MB says how many each time.
 *
 *     a ─── TAP with virtio-net header ──┐
 *     b ─── TAP with virtio-net header ──┤ switch     one network for each MTU: interfaces m576, m1500, m9000
 *     p ─── plain TAP ───────────────────┘
 *
 * p is a sandbox with `offload: false`: its frames are as on a wire, and segments and checksums for it are made by us.
 */

import assert from 'node:assert/strict'
import { after, before, describe, it, type TestContext } from 'node:test'
import { Datapath } from '../../src/daemon/datapath.ts'
import { needs, needsTap } from '../support/requirements.ts'
import { compile } from './support/compile.ts'
import type { Backend } from './support/live-lab.ts'
import { run } from './support/program.ts'
import { namespacePath, newNamespaceName } from './support/scene.ts'
import { until } from './support/until.ts'

const MEGABYTES = Number(process.env['TAPWIRE_TRANSFER_MB'] ?? 3)
const BYTES = MEGABYTES * 1_000_000
const MTUS = [576, 1500, 9000] as const
const SANDBOXES = ['a', 'b', 'p'] as const
const ETHERNET_HEADER = 14
const UDP_HEADERS = { 4: 20 + 8, 6: 40 + 8 } as const
/** Frames of one datagram that fit the queue of a TAP, with room for what else is said. */
const QUEUE = 800

type Sandbox = (typeof SANDBOXES)[number]
type Version = 4 | 6

/** What ethtool turns off, and the feature that has to be off then. `rx` is no feature that a TAP lets anyone change. */
const FEATURES = {
  tx: 'tx-checksumming',
  sg: 'scatter-gather',
  tso: 'tcp-segmentation-offload',
  gso: 'generic-segmentation-offload',
  gro: 'generic-receive-offload',
  'tx-udp-segmentation': 'tx-udp-segmentation',
} as const
type Feature = keyof typeof FEATURES

interface Transfer {
  readonly name: string
  readonly protocol: 'tcp' | 'udp'
  readonly from: Sandbox
  readonly to: Sandbox
  readonly off?: Feature
  /** UDP: the kernel gets many datagrams at once (UDP_SEGMENT). */
  readonly segment?: boolean
  /** UDP: bytes of a datagram beyond what one packet holds, so that it goes in fragments. */
  readonly datagram?: number
  /** Whether frames longer than the MTU come from the sender: that the case is what it says it is. */
  readonly superFrames: boolean
}

/** Without checksums or scatter-gather the interface has no TSO either, and the kernel segments. Without GSO it has. */
const TCP: readonly Transfer[] = [
  { name: 'all on', from: 'a', to: 'b', superFrames: true },
  { name: 'tx off', off: 'tx', from: 'a', to: 'b', superFrames: false },
  { name: 'sg off', off: 'sg', from: 'a', to: 'b', superFrames: false },
  { name: 'tso off', off: 'tso', from: 'a', to: 'b', superFrames: false },
  { name: 'gso off', off: 'gso', from: 'a', to: 'b', superFrames: true },
  { name: 'gro off', off: 'gro', from: 'a', to: 'b', superFrames: true },
  { name: 'to a plain TAP', from: 'a', to: 'p', superFrames: true },
  { name: 'from a plain TAP', from: 'p', to: 'a', superFrames: false },
].map((one) => ({ ...one, protocol: 'tcp' }) as Transfer)

/** Without USO the kernel segments. Without scatter-gather a super-frame is one piece of memory. */
const UDP: readonly Transfer[] = [
  { name: 'fragments', from: 'a', to: 'b', datagram: 30_000, superFrames: false },
  { name: 'tx off', off: 'tx', from: 'a', to: 'b', superFrames: false },
  { name: 'USO', segment: true, from: 'a', to: 'b', superFrames: true },
  { name: 'USO off', segment: true, off: 'tx-udp-segmentation', from: 'a', to: 'b', superFrames: false },
  { name: 'gso off', segment: true, off: 'gso', from: 'a', to: 'b', superFrames: true },
  { name: 'gro off', segment: true, off: 'gro', from: 'a', to: 'b', superFrames: true },
  { name: 'sg off', segment: true, off: 'sg', from: 'a', to: 'b', superFrames: true },
  { name: 'USO to a plain TAP', segment: true, from: 'a', to: 'p', superFrames: true },
  { name: 'from a plain TAP', from: 'p', to: 'a', superFrames: false },
].map((one) => ({ ...one, protocol: 'udp' }) as Transfer)

/** IPv6 has headers, checksums and segments of its own; what ethtool does is the same. */
const IPV6: readonly Transfer[] = [...TCP, ...UDP].filter(
  ({ name, off }) => off === 'tso' || !name.endsWith(' off'),
)

class Switch {
  readonly #datapath: Datapath
  readonly #transfer: string
  readonly #namespaces: Readonly<Record<Sandbox, string>>

  static async start(io: Backend, transfer: string): Promise<Switch> {
    const result = new Switch(await Datapath.start({ io }), transfer)
    await result.#build()
    return result
  }

  private constructor(datapath: Datapath, transfer: string) {
    this.#datapath = datapath
    this.#transfer = transfer
    this.#namespaces = { a: newNamespaceName(), b: newNamespaceName(), p: newNamespaceName() }
  }

  async #build(): Promise<void> {
    for (const namespace of Object.values(this.#namespaces)) await run({}, 'ip', 'netns', 'add', namespace)
    for (const [domain, mtu] of MTUS.entries()) {
      await this.#datapath.addDomain({ id: domain })
      for (const [index, sandbox] of SANDBOXES.entries()) {
        await this.#datapath.addPort({
          port: this.#port(sandbox, mtu),
          domain,
          namespace: namespacePath(this.#namespaces[sandbox]),
          name: `m${mtu}`,
          mtu,
          offload: sandbox !== 'p',
        })
        await this.#configure(sandbox, domain, mtu, index)
      }
    }
  }

  async #configure(sandbox: Sandbox, domain: number, mtu: number, index: number): Promise<void> {
    const namespace = this.#namespaces[sandbox]
    const ip = (...args: readonly string[]): Promise<string> => run({}, 'ip', '-n', namespace, ...args)
    await ip('address', 'add', `10.77.${domain}.${index + 1}/24`, 'dev', `m${mtu}`)
    await ip('link', 'set', `m${mtu}`, 'up')
    // RFC 8200, 5: IPv6 wants 1280. An address is of use at once where nobody looks for another one that has it.
    if (mtu >= 1280) await ip('address', 'add', `fd77:${domain}::${index + 1}/64`, 'dev', `m${mtu}`, 'nodad')
  }

  async send(one: Transfer, version: Version, mtu: number): Promise<void> {
    const { from, to, off } = one
    for (const sandbox of off === undefined ? [] : [from, to]) await this.#turn(sandbox, mtu, off!, 'off')
    const before = this.#datapath.counters.port(this.#port(from, mtu))
    await run({}, this.#transfer, ...this.#arguments(one, version, mtu))
    const now = this.#datapath.counters.port(this.#port(from, mtu))
    for (const sandbox of off === undefined ? [] : [from, to]) await this.#turn(sandbox, mtu, off!, 'on')

    const frames = now.receivedFrames - before.receivedFrames
    const average = (now.receivedBytes - before.receivedBytes) / frames
    assert.equal(average > mtu + ETHERNET_HEADER, one.superFrames, `${one.name}: ${average} bytes a frame`)
  }

  /** Resolves when every frame is accounted for; rejects where one was dropped, or where that does not come about. */
  async settled(): Promise<void> {
    const { counters } = this.#datapath
    await until('every frame is accounted for', () => {
      const { receivedFrames, floodCopies, segmentCopies, transmittedFrames, drops } = counters.total()
      const dropped = drops.reduce((sum, count) => sum + count, 0)
      return receivedFrames + floodCopies + segmentCopies === transmittedFrames + dropped
    })
  }

  async stop(): Promise<void> {
    await this.#datapath.stop()
    for (const namespace of Object.values(this.#namespaces)) await run({}, 'ip', 'netns', 'delete', namespace)
  }

  #port(sandbox: Sandbox, mtu: number): number {
    return MTUS.findIndex((one) => one === mtu) * SANDBOXES.length + SANDBOXES.indexOf(sandbox)
  }

  #arguments(one: Transfer, version: Version, mtu: number): string[] {
    const { protocol, from, to, segment } = one
    const domain = MTUS.findIndex((other) => other === mtu)
    const host = SANDBOXES.indexOf(to) + 1
    const address = version === 4 ? `10.77.${domain}.${host}` : `fd77:${domain}::${host}`
    const datagram = one.datagram ?? mtu - UDP_HEADERS[version]
    const window = Math.max(1, Math.floor(QUEUE / Math.ceil(datagram / (mtu - UDP_HEADERS[version]))))
    const path = (sandbox: Sandbox): string => namespacePath(this.#namespaces[sandbox])
    const udp = ['-d', String(datagram), '-w', String(window), ...(segment === true ? ['-s'] : [])]
    const port = '7000'
    return [...(protocol === 'udp' ? udp : []), protocol, path(from), path(to), address, port, String(BYTES)]
  }

  /** Turns a feature off or on, and makes sure that it is. */
  async #turn(sandbox: Sandbox, mtu: number, feature: Feature, state: 'on' | 'off'): Promise<void> {
    const place = { namespace: this.#namespaces[sandbox] }
    const script = `ethtool -K m${mtu} ${feature} ${state} && ethtool -k m${mtu}`
    const features = await run(place, 'sh', '-c', script)
    assert.match(
      features,
      new RegExp(`^\\s*${FEATURES[feature]}: ${state}\\b`, 'm'),
      `${feature} in ${sandbox}`,
    )
  }
}

const skip = needsTap() || needs('ip', 'ethtool', 'cc', 'nsenter', 'setpriv')

let transfer: string | undefined

for (const io of ['io_uring', 'epoll'] as const) {
  describe(`${MEGABYTES} MB over ${io}`, { skip }, () => {
    let network: Switch
    before(async () => {
      transfer ??= compile('transfer')
      network = await Switch.start(io, transfer)
    })
    after(() => network.stop())

    const sendAll = async (
      context: TestContext,
      transfers: readonly Transfer[],
      version: Version,
      mtu: number,
    ): Promise<void> => {
      for (const one of transfers) await network.send(one, version, mtu)
      await network.settled()
      context.diagnostic(
        `${MEGABYTES} MB each: ${transfers.map(({ protocol, name }) => `${protocol} ${name}`).join(', ')}`,
      )
    }
    for (const mtu of MTUS) {
      it(`TCP, MTU ${mtu}`, (context) => sendAll(context, TCP, 4, mtu))
      it(`UDP, MTU ${mtu}`, (context) => sendAll(context, UDP, 4, mtu))
    }
    it('IPv6, MTU 1500', (context) => sendAll(context, IPV6, 6, 1500))
  })
}
