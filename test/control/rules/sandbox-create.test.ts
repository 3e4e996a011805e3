import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type SandboxCreate, sandboxCreateSchema } from '../../../src/control/api/sandbox.ts'
import { findNetwork, findSandbox } from '../../../src/control/rules/references.ts'
import { planSandbox, type SandboxPlanned } from '../../../src/control/rules/sandbox-create.ts'
import { config, NETWORK_ID, network, SANDBOX_ID, sandbox } from './records.ts'
import { assertRefused } from './refusal.ts'

const ID = `0a1b2c3d4e5f${'0'.repeat(52)}`

const networks = [
  network(),
  ...['net2', 'net3', 'bridge', 'none', 'host'].map((name, index) =>
    network({ name, id: String(index).repeat(64) }),
  ),
]
const sandboxes = [sandbox({ config: config({ hostname: 'inner', domainname: 'example' }) })]

function plan(request: SandboxCreate): SandboxPlanned {
  return planSandbox(ID, sandboxCreateSchema.parse(request), {
    findNetwork: (reference) => findNetwork(networks, reference),
    findSandbox: (reference) => findSandbox(sandboxes, reference),
    hostHostname: () => 'machine',
  })
}

const mode = (NetworkMode: string): SandboxCreate => ({ HostConfig: { NetworkMode } })

describe('a sandbox of which nothing was said', () => {
  it('is idle and on the bridge', () => {
    assert.deepEqual(plan({}), {
      config: config({ hostname: '0a1b2c3d4e5f', networkMode: { kind: 'networks', name: 'bridge' } }),
      endpoints: [{ network: 'bridge', config: {} }],
      warnings: [],
    })
  })
})

describe('a sandbox of which all was said', () => {
  it('is what was said', () => {
    const { config: planned, warnings } = plan({
      Hostname: 'web',
      Domainname: 'lab.example',
      Cmd: ['sleep', '1'],
      Env: ['A=1', 'B=', 'A=2', 'C', 'D==x'],
      WorkingDir: '/srv',
      Tty: true,
      OpenStdin: true,
      Labels: { a: 'b' },
      StopSignal: 'int',
      StopTimeout: 3,
      ExposedPorts: { '53/udp': {}, '9': {} },
      HostConfig: {
        NetworkMode: 'bridge',
        AutoRemove: true,
        PortBindings: { '80/tcp': [{ HostPort: '8080' }] },
        PublishAllPorts: true,
        Dns: ['1.1.1.1', '2606:4700:4700:0::1111'],
        DnsSearch: ['lab.example', '.'],
        DnsOptions: ['ndots:2', ''],
        ExtraHosts: ['a:10.0.0.1', 'b=[::1]', 'c:host-gateway'],
        Links: ['db', '/c1:/web/store'],
      },
    })
    assert.deepEqual(
      planned,
      config({
        command: ['sleep', '1'],
        environment: ['A=2', 'B=', 'D==x'],
        workingDirectory: '/srv',
        tty: true,
        openStdin: true,
        hostname: 'web',
        domainname: 'lab.example',
        labels: { a: 'b' },
        stopSignal: 'SIGINT',
        stopTimeoutS: 3,
        autoRemove: true,
        networkMode: { kind: 'networks', name: 'bridge' },
        dns: ['1.1.1.1', '2606:4700:4700::1111'],
        dnsSearch: ['lab.example', '.'],
        dnsOptions: ['ndots:2'],
        extraHosts: ['a:10.0.0.1', 'b:::1', 'c:host-gateway'],
        links: ['db:db', 'c1:store'],
        exposedPorts: ['9/tcp', '53/udp', '80/tcp'],
        portBindings: { '80/tcp': [{ hostIp: '', hostPort: '8080' }] },
        publishAll: true,
      }),
    )
    assert.deepEqual(warnings, [])
  })
})

describe('the network mode', () => {
  it('is the bridge under its other names', () => {
    for (const name of ['', 'default', 'bridge']) {
      const { config: planned, endpoints } = plan(mode(name))
      assert.deepEqual(planned.networkMode, { kind: 'networks', name: 'bridge' })
      assert.deepEqual(endpoints, [{ network: 'bridge', config: {} }])
    }
  })
  it('none and host have an endpoint without interface', () => {
    assert.deepEqual(plan(mode('none')).endpoints, [{ network: 'none', config: {} }])
    assert.deepEqual(plan(mode('host')).endpoints, [{ network: 'host', config: {} }])
  })
  it('host has the machine’s hostname and no ports of its own', () => {
    const { config: planned, warnings } = plan({
      HostConfig: { NetworkMode: 'host', PortBindings: { '80/tcp': [{}] } },
    })
    assert.equal(planned.hostname, 'machine')
    assert.deepEqual([planned.portBindings, planned.exposedPorts], [{}, ['80/tcp']])
    assert.deepEqual(warnings, ['Published ports are discarded when using host network mode'])
  })
  it('container takes over the names of the other sandbox', () => {
    const { config: planned, endpoints } = plan(mode('container:c1'))
    assert.deepEqual(planned.networkMode, { kind: 'container', sandbox: SANDBOX_ID })
    assert.deepEqual([planned.hostname, planned.domainname, endpoints], ['inner', 'example', []])
  })
})

describe('the networks of a sandbox', () => {
  const wishes = (
    NetworkMode: string | undefined,
    EndpointsConfig: Record<string, object | null>,
  ): SandboxCreate => ({
    HostConfig: { NetworkMode },
    NetworkingConfig: { EndpointsConfig },
  })
  it('begin with the one of the mode', () => {
    assert.deepEqual(plan(wishes('net2', { net1: { Aliases: ['a'] }, net3: null })).endpoints, [
      { network: 'net2', config: {} },
      { network: 'net1', config: { Aliases: ['a'] } },
      { network: 'net3', config: {} },
    ])
  })
  it('begin with the first one where no mode is named', () => {
    const { config: planned, endpoints } = plan(wishes(undefined, { net3: {}, net1: {} }))
    assert.deepEqual(planned.networkMode, { kind: 'networks', name: 'net3' })
    assert.deepEqual(
      endpoints.map((endpoint) => endpoint.network),
      ['net3', 'net1'],
    )
  })
  it('are one where the mode names it by its id', () => {
    assert.deepEqual(plan(wishes(NETWORK_ID, { net1: { Aliases: ['a'] } })).endpoints, [
      { network: NETWORK_ID, config: { Aliases: ['a'] } },
    ])
  })
  it('take the bridge’s wishes under its other name', () => {
    assert.deepEqual(plan(wishes('bridge', { default: { GwPriority: 1 } })).endpoints, [
      { network: 'bridge', config: { GwPriority: 1 } },
    ])
  })
  it('give the MAC address and the links to the first one', () => {
    const request: SandboxCreate = {
      ...wishes('net1', { net1: { Links: ['x:y'] }, net2: {} }),
      MacAddress: '02:00:00:00:00:01',
    }
    const { config: planned, endpoints } = plan({
      ...request,
      HostConfig: { ...request.HostConfig, Links: ['db:store'] },
    })
    assert.deepEqual(endpoints, [
      { network: 'net1', config: { Links: ['x:y', 'db:store'], MacAddress: '02:00:00:00:00:01' } },
      { network: 'net2', config: {} },
    ])
    assert.deepEqual(planned.links, [])
  })

  const MIXED = 'conflicting options: cannot attach both user-defined and non-user-defined network-modes'
  const refused: [SandboxCreate, string, string][] = [
    [wishes('bridge', { net1: {} }), 'SANDBOX_INVALID', MIXED],
    [wishes('net1', { default: {} }), 'SANDBOX_INVALID', MIXED],
    [wishes('none', { net1: {} }), 'SANDBOX_INVALID', MIXED],
    [wishes('host', { net1: {} }), 'SANDBOX_INVALID', MIXED],
    [wishes('container:c1', { net1: {} }), 'SANDBOX_INVALID', MIXED],
    [wishes('net1', { nope: {} }), 'NETWORK_UNKNOWN', 'network nope not found'],
    [wishes('nope', {}), 'NETWORK_UNKNOWN', 'network nope not found'],
    [
      wishes('net2', { net1: {}, [NETWORK_ID]: {} }),
      'SANDBOX_INVALID',
      `network "${NETWORK_ID}" is specified multiple times`,
    ],
    [
      wishes('container:c1', { 'container:c1': { IPAMConfig: { IPv4Address: '10.1.0.9' } } }),
      'SANDBOX_INVALID',
      'invalid endpoint settings:\nuser-specified IP address is supported on user-defined networks only',
    ],
    [
      wishes('container:c1', { 'container:c1': { Aliases: ['a'] } }),
      'SANDBOX_INVALID',
      'invalid endpoint settings:\nnetwork-scoped aliases are only supported for user-defined networks',
    ],
    [
      { ...wishes('net1', { net1: { MacAddress: '02:00:00:00:00:02' } }), MacAddress: '02:00:00:00:00:01' },
      'SANDBOX_INVALID',
      'the container-wide MAC address must match the endpoint-specific MAC address for the main network, or be left empty',
    ],
  ]
  for (const [request, code, message] of refused) {
    it(message.replace('\n', ' / '), () => assertRefused(() => plan(request), code, message))
  }
})

describe('wishes that do not go together', () => {
  const shared = (more: object, host: object = {}): SandboxCreate => ({
    ...more,
    HostConfig: { NetworkMode: 'container:c1', ...host },
  })
  const links = "can't be used with links. This would result in undefined behavior"
  const cases: [SandboxCreate, string][] = [
    [shared({ Hostname: 'a' }), 'conflicting options: hostname and the network mode'],
    [shared({}, { Dns: ['1.1.1.1'] }), 'conflicting options: dns and the network mode'],
    [
      shared({}, { ExtraHosts: ['a:1.1.1.1'] }),
      'conflicting options: custom host-to-IP mapping and the network mode',
    ],
    [shared({ MacAddress: '02:00:00:00:00:01' }), 'conflicting options: mac-address and the network mode'],
    [
      shared({}, { PortBindings: { '80/tcp': [] } }),
      'conflicting options: port publishing and the container type network mode',
    ],
    [
      shared({}, { PublishAllPorts: true }),
      'conflicting options: port publishing and the container type network mode',
    ],
    [
      shared({ ExposedPorts: { '80/tcp': {} } }),
      'conflicting options: port exposing and the container type network mode',
    ],
    [shared({}, { Links: ['a'] }), `conflicting options: container type network ${links}`],
    [
      { HostConfig: { NetworkMode: 'host', Links: ['a'] } },
      `conflicting options: host type networking ${links}`,
    ],
    [
      { MacAddress: '02:00:00:00:00:01', HostConfig: { NetworkMode: 'host' } },
      'conflicting options: mac-address and the network mode',
    ],
    [mode('container:'), 'invalid network mode: invalid container format container:<name|id>'],
    [mode('container'), 'invalid network mode: invalid container format container:<name|id>'],
  ]
  for (const [request, message] of cases) {
    it(message, () => assertRefused(() => plan(request), 'SANDBOX_INVALID', message))
  }
  it('an unknown sandbox', () =>
    assertRefused(() => plan(mode('container:x')), 'SANDBOX_UNKNOWN', 'No such container: x'))
})

describe('what cannot be read', () => {
  const cases: [SandboxCreate, string, string][] = [
    [{ Env: ['=x'] }, 'SANDBOX_INVALID', 'invalid environment variable: =x'],
    [{ Env: ['A=\0'] }, 'SANDBOX_INVALID', 'invalid environment variable: A=\\x00 has a NUL in it'],
    [{ Cmd: ['a\0'] }, 'SANDBOX_INVALID', 'invalid command: a\\x00 has a NUL in it'],
    [
      { WorkingDir: 'srv' },
      'SANDBOX_INVALID',
      "the working directory 'srv' is invalid, it needs to be an absolute path",
    ],
    [{ Hostname: 'a b' }, 'NAME_INVALID', 'invalid hostname format: a b'],
    [{ Domainname: 'a b' }, 'NAME_INVALID', 'invalid domainname format: a b'],
    [{ StopSignal: 'SIGNOPE' }, 'SANDBOX_INVALID', 'invalid signal: SIGNOPE'],
    [
      { StopTimeout: 2_147_484 },
      'SANDBOX_INVALID',
      'invalid stop timeout: 2147484 s, at most 2147483 are possible',
    ],
    [
      { HostConfig: { Dns: ['dns.example'] } },
      'SANDBOX_INVALID',
      'IP address is not correctly formatted: dns.example',
    ],
    ...['a b', 'bad_domain.', '1.2', '-a'].map((domain): [SandboxCreate, string, string] => [
      { HostConfig: { DnsSearch: [domain] } },
      'SANDBOX_INVALID',
      `${domain} is not a valid domain`,
    ]),
    [
      { HostConfig: { DnsOptions: ['a\nnameserver 6.6.6.6'] } },
      'SANDBOX_INVALID',
      'invalid DNS option: a\\x0anameserver 6.6.6.6',
    ],
    [{ HostConfig: { ExtraHosts: ['a'] } }, 'SANDBOX_INVALID', 'bad format for add-host: "a"'],
    [{ HostConfig: { Links: ['a:b:c'] } }, 'SANDBOX_INVALID', 'bad format for links: a:b:c'],
    [{ ExposedPorts: { '90-80': {} } }, 'PORT_INVALID', 'invalid port specification: "90-80"'],
    [{ HostConfig: { PortBindings: { x: [] } } }, 'PORT_INVALID', 'invalid port specification: "x"'],
  ]
  for (const [request, code, message] of cases) {
    it(message, () => assertRefused(() => plan(request), code, message))
  }
  it('a stop timeout below zero is none', () =>
    assert.equal(plan({ StopTimeout: -7 }).config.stopTimeoutS, -1))
})
