import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Daemon, MemoryMachine, settled } from './memory-machine.ts'
import { assertConsistent } from './snapshot.ts'

const LAN = {
  Name: 'lan',
  Driver: 'macvlan',
  Options: { parent: 'eth0' },
  IPAM: { Config: [{ Subnet: '10.9.0.0/24', Gateway: '10.9.0.254' }, { Subnet: '10.10.0.0/24' }] },
}

async function boot(): Promise<{ machine: MemoryMachine; daemon: Daemon }> {
  const machine = new MemoryMachine()
  const daemon = await machine.boot()
  daemon.fabric.interfaces.set('eth0', 9000)
  return { machine, daemon }
}

async function run({ controller }: Daemon, name: string, network: string, ip?: string): Promise<void> {
  await controller.createSandbox(name, {
    Cmd: ['serve'],
    HostConfig: { NetworkMode: network },
    NetworkingConfig: {
      EndpointsConfig: { [network]: ip === undefined ? {} : { IPAMConfig: { IPv4Address: ip } } },
    },
  })
  await controller.startSandbox(name)
}

const network = (name: string, options: Readonly<Record<string, string>>) => ({
  Name: name,
  Driver: 'macvlan',
  Options: options,
})

describe('a macvlan network', () => {
  it("is shown as Docker's", async () => {
    const { daemon } = await boot()
    await daemon.controller.createNetwork(LAN)
    const { Driver, Scope, Options, IPAM, Internal } = daemon.controller.inspectNetwork('lan')
    assert.deepEqual(
      { Driver, Scope, Options, Internal, Config: IPAM.Config },
      {
        Driver: 'macvlan',
        Scope: 'local',
        Options: { parent: 'eth0' },
        Internal: false,
        Config: [{ Subnet: '10.9.0.0/24', Gateway: '10.9.0.254' }, { Subnet: '10.10.0.0/24' }],
      },
    )
  })

  it('has its parent for a port of its domain, and no gateway of ours', async () => {
    const { machine, daemon } = await boot()
    await daemon.controller.createNetwork(LAN)
    await run(daemon, 'c1', 'lan')
    const [parent] = daemon.fabric.parents.values()
    const port = [...daemon.fabric.ports.values()].find(({ domain }) => domain === parent!.domain)!
    assert.equal(parent!.interface, 'eth0')
    assert.equal(port.mtu, 9000)
    assert.equal(port.guard, undefined)
    assert.equal(daemon.fabric.gateways.has(parent!.domain), false)
    assert.equal(daemon.fabric.domains.get(parent!.domain)!.icc, true)
    assertConsistent(daemon, machine)
  })

  it("sends to the router of the subnet that the sandbox's address is in", async () => {
    const { daemon } = await boot()
    await daemon.controller.createNetwork(LAN)
    await run(daemon, 'c1', 'lan', '10.9.0.7')
    await run(daemon, 'c2', 'lan', '10.10.0.7')
    const gateway = (name: string): string =>
      daemon.controller.inspectSandbox(name).NetworkSettings.Networks['lan']!.Gateway
    assert.equal(gateway('c1'), '10.9.0.254')
    assert.equal(gateway('c2'), '10.10.0.1')
  })

  it('without a parent reaches nobody else', async () => {
    const { machine, daemon } = await boot()
    await daemon.controller.createNetwork(network('alone', {}))
    await run(daemon, 'c1', 'alone')
    assert.equal(daemon.fabric.parents.size, 0)
    assert.equal(daemon.controller.inspectSandbox('c1').NetworkSettings.Networks['alone']!.Gateway, '')
    assertConsistent(daemon, machine)
  })

  it('of the mode private keeps its sandboxes apart', async () => {
    const { daemon } = await boot()
    await daemon.controller.createNetwork(network('p', { parent: 'eth0', macvlan_mode: 'private' }))
    const [parent] = daemon.fabric.parents.values()
    assert.equal(daemon.fabric.domains.get(parent!.domain)!.icc, false)
  })

  it('of the mode passthru takes one sandbox, and its parent for itself', async () => {
    const { machine, daemon } = await boot()
    const { controller } = daemon
    const through = { parent: 'eth0', macvlan_mode: 'passthru' }
    await controller.createNetwork(network('through', through))
    await run(daemon, 'c1', 'through')
    await assert.rejects(run(daemon, 'c2', 'through'), {
      code: 'CONNECTION_REFUSED',
      message:
        'failed to set up container networking: network through passes its parent interface through to one sandbox, and has one',
    })
    const id = controller.inspectNetwork('through').Id.slice(0, 12)
    await assert.rejects(controller.createNetwork(network('other', { parent: 'eth0' })), {
      code: 'PARENT_UNUSABLE',
      message: `macvlan network ${id} is already using parent interface eth0 in mode passthru`,
    })
    await assert.rejects(controller.createNetwork(network('other', through)), {
      message: `cannot use mode passthru, macvlan network ${id} is already using parent interface eth0`,
    })
    await controller.stopSandbox('c1', {})
    await settled()
    await controller.startSandbox('c2')
    assertConsistent(daemon, machine)
  })

  it('shares its parent with others', async () => {
    const { machine, daemon } = await boot()
    for (const name of ['a', 'b']) await daemon.controller.createNetwork(network(name, { parent: 'eth0' }))
    assert.equal(daemon.fabric.parents.size, 2)
    assertConsistent(daemon, machine)
  })

  it('is refused where its parent is not there', async () => {
    const { machine, daemon } = await boot()
    await assert.rejects(daemon.controller.createNetwork(network('n', { parent: 'foo' })), {
      code: 'PARENT_UNUSABLE',
      message: 'invalid subinterface vlan name foo, example formatting is eth0.10',
    })
    assertConsistent(daemon, machine)
  })

  it('is taken up by the next daemon, whether or not its parent is there', async () => {
    const { machine, daemon } = await boot()
    await daemon.controller.createNetwork(LAN)
    await run(daemon, 'c1', 'lan')
    machine.die()
    const next = await machine.boot()
    assert.equal([...next.fabric.parents.values()][0]!.patient, true)
    assertConsistent(next, machine)
  })

  it('names its parent where stations and ports are listed', async () => {
    const { daemon } = await boot()
    await daemon.controller.createNetwork(LAN)
    await run(daemon, 'c1', 'lan')
    const { stations } = await daemon.controller.fdb()
    assert.deepEqual(
      stations.map(({ network: name, sandbox, interface: port }) => [name, sandbox, port]),
      [['lan', 'c1', 'eth0']],
    )
    assert.equal((await daemon.controller.flushFdb({ sandbox: 'c1' })).Stations, 1)
  })
})
