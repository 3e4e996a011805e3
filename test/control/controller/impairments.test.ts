import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import type { FabricPort } from '../../../src/control/model/machine.ts'
import { type Daemon, MemoryMachine, settled } from './memory-machine.ts'
import { assertConsistent } from './snapshot.ts'

const TAP = 'tap:up0,address=203.0.113.1/24'
const SLOW = { from: { delay: '50ms' }, to: { delay: '50ms', loss: '1%' } }

let machine: MemoryMachine
let daemon: Daemon

beforeEach(async () => {
  machine = new MemoryMachine()
  daemon = await machine.boot()
  const { controller } = daemon
  await controller.createNetwork({ Name: 'blue' })
  await controller.createNetwork({ Name: 'red' })
  await controller.createSandbox('web', {
    Cmd: ['serve'],
    NetworkingConfig: { EndpointsConfig: { blue: {}, red: {} } },
    HostConfig: { NetworkMode: 'blue' },
  })
  await controller.createSandbox('db', { Cmd: ['serve'], HostConfig: { NetworkMode: 'blue' } })
  for (const name of ['web', 'db']) await controller.startSandbox(name)
})

/** What the switch does to the frames of web's link to blue. */
function onBlue(of = daemon): FabricPort['impairment'] {
  const { Networks } = of.controller.inspectSandbox('web').NetworkSettings
  return [...of.fabric.ports.values()].find(({ mac }) => mac === Networks['blue']!.MacAddress)?.impairment
}

const linkOf = async (place: string, of = daemon) => (await of.controller.links(place)).links[0]!

describe('the links', () => {
  it('are those of all endpoints, and of the uplink where there is one', async () => {
    const places = async () => (await daemon.controller.links()).links.map(({ place }) => place)
    assert.deepEqual(await places(), ['web@blue', 'web@red', 'db@blue'])
    await daemon.controller.createSandbox('shy', { HostConfig: { NetworkMode: 'none' } })
    await daemon.controller.createSandbox('bare', { HostConfig: { NetworkMode: 'host' } })
    await daemon.controller.setUplink(TAP)
    assert.deepEqual(await places(), ['web@blue', 'web@red', 'db@blue', 'uplink'])
  })

  it('pass frames as they are at first', async () => {
    assert.deepEqual(await linkOf('web@red'), {
      place: 'web@red',
      kind: 'endpoint',
      sandbox: 'web',
      network: 'red',
      interface: 'eth1',
      from: { settings: {} },
      to: { settings: {} },
    })
    assert.equal(
      'Impairment' in daemon.controller.inspectSandbox('web').NetworkSettings.Networks['red']!,
      false,
    )
  })
})

describe('a link that is set', () => {
  it('does at once what it is to do, says so, and is told of', async () => {
    const link = await daemon.controller.setLink('web@blue', SLOW)
    assert.deepEqual(link, await linkOf('web@blue'))
    assert.deepEqual([link.from.settings, link.to.settings], [SLOW.from, SLOW.to])
    assert.equal(link.from.counts?.passed, 10)
    assert.deepEqual([onBlue()?.from?.delayUs, onBlue()?.to?.loss], [50_000, 0.01])
    const { Impairment } = daemon.controller.inspectSandbox('web').NetworkSettings.Networks['blue']!
    assert.deepEqual(Impairment, SLOW)
    const event = daemon.events.at(-1)!
    assert.deepEqual([event.Type, event.Action], ['link', 'set'])
    const { container: _id, ...attributes } = event.Actor.Attributes
    assert.deepEqual(attributes, {
      name: 'web@blue',
      network: 'blue',
      from: 'delay 50ms',
      to: 'delay 50ms, loss 1%',
    })
  })

  it('changes in what is given alone, on the side that is meant', async () => {
    const { controller } = daemon
    await controller.adjustLink('web@blue', 'both', { delay: '50ms', jitter: '5ms' })
    await controller.adjustLink('web@blue', 'from', { loss: '1%' })
    const link = await controller.adjustLink('web@blue', 'to', { delay: '20ms', jitter: '0' })
    assert.deepEqual(link.from.settings, { delay: '50ms', jitter: '5ms', loss: '1%' })
    assert.deepEqual(link.to.settings, { delay: '20ms' })
    await assert.rejects(controller.adjustLink('web@blue', 'both', { jitter: '30ms' }), {
      code: 'LINK_INVALID',
      message: 'invalid link: jitter 30ms is above the delay of 20ms: no frame can leave before it has come',
    })
    assert.deepEqual((await linkOf('web@blue')).from, link.from)
  })

  it('is reset, one side or both, and all at once', async () => {
    const { controller } = daemon
    await controller.setLink('web@blue', SLOW)
    assert.deepEqual((await controller.resetLink('web@blue', 'from')).from, { settings: {} })
    assert.deepEqual((await linkOf('web@blue')).to.settings, SLOW.to)
    assert.equal(onBlue()?.from, undefined)
    await controller.setLink('db', { to: { down: true } })
    const reset = await controller.resetLinks('both')
    assert.deepEqual(
      reset.links.map(({ place, to }) => [place, to]),
      [
        ['web@blue', { settings: {} }],
        ['db@blue', { settings: {} }],
      ],
    )
    assert.equal(onBlue(), undefined)
    assert.deepEqual((await controller.resetLinks('both')).links, [])
    assert.equal(daemon.events.at(-1)!.Action, 'reset')
    assert.ok(
      machine.disk!.sandboxes.every(({ endpoints }) => endpoints.every((one) => !('impairment' in one))),
    )
  })

  it('draws on in the direction that nobody changes', async () => {
    const { controller, fabric } = daemon
    await controller.setUplink(TAP)
    await controller.setLink('web@blue', SLOW)
    await controller.adjustLink('web@blue', 'to', { loss: '2%' })
    await controller.resetLink('web@blue', 'from')
    await controller.adjustLink('uplink', 'from', { delay: '1ms' })
    await controller.adjustLink('uplink', 'both', { loss: '1%' })
    assert.deepEqual(fabric.impaired, ['both', 'to', 'from', 'from', 'both'])
    assert.deepEqual(onBlue()?.to?.loss, 0.02)
    assertConsistent(daemon, machine)
  })

  it('that has gone meanwhile keeps no other one from being reset', async () => {
    const { controller } = daemon
    for (const place of ['web@blue', 'db']) await controller.setLink(place, { to: { down: true } })
    const all = controller.resetLinks('both')
    await controller.removeSandbox('web', { force: true })
    await all
    assert.deepEqual((await linkOf('db')).to.settings, {})
  })

  it('stays while its sandbox does not run, and holds again from its first frame on', async () => {
    const { controller } = daemon
    await controller.setLink('web@blue', SLOW)
    await controller.stopSandbox('web', {})
    assert.deepEqual((await linkOf('web@blue')).to, { settings: SLOW.to })
    await controller.adjustLink('web@blue', 'both', { rate: '1mbit' })
    machine.failAt(0)
    await controller.startSandbox('web')
    assert.equal(onBlue()?.to?.rate, 1_000_000)
    assert.ok(!machine.steps.includes('setImpairment'), 'it comes with the port')
    assertConsistent(daemon, machine)
  })

  it('holds under the next daemon, whether the one before ended well or not', async () => {
    await daemon.controller.setLink('web@blue', SLOW)
    await daemon.controller.setUplink(TAP)
    await daemon.controller.setLink('uplink', { to: { rate: '2mbit' } })
    machine.die()
    const next = await machine.boot()
    assert.deepEqual(next.warnings, [])
    assert.equal(onBlue(next)?.from?.delayUs, 50_000)
    assert.deepEqual((await linkOf('web@blue', next)).to.settings, SLOW.to)
    assert.equal(next.fabric.uplinkImpairment?.to?.rate, 2_000_000)
    assert.deepEqual(next.controller.uplink().Impairment, { to: { rate: '2mbit' } })
    assertConsistent(next, machine)
  })

  it('waits with its sandbox for another network of the name', async () => {
    const { controller } = daemon
    await controller.setLink('web@blue', SLOW)
    for (const name of ['web', 'db']) await controller.stopSandbox(name, {})
    await controller.removeNetwork('blue')
    await controller.createNetwork({ Name: 'blue' })
    assert.deepEqual((await linkOf('web@blue')).to, { settings: SLOW.to })
    await controller.startSandbox('web')
    assert.equal(onBlue()?.from?.delayUs, 50_000)
  })

  it('is forgotten with the connection', async () => {
    const { controller } = daemon
    await controller.setLink('web@blue', SLOW)
    await controller.disconnect('blue', { Container: 'web' })
    await controller.connect('blue', { Container: 'web' })
    assert.deepEqual((await linkOf('web@blue')).from, { settings: {} })
    assert.equal(onBlue(), undefined)
  })

  it('can come with the connection, and with the sandbox', async () => {
    const { controller } = daemon
    await controller.disconnect('blue', { Container: 'web' })
    const wrong = { Container: 'web', EndpointConfig: { Impairment: { to: { loss: '2' } } } }
    await assert.rejects(controller.connect('blue', wrong), { code: 'LINK_INVALID' })
    await controller.connect('blue', { Container: 'web', EndpointConfig: { Impairment: SLOW } })
    assert.equal(onBlue()?.to?.loss, 0.01)
    await controller.createSandbox('new', {
      HostConfig: { NetworkMode: 'blue' },
      NetworkingConfig: { EndpointsConfig: { blue: { Impairment: { to: { down: true } } } } },
    })
    assert.deepEqual((await linkOf('new')).to, { settings: { down: true } })
  })

  it('has nothing to pass where somebody has deleted the interface, and is kept', async () => {
    const { EndpointID, MacAddress } =
      daemon.controller.inspectSandbox('db').NetworkSettings.Networks['blue']!
    const port = [...daemon.fabric.ports.values()].find(({ mac }) => mac === MacAddress)!
    assert.notEqual(EndpointID, '')
    daemon.fabric.lose(port.port)
    await settled()
    const link = await daemon.controller.setLink('db', SLOW)
    assert.deepEqual(link.from, { settings: SLOW.from })
  })
})

describe('the place of a link', () => {
  it('needs its network where there are several', async () => {
    await assert.rejects(daemon.controller.setLink('web', SLOW), {
      code: 'REFERENCE_AMBIGUOUS',
      message: 'container web is on several networks: blue, red',
      hint: 'Say which one is meant: web@blue or web@red.',
    })
    const { id } = machine.disk!.sandboxes.find(({ name }) => name === 'db')!
    for (const place of [id.slice(0, 12), 'db@blue', 'sandbox:db', 'sandbox:db@blue']) {
      assert.equal((await daemon.controller.setLink(place, SLOW)).place, 'db@blue')
    }
  })

  it('has to be one', async () => {
    const { controller } = daemon
    await controller.createSandbox('shy', { HostConfig: { NetworkMode: 'none' } })
    for (const [place, code] of [
      ['nobody', 'SANDBOX_UNKNOWN'],
      ['web@nowhere', 'NETWORK_UNKNOWN'],
      ['db@red', 'NOT_CONNECTED'],
      ['shy', 'NOT_CONNECTED'],
      ['shy@none', 'NOT_CONNECTED'],
      ['uplink', 'UPLINK_UNUSABLE'],
    ] as const) {
      await assert.rejects(controller.links(place), { code }, place)
      await assert.rejects(controller.setLink(place, SLOW), { code }, place)
      await assert.rejects(controller.resetLink(place, 'both'), { code }, place)
    }
  })

  it('of a sandbox that shares a network is that of its owner', async () => {
    const { controller } = daemon
    await controller.createSandbox('guest', { HostConfig: { NetworkMode: 'container:db' } })
    assert.equal((await controller.setLink('guest', SLOW)).place, 'db@blue')
  })
})

describe("the uplink's link", () => {
  it('stays where another uplink is set, and goes with the last one', async () => {
    const { controller, fabric } = daemon
    await controller.setUplink(TAP)
    await controller.setLink('uplink', SLOW)
    assert.deepEqual(daemon.events.at(-1)!.Actor.Attributes['name'], 'uplink')
    await controller.setUplink('nic:eth0')
    assert.equal(fabric.uplinkImpairment?.from?.delayUs, 50_000)
    assert.deepEqual((await linkOf('uplink')).to.settings, SLOW.to)
    await controller.setUplink('none')
    assert.equal(fabric.uplinkImpairment, undefined)
    assert.equal('uplinkImpairment' in machine.disk!, false)
    await controller.setUplink(TAP)
    assert.deepEqual((await linkOf('uplink')).to, { settings: {} })
  })

  it('that cannot be changed is what it was', async () => {
    const { controller, fabric } = daemon
    await controller.setUplink(TAP)
    await controller.setLink('uplink', SLOW)
    const before = [fabric.uplinkImpairment, machine.disk]
    for (const change of [
      () => controller.setLink('uplink', { to: { down: true } }),
      () => controller.resetLink('uplink', 'both'),
    ]) {
      for (const step of [1, 2]) {
        machine.failAt(step)
        await assert.rejects(change(), /fails/)
        machine.failAt(0)
        assert.deepEqual([fabric.uplinkImpairment, machine.disk], before)
      }
    }
    for (const step of [1, 2, 3]) {
      machine.failAt(step)
      await assert.rejects(controller.setUplink('none'), /fails/)
      machine.failAt(0)
      assert.deepEqual([fabric.uplinkImpairment, machine.disk], before, `step ${step}`)
    }
  })
})
