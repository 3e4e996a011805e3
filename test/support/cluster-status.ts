import type { ClusterStatus } from '../../src/control/api/cluster.ts'

/**
 * Of a host in a cluster whose registry does not answer: with another host that is away, an endpoint that is yet to be told, and a network
 * that is missing here.
 */
export const CLUSTER_STATUS: ClusterStatus = {
  cluster: 'lab',
  host: { id: 'a', name: 'node-2', advertise: '192.0.2.2', udpPort: 4789 },
  state: 'member',
  problem: '',
  registry: { reachable: false, since: '2026-01-02T03:04:05.000Z', problem: 'connection refused' },
  revision: 17,
  waiting: 1,
  hosts: [
    {
      id: 'b',
      name: 'node-10',
      isSelf: false,
      present: false,
      advertise: '',
      started: '',
      endpoints: 0,
      addresses: 1200,
    },
    {
      id: 'a',
      name: 'node-2',
      isSelf: true,
      present: true,
      advertise: '192.0.2.2',
      started: '',
      endpoints: 2,
      addresses: 2,
    },
  ],
  networks: [
    { id: 'n', name: 'wide', vni: 4096, endpoints: { 'node-2': 2, 'node-3': 5 }, problem: '' },
    { id: 'm', name: 'red', vni: 4097, endpoints: {}, problem: 'network with name red already exists' },
  ],
}
