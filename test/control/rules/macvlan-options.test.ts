import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  checkMacvlanOptions,
  macvlanOptions,
  parentMissing,
} from '../../../src/control/rules/macvlan-options.ts'

describe('options of a macvlan network', () => {
  it('have defaults', () => {
    assert.deepEqual(macvlanOptions({}), { parent: '', mode: 'bridge', mtu: undefined, mac: 'address' })
    assert.deepEqual(checkMacvlanOptions({}), [])
  })

  it('are taken', () => {
    const options = {
      parent: 'eth0.10',
      macvlan_mode: 'private',
      'com.docker.network.driver.mtu': '9000',
      'tapwire.mac': 'random',
      'someone.else': 'x',
    }
    assert.deepEqual(checkMacvlanOptions(options), [])
    assert.deepEqual(macvlanOptions(options), {
      parent: 'eth0.10',
      mode: 'private',
      mtu: 9000,
      mac: 'random',
    })
    // Docker's "not given".
    const empty = { parent: '', macvlan_mode: '', 'com.docker.network.driver.mtu': '0' }
    assert.deepEqual(checkMacvlanOptions(empty), [])
    assert.deepEqual(macvlanOptions(empty), macvlanOptions({}))
  })

  for (const [options, problem] of [
    [{ parent: 'lo' }, 'loopback interface is not a valid macvlan parent link'],
    [{ parent: 'a/b' }, 'failed to parse parent value: a/b (not the name of an interface)'],
    [{ parent: 'eth0.4095' }, 'vlan id must be between 1-4094, received: 4095'],
    [{ parent: 'eth0.0' }, 'vlan id must be between 1-4094, received: 0'],
    [
      { macvlan_mode: 'x' },
      "requested macvlan mode 'x' is not valid, 'bridge' mode is the macvlan driver default",
    ],
    [
      { macvlan_mode: 'vepa' },
      "macvlan mode 'vepa' is not supported: it needs an outer switch that sends frames back where they came from",
    ],
    [
      { 'com.docker.network.driver.mtu': '70000' },
      'failed to parse com.docker.network.driver.mtu value: 70000 (must be from 576 to 65521)',
    ],
    [{ 'tapwire.host': 'true' }, 'unknown option tapwire.host'],
  ] as const) {
    it(`are refused: ${JSON.stringify(options)}`, () => {
      assert.deepEqual(checkMacvlanOptions(options), [problem])
    })
  }

  it('name a parent that is not there as Docker does', () => {
    assert.equal(parentMissing('foo'), 'invalid subinterface vlan name foo, example formatting is eth0.10')
    assert.equal(parentMissing('foo.10'), '-o parent interface was not found on the host: foo')
  })
})
