import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MemoryMachine } from './memory-machine.ts'

const TAP = 'tap:up0,address=203.0.113.1/24,gateway=203.0.113.254'

describe('the uplink', () => {
  it('is none at first, and then what was set', async () => {
    const { controller, fabric } = await new MemoryMachine().boot()
    assert.equal(controller.uplink().Uplink, 'none')
    assert.equal(controller.uplink().Up, false)
    const set = await controller.setUplink(`${TAP},mtu=1500`)
    assert.deepEqual(set, controller.uplink())
    assert.equal(set.Uplink, TAP)
    assert.deepEqual([set.Up, set.Reason, set.Interface], [true, '', 'up0'])
    assert.deepEqual([set.Address, set.Gateway, set.Mtu], ['203.0.113.1/24', '203.0.113.254', 1500])
    assert.equal(fabric.uplinkSpec?.kind, 'tap')
    await controller.setUplink('none')
    assert.deepEqual([controller.uplink().Uplink, fabric.uplinkSpec], ['none', undefined])
  })

  it('is set again by the next daemon', async () => {
    const machine = new MemoryMachine()
    await (await machine.boot()).controller.setUplink('nic:eth0')
    assert.equal(machine.disk?.uplink, 'nic:eth0')
    const next = await machine.boot()
    assert.deepEqual(next.fabric.uplinkSpec, { kind: 'nic', interface: 'eth0' })
    assert.deepEqual(next.warnings, [])
    await next.controller.setUplink('none')
    assert.equal('uplink' in machine.disk!, false)
    assert.equal((await machine.boot()).controller.uplink().Uplink, 'none')
  })

  it('that cannot be set leaves the one that was, now and for the next daemon', async () => {
    const machine = new MemoryMachine()
    const { controller, fabric } = await machine.boot()
    await controller.setUplink('nic:eth0')
    await assert.rejects(controller.setUplink('nci'), { code: 'UPLINK_INVALID' })
    for (const step of [1, 2]) {
      machine.failAt(step)
      await assert.rejects(controller.setUplink(TAP), /fails/)
      machine.failAt(0)
      assert.equal(controller.uplink().Uplink, 'nic:eth0')
      assert.deepEqual(fabric.uplinkSpec, { kind: 'nic', interface: 'eth0' })
      assert.equal(machine.disk?.uplink, 'nic:eth0')
    }
  })

  it('that the next daemon cannot set keeps it from nothing, is told of, and can be set later on', async () => {
    const machine = new MemoryMachine()
    await (await machine.boot()).controller.setUplink('nic:eth0')
    machine.failFrom('setUplink')
    const { controller, warnings } = await machine.boot()
    assert.deepEqual(warnings, ['the uplink nic:eth0 could not be set'])
    const { Uplink, Up, Reason } = controller.uplink()
    assert.deepEqual([Uplink, Up, Reason], ['nic:eth0', false, 'setUplink fails'])
    assert.equal(machine.disk?.uplink, 'nic:eth0')
    machine.failFrom(undefined)
    assert.deepEqual((await controller.setUplink('nic:eth0')).Up, true)
    assert.equal(controller.uplink().Reason, '')
  })

  it("is what the daemon's user says, for as long as that daemon runs", async () => {
    const machine = new MemoryMachine()
    await (await machine.boot()).controller.setUplink('nic:eth0')
    machine.uplink = 'none'
    assert.equal((await machine.boot()).fabric.uplinkSpec, undefined)
    machine.uplink = TAP
    const { controller, fabric } = await machine.boot()
    assert.equal(fabric.uplinkSpec?.kind, 'tap')
    assert.equal(machine.disk?.uplink, 'nic:eth0')
    await controller.setUplink('nic:eth1')
    assert.deepEqual(fabric.uplinkSpec, { kind: 'nic', interface: 'eth1' })
    machine.uplink = undefined
    assert.equal((await machine.boot()).controller.uplink().Uplink, 'nic:eth1')
  })

  it('of a state file that was edited is told where it is none', async () => {
    const machine = new MemoryMachine()
    await machine.boot()
    machine.disk = { ...machine.disk!, uplink: 'nci:eth0' }
    const { controller, warnings } = await machine.boot()
    assert.deepEqual(warnings, ['the uplink nci:eth0 could not be set'])
    assert.match(controller.uplink().Reason, /unknown kind 'nci'/)
  })
})
