import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ServiceCreate } from '../../../src/control/api/service.ts'
import { SERVICES_MAX } from '../../../src/limits.ts'
import { type Daemon, MemoryMachine, settled } from './memory-machine.ts'

const WEB: ServiceCreate = { Name: 'web', ReplicasOf: ['app=web'] }
const PUBLISHED: ServiceCreate = { ...WEB, Ports: [{ TargetPort: 80, PublishedPort: 5000 }] }

/** Network front, 10.1.0.0/24; sandboxes a1 and b1 (10.1.0.2 and 3) have the label app=web, c1 (10.1.0.4) has none. */
async function booted(): Promise<{ machine: MemoryMachine; daemon: Daemon }> {
  const machine = new MemoryMachine()
  const daemon = await machine.boot()
  await daemon.controller.createNetwork({ Name: 'front', IPAM: { Config: [{ Subnet: '10.1.0.0/24' }] } })
  await run(daemon, 'a1', { app: 'web' })
  await run(daemon, 'b1', { app: 'web' })
  await run(daemon, 'c1', {})
  return { machine, daemon }
}

async function run({ controller }: Daemon, name: string, Labels: Record<string, string>): Promise<string> {
  const HostConfig = { NetworkMode: 'front' }
  const { Id } = await controller.createSandbox(name, { Cmd: ['serve'], HostConfig, Labels })
  await controller.startSandbox(Id)
  await settled()
  return Id
}

/** `10.1.0.5: 10.1.0.2 10.1.0.3` for each. */
const switched = ({ fabric }: Daemon): string[] =>
  [...fabric.services.values()].map(
    ({ address, backends }) => `${address}: ${backends.map((backend) => backend.address).join(' ')}`,
  )

/** `web 10.1.0.5` for each name that is a service's. */
const named = ({ fabric }: Daemon): string[] =>
  [...fabric.namedHosts.values()]
    .flatMap(({ ipv4, names }) => names.map(({ text }) => `${text} ${ipv4}`))
    .filter((text) => /web/.test(text))
    .toSorted()

const published = ({ fabric }: Daemon): string[] =>
  [...fabric.published.values()].map(
    ({ protocol, first, target }) => `${first}/${protocol} ${target.address}:${target.first} ${target.port}`,
  )

const reserved = ({ hostPorts }: Daemon): string[] =>
  [...hostPorts.reservations].map(({ first, target }) => `${first} ${target.address}:${target.first}`)

const fails = (promise: Promise<unknown>, message: string | RegExp): Promise<void> =>
  assert.rejects(promise, { message })

describe('a service', () => {
  it('can be the destination of a packet that is explained, by its name', async () => {
    const { daemon } = await booted()
    await daemon.controller.createService(WEB)
    const { packet } = await daemon.controller.explain({ source: 'c1', destination: 'web', port: 80 })
    assert.equal(packet.destination, '10.1.0.5')
    const unknown = daemon.controller.explain({ source: 'c1', destination: 'shop', port: 80 })
    await fails(unknown, 'No such container: shop')
  })

  it('without a virtual address is explained as DNS answers: to the first backend that it names', async () => {
    const { daemon } = await booted()
    const { controller, fabric } = daemon
    await controller.createService({ ...WEB, EndpointMode: 'dnsrr' })
    const record = (data: string) => ({ name: 'web.', type: 'A', ttlS: 600, data })
    const answers = [record('10.1.0.3'), record('10.1.0.2')]
    const steps = [
      { stage: 'names', verdict: 'match', values: { name: 'web', kind: 'alias', domain: 1, host: 9 } },
    ]
    for (const name of ['web', 'tasks.web', 'web@front']) {
      fabric.resolution = { ...fabric.resolution, rcode: 'NOERROR', verdict: 'answered', answers, steps }
      const told = await controller.explain({ source: 'c1', destination: name, port: 80 })
      assert.equal(told.packet.destination, '10.1.0.3')
      assert.equal(fabric.questions.at(-1)!.name, name.replace('@', '.'))
      const [match, choose, kernel] = told.steps
      assert.equal(match!.values['kind'], 'service')
      assert.deepEqual(choose!.values, {
        address: '10.1.0.3',
        sandbox: 'b1',
        host: '',
        addresses: '10.1.0.3, 10.1.0.2',
        more: 0,
        answers: 2,
        next: '10.1.0.2',
      })
      assert.deepEqual([kernel!.stage, kernel!.values['nextHop']], ['kernel', '10.1.0.3'])
    }
  })
  it('without a virtual address has none that could be explained to, where DNS has none', async () => {
    const { daemon } = await booted()
    const { controller, fabric } = daemon
    await controller.createNetwork({ Name: 'back' })
    await controller.createSandbox('far', { Cmd: ['serve'], HostConfig: { NetworkMode: 'back' } })
    await controller.startSandbox('far')
    await controller.createService({ ...WEB, EndpointMode: 'dnsrr' })
    const none: ServiceCreate = { ...WEB, Name: 'none', ReplicasOf: ['app=none'], Network: 'front' }
    await controller.createService({ ...none, EndpointMode: 'dnsrr' })
    const explain = (source: string, destination: string) => controller.explain({ source, destination })
    await fails(explain('far', 'web'), 'container far is not on network front, where the name web is known')
    await fails(
      explain('c1', 'tasks.none'),
      /service none has no backend, so DNS has no address for the name tasks.none/,
    )
    await controller.setUplink('tap:up0,address=203.0.113.10/24,gateway=203.0.113.254')
    await fails(
      explain('internet', 'web'),
      /known to sandboxes on network front alone, and the packet comes from outside/,
    )
    assert.deepEqual(fabric.questions, [], 'nobody was asked')
  })
  it('that has published a port where no backend is says so', async () => {
    const { daemon } = await booted()
    const { controller, fabric } = daemon
    await controller.setUplink('tap:up0,address=203.0.113.10/24,gateway=203.0.113.254')
    const Ports = [{ TargetPort: 80, PublishedPort: 5000, PublishMode: 'host' as const }]
    await controller.createService({ Name: 'none', ReplicasOf: ['app=none'], Network: 'front', Ports })
    fabric.router.explain = () => [{ stage: 'policy', verdict: 'drop', reason: 'not-ours', values: {} }]
    const told = async (port: number) => {
      const { steps, outcome } = await controller.explain({ source: 'internet', destination: 'uplink', port })
      assert.equal(outcome, 'dropped')
      return steps.at(-1)!
    }
    assert.deepEqual((await told(5000)).values, {
      service: 'none',
      mode: 'host',
      problem: 'none of its backends is on this host',
      port: 5000,
    })
    assert.equal((await told(5001)).stage, 'policy')
  })
  it('has an address of its network, the sandboxes with its label for backends, and names for all of that', async () => {
    const { daemon } = await booted()
    await daemon.controller.createService(WEB)
    assert.deepEqual(switched(daemon), ['10.1.0.5: 10.1.0.2 10.1.0.3'])
    assert.deepEqual(named(daemon), ['tasks.web 10.1.0.2', 'tasks.web 10.1.0.3', 'web 10.1.0.5'])
    const { Network, VirtualIP, Scope, Tasks, Problem } = daemon.controller.inspectService('web')
    assert.deepEqual([Network.Name, VirtualIP, Scope, Problem], ['front', '10.1.0.5/24', 'local', ''])
    assert.deepEqual(
      Tasks.map(({ Name, Address }) => [Name, Address]),
      [
        ['a1', '10.1.0.2'],
        ['b1', '10.1.0.3'],
      ],
    )
    assert.deepEqual(daemon.events.at(-1)?.Action, 'create')
    const { records } = daemon.controller.dnsRecords('front')
    assert.deepEqual(
      records
        .filter(({ kind }) => kind === 'service')
        .map(({ name, sandbox, ipv4 }) => [name, sandbox, ipv4]),
      [
        ['web', '', '10.1.0.5'],
        ['tasks.web', 'a1', '10.1.0.2'],
        ['tasks.web', 'b1', '10.1.0.3'],
      ],
    )
  })
  it('follows its backends: those that come, end, and are named', async () => {
    const { daemon } = await booted()
    await daemon.controller.createService({ ...WEB, Endpoints: ['c1'] })
    assert.deepEqual(switched(daemon), ['10.1.0.5: 10.1.0.2 10.1.0.3 10.1.0.4'])
    await daemon.controller.stopSandbox('a1', {})
    await settled()
    assert.deepEqual(switched(daemon), ['10.1.0.5: 10.1.0.3 10.1.0.4'])
    await run(daemon, 'd1', { app: 'web' })
    assert.deepEqual(switched(daemon), ['10.1.0.5: 10.1.0.3 10.1.0.4 10.1.0.6'])
    await daemon.controller.renameSandbox('c1', 'other')
    await settled()
    assert.deepEqual(switched(daemon), ['10.1.0.5: 10.1.0.3 10.1.0.6'])
    await daemon.controller.disconnect('front', { Container: 'b1' })
    await settled()
    assert.deepEqual(switched(daemon), ['10.1.0.5: 10.1.0.6'])
    assert.deepEqual(named(daemon), ['tasks.web 10.1.0.6', 'web 10.1.0.5'])
  })
  it('has the address that it asks for, where that is one of its network and nobody has it', async () => {
    const { machine, daemon } = await booted()
    const asks = (VirtualIP: string, more: Partial<ServiceCreate> = {}): Promise<unknown> =>
      daemon.controller.createService({ ...WEB, Network: 'front', VirtualIP, ...more })
    await fails(asks('10.1.0.2'), 'Address already in use')
    await fails(asks('10.1.0.1'), 'Address already in use')
    await fails(asks('10.2.0.9'), 'requested address is out of range')
    await fails(asks('x'), 'invalid virtual address: x')
    await fails(asks('fd00::1'), 'invalid virtual address: fd00::1')
    await fails(asks('10.1.0.9', { EndpointMode: 'dnsrr' }), 'with dnsrr there is no virtual address')
    await asks('10.1.0.254')
    assert.deepEqual(switched(daemon), ['10.1.0.254: 10.1.0.2 10.1.0.3'])
    machine.die()
    assert.deepEqual(switched(await machine.boot()), ['10.1.0.254: 10.1.0.2 10.1.0.3'])
  })
  it('without a virtual address is a name for all of them', async () => {
    const { daemon } = await booted()
    await daemon.controller.createService({ ...WEB, EndpointMode: 'dnsrr' })
    assert.deepEqual(switched(daemon), [])
    assert.deepEqual(named(daemon), [
      'tasks.web 10.1.0.2',
      'tasks.web 10.1.0.3',
      'web 10.1.0.2',
      'web 10.1.0.3',
    ])
  })
  it('is taken away whole, and its address with it', async () => {
    const { daemon } = await booted()
    await daemon.controller.createService(PUBLISHED)
    await fails(daemon.controller.removeNetwork('front'), /network front is in use by service web/)
    await daemon.controller.removeService('web')
    assert.deepEqual([switched(daemon), named(daemon), published(daemon), reserved(daemon)], [[], [], [], []])
    await fails(daemon.controller.removeService('web'), 'service web not found')
    await daemon.controller.createService({ ...WEB, Name: 'again' })
    assert.equal(daemon.controller.inspectService('again').VirtualIP, '10.1.0.6/24')
  })
  it('is there again after a restart, with the same address', async () => {
    const { machine, daemon } = await booted()
    await daemon.controller.createService(PUBLISHED)
    machine.die()
    const next = await machine.boot()
    assert.deepEqual(switched(next), ['10.1.0.5: 10.1.0.2 10.1.0.3'])
    assert.deepEqual(published(next), ['5000/tcp 10.1.0.5:80 -1'])
    assert.equal(
      await run(next, 'd1', {}).then(
        (id) => next.controller.inspectSandbox(id).NetworkSettings.Networks['front']!.IPAddress,
      ),
      '10.1.0.6',
    )
  })
  it('is found by the beginning of its id, and by filters', async () => {
    const { daemon } = await booted()
    const { ID } = await daemon.controller.createService({ ...WEB, Labels: { tier: 'one' } })
    await daemon.controller.createService({ Name: 'db', Endpoints: ['c1'], EndpointMode: 'dnsrr' })
    assert.equal(daemon.controller.inspectService(ID.slice(0, 12)).Name, 'web')
    const names = (filters: Record<string, string[]>): string[] =>
      daemon.controller.listServices(filters).map(({ Name }) => Name)
    assert.deepEqual(names({}), ['web', 'db'])
    assert.deepEqual(names({ label: ['tier=one'] }), ['web'])
    assert.deepEqual(names({ mode: ['dnsrr'] }), ['db'])
    assert.deepEqual(names({ name: ['d'] }), ['db'])
  })
})

describe('published ports of a service', () => {
  it('lead to its address: the machine’s programs are led there as well', async () => {
    const { daemon } = await booted()
    await daemon.controller.createService(PUBLISHED)
    assert.deepEqual(published(daemon), ['5000/tcp 10.1.0.5:80 -1'])
    assert.deepEqual(reserved(daemon), ['5000 10.1.0.5:80'])
  })
  it('of mode host are there where a backend is, and lead to those of this host', async () => {
    const { daemon } = await booted()
    const Ports = [{ TargetPort: 80, PublishedPort: 5000, PublishMode: 'host' } as const]
    await daemon.controller.createService({ ...WEB, EndpointMode: 'dnsrr', Ports })
    assert.deepEqual(switched(daemon), ['0.0.0.1: 10.1.0.2 10.1.0.3'])
    assert.deepEqual(published(daemon), ['5000/tcp 0.0.0.1:80 -1'])
    assert.deepEqual(reserved(daemon), ['5000 10.1.0.2:80'])
    await daemon.controller.stopSandbox('a1', {})
    await settled()
    assert.deepEqual(reserved(daemon), ['5000 10.1.0.3:80'])
    await daemon.controller.stopSandbox('b1', {})
    await settled()
    assert.deepEqual([switched(daemon), published(daemon), reserved(daemon)], [[], [], []])
  })
  it('are changed one by one', async () => {
    const { daemon } = await booted()
    await daemon.controller.createService(PUBLISHED)
    const [before] = daemon.fabric.published.keys()
    await daemon.controller.updateService('web', { PublishAdd: [{ Protocol: 'udp', TargetPort: 53 }] })
    assert.deepEqual(published(daemon), ['5000/tcp 10.1.0.5:80 -1', '30000/udp 10.1.0.5:53 -1'])
    assert.ok(daemon.fabric.published.has(before!), 'what stays is left alone')
    await daemon.controller.updateService('web', { PublishRm: [{ TargetPort: 80 }] })
    assert.deepEqual(published(daemon), ['30000/udp 10.1.0.5:53 -1'])
    await fails(
      daemon.controller.updateService('web', { PublishRm: [{ TargetPort: 80 }] }),
      "no public port '80/tcp' published for web",
    )
  })
  it('that others have are refused in Docker’s words, and nothing is left', async () => {
    const { machine, daemon } = await booted()
    const { ID } = await daemon.controller.createService(PUBLISHED)
    const other = { ...PUBLISHED, Name: 'other' }
    await fails(
      daemon.controller.createService(other),
      `port '5000' is already in use by service 'web' (${ID}) as an ingress port`,
    )
    await daemon.controller.createSandbox('e1', {
      Cmd: ['serve'],
      HostConfig: { PortBindings: { '80/tcp': [{ HostPort: '6000' }] } },
    })
    await daemon.controller.startSandbox('e1')
    const taken = { ...other, Ports: [{ TargetPort: 80, PublishedPort: 6000 }] }
    await fails(
      daemon.controller.createService(taken),
      'Bind for 0.0.0.0:6000 failed: port is already allocated',
    )
    machine.busyPorts.add('7000/tcp')
    await fails(
      daemon.controller.createService({ ...other, Ports: [{ TargetPort: 80, PublishedPort: 7000 }] }),
      /address already in use|7000/,
    )
    assert.deepEqual(
      daemon.controller.listServices({}).map(({ Name }) => Name),
      ['web'],
    )
    assert.deepEqual(switched(daemon), ['10.1.0.5: 10.1.0.2 10.1.0.3'])
    await fails(daemon.controller.createService({ ...WEB, Name: 'web' }), /service web already exists/)
  })
  it('that another program has for a while come when it lets go', async () => {
    const { machine, daemon } = await booted()
    await daemon.controller.createService(PUBLISHED)
    machine.die()
    machine.busyPorts.add('5000/tcp')
    const next = await machine.boot()
    assert.deepEqual(published(next), [])
    assert.match(next.controller.inspectService('web').Problem, /5000/)
    assert.deepEqual(next.warnings, ['service web is not all that it should be on this host'])
    machine.busyPorts.add('6000/tcp')
    const { controller } = next
    await controller.updateService('web', { LabelAdd: { tier: 'front' } })
    assert.deepEqual(controller.inspectService('web').Labels, { tier: 'front' }, 'all else can be changed')
    await fails(
      controller.updateService('web', { PublishAdd: [{ TargetPort: 81, PublishedPort: 6000 }] }),
      /failed to bind host port/,
    )
    assert.equal(controller.inspectService('web').Ports.length, 1)
    machine.busyPorts.clear()
    await machine.pass(5000)
    assert.deepEqual(published(next), ['5000/tcp 10.1.0.5:80 -1'])
    assert.equal(next.controller.inspectService('web').Problem, '')
  })
})

describe('two clients at the same moment', () => {
  const BUSY = { TargetPort: 80, PublishedPort: 5000 }
  const NO_PORT = /failed to bind host port/

  it('a change that fails takes nothing of another one with it, and leaves nothing', async () => {
    const { machine, daemon } = await booted()
    const { controller } = daemon
    await controller.createService(WEB)
    machine.busyPorts.add('5000/tcp')
    const failing = controller.updateService('web', { PublishAdd: [BUSY] })
    const other = controller.updateService('web', { LabelAdd: { tier: 'front' } })
    await fails(failing, NO_PORT)
    await other
    const { Ports, Labels } = controller.inspectService('web')
    assert.deepEqual([Ports, Labels], [[], { tier: 'front' }])
  })
  it('one that is removed does not come back with a change that fails, nor does its address go twice', async () => {
    const { machine, daemon } = await booted()
    const { controller } = daemon
    await controller.createService(WEB)
    machine.busyPorts.add('5000/tcp')
    const failing = controller.updateService('web', { PublishAdd: [BUSY] })
    const removed = controller.removeService('web')
    await fails(failing, NO_PORT)
    await removed
    assert.deepEqual(controller.listServices({}), [])
    const making = controller.createService({ ...WEB, Ports: [BUSY] })
    const gone = controller.removeService('web')
    await fails(making, NO_PORT)
    await fails(gone, 'service web not found')
    assert.deepEqual(machine.disk!.services ?? [], [])
  })
  it('none is made on a network that goes, or that is not there for sure', async () => {
    const { machine, daemon } = await booted()
    const { controller } = daemon
    const back = { Name: 'back', IPAM: { Config: [{ Subnet: '10.2.0.0/24' }] } }
    const onBack: ServiceCreate = { ...WEB, Network: 'back' }
    await controller.createNetwork(back)
    const going = controller.removeNetwork('back')
    await fails(controller.createService(onBack), 'network back not found')
    await going
    machine.failSaves([1])
    const coming = controller.createNetwork(back)
    const making: Promise<unknown>[] = []
    while (making.length === 0) {
      await Promise.resolve()
      // As soon as it is in the model.
      if (daemon.model().networks.some(({ name }) => name === 'back'))
        making.push(controller.createService(onBack))
    }
    await fails(making[0]!, 'network back not found')
    await fails(coming, /save/)
    assert.deepEqual(controller.listServices({}), [])
  })
})

describe('what a service cannot be', () => {
  it('one more than the switch takes, though it be nothing but a name', async () => {
    const { machine } = await booted()
    machine.die()
    const [like] = machine.disk!.sandboxes
    const network = like!.endpoints[0]!.network
    const services = Array.from({ length: SERVICES_MAX }, (_, index) => ({
      id: index.toString(16).padStart(64, '0'),
      name: `s${index}`,
      created: '2026-01-01T00:00:00Z',
      network,
      endpointMode: 'dnsrr' as const,
      virtualIp: '',
      replicasOf: ['app=none'],
      endpoints: [],
      ports: [],
      labels: {},
    }))
    machine.disk = { ...machine.disk!, services }
    const { controller } = await machine.boot()
    const one: ServiceCreate = { ...WEB, Network: 'front', EndpointMode: 'dnsrr' }
    await fails(controller.createService(one), `there are ${SERVICES_MAX} services, and no more are possible`)
    await controller.removeService('s7')
    await controller.createService(one)
  })
  const refusals: readonly [string, ServiceCreate, string | RegExp][] = [
    ['without backends', { Name: 'x' }, 'a service needs backends'],
    ['with a wrong name', { ...WEB, Name: 'a.b' }, 'name must be valid as a DNS name component: a.b'],
    [
      'published by dnsrr',
      { ...PUBLISHED, EndpointMode: 'dnsrr' },
      "EndpointSpec: port published with ingress mode can't be used with dnsrr mode",
    ],
    [
      'published twice',
      { ...WEB, Ports: [...PUBLISHED.Ports!, { TargetPort: 81, PublishedPort: 5000 }] },
      'EndpointSpec: duplicate published ports provided',
    ],
    ['published by SCTP', { ...WEB, Ports: [{ Protocol: 'sctp', TargetPort: 80 }] }, /only TCP and UDP/],
    ['on no network', { Name: 'x', Endpoints: ['nobody'] }, /its network is not known/],
    ['on one that is not there', { ...WEB, Network: 'nix' }, 'network nix not found'],
    ['on one without a gateway', { ...WEB, Network: 'none' }, /no IPv4 gateway/],
  ]
  for (const [name, request, message] of refusals) {
    it(name, async () => {
      const { daemon } = await booted()
      await fails(daemon.controller.createService(request), message)
      assert.deepEqual([...daemon.controller.listServices({})], [])
    })
  }
})
