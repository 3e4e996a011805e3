import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type NetworkCreate, networkCreateSchema } from '../../../src/control/api/network.ts'
import { DEFAULTS } from '../../../src/control/defaults.ts'
import type { NetworkRecord } from '../../../src/control/model/records.ts'
import { bridgeOptions } from '../../../src/control/rules/bridge-options.ts'
import { bridgeDriver, hostDriver, nullDriver } from '../../../src/control/rules/built-in-drivers.ts'
import { type NetworkPlan, planNetwork } from '../../../src/control/rules/network-create.ts'
import { findNetwork } from '../../../src/control/rules/references.ts'
import { network, pool } from './records.ts'
import { assertRefused } from './refusal.ts'

const drivers = [bridgeDriver, hostDriver, nullDriver]

function plan(
  request: NetworkCreate,
  networks: readonly NetworkRecord[] = [],
  defaults = DEFAULTS,
): NetworkPlan {
  return planNetwork(networkCreateSchema.parse(request), {
    find: (reference) => findNetwork(networks, reference),
    driver: (name) => drivers.find((driver) => driver.name === name),
    defaults,
  })
}

describe('a network of which nothing was said', () => {
  it('is a bridge with IPv4', () => {
    assert.deepEqual(plan({ Name: 'n' }), {
      record: {
        name: 'n',
        driver: 'bridge',
        scope: 'local',
        enableIPv4: true,
        enableIPv6: false,
        internal: false,
        attachable: false,
        ingress: false,
        configOnly: false,
        configFrom: '',
        ipam: { driver: 'default', options: {} },
        options: {},
        labels: {},
      },
      wanted: { ipv4: true, ipv6: false, pools: [], wantsGateway: true, options: {} },
      kept: [],
      warning: '',
    } satisfies NetworkPlan)
  })
})

describe('a network of which the daemon says the MTU', () => {
  const defaults = { ...DEFAULTS, mtu: 9000 }
  const MTU = 'com.docker.network.driver.mtu'

  it('has that one, for all to see, unless it says its own', () => {
    assert.deepEqual(plan({ Name: 'n' }, [], defaults).record.options, { [MTU]: '9000' })
    const own = { [MTU]: '1400', 'vendor.option': 'kept' }
    assert.deepEqual(plan({ Name: 'n', Options: own }, [], defaults).record.options, own)
  })

  it('has it also where it takes its settings from another network', () => {
    const source = network({ name: 'source', configOnly: true, options: { 'vendor.option': 'kept' } })
    const request: NetworkCreate = { Name: 'n', ConfigFrom: { Network: 'source' } }
    assert.deepEqual(plan(request, [source], defaults).record.options, {
      [MTU]: '9000',
      'vendor.option': 'kept',
    })
  })

  it('and that leaves its settings to others, has what was said alone', () => {
    assert.deepEqual(plan({ Name: 'n', ConfigOnly: true }, [], defaults).record.options, {})
  })
})

describe('a network of which all was said', () => {
  it('is what was said', () => {
    const { record, wanted } = plan({
      Name: 'n',
      Driver: 'bridge',
      Scope: 'local',
      EnableIPv4: true,
      EnableIPv6: true,
      Internal: true,
      Attachable: true,
      IPAM: {
        Driver: 'default',
        Options: { 'tapwire.ipam.rest': '5' },
        Config: [
          {
            Subnet: '10.5.0.0/16',
            IPRange: '10.5.1.0/24',
            Gateway: '10.5.0.9',
            AuxiliaryAddresses: { printer: '10.5.0.7' },
          },
          { Subnet: 'fd05::/64' },
        ],
      },
      Options: { 'com.docker.network.driver.mtu': '1400', 'vendor.option': 'kept' },
      Labels: { a: 'b' },
    })
    assert.deepEqual([record.enableIPv6, record.internal, record.attachable], [true, true, true])
    assert.deepEqual(record.options, { 'com.docker.network.driver.mtu': '1400', 'vendor.option': 'kept' })
    assert.deepEqual(record.labels, { a: 'b' })
    assert.deepEqual(record.ipam, { driver: 'default', options: { 'tapwire.ipam.rest': '5' } })
    assert.deepEqual(wanted, {
      ipv4: true,
      ipv6: true,
      wantsGateway: true,
      options: { 'tapwire.ipam.rest': '5' },
      pools: [
        {
          subnet: '10.5.0.0/16',
          range: '10.5.1.0/24',
          gateway: '10.5.0.9',
          auxiliary: { printer: '10.5.0.7' },
        },
        { subnet: 'fd05::/64', range: undefined, gateway: undefined, auxiliary: {} },
      ],
    })
  })
})

describe('a network that cannot be', () => {
  const config = (Config: { Subnet?: string; Gateway?: string }[]): NetworkCreate => ({
    Name: 'n',
    IPAM: { Config },
  })
  const option = (name: string, value: string): NetworkCreate => ({ Name: 'n', Options: { [name]: value } })
  const MTU = 'com.docker.network.driver.mtu'
  const MODE = 'com.docker.network.bridge.gateway_mode_ipv4'
  const PREFIX = 'com.docker.network.container_iface_prefix'
  const INVALID = 'NETWORK_CONFIG_INVALID'
  const cases: [NetworkCreate, string, string][] = [
    [{ Name: 'host' }, 'NETWORK_PREDEFINED', 'operation is not permitted on predefined host network'],
    [{ Name: 'n', Driver: 'overlay' }, 'DRIVER_UNKNOWN', 'plugin "overlay" not found'],
    [{ Name: 'n', Driver: 'host' }, 'NETWORK_PREDEFINED', 'only one instance of "host" network is allowed'],
    [{ Name: 'n', Driver: 'null' }, 'NETWORK_PREDEFINED', 'only one instance of "null" network is allowed'],
    [{ Name: 'n', IPAM: { Driver: 'dhcp' } }, 'DRIVER_UNKNOWN', 'plugin "dhcp" not found'],
    [{ Name: 'n', Scope: 'swarm' }, INVALID, 'the driver bridge has no networks of the scope swarm'],
    [{ Name: 'n', Ingress: true }, INVALID, 'Ingress network can only be global scope network'],
    [{ Name: 'n', EnableIPv4: false }, INVALID, 'IPv4 or IPv6 must be enabled'],
    [
      config([{ Subnet: '10.5.0.1/16', Gateway: '10.6.0.1' }]),
      INVALID,
      'invalid network config:\n* invalid subnet 10.5.0.1/16: it should be 10.5.0.0/16\n' +
        "* invalid gateway 10.6.0.1: parent subnet 10.5.0.1/16 doesn't contain this address",
    ],
    [
      config([{ Subnet: '10.5.0.0/16' }, { Subnet: '10.6.0.0/16' }]),
      INVALID,
      "bridge driver doesn't support multiple subnets",
    ],
    [
      config([{ Subnet: '169.254.0.0/16' }]),
      INVALID,
      'subnet 169.254.0.0/16 has addresses of 169.254.77.0/30, which Tapwire itself uses for published ports',
    ],
    [
      option(MTU, 'big'),
      INVALID,
      `failed to parse ${MTU} value: big (strconv.Atoi: parsing "big": invalid syntax)`,
    ],
    [option(MTU, '575'), INVALID, `failed to parse ${MTU} value: 575 (must be from 576 to 65521)`],
    [
      { ...option(MTU, '1279'), EnableIPv6: true },
      INVALID,
      `failed to parse ${MTU} value: 1279 (must be from 1280 to 65521)`,
    ],
    [
      option('com.docker.network.bridge.enable_icc', 'yes'),
      INVALID,
      'failed to parse com.docker.network.bridge.enable_icc value: yes ' +
        '(strconv.ParseBool: parsing "yes": invalid syntax)',
    ],
    [option(MODE, 'bridge'), INVALID, `failed to parse ${MODE} value: bridge (unknown gateway mode bridge)`],
    [option(MODE, 'isolated'), INVALID, "gateway mode 'isolated' can only be used for an internal network"],
    [option(PREFIX, 'a/b'), INVALID, `failed to parse ${PREFIX} value: a/b (not the name of an interface)`],
    [
      option(PREFIX, 'abcdefghijkl'),
      INVALID,
      `failed to parse ${PREFIX} value: abcdefghijkl (longer than 11 characters)`,
    ],
    [
      option('com.docker.network.bridge.host_binding_ipv4', '::1'),
      INVALID,
      'failed to parse com.docker.network.bridge.host_binding_ipv4 value: ::1 (nil ip)',
    ],
    [
      option('tapwire.mac', 'zero'),
      INVALID,
      "failed to parse tapwire.mac value: zero (must be 'address' or 'random')",
    ],
    [option('tapwire.transparant', 'true'), INVALID, 'unknown option tapwire.transparant'],
    [{ Name: 'n', EnableIPv4: false, Options: { [MTU]: '1' } }, INVALID, 'IPv4 or IPv6 must be enabled'],
  ]
  for (const [request, code, message] of cases) {
    it(message.replaceAll('\n', ' / '), () => assertRefused(() => plan(request), code, message))
  }
})

describe('a configuration network', () => {
  const source = network({
    name: 'conf',
    driver: 'null',
    configOnly: true,
    enableIPv6: true,
    ipam: {
      driver: 'default',
      options: { 'tapwire.ipam.rest': '1' },
      pools: [pool('10.5.0.0/16', { gateway: '10.5.0.9', gatewayGiven: true, auxiliary: { a: '10.5.0.3' } })],
    },
    options: { 'com.docker.network.driver.mtu': '1400' },
    labels: { l: '' },
  })

  it('keeps its pools as they were given', () => {
    const { record, wanted, kept } = plan({
      Name: 'conf',
      ConfigOnly: true,
      IPAM: { Config: [{ Subnet: '10.5.0.0/16', Gateway: '10.5.0.9' }, { Subnet: '10.6.0.0/16' }] },
    })
    assert.deepEqual([record.driver, record.configOnly, wanted], ['null', true, undefined])
    assert.deepEqual(kept, [
      pool('10.5.0.0/16', { range: undefined, gateway: '10.5.0.9', gatewayGiven: true }),
      pool('10.6.0.0/16', { range: undefined, gateway: undefined }),
    ])
  })

  it('gives its settings to another network', () => {
    const { record, wanted } = plan({ Name: 'n', Internal: true, ConfigFrom: { Network: 'conf' } }, [source])
    assert.deepEqual(
      { ...record, ipam: record.ipam.options },
      {
        name: 'n',
        driver: 'bridge',
        scope: 'local',
        enableIPv4: true,
        enableIPv6: true,
        internal: true,
        attachable: false,
        ingress: false,
        configOnly: false,
        configFrom: 'conf',
        ipam: { 'tapwire.ipam.rest': '1' },
        options: source.options,
        labels: source.labels,
      },
    )
    assert.deepEqual(wanted?.pools, [
      { subnet: '10.5.0.0/16', range: undefined, gateway: '10.5.0.9', auxiliary: { a: '10.5.0.3' } },
    ])
  })

  const from: NetworkCreate = { Name: 'n', ConfigFrom: { Network: 'conf' } }
  const taken =
    'user specified configurations are not supported if the network depends on a configuration network'
  const operator =
    'configuration network can only contain network specific fields. ' +
    'Network operator fields like [ ingress | internal | attachable | scope ] are not supported.'
  const cases: [NetworkCreate, string, string][] = [
    [{ ...from, Labels: { a: '' } }, 'NETWORK_CONFIG_INVALID', taken],
    [{ ...from, EnableIPv6: true }, 'NETWORK_CONFIG_INVALID', taken],
    [{ ...from, IPAM: { Config: [{ Subnet: '10.7.0.0/16' }] } }, 'NETWORK_CONFIG_INVALID', taken],
    [
      { ...from, Options: { a: 'b' } },
      'NETWORK_CONFIG_INVALID',
      'network driver options are not supported if the network depends on a configuration network',
    ],
    [
      { ...from, ConfigFrom: { Network: 'nope' } },
      'NETWORK_UNKNOWN',
      'configuration network "nope" does not exist',
    ],
    [
      { ...from, ConfigFrom: { Network: 'net1' } },
      'NETWORK_UNKNOWN',
      'configuration network "net1" does not exist',
    ],
    [
      { ...from, ConfigOnly: true },
      'NETWORK_CONFIG_INVALID',
      'a configuration network cannot depend on another configuration network',
    ],
    [{ Name: 'n', ConfigOnly: true, Internal: true }, 'NETWORK_CONFIG_INVALID', operator],
    [{ Name: 'n', ConfigOnly: true, Scope: 'local' }, 'NETWORK_CONFIG_INVALID', operator],
  ]
  for (const [request, code, message] of cases) {
    it(`${JSON.stringify(request)}: ${message}`, () =>
      assertRefused(() => plan(request, [source, network({ id: 'd4'.repeat(32) })]), code, message))
  }
})

describe('bridgeOptions', () => {
  it('has Docker’s defaults', () => {
    assert.deepEqual(bridgeOptions({ 'com.docker.network.driver.mtu': '0' }), {
      mtu: 1500,
      transparent: false,
      icc: true,
      interfacePrefix: 'eth',
      mac: 'address',
      masquerade: true,
      hostBinding: '',
      gatewayMode4: 'nat',
      gatewayMode6: 'nat',
      inhibitIpv4: false,
      hostIpv4: '',
      proxyArp: false,
      spoofGuard: true,
      uplink: false,
      host: false,
    })
  })
  it('reads all of them', () => {
    const options = bridgeOptions({
      'com.docker.network.driver.mtu': '9000',
      'tapwire.transparent': 'T',
      'com.docker.network.bridge.enable_icc': '0',
      'com.docker.network.container_iface_prefix': 'net',
      'tapwire.mac': 'random',
      'com.docker.network.bridge.enable_ip_masquerade': 'False',
      'com.docker.network.bridge.host_binding_ipv4': '127.0.0.1',
      'com.docker.network.bridge.gateway_mode_ipv4': 'routed',
      'com.docker.network.bridge.gateway_mode_ipv6': 'isolated',
      'com.docker.network.bridge.inhibit_ipv4': '1',
      'com.docker.network.host_ipv4': '192.0.2.9',
      'tapwire.proxy-arp': 'true',
      'tapwire.spoof-guard': 'false',
      'tapwire.uplink': 'true',
      'tapwire.host': '1',
    })
    assert.deepEqual(options, {
      mtu: 9000,
      transparent: true,
      icc: false,
      interfacePrefix: 'net',
      mac: 'random',
      masquerade: false,
      hostBinding: '127.0.0.1',
      gatewayMode4: 'routed',
      gatewayMode6: 'isolated',
      inhibitIpv4: true,
      hostIpv4: '192.0.2.9',
      proxyArp: true,
      spoofGuard: false,
      uplink: true,
      host: true,
    })
  })
  it('decide whether there is a gateway', () => {
    const wants = (Options: Record<string, string>, Internal: boolean) =>
      plan({ Name: 'n', Internal, Options }).wanted?.wantsGateway
    assert.equal(wants({}, true), true)
    assert.equal(wants({ 'com.docker.network.bridge.gateway_mode_ipv4': 'isolated' }, true), false)
    assert.equal(wants({ 'com.docker.network.bridge.inhibit_ipv4': 'true' }, true), false)
    assert.equal(wants({ 'com.docker.network.bridge.inhibit_ipv4': 'true' }, false), true)
  })
})
