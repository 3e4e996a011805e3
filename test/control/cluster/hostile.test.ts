/** A registry that holds what no Tapwire has put there: nothing of it stops a host, or takes from others what is theirs. */
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { ErrorCode, TapwireError } from '../../../src/control/errors.ts'
import type { ClusterMachine } from './memory-cluster.ts'
import { MemoryCluster, PREFIX } from './memory-cluster.ts'

const ID = (digit: string, number = 0): string => number.toString(16).padStart(64, digit)

interface Scene {
  readonly cluster: MemoryCluster
  readonly hosts: readonly ClusterMachine[]
  /** Id of the network lan, 10.0.1.0/24, on which a has web and b has db. */
  readonly network: string
  /** By somebody who is no host. */
  put(entries: Readonly<Record<string, object | string>>): Promise<void>
}

async function scene(): Promise<Scene> {
  const cluster = await MemoryCluster.of(2)
  const { hosts } = cluster
  const IPAM = { Config: [{ Subnet: '10.0.1.0/24' }] }
  const made = hosts[0]!.controller.createNetwork({ Name: 'lan', Driver: 'overlay', IPAM })
  const { Id: network } = await cluster.run(made)
  await cluster.settle()
  await hosts[0]!.start('web', 'lan')
  await hosts[1]!.start('db', 'lan')
  await cluster.settle()
  const intruder = cluster.server.connect()
  const put: Scene['put'] = async (entries) => {
    const operations = Object.entries(entries).map(([key, value]) => ({
      put: PREFIX + key,
      value: typeof value === 'string' ? value : JSON.stringify(value),
    }))
    await intruder.commit({ when: [], do: operations })
    await cluster.settle()
  }
  return { cluster, hosts, network, put }
}

const host = (more: object = {}): object => ({
  version: 1,
  id: ID('c'),
  name: 'zed',
  advertise: '192.0.2.77',
  udpPort: 4789,
  started: '',
  ...more,
})

const endpoint = (network: string, more: object = {}): object => ({
  version: 1,
  id: ID('e'),
  network,
  host: 'zed',
  sandbox: { id: ID('5'), name: 'evil', labels: {} },
  mac: '02:42:00:00:00:99',
  ipv4: '10.0.1.200',
  names: [{ text: 'evil', kind: 'sandbox' }],
  ports: [],
  routerMac: '02:42:00:00:00:98',
  ...more,
})

const network = (number: number, more: object = {}): object => ({
  version: 1,
  id: ID('b', number),
  name: `other${number}`,
  created: '',
  internal: false,
  attachable: true,
  enableIPv4: true,
  enableIPv6: false,
  vni: 5000 + number,
  pools: [pool(`10.0.${100 + number}.0/24`, `10.0.${100 + number}.1`)],
  options: { vni: `${5000 + number}` },
  labels: {},
  ...more,
})

const pool = (subnet: string, gateway: string, family = 4): object => ({
  family,
  subnet,
  gateway,
  gatewayGiven: true,
  subnetGiven: true,
  auxiliary: {},
})

const service = (of: string, number: number, more: object = {}): object => ({
  version: 1,
  id: ID('a', number),
  name: `service${number}`,
  created: '',
  network: of,
  endpointMode: 'vip',
  virtualIp: '10.0.1.1',
  replicasOf: [],
  endpoints: ['web', 'db'],
  ports: [{ protocol: 'tcp', published: 8000 + number, target: 80, mode: 'ingress' }],
  labels: {},
  ...more,
})

const claim = (owner: string): object => ({ version: 1, host: ID('c'), owner })

/** Rejections that nobody deals with would end a daemon. */
function withoutRejections(t: TestContext): () => void {
  const rejected: unknown[] = []
  const note = (error: unknown): void => void rejected.push(error)
  process.on('unhandledRejection', note)
  t.after(() => process.off('unhandledRejection', note))
  return () => assert.deepEqual(rejected, [])
}

describe('in a registry with what no Tapwire has put there', () => {
  it('an endpoint has no address that it has not claimed, nor the gateway', async () => {
    const { hosts, network: lan, put } = await scene()
    const before = hosts[0]!.stations()
    const web = hosts[0]!.addressOf('web', 'lan')
    await put({
      'hosts/zed': host(),
      [`endpoints/${lan}/${ID('e')}`]: endpoint(lan),
      [`endpoints/${lan}/${ID('e', 1)}`]: endpoint(lan, { id: ID('e', 1), ipv4: web }),
      [`endpoints/${lan}/${ID('e', 2)}`]: endpoint(lan, { id: ID('e', 2), ipv4: '10.0.1.1' }),
      [`addresses/${lan}/10.0.1.1`]: claim(ID('e', 2)),
      [`endpoints/${lan}/${ID('e', 3)}`]: endpoint(lan, { id: ID('e', 3), ipv4: '10.9.9.9' }),
      [`addresses/${lan}/10.9.9.9`]: claim(ID('e', 3)),
    })
    assert.deepEqual(hosts[0]!.stations(), before)
    await put({ [`addresses/${lan}/10.0.1.200`]: claim(ID('e')) })
    const came = hosts[0]!.stations().filter((station) => !before.includes(station))
    assert.deepEqual(came, ['4096 02:42:00:00:00:99 192.0.2.77 10.0.1.200'])
    await put({ [`addresses/${lan}/10.0.1.200`]: claim(ID('f')) })
    assert.deepEqual(hosts[0]!.stations(), before, 'it has lost it')
  })

  it('a service has no address that it has not claimed, nor the gateway', async () => {
    const { hosts, network: lan, put } = await scene()
    const addresses = ['10.0.1.1', hosts[1]!.addressOf('db', 'lan'), '10.0.1.50', '99.1.1.1', 'fd00::1']
    for (const [number, virtualIp] of addresses.entries()) {
      await put({ [`services/${ID('a', number)}`]: service(lan, number, { virtualIp }) })
    }
    await put({ [`addresses/${lan}/10.0.1.1`]: claim(ID('a', 0)) })
    for (const { daemon, controller } of hosts) {
      assert.deepEqual([...daemon.fabric.services.values()], [])
      assert.equal(
        controller.inspectService('service0').Problem,
        'its virtual address 10.0.1.1 is not its own',
      )
    }
    await put({ [`addresses/${lan}/10.0.1.50`]: claim(ID('a', 2)) })
    assert.deepEqual(
      [...hosts[0]!.daemon.fabric.services.values()].map(({ address }) => address),
      ['10.0.1.50'],
    )
  })

  it('a network that this host cannot read stays on it', async () => {
    const { cluster, hosts, network: lan, put } = await scene()
    const key = `networks/${lan}`
    const [{ value } = { value: '' }] = (await cluster.server.connect().list(PREFIX + key)).entries
    const newer = JSON.stringify({ ...(JSON.parse(value) as object), version: 2 })
    const address = hosts[0]!.addressOf('web', 'lan')
    for (const unreadable of [newer, 'garbage']) {
      await put({ [key]: unreadable })
      await cluster.pass(30_000)
      assert.equal(hosts[0]!.addressOf('web', 'lan'), address)
      hosts[0]!.kill()
      await hosts[0]!.boot()
      await cluster.pass(30_000)
      assert.equal(hosts[0]!.addressOf('web', 'lan'), address, 'nor is it given up by the next daemon')
    }
    await put({ [key]: value })
    await cluster.pass(30_000)
    cluster.assertAgreement()
    await put({ [key]: 'garbage' })
    await cluster.server.connect().commit({ when: [], do: [{ delete: PREFIX + key }] })
    await cluster.pass(30_000)
    assert.equal(hosts[0]!.addressOf('web', 'lan'), '', 'it is gone when it is')
  })

  it('networks that overlap keep nobody from making another one', async () => {
    const { cluster, hosts, put } = await scene()
    await put({
      [`networks/${ID('b', 1)}`]: network(1, { pools: [pool('10.0.1.0/24', '10.0.1.1')] }),
      [`networks/${ID('b', 2)}`]: network(2, { pools: [pool('10.0.2.0/23', '99.9.9.9')] }),
    })
    const { Id } = await cluster.run(hosts[0]!.controller.createNetwork({ Name: 'more', Driver: 'overlay' }))
    assert.equal(hosts[0]!.controller.inspectNetwork(Id).IPAM.Config?.[0]?.Subnet, '10.0.4.0/24')
  })

  it('nothing stops a host', async (t) => {
    const assertNone = withoutRejections(t)
    const { cluster, hosts, network: lan, put } = await scene()
    const [own] = [...hosts[0]!.controller.cluster!.endpoints(lan).values()]
    const endpoints = [
      ...['0.0.0.0', '255.255.255.255', '224.0.0.1', '10.0.1.0', '10.0.1.255'].map((ipv4) => ({ ipv4 })),
      ...[{ ipv6: 'fe80::1' }, { ipv6: '::' }, { ipv4: undefined }, { host: 'nobody' }, { host: 'a' }],
      ...[
        { mac: own!.mac },
        { mac: '02:42:0a:00:01:01' },
        { routerMac: own!.mac },
        { mac: '00:00:00:00:00:00' },
      ],
      ...[{ names: [{ text: 'web', kind: 'sandbox' }] }, { ports: [{ protocol: 'tcp', first: 9, last: 2 }] }],
    ]
    for (const [number, more] of endpoints.entries()) {
      const id = ID('e', number)
      const { ipv4 = `10.0.1.${150 + number}` } = more as { ipv4?: string }
      await put({
        [`endpoints/${lan}/${id}`]: endpoint(lan, { id, ipv4, ...more }),
        [`addresses/${lan}/${ipv4}`]: claim(id),
      })
    }
    const addresses = [
      '192.0.2.1',
      '0.0.0.0',
      '::1',
      '255.255.255.255',
      '224.0.0.1',
      '127.0.0.1',
      '192.0.2.2',
    ]
    for (const advertise of addresses) await put({ 'hosts/zed': host({ advertise }) })
    const networks = [
      ...[{ pools: [] }, { name: 'lan' }, { name: 'bridge' }, { vni: 4096, options: { vni: '4096' } }],
      ...[{ options: {} }, { options: { vni: 'x', mtu: '99999999', 'tapwire.uplink': 'eth0' } }],
      ...[
        pool('10.0.8.0/24', '10.0.8.1', 6),
        pool('0.0.0.0/0', '0.0.0.0'),
        pool('fd00::/64', '10.0.1.1'),
      ].map((one) => ({ pools: [one] })),
      ...[{ pools: [pool('10.0.10.0/32', '10.0.10.0')] }, { enableIPv4: false }, { id: ID('f') }],
    ]
    for (const [number, more] of networks.entries()) {
      await put({ [`networks/${ID('b', number)}`]: network(number, more) })
    }
    const services = [
      ...[
        { virtualIp: '' },
        { endpointMode: 'dnsrr', virtualIp: '' },
        { network: ID('9') },
        { name: 'tasks.web' },
      ],
      ...[{ ports: [{ protocol: 'tcp', published: 0, target: 1, mode: 'ingress' }] }],
    ]
    for (const [number, more] of services.entries()) {
      await put({ [`services/${ID('a', number)}`]: service(lan, number, more) })
    }
    for (const key of [
      'hosts/../x',
      'hosts//',
      'networks/__proto__',
      `addresses/${lan}/..`,
      'networks-changed',
    ]) {
      await put({ [key]: 'x'.repeat(300_000) })
    }
    await put({
      'endpoints/__proto__/constructor': endpoint(lan),
      [`addresses/__proto__/10.0.1.1`]: claim(''),
    })
    await cluster.pass(60_000)
    assertNone()
    for (const one of hosts) {
      assert.equal(one.controller.clusterStatus()!.state, 'member')
      assert.ok(
        one.daemon.warnings.length < 100,
        `${one.daemon.warnings.length} lines in the log of ${one.name}`,
      )
    }
    await hosts[1]!.start('more', 'lan')
    assert.notEqual(hosts[1]!.addressOf('more', 'lan'), '')
  })
})

describe('a host of a cluster', () => {
  it('tells once of what cannot be told to its switch, however often it is tried', async () => {
    const { cluster, hosts } = await scene()
    const { fabric, warnings } = hosts[0]!.daemon
    fabric.setRemote = () => Promise.reject(new Error('there is no room'))
    for (const name of ['c1', 'c2', 'c3']) await hosts[1]!.start(name, 'lan')
    await cluster.pass(120_000)
    assert.deepEqual(
      warnings.filter((text) => /could not be told/.test(text)),
      ['an endpoint of another host on network lan could not be told'],
    )
  })

  it('is not there twice where its root was copied, also where both come at the same time', async () => {
    const cluster = new MemoryCluster()
    const original = cluster.add()
    await original.boot()
    original.kill()
    await cluster.pass(60_000)
    const copy = cluster.add()
    copy.machine.disk = structuredClone(original.machine.disk)
    cluster.server.delayMs = 100
    await Promise.all([cluster.run(original.boot()), cluster.run(copy.boot())])
    await cluster.pass(5000)
    const states = [original, copy].map(({ controller }) => controller.clusterStatus()!)
    assert.deepEqual(states.map(({ state }) => state).toSorted(), ['member', 'refused'])
    assert.match(states.find(({ problem }) => problem !== '')!.problem, /has the id of this host/)
  })

  it('ends in bounded time while its registry hangs', async () => {
    const { cluster, hosts } = await scene()
    cluster.server.delayMs = 3_600_000
    await cluster.run(hosts[0]!.controller.shutdown({ liveRestore: false }), 5000)
  })

  it('says why it cannot follow what the registry holds, once', async () => {
    const cluster = new MemoryCluster()
    const one = cluster.add()
    await one.boot(one.name, (registry) => {
      registry.list = () =>
        Promise.reject(new TapwireError(ErrorCode.limitReached, 'there is too much of it'))
    })
    await cluster.pass(120_000)
    assert.deepEqual(one.daemon.warnings, ['what the registry of cluster test holds cannot be followed'])
  })

  it('is not forgotten while it comes back', async () => {
    for (let ms = 0; ms <= 600; ms += 50) {
      const { cluster, hosts, network: lan } = await scene()
      const [one, two] = hosts
      const claimed = `${PREFIX}addresses/${lan}/${two!.addressOf('db', 'lan')}`
      two!.kill()
      await cluster.pass(30_000)
      const told: string[] = []
      cluster.server.connect().watch(PREFIX, cluster.server.revision + 1, {
        changed: (changes) => {
          for (const change of changes) {
            if (change.kind === 'delete' && change.key === claimed) told.push('forgotten')
            if (change.kind === 'put' && change.entry.key === `${PREFIX}hosts/b`) told.push('back')
          }
        },
        lost: () => undefined,
      })
      cluster.server.delayMs = 100
      const booted = two!.boot()
      await cluster.pass(ms)
      const forgotten = one!.controller.forgetHost('b').catch((error: TapwireError) => {
        assert.equal(error.code, ErrorCode.hostPresent)
      })
      await cluster.run(Promise.all([booted, forgotten]))
      await cluster.pass(5000)
      assert.ok(['back', 'forgotten,back'].includes(String(told)), `${ms} ms behind its start: ${told}`)
      cluster.assertAgreement()
    }
  })
})
