import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Controller } from '../../../src/control/controller/controller.ts'
import type { DriverEndpoint, NetworkDriver } from '../../../src/control/drivers/driver.ts'
import { bridgeDriver } from '../../../src/control/rules/built-in-drivers.ts'
import { MemoryMachine, settled } from './memory-machine.ts'
import { assertConsistent, assertNamesTaken } from './snapshot.ts'

/** What came of two promises: the message of the one that was rejected. */
async function raced(one: Promise<unknown>, other: Promise<unknown>): Promise<string> {
  const outcomes = await Promise.allSettled([one, other])
  const lost = outcomes.filter((outcome) => outcome.status === 'rejected')
  assert.equal(lost.length, 1, 'one of them has won')
  return (lost[0]!.reason as Error).message
}

describe('two clients that want the same', () => {
  it('name of a sandbox', async () => {
    const { controller } = await new MemoryMachine().boot()
    const message = await raced(controller.createSandbox('same', {}), controller.createSandbox('same', {}))
    const { Id } = controller.inspectSandbox('same')
    assert.ok(
      message.startsWith(`Conflict. The container name "/same" is already in use by container "${Id}"`),
    )
  })

  it('new name of a sandbox', async () => {
    const { controller } = await new MemoryMachine().boot()
    await controller.createSandbox('one', {})
    await controller.createSandbox('other', {})
    const message = await raced(
      controller.renameSandbox('one', 'same'),
      controller.renameSandbox('other', 'same'),
    )
    assert.match(
      message,
      /^Error when allocating new name: Conflict\. The container name "\/same" is already in use/,
    )
    await controller.createSandbox('one', {})
  })

  it('name of a network, or subnet', async () => {
    const { controller } = await new MemoryMachine().boot()
    assert.equal(
      await raced(controller.createNetwork({ Name: 'same' }), controller.createNetwork({ Name: 'same' })),
      'network with name same already exists',
    )
    const IPAM = { Config: [{ Subnet: '10.1.0.0/24' }] }
    assert.equal(
      await raced(
        controller.createNetwork({ Name: 'one', IPAM }),
        controller.createNetwork({ Name: 'other', IPAM }),
      ),
      'invalid pool request: Pool overlaps with other one on this address space',
    )
  })

  it('address', async () => {
    const machine = new MemoryMachine()
    const daemon = await machine.boot()
    const { controller } = daemon
    await controller.createNetwork({ Name: 'net', IPAM: { Config: [{ Subnet: '10.1.0.0/24' }] } })
    const EndpointsConfig = { net: { IPAMConfig: { IPv4Address: '10.1.0.9' } } }
    for (const name of ['one', 'other']) {
      await controller.createSandbox(name, {
        HostConfig: { NetworkMode: 'net' },
        NetworkingConfig: { EndpointsConfig },
      })
    }
    const message = await raced(controller.startSandbox('one'), controller.startSandbox('other'))
    assert.equal(message, 'failed to set up container networking: Address already in use')
    await settled()
    assertConsistent(daemon, machine)
  })

  it('place on a network', async () => {
    const { controller } = await new MemoryMachine().boot()
    await controller.createNetwork({ Name: 'net' })
    await controller.createSandbox('c1', { Cmd: ['serve'] })
    await controller.startSandbox('c1')
    const connect = (): Promise<void> => controller.connect('net', { Container: 'c1' })
    assert.equal(await raced(connect(), connect()), 'endpoint with name c1 already exists in network net')
  })

  it('network away and to be on it', async () => {
    const machine = new MemoryMachine()
    const daemon = await machine.boot()
    const { controller } = daemon
    for (const removeFirst of [true, false]) {
      await controller.createNetwork({ Name: 'net' })
      await controller.createSandbox('c1', { Cmd: ['serve'], HostConfig: { NetworkMode: 'net' } })
      const remove = (): Promise<void> => controller.removeNetwork('net')
      const start = (): Promise<void> => controller.startSandbox('c1')
      const message = await (removeFirst ? raced(remove(), start()) : raced(start(), remove()))
      assert.match(message, /network net (not found|has active endpoints)/)
      await settled()
      assertConsistent(daemon, machine)
      await controller.removeSandbox('c1', { force: true })
      await Promise.allSettled([controller.removeNetwork('net')])
    }
  })

  it('start of a sandbox: both are content', async () => {
    const machine = new MemoryMachine()
    const { controller } = await machine.boot()
    await controller.createSandbox('c1', { Cmd: ['serve'] })
    await Promise.all([controller.startSandbox('c1'), controller.startSandbox('c1')])
    assert.equal(machine.sandboxes.size, 1)
  })
})

/**
 * Turns of the event loop's microtasks from one try to the next, in which the second operation begins later and later behind the first:
 * with `TAPWIRE_TURNS=1` at each moment of the first one.
 */
const STRIDE = Number(process.env['TAPWIRE_TURNS'] ?? 4)
/** More than an operation takes that waits for nothing. */
const TURNS_MAX = 120

/** Resolves some turns behind the beginning of an operation, for the second one to begin: to whether the first is over by then. */
type Wait = (begun: Promise<unknown>) => Promise<boolean>

/** Tries one moment of an operation after the other, from its beginning to its end. `attempt` waits once, and hands on what it is told. */
async function atEachMoment(attempt: (wait: Wait, moment: string) => Promise<boolean>): Promise<void> {
  for (let apart = 0; apart < TURNS_MAX; apart += STRIDE) {
    const wasOver = await attempt((begun) => isOverAfter(apart, begun), `${apart} turns apart`)
    if (wasOver) return
  }
}

async function isOverAfter(turns: number, begun: Promise<unknown>): Promise<boolean> {
  let isOver = false
  void Promise.allSettled([begun]).then(() => (isOver = true))
  for (let turn = 0; turn < turns; turn++) await Promise.resolve()
  return isOver
}

/** Some wait a moment to hear of an end: they do so side by side. */
const concurrency = 8

describe('two clients, of whom one changes what the other has begun with', { concurrency }, () => {
  it('a network is removed under a start that it makes fail: the sandbox waits for another one of its name', async () => {
    await atEachMoment(async (wait, moment) => {
      const machine = new MemoryMachine()
      const daemon = await machine.boot()
      const { controller } = daemon
      await controller.createNetwork({ Name: 'stays' })
      await controller.createNetwork({ Name: 'goes' })
      await controller.createSandbox('c1', { Cmd: ['serve'], HostConfig: { NetworkMode: 'stays' } })
      await controller.connect('goes', { Container: 'c1' })
      const removed = controller.removeNetwork('goes')
      const wasOver = await wait(removed)
      const [, started] = await Promise.allSettled([removed, controller.startSandbox('c1')])
      assert.equal(started.status, 'rejected')
      const { Networks } = controller.inspectSandbox('c1').NetworkSettings
      assert.deepEqual(Object.keys(Networks), ['goes', 'stays'], moment)
      await settled()
      assertConsistent(daemon, machine)
      await controller.createNetwork({ Name: 'goes' })
      await controller.startSandbox('c1')
      return wasOver
    })
  })

  type Act = (controller: Controller) => Promise<unknown>
  /** In a world of the networks `stale`, `stays` and `goes`, on the last two of which `runs` runs and `rests` does not. */
  const pairs: Readonly<Record<string, readonly [Act, Act]>> = {
    'a network is removed while one leaves it': [
      (controller) => controller.disconnect('goes', { Container: 'runs' }),
      (controller) => controller.removeNetwork('goes'),
    ],
    'a network is removed while one that does not run is taken off it': [
      async (controller) => {
        await controller.disconnect('goes', { Container: 'runs' })
        await controller.disconnect('goes', { Container: 'rests' })
      },
      (controller) => controller.removeNetwork('goes'),
    ],
    'a network is removed while one that does not run is removed': [
      async (controller) => {
        await controller.disconnect('goes', { Container: 'runs' })
        await controller.removeSandbox('rests', { force: false })
      },
      (controller) => controller.removeNetwork('goes'),
    ],
    'a network is removed while the link of one that waits for it is changed': [
      async (controller) => {
        await controller.disconnect('goes', { Container: 'runs' })
        await controller.adjustLink('rests@goes', 'to', { delay: '5ms' })
      },
      (controller) => controller.removeNetwork('goes'),
    ],
    'a network is removed while one waits for being connected to it': [
      (controller) =>
        Promise.allSettled([
          controller.disconnect('goes', { Container: 'runs' }),
          controller.startSandbox('fails'),
          controller.connect('goes', { Container: 'fails' }),
        ]),
      (controller) => controller.removeNetwork('goes'),
    ],
    'a network is made while another one is removed whose subnet was free next': [
      (controller) => controller.removeNetwork('stale'),
      (controller) => controller.createNetwork({ Name: 'comes' }),
    ],
    'a network is joined while it is made': [
      (controller) => controller.createNetwork({ Name: 'comes' }),
      (controller) => controller.connect('comes', { Container: 'runs' }),
    ],
    'a sandbox is started while it is made': [
      (controller) =>
        controller.createSandbox('comes', { Cmd: ['serve'], HostConfig: { NetworkMode: 'goes' } }),
      (controller) => controller.startSandbox('comes'),
    ],
  }
  const race = async ([first, other]: readonly [Act, Act], failing: number, wait: Wait): Promise<boolean> => {
    const machine = new MemoryMachine()
    const daemon = await machine.boot()
    const { controller } = daemon
    for (const Name of ['stale', 'stays', 'goes']) await controller.createNetwork({ Name })
    for (const name of ['runs', 'rests', 'fails']) {
      const Cmd = [name === 'fails' ? 'missing' : 'serve']
      await controller.createSandbox(name, { Cmd, HostConfig: { NetworkMode: 'stays' } })
      if (name !== 'fails') await controller.connect('goes', { Container: name })
    }
    await controller.startSandbox('runs')
    machine.failSaves([failing])
    const begun = first(controller)
    const wasOver = await wait(begun)
    await Promise.allSettled([begun, other(controller)])
    await settled()
    machine.failSaves([])
    // What could not be kept is, with the next change.
    await controller.createNetwork({ Name: 'last' })
    assertConsistent(daemon, machine)
    await assertNamesTaken(daemon)
    await controller.stopSandbox('runs', {})
    assertConsistent(daemon, machine)
    return wasOver
  }
  for (const [what, pair] of Object.entries(pairs)) {
    it(`${what}, whichever change cannot be kept`, async () => {
      await Promise.all([0, 1, 2].map((failing) => atEachMoment((wait) => race(pair, failing, wait))))
    })
  }

  const operations: Readonly<Record<string, (controller: Controller) => Promise<void>>> = {
    'is started': (controller) => controller.startSandbox('web'),
    'is stopped': (controller) => controller.stopSandbox('web', {}),
    'is restarted': (controller) => controller.restartSandbox('web', {}),
    'is connected': (controller) => controller.connect('bridge', { Container: 'web' }),
    'is disconnected': (controller) => controller.disconnect('back', { Container: 'web' }),
    'fails to start': (controller) => controller.startSandbox('web'),
  }
  for (const [what, operate] of Object.entries(operations)) {
    it(`a sandbox is renamed while one that links to it ${what}: the link follows`, async () => {
      await atEachMoment(async (wait, moment) => {
        const { controller } = await new MemoryMachine().boot()
        for (const Name of ['front', 'back']) await controller.createNetwork({ Name })
        await controller.createSandbox('db', { Cmd: ['serve'], HostConfig: { NetworkMode: 'front' } })
        await controller.startSandbox('db')
        const Cmd = [what === 'fails to start' ? 'missing' : 'serve']
        const HostConfig = { NetworkMode: 'front', Links: ['db:store'] }
        await controller.createSandbox('web', { Cmd, HostConfig })
        await controller.connect('back', { Container: 'web' })
        if (!['is started', 'fails to start'].includes(what)) await controller.startSandbox('web')
        const operated = Promise.allSettled([operate(controller)])
        const wasOver = await wait(operated)
        await controller.renameSandbox('db', 'data')
        await operated
        const { Networks } = controller.inspectSandbox('web').NetworkSettings
        assert.deepEqual(Networks['front']!.Links, ['data:store'], moment)
        return wasOver
      })
    })
  }

  it('two that link to each other are renamed', async () => {
    const { controller } = await new MemoryMachine().boot()
    await controller.createNetwork({ Name: 'net' })
    for (const name of ['c1', 'c2']) {
      await controller.createSandbox(name, { HostConfig: { NetworkMode: 'net' } })
      const Links = [`${name === 'c1' ? 'c2' : 'c1'}:other`]
      await controller.connect('net', { Container: name, EndpointConfig: { Links } })
    }
    await Promise.all([controller.renameSandbox('c1', 'd1'), controller.renameSandbox('c2', 'd2')])
    const links = ['d1', 'd2'].map(
      (name) => controller.inspectSandbox(name).NetworkSettings.Networks['net']!.Links,
    )
    assert.deepEqual(links, [['d2:other'], ['d1:other']])
  })
})

describe('the end of the controller', () => {
  const messages = async (operations: (() => Promise<unknown>)[]): Promise<Set<string>> => {
    const outcomes = await Promise.allSettled(operations.map((operation) => operation()))
    return new Set(
      outcomes.map((outcome) => (outcome.status === 'rejected' ? (outcome.reason as Error).message : 'done')),
    )
  }

  it('stops what runs, and changes nothing any more', async () => {
    const machine = new MemoryMachine()
    const daemon = await machine.boot()
    const { controller } = daemon
    for (const name of ['c1', 'c2']) {
      await controller.createSandbox(name, { Cmd: ['serve'], StopTimeout: 3 })
      await controller.startSandbox(name)
    }
    const [deaf] = machine.sandboxes.values()
    deaf!.ignores = ['SIGTERM']
    const ending = controller.shutdown({ liveRestore: false })
    const refused = await messages([
      () => controller.createNetwork({ Name: 'late' }),
      () => controller.createSandbox('late', {}),
      () => controller.startSandbox('c1'),
      () => controller.connect('bridge', { Container: 'c1' }),
      () => controller.removeSandbox('c1', { force: true }),
      () => controller.pruneNetworks({}),
    ])
    assert.deepEqual(refused, new Set(['the daemon is about to end']))
    await settled()
    await machine.pass(3000)
    await ending
    assert.equal(machine.sandboxes.size, 0)
    const ends = machine.disk!.sandboxes.map(({ state }) => `${state.status} ${state.exitCode}`)
    assert.deepEqual(ends.toSorted(), ['exited 137', 'exited 143'])
  })

  it('stops as well what was being started', async () => {
    const machine = new MemoryMachine()
    const { controller } = await machine.boot()
    for (const name of ['c1', 'c2']) await controller.createSandbox(name, { Cmd: ['serve'] })
    await controller.startSandbox('c1')
    const starting = controller.startSandbox('c2')
    const restarting = controller.restartSandbox('c1', {})
    await controller.shutdown({ liveRestore: false })
    await starting
    await assert.rejects(restarting, /the daemon is about to end$/)
    assert.equal(machine.sandboxes.size, 0)
    assert.deepEqual(new Set(machine.disk!.sandboxes.map(({ state }) => state.status)), new Set(['exited']))
  })

  it('leaves what runs to the next one where that is wanted', async () => {
    const machine = new MemoryMachine()
    const { controller } = await machine.boot()
    const { Id } = await controller.createSandbox('c1', { Cmd: ['serve'] })
    await controller.startSandbox('c1')
    await controller.shutdown({ liveRestore: true })
    assert.ok(machine.sandboxes.has(Id))
    machine.die()
    const next = await machine.boot()
    assert.equal(next.controller.inspectSandbox('c1').State.Status, 'running')
    assertConsistent(next, machine)
  })
})

describe('a driver that is added', () => {
  /** Makes nothing, and writes down what it is asked. */
  class Recorder implements NetworkDriver {
    readonly rules = { ...bridgeDriver, name: 'recorder' }
    readonly connects = true
    readonly calls: string[] = []

    interfacePrefix(): string {
      return 'rec'
    }
    async createNetwork(): Promise<void> {
      this.calls.push('createNetwork')
    }
    async deleteNetwork(): Promise<void> {
      this.calls.push('deleteNetwork')
    }
    async createEndpoint(): Promise<{ mac: string }> {
      this.calls.push('createEndpoint')
      return { mac: '02:00:00:00:00:01' }
    }
    async deleteEndpoint(): Promise<void> {
      this.calls.push('deleteEndpoint')
    }
    async join(_endpoint: DriverEndpoint, place: { interface: string }): Promise<{ gateway4: string }> {
      this.calls.push(`join ${place.interface}`)
      return { gateway4: '10.1.0.77' }
    }
    async leave(): Promise<void> {
      this.calls.push('leave')
    }
    async announce(): Promise<void> {
      this.calls.push('announce')
    }
    operationalInfo(): Readonly<Record<string, string>> {
      return {}
    }
  }

  it('is asked for networks of its name, in the order that it is promised', async () => {
    const machine = new MemoryMachine()
    const recorder = new Recorder()
    const { controller } = await machine.boot([recorder])
    const Config = [{ Subnet: '10.1.0.0/24' }]
    await controller.createNetwork({ Name: 'net', Driver: 'recorder', IPAM: { Config } })
    assert.equal(controller.inspectNetwork('net').Driver, 'recorder')
    // Where it makes no interface there is none to configure, so the sandbox cannot start; all is taken back.
    await controller.createSandbox('c1', { Cmd: ['serve'], HostConfig: { NetworkMode: 'net' } })
    await assert.rejects(controller.startSandbox('c1'), { message: 'Cannot find device "rec0"' })
    await controller.removeNetwork('net')
    assert.deepEqual(recorder.calls, [
      'createNetwork',
      'createEndpoint',
      'join rec0',
      'leave',
      'deleteEndpoint',
      'deleteNetwork',
    ])
  })

  it('is needed again by a daemon that finds its networks', async () => {
    const machine = new MemoryMachine()
    const { controller } = await machine.boot([new Recorder()])
    await controller.createNetwork({ Name: 'net', Driver: 'recorder' })
    machine.die()
    await assert.rejects(machine.boot(), { message: 'plugin "recorder" not found' })
    const recorder = new Recorder()
    await machine.boot([recorder])
    assert.deepEqual(recorder.calls, ['createNetwork'])
  })
})
