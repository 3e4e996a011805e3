import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { SwitchRegistry } from '../../../src/control/drivers/switch-registry.ts'
import { type RemoteStation, TunnelDomains } from '../../../src/control/drivers/tunnel-domains.ts'
import { TunnelPool } from '../../../src/control/drivers/tunnel-pool.ts'
import { MemoryFabric } from '../controller/memory-fabric.ts'
import { networkRecord } from '../model/records.ts'

const NETWORK = networkRecord(1)
const PEERS = ['192.0.2.2', '192.0.2.3', '192.0.2.4']

async function tunnelledNetwork(): Promise<TunnelDomains> {
  const registry = new SwitchRegistry()
  const fabric = new MemoryFabric(
    async (_name, apply) => apply(),
    () => assert.fail('nobody is on the network'),
  )
  const domains = new TunnelDomains(fabric, registry, new TunnelPool(fabric, registry), {})
  const domain = registry.takeDomain()
  await fabric.addDomain(domain, { transparent: false, icc: true })
  registry.setDomain(NETWORK.id, domain)
  await domains.add(NETWORK, {
    tunnel: { local: '192.0.2.1', udpPort: 4789, ttl: 64, dscp: 0 },
    overlay: { vni: 4096, floods: true, learns: false, suppressesArp: true },
    mtu: undefined,
  })
  return domains
}

const endpointsOf = (domains: TunnelDomains): Record<string, number> =>
  Object.fromEntries(
    domains.statusOf(NETWORK.id)!.peers.map(({ address, endpoints }) => [address, endpoints]),
  )

/** Says how often it was asked where it is. */
class AskedStation implements RemoteStation {
  readonly addresses = []
  asked = 0

  get peer(): string {
    this.asked++
    return PEERS[0]!
  }
}

const peer = fc.constantFrom(...PEERS)
const mac = fc.constantFrom('02:00:00:00:00:01', '02:00:00:00:00:02', '02:00:00:00:00:03')
const change = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('set' as const), mac, peer }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('forget' as const), mac }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('rename' as const), peer, host: fc.string() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('remove' as const), peer }) },
)

describe('the status of a network that goes on behind a tunnel', () => {
  it('counts the stations behind each peer, whatever becomes of them', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(change, { maxLength: 30 }), async (changes) => {
        const domains = await tunnelledNetwork()
        const peers = new Set<string>()
        const stations = new Map<string, string>()
        for (const one of changes) {
          if (one.kind === 'set' || one.kind === 'rename') {
            await domains.addPeer(NETWORK.id, one.peer, one.kind === 'rename' ? one.host : undefined)
            peers.add(one.peer)
          }
          if (one.kind === 'set') {
            await domains.setRemote(NETWORK.id, one.mac, { peer: one.peer, addresses: [] })
            stations.set(one.mac, one.peer)
          } else if (one.kind === 'forget') {
            await domains.setRemote(NETWORK.id, one.mac, undefined)
            stations.delete(one.mac)
          } else if (one.kind === 'remove') {
            await domains.removePeer(NETWORK.id, one.peer)
            peers.delete(one.peer)
            for (const [known, at] of stations) if (at === one.peer) stations.delete(known)
          }
        }
        const behind = (address: string): number =>
          [...stations.values()].filter((at) => at === address).length
        assert.deepEqual(
          endpointsOf(domains),
          Object.fromEntries([...peers].map((address) => [address, behind(address)])),
        )
      }),
    )
  })

  it('asks none of the stations: every sandbox that starts wants it, and there may be thousands', async () => {
    const domains = await tunnelledNetwork()
    await domains.addPeer(NETWORK.id, PEERS[0]!)
    const station = new AskedStation()
    await domains.setRemote(NETWORK.id, '02:00:00:00:00:01', station)
    const before = station.asked
    assert.deepEqual(endpointsOf(domains), { [PEERS[0]!]: 1 })
    assert.equal(station.asked, before)
  })
})
