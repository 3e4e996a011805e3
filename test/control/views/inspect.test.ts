import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { networkInspectSchema } from '../../../src/control/api/network.ts'
import { sandboxInspectSchema, sandboxSummarySchema } from '../../../src/control/api/sandbox.ts'
import type { NetworkRecord, SandboxRecord } from '../../../src/control/model/records.ts'
import { NO_WISHES } from '../../../src/control/rules/endpoint-settings.ts'
import { inspectNetwork, summarizeNetwork } from '../../../src/control/views/network-inspect.ts'
import { inspectSandbox } from '../../../src/control/views/sandbox-inspect.ts'
import { summarizeSandbox } from '../../../src/control/views/sandbox-summary.ts'
import {
  config,
  ENDPOINT_ID,
  endpoint,
  joined,
  NETWORK_ID,
  network,
  pool,
  SANDBOX_ID,
  sandbox,
} from '../rules/records.ts'

const PATHS = {
  resolvConf: '/r/resolv.conf',
  hostname: '/r/hostname',
  hosts: '/r/hosts',
  log: '/r/log.json',
  networkNamespace: '/run/netns/tw-b2b2b2b2b2b2',
}

function around(networks: readonly NetworkRecord[]) {
  return {
    network: (id: string) => networks.find((other) => other.id === id),
    sandboxName: (id: string) => (id === SANDBOX_ID ? 'c1' : undefined),
  }
}

function inspect(record: SandboxRecord, networks: readonly NetworkRecord[] = [network()]) {
  const shown = inspectSandbox(record, around(networks), PATHS)
  assert.deepEqual(sandboxInspectSchema.parse(shown), shown)
  return shown
}

describe('network inspect', () => {
  it('leaves empty optional keys out', () => {
    const shown = summarizeNetwork(network())
    assert.deepEqual(networkInspectSchema.parse(shown), shown)
    assert.deepEqual(shown, {
      Name: 'net1',
      Id: NETWORK_ID,
      Created: '2026-01-02T03:04:05.678901234Z',
      Scope: 'local',
      Driver: 'bridge',
      EnableIPv4: true,
      EnableIPv6: false,
      IPAM: { Driver: 'default', Options: {}, Config: [{ Subnet: '10.1.0.0/16' }] },
      Internal: false,
      Attachable: false,
      Ingress: false,
      ConfigFrom: { Network: '' },
      ConfigOnly: false,
      Containers: {},
      Options: {},
      Labels: {},
    })
  })
  it('shows members, pools and their use', () => {
    const pools = [pool('10.1.0.0/16', { range: '10.1.2.0/24', auxiliary: { printer: '10.1.0.7' } })]
    const shown = inspectNetwork(
      network({ ipam: { driver: 'default', options: {}, pools } }),
      [{ sandbox: sandbox(), joined: joined({ ipv6: { address: 'fd01::2', prefixLength: 64 } }) }],
      [{ subnet: '10.1.0.0/16', inUse: 4, available: 251 }],
    )
    assert.deepEqual(networkInspectSchema.parse(shown), shown)
    assert.deepEqual(shown.IPAM.Config, [
      { Subnet: '10.1.0.0/16', IPRange: '10.1.2.0/24', AuxiliaryAddresses: { printer: '10.1.0.7' } },
    ])
    assert.deepEqual(shown.Containers, {
      [SANDBOX_ID]: {
        Name: 'c1',
        EndpointID: ENDPOINT_ID,
        MacAddress: '02:42:0a:01:00:02',
        IPv4Address: '10.1.0.2/16',
        IPv6Address: 'fd01::2/64',
      },
    })
    assert.deepEqual(shown.Status, {
      IPAM: { Subnets: { '10.1.0.0/16': { IPsInUse: 4, DynamicIPsAvailable: 251 } } },
    })
  })
  it('shows a gateway that was given, and that of a subnet that was not', () => {
    const gatewayOf = (gatewayGiven: boolean, subnetGiven: boolean) => {
      const pools = [pool('10.1.0.0/16', { gateway: '10.1.0.1', gatewayGiven, subnetGiven })]
      return summarizeNetwork(network({ ipam: { driver: 'default', options: {}, pools } })).IPAM.Config?.[0]
        ?.Gateway
    }
    assert.deepEqual(
      [gatewayOf(true, true), gatewayOf(false, false), gatewayOf(false, true)],
      ['10.1.0.1', '10.1.0.1', undefined],
    )
  })
  it('has null for the options of a built-in network', () => {
    assert.equal(summarizeNetwork(network({ name: 'bridge' })).IPAM.Options, null)
  })
})

describe('inspect of a running sandbox', () => {
  it('shows its place on the network', () => {
    const settings = {
      ...NO_WISHES,
      aliases: ['www', 'c1'],
      ipv4: '10.1.0.2',
      links: ['db:store'],
      gatewayPriority: 7,
    }
    const { NetworkSettings } = inspect(sandbox({ endpoints: [endpoint({ settings, joined: joined() })] }))
    assert.deepEqual(NetworkSettings.Networks, {
      net1: {
        IPAMConfig: { IPv4Address: '10.1.0.2' },
        Links: ['db:store'],
        Aliases: ['www', 'c1'],
        MacAddress: '02:42:0a:01:00:02',
        DriverOpts: null,
        GwPriority: 7,
        NetworkID: NETWORK_ID,
        EndpointID: ENDPOINT_ID,
        Gateway: '10.1.0.1',
        IPAddress: '10.1.0.2',
        IPPrefixLen: 16,
        IPv6Gateway: '',
        GlobalIPv6Address: '',
        GlobalIPv6PrefixLen: 0,
        DNSNames: ['c1', 'www', 'b2b2b2b2b2b2', 'web'],
        InterfaceName: 'eth0',
      },
    })
    assert.deepEqual(NetworkSettings.DefaultRoute, {
      IPv4: { Network: 'net1', Gateway: '10.1.0.1', Reason: 'net1 is the only network.' },
      IPv6: { Network: '', Gateway: '', Reason: 'No network of the sandbox has an IPv6 gateway.' },
    })
    assert.deepEqual(
      [NetworkSettings.SandboxID, NetworkSettings.SandboxKey],
      [SANDBOX_ID, PATHS.networkNamespace],
    )
  })
  it('has no names on the default bridge, and no gateway on an internal network', () => {
    const [onBridge] = Object.values(
      inspect(sandbox(), [network({ name: 'bridge' })]).NetworkSettings.Networks,
    )
    assert.deepEqual([onBridge?.DNSNames, onBridge?.Gateway], [null, '10.1.0.1'])
    const { NetworkSettings } = inspect(sandbox(), [network({ internal: true })])
    assert.equal(NetworkSettings.Networks['net1']?.Gateway, '')
    assert.equal(NetworkSettings.DefaultRoute.IPv4.Reason, 'net1 is internal.')
  })
  it('shows ports that are exposed, published, or both', () => {
    const record = sandbox({
      config: config({
        exposedPorts: ['53/udp', '80/tcp'],
        portBindings: { '80/tcp': [{ hostIp: '', hostPort: '8000-8010' }] },
      }),
      ports: { '80/tcp': [{ hostIp: '0.0.0.0', hostPort: '8001' }] },
    })
    const shown = inspect(record)
    assert.deepEqual(shown.NetworkSettings.Ports, {
      '53/udp': null,
      '80/tcp': [{ HostIp: '0.0.0.0', HostPort: '8001' }],
    })
    assert.deepEqual(shown.HostConfig.PortBindings, { '80/tcp': [{ HostIp: '', HostPort: '8000-8010' }] })
    assert.deepEqual(shown.Config.ExposedPorts, { '53/udp': {}, '80/tcp': {} })
  })
  it('says why there is nothing to choose', () => {
    const reason = (networkMode: SandboxRecord['config']['networkMode']) =>
      inspect(sandbox({ config: config({ networkMode }) })).NetworkSettings.DefaultRoute.IPv4.Reason
    assert.equal(reason({ kind: 'none' }), 'The sandbox has no network.')
    assert.equal(reason({ kind: 'host' }), "The sandbox has the machine's network, and its routes.")
    assert.equal(
      reason({ kind: 'container', sandbox: SANDBOX_ID }),
      'The sandbox has the network of c1, and its routes.',
    )
  })
})

describe('inspect of a sandbox that does not run', () => {
  const record = sandbox({
    config: config({ command: ['sleep', '1'], exposedPorts: ['80/tcp'], links: ['db:store'] }),
    state: { ...sandbox().state, status: 'exited', pid: 0, exitCode: 3 },
    endpoints: [endpoint({ settings: { ...NO_WISHES, mac: '02:00:00:00:00:01' } })],
  })
  it('has no ports, addresses and route', () => {
    const { NetworkSettings, State, Path, Args, Name, HostConfig } = inspect(record)
    const [place] = Object.values(NetworkSettings.Networks)
    assert.deepEqual([place?.IPAddress, place?.EndpointID, place?.MacAddress], ['', '', '02:00:00:00:00:01'])
    assert.deepEqual([NetworkSettings.Ports, NetworkSettings.SandboxID], [{}, ''])
    assert.equal(NetworkSettings.DefaultRoute.IPv4.Reason, 'The sandbox does not run.')
    assert.deepEqual([State.Running, State.ExitCode, Path, Args, Name], [false, 3, 'sleep', ['1'], '/c1'])
    assert.deepEqual(HostConfig.Links, ['/db:/c1/store'])
  })
  it('names a network that is no more by its id', () => {
    assert.deepEqual(Object.keys(inspect(record, []).NetworkSettings.Networks), [NETWORK_ID])
  })
})

describe('the list of sandboxes', () => {
  const nowMs = Date.parse('2026-01-02T03:07:06Z')
  const summarize = (record: SandboxRecord) => {
    const shown = summarizeSandbox(record, around([network()]), nowMs)
    assert.deepEqual(sandboxSummarySchema.parse(shown), shown)
    return shown
  }
  it('shows a running one', () => {
    const shown = summarize(
      sandbox({
        config: config({ command: ['sh', '-c', 'sleep 1'], exposedPorts: ['53/udp', '80/tcp'] }),
        ports: {
          '80/tcp': [
            { hostIp: '0.0.0.0', hostPort: '8080' },
            { hostIp: '', hostPort: '' },
          ],
        },
      }),
    )
    assert.deepEqual(
      [shown.Names, shown.Command, shown.Created, shown.State, shown.Status, shown.HostConfig],
      [['/c1'], "sh -c 'sleep 1'", 1_767_323_045, 'running', 'Up 3 minutes', { NetworkMode: 'net1' }],
    )
    assert.deepEqual(shown.Ports, [
      { PrivatePort: 53, Type: 'udp' },
      { IP: '0.0.0.0', PrivatePort: 80, PublicPort: 8080, Type: 'tcp' },
      { IP: '0.0.0.0', PrivatePort: 80, Type: 'tcp' },
    ])
    assert.deepEqual(Object.keys(shown.NetworkSettings.Networks), ['net1'])
  })
  it('shows one that has ended', () => {
    const state = {
      ...sandbox().state,
      status: 'exited',
      exitCode: 137,
      finishedAt: '2026-01-02T01:07:06Z',
    } as const
    const shown = summarize(sandbox({ config: config({ exposedPorts: ['80/tcp'] }), state }))
    assert.deepEqual([shown.Status, shown.Ports, shown.Command], ['Exited (137) 2 hours ago', [], ''])
  })
})
