import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { underlayBytes, underlayText } from '../../../src/control/fabric/underlay-address.ts'
import { normalAddress } from '../../../src/control/ip-address.ts'
import type { FabricTunnel } from '../../../src/control/model/tunnels.ts'
import { PEER_MTU_MIN } from '../../../src/limits.ts'
import { MemoryUnderlay } from './memory-underlay.ts'

const TUNNEL: FabricTunnel = { port: 3, local: '192.0.2.1', udpPort: 4789, ttl: 64, dscp: 'inherit' }
const OVERLAY = { tunnel: 3, vni: 42, floods: true, learns: true, suppressesArp: false }
const PEER = { port: 4, domain: 7, address: '192.0.2.2' }

async function withPeer(): Promise<MemoryUnderlay> {
  const underlay = new MemoryUnderlay()
  await underlay.tunnels.openTunnel(TUNNEL)
  await underlay.tunnels.setOverlay(7, OVERLAY)
  await underlay.tunnels.addPeer(PEER)
  return underlay
}

const problems = ({ tunnels }: MemoryUnderlay): string[] => tunnels.tunnels().map(({ problem }) => problem)

describe('a tunnel of the machine', () => {
  it('has its sockets, and leaves none', async () => {
    const underlay = await withPeer()
    assert.deepEqual([...underlay.attached.keys()], [3])
    assert.deepEqual(underlay.tunnelPorts.get(3), {
      local: underlayBytes('192.0.2.1'),
      udpPort: 4789,
      sources: 16,
      dscp: undefined,
    })
    assert.deepEqual(underlay.overlays.get(7)!.networkIdentifier, 42)
    await underlay.tunnels.setOverlay(7, undefined)
    await underlay.tunnels.closeTunnel(3)
    assert.deepEqual([underlay.sockets.size, underlay.peerPorts.size, underlay.looks], [0, 0, 0])
  })

  it('is refused where its address is not the machine’s, with what to do', async () => {
    const underlay = new MemoryUnderlay()
    await assert.rejects(underlay.tunnels.openTunnel({ ...TUNNEL, local: '192.0.2.9' }), {
      code: 'TUNNEL_UNUSABLE',
      message: '192.0.2.9 is no address',
      hint: 'Add it.',
    })
    assert.deepEqual([underlay.tunnelPorts.size, underlay.looks], [0, 0])
  })

  it('leaves no socket where the switch refuses it', async () => {
    const underlay = new MemoryUnderlay()
    underlay.failing = 'attachTunnel'
    await assert.rejects(underlay.tunnels.openTunnel(TUNNEL), { code: 'TUNNEL_UNUSABLE' })
    assert.deepEqual([underlay.tunnelPorts.size, underlay.sockets.size], [0, 0])
  })

  it('that is patient is opened when its address is there', async () => {
    const underlay = new MemoryUnderlay()
    underlay.addresses.clear()
    const { mtu } = await underlay.tunnels.openTunnel({ ...TUNNEL, patient: true })
    assert.equal(mtu, undefined)
    await underlay.pass()
    await underlay.pass()
    assert.deepEqual(problems(underlay), ['192.0.2.1 is no address'])
    underlay.addresses.add('192.0.2.1')
    await underlay.pass()
    assert.deepEqual(problems(underlay), [''])
    assert.deepEqual(underlay.news, [{ kind: 'mtu', tunnel: 3, address: '', mtu: 1450 }])
    assert.deepEqual(underlay.lines, ['a tunnel is down: 192.0.2.1 is no address', 'a tunnel is up'])
  })

  it('whose address goes away says so, and goes on with it', async () => {
    const underlay = await withPeer()
    underlay.addresses.clear()
    await underlay.pass()
    assert.deepEqual(problems(underlay), ['no interface that is up has the address 192.0.2.1'])
    underlay.addresses.add('192.0.2.1')
    await underlay.pass()
    assert.deepEqual(problems(underlay), [''])
    assert.equal(underlay.sockets.size, 1)
  })

  it('whose sockets are lost gets others, with all that goes on behind it', async () => {
    const underlay = await withPeer()
    const [before] = underlay.attached.values()
    underlay.sockets.clear()
    underlay.tunnels.portGone(3)
    assert.deepEqual(problems(underlay), ['its socket has failed'])
    await underlay.pass()
    const [now] = underlay.attached.values()
    assert.notEqual(now, before)
    assert.deepEqual([problems(underlay), underlay.peerPorts.size], [[''], 1])
  })
})

describe('the way to a peer', () => {
  it('is followed: the switch and whoever listens are told when it changes, and not again', async () => {
    const underlay = await withPeer()
    assert.deepEqual(underlay.mtus(), { '192.0.2.2': 1450 })
    underlay.ways.set('192.0.2.2', 1300)
    await underlay.pass()
    await underlay.pass()
    assert.deepEqual(underlay.mtus(), { '192.0.2.2': 1300 })
    assert.deepEqual(underlay.news, [{ kind: 'mtu', tunnel: 3, address: '192.0.2.2', mtu: 1300 }])
  })

  it('is looked at as soon as a frame was too long for it', async () => {
    const underlay = await withPeer()
    underlay.ways.set('192.0.2.2', 1300)
    underlay.tunnels.wayNarrowed()
    underlay.tunnels.wayNarrowed()
    await underlay.tunnels.settled()
    assert.deepEqual(underlay.mtus(), { '192.0.2.2': 1300 })
  })

  it('is never said to be narrower than what the switch can fragment for', async () => {
    const underlay = await withPeer()
    underlay.ways.set('192.0.2.2', 18)
    await underlay.pass()
    assert.deepEqual(underlay.mtus(), { '192.0.2.2': PEER_MTU_MIN })
  })

  it('that is not there leaves the switch what it had', async () => {
    const underlay = await withPeer()
    underlay.ways.clear()
    await underlay.pass()
    assert.deepEqual(underlay.mtus(), { '192.0.2.2': 1450 })
    assert.equal(underlay.news[0]!.kind === 'mtu' && underlay.news[0]!.mtu, undefined)
    const facts = await underlay.tunnels.addPeer({ port: 5, domain: 7, address: '192.0.2.3' })
    assert.deepEqual([facts.mtu, underlay.mtus()['192.0.2.3']], [undefined, 1450])
  })
})

describe('strangers', () => {
  it('are told of by their addresses', async () => {
    const underlay = await withPeer()
    underlay.tunnels.strangersSeen([{ domain: 7, address: underlayBytes('2001:db8::9') }])
    assert.deepEqual(underlay.news, [{ kind: 'stranger', domain: 7, address: '2001:db8::9' }])
  })
})

describe('an address of the underlay', () => {
  it('is the same when it comes back from the data path', () => {
    const address = fc.oneof(fc.ipV4(), fc.ipV6())
    fc.assert(
      fc.property(address, (text) => {
        fc.pre(!/^(0+:)*:?:?ffff:/i.test(normalAddress(text)))
        assert.equal(underlayText(underlayBytes(text)), normalAddress(text))
      }),
    )
  })
})
