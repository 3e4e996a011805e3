import assert from 'node:assert/strict'
import type { FabricImpairment } from '../../../src/control/model/machine.ts'
import type { FabricNamedHost, FabricResolver } from '../../../src/control/model/names.ts'
import type { ModelRecord, NetworkRecord, SandboxRecord } from '../../../src/control/model/records.ts'
import { fabricImpairment } from '../../../src/control/rules/impairment.ts'
import { recordedRanges } from '../../../src/control/rules/port-range.ts'
import { isRouted } from '../../../src/control/rules/routed-drivers.ts'
import { vxlanOptions } from '../../../src/control/rules/vxlan-options.ts'
import type { Daemon, MemoryMachine } from './memory-machine.ts'

/** Everything that an operation could have left: model, disk, address space, switch and machine, as plain values in one order. */
export function snapshot(daemon: Daemon, machine: MemoryMachine): unknown {
  return structuredClone({
    model: modelValues(daemon.model()),
    disk: machine.disk && modelValues(machine.disk),
    usage: usageOf(daemon),
    domains: [...daemon.fabric.domains.values()],
    ports: ordered(
      daemon.fabric.ports.values(),
      ({ port: _port, domain: _domain, patient: _patient, ...port }) => port,
    ),
    parents: [...daemon.fabric.parents.values()].map(({ interface: name }) => name),
    gateways: ordered(daemon.fabric.gateways.values(), ({ hostPort, ...gateway }) => ({
      ...gateway,
      hasHostPort: hostPort !== undefined,
    })),
    tunnels: tunnelValues(daemon),
    published: ordered(daemon.fabric.published.values(), ({ id: _id, target, ...range }) => ({
      ...range,
      target: { ...target, port: daemon.fabric.ports.get(target.port)?.name },
    })),
    services: ordered(daemon.fabric.services.values(), ({ id: _id, backends, ...service }) => ({
      ...service,
      domain: zoneName(daemon, service.domain),
      backends: backends.map(({ address }) => address),
    })),
    permits: ordered(daemon.fabric.permits.values(), ({ id: _id, ...permit }) => permit),
    zones: ordered(daemon.fabric.zones.values(), (zone) => zone),
    namedHosts: ordered(daemon.fabric.namedHosts.values(), (host) => ({
      ...host,
      domain: zoneName(daemon, host.domain),
    })),
    resolvers: ordered(daemon.fabric.resolvers.values(), (resolver) => resolverValues(daemon, resolver)),
    hostPorts: ordered(daemon.hostPorts.reservations, (request) => request),
    ...machineValues(machine),
  })
}

function tunnelValues({ fabric: { tunnelling } }: Daemon): unknown {
  const { open, overlays, peers } = tunnelling
  return {
    open: ordered(open.values(), ({ port: _port, patient: _patient, ...tunnel }) => tunnel),
    overlays: ordered(overlays.values(), ({ tunnel, ...overlay }) => ({
      ...overlay,
      local: open.get(tunnel)?.local,
    })),
    peers: ordered(peers.values(), ({ domain, address }) => ({ address, vni: overlays.get(domain)?.vni })),
  }
}

export function modelValues({ networks, sandboxes, resting }: ModelRecord): unknown {
  return { networks: byId(networks), sandboxes: byId(sandboxes).map(withoutFailure), resting }
}

export function machineValues(machine: MemoryMachine): { sandboxes: unknown; logs: unknown } {
  const sandboxes = byId([...machine.sandboxes.values()]).map(({ id, files, command, namespace }) => ({
    id,
    files,
    command,
    taps: namespace.taps,
    routes: namespace.routes,
  }))
  return { sandboxes, logs: [...machine.logs].toSorted() }
}

/**
 * What has to hold at any time at which nothing is under way: machine, switch and addresses are what the model says, no more and no
 * less.
 */
export function assertConsistent(daemon: Daemon, machine: MemoryMachine): void {
  const model = daemon.model()
  // An address has rested when its time has come, without anybody's writing it down.
  const resting = machine.disk!.resting.filter(({ untilMs }) => untilMs > machine.now)
  assert.deepEqual(modelValues({ ...machine.disk!, resting }), modelValues(model), 'the disk has the model')
  const running = model.sandboxes.filter(({ state }) => state.status === 'running')
  assert.deepEqual([...machine.sandboxes.keys()].toSorted(), running.map(({ id }) => id).toSorted())
  const switched = model.networks.filter(isSwitched)
  assert.equal(daemon.fabric.domains.size, switched.length, 'every network has a domain')
  const parents = switched.flatMap(({ driver, options }) =>
    driver === 'macvlan' && options['parent'] ? [options['parent']] : [],
  )
  const connected = [...daemon.fabric.parents.values()].map((port) => port.interface)
  assert.deepEqual(connected.toSorted(), parents.toSorted(), 'every parent is connected')
  assert.equal(
    daemon.fabric.gateways.size,
    switched.filter(
      ({ driver, ipam }) =>
        isRouted(driver) && ipam.pools.some(({ family, gateway }) => family === 4 && gateway),
    ).length,
    'every network has its gateway',
  )
  assertTunnels(daemon, switched)
  for (const sandbox of model.sandboxes) assertSandbox(sandbox, daemon, machine)
  const joined = model.sandboxes.flatMap(({ endpoints }) =>
    endpoints.flatMap(({ joined }) => (joined?.interface ? [joined] : [])),
  )
  const ports = [...daemon.fabric.ports.values()]
  assert.equal(ports.filter(({ host }) => host !== true).length, joined.length, 'every endpoint has a port')
  const ends = switched.filter(({ options }) => options['tapwire.host'] === 'true')
  assert.equal(ports.filter(({ host }) => host === true).length, ends.length, 'the machine has its ends')
  assertAddresses(daemon, model)
  assertServices(daemon, model, running)
  assertPublished(daemon, running)
  assertPermits(daemon, running)
  assertNames(daemon, running)
}

/** Every vxlan network goes on to the hosts that it names. */
function assertTunnels({ fabric: { tunnelling } }: Daemon, switched: readonly NetworkRecord[]): void {
  const { open, overlays, peers } = tunnelling
  const wanted = switched.flatMap(({ driver, options }) =>
    driver === 'vxlan' ? [vxlanOptions(options)] : [],
  )
  assert.deepEqual(
    [...overlays.values()].map(({ vni }) => String(vni)).toSorted(),
    wanted.map(({ vni }) => String(vni)).toSorted(),
    'every network goes on',
  )
  assert.deepEqual(
    [...peers.values()].map(({ domain, address }) => `${overlays.get(domain)?.vni} ${address}`).toSorted(),
    wanted.flatMap(({ vni, remotes }) => remotes.map((remote) => `${vni} ${remote}`)).toSorted(),
    'every host that is named is a peer',
  )
  const used = new Set([...overlays.values()].map(({ tunnel }) => tunnel))
  assert.equal(open.size, used.size, 'no tunnel is open for nobody')
}

/** What has a name keeps others from it. */
export async function assertNamesTaken(daemon: Daemon): Promise<void> {
  const { controller } = daemon
  const { networks, sandboxes } = daemon.model()
  for (const { name } of sandboxes) await assert.rejects(controller.createSandbox(name, {}), /already in use/)
  for (const { name } of networks) {
    await assert.rejects(controller.createNetwork({ Name: name }), /already exists|predefined|pre-defined/)
  }
}

/** What the records say is published is what the switch lets in and what the machine has reserved. */
function assertPublished({ fabric, hostPorts }: Daemon, running: readonly SandboxRecord[]): void {
  const ranges = running.flatMap((sandbox) =>
    recordedRanges(sandbox.ports).map((range) => ({ ...range, sandbox })),
  )
  const outside = ranges.filter(({ hostFirst }) => hostFirst > 0)
  const isService = (target: string): boolean =>
    [...fabric.services.values()].some(({ address }) => address === target)
  const text = (address: string, protocol: string, first: number, last: number): string =>
    `${address} ${first}-${last}/${protocol}`
  assert.deepEqual(
    [...hostPorts.reservations]
      .filter(({ target }) => !isService(target.address))
      .map(({ address, protocol, first, last }) => text(address, protocol, first, last))
      .toSorted(),
    outside
      .map(({ hostIp, protocol, hostFirst, first, last }) =>
        text(hostIp, protocol, hostFirst, hostFirst + last - first),
      )
      .toSorted(),
    'the machine has reserved what is published',
  )
  const translated = outside.filter(({ hostIp }) => !hostIp.startsWith('127.') && !hostIp.includes(':'))
  const ofSandboxes = [...fabric.published.values()].filter(({ target }) => !isService(target.address))
  const ofSwitch = ofSandboxes.filter(({ address, target }) => address !== target.address)
  assert.deepEqual(
    ofSwitch.map(({ protocol, first, last }) => text('', protocol, first, last)).toSorted(),
    translated
      .map(({ protocol, hostFirst, first, last }) => text('', protocol, hostFirst, hostFirst + last - first))
      .toSorted(),
    'the switch has what is published',
  )
  const addresses = new Set(
    running.flatMap(({ endpoints }) => endpoints.map(({ joined }) => joined?.ipv4?.address)),
  )
  for (const { target } of ofSandboxes) {
    assert.ok(fabric.ports.has(target.port) && addresses.has(target.address), 'a port leads to somebody')
  }
}

/** Of virtual addresses. */
const isServices = ({ fabric }: Daemon, { ipv4, aside }: FabricNamedHost): boolean =>
  aside === true || [...fabric.services.values()].some(({ address }) => address === ipv4)

/** Every service has its address, its backends, its ports and its names, and nothing is left of others. */
function assertServices(daemon: Daemon, model: ModelRecord, running: readonly SandboxRecord[]): void {
  const { fabric, hostPorts } = daemon
  const services = model.services ?? []
  const backendsOf = ({ network, endpoints }: (typeof services)[number]): (string | undefined)[] =>
    running.flatMap(({ name, endpoints: places }) =>
      endpoints.includes(name)
        ? places.filter((place) => place.network === network).map(({ joined }) => joined?.ipv4?.address)
        : [],
    )
  assert.deepEqual(
    [...fabric.services.values()].map(({ address, backends }) => [
      address,
      backends.map((one) => one.address),
    ]),
    services.map((service) => [service.virtualIp, backendsOf(service)]),
    'every service has its backends',
  )
  const wanted = services.flatMap(({ virtualIp, ports }) =>
    ports.map(({ published, target }) => `${published} ${virtualIp}:${target}`),
  )
  const addresses = new Set(services.map(({ virtualIp }) => virtualIp))
  for (const ranges of [hostPorts.reservations, fabric.published.values()]) {
    const told = [...ranges].filter(({ target }) => addresses.has(target.address))
    assert.deepEqual(
      told.map(({ first, target }) => `${first} ${target.address}:${target.first}`).toSorted(),
      wanted.toSorted(),
      'every service has its ports',
    )
  }
  assert.equal(
    [...fabric.namedHosts.values()].filter((host) => isServices(daemon, host)).length,
    services.reduce((sum, service) => sum + 1 + backendsOf(service).length, 0),
    'every service has its names',
  )
}

/** What the records say of names is what the switch knows. */
function assertNames(daemon: Daemon, running: readonly SandboxRecord[]): void {
  const { fabric } = daemon
  const named = daemon
    .model()
    .networks.filter(
      (network) =>
        isSwitched(network) && network.name !== 'bridge' && network.options['tapwire.dns'] !== 'none',
    )
  assert.deepEqual(
    [...fabric.zones.values()].map(({ name }) => name).toSorted(),
    named.map(({ name }) => name).toSorted(),
    'every network has its names',
  )
  const nameOf = new Map(named.map(({ id, name }) => [id, name]))
  const endpointsOf = ({ endpoints }: SandboxRecord) => endpoints.filter(({ network }) => nameOf.has(network))
  assert.deepEqual(
    [...fabric.namedHosts.values()]
      .filter((host) => !isServices(daemon, host))
      .map(({ domain, ipv4, ipv6, names }) => [zoneName(daemon, domain), ipv4, ipv6, ...names].map(textOf))
      .map((parts) => parts.join(' '))
      .toSorted(),
    running
      .flatMap((sandbox) =>
        endpointsOf(sandbox).map(({ network, joined, settings }) =>
          [
            nameOf.get(network),
            joined?.ipv4?.address,
            joined?.ipv6?.address,
            ...new Set([sandbox.name, ...settings.aliases, sandbox.id.slice(0, 12), sandbox.config.hostname]),
          ].join(' '),
        ),
      )
      .toSorted(),
    'every endpoint has its names',
  )
  const asked = running.filter((sandbox) => endpointsOf(sandbox).length > 0)
  assert.equal(fabric.resolvers.size, asked.length, 'whoever is on a network with names is answered')
  const portsOf = ({ id }: SandboxRecord): number[] =>
    [...fabric.ports.values()]
      .filter(({ namespace, domain }) => namespace.endsWith(id.slice(0, 12)) && fabric.zones.has(domain))
      .map(({ port }) => port)
  assert.deepEqual(
    [...fabric.resolvers.values()].map(({ ports }) => ports.map(String).toSorted().join(' ')).toSorted(),
    asked.map((sandbox) => portsOf(sandbox).map(String).toSorted().join(' ')).toSorted(),
    'a resolver answers the ports of its sandbox',
  )
}

const textOf = (part: string | undefined | { readonly text: string }): string =>
  typeof part === 'object' ? part.text : (part ?? '')

const zoneName = ({ fabric }: Daemon, domain: number): string | undefined => fabric.zones.get(domain)?.name

/** With names in place of the numbers, which others may have after a failure. */
function resolverValues(daemon: Daemon, { ports, scopes, ...resolver }: FabricResolver): unknown {
  return {
    ...resolver,
    ports: ports.map((port) => daemon.fabric.ports.get(port)?.name),
    scopes: scopes.map(({ domain, links }) => ({ zone: zoneName(daemon, domain), links })),
  }
}

/** Whoever links to another one may reach what that exposes, where both are on a bridge that keeps them apart, and nobody else. */
function assertPermits(daemon: Daemon, running: readonly SandboxRecord[]): void {
  const bridge = daemon.model().networks.find(({ name }) => name === 'bridge')!
  const isolating = bridge.options['com.docker.network.bridge.enable_icc'] === 'false'
  const addressOf = (sandbox: SandboxRecord | undefined): string | undefined =>
    sandbox?.endpoints.find(({ network }) => network === bridge.id)?.joined?.ipv4?.address
  const expected = running.flatMap((sandbox) =>
    sandbox.config.links.flatMap((link) => {
      const child = running.find(({ name }) => name === link.split(':')[0])
      const [client, server] = [addressOf(sandbox), addressOf(child)]
      if (!isolating || client === undefined || server === undefined) return []
      return child!.config.exposedPorts
        .filter((port) => !port.endsWith('sctp'))
        .map((port) => `${client} ${server} ${port}`)
    }),
  )
  const permits = [...daemon.fabric.permits.values()].map(
    ({ client, server, port, protocol }) => `${client} ${server} ${port}/${protocol}`,
  )
  assert.deepEqual(permits.toSorted(), expected.toSorted(), 'links permit what they say')
}

function assertSandbox(sandbox: SandboxRecord, daemon: Daemon, machine: MemoryMachine): void {
  const networks = new Set(daemon.model().networks.map(({ id }) => id))
  for (const { network, formerName } of sandbox.endpoints) {
    assert.equal(networks.has(network), formerName === undefined, 'what waits for a network says which one')
  }
  if (sandbox.state.status !== 'running') {
    assert.ok(sandbox.endpoints.every(({ joined }) => joined === undefined))
    return
  }
  const mode = sandbox.config.networkMode.kind
  if (mode === 'container' || mode === 'host') return
  const { namespace } = machine.sandboxes.get(sandbox.id)!
  const expected = sandbox.endpoints.flatMap(({ joined }) => {
    assert.ok(joined !== undefined)
    if (joined.interface === '') return []
    const addresses = [joined.ipv4, joined.ipv6].flatMap((address) =>
      address === undefined ? [] : [`${address.address}/${address.prefixLength}`],
    )
    return [{ name: joined.interface, mac: joined.mac, addresses }]
  })
  const taps = [...namespace.taps].map(([name, { mac, addresses, up, open }]) => {
    assert.ok(up && open, `${name} is up and the switch has it`)
    return { name, mac, addresses: [...addresses] }
  })
  assertLinks(sandbox, daemon)
  const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : 1)
  assert.deepEqual(taps.toSorted(byName), expected.toSorted(byName))
  const { IPv4, IPv6 } = daemon.controller.inspectSandbox(sandbox.id).NetworkSettings.DefaultRoute
  for (const [destination, route] of [['0.0.0.0/0', IPv4] as const, ['::/0', IPv6] as const]) {
    const nextHop = namespace.routes.get(destination)?.split(' ')[0] ?? ''
    assert.equal(nextHop, route.Gateway, 'the default route is the one that inspect tells')
  }
}

/** What the record says of a link is what the switch does. */
function assertLinks({ id, name, endpoints }: SandboxRecord, daemon: Daemon): void {
  for (const { network, joined, impairment } of endpoints) {
    const port = [...daemon.fabric.ports.values()].find(
      (one) => one.namespace.endsWith(id.slice(0, 12)) && one.name === joined?.interface,
    )
    if (port === undefined) continue
    const place = `${name}@${daemon.model().networks.find((one) => one.id === network)?.name}`
    const wanted = fabricImpairment(impairment, place)
    assert.deepEqual(
      withoutSeeds(port.impairment),
      withoutSeeds(wanted),
      `${place} is impaired as its record says`,
    )
  }
}

/** A seed is made of the name that the sandbox had when its link was impaired. */
const withoutSeeds = (impairment: FabricImpairment | undefined): unknown =>
  impairment && [impairment.from, impairment.to].map((one) => one && { ...one, seed: 0 })

/** No address has two owners, and nobody else has one. */
function assertAddresses(daemon: Daemon, model: ModelRecord): void {
  for (const network of model.networks) {
    if (!isSwitched(network)) continue
    const taken = model.sandboxes.flatMap(({ endpoints }) =>
      endpoints.flatMap(({ network: id, joined }) =>
        id === network.id
          ? [joined?.ipv4?.address, joined?.ipv6?.address].filter((text) => text !== undefined)
          : [],
      ),
    )
    for (const service of model.services ?? [])
      if (service.network === network.id) taken.push(service.virtualIp)
    assert.equal(new Set(taken).size, taken.length, 'no address twice')
    const used = daemon.addresses.usage(network.id).reduce((sum, { inUse }) => sum + inUse, 0)
    const ofNetwork = network.ipam.pools.reduce(
      (sum, { family, gateway, auxiliary }) =>
        // The network's own address, in IPv4 also the broadcast address, the gateway, and those of others.
        sum + (family === 4 ? 2 : 1) + (gateway === undefined ? 0 : 1) + Object.keys(auxiliary).length,
      0,
    )
    assert.equal(used, ofNetwork + taken.length, `addresses in use on ${network.name}`)
  }
}

function usageOf(daemon: Daemon): unknown {
  const networks = daemon.model().networks.filter(isSwitched)
  return byId(networks).map(({ id }) => daemon.addresses.usage(id))
}

const isSwitched = ({ driver, configOnly }: NetworkRecord): boolean =>
  (isRouted(driver) || driver === 'macvlan') && !configOnly

/** Why the last start failed is noted, and is all that it leaves. */
const withoutFailure = ({ state, ...sandbox }: SandboxRecord): unknown => ({
  ...sandbox,
  state: { ...state, error: '', exitCode: 0 },
})

function ordered<T>(values: Iterable<T>, plain: (value: T) => unknown): unknown[] {
  return Array.from(values, plain).toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
}

const byId = <T extends { readonly id: string }>(values: readonly T[]): T[] =>
  values.toSorted((a, b) => (a.id < b.id ? -1 : 1))
