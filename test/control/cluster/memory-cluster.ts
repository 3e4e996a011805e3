/** Several hosts in memory, on one registry and one clock: each a machine with its daemon and the real control plane. */

import assert from 'node:assert/strict'
import type { ClusterEndpoint } from '../../../src/control/cluster/cluster-records.ts'
import { PrefixedRegistry } from '../../../src/control/cluster/prefixed-registry.ts'
import { ManualClock } from '../../../src/control/registry/manual-clock.ts'
import { type MemoryRegistry, MemoryRegistryServer } from '../../../src/control/registry/memory-registry.ts'
import { type Daemon, MemoryMachine } from '../controller/memory-machine.ts'

export const PREFIX = '/tapwire/test/'

export class MemoryCluster {
  readonly clock = new ManualClock(Date.UTC(2026, 0, 2))
  readonly server = new MemoryRegistryServer(this.clock)
  readonly hosts: ClusterMachine[] = []

  /** A host that is yet to boot: `a`, `b` … with the addresses 192.0.2.1, 192.0.2.2 … unless it says otherwise. */
  add(name = String.fromCodePoint(97 + this.hosts.length), advertise?: string): ClusterMachine {
    const address = advertise ?? `192.0.2.${this.hosts.length + 1}`
    const host = new ClusterMachine(this, name, address, this.hosts.length)
    this.hosts.push(host)
    return host
  }

  /** So many hosts, which have joined. */
  static async of(count: number): Promise<MemoryCluster> {
    const cluster = new MemoryCluster()
    for (let index = 0; index < count; index++) await cluster.add().boot()
    await cluster.settle()
    return cluster
  }

  pass(ms: number): Promise<void> {
    return this.clock.advance(ms)
  }

  /** All that does not wait for time has happened. */
  settle(): Promise<void> {
    return this.pass(0)
  }

  /** An operation that may wait for time. */
  async run<T>(operation: Promise<T>, ms = 20_000): Promise<T> {
    const over = { is: false }
    const watched = operation.finally(() => {
      over.is = true
    })
    // Who waits for it below is told; until then nobody is to say that nobody does.
    watched.catch(() => undefined)
    await this.settle()
    for (let passed = 0; !over.is && passed < ms; passed += 250) await this.pass(250)
    assert.ok(over.is, `it is not over after ${ms} ms`)
    return watched
  }

  /** What must hold when nothing is under way: every host knows all, and its switch is told all of the others. */
  assertAgreement(): void {
    const alive = this.hosts.filter(({ isUp }) => isUp)
    const owners = new Map<string, string>()
    for (const host of alive) {
      for (const { network, address, id } of host.endpoints()) {
        const other = owners.get(`${network} ${address}`)
        assert.equal(other, undefined, `${address} on ${network} is ${other}'s and ${id}'s`)
        owners.set(`${network} ${address}`, id)
      }
    }
    const all = alive
      .flatMap((host) => host.endpoints())
      .map(({ id }) => id)
      .toSorted()
    for (const host of alive) {
      const { cluster } = host.daemon.controller
      const known = [...cluster!.networks.keys()].flatMap((id) => [...cluster!.endpoints(id).keys()])
      assert.deepEqual(known.toSorted(), all, `${host.name} knows every endpoint`)
      const claims = [...cluster!.networks.keys()].flatMap((id) => [...cluster!.claims(id).values()])
      assert.deepEqual(claims.map(({ owner }) => owner).toSorted(), all, 'every address is claimed once')
      host.assertTold()
    }
  }
}

export class ClusterMachine {
  readonly name: string
  readonly advertise: string
  readonly machine: MemoryMachine
  readonly #cluster: MemoryCluster
  registry!: MemoryRegistry
  daemon!: Daemon
  isUp = false
  udpPort = 4789

  constructor(cluster: MemoryCluster, name: string, advertise: string, index: number) {
    this.#cluster = cluster
    this.name = name
    this.advertise = advertise
    this.machine = new MemoryMachine(`${name}${index} `, cluster.clock)
  }

  /** `tamper`: with its registry, before anybody has it. */
  async boot(
    name = this.name,
    tamper: (registry: MemoryRegistry) => void = () => undefined,
  ): Promise<Daemon> {
    this.registry = this.#cluster.server.connect()
    tamper(this.registry)
    this.machine.cluster = {
      registry: new PrefixedRegistry(this.registry, PREFIX),
      name: 'test',
      hostName: name,
      advertise: this.advertise,
      udpPort: this.udpPort,
    }
    this.daemon = await this.machine.boot()
    this.isUp = true
    return this.daemon
  }

  /** Its sandboxes run on. */
  kill(): void {
    this.machine.die()
    this.registry.close()
    this.isUp = false
  }

  get controller(): Daemon['controller'] {
    return this.daemon.controller
  }

  async start(name: string, network: string, more: object = {}): Promise<void> {
    await this.#cluster.run(
      this.controller.createSandbox(name, { HostConfig: { NetworkMode: network }, ...more }),
    )
    await this.#cluster.run(this.controller.startSandbox(name))
  }

  /** With an address of its own choice. */
  startAt(name: string, network: string, address: string): Promise<void> {
    const EndpointsConfig = { [network]: { IPAMConfig: { IPv4Address: address } } }
    return this.start(name, network, { NetworkingConfig: { EndpointsConfig } })
  }

  addressOf(sandbox: string, network: string): string {
    return this.controller.inspectSandbox(sandbox).NetworkSettings.Networks[network]?.IPAddress ?? ''
  }

  /** Those of its own model on networks of the cluster, by address. */
  endpoints(): readonly { readonly id: string; readonly network: string; readonly address: string }[] {
    const { networks, sandboxes } = this.daemon.model()
    const shared = new Set(networks.flatMap(({ id, driver }) => (driver === 'overlay' ? [id] : [])))
    return sandboxes.flatMap(({ endpoints }) =>
      endpoints.flatMap(({ network, joined }) =>
        joined?.ipv4 !== undefined && shared.has(network)
          ? [{ id: joined.id, network, address: joined.ipv4.address }]
          : [],
      ),
    )
  }

  /** `network mac ─► host, addresses`, as its switch was told. */
  stations(): string[] {
    const { tunnelling } = this.daemon.fabric
    return [...tunnelling.remotes]
      .map(([key, { port, addresses }]) => {
        const [domain, mac] = key.split(' ')
        const peer = tunnelling.peers.get(port)!
        return `${tunnelling.overlays.get(Number(domain))!.vni} ${mac} ${peer.address} ${addresses.join(' ')}`
      })
      .toSorted()
  }

  /** What the switch was told is what the view says of other hosts, no more and no less. */
  assertTold(): void {
    const { cluster } = this.controller
    const { tunnelling, namedHosts } = this.daemon.fabric
    const others = [...cluster!.networks.values()].flatMap(({ id, vni }) =>
      [...cluster!.endpoints(id).values()]
        .filter(({ host }) => host !== this.name)
        .map((endpoint) => ({ endpoint, vni })),
    )
    const addressOf = ({ host }: ClusterEndpoint): string => cluster!.hosts.get(host)!.advertise
    assert.deepEqual(
      this.stations(),
      others
        .map(({ endpoint, vni }) => `${vni} ${endpoint.mac} ${addressOf(endpoint)} ${endpoint.ipv4}`)
        .toSorted(),
      `the switch of ${this.name} knows all stations`,
    )
    const peers = new Set(others.map(({ endpoint, vni }) => `${vni} ${addressOf(endpoint)}`))
    const told = [...tunnelling.peers.values()].map(
      ({ domain, address }) => `${tunnelling.overlays.get(domain)!.vni} ${address}`,
    )
    assert.deepEqual(told.toSorted(), [...peers].toSorted(), `and their hosts`)
    const names = [...namedHosts.values()].map(({ names: [first], ipv4 }) => `${first?.text} ${ipv4}`)
    for (const { endpoint } of others) {
      assert.ok(names.includes(`${endpoint.sandbox.name} ${endpoint.ipv4}`), `and ${endpoint.sandbox.name}`)
    }
    const shared = this.endpoints().length
    const own = this.daemon
      .model()
      .sandboxes.flatMap(({ endpoints, state }) => (state.status === 'running' ? endpoints : []))
    assert.ok(own.length >= shared)
    assert.equal(names.length, others.length + own.length, 'and no other name')
  }
}
