import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ServiceCreate } from '../../../src/control/api/service.ts'
import { networkKey, serviceNameKey } from '../../../src/control/cluster/cluster-keys.ts'
import { ClusterServices } from '../../../src/control/cluster/cluster-services.ts'
import { ClusterView } from '../../../src/control/cluster/cluster-view.ts'
import { Ipam } from '../../../src/control/ipam/ipam.ts'
import { ManualClock } from '../../../src/control/registry/manual-clock.ts'
import { MemoryRegistryServer } from '../../../src/control/registry/memory-registry.ts'
import type { Registry, RegistryTransaction } from '../../../src/control/registry/registry.ts'
import { type ClusterMachine, MemoryCluster, PREFIX } from './memory-cluster.ts'

const WEB: ServiceCreate = {
  Name: 'web',
  Network: 'net',
  ReplicasOf: ['app=web'],
  Ports: [{ TargetPort: 80, PublishedPort: 5000 }],
}

/** Hosts on whose network net, 10.0.9.0/24, each has a sandbox web-a, web-b … with the label app=web. */
async function scene(count = 3): Promise<MemoryCluster> {
  const cluster = await MemoryCluster.of(count)
  const [first] = cluster.hosts
  await cluster.run(
    first!.controller.createNetwork({
      Name: 'net',
      Driver: 'overlay',
      Attachable: true,
      IPAM: { Config: [{ Subnet: '10.0.9.0/24' }] },
    }),
  )
  for (const host of cluster.hosts) await host.start(`web-${host.name}`, 'net', { Labels: { app: 'web' } })
  await cluster.settle()
  return cluster
}

/** `address: backends at ports` of each service of a host's switch; a port is the host's own, or its peer for another host. */
const switched = ({ daemon }: ClusterMachine): string[] =>
  [...daemon.fabric.services.values()].map(({ address, backends }) => {
    const told = backends.map(({ address: backend, port }) => {
      const peer = daemon.fabric.tunnelling.peers.get(port)?.address
      return `${backend}@${peer ?? 'here'}`
    })
    return `${address}: ${told.toSorted().join(' ')}`
  })

const named = ({ daemon }: ClusterMachine): string[] =>
  [...daemon.fabric.namedHosts.values()]
    .flatMap(({ ipv4, names }) => names.map(({ text }) => `${text} ${ipv4}`))
    .filter((text) => /^(tasks\.)?web /.test(text))
    .toSorted()

const published = ({ daemon }: ClusterMachine): string[] =>
  [...daemon.fabric.published.values()].map(
    ({ first, target }) => `${first} ${target.address}:${target.first}`,
  )

const fails = (promise: Promise<unknown>, message: string | RegExp): Promise<void> =>
  assert.rejects(promise, { message })

describe('a service of a cluster', () => {
  it('is on every host, with the backends of all of them', async () => {
    const cluster = await scene()
    const [one, two, three] = cluster.hosts
    await cluster.run(two!.controller.createService(WEB))
    await cluster.settle()
    const { VirtualIP, Tasks, Scope } = one!.controller.inspectService('web')
    const virtual = VirtualIP.split('/')[0]!
    const at = cluster.hosts.map((host) => host.addressOf(`web-${host.name}`, 'net'))
    assert.equal(Scope, 'swarm')
    assert.deepEqual(Tasks.map(({ Node, Address }) => `${Node} ${Address}`).toSorted(), [
      `a ${at[0]}`,
      `b ${at[1]}`,
      `c ${at[2]}`,
    ])
    for (const host of cluster.hosts) {
      const places = cluster.hosts.map((other, index) => {
        return `${at[index]}@${other === host ? 'here' : other.advertise}`
      })
      assert.deepEqual(switched(host), [`${virtual}: ${places.toSorted().join(' ')}`], host.name)
      assert.deepEqual(published(host), [`5000 ${virtual}:80`])
      assert.deepEqual(
        named(host),
        [...at.map((address) => `tasks.web ${address}`), `web ${virtual}`].toSorted(),
      )
    }
    await cluster.run(three!.controller.removeService('web'))
    await cluster.settle()
    for (const host of cluster.hosts) {
      assert.deepEqual([switched(host), published(host), named(host)], [[], [], []])
    }
    assert.equal(
      one!.controller.cluster!.claims(one!.controller.inspectNetwork('net').Id).has(virtual),
      false,
    )
  })

  it('loses the backends of a host that dies, when its lease ends, and has them again', async () => {
    const cluster = await scene()
    const [one, two, three] = cluster.hosts
    await cluster.run(one!.controller.createService(WEB))
    await cluster.settle()
    three!.kill()
    await cluster.settle()
    assert.equal(one!.controller.serviceTasks('web').length, 3, 'nobody knows yet')
    await cluster.pass(60_000)
    assert.deepEqual(
      two!.controller
        .serviceTasks('web')
        .map(({ Node }) => Node)
        .toSorted(),
      ['a', 'b'],
    )
    assert.equal(switched(one!)[0]!.split(' ').length, 3)
    await three!.boot()
    await cluster.pass(1000)
    for (const host of cluster.hosts) assert.equal(switched(host)[0]!.split(' ').length, 4, host.name)
  })

  it('keeps its address from everybody, also while its maker is away', async () => {
    const cluster = await scene(2)
    const [one, two] = cluster.hosts
    await cluster.run(one!.controller.createService(WEB))
    await cluster.settle()
    const virtual = two!.controller.inspectService('web').VirtualIP.split('/')[0]!
    one!.kill()
    await cluster.pass(60_000)
    await fails(two!.startAt('thief', 'net', virtual), /Address already in use/)
    await two!.start('other', 'net')
    assert.notEqual(two!.addressOf('other', 'net'), virtual)
    assert.deepEqual(published(two!), [`5000 ${virtual}:80`])
  })

  it('has the address that it asks for, unless another host has it', async () => {
    const cluster = await scene(2)
    const [one, two] = cluster.hosts
    const taken = two!.addressOf('web-b', 'net')
    await fails(
      cluster.run(one!.controller.createService({ ...WEB, VirtualIP: taken })),
      'Address already in use',
    )
    await cluster.run(one!.controller.createService({ ...WEB, VirtualIP: '10.0.9.254' }))
    await cluster.settle()
    assert.equal(two!.controller.inspectService('web').VirtualIP, '10.0.9.254/24')
    await fails(two!.startAt('thief', 'net', '10.0.9.254'), /Address already in use/)
    await fails(
      cluster.run(two!.controller.createService({ ...WEB, Name: 'too', Ports: [], VirtualIP: '10.0.9.254' })),
      'Address already in use',
    )
  })

  it('has that address also where another one gives up its name in the same moment', async () => {
    const clock = new ManualClock()
    const registry = new MemoryRegistryServer(clock).connect()
    const network = 'e'.repeat(64)
    const name = serviceNameKey('web')
    await registry.commit({ when: [], do: [{ put: networkKey(network), value: '' }] })
    let commits = 0
    /** The name is another's while the first transaction is decided, and nobody's when it is asked why. */
    const meanwhile: Registry = Object.assign(Object.create(registry) as Registry, {
      list: (prefix: string) => registry.list(prefix),
      commit: async (transaction: RegistryTransaction) => {
        if (commits++ > 0) return registry.commit(transaction)
        await registry.commit({ when: [], do: [{ put: name, value: 'x' }] })
        const result = await registry.commit(transaction)
        await registry.commit({ when: [], do: [{ delete: name }] })
        return result
      },
    })
    const space = new Ipam({ hostId: 'a', now: () => 0 })
    const pool = {
      family: 4,
      subnet: '10.0.9.0/24',
      gatewayGiven: false,
      subnetGiven: true,
      auxiliary: {},
    } as const
    space.restoreNetwork(network, [pool], {})
    const services = new ClusterServices(
      {
        registry: meanwhile,
        view: new ClusterView(() => assert.fail('nothing is unreadable')),
        requireMember: () => undefined,
        echo: () => Promise.resolve(),
      },
      space,
    )
    const added = await services.add({
      id: '1'.repeat(64),
      name: 'web',
      created: '2026-01-01T00:00:00Z',
      network,
      endpointMode: 'vip',
      virtualIp: '10.0.9.254',
      replicasOf: ['app=web'],
      endpoints: [],
      ports: [],
      labels: {},
    })
    assert.deepEqual([added.virtualIp, commits], ['10.0.9.254', 2])
  })

  it('has a name and ports that no other has, whichever host is asked, also at the same moment', async () => {
    const cluster = await scene(2)
    const [one, two] = cluster.hosts
    const both = await Promise.allSettled([
      cluster.run(one!.controller.createService(WEB)),
      cluster.run(two!.controller.createService({ ...WEB, Ports: [] })),
    ])
    assert.deepEqual(both.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected'])
    await cluster.settle()
    for (const host of cluster.hosts) assert.equal(host.controller.listServices({}).length, 1)
    await cluster.run(one!.controller.removeService('web'))
    const ports = await Promise.allSettled([
      cluster.run(one!.controller.createService({ ...WEB, Name: 'one' })),
      cluster.run(two!.controller.createService({ ...WEB, Name: 'two' })),
    ])
    assert.deepEqual(ports.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected'])
    const refused = ports.find((result) => result.status === 'rejected')
    assert.match(String(refused!.reason), /port '5000' is already in use by service '(one|two)'/)
  })

  it('can be changed from every host; while the registry is away it is not, and goes on', async () => {
    const cluster = await scene(2)
    const [one, two] = cluster.hosts
    await cluster.run(one!.controller.createService(WEB))
    await cluster.settle()
    const change = { PublishAdd: [{ TargetPort: 443, PublishedPort: 5443 }], PublishRm: [{ TargetPort: 80 }] }
    await cluster.run(two!.controller.updateService('web', change))
    await cluster.settle()
    const virtual = one!.controller.inspectService('web').VirtualIP.split('/')[0]!
    for (const host of cluster.hosts) assert.deepEqual(published(host), [`5443 ${virtual}:443`])
    await cluster.run(one!.controller.createService({ ...WEB, Name: 'again' }))
  })

  it('of mode host is published where it has a backend, and nowhere else', async () => {
    const cluster = await scene(2)
    const [one, two] = cluster.hosts
    await cluster.run(two!.controller.stopSandbox('web-b', {}))
    const Ports = [{ TargetPort: 80, PublishedPort: 5000, PublishMode: 'host' } as const]
    await cluster.run(two!.controller.createService({ ...WEB, Ports }))
    await cluster.settle()
    assert.deepEqual([published(one!).length, published(two!).length], [1, 0])
    await cluster.run(two!.controller.startSandbox('web-b'))
    await cluster.settle()
    assert.deepEqual([published(one!).length, published(two!).length], [1, 1])
  })

  it('says where a port of it cannot be had, and has it everywhere else', async () => {
    const cluster = await scene(2)
    const [one, two] = cluster.hosts
    two!.machine.busyPorts.add('5000/tcp')
    await cluster.run(one!.controller.createService(WEB))
    await cluster.settle()
    assert.deepEqual([published(one!).length, published(two!).length], [1, 0])
    assert.match(two!.controller.inspectService('web').Problem, /5000/)
    two!.machine.busyPorts.clear()
    await cluster.pass(10_000)
    assert.equal(published(two!).length, 1)
  })

  it('leaves nothing behind when it is removed while another host changes it', async () => {
    const cluster = await scene(2)
    const [one, two] = cluster.hosts
    await cluster.run(one!.controller.createService(WEB))
    await cluster.settle()
    cluster.server.delayMs = 50
    const Ports = [{ TargetPort: 81, PublishedPort: 6000 }]
    const both = [
      one!.controller.updateService('web', { PublishAdd: Ports }),
      two!.controller.removeService('web'),
    ]
    await cluster.run(Promise.allSettled(both))
    await cluster.pass(1000)
    const { entries } = await cluster.run(cluster.server.connect().list(`${PREFIX}service`))
    assert.deepEqual(entries, [])
  })

  it('has its ports again behind a registry that was restored', async () => {
    const cluster = await scene(2)
    const [one, two] = cluster.hosts
    const copy = cluster.server.copy()
    await cluster.run(one!.controller.createService(WEB))
    await cluster.settle()
    cluster.server.restore(copy)
    await cluster.pass(30_000)
    assert.equal(one!.controller.inspectService('web').Problem, '')
    const { entries } = await cluster.server.connect().list(`${PREFIX}service-ports/`)
    assert.deepEqual(
      entries.map(({ key }) => key),
      [`${PREFIX}service-ports/tcp/5000`],
    )
    await cluster.run(two!.controller.removeService('web'))
    assert.deepEqual((await cluster.server.connect().list(`${PREFIX}service`)).entries, [])
  })
})

describe('a service that somebody has written into the registry', () => {
  it('is not on a network of one host alone, nor at a port that is none', async () => {
    const cluster = await scene(1)
    const [one] = cluster.hosts
    await one!.controller.createNetwork({ Name: 'own', IPAM: { Config: [{ Subnet: '10.5.0.0/24' }] } })
    await one!.start('mine', 'own', { Labels: { app: 'mine' } })
    const network = one!.controller.inspectNetwork('own').Id
    const [id, other] = ['a'.repeat(64), 'b'.repeat(64)]
    const record = (more: object): string =>
      JSON.stringify({
        version: 1,
        id,
        name: 'web',
        created: '',
        network,
        endpointMode: 'vip',
        virtualIp: '10.5.0.77',
        replicasOf: ['app=mine'],
        endpoints: [],
        ports: [{ protocol: 'tcp', published: 5000, target: 80, mode: 'ingress' }],
        labels: {},
        ...more,
      })
    const chosen = {
      id: other,
      name: 'zero',
      network: one!.controller.inspectNetwork('net').Id,
      virtualIp: '',
      endpointMode: 'dnsrr',
      replicasOf: ['app=web'],
      ports: [{ protocol: 'tcp', published: 0, target: 80, mode: 'host' }],
    }
    const claim = JSON.stringify({ version: 1, host: '', owner: id })
    await cluster.server.connect().commit({
      when: [],
      do: [
        { put: `${PREFIX}services/${id}`, value: record({}) },
        { put: `${PREFIX}addresses/${network}/10.5.0.77`, value: claim },
        { put: `${PREFIX}services/${other}`, value: record(chosen) },
      ],
    })
    await cluster.settle()
    assert.deepEqual([switched(one!), published(one!), named(one!)], [[], [], []])
    assert.deepEqual(
      one!.controller.listServices({}).map(({ Name, Problem }) => `${Name}: ${Problem}`),
      ['web: its network own is not one of the cluster'],
    )
    await cluster.run(one!.controller.updateService('web', { LabelAdd: { a: 'b' } }))
    await cluster.run(one!.controller.removeService('web'))
  })
})
