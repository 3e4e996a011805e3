import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Daemon, MemoryMachine, settled } from './memory-machine.ts'
import { assertConsistent } from './snapshot.ts'

async function scene(subnet = '10.1.0.0/24'): Promise<{ machine: MemoryMachine; daemon: Daemon }> {
  const machine = new MemoryMachine()
  const daemon = await machine.boot()
  await daemon.controller.createNetwork({ Name: 'net', IPAM: { Config: [{ Subnet: subnet }] } })
  return { machine, daemon }
}

async function run({ controller }: Daemon, name: string, mode = 'net'): Promise<string> {
  const { Id } = await controller.createSandbox(name, { Cmd: ['serve'], HostConfig: { NetworkMode: mode } })
  await controller.startSandbox(Id)
  await settled()
  return Id
}

const addressOf = ({ controller }: Daemon, name: string): string =>
  controller.inspectSandbox(name).NetworkSettings.Networks['net']!.IPAddress

describe('a network that was removed from under a sandbox', () => {
  for (const by of ['name', 'id'] as const) {
    it(`is told at the start, with what to do, which is to disconnect it by its ${by}`, async () => {
      const { machine, daemon } = await scene()
      const { controller } = daemon
      await run(daemon, 'c1')
      await controller.stopSandbox('c1', {})
      const { Id } = controller.inspectNetwork('net')
      await controller.removeNetwork('net')
      await assert.rejects(controller.startSandbox('c1'), {
        message: 'failed to set up container networking: network net not found',
        hint: /network disconnect net c1/,
      })
      await controller.disconnect(by === 'name' ? 'net' : Id, { Container: 'c1' })
      await controller.startSandbox('c1')
      await settled()
      assert.deepEqual(Object.keys(controller.inspectSandbox('c1').NetworkSettings.Networks), [])
      assertConsistent(daemon, machine)
    })
  }
})

describe('a network that comes and goes', () => {
  it('is listed from the moment on at which it can be joined, to that from which on it cannot', async () => {
    const { controller } = await new MemoryMachine().boot()
    const isListed = (): boolean => controller.listNetworks({}).some(({ Name }) => Name === 'net')
    const making = controller.createNetwork({ Name: 'net' })
    let over = false
    while (!isListed()) {
      assert.ok(!over)
      over = await Promise.race([making.then(() => true), Promise.resolve(false)])
    }
    await controller.createSandbox('web', { Cmd: ['serve'], HostConfig: { NetworkMode: 'net' } })
    await making
    await controller.removeSandbox('web', { force: false })
    const removing = controller.removeNetwork('net')
    assert.equal(isListed(), false)
    await removing
  })
})

describe('an address', () => {
  // .2 and .3 are all that there is beside network, gateway and a broadcast address.
  it('that rests goes back to the sandbox that had it, and to no other', async () => {
    const { machine, daemon } = await scene('10.1.0.0/30')
    await run(daemon, 'c1')
    assert.equal(addressOf(daemon, 'c1'), '10.1.0.2')
    await daemon.controller.restartSandbox('c1', {})
    await settled()
    assert.equal(addressOf(daemon, 'c1'), '10.1.0.2')
    await daemon.controller.stopSandbox('c1', {})
    await assert.rejects(run(daemon, 'c2'), /no available IPv4 addresses/)
    await daemon.controller.startSandbox('c1')
    assert.equal(addressOf(daemon, 'c1'), '10.1.0.2')
    await settled()
    assertConsistent(daemon, machine)
  })

  it('that rests goes back also when another daemon has come', async () => {
    const { machine, daemon } = await scene('10.1.0.0/30')
    await run(daemon, 'c1')
    await daemon.controller.stopSandbox('c1', {})
    const next = await machine.boot()
    await next.controller.startSandbox('c1')
    assert.equal(addressOf(next, 'c1'), '10.1.0.2')
  })

  it('rests on for its sandbox where a start fails', async () => {
    const { machine, daemon } = await scene('10.1.0.0/30')
    await run(daemon, 'c1')
    await daemon.controller.stopSandbox('c1', {})
    machine.failAt(1)
    await assert.rejects(daemon.controller.startSandbox('c1'))
    machine.failAt(0)
    await assert.rejects(run(daemon, 'c2'), /no available IPv4 addresses/)
    await daemon.controller.startSandbox('c1')
    assert.equal(addressOf(daemon, 'c1'), '10.1.0.2')
  })
})

describe('disconnecting', () => {
  it('deletes the interface also where somebody in the sandbox has renamed it', async () => {
    const { machine, daemon } = await scene()
    const id = await run(daemon, 'c1', 'bridge')
    await daemon.controller.connect('net', { Container: 'c1' })
    const { namespace } = machine.sandboxes.get(id)!
    namespace.rename('eth1', 'wan0')
    await daemon.controller.disconnect('net', { Container: 'c1' })
    assert.deepEqual([...namespace.taps.keys()], ['eth0'])
    await settled()
    assertConsistent(daemon, machine)
  })
})

describe('listing', () => {
  it('takes a limit of 0 and less for none', async () => {
    const { machine, daemon } = await scene()
    await run(daemon, 'c1')
    await machine.pass(1000)
    await run(daemon, 'c2')
    for (const limit of [0, -1, -2]) {
      const names = daemon.controller
        .listSandboxes({ all: false, limit, filters: {} })
        .map(({ Names }) => Names[0])
      assert.deepEqual(names, ['/c2', '/c1'])
    }
  })
})
