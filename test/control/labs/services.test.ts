/** Services of labs come, change and go: on the real control plane, and on that of each host of a cluster. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { stringify } from 'yaml'
import type { LabHosts } from '../../../src/control/labs/labs.ts'
import { randomRuns } from '../../support/random-runs.ts'
import { LabBench, StepList } from './lab-bench.ts'

const lab = (services: string, network = 'subnet: 10.1.0.0/24', more = ''): string => `
networks: { web: { ${network} }, back: }
sandboxes:
  alice: { networks: [web, back], labels: { app: shop } }
  bob: { networks: [web], labels: { app: shop } }
${more}
services: ${services}
`
const SHOP = '{ shop: { network: web, replicas_of: app=shop, ports: ["5000:80"] } }'

/** `shop web 10.1.0.254 vip 5000:80/tcp: alice bob` for each. */
function services(bench: LabBench): string[] {
  return bench.daemon.controller
    .listServices({})
    .map(({ Name, Network, VirtualIP, EndpointMode, Ports, Tasks }) => {
      const ports = Ports.map((port) => `${port.PublishedPort}:${port.TargetPort}/${port.Protocol}`)
      const backends = Tasks.map((task) => task.Name).toSorted()
      const place = VirtualIP === '' ? '-' : VirtualIP.replace(/\/.*/, '')
      return `${Name} ${Network.Name} ${place} ${EndpointMode} ${ports.join(',')}: ${backends.join(' ')}`
    })
    .toSorted()
}

const serviceId = (bench: LabBench, name = 'shop'): string => bench.daemon.controller.inspectService(name).ID

describe('a lab with services', () => {
  it('makes them with all else, has nothing to do then, and goes down with them', async () => {
    const bench = await LabBench.start()
    const steps = new StepList()
    assert.deepEqual(await bench.up(lab(SHOP), 'lab', steps), [
      'create network web',
      'create network back',
      'create service shop',
      'create sandbox alice',
      'create sandbox bob',
    ])
    assert.deepEqual(steps.told, ['Make 2 networks', 'Make 1 service', 'Make 2 sandboxes'])
    assert.deepEqual(services(bench), ['shop web 10.1.0.254 vip 5000:80/tcp: alice bob'])
    assert.deepEqual(bench.labs.status('lab').services, [
      {
        name: 'shop',
        id: serviceId(bench),
        network: 'web',
        endpointMode: 'vip',
        address: '10.1.0.254',
        ports: [{ protocol: 'tcp', target: 80, published: 5000, mode: 'ingress' }],
      },
    ])
    assert.deepEqual(await bench.up(lab(SHOP)), [])
    const down = new StepList()
    await bench.down('lab', down)
    assert.deepEqual(down.told, ['Remove 1 service', 'Remove 2 sandboxes', 'Remove 2 networks'])
    assert.deepEqual(services(bench), [])
    assert.deepEqual(bench.labs.list(), [])
  })

  it('changes what can change while a service lives', async () => {
    const bench = await LabBench.start()
    await bench.up(lab(SHOP))
    const id = serviceId(bench)
    const other = lab(
      '{ shop: { network: web, replicas_of: [nobody, x], endpoints: [bob], ports: ["5001:80", "5000:81"], labels: { a: b } } }',
    )
    assert.deepEqual(await bench.up(other), [
      'change service shop (its ports have changed, its sandboxes have changed, its labels have changed)',
    ])
    assert.deepEqual(services(bench), ['shop web 10.1.0.254 vip 5001:80/tcp,5000:81/tcp: bob'])
    assert.deepEqual(await bench.up(other), [])
    assert.deepEqual(bench.daemon.controller.inspectService('shop').Labels, { a: 'b', 'tapwire.lab': 'lab' })
    assert.deepEqual(await bench.up(lab(SHOP)), [
      'change service shop (its ports have changed, its sandboxes have changed, its labels have changed)',
    ])
    assert.deepEqual(services(bench), ['shop web 10.1.0.254 vip 5000:80/tcp: alice bob'])
    await bench.daemon.controller.updateService('shop', { PublishRm: [{ TargetPort: 80 }] })
    assert.deepEqual(await bench.up(lab(SHOP)), ['change service shop (its ports have changed)'])
    assert.equal(serviceId(bench), id)
  })

  it('makes anew what cannot change', async () => {
    const bench = await LabBench.start()
    await bench.up(lab(SHOP))
    const one = (settings: string): string => lab(`{ shop: { replicas_of: app=shop, ${settings} } }`)
    for (const [settings, reason, after] of [
      ['network: back', 'its network has changed', 'shop back 10.1.1.254 vip : alice'],
      ['network: back, endpoint_mode: dnsrr', 'its endpoint mode has changed', 'shop back - dnsrr : alice'],
      ['network: web', 'its network has changed', 'shop web 10.1.0.254 vip : alice bob'],
      ['network: web, address: 10.1.0.9', 'its address has changed', 'shop web 10.1.0.9 vip : alice bob'],
    ]) {
      const id = serviceId(bench)
      assert.deepEqual(await bench.up(one(settings!)), [`recreate service shop (${reason})`])
      assert.deepEqual(services(bench), [after])
      assert.notEqual(serviceId(bench), id)
    }
    const done = await bench.up(lab(SHOP, 'subnet: 10.7.0.0/24'))
    assert.ok(done.includes('recreate service shop (the network is made anew)'), done.join('\n'))
    assert.deepEqual(services(bench), ['shop web 10.7.0.254 vip 5000:80/tcp: alice bob'])
  })

  it('lets services and sandboxes change their ports with one another', async () => {
    const bench = await LabBench.start()
    const two = (a: number, b: number, more = ''): string =>
      lab(
        `{ aa: { network: web, replicas_of: app, ports: ["${a}:80"] }, bb: { network: web, replicas_of: app, ports: ["${b}:80"] } }`,
        undefined,
        more,
      )
    await bench.up(two(5000, 5001))
    const steps = new StepList()
    await bench.up(two(5001, 5000), 'lab', steps)
    assert.deepEqual(steps.told, ['Take ports from 2 services', 'Change 2 services'])
    assert.deepEqual(
      services(bench).map((text) => text.split(' ')[4]),
      ['5001:80/tcp:', '5000:80/tcp:'],
    )
    await bench.up(two(5002, 5000, '  carol: { networks: [web], ports: ["5001:80"] }'))
    await bench.up(two(5001, 5000))
    assert.deepEqual(await bench.plan(two(5001, 5000)), [])
  })

  it('chooses ports that are not said, when all others are given, and keeps them', async () => {
    const bench = await LabBench.start()
    const text = lab(
      '{ aa: { network: web, replicas_of: app, ports: ["80", "81", { target: 80, published: 30001 }] }, bb: { network: web, replicas_of: app, ports: ["30000:80"] } }',
      undefined,
      '  carol: { networks: [web], ports: ["30002:80"] }',
    )
    const steps = new StepList()
    await bench.up(text, 'lab', steps)
    assert.deepEqual(steps.told, ['Make 2 networks', 'Make 1 service', 'Make 3 sandboxes', 'Make 1 service'])
    assert.match(services(bench)[0]!, / 30003:80\/tcp,30004:81\/tcp,30001:80\/tcp:/)
    assert.deepEqual(await bench.up(text), [])
    assert.deepEqual(await bench.up(text.replace(', "81"', '').replace('30001', '30005')), [
      'change service aa (its ports have changed)',
    ])
    assert.match(services(bench)[0]!, / 30003:80\/tcp,30005:80\/tcp:/)
    const asked = text.replace(', "81"', '').replace('30001', '30005').replace('30000', '30003')
    assert.deepEqual((await bench.up(asked)).length, 2, 'one that is chosen gives way to one that is given')
    assert.match(services(bench).join(' '), / 30005:80\/tcp,30000:80\/tcp: .* 30003:80\/tcp:/)
    assert.deepEqual(await bench.up(asked), [])
  })

  it('does nothing where others have what it wants, or are on what has to go', async () => {
    const bench = await LabBench.start()
    await bench.daemon.controller.createNetwork({ Name: 'theirs' })
    await bench.daemon.controller.createService({ Name: 'shop', Network: 'theirs', ReplicasOf: ['x'] })
    await assert.rejects(bench.up(lab(SHOP)), {
      message:
        "Lab 'lab' is in conflict with what is there: there is a service 'shop' which no lab has made.",
    })
    assert.deepEqual(bench.labs.list(), [])
    await bench.up(lab(SHOP.replace('shop:', 'mine:')))
    await bench.daemon.controller.createService({ Name: 'guest', Network: 'web', ReplicasOf: ['x'] })
    await assert.rejects(bench.up(lab(SHOP.replace('shop:', 'mine:'), 'subnet: 10.7.0.0/24')), {
      message: /: network 'web' has to go, and service 'guest' which no lab has made is on it\.$/,
    })
    await assert.rejects(bench.down(), {
      message:
        "Lab 'lab' cannot be taken down: network 'web' has to go, and service 'guest' which no lab has made is on it.",
      hint: 'Remove it first with `tapwire service rm SERVICE`.',
    })
    await bench.daemon.controller.removeService('guest')
    await bench.down()
    assert.deepEqual(services(bench), ['shop theirs 172.18.0.2 vip : '])
  })

  it('says what is not done where a step fails, and goes on from there', async () => {
    const bench = await LabBench.start()
    await bench.daemon.controller.createSandbox('other', {
      Cmd: ['serve'],
      ExposedPorts: { '80/tcp': {} },
      HostConfig: { PortBindings: { '80/tcp': [{ HostIp: '', HostPort: '5000' }] } },
    })
    await bench.daemon.controller.startSandbox('other')
    await assert.rejects(bench.up(lab(SHOP)), {
      message:
        /^Lab 'lab' is as wanted only in part: could not make service shop: .*port is already allocated/,
      hint: /; not done: make service shop, make sandbox alice, make sandbox bob\. /,
    })
    await bench.daemon.controller.removeSandbox('other', { force: true })
    assert.deepEqual(await bench.up(lab(SHOP)), [
      'create service shop',
      'create sandbox alice',
      'create sandbox bob',
    ])
  })

  it('takes up what was made by hand', async () => {
    const bench = await LabBench.start()
    const { controller } = bench.daemon
    await controller.createNetwork({ Name: 'web' })
    const { Id } = await controller.createSandbox('alice', { HostConfig: { NetworkMode: 'web' } })
    await controller.startSandbox('alice')
    await controller.createService({
      Name: 'shop',
      Network: 'web',
      Endpoints: [Id, 'gone'],
      Labels: { a: 'b' },
    })
    await controller.createService({ Name: 'lost', Network: 'web', Endpoints: ['gone'] })
    const text = await bench.labs.save(undefined)
    assert.equal(
      text,
      `# WARNING: Service lost is saved in part: there is no sandbox gone.
# WARNING: Service shop is saved in part: there is no sandbox gone.
# WARNING: Service lost is left out: service 'lost' has no sandboxes that serve; say whose with replicas_of or endpoints.
networks:
  web:
    subnet: 172.18.0.0/16
sandboxes:
  alice:
    networks:
      web:
        address: 172.18.0.2
services:
  shop:
    network: web
    endpoints:
      - alice
    address: 172.18.0.3
    labels:
      a: b
`,
    )
  })
})

const cluster = (services: string, web = '10.81.0.0/24', host = ''): string => `
hosts:
  left: { ${host} networks: { inner: }, sandboxes: { alice: { networks: [web, inner], labels: { app: shop } } } }
  right: { sandboxes: { bob: { networks: [web], labels: { app: shop } } } }
links: [{ between: [left, right], subnet: 10.9.0.0/24 }]
cluster: { networks: { web: { subnet: ${web} } } }
${services === '' ? '' : `services: ${services}`}
`

describe('a lab with a cluster that has services', () => {
  const insideOf = (bench: LabBench, host: string): LabBench =>
    (bench.hosts satisfies LabHosts).benches.get(`lab.${host}`)!

  it('has them on all hosts, made by one; they change and go while the hosts go on', async () => {
    const bench = await LabBench.start()
    const done = await bench.up(cluster(SHOP))
    assert.deepEqual(
      done.filter((action) => action.includes('service')),
      ['left: create service shop'],
    )
    const all = 'shop web 10.81.0.254 vip 5000:80/tcp: alice bob'
    assert.deepEqual([services(insideOf(bench, 'left')), services(insideOf(bench, 'right'))], [[all], [all]])
    assert.deepEqual(await bench.up(cluster(SHOP)), [])
    const remade = await bench.up(cluster(SHOP.replace('5000', '5001'), '10.82.0.0/24'))
    assert.deepEqual(
      remade.filter((action) => action.includes('service')),
      ['left: recreate service shop (the network is made anew)'],
    )
    assert.deepEqual(services(insideOf(bench, 'right')), ['shop web 10.82.0.254 vip 5001:80/tcp: alice bob'])
    assert.deepEqual(await bench.plan(cluster(SHOP.replace('5000', '5001'), '10.82.0.0/24')), [])
    assert.deepEqual(await bench.up(cluster('', '10.82.0.0/24')), ['left: remove service shop'])
    assert.deepEqual(services(insideOf(bench, 'right')), [])
  })

  it('is saved as a file that means the same, with those of its hosts', async () => {
    const bench = await LabBench.start()
    const text = cluster(
      '{ shop: { network: web, endpoints: [alice, bob], ports: ["5000:80"] } }',
      undefined,
      'services: { near: { network: inner, endpoints: [alice] } },',
    )
    await bench.up(text)
    const saved = await bench.labs.save('lab')
    assert.match(saved, /^services:\n {2}shop:\n {4}network: web\n {4}endpoints:\n {6}- alice\n {6}- bob\n/m)
    assert.match(saved, /^ {4}services:\n {6}near:\n {8}network: inner\n/m)
    assert.doesNotMatch(saved, /WARNING/)
    assert.deepEqual(await bench.plan(saved), [])
    const other = await LabBench.start()
    await other.up(saved)
    assert.equal(await other.labs.save('lab'), saved)
  })

  it('leaves nothing in a registry that outlives it', async () => {
    const bench = await LabBench.start()
    await bench.up(cluster(SHOP).replace('cluster: {', 'cluster: { registry: etcd://10.9.0.99:2379/blue,'))
    const keys = async (): Promise<string[]> => {
      const { entries } = await bench.hosts.registries.connect().list('/')
      return entries.map(({ key }) => key).filter((key) => /\/(?:services|addresses)\//.test(key))
    }
    assert.notDeepEqual(await keys(), [])
    await bench.down()
    assert.deepEqual(await keys(), [])
  })
})

describe('any services', () => {
  const port = fc.constantFrom<unknown>('80', '81/udp', '@0:80', '@1:80', '@1:81', '@2:53/udp', {
    target: 80,
    mode: 'host',
  })
  const service = fc.record(
    {
      network: fc.constantFrom('web', 'back'),
      replicas_of: fc.constantFrom<unknown>('app=shop', 'app', ['app=shop', 'x']),
      endpoints: fc.subarray(['alice', 'bob']),
      ports: fc.uniqueArray(port, { maxLength: 3, selector: (one) => JSON.stringify(one).slice(0, 3) }),
      labels: fc.constantFrom({ tier: 'front' }, {}),
    },
    { requiredKeys: ['network', 'replicas_of'] },
  )
  /** Ports that are given are in the hundred of a service, which is another one's in another file. */
  const services = fc
    .tuple(fc.array(service, { minLength: 1, maxLength: 3 }), fc.nat(2))
    .map(([list, shift]) =>
      Object.fromEntries(
        list.map((one, index) => [
          `s${index}`,
          JSON.parse(JSON.stringify(one).replaceAll('@', `5${(index + shift) % 3}0`)) as unknown,
        ]),
      ),
    )

  it('become any other ones, and then there is nothing left to do; a file that is saved says the same', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(services, { minLength: 2, maxLength: 3 }), async (files) => {
        const bench = await LabBench.start()
        for (const file of files) {
          const text = lab(stringify(file).replaceAll(/^/gm, '  ').replace(/^/, '\n'))
          const planned = await bench.plan(text)
          assert.deepEqual(await bench.up(text), planned)
          assert.deepEqual(await bench.plan(text), [])
          const saved = await bench.labs.save('lab')
          assert.deepEqual(await bench.plan(saved), [])
          const other = await LabBench.start()
          await other.up(saved)
          assert.equal(await other.labs.save('lab'), saved)
        }
        await bench.down()
        assert.deepEqual(bench.daemon.controller.listServices({}), [])
      }),
      { numRuns: randomRuns(20) },
    )
  })
})
