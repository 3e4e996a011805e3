/**
 * The registry is away for a whole minute, which is several times as long as a lease lasts:
 *
 *     births without an answer ─► away ─► deaths, renamings, births that are refused ─► a minute ─► back ─► moves, births ─► all hosts agree
 */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { RegistryFault } from '../../../src/control/registry/memory-registry.ts'
import { CLUSTER_LEASE_S } from '../../../src/limits.ts'
import { type ClusterMachine, MemoryCluster } from './memory-cluster.ts'

const AWAY_MS = 60_000
/** Of a call of the registry: whoever calls it is under way for a while. */
const CALL_MS = 40

type Outage = 'it was down' | 'it was up, and no host reached it'

function setFault(cluster: MemoryCluster, outage: Outage, fault: RegistryFault): void {
  if (outage === 'it was down') cluster.server.fault = fault
  else for (const { registry } of cluster.hosts) registry.fault = fault
}

/** Sandboxes of a host that have an address on the network, in the order of their names. */
const placed = ({ daemon }: ClusterMachine): string[] =>
  daemon
    .model()
    .sandboxes.filter(({ endpoints }) => endpoints.some(({ joined }) => joined?.ipv4 !== undefined))
    .map(({ name }) => name)
    .toSorted()

async function threeHosts(): Promise<{ cluster: MemoryCluster; hosts: readonly ClusterMachine[] }> {
  const cluster = await MemoryCluster.of(3)
  const IPAM = { Config: [{ Subnet: '10.0.1.0/24' }] }
  await cluster.run(cluster.hosts[0]!.controller.createNetwork({ Name: 'lan', Driver: 'overlay', IPAM }))
  await cluster.settle()
  return { cluster, hosts: cluster.hosts }
}

const OUTAGES: readonly Outage[] = ['it was down', 'it was up, and no host reached it']

describe('behind a minute without the registry', () => {
  for (const outage of OUTAGES) {
    it(`all hosts agree on what came, went and moved: ${outage}`, async () => {
      const { cluster, hosts } = await threeHosts()
      const [a, b, c] = hosts as [ClusterMachine, ClusterMachine, ClusterMachine]
      await a.startAt('to-b', 'lan', '10.0.1.77')
      await b.startAt('to-a', 'lan', '10.0.1.88')
      for (const host of hosts) {
        await host.start(`stays-${host.name}`, 'lan')
        await host.start(`goes-${host.name}`, 'lan')
        const late = { HostConfig: { NetworkMode: 'lan' } }
        await cluster.run(host.controller.createSandbox(`late-${host.name}`, late))
      }
      cluster.server.delayMs = CALL_MS

      // The births are in the registry, and nobody hears of it.
      setFault(cluster, outage, 'answers-lost')
      const births = hosts.map((host) =>
        host.controller.startSandbox(`late-${host.name}`).then(
          () => 'born',
          (error: unknown) => (error as { readonly code?: string }).code,
        ),
      )
      await cluster.pass(CALL_MS * 1.5)
      setFault(cluster, outage, 'unreachable')
      await cluster.settle()
      const stations = hosts.map((host) => host.stations())
      for (const birth of births) assert.equal(await cluster.run(birth), 'REGISTRY_UNAVAILABLE')

      for (const host of hosts) await cluster.run(host.controller.stopSandbox(`goes-${host.name}`, {}))
      await cluster.run(a.controller.stopSandbox('to-b', {}))
      await cluster.run(b.controller.disconnect('lan', { Container: 'to-a' }))
      await cluster.run(c.controller.renameSandbox('stays-c', 'renamed'))
      await assert.rejects(b.startAt('early', 'lan', '10.0.1.77'), { code: 'REGISTRY_UNAVAILABLE' })
      await cluster.pass(AWAY_MS)
      assert.deepEqual(
        hosts.map((host) => host.stations()),
        stations,
        'what is known goes on',
      )
      const leases = outage === 'it was down' ? hosts.length : 0
      assert.equal(cluster.server.leases.length, leases, 'of leases, those are left that nothing ran for')

      // Whoever asks in the moment in which it is back is under way while the others tell what has gone.
      setFault(cluster, outage, 'none')
      const first = c.controller.startSandbox('late-c').then(
        () => true,
        () => false,
      )
      await cluster.pass(3 * CLUSTER_LEASE_S * 1000)
      if (!(await first)) await cluster.run(c.controller.startSandbox('late-c'))
      await b.startAt('from-a', 'lan', '10.0.1.77')
      await a.startAt('from-b', 'lan', '10.0.1.88')
      await cluster.run(b.controller.startSandbox('late-b'))
      await cluster.pass(CLUSTER_LEASE_S * 1000)

      cluster.assertAgreement()
      assert.deepEqual(hosts.map(placed), [
        ['from-b', 'stays-a'],
        ['from-a', 'late-b', 'stays-b'],
        ['late-c', 'renamed'],
      ])
      assert.equal(cluster.server.leases.length, hosts.length)
      const lost = hosts.flatMap(({ daemon }) =>
        daemon.events.filter(({ Action }) => Action === 'address-lost'),
      )
      assert.deepEqual(lost, [], 'nobody has lost an address that was its own')
    })
  }
})
