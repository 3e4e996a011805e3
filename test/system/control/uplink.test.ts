/**
 * Uplinks of a daemon in a namespace of its own, as far as they are opened, told of and kept up.
 *
 *     daemon ─ packet socket ─ up0 ── peer0 (the world)
 */

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Uplink } from '../../../src/control/api/uplink.ts'
import { NetworkNamespace } from '../../support/network-namespace.ts'
import { needs, needsTap } from '../../support/requirements.ts'
import { ControlDaemon } from '../support/control-daemon.ts'
import { run } from '../support/program.ts'
import { until } from '../support/until.ts'

describe('an uplink', { skip: needsTap() || needs('ip', 'ss', 'ping', 'nc') }, () => {
  let home: NetworkNamespace
  let world: NetworkNamespace
  let daemon: ControlDaemon

  before(async () => {
    home = new NetworkNamespace()
    world = new NetworkNamespace()
    home.ip('link', 'set', 'lo', 'up')
    plug()
    daemon = await ControlDaemon.start({ place: { namespace: home.name } })
  })
  after(async () => {
    await daemon.stop()
    home.remove()
    world.remove()
  })

  function plug(): void {
    home.ip('link', 'add', 'up0', 'type', 'veth', 'peer', 'name', 'peer0', 'netns', world.name)
    world.ip('address', 'add', '203.0.113.1/24', 'dev', 'peer0')
    world.ip('link', 'set', 'peer0', 'up')
    home.ip('address', 'add', '203.0.113.7/24', 'dev', 'up0')
    home.ip('link', 'set', 'up0', 'up')
    home.ip('route', 'add', 'default', 'via', '203.0.113.1')
  }

  const set = (text: string): Promise<string> => daemon.do('uplink', 'set', text)
  const state = (): Promise<Uplink> => daemon.call('GET', '/uplink')
  const reserved = async (): Promise<number> => {
    const output = await run({ namespace: home.name }, 'ss', '-Hltun', 'sport >= :61000 and sport <= :65095')
    return output.split('\n').filter((line) => line !== '').length
  }
  const changes = (change: string, ...words: readonly string[]): void => void home.ip(change, ...words)

  it('there is none of at first', async () => {
    const { Uplink: text, Up } = await state()
    assert.deepEqual([text, Up], ['none', false])
    assert.equal(await reserved(), 0)
  })

  it("shares an interface's address, with ports that are reserved", async () => {
    await set('nic:up0')
    const { Up, Reason, Interface, Address, Gateway, MacAddress, Mtu, Ports } = await state()
    assert.deepEqual([Up, Reason, Interface], [true, '', 'up0'])
    assert.deepEqual([Address, Gateway, Mtu], ['203.0.113.7/24', '203.0.113.1', 1500])
    assert.equal(MacAddress, home.link('up0')!.address)
    assert.deepEqual(Ports, { First: 61_000, Last: 65_095 })
    assert.equal(await reserved(), 2 * 4096)
  })

  it('leaves the interface as it was', () => {
    const { flags } = home.link('up0')!
    assert.ok(!flags.includes('PROMISC'))
    assert.match(home.ip('route'), /^default via 203\.0\.113\.1 dev up0/m)
  })

  it('follows what is changed on the interface', async () => {
    changes('address', 'add', '203.0.113.9/24', 'dev', 'up0')
    changes('address', 'delete', '203.0.113.7/24', 'dev', 'up0')
    changes('address', 'replace', '203.0.113.9/24', 'dev', 'up0')
    changes('route', 'replace', 'default', 'via', '203.0.113.2')
    await until('it has changed', async () => {
      const { Address, Gateway } = await state()
      return Address === '203.0.113.9/24' && Gateway === '203.0.113.2'
    })
  })

  it('is down while the interface is, and comes back', async () => {
    changes('link', 'set', 'up0', 'down')
    await until('it is down', async () => (await state()).Reason === 'up0 is down')
    changes('link', 'set', 'up0', 'up')
    await until('it is up', async () => (await state()).Up)
    world.ip('link', 'set', 'peer0', 'down')
    await until('nobody is there', async () => (await state()).Reason === 'up0 has no carrier')
    world.ip('link', 'set', 'peer0', 'up')
    await until('it is up again', async () => (await state()).Up)
    changes('link', 'delete', 'up0')
    await until('it is away', async () => (await state()).Reason === 'there is no interface up0')
    plug()
    await until('it is back', async () => (await state()).Up)
    assert.equal((await state()).Address, '203.0.113.7/24')
  })

  it('is as late as its link is to be, also when the interface has come back', async () => {
    await daemon.run('web')
    await daemon.do('link', 'set', 'uplink', '--delay', '30ms')
    const roundTripMs = async (): Promise<number> => {
      const { output } = await daemon.attempt('exec', 'web', 'ping', '-c', '1', '-W', '45', '203.0.113.1')
      return Number(/ time=([\d.]+) ms/.exec(output)?.[1])
    }
    assert.ok((await roundTripMs()) >= 60)
    changes('link', 'delete', 'up0')
    await until('it is away', async () => !(await state()).Up)
    plug()
    await until('it is back', async () => (await state()).Up)
    assert.ok((await roundTripMs()) >= 60)
    assert.deepEqual((await state()).Impairment, { from: { delay: '30ms' }, to: { delay: '30ms' } })
    await daemon.kill()
    await daemon.again()
    assert.ok((await roundTripMs()) >= 60)
    await daemon.do('link', 'reset', 'uplink')
    await daemon.do('rm', '-f', 'web')
  })

  it('stays where another one cannot be had', async () => {
    const before = await state()
    for (const [text, why] of [
      ['nic:nosuch', /there is no interface nosuch/],
      ['nic:lo', /lo is no Ethernet interface/],
      ['tap:up0,address=198.51.100.2/24', /the interface name up0 is taken/],
      ['tap:x,address=198.51.100.2/24,namespace=/run/netns/nosuch', /was not found/],
    ] as const) {
      const { code, errors } = await daemon.attempt('uplink', 'set', text)
      assert.notEqual(code, 0)
      assert.match(errors, why)
      assert.deepEqual(await state(), before)
    }
    assert.equal(await reserved(), 2 * 4096)
  })

  it('is what the default route says where nobody does', async () => {
    await set('nic')
    assert.equal((await state()).Interface, 'up0')
  })

  it('may be a TAP in any namespace', async () => {
    await set(`tap:tap0,address=198.51.100.2/24,namespace=${world.path}`)
    assert.equal(world.link('tap0')!.linkinfo!.info_kind, 'tun')
    assert.equal(await reserved(), 0)
    const { Up, Address, Ports } = await state()
    assert.deepEqual([Up, Address, Ports], [true, '198.51.100.2/24', { First: 1024, Last: 65_535 }])
    world.ip('link', 'delete', 'tap0')
    await until('it is made anew', () => world.link('tap0') !== undefined)
    await until('it is up', async () => (await state()).Up)
  })

  it('is set again by the next daemon, and removed when it is to be', async () => {
    await daemon.stop()
    assert.equal(world.link('tap0'), undefined)
    await daemon.again()
    assert.equal((await state()).Up, true)
    assert.ok(world.link('tap0') !== undefined)
    await set('none')
    assert.equal(world.link('tap0'), undefined)
    assert.deepEqual([(await state()).Uplink, (await state()).Up], ['none', false])
  })

  it('takes fewer ports where programs have some of them, and says so where too few are left', async () => {
    const port = 62_000
    const holder = run({ namespace: home.name }, 'timeout', '5', 'nc', '-l', '-p', String(port)).catch(
      () => '',
    )
    await until('somebody has a port', async () => (await reserved()) === 1)
    await set('nic:up0')
    assert.deepEqual((await state()).Ports, { First: port + 1, Last: 65_095 })
    await holder
  })

  it('is one of two kinds at a time', async () => {
    const { errors } = await daemon.attempt('network', 'create', '-o', 'tapwire.uplink=true', 'world')
    assert.match(errors, /the uplink up0 is set/)
    await set('none')
    await daemon.do('network', 'create', '-o', 'tapwire.uplink=true', '--subnet=198.51.100.0/24', 'world')
    const { Up, Address } = await state()
    assert.deepEqual([Up, Address], [true, '198.51.100.1/24'])
    const second = await daemon.attempt('network', 'create', '-o', 'tapwire.uplink=true', 'other')
    assert.match(second.errors, /a network that was made with tapwire\.uplink=true is the way out/)
    assert.match((await daemon.attempt('uplink', 'set', 'nic:up0')).errors, /is the way out/)
    await daemon.do('network', 'rm', 'world')
    assert.equal((await state()).Up, false)
  })
})
