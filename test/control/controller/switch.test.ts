import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Fdb } from '../../../src/control/api/switch.ts'
import { ROUTER_PORT } from '../../../src/datapath/router-port.ts'
import { type Daemon, MemoryMachine, settled } from './memory-machine.ts'
import { assertConsistent } from './snapshot.ts'

/** Networks net and more; c1 on both, c2 on net. */
async function scene(): Promise<{ machine: MemoryMachine; daemon: Daemon }> {
  const machine = new MemoryMachine()
  const daemon = await machine.boot()
  const { controller } = daemon
  for (const name of ['net', 'more']) await controller.createNetwork({ Name: name })
  for (const name of ['c1', 'c2']) {
    await controller.createSandbox(name, { Cmd: ['serve'], HostConfig: { NetworkMode: 'net' } })
    await controller.startSandbox(name)
  }
  await controller.connect('more', { Container: 'c1' })
  await settled()
  return { machine, daemon }
}

type FdbStation = Fdb['stations'][number]

const portOf = ({ fabric }: Daemon, mac: string): number =>
  [...fabric.ports.values()].find((port) => port.mac === mac)!.port

describe('stations and counters', () => {
  it('have the names of their networks, sandboxes and interfaces', async () => {
    const { daemon } = await scene()
    const { controller } = daemon
    const { stations } = await controller.fdb()
    const named = stations.map(({ network, sandbox, interface: name }) => `${network} ${sandbox} ${name}`)
    assert.deepEqual(named.toSorted(), ['more c1 eth1', 'net c1 eth0', 'net c2 eth0'])
    const counted = controller
      .stats()
      .ports.map((port) => `${port.network} ${port.sandbox} ${port.interface}`)
    assert.deepEqual(counted.toSorted(), named.toSorted())
    await controller.renameSandbox('c2', 'renamed')
    assert.ok(controller.stats().ports.some(({ sandbox }) => sandbox === 'renamed'))
  })

  it("have the names of networks where they are the router's own", async () => {
    const { daemon } = await scene()
    const { domain, mac } = [...daemon.fabric.ports.values()][0]!
    daemon.fabric.stations = async () => [{ domain, port: ROUTER_PORT, mac, ageS: 0, static: true }]
    const [{ network, sandbox, interface: name }] = (await daemon.controller.fdb()).stations as [FdbStation]
    assert.deepEqual([network, sandbox, name], ['net', '', 'gateway'])
  })

  it('are forgotten for all, a network, a sandbox, or a sandbox on a network', async () => {
    const { controller } = (await scene()).daemon
    const flushed = async (selection: { network?: string; sandbox?: string }): Promise<number> =>
      (await controller.flushFdb(selection)).Stations
    assert.equal(await flushed({}), 3)
    assert.equal(await flushed({ network: 'net' }), 2)
    assert.equal(await flushed({ sandbox: 'c1' }), 2)
    assert.equal(await flushed({ sandbox: 'c1', network: 'more' }), 1)
    assert.equal(await flushed({ sandbox: 'c2', network: 'more' }), 0)
    assert.equal(await flushed({ network: 'host' }), 0)
    await assert.rejects(flushed({ network: 'nowhere' }), { message: 'network nowhere not found' })
    await assert.rejects(flushed({ sandbox: 'nobody' }), { message: 'No such container: nobody' })
  })
})

describe('frames that are sent in the place of sandboxes', () => {
  const data = Buffer.from('frame').toString('base64')

  it('arrive at their ports on the network', async () => {
    const { daemon } = await scene()
    const { controller, fabric } = daemon
    fabric.injected.length = 0
    const frames = [
      { from: 'c2', data },
      { from: controller.inspectSandbox('c1').Id, data },
    ]
    assert.deepEqual(await controller.sendFrames('net', { frames }), { frames: 2, drops: [] })
    const portIn = (sandbox: string): number =>
      portOf(daemon, controller.inspectSandbox(sandbox).NetworkSettings.Networks['net']!.MacAddress)
    assert.deepEqual(
      fabric.injected.map(({ port, frame }) => [port, Buffer.from(frame).toString()]),
      ['c2', 'c1'].map((sandbox) => [portIn(sandbox), 'frame']),
    )
    fabric.injectAll = async () => ({ 'mac-spoofed': 2 })
    const { drops } = await controller.sendFrames('net', { frames })
    assert.deepEqual(
      drops.map(({ reason, frames: count }) => [reason, count]),
      [['mac-spoofed', 2]],
    )
  })

  it('never claim to be the gateway, also where no guard looks at them', async () => {
    const { daemon } = await scene()
    const { controller, fabric } = daemon
    await controller.createNetwork({
      Name: 'open',
      EnableIPv6: true,
      IPAM: { Config: [{ Subnet: '10.9.0.0/24' }, { Subnet: 'fd09::/64' }] },
      Options: { 'tapwire.spoof-guard': 'false' },
    })
    await controller.connect('open', { Container: 'c1' })
    fabric.injected.length = 0
    const link = (source: string, type: string): string => `ffffffffffff${source}${type}`
    const gateway = '02420a090001'
    const other = '02420a0900aa'
    const ip6 = (source: string, rest: string): string =>
      `60000000${(rest.length / 2).toString(16).padStart(4, '0')}3aff${source}${'ff02'.padEnd(31, '0')}1${rest}`
    const fd09 = (last: string): string => `fd09${'0'.repeat(24)}${last}`
    const advertised = (last: string): string => `88000000${'0'.repeat(8)}${fd09(last)}`
    const arpOf = (sender: string): string => `0001080006040002${other}${sender}${'0'.repeat(12)}0a090002`
    const frames = [
      link(gateway, '0800'),
      link(other, '0806') + arpOf('0a090001'),
      link(other, '810000050806') + arpOf('0a090001'),
      `${link(other, '0800')}4500001400000000400000000a0900010a090002`,
      link(other, '86dd') + ip6(fd09('0001'), '8000000000000000'),
      link(other, '86dd') + ip6(fd09('0002'), advertised('0001')),
    ]
    const honest = [
      link(other, '0806') + arpOf('0a090002'),
      `${link(other, '0800')}4500001400000000400000000a0900020a090001`,
      link(other, '86dd') + ip6(fd09('0002'), advertised('0002')),
      link(other, '0800'),
      '0000',
    ]
    const send = (network: string) =>
      controller.sendFrames(network, {
        frames: [...frames, ...honest].map((hex) => ({
          from: 'c1',
          data: Buffer.from(hex, 'hex').toString('base64'),
        })),
      })
    const { drops } = await send('open')
    assert.deepEqual(Object.fromEntries(drops.map(({ reason, frames: count }) => [reason, count])), {
      'mac-spoofed': 1,
      'arp-spoofed': 3,
      'address-spoofed': 2,
    })
    assert.deepEqual(
      fabric.injected.map(({ frame }) => Buffer.from(frame).toString('hex')),
      honest,
    )
    // Where the guard is on, it counts what it drops.
    fabric.injected.length = 0
    await send('net')
    assert.equal(fabric.injected.length, frames.length + honest.length)
  })

  it('are all refused where one of them cannot be sent', async () => {
    const { daemon } = await scene()
    daemon.fabric.injected.length = 0
    const send = (network: string, from: string, bytes = data): Promise<unknown> =>
      daemon.controller.sendFrames(network, {
        frames: [
          { from: 'c1', data },
          { from, data: bytes },
        ],
      })
    await assert.rejects(send('more', 'c2'), { code: 'NOT_CONNECTED' })
    await assert.rejects(send('net', 'nobody'), { message: 'No such container: nobody' })
    await assert.rejects(send('nowhere', 'c1'), { message: 'network nowhere not found' })
    await assert.rejects(send('net', 'c1', Buffer.alloc(100_000).toString('base64')), { code: 'BAD_REQUEST' })
    assert.equal(daemon.fabric.injected.length, 0)
  })
})

describe('an interface that somebody has deleted', () => {
  it('is told of, and its endpoint keeps its addresses', async () => {
    const { daemon } = await scene()
    const { controller } = daemon
    const before = controller.inspectSandbox('c1').NetworkSettings.Networks['more']!
    daemon.fabric.lose(portOf(daemon, before.MacAddress))
    const event = daemon.events.at(-1)!
    assert.deepEqual([event.Type, event.Action, event.Actor.ID], ['endpoint', 'gone', before.EndpointID])
    assert.equal(event.Actor.Attributes['interface'], 'eth1')
    assert.deepEqual(controller.inspectSandbox('c1').NetworkSettings.Networks['more'], before)
    assert.equal((await controller.fdb()).stations.length, 2)
  })

  it('is made anew by disconnecting and connecting', async () => {
    const { machine, daemon } = await scene()
    const { controller } = daemon
    const { MacAddress } = controller.inspectSandbox('c1').NetworkSettings.Networks['more']!
    daemon.fabric.lose(portOf(daemon, MacAddress))
    await controller.disconnect('more', { Container: 'c1' })
    await controller.connect('more', { Container: 'c1' })
    assertConsistent(daemon, machine)
    assert.deepEqual(daemon.warnings, [])
  })

  it('is there again where the disconnecting fails, and is then taken away as any other', async () => {
    const { machine, daemon } = await scene()
    const { controller } = daemon
    const { MacAddress } = controller.inspectSandbox('c1').NetworkSettings.Networks['more']!
    daemon.fabric.lose(portOf(daemon, MacAddress))
    const disconnect = (): Promise<void> => controller.disconnect('more', { Container: 'c1' })
    machine.failAt(0)
    await disconnect()
    const steps = machine.steps.length
    await controller.connect('more', { Container: 'c1' })
    const again = controller.inspectSandbox('c1').NetworkSettings.Networks['more']!
    daemon.fabric.lose(portOf(daemon, again.MacAddress))
    // Its last step is that it is kept.
    machine.failAt(steps)
    await assert.rejects(disconnect(), /save fails/)
    machine.failAt(0)
    assertConsistent(daemon, machine)
    await disconnect()
    assertConsistent(daemon, machine)
  })

  it('does not keep its sandbox from ending, or the next daemon from making it anew', async () => {
    const { machine, daemon } = await scene()
    const { controller } = daemon
    const macs = controller.inspectSandbox('c1').NetworkSettings.Networks
    daemon.fabric.lose(portOf(daemon, macs['more']!.MacAddress))
    machine.die()
    const next = await machine.boot()
    assertConsistent(next, machine)
    next.fabric.lose(portOf(next, macs['net']!.MacAddress))
    await next.controller.stopSandbox('c1', {})
    await settled()
    assertConsistent(next, machine)
    await next.controller.startSandbox('c1')
    await settled()
    assertConsistent(next, machine)
  })
})
