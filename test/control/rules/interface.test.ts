import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { chooseInterfaceName, isInterfaceName } from '../../../src/control/rules/interface-name.ts'
import { chooseMac } from '../../../src/control/rules/mac.ts'
import { assertRefused } from './refusal.ts'

describe("an interface's name", () => {
  it('has the lowest number that is free', () => {
    assert.equal(chooseInterfaceName([], { prefix: 'eth' }), 'eth0')
    assert.equal(chooseInterfaceName(['eth0', 'eth2', 'lo'], { prefix: 'eth' }), 'eth1')
    assert.equal(chooseInterfaceName(['eth0'], { prefix: 'net' }), 'net0')
  })
  it('is the one that was asked for', () => {
    assert.equal(chooseInterfaceName(['eth0'], { prefix: 'eth', name: 'wan' }), 'wan')
    assertRefused(
      () => chooseInterfaceName(['wan'], { prefix: 'eth', name: 'wan' }),
      'INTERFACE_NAME_TAKEN',
      'the sandbox has an interface wan already',
    )
  })
  it('is what Linux takes', () => {
    for (const name of ['eth0', 'a', 'x'.repeat(15), 'wan.10', 'a-b_c'])
      assert.ok(isInterfaceName(name), name)
    for (const name of ['', '.', '..', 'a/b', 'a:b', 'a b', 'a\0', 'x'.repeat(16), 'é', 'a%d']) {
      assert.ok(!isInterfaceName(name), name)
    }
  })
})

describe('a MAC address', () => {
  const free = () => false
  it('is the one that was given', () => {
    assert.equal(
      chooseMac({ given: '02:00:00:00:00:01', ipv4: '10.1.0.2', mode: 'random' }, () => true, randomBytes),
      '02:00:00:00:00:01',
    )
  })
  it('comes from the IPv4 address', () => {
    assert.equal(
      chooseMac({ ipv4: '10.1.0.2', ipv6: 'fd00::2', mode: 'address' }, free, randomBytes),
      '02:42:0a:01:00:02',
    )
  })
  it('comes from the end of the IPv6 address where there is no other', () => {
    assert.equal(chooseMac({ ipv6: 'fd00::1:2', mode: 'address' }, free, randomBytes), '02:42:00:01:00:02')
  })
  it('is random, unicast and locally administered', () => {
    const all = (byte: number) => (count: number) => new Uint8Array(count).fill(byte)
    assert.equal(chooseMac({ ipv4: '10.1.0.2', mode: 'random' }, free, all(0xff)), 'fe:ff:ff:ff:ff:ff')
    assert.equal(chooseMac({ ipv4: '10.1.0.2', mode: 'random' }, free, all(0)), '02:00:00:00:00:00')
  })
  it('is never one that the network has', () => {
    const has = (mac: string) => mac === '02:42:0a:01:00:02' || mac === '02:00:00:00:00:00'
    let draw = 0
    const mac = chooseMac({ ipv4: '10.1.0.2', mode: 'address' }, has, (count) =>
      new Uint8Array(count).fill(draw++),
    )
    assert.equal(mac, '02:01:01:01:01:01')
  })
})
