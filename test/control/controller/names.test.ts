import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { FabricResolver } from '../../../src/control/model/names.ts'
import { type Daemon, MemoryMachine, settled } from './memory-machine.ts'
import { assertConsistent } from './snapshot.ts'

const subnet = (text: string): object => ({ IPAM: { Config: [{ Subnet: text }] } })

/** Networks front (10.1.0.0/24) and back (10.2.0.0/24). */
async function booted(more: object = {}): Promise<{ machine: MemoryMachine; daemon: Daemon }> {
  const machine = new MemoryMachine()
  const daemon = await machine.boot()
  await daemon.controller.createNetwork({ Name: 'front', ...subnet('10.1.0.0/24'), ...more })
  await daemon.controller.createNetwork({ Name: 'back', ...subnet('10.2.0.0/24'), ...more })
  return { machine, daemon }
}

async function run(daemon: Daemon, name: string, HostConfig: object, more: object = {}): Promise<string> {
  const { Id } = await daemon.controller.createSandbox(name, { Cmd: ['serve'], HostConfig, ...more })
  await daemon.controller.startSandbox(Id)
  await settled()
  return Id
}

const zone = ({ fabric }: Daemon, domain: number): string => fabric.zones.get(domain)!.name

/** `front 10.1.0.2 web www …` for each. */
const hosts = (daemon: Daemon): string[] =>
  [...daemon.fabric.namedHosts.values()].map(({ domain, ipv4, names }) =>
    [zone(daemon, domain), ipv4, ...names.map(({ text }) => text)].join(' '),
  )

function onlyResolver({ fabric }: Daemon): FabricResolver {
  assert.equal(fabric.resolvers.size, 1)
  return [...fabric.resolvers.values()][0]!
}

const scopes = (daemon: Daemon): string[] =>
  onlyResolver(daemon).scopes.map(({ domain }) => zone(daemon, domain))

const nameservers = (machine: MemoryMachine, id: string): string[] =>
  [...machine.sandboxes.get(id)!.files.resolvConf!.matchAll(/^nameserver (.+)$/gm)].map(
    ([, server]) => server!,
  )

describe('names', () => {
  it('are those of networks that are not built in, with their options', async () => {
    const { daemon } = await booted({ Options: { 'tapwire.dns-ttl': '60' } })
    await daemon.controller.createNetwork({ Name: 'inside', Options: { 'tapwire.dns': 'loopback' } })
    await daemon.controller.createNetwork({ Name: 'quiet', Options: { 'tapwire.dns': 'none' } })
    assert.deepEqual(
      [...daemon.fabric.zones.values()],
      [
        { name: 'front', ttlS: 60, served: true },
        { name: 'back', ttlS: 60, served: true },
        { name: 'inside', ttlS: 5, served: false },
      ],
    )
    await daemon.controller.removeNetwork('front')
    await daemon.controller.removeNetwork('quiet')
    assert.deepEqual(
      [...daemon.fabric.zones.values()].map(({ name }) => name),
      ['back', 'inside'],
    )
  })

  it('are all that an endpoint is called, its aliases only where they are', async () => {
    const { daemon } = await booted()
    const more = { Hostname: 'Host', ExposedPorts: { '53/udp': {} } }
    const PortBindings = { '80/tcp': [{ HostPort: '8080' }] }
    const id = await run(daemon, 'web', { NetworkMode: 'front', PortBindings }, more)
    await daemon.controller.connect('back', {
      Container: 'web',
      EndpointConfig: { Aliases: ['www', 'HOST'] },
    })
    const short = id.slice(0, 12)
    assert.deepEqual(hosts(daemon), [
      `front 10.1.0.2 web ${short} Host`,
      `back 10.2.0.2 web www HOST ${short}`,
    ])
    const [first] = daemon.fabric.namedHosts.values()
    assert.deepEqual(first?.services, [
      { protocol: 'udp', first: 53, last: 53 },
      { protocol: 'tcp', first: 80, last: 80 },
    ])
    await daemon.controller.publishPorts('web', { PortBindings: { '81/tcp': [{ HostPort: '8081' }] } })
    const services = [...daemon.fabric.namedHosts.values()].map((host) => host.services.at(-1))
    assert.deepEqual(services, [
      { protocol: 'tcp', first: 80, last: 81 },
      { protocol: 'tcp', first: 80, last: 81 },
    ])
  })

  it('follow a rename, a disconnect, an end', async () => {
    const { daemon, machine } = await booted()
    const id = await run(daemon, 'web', { NetworkMode: 'front' })
    const short = id.slice(0, 12)
    await daemon.controller.connect('back', { Container: 'web' })
    await daemon.controller.renameSandbox('web', 'shop')
    assert.deepEqual(hosts(daemon), [`front 10.1.0.2 shop ${short}`, `back 10.2.0.2 shop ${short}`])
    await daemon.controller.disconnect('front', { Container: 'shop' })
    assert.deepEqual(hosts(daemon), [`back 10.2.0.2 shop ${short}`])
    assertConsistent(daemon, machine)
    machine.end(id, 0)
    await settled()
    assert.deepEqual(hosts(daemon), [])
    assert.equal(daemon.fabric.resolvers.size, 0)
  })

  it('that DNS cannot carry are told once, and the others hold', async () => {
    const { daemon } = await booted()
    const id = await run(daemon, 'a..b', { NetworkMode: 'front' })
    assert.deepEqual(hosts(daemon), [`front 10.1.0.2 ${id.slice(0, 12)}`])
    const EndpointConfig = { Aliases: ['x'.repeat(64), 'fine'] }
    await daemon.controller.connect('back', { Container: id, EndpointConfig })
    assert.equal(hosts(daemon)[1], `back 10.2.0.2 fine ${id.slice(0, 12)}`)
    await daemon.controller.disconnect('back', { Container: id })
    const told = daemon.warnings.filter((text) => text === 'a name that a..b was given is not answered')
    assert.equal(told.length, 2, 'one for the name, one for the alias')
  })

  it('of a sandbox that shares the network of another one are that one’s; host and none have none', async () => {
    const { daemon } = await booted()
    await run(daemon, 'owner', { NetworkMode: 'front' })
    await run(daemon, 'guest', { NetworkMode: 'container:owner' })
    await run(daemon, 'bare', { NetworkMode: 'none' })
    await run(daemon, 'machine', { NetworkMode: 'host' })
    await run(daemon, 'plain', { NetworkMode: 'bridge' })
    assert.equal(daemon.fabric.namedHosts.size, 1)
    assert.equal(daemon.fabric.resolvers.size, 1)
  })

  it('are taken back late where they could not be at the end', async () => {
    const { daemon, machine } = await booted()
    const id = await run(daemon, 'web', { NetworkMode: 'front' })
    machine.failFrom('setNamedHost')
    machine.end(id, 0)
    await settled()
    assert.equal(daemon.fabric.namedHosts.size, 1)
    assert.ok(daemon.warnings.includes('the names of a sandbox that has ended could not be taken back'))
    machine.failFrom(undefined)
    await daemon.controller.removeNetwork('front')
    assert.equal(daemon.fabric.namedHosts.size, 0)
    assertConsistent(daemon, machine)
  })

  it('are there again in the next daemon, and only what is', async () => {
    const { daemon, machine } = await booted()
    const id = await run(daemon, 'web', { NetworkMode: 'front', Dns: ['192.0.2.99'] })
    const gone = await run(daemon, 'gone', { NetworkMode: 'back' })
    const [before] = hosts(daemon)
    machine.die()
    machine.end(gone, 0)
    const next = await machine.boot()
    assert.deepEqual(hosts(next), [before])
    assert.deepEqual(onlyResolver(next).upstream, {
      kind: 'servers',
      servers: ['192.0.2.99'],
      namespace: `/run/netns/tw-${id.slice(0, 12)}`,
    })
    assertConsistent(next, machine)
  })

  it('are not answered any more at a port that somebody has deleted', async () => {
    const { daemon } = await booted()
    await run(daemon, 'web', { NetworkMode: 'front' })
    await daemon.controller.connect('back', { Container: 'web' })
    const [first, second] = onlyResolver(daemon).ports
    daemon.fabric.lose(first!)
    await settled()
    assert.deepEqual(onlyResolver(daemon).ports, [second])
    assert.equal(daemon.fabric.namedHosts.size, 2)
  })
})

describe('the server that a sandbox asks', () => {
  it('looks through its networks in the order of the default routes', async () => {
    const { daemon, machine } = await booted()
    const id = await run(daemon, 'web', { NetworkMode: 'front' })
    assert.deepEqual(nameservers(machine, id), ['10.1.0.1'])
    await daemon.controller.connect('back', { Container: 'web' })
    // By name.
    assert.deepEqual(scopes(daemon), ['back', 'front'])
    assert.deepEqual(nameservers(machine, id), ['10.2.0.1'])
    await daemon.controller.disconnect('back', { Container: 'web' })
    assert.deepEqual(scopes(daemon), ['front'])
    assert.deepEqual(nameservers(machine, id), ['10.1.0.1'])
    await daemon.controller.connect('back', { Container: 'web', EndpointConfig: { GwPriority: -1 } })
    assert.deepEqual(scopes(daemon), ['front', 'back'])
    assert.deepEqual(nameservers(machine, id), ['10.1.0.1'])
    assert.equal(onlyResolver(daemon).loopback, undefined)
    // The default bridge has the default route, and no names.
    await daemon.controller.connect('bridge', { Container: 'web', EndpointConfig: { GwPriority: 9 } })
    assert.deepEqual(nameservers(machine, id), ['10.1.0.1'])
    assert.equal(onlyResolver(daemon).ports.length, 2)
  })

  it('is named by the first file already, whatever the order of its networks', async () => {
    const { daemon, machine } = await booted()
    await daemon.controller.createNetwork({ Name: 'six', EnableIPv6: true, ...subnet('10.6.0.0/24') })
    const EndpointsConfig = { front: {}, back: {}, six: {} }
    const id = await run(daemon, 'web', { NetworkMode: 'front' }, { NetworkingConfig: { EndpointsConfig } })
    // Both families go before one of them.
    assert.deepEqual(scopes(daemon), ['six', 'back', 'front'])
    assert.deepEqual(nameservers(machine, id), ['10.6.0.1'])
  })

  it('is in the sandbox itself where no gateway answers', async () => {
    const { daemon, machine } = await booted({ Options: { 'tapwire.dns': 'loopback' } })
    daemon.fabric.interfaces.set('eth0', 1500)
    const lan = { Name: 'lan', Driver: 'macvlan', Options: { parent: 'eth0' }, ...subnet('10.9.0.0/24') }
    await daemon.controller.createNetwork(lan)
    const id = await run(daemon, 'web', { NetworkMode: 'lan' })
    const namespace = `/run/netns/tw-${id.slice(0, 12)}`
    assert.deepEqual(nameservers(machine, id), ['127.0.0.11'])
    assert.deepEqual(onlyResolver(daemon).loopback, namespace)
    await daemon.controller.connect('front', { Container: 'web' })
    assert.deepEqual(onlyResolver(daemon).loopback, namespace)
    assert.deepEqual(scopes(daemon), ['front', 'lan'])
    await daemon.controller.createNetwork({ Name: 'served', ...subnet('10.4.0.0/24') })
    await daemon.controller.connect('served', { Container: 'web' })
    assert.deepEqual(nameservers(machine, id), ['10.4.0.1'])
    assert.equal(onlyResolver(daemon).loopback, undefined)
    await daemon.controller.disconnect('served', { Container: 'web' })
    assert.deepEqual(nameservers(machine, id), ['127.0.0.11'])
    assert.deepEqual(onlyResolver(daemon).loopback, namespace)
  })

  it('is that of the machine where its networks want no names', async () => {
    const { daemon, machine } = await booted({ Options: { 'tapwire.dns': 'none' } })
    const id = await run(daemon, 'web', { NetworkMode: 'front' })
    assert.deepEqual(nameservers(machine, id), ['192.0.2.53'])
    assert.equal(daemon.fabric.resolvers.size, 0)
    assert.equal(daemon.controller.inspectSandbox('web').NetworkSettings.Networks['front']?.DNSNames, null)
  })

  it('asks the machine’s, unless all networks are internal', async () => {
    const { daemon } = await booted({ Internal: true })
    await run(daemon, 'web', { NetworkMode: 'front' })
    assert.deepEqual(onlyResolver(daemon).upstream, { kind: 'none' })
    await daemon.controller.connect('bridge', { Container: 'web' })
    assert.deepEqual(onlyResolver(daemon).upstream, { kind: 'machine' })
    await daemon.controller.disconnect('bridge', { Container: 'web' })
    assert.deepEqual(onlyResolver(daemon).upstream, { kind: 'none' })
  })

  it('asks those that the user has named, at most three and never itself', async () => {
    const { daemon, machine } = await booted()
    machine.defaults = { ...machine.defaults, dns: ['192.0.2.1'], dnsOptions: ['ndots:2'] }
    const id = await run(daemon, 'web', { NetworkMode: 'front' })
    const namespace = `/run/netns/tw-${id.slice(0, 12)}`
    const servers = ['192.0.2.1']
    assert.deepEqual(onlyResolver(daemon).upstream, { kind: 'servers', servers, namespace })
    assert.equal(onlyResolver(daemon).singleLabelsStay, true)
    await daemon.controller.removeSandbox('web', { force: true })
    const Dns = ['10.1.0.1', '192.0.2.2', '192.0.2.3', '192.0.2.4', '192.0.2.5']
    await run(daemon, 'own', { NetworkMode: 'front', Dns, DnsOptions: ['rotate'] })
    const { upstream, singleLabelsStay } = onlyResolver(daemon)
    assert.deepEqual(upstream.kind === 'servers' && upstream.servers, Dns.slice(1, 4))
    assert.equal(singleLabelsStay, false)
    await daemon.controller.removeSandbox('own', { force: true })
    machine.defaults = { ...machine.defaults, dns: [] }
    await run(daemon, 'self', { NetworkMode: 'front', Dns: ['10.1.0.1'] })
    assert.deepEqual(onlyResolver(daemon).upstream, { kind: 'machine' })
  })
})

describe('a link on a network with names', () => {
  const links = (daemon: Daemon, name: string): unknown => {
    const { Id } = daemon.controller.inspectSandbox(name)
    const resolver = [...daemon.fabric.resolvers.values()].find(
      ({ ports }) => daemon.fabric.ports.get(ports[0]!)?.namespace === `/run/netns/tw-${Id.slice(0, 12)}`,
    )
    return resolver?.scopes.map((scope) => scope.links)
  }

  it('is a name that only who links knows, and follows a rename', async () => {
    const { daemon, machine } = await booted()
    const db = await run(daemon, 'db', { NetworkMode: 'front' })
    await run(daemon, 'web', { NetworkMode: 'front', Links: ['db:store', `${db.slice(0, 12)}:sql`] })
    const byId = { alias: 'sql', target: db.slice(0, 12) }
    assert.deepEqual(links(daemon, 'web'), [[{ alias: 'store', target: 'db' }, byId]])
    assert.deepEqual(links(daemon, 'db'), [[]])
    await daemon.controller.renameSandbox('db', 'data')
    assert.deepEqual(links(daemon, 'web'), [[{ alias: 'store', target: 'data' }, byId]])
    const next = await machine.boot()
    assert.deepEqual(links(next, 'web'), [[{ alias: 'store', target: 'data' }, byId]])
  })

  it('is followed while who links is being connected, and neither is lost', async () => {
    for (let turns = 0; turns < 40; turns++) {
      const { daemon } = await booted()
      await run(daemon, 'db', { NetworkMode: 'front' })
      await run(daemon, 'web', { NetworkMode: 'front', Links: ['db:store'] })
      const connected = daemon.controller.connect('back', { Container: 'web' })
      for (let turn = 0; turn < turns; turn++) await Promise.resolve()
      await Promise.all([connected, daemon.controller.renameSandbox('db', 'data')])
      assert.deepEqual(
        hosts(daemon).map((host) => host.split(' ').slice(0, 3).join(' ')),
        ['front 10.1.0.2 data', 'front 10.1.0.3 web', 'back 10.2.0.2 web'],
        `${turns}`,
      )
      assert.equal((links(daemon, 'web') as unknown[]).length, 2)
    }
  })

  it('waits for who is not there yet, and may be on one network alone', async () => {
    const { daemon } = await booted()
    await run(daemon, 'web', { NetworkMode: 'front' })
    await daemon.controller.connect('back', { Container: 'web', EndpointConfig: { Links: ['db:store'] } })
    assert.deepEqual(links(daemon, 'web'), [[{ alias: 'store', target: 'db' }], []])
    await run(daemon, 'db', { NetworkMode: 'back' })
    assert.deepEqual(links(daemon, 'web'), [[{ alias: 'store', target: 'db' }], []])
  })
})
