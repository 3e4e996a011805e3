import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { addressKey, endpointKey, hostKey, networkKey } from '../../../src/control/cluster/cluster-keys.ts'
import { CLUSTER_VERSION, type ClusterEndpoint } from '../../../src/control/cluster/cluster-records.ts'
import { claimText } from '../../../src/control/cluster/cluster-texts.ts'
import { ClusterView } from '../../../src/control/cluster/cluster-view.ts'
import { OwnEntries } from '../../../src/control/cluster/own-entries.ts'
import { ManualClock } from '../../../src/control/registry/manual-clock.ts'
import { MemoryRegistryServer } from '../../../src/control/registry/memory-registry.ts'

const NETWORK = 'e'.repeat(64)
const OWNER = 'f'.repeat(64)
const ID = '1'.repeat(64)

function endpointAt(ipv4: string): ClusterEndpoint {
  return {
    version: CLUSTER_VERSION,
    id: ID,
    network: NETWORK,
    host: 'a',
    sandbox: { id: '2'.repeat(64), name: 'web', labels: {} },
    mac: '02:00:00:00:00:01',
    ipv4,
    names: [],
    ports: [],
    routerMac: '02:00:00:00:00:02',
  }
}

/** Host `a`, whose view has heard of nothing yet, and a registry in which these addresses are another host's. */
async function hostBehind(taken: readonly string[]) {
  const clock = new ManualClock()
  const registry = new MemoryRegistryServer(clock).connect()
  const lease = await registry.grantLease(10)
  await registry.commit({
    when: [],
    do: [
      { put: hostKey('a'), value: '' },
      { put: networkKey(NETWORK), value: '' },
      ...taken.map((address) => ({
        put: addressKey(NETWORK, address),
        value: claimText({ host: 'b', owner: OWNER }),
      })),
    ],
  })
  const lost: string[] = []
  const own = new OwnEntries({
    registry,
    view: new ClusterView(() => assert.fail('nothing is unreadable')),
    clock,
    host: { id: 'a', name: 'a' },
    ground: () => ({ lease, condition: { key: hostKey('a'), is: 'present' } }),
    leaseLost: () => assert.fail('the lease lives'),
    lost: (_endpoint, address) => lost.push(address),
  })
  own.open()
  return { clock, registry, own, lost }
}

describe('an endpoint whose address another host has', () => {
  it('is its maker’s while it is new: another address takes the place, whatever is put again meanwhile', async () => {
    const taken = ['10.0.0.2', '10.0.0.3', '10.0.0.4']
    const { clock, registry, own, lost } = await hostBehind(taken)
    for (const address of [...taken, '10.0.0.5']) {
      const adding = own.add(endpointAt(address))
      // As behind a new lease: settled once before and once behind what is being added.
      own.refresh()
      const { outcome } = await adding
      assert.equal(outcome, taken.includes(address) ? 'taken' : 'done')
      if (outcome === 'taken') own.delete(ID)
    }
    await clock.advance(0)
    assert.equal(own.waiting, 0)
    assert.deepEqual(lost, [])
    const { entries } = await registry.list(endpointKey(NETWORK, ID))
    assert.deepEqual(
      entries.map(({ value }) => (JSON.parse(value) as ClusterEndpoint).ipv4),
      ['10.0.0.5'],
    )
  })

  it('is lost where it was there already', async () => {
    const { clock, own, lost } = await hostBehind(['10.0.0.2'])
    own.set(endpointAt('10.0.0.2'))
    await clock.advance(0)
    assert.deepEqual(lost, ['10.0.0.2'])
    assert.equal(own.has(ID), false)
  })
})
