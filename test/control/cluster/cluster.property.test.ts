/**
 * Three hosts, and anything that can happen to them, in any order: in the end, when nothing is broken any more, all of them agree.
 *
 *     operation | cut | lease lost | compaction | backup, restore | kill, boot | time      then all is mended, and time passes
 */

import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import type { MemoryRegistryCopy } from '../../../src/control/registry/memory-registry.ts'
import { randomRuns } from '../../support/random-runs.ts'
import { type ClusterMachine, MemoryCluster } from './memory-cluster.ts'

const HOSTS = 3
const SANDBOXES = 3
const NETWORKS = ['red', 'blue']

type Event =
  | { readonly kind: 'start'; readonly host: number; readonly sandbox: number; readonly address: number }
  | { readonly kind: 'stop' | 'remove' | 'rename'; readonly host: number; readonly sandbox: number }
  | { readonly kind: 'create' | 'drop'; readonly host: number; readonly network: number }
  | {
      readonly kind: 'connect' | 'disconnect'
      readonly host: number
      readonly sandbox: number
      readonly network: number
    }
  | { readonly kind: 'cut' | 'mend' | 'kill' | 'boot' | 'forget' | 'disinherit'; readonly host: number }
  | { readonly kind: 'lease' | 'compact' | 'backup' | 'restore' | 'away' | 'back' | 'answers-lost' }
  | { readonly kind: 'time'; readonly s: number }

const host = fc.nat({ max: HOSTS - 1 })
const sandbox = fc.nat({ max: SANDBOXES - 1 })
const network = fc.nat({ max: NETWORKS.length - 1 })

const event: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.record({ kind: fc.constant('start'), host, sandbox, address: fc.nat({ max: 4 }) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('stop', 'remove', 'rename'), host, sandbox }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('create', 'drop'), host, network }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constantFrom('connect', 'disconnect'), host, sandbox, network }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom('cut', 'mend', 'mend', 'kill', 'boot', 'boot', 'forget', 'disinherit'),
      host,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      // More often whole than not.
      kind: fc.constantFrom(
        'lease',
        'compact',
        'backup',
        'restore',
        'away',
        'back',
        'back',
        'back',
        'answers-lost',
      ),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('time'), s: fc.integer({ min: 1, max: 15 }) }) },
) as fc.Arbitrary<Event>

it('any history of hosts, registry and operations ends in agreement', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(event, { minLength: 20, maxLength: 60, size: 'max' }), async (history) => {
      const world = await World.begin()
      for (const each of history) await world.happen(each)
      await world.end()
    }),
    { numRuns: randomRuns(15) },
  )
})

class World {
  readonly #cluster: MemoryCluster
  #backup: MemoryRegistryCopy
  /** Operations that are not over, and at which host. */
  readonly #under = new Map<Promise<unknown>, ClusterMachine>()

  private constructor(cluster: MemoryCluster) {
    this.#cluster = cluster
    this.#backup = cluster.server.copy()
  }

  static async begin(): Promise<World> {
    const cluster = await MemoryCluster.of(HOSTS)
    const [first] = cluster.hosts
    for (const Name of NETWORKS) {
      // Few addresses, so that hosts get in each other's way.
      const IPAM = { Config: [{ Subnet: Name === 'red' ? '10.1.0.0/28' : '10.2.0.0/28' }] }
      await cluster.run(first!.controller.createNetwork({ Name, Driver: 'overlay', IPAM }))
    }
    await cluster.settle()
    return new World(cluster)
  }

  async happen(event: Event): Promise<void> {
    if ('host' in event) await this.#onHost(this.#cluster.hosts[event.host]!, event)
    else if (event.kind === 'time') await this.#cluster.pass(event.s * 1000)
    else this.#onRegistry(event.kind)
    await this.#cluster.settle()
  }

  async #onHost(host: ClusterMachine, event: Extract<Event, { host: number }>): Promise<void> {
    if (event.kind === 'boot') {
      if (!host.isUp) await host.boot()
      return
    }
    if (!host.isUp) return
    if (event.kind === 'kill') this.#kill(host)
    else if (event.kind === 'cut') host.registry.fault = 'unreachable'
    else if (event.kind === 'mend') host.registry.fault = 'none'
    else if (event.kind === 'disinherit') await this.#disinherit(host)
    else this.#begin(host, this.#operation(host, event))
  }

  #kill(host: ClusterMachine): void {
    host.kill()
    // Who waits for it waits for ever.
    for (const [under, at] of this.#under) if (at === host) this.#under.delete(under)
  }

  /** A host is cut off and forgotten, and the others get its addresses. */
  async #disinherit(host: ClusterMachine): Promise<void> {
    const heir = this.#cluster.hosts.find((other) => other !== host && other.isUp)
    if (heir === undefined) return
    host.registry.fault = 'unreachable'
    await this.#cluster.pass(25_000)
    this.#begin(heir, heir.controller.forgetHost(host.name))
    await this.#cluster.settle()
    for (const { address, network } of host.endpoints()) {
      const name = `heir-of-${address}`
      this.#begin(heir, this.#startAt(heir, name, network, address))
    }
  }

  async #startAt(
    { controller }: ClusterMachine,
    name: string,
    network: string,
    IPv4Address: string,
  ): Promise<void> {
    await controller.createSandbox(name, {
      HostConfig: { NetworkMode: network },
      NetworkingConfig: { EndpointsConfig: { [network]: { IPAMConfig: { IPv4Address } } } },
    })
    await controller.startSandbox(name)
  }

  /** It may fail, and it may be under way while the next things happen. */
  #begin(host: ClusterMachine, operation: Promise<unknown>): void {
    const under = operation.catch((error: unknown) => {
      assert.equal((error as Error).name, 'TapwireError', String((error as Error).stack))
    })
    this.#under.set(under, host)
    void under.finally(() => this.#under.delete(under))
  }

  #onRegistry(kind: string): void {
    const { server } = this.#cluster
    if (kind === 'lease') for (const lease of server.leases.slice(0, 1)) server.expireLease(lease)
    if (kind === 'compact') server.compact()
    if (kind === 'backup') this.#backup = server.copy()
    if (kind === 'restore') server.restore(this.#backup)
    if (kind === 'away') server.fault = 'unreachable'
    if (kind === 'answers-lost') server.fault = 'answers-lost'
    if (kind === 'back') server.fault = 'none'
  }

  async #operation(
    { controller, name: hostName }: ClusterMachine,
    event: Extract<Event, { host: number }>,
  ): Promise<unknown> {
    if (event.kind === 'forget') return controller.forgetHost(hostName === 'a' ? 'b' : 'a')
    if ('network' in event && !('sandbox' in event)) {
      const Name = NETWORKS[event.network]!
      return event.kind === 'drop'
        ? controller.removeNetwork(Name)
        : controller.createNetwork({ Name, Driver: 'overlay' })
    }
    const name = `${hostName}${(event as { sandbox: number }).sandbox}`
    switch (event.kind) {
      case 'start': {
        const IPv4Address = event.address === 0 ? '' : `10.1.0.${event.address + 4}`
        const EndpointsConfig = { red: { IPAMConfig: { IPv4Address } } }
        const known = controller.listSandboxes({ all: true, filters: { name: [`^/?${name}$`] } }).length > 0
        if (!known) {
          await controller.createSandbox(name, {
            HostConfig: { NetworkMode: 'red' },
            NetworkingConfig: { EndpointsConfig },
          })
        }
        return controller.startSandbox(name)
      }
      case 'stop':
        return controller.stopSandbox(name, {})
      case 'remove':
        return controller.removeSandbox(name, { force: true })
      case 'rename':
        await controller.renameSandbox(name, `${name}-new`)
        return controller.renameSandbox(`${name}-new`, name)
      case 'connect':
        return controller.connect(NETWORKS[event.network]!, { Container: name })
      case 'disconnect':
        return controller.disconnect(NETWORKS[event.network]!, { Container: name })
      case 'boot':
      case 'kill':
      case 'cut':
      case 'mend':
      case 'disinherit':
        return undefined
    }
  }

  async end(): Promise<void> {
    const { server, hosts } = this.#cluster
    server.fault = 'none'
    for (const each of hosts) {
      if (!each.isUp) await each.boot()
      each.registry.fault = 'none'
    }
    await this.#cluster.pass(30_000)
    // One that fails looks whether the sandbox has just ended, and by the machine's clock.
    await Promise.all(this.#under.keys())
    await this.#cluster.pass(30_000)
    this.#cluster.assertAgreement()
    for (const { controller } of hosts) assert.equal(controller.clusterStatus()!.state, 'member')
  }
}
