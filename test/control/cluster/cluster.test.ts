import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MemoryMachine } from '../controller/memory-machine.ts'
import { type ClusterMachine, MemoryCluster, PREFIX } from './memory-cluster.ts'

async function withNetwork(
  count: number,
  more: object = {},
): Promise<{ cluster: MemoryCluster; hosts: readonly ClusterMachine[] }> {
  const cluster = await MemoryCluster.of(count)
  const { hosts } = cluster
  await cluster.run(hosts[0]!.controller.createNetwork({ Name: 'lan', Driver: 'overlay', ...more }))
  await cluster.settle()
  return { cluster, hosts }
}

const actions = ({ daemon }: ClusterMachine): string[] =>
  daemon.events.flatMap(({ Type, Action }) => (Type === 'cluster' ? [Action] : []))

describe('hosts of a cluster', () => {
  it('know each other', async () => {
    const cluster = await MemoryCluster.of(3)
    for (const { controller } of cluster.hosts) {
      assert.deepEqual([...controller.cluster!.hosts.keys()].toSorted(), ['a', 'b', 'c'])
      const status = controller.clusterStatus()!
      assert.deepEqual([status.state, status.problem, status.registry.reachable], ['member', '', true])
    }
    assert.deepEqual(actions(cluster.hosts[0]!), ['join', 'host-join', 'host-join'])
  })

  it('have names of their own: the second of one is told, and joins when the first is gone', async () => {
    const cluster = await MemoryCluster.of(1)
    const twin = cluster.add('a', '192.0.2.9')
    await twin.boot()
    await cluster.settle()
    const status = twin.controller.clusterStatus()!
    assert.equal(status.state, 'refused')
    assert.equal(status.problem, 'another host of cluster test is called a, and advertises 192.0.2.1')
    assert.deepEqual(actions(twin), ['refuse'])
    await assert.rejects(cluster.run(twin.controller.createNetwork({ Name: 'n', Driver: 'overlay' })), {
      code: 'REGISTRY_UNAVAILABLE',
      message: status.problem,
    })
    cluster.hosts[0]!.kill()
    await cluster.pass(25_000)
    assert.equal(twin.controller.clusterStatus()!.state, 'member')
  })

  it('have addresses of their own', async () => {
    const cluster = await MemoryCluster.of(1)
    const twin = cluster.add('z', '192.0.2.1')
    await twin.boot()
    await cluster.settle()
    assert.equal(
      twin.controller.clusterStatus()!.problem,
      'another host of cluster test, a, advertises the address 192.0.2.1',
    )
    assert.ok(!cluster.hosts[0]!.controller.cluster!.hosts.has('z'))
  })

  it('are what their roots say: of two with a copy of one, the later one stays', async () => {
    const cluster = await MemoryCluster.of(1)
    const [original] = cluster.hosts
    await cluster.pass(1000)
    const copy = cluster.add('a', original!.advertise)
    copy.machine.disk = structuredClone(original!.machine.disk)
    await copy.boot()
    await cluster.settle()
    assert.equal(copy.controller.clusterStatus()!.state, 'member')
    assert.match(original!.controller.clusterStatus()!.problem, /its root is a copy/)
    copy.kill()
    await cluster.pass(25_000)
    assert.equal(original!.controller.clusterStatus()!.state, 'member')
  })

  it('have one UDP port', async () => {
    const cluster = await MemoryCluster.of(1)
    const other = cluster.add()
    other.udpPort = 4790
    await other.boot()
    await cluster.settle()
    assert.match(other.controller.clusterStatus()!.problem, /UDP port 4789, this host's at 4790$/)
  })

  it('go when their leases end, and are the same when they are back', async () => {
    const { cluster, hosts } = await withNetwork(2)
    await hosts[1]!.start('web', 'lan')
    await cluster.settle()
    cluster.assertAgreement()
    const [id] = hosts[1]!.endpoints()
    hosts[1]!.kill()
    await cluster.pass(12_000)
    assert.deepEqual([...hosts[0]!.controller.cluster!.hosts.keys()], ['a'])
    assert.deepEqual(hosts[0]!.stations(), [])
    assert.ok(actions(hosts[0]!).includes('host-leave'))
    await hosts[1]!.boot()
    await cluster.settle()
    assert.deepEqual(hosts[1]!.endpoints(), [id])
    cluster.assertAgreement()
  })

  it('are gone at once where they say so', async () => {
    const { cluster, hosts } = await withNetwork(2)
    await hosts[1]!.start('web', 'lan')
    await cluster.run(hosts[1]!.controller.shutdown({ liveRestore: false }))
    hosts[1]!.isUp = false
    await cluster.settle()
    assert.deepEqual([...hosts[0]!.controller.cluster!.hosts.keys()], ['a'])
    cluster.assertAgreement()
  })
})

describe('a network of the cluster', () => {
  it('is on every host, with one id, VNI and subnet', async () => {
    const { cluster, hosts } = await withNetwork(3)
    const [first, ...others] = hosts.map(({ controller }) => controller.inspectNetwork('lan'))
    assert.equal(first!.Scope, 'swarm')
    assert.equal(first!.Options['com.docker.network.driver.overlay.vxlanid_list'], '4096')
    assert.equal(first!.IPAM.Config![0]!.Subnet, '10.0.1.0/24')
    for (const { Status: _, ...other } of others) {
      const { Status: __, ...same } = first!
      assert.deepEqual(other, same)
    }
    const late = cluster.add()
    await late.boot()
    await cluster.settle()
    assert.equal(late.controller.inspectNetwork('lan').Id, first!.Id)
  })

  it('is made once where several make it at the same time', async () => {
    const cluster = await MemoryCluster.of(3)
    const made = await cluster.run(
      Promise.allSettled(
        cluster.hosts.map(({ controller }) => controller.createNetwork({ Name: 'lan', Driver: 'overlay' })),
      ),
    )
    assert.equal(made.filter(({ status }) => status === 'fulfilled').length, 1)
    for (const each of made) {
      if (each.status === 'rejected') {
        assert.equal((each.reason as Error).message, 'network with name lan already exists')
      }
    }
    await cluster.settle()
    cluster.assertAgreement()
  })

  it('gets subnets and VNIs of its own, whoever chooses at the same time', async () => {
    const cluster = await MemoryCluster.of(4)
    await cluster.run(
      Promise.all(
        cluster.hosts.map(({ controller, name }) =>
          controller.createNetwork({ Name: `net-${name}`, Driver: 'overlay' }),
        ),
      ),
    )
    const networks = [...cluster.hosts[0]!.controller.cluster!.networks.values()]
    assert.equal(new Set(networks.map(({ vni }) => vni)).size, 4)
    assert.equal(new Set(networks.map(({ pools }) => pools[0]!.subnet)).size, 4)
  })

  it('is refused where its subnet, its VNI or its options are not its own', async () => {
    const { cluster, hosts } = await withNetwork(2)
    await cluster.settle()
    const create = (more: object): Promise<unknown> =>
      cluster.run(hosts[1]!.controller.createNetwork({ Name: 'other', Driver: 'overlay', ...more }))
    await assert.rejects(create({ IPAM: { Config: [{ Subnet: '10.0.1.128/25' }] } }), {
      code: 'POOL_OVERLAP',
    })
    await assert.rejects(create({ Options: { vni: '4096' } }), { code: 'VNI_IN_USE' })
    await assert.rejects(create({ Options: { vni: '16777216' } }), { code: 'NETWORK_CONFIG_INVALID' })
    await assert.rejects(create({ Options: { encrypted: '' } }), { code: 'NETWORK_CONFIG_INVALID' })
    await assert.rejects(create({ Name: 'lan' }), { code: 'NAME_TAKEN' })
    await create({ Options: { vni: '77' }, EnableIPv6: true })
    await cluster.settle()
    const made = hosts[0]!.controller.inspectNetwork('other')
    assert.equal(made.Options['com.docker.network.driver.overlay.vxlanid_list'], '77')
    assert.match(made.IPAM.Config![1]!.Subnet!, /^fd/)
  })

  it('is refused without a cluster', async () => {
    const { controller } = await new MemoryMachine().boot()
    await assert.rejects(controller.createNetwork({ Name: 'lan', Driver: 'overlay' }), { code: 'NO_CLUSTER' })
  })

  it('cannot be removed while any host has an endpoint on it', async () => {
    const { cluster, hosts } = await withNetwork(2)
    await hosts[1]!.start('web', 'lan')
    await cluster.settle()
    await assert.rejects(cluster.run(hosts[0]!.controller.removeNetwork('lan')), {
      code: 'NETWORK_IN_USE',
      message: 'error while removing network: network lan has active endpoints (name:"web" host:"b")',
    })
    await cluster.run(hosts[1]!.controller.stopSandbox('web', {}))
    await cluster.run(hosts[0]!.controller.removeNetwork('lan'))
    await cluster.settle()
    for (const { controller } of hosts) {
      assert.throws(() => controller.inspectNetwork('lan'), { code: 'NETWORK_UNKNOWN' })
    }
  })

  it('survives a restart while the registry is away', async () => {
    const { cluster, hosts } = await withNetwork(2)
    await hosts[1]!.start('web', 'lan')
    hosts[1]!.kill()
    cluster.server.fault = 'unreachable'
    await hosts[1]!.boot()
    await cluster.settle()
    assert.equal(hosts[1]!.controller.inspectNetwork('lan').Driver, 'overlay')
    assert.equal(hosts[1]!.endpoints().length, 1)
    cluster.server.fault = 'none'
    await cluster.pass(20_000)
    cluster.assertAgreement()
  })

  it('waits where a host has a network of its name, and comes when that is gone', async () => {
    const cluster = await MemoryCluster.of(2)
    const [a, b] = cluster.hosts
    await b!.controller.createNetwork({ Name: 'lan' })
    await cluster.run(a!.controller.createNetwork({ Name: 'lan', Driver: 'overlay' }))
    await cluster.settle()
    assert.equal(b!.controller.inspectNetwork('lan').Driver, 'bridge')
    assert.match(b!.controller.clusterStatus()!.networks[0]!.problem, /already exists/)
    await b!.controller.removeNetwork('lan')
    await cluster.pass(11_000)
    assert.equal(b!.controller.inspectNetwork('lan').Driver, 'overlay')
    assert.equal(b!.daemon.warnings.length, 1)
  })
})

describe('an entry of the registry that cannot be read', () => {
  it('is left alone, and told of once', async () => {
    const { cluster, hosts } = await withNetwork(1)
    const registry = cluster.server.connect()
    const id = hosts[0]!.controller.inspectNetwork('lan').Id
    for (const value of ['{"version":2}', '{', '{"version":1}', '[]']) {
      await registry.commit({
        when: [],
        do: [
          { put: `${PREFIX}hosts/evil`, value },
          { put: `${PREFIX}endpoints/${id}/${'0'.repeat(64)}`, value },
          { put: `${PREFIX}networks/nothing`, value },
          { put: `${PREFIX}addresses/${id}/10.0.1.7`, value },
        ],
      })
      await cluster.settle()
    }
    assert.equal(hosts[0]!.daemon.events.filter(({ Action }) => Action === 'unreadable').length, 4)
    assert.deepEqual([...hosts[0]!.controller.cluster!.hosts.keys()], ['a'])
    await assert.rejects(hosts[0]!.startAt('web', 'lan', '10.0.1.7'), { code: 'ADDRESS_IN_USE' })
    const { entries } = await registry.list(`${PREFIX}addresses/`)
    assert.equal(entries.length, 1)
  })

  it('is put again where it is of a host that is there, and left alone where another one may have put it', async () => {
    const { cluster, hosts } = await withNetwork(2)
    await hosts[0]!.start('web', 'lan')
    await cluster.settle()
    const registry = cluster.server.connect()
    const spoil = (value: string, lease?: string): Promise<unknown> =>
      registry.commit({ when: [], do: [{ put: `${PREFIX}hosts/a`, value, lease }] })
    for (const value of ['garbage', '{"version":2}']) {
      await spoil(value)
      await cluster.settle()
      assert.deepEqual([...hosts[1]!.controller.cluster!.hosts.keys()].toSorted(), ['a', 'b'])
      cluster.assertAgreement()
    }
    // Away for so long that the host's lease has ended: by hand, nobody lives there; by a lease, somebody does.
    hosts[0]!.registry.fault = 'unreachable'
    await cluster.pass(30_000)
    await spoil('{"version":2}')
    hosts[0]!.registry.fault = 'none'
    await cluster.pass(20_000)
    cluster.assertAgreement()
    hosts[0]!.registry.fault = 'unreachable'
    await cluster.pass(30_000)
    await spoil('{"version":2}', await registry.grantLease(3600))
    hosts[0]!.registry.fault = 'none'
    await cluster.pass(20_000)
    assert.deepEqual([...hosts[1]!.controller.cluster!.hosts.keys()], ['b'])
    assert.match(hosts[0]!.controller.clusterStatus()!.problem, /what is known of a host a cannot be read/)
    await registry.commit({ when: [], do: [{ delete: `${PREFIX}hosts/a` }] })
    await cluster.pass(20_000)
    cluster.assertAgreement()
  })
})

describe('who sends for a network and is no peer of it', () => {
  it('is told of, unless it is a host of the cluster, or may be', async () => {
    const { cluster, hosts } = await withNetwork(2)
    const [host, other] = hosts
    const strangers = (): number => host!.daemon.events.filter(({ Action }) => Action === 'stranger').length
    const seen = (address: string): void => {
      const { tunnelling } = host!.daemon.fabric
      const [domain] = tunnelling.overlays.keys()
      tunnelling.tell({ kind: 'stranger', domain: domain!, address })
    }
    seen(other!.advertise)
    assert.equal(strangers(), 0)
    seen('198.51.100.9')
    assert.equal(strangers(), 1)
    cluster.server.fault = 'unreachable'
    host!.kill()
    await host!.boot()
    seen(other!.advertise)
    assert.equal(strangers(), 0)
    cluster.server.fault = 'none'
    await cluster.pass(20_000)
    seen('198.51.100.9')
    assert.equal(strangers(), 1)
  })
})
