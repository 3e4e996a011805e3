/** Records to test with: a plain one of its kind, with what the test wants in it. */

import type {
  EndpointRecord,
  JoinedEndpoint,
  NetworkRecord,
  PoolRecord,
  SandboxConfig,
  SandboxRecord,
} from '../../../src/control/model/records.ts'
import { NO_WISHES } from '../../../src/control/rules/endpoint-settings.ts'

export const NETWORK_ID = 'a1'.repeat(32)
export const SANDBOX_ID = 'b2'.repeat(32)
export const ENDPOINT_ID = 'c3'.repeat(32)

export function pool(subnet: string, more: Partial<PoolRecord> = {}): PoolRecord {
  return {
    family: subnet.includes(':') ? 6 : 4,
    subnet,
    gatewayGiven: false,
    subnetGiven: true,
    auxiliary: {},
    ...more,
  }
}

export function network(more: Partial<NetworkRecord> = {}): NetworkRecord {
  return {
    id: NETWORK_ID,
    name: 'net1',
    created: '2026-01-02T03:04:05.678901234Z',
    driver: 'bridge',
    scope: 'local',
    enableIPv4: true,
    enableIPv6: false,
    internal: false,
    attachable: false,
    ingress: false,
    configOnly: false,
    configFrom: '',
    ipam: { driver: 'default', options: {}, pools: [pool('10.1.0.0/16', { gateway: '10.1.0.1' })] },
    options: {},
    labels: {},
    ...more,
  }
}

export function joined(more: Partial<JoinedEndpoint> = {}): JoinedEndpoint {
  return {
    id: ENDPOINT_ID,
    interface: 'eth0',
    mac: '02:42:0a:01:00:02',
    ipv4: { address: '10.1.0.2', prefixLength: 16 },
    gateway4: '10.1.0.1',
    ...more,
  }
}

export function endpoint(more: Partial<EndpointRecord> = {}): EndpointRecord {
  return { network: NETWORK_ID, settings: NO_WISHES, ...more }
}

export function config(more: Partial<SandboxConfig> = {}): SandboxConfig {
  return {
    command: [],
    environment: [],
    workingDirectory: '',
    tty: false,
    openStdin: false,
    hostname: 'web',
    domainname: '',
    labels: {},
    stopSignal: 'SIGTERM',
    stopTimeoutS: 10,
    autoRemove: false,
    networkMode: { kind: 'networks', name: 'net1' },
    dns: [],
    dnsSearch: [],
    dnsOptions: [],
    extraHosts: [],
    links: [],
    exposedPorts: [],
    portBindings: {},
    publishAll: false,
    ...more,
  }
}

export function sandbox(more: Partial<SandboxRecord> = {}): SandboxRecord {
  return {
    id: SANDBOX_ID,
    name: 'c1',
    created: '2026-01-02T03:04:05.678901234Z',
    config: config(),
    state: {
      status: 'running',
      pid: 42,
      exitCode: 0,
      error: '',
      startedAt: '2026-01-02T03:04:06Z',
      finishedAt: '0001-01-01T00:00:00Z',
    },
    endpoints: [endpoint({ joined: joined() })],
    ports: {},
    ...more,
  }
}
