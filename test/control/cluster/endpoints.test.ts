import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type ClusterMachine, MemoryCluster, PREFIX } from './memory-cluster.ts'

async function withNetwork(
  count: number,
  subnet = '10.0.1.0/24',
): Promise<{ cluster: MemoryCluster; hosts: readonly ClusterMachine[]; network: string }> {
  const cluster = await MemoryCluster.of(count)
  const { hosts } = cluster
  const IPAM = { Config: [{ Subnet: subnet }] }
  const made = cluster.run(hosts[0]!.controller.createNetwork({ Name: 'lan', Driver: 'overlay', IPAM }))
  const { Id } = await made
  await cluster.settle()
  return { cluster, hosts, network: Id }
}

const unavailable = { code: 'REGISTRY_UNAVAILABLE' }

describe('an endpoint on a network of the cluster', () => {
  it('is known to every host: its station, its names, its ports', async () => {
    const { cluster, hosts, network } = await withNetwork(3)
    const NetworkingConfig = { EndpointsConfig: { lan: { Aliases: ['www'] } } }
    const ExposedPorts = { '80/tcp': {} }
    await hosts[1]!.start('web', 'lan', { NetworkingConfig, ExposedPorts, Labels: { tier: 'front' } })
    await cluster.settle()
    cluster.assertAgreement()
    const [endpoint] = hosts[0]!.controller.cluster!.endpoints(network).values()
    const address = hosts[1]!.addressOf('web', 'lan')
    assert.equal(endpoint!.ipv4, address)
    assert.deepEqual(endpoint!.sandbox.labels, { tier: 'front' })
    assert.deepEqual(endpoint!.names.map(({ text, kind }) => `${kind} ${text}`).slice(0, 2), [
      'sandbox web',
      'alias www',
    ])
    assert.deepEqual(endpoint!.ports, [{ protocol: 'tcp', first: 80, last: 80 }])
    const records = hosts[2]!.controller.dnsRecords('lan').records.map(({ name, ipv4 }) => `${name} ${ipv4}`)
    assert.ok(records.includes(`www ${address}`))
    const [peer] = hosts[2]!.daemon.fabric.tunnelling.remotes.values()
    assert.equal(peer!.routerMac, endpoint!.routerMac)
    const [overlay] = [...hosts[1]!.daemon.fabric.tunnelling.overlays.values()]
    assert.equal(overlay!.routerMac, endpoint!.routerMac)
  })

  it('is where a packet can be explained to, as far as into the tunnel', async () => {
    const { cluster, hosts } = await withNetwork(2)
    await hosts[0]!.start('web', 'lan')
    await hosts[1]!.start('db', 'lan')
    await cluster.settle()
    const explained = await hosts[0]!.controller.explain({ source: 'web', destination: 'db' })
    assert.equal(explained.packet.destination, hosts[1]!.addressOf('db', 'lan'))
    assert.deepEqual([explained.steps.at(-1)!.verdict, explained.outcome], ['encapsulate', 'tunnelled'])
  })

  it('is where the rest of the way of its packets can be explained, from the tunnel on', async () => {
    const { cluster, hosts } = await withNetwork(3)
    await hosts[0]!.start('web', 'lan')
    await hosts[1]!.start('db', 'lan')
    await hosts[2]!.start('far', 'lan')
    await cluster.settle()
    const { controller, fabric } = hosts[0]!.daemon
    for (const source of ['db', hosts[1]!.addressOf('db', 'lan')]) {
      const { packet, steps } = await controller.explain({ source, destination: 'web' })
      assert.deepEqual(
        [packet.source, packet.sandbox, packet.network],
        [hosts[1]!.addressOf('db', 'lan'), 'db', 'lan'],
      )
      assert.deepEqual(steps[0], {
        stage: 'host',
        verdict: 'elsewhere',
        values: { sandbox: 'db', host: 'b', network: 'lan' },
      })
      const peer = fabric.tunnelling.peers.get(fabric.router.explained.at(-1)!.port)
      assert.equal(peer?.address, hosts[1]!.advertise)
    }
    const long = await controller.explain({ source: 'db', destination: 'web', size: 4000 })
    assert.deepEqual(
      long.steps.slice(0, 2).map(({ stage, verdict }) => `${stage} ${verdict}`),
      ['host elsewhere', 'kernel fragment'],
    )
    await assert.rejects(controller.explain({ source: 'db', destination: 'far' }), {
      code: 'BAD_REQUEST',
      hint: 'Ask the daemon of host b.',
    })
  })

  it('is explained with a doubt while the registry is away, and not at all while its host is', async () => {
    const { cluster, hosts, network } = await withNetwork(2)
    await hosts[0]!.start('web', 'lan')
    await hosts[1]!.start('db', 'lan')
    await cluster.settle()
    const { controller } = hosts[0]!
    const address = hosts[1]!.addressOf('db', 'lan')
    hosts[1]!.kill()
    await cluster.pass(11_000)
    assert.equal(controller.cluster!.endpoints(network).size, 1)
    await assert.rejects(
      controller.explain({ source: 'web', destination: 'db' }),
      (error: Error & { hint?: string }) => {
        assert.match(
          `${error.message} ${error.hint}`,
          /^No such container: db What was on hosts that are away .*: b\./,
        )
        return true
      },
    )
    const gone = await controller.explain({ source: 'web', destination: address })
    assert.deepEqual(gone.steps[0], { stage: 'cluster', verdict: 'away', values: { address, host: 'b' } })
    assert.equal(gone.outcome, 'unknown')
    cluster.server.fault = 'unreachable'
    await cluster.pass(20_000)
    const stale = await controller.explain({ source: 'web', destination: address })
    assert.deepEqual([stale.steps[0]!.stage, stale.steps[0]!.verdict], ['cluster', 'stale'])
  })

  it('is a station that the switch never forgets, and guarded', async () => {
    const { hosts } = await withNetwork(1)
    await hosts[0]!.start('web', 'lan')
    const [port] = hosts[0]!.daemon.fabric.ports.values()
    assert.equal(port!.fixed, true)
    assert.deepEqual(port!.guard, { ipv4: [hosts[0]!.addressOf('web', 'lan')], ipv6: [] })
  })

  it('has another name everywhere when its sandbox has', async () => {
    const { cluster, hosts } = await withNetwork(2)
    await hosts[1]!.start('web', 'lan')
    await cluster.run(hosts[1]!.controller.renameSandbox('web', 'shop'))
    await cluster.settle()
    cluster.assertAgreement()
    const names = [...hosts[0]!.daemon.fabric.namedHosts.values()].map((host) => host.names[0]!.text)
    assert.deepEqual(names, ['shop'])
  })

  it('is gone everywhere when its sandbox stops, is disconnected or removed', async () => {
    const { cluster, hosts } = await withNetwork(2)
    for (const name of ['c1', 'c2', 'c3']) await hosts[1]!.start(name, 'lan')
    await cluster.run(hosts[1]!.controller.stopSandbox('c1', {}))
    await cluster.run(hosts[1]!.controller.disconnect('lan', { Container: 'c2' }))
    await cluster.run(hosts[1]!.controller.removeSandbox('c3', { force: true }))
    await cluster.settle()
    cluster.assertAgreement()
    assert.deepEqual(hosts[0]!.stations(), [])
    const { entries } = await cluster.server.connect().list(`${PREFIX}addresses/`)
    assert.deepEqual(entries, [])
  })

  it('has an address that no other one of the cluster has', async () => {
    const { cluster, hosts } = await withNetwork(3, '10.0.1.0/27')
    const all = hosts.flatMap((host) => Array.from({ length: 9 }, (_, index) => ({ host, index })))
    // All at the same time, for 27 of 29 addresses.
    await cluster.run(
      Promise.all(
        all.map(async ({ host, index }) => {
          const name = `${host.name}${index}`
          await host.controller.createSandbox(name, { HostConfig: { NetworkMode: 'lan' } })
          await host.controller.startSandbox(name)
        }),
      ),
    )
    await cluster.settle()
    cluster.assertAgreement()
    assert.equal(hosts.flatMap((host) => host.endpoints()).length, 27)
    await hosts[0]!.start('last', 'lan')
    await hosts[1]!.start('very-last', 'lan')
    await assert.rejects(hosts[2]!.start('too-many', 'lan'), { code: 'ADDRESSES_EXHAUSTED' })
  })

  it('is refused an address that another host has, in the same moment too', async () => {
    const { cluster, hosts } = await withNetwork(2)
    await hosts[0]!.startAt('web', 'lan', '10.0.1.77')
    await assert.rejects(hosts[1]!.startAt('web', 'lan', '10.0.1.77'), (error: Error & { hint?: string }) => {
      assert.match(error.message, /Address already in use/)
      return true
    })
    const both = hosts.map((host) => host.startAt('twin', 'lan', '10.0.1.78'))
    const outcomes = await Promise.allSettled(both)
    assert.deepEqual(outcomes.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected'])
    await cluster.settle()
    cluster.assertAgreement()
  })

  it('is refused a MAC address that another host has', async () => {
    const { cluster, hosts } = await withNetwork(2)
    const EndpointsConfig = { lan: { MacAddress: '02:00:00:00:00:01' } }
    await hosts[0]!.start('c1', 'lan', { NetworkingConfig: { EndpointsConfig } })
    await cluster.settle()
    await assert.rejects(hosts[1]!.start('c2', 'lan', { NetworkingConfig: { EndpointsConfig } }), {
      code: 'ADDRESS_IN_USE',
    })
    await cluster.settle()
    cluster.assertAgreement()
  })

  it('moves to another host with its address, and all know that at once', async () => {
    const { cluster, hosts } = await withNetwork(3)
    await hosts[0]!.startAt('web', 'lan', '10.0.1.77')
    await hosts[2]!.start('client', 'lan')
    await cluster.run(hosts[0]!.controller.removeSandbox('web', { force: true }))
    await hosts[1]!.startAt('web', 'lan', '10.0.1.77')
    await cluster.settle()
    cluster.assertAgreement()
    assert.ok(hosts[2]!.stations()[0]!.includes('02:42:0a:00:01:4d 192.0.2.2 10.0.1.77'))
    // And who remembers where it was is told.
    const announced = hosts[1]!.daemon.fabric.injected.map(({ frame }) => frame[13])
    assert.ok(announced.length > 0)
  })

  it('leaves nothing where its start fails', async () => {
    const { cluster, hosts } = await withNetwork(2)
    hosts[1]!.machine.failFrom('addPort')
    await assert.rejects(hosts[1]!.start('web', 'lan'))
    hosts[1]!.machine.failFrom(undefined)
    await cluster.settle()
    cluster.assertAgreement()
    const { entries } = await cluster.server.connect().list(`${PREFIX}addresses/`)
    assert.deepEqual(entries, [])
    await cluster.run(hosts[1]!.controller.startSandbox('web'))
    await cluster.settle()
    cluster.assertAgreement()
  })

  it('is told to the switch later where that fails', async () => {
    const { cluster, hosts } = await withNetwork(2)
    for (const step of ['addPeer', 'setRemote', 'setNamedHost']) {
      hosts[0]!.machine.failFrom(step)
      await hosts[1]!.start(`by-${step}`, 'lan')
      await cluster.settle()
      hosts[0]!.machine.failFrom(undefined)
      await cluster.pass(11_000)
      cluster.assertAgreement()
    }
    for (const step of ['setRemote', 'setNamedHost']) {
      hosts[0]!.machine.failFrom(step)
      await cluster.run(hosts[1]!.controller.stopSandbox(`by-${step}`, {}))
      await cluster.settle()
      hosts[0]!.machine.failFrom(undefined)
      await cluster.pass(11_000)
      cluster.assertAgreement()
    }
    hosts[0]!.machine.failFrom('removePeer')
    await cluster.run(hosts[1]!.controller.stopSandbox('by-addPeer', {}))
    await cluster.settle()
    hosts[0]!.machine.failFrom(undefined)
    await cluster.pass(11_000)
    cluster.assertAgreement()
  })
})

describe('where the registry is away', () => {
  it('what is known goes on, and nothing can be connected', async () => {
    const { cluster, hosts } = await withNetwork(2)
    await hosts[0]!.start('c1', 'lan')
    await hosts[1]!.start('c2', 'lan')
    await cluster.settle()
    const before = hosts.map((host) => host.stations())
    cluster.server.fault = 'unreachable'
    await cluster.pass(60_000)
    assert.deepEqual(
      hosts.map((host) => host.stations()),
      before,
    )
    await assert.rejects(hosts[0]!.start('c3', 'lan'), unavailable)
    await assert.rejects(
      cluster.run(hosts[0]!.controller.createNetwork({ Name: 'n', Driver: 'overlay' })),
      unavailable,
    )
    await cluster.run(hosts[0]!.controller.disconnect('lan', { Container: 'c1' }))
    await assert.rejects(cluster.run(hosts[0]!.controller.removeNetwork('lan')), unavailable)
    await hosts[0]!.controller.createNetwork({ Name: 'local' })
    await hosts[0]!.start('c4', 'local')
    const events = hosts[0]!.daemon.events.flatMap(({ Type, Action }) => (Type === 'cluster' ? [Action] : []))
    assert.equal(events.at(-1), 'registry-lost')
    cluster.server.fault = 'none'
    await cluster.pass(20_000)
    cluster.assertAgreement()
    await cluster.run(hosts[0]!.controller.startSandbox('c3'))
    await cluster.settle()
    cluster.assertAgreement()
  })

  it('what stops is told later, by the next daemon if need be', async () => {
    const { cluster, hosts } = await withNetwork(2)
    for (const name of ['c1', 'c2', 'c3']) await hosts[1]!.start(name, 'lan')
    await cluster.settle()
    cluster.server.fault = 'unreachable'
    await cluster.run(hosts[1]!.controller.stopSandbox('c1', {}))
    await cluster.run(hosts[1]!.controller.disconnect('lan', { Container: 'c2' }))
    hosts[1]!.kill()
    await hosts[1]!.boot()
    cluster.server.fault = 'none'
    await cluster.pass(20_000)
    cluster.assertAgreement()
    assert.equal(hosts[0]!.stations().length, 1)
  })

  it('a change whose answer was lost leaves nothing', async () => {
    const { cluster, hosts } = await withNetwork(2)
    cluster.server.fault = 'answers-lost'
    await assert.rejects(hosts[1]!.start('web', 'lan'), unavailable)
    cluster.server.fault = 'none'
    await cluster.pass(20_000)
    cluster.assertAgreement()
  })
})

describe('a host that was cut off', () => {
  it('has what it had when it is back', async () => {
    const { cluster, hosts } = await withNetwork(2)
    await hosts[1]!.start('web', 'lan')
    hosts[1]!.registry.fault = 'unreachable'
    await cluster.pass(30_000)
    assert.deepEqual(hosts[0]!.stations(), [])
    assert.deepEqual(hosts[0]!.controller.cluster!.endpoints(hosts[1]!.endpoints()[0]!.network).size, 0)
    // Its address is its own nevertheless.
    const address = hosts[1]!.addressOf('web', 'lan')
    await assert.rejects(hosts[0]!.startAt('thief', 'lan', address), { code: 'ADDRESS_IN_USE' })
    hosts[1]!.registry.fault = 'none'
    await cluster.pass(20_000)
    cluster.assertAgreement()
    assert.equal(hosts[1]!.addressOf('web', 'lan'), address)
  })

  it('loses an address that was given to somebody else once it was forgotten', async () => {
    const { cluster, hosts } = await withNetwork(2)
    await hosts[1]!.startAt('web', 'lan', '10.0.1.77')
    await hosts[1]!.start('other', 'lan')
    await cluster.settle()
    await assert.rejects(hosts[0]!.controller.forgetHost('b'), { code: 'HOST_PRESENT' })
    await assert.rejects(hosts[0]!.controller.forgetHost('nobody'), { code: 'OBJECT_UNKNOWN' })
    hosts[1]!.registry.fault = 'unreachable'
    await cluster.pass(30_000)
    const forgotten = await cluster.run(hosts[0]!.controller.forgetHost('b'))
    assert.equal(forgotten.addresses.length, 2)
    await cluster.settle()
    await hosts[0]!.startAt('heir', 'lan', '10.0.1.77')
    hosts[1]!.registry.fault = 'none'
    await cluster.pass(20_000)
    cluster.assertAgreement()
    assert.equal(hosts[1]!.addressOf('web', 'lan'), '')
    assert.notEqual(hosts[1]!.addressOf('other', 'lan'), '')
    const lost = hosts[1]!.daemon.events.find(({ Action }) => Action === 'address-lost')
    assert.equal(lost?.Actor.Attributes['address'], '10.0.1.77')
    assert.ok(hosts[1]!.daemon.warnings.some((line) => line.includes('is taken off network lan')))
  })

  it('gives up a network that was removed meanwhile, with its sandboxes’ places on it', async () => {
    const { cluster, hosts } = await withNetwork(2)
    await hosts[1]!.start('web', 'lan')
    hosts[1]!.registry.fault = 'unreachable'
    await cluster.pass(30_000)
    await assert.rejects(
      cluster.run(hosts[0]!.controller.removeNetwork('lan')),
      (error: Error & { hint?: string }) => {
        assert.match(error.hint!, /\(b\).*overlay forget/)
        return true
      },
    )
    await cluster.run(hosts[0]!.controller.forgetHost('b'))
    await cluster.settle()
    await cluster.run(hosts[0]!.controller.removeNetwork('lan'))
    hosts[1]!.registry.fault = 'none'
    await cluster.pass(20_000)
    cluster.assertAgreement()
    assert.throws(() => hosts[1]!.controller.inspectNetwork('lan'), { code: 'NETWORK_UNKNOWN' })
    assert.deepEqual(hosts[1]!.endpoints(), [])
    assert.equal(hosts[1]!.controller.inspectSandbox('web').State.Status, 'running')
  })
})

describe('a registry that has forgotten', () => {
  it('its leases: everything is put again', async () => {
    const { cluster, hosts } = await withNetwork(2)
    for (const host of hosts) await host.start(`on-${host.name}`, 'lan')
    for (const lease of cluster.server.leases) cluster.server.expireLease(lease)
    await cluster.pass(10_000)
    cluster.assertAgreement()
  })

  it('the changes that were to be told: everything is listed again', async () => {
    const { cluster, hosts } = await withNetwork(3)
    hosts[1]!.registry.fault = 'unreachable'
    await hosts[0]!.start('web', 'lan')
    await cluster.run(hosts[0]!.controller.createNetwork({ Name: 'more', Driver: 'overlay' }))
    cluster.server.compact()
    hosts[1]!.registry.fault = 'none'
    await cluster.pass(20_000)
    cluster.assertAgreement()
    assert.ok(hosts[1]!.controller.inspectNetwork('more'))
  })

  it('all since a backup, or everything: whoever remembers puts it back, and no station is lost meanwhile', async () => {
    const { cluster, hosts } = await withNetwork(3)
    const empty = new MemoryCluster().server.copy()
    await hosts[0]!.start('early', 'lan')
    const backup = cluster.server.copy()
    await hosts[1]!.start('late', 'lan')
    await cluster.run(hosts[2]!.controller.createNetwork({ Name: 'more', Driver: 'overlay' }))
    await hosts[2]!.start('latest', 'more')
    await cluster.settle()
    for (const copy of [backup, empty]) {
      const before = hosts.map((host) => host.stations())
      cluster.server.restore(copy)
      await cluster.settle()
      assert.deepEqual(
        hosts.map((host) => host.stations()),
        before,
        'nothing was lost',
      )
      await cluster.pass(25_000)
      cluster.assertAgreement()
      assert.deepEqual(
        hosts.map((host) => host.stations()),
        before,
      )
      for (const { controller } of hosts) assert.ok(controller.inspectNetwork('more'))
    }
  })

  it('everything while a daemon was down: its networks are put back by it', async () => {
    const { cluster, hosts } = await withNetwork(1)
    await hosts[0]!.start('web', 'lan')
    hosts[0]!.kill()
    cluster.server.restore(new MemoryCluster().server.copy())
    await hosts[0]!.boot()
    await cluster.pass(20_000)
    assert.equal(hosts[0]!.endpoints().length, 1)
    cluster.assertAgreement()
  })
})
