import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type EndpointConfig, endpointConfigSchema } from '../../../src/control/api/network.ts'
import { endpointOptions, interfaceSysctls } from '../../../src/control/rules/endpoint-options.ts'
import { planEndpoint, planFirstEndpoint } from '../../../src/control/rules/endpoint-settings.ts'
import { network, pool } from './records.ts'
import { assertRefused } from './refusal.ts'

const SYSCTLS = 'com.docker.network.endpoint.sysctls'
const IFNAME = 'com.docker.network.endpoint.ifname'

const dual = network({
  enableIPv6: true,
  ipam: { driver: 'default', options: {}, pools: [pool('10.1.0.0/16'), pool('fd01::/64')] },
})
const bridge = network({ name: 'bridge' })

describe("an endpoint's settings", () => {
  it('are empty where nothing is wished', () => {
    for (const config of [undefined, null, {}, { IPAMConfig: { IPv4Address: '' }, MacAddress: '' }]) {
      assert.deepEqual(planEndpoint(bridge, config), {
        ipv4: undefined,
        ipv6: undefined,
        linkLocal: [],
        links: [],
        aliases: [],
        mac: undefined,
        driverOptions: {},
        gatewayPriority: 0,
      })
    }
  })

  it('are in normal form', () => {
    const config = endpointConfigSchema.parse({
      IPAMConfig: { IPv4Address: '10.1.0.9', IPv6Address: 'FD01:0::9', LinkLocalIPs: ['169.254.1.1'] },
      Links: ['db', 'db:store'],
      Aliases: ['web', 'www', 'web'],
      MacAddress: '02-42-0A-01-00-09',
      DriverOpts: { [IFNAME]: 'wan' },
      GwPriority: -5,
    })
    assert.deepEqual(planEndpoint(dual, config), {
      ipv4: '10.1.0.9',
      ipv6: 'fd01::9',
      linkLocal: ['169.254.1.1'],
      links: ['db:db', 'db:store'],
      aliases: ['web', 'www'],
      mac: '02:42:0a:01:00:09',
      driverOptions: { [IFNAME]: 'wan' },
      gatewayPriority: -5,
    })
  })

  it('may have the MAC address as an option', () => {
    const DriverOpts = { 'com.docker.network.endpoint.macaddress': '02:00:00:00:00:01' }
    assert.equal(planEndpoint(dual, { DriverOpts }).mac, '02:00:00:00:00:01')
  })
})

describe("wishes that a network can't fulfil", () => {
  const address = (IPv4Address: string): EndpointConfig => ({ IPAMConfig: { IPv4Address } })
  const USER_DEFINED = 'user-specified IP address is supported on user-defined networks only'
  const CONFIGURED =
    'user-specified IP address is supported only when connecting to networks with user configured subnets'
  const sysctl = (text: string) =>
    `unrecognised network interface sysctl '${text}'; represent 'net.X.Y.ethN.Z=V' as 'net.X.Y.IFNAME.Z=V', ` +
    "'X' must be 'ipv4', 'ipv6' or 'mpls'"
  const cases: [network: typeof dual, EndpointConfig, ...messages: string[]][] = [
    [bridge, address('10.1.0.9'), USER_DEFINED, CONFIGURED],
    [bridge, { IPAMConfig: { IPv4Address: '10.1.0.9', IPv6Address: 'fd01::9' } }, USER_DEFINED, CONFIGURED],
    [bridge, { Aliases: ['web'] }, 'network-scoped aliases are only supported for user-defined networks'],
    [dual, address('10.2.0.9'), 'no configured subnet contains IP address 10.2.0.9'],
    [network(), { IPAMConfig: { IPv6Address: 'fd01::9' } }, CONFIGURED],
    [
      dual,
      address('10.1.0'),
      'invalid IPv4 address: 10.1.0',
      'no configured subnet contains IP address 10.1.0',
    ],
    [
      dual,
      address('0.0.0.0'),
      'invalid IPv4 address: 0.0.0.0',
      'no configured subnet contains IP address 0.0.0.0',
    ],
    [dual, address('fd01::9'), 'invalid IPv4 address: fd01::9'],
    [dual, { IPAMConfig: { IPv6Address: '10.1.0.9' } }, 'invalid IPv6 address: 10.1.0.9'],
    [dual, { IPAMConfig: { LinkLocalIPs: ['x'] } }, 'invalid link-local IP address: x'],
    [dual, { MacAddress: '02:42' }, '02:42 is not a valid mac address'],
    [
      dual,
      { MacAddress: '01:00:5e:00:00:01' },
      '01:00:5e:00:00:01 is not a valid mac address: it is a multicast address',
    ],
    [
      dual,
      { MacAddress: 'ff:ff:ff:ff:ff:ff' },
      'ff:ff:ff:ff:ff:ff is not a valid mac address: it is a multicast address',
    ],
    [
      dual,
      { MacAddress: '00:00:00:00:00:00' },
      '00:00:00:00:00:00 is not a valid mac address: no station has it',
    ],
    [dual, { Aliases: ['a b'] }, 'invalid network-scoped alias: a b'],
    [dual, { Links: ['a:b:c'] }, 'bad format for links: a:b:c'],
    [
      dual,
      { DriverOpts: { [SYSCTLS]: 'net.ipv4.conf.eth0.forwarding=1' } },
      sysctl('net.ipv4.conf.eth0.forwarding=1'),
    ],
    [
      dual,
      { DriverOpts: { [SYSCTLS]: 'net.ipv4.conf.IFNAME.forwarding' } },
      sysctl('net.ipv4.conf.IFNAME.forwarding'),
    ],
    [dual, { DriverOpts: { [SYSCTLS]: 'net.unix.conf.IFNAME.x=1' } }, sysctl('net.unix.conf.IFNAME.x=1')],
    [
      dual,
      { DriverOpts: { [SYSCTLS]: 'net.ipv4.conf.IFNAME./../x=1' } },
      sysctl('net.ipv4.conf.IFNAME./../x=1'),
    ],
    [
      dual,
      { DriverOpts: { [IFNAME]: 'lo' } },
      `failed to parse ${IFNAME} value: lo (not the name of an interface)`,
    ],
    [
      dual,
      { DriverOpts: { [IFNAME]: 'x'.repeat(16) } },
      `failed to parse ${IFNAME} value: ${'x'.repeat(16)} (not the name of an interface)`,
    ],
    [
      dual,
      { DriverOpts: { 'com.docker.network.advertise_addr_nmsgs': '4' } },
      'failed to parse com.docker.network.advertise_addr_nmsgs value: 4 (must be from 0 to 3)',
    ],
    [dual, { DriverOpts: { 'tapwire.ofload': 'true' } }, 'unknown option tapwire.ofload'],
    [
      bridge,
      { ...address('10.1.0.9'), Aliases: ['web'], MacAddress: 'x' },
      USER_DEFINED,
      CONFIGURED,
      'network-scoped aliases are only supported for user-defined networks',
      'x is not a valid mac address',
    ],
  ]
  for (const [where, config, ...messages] of cases) {
    it(messages.join(' / '), () =>
      assertRefused(() => planEndpoint(where, config), 'ENDPOINT_INVALID', problems(messages)),
    )
  }
})

/** One stands alone, several have an asterisk each. */
function problems(messages: readonly string[]): string {
  const lines = messages.length === 1 ? messages : messages.map((message) => `* ${message}`)
  return `invalid endpoint settings:\n${lines.join('\n')}`
}

describe('an endpoint', () => {
  it('cannot be on a configuration network', () => {
    for (const make of [planEndpoint, planFirstEndpoint]) {
      assertRefused(
        () => make(network({ configOnly: true }), {}),
        'ENDPOINT_INVALID',
        'cannot create endpoint on configuration-only network',
      )
    }
  })
  it('of a new sandbox is told with its network', () => {
    assert.equal(planFirstEndpoint(dual, { GwPriority: 1 }).gatewayPriority, 1)
    assertRefused(
      () => planFirstEndpoint(dual, { MacAddress: 'x' }),
      'ENDPOINT_INVALID',
      'invalid config for network net1: invalid endpoint settings:\nx is not a valid mac address',
    )
  })
})

describe('endpointOptions', () => {
  it('has defaults', () => {
    assert.deepEqual(endpointOptions({}), {
      interfaceName: undefined,
      sysctls: {},
      advertiseCount: 3,
      advertiseIntervalMs: 1000,
      offload: true,
    })
  })
  it("goes before the network's", () => {
    const count = 'com.docker.network.advertise_addr_nmsgs'
    assert.equal(endpointOptions({}, { [count]: '1' }).advertiseCount, 1)
    assert.equal(endpointOptions({ [count]: '0' }, { [count]: '1' }).advertiseCount, 0)
  })
  it('gives sysctls the name of the interface', () => {
    const options = endpointOptions({
      [SYSCTLS]: 'net.ipv4.conf.IFNAME.forwarding=1, net.ipv6.conf.ifname.accept_ra=2',
      'tapwire.offload': 'false',
    })
    assert.equal(options.offload, false)
    assert.deepEqual(interfaceSysctls(options, 'eth1'), {
      'net.ipv4.conf.eth1.forwarding': '1',
      'net.ipv6.conf.eth1.accept_ra': '2',
    })
    assert.deepEqual(Object.keys(interfaceSysctls(options, 'wan.10'))[0], 'net.ipv4.conf.wan/10.forwarding')
  })
})
