/** Records for tests, with everything in them that may be there. */

import type { ModelRecord, NetworkRecord, SandboxRecord } from '../../../src/control/model/records.ts'

export const idOf = (number: number): string => number.toString(16).padStart(64, '0')

export const networkRecord = (number: number): NetworkRecord => ({
  id: idOf(number),
  name: `network-${number}`,
  created: '2026-01-02T03:04:05.678901234Z',
  driver: 'bridge',
  scope: 'local',
  enableIPv4: true,
  enableIPv6: true,
  internal: false,
  attachable: false,
  ingress: false,
  configOnly: false,
  configFrom: '',
  ipam: {
    driver: 'default',
    options: { 'tapwire.ipam.rest': '5' },
    pools: [
      {
        family: 4,
        subnet: '10.1.0.0/16',
        range: '10.1.7.0/24',
        gateway: '10.1.7.0',
        gatewayGiven: false,
        subnetGiven: true,
        auxiliary: { printer: '10.1.0.9' },
      },
      { family: 6, subnet: '2001:db8::/64', gatewayGiven: false, subnetGiven: true, auxiliary: {} },
    ],
  },
  options: { 'com.docker.network.driver.mtu': '1400' },
  labels: { 'tapwire.lab': 'größe "x"\n' },
})

export const sandboxRecord = (number: number, network = idOf(1)): SandboxRecord => ({
  id: idOf(0x1000 + number),
  name: `sandbox-${number}`,
  created: '2026-01-02T03:04:05.678901234Z',
  config: {
    command: ['sleep', 'infinity'],
    environment: ['A=b=c'],
    workingDirectory: '',
    tty: false,
    openStdin: true,
    hostname: 'h',
    domainname: '',
    labels: {},
    stopSignal: 'SIGTERM',
    stopTimeoutS: 10,
    autoRemove: false,
    networkMode: { kind: 'networks', name: 'network-1' },
    dns: ['10.0.0.1'],
    dnsSearch: [],
    dnsOptions: ['ndots:1'],
    extraHosts: ['a:10.0.0.1'],
    links: [],
    exposedPorts: ['80/tcp'],
    portBindings: { '80/tcp': [{ hostIp: '', hostPort: '8080' }] },
    publishAll: false,
  },
  state: {
    status: 'running',
    pid: 4711,
    exitCode: 0,
    error: '',
    startedAt: '2026-01-02T03:04:06Z',
    finishedAt: '0001-01-01T00:00:00Z',
  },
  endpoints: [
    {
      network,
      settings: {
        ipv4: '10.1.7.9',
        linkLocal: [],
        links: [],
        aliases: ['web'],
        driverOptions: {},
        gatewayPriority: -1,
      },
      impairment: { from: { delay: '50ms', jitter: '5ms' }, to: { down: true, queue: 7, seed: -1 } },
      joined: {
        id: idOf(0x9000 + number),
        interface: 'eth0',
        mac: '02:42:0a:01:07:09',
        ipv4: { address: '10.1.7.9', prefixLength: 16 },
        gateway4: '10.1.7.0',
      },
    },
  ],
  ports: {},
})

/** A model with so many sandboxes on one network. */
export const modelRecord = (sandboxes: number): ModelRecord => ({
  networks: [networkRecord(1)],
  sandboxes: Array.from({ length: sandboxes }, (_, index) => sandboxRecord(index)),
  resting: [{ network: idOf(1), address: '10.1.7.8', untilMs: 1_800_000_000_000 }],
  ...(sandboxes > 0 && others),
})

/** All that a model may be without. */
const others: Required<Omit<ModelRecord, 'networks' | 'sandboxes' | 'resting'>> = {
  uplink: 'nic:eth0',
  uplinkImpairment: { to: { rate: '1mbit' } },
  services: [],
  cluster: { host: idOf(7), revision: 42 },
}
