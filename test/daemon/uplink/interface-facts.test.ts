import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { defaultInterface, factsOf } from '../../../src/daemon/uplink/interface-facts.ts'

const ADDRESS = {
  ifindex: 2,
  ifname: 'eth0',
  flags: ['BROADCAST', 'MULTICAST', 'UP', 'LOWER_UP'],
  mtu: 1500,
  link_type: 'ether',
  address: '02:00:00:00:00:01',
  addr_info: [
    { family: 'inet6', local: 'fe80::1', prefixlen: 64, scope: 'link' },
    { family: 'inet', local: '169.254.1.1', prefixlen: 16, scope: 'link' },
    { family: 'inet', local: '192.0.2.7', prefixlen: 24, scope: 'global' },
    { family: 'inet', local: '198.51.100.7', prefixlen: 24, scope: 'global' },
  ],
}

describe('what the machine says of an interface', () => {
  it('is a route to the other end where that has another subnet', () => {
    const addresses = [
      { family: 'inet', local: '192.0.2.7', address: '198.51.100.1', prefixlen: 32, scope: 'global' },
    ]
    const { address, prefixLength, routes } = factsOf('eth0', { ...ADDRESS, addr_info: addresses }, [
      { dst: 'default', gateway: '198.51.100.1', flags: [] },
      { dst: '198.51.100.1', protocol: 'kernel', prefsrc: '192.0.2.7', flags: [] },
    ])
    assert.deepEqual([address, prefixLength], ['192.0.2.7', 32])
    assert.deepEqual(routes, [
      { prefix: '0.0.0.0', prefixLength: 0, gateway: '198.51.100.1' },
      { prefix: '198.51.100.1', prefixLength: 32, gateway: '' },
    ])
  })

  it('is read from ip', () => {
    const facts = factsOf('eth0', ADDRESS, [
      { dst: 'default', gateway: '192.0.2.9', metric: 600, flags: [] },
      { dst: 'default', gateway: '192.0.2.1', metric: 100, flags: [] },
      { dst: '10.0.0.0/8', gateway: '192.0.2.3', flags: ['dead', 'linkdown'] },
      { dst: '10.1.0.1', gateway: '192.0.2.4', flags: [] },
      { type: 'unreachable', dst: '10.2.0.0/16', flags: [] },
      { dst: '192.0.2.0/24', protocol: 'kernel', prefsrc: '192.0.2.7', flags: [] },
      { dst: '198.51.100.0/24', protocol: 'kernel', prefsrc: '198.51.100.7', flags: [] },
    ])
    assert.deepEqual(facts, {
      name: 'eth0',
      index: 2,
      ethernet: true,
      up: true,
      carrier: true,
      mac: '02:00:00:00:00:01',
      alias: '',
      mtu: 1500,
      address: '192.0.2.7',
      prefixLength: 24,
      routes: [
        { prefix: '10.1.0.1', prefixLength: 32, gateway: '192.0.2.4' },
        { prefix: '198.51.100.0', prefixLength: 24, gateway: '' },
        { prefix: '0.0.0.0', prefixLength: 0, gateway: '192.0.2.1' },
        { prefix: '0.0.0.0', prefixLength: 0, gateway: '192.0.2.9' },
      ],
    })
  })

  it('may be next to nothing', () => {
    const { up, carrier, ethernet, address } = factsOf('tun0', { flags: ['UP'], link_type: 'none' }, [])
    assert.deepEqual([up, carrier, ethernet, address], [true, false, false, ''])
  })

  it('names the interface of the preferred default route', () => {
    assert.equal(defaultInterface([]), undefined)
    const routes = [
      { dst: 'default', dev: 'wlan0', metric: 600 },
      { dst: 'default', dev: 'eth1', metric: 50, flags: ['dead'] },
      { dst: 'default', dev: 'eth0', metric: 100 },
    ]
    assert.equal(defaultInterface(routes), 'eth0')
  })
})
