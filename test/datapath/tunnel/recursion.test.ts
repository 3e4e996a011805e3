import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DropReason } from '../../../src/datapath/drop-reason.ts'
import { address, packetFrame } from '../../support/packet-text.ts'
import { mac, TUNNEL, TunnelHost } from '../../support/tunnel-scene.ts'

const SANDBOX = 1
const LAN = 2

/** A host with a peer, 10.0.0.2, and beside its network behind the tunnel one that is part of the LAN. */
function host(plain: boolean): TunnelHost {
  const made = new TunnelHost(0)
  made.peer(1)
  made.engine.addDomain(2, { transparent: false })
  made.tap(SANDBOX, { domain: 2, station: mac('02:42:c0:00:02:09') })
  made.tap(LAN, { domain: 2, host: true, lan: true, plain })
  return made
}

/** As the host itself would send it: 10.0.0.1 is its address. */
const forged = (text: string): Uint8Array =>
  packetFrame(`udp 10.0.0.1:50000>${text}`, address('10.0.0.2')).frame

for (const plain of [false, true]) {
  describe(`a sandbox that is a station of the LAN, by a device that takes ${plain ? 'no' : 'all'} offloads`, () => {
    it('sends no VXLAN to a tunnel endpoint, which would take it for its host’s', () => {
      const made = host(plain)
      for (const text of ['10.0.0.2:4789', '10.0.0.2:4789 vlan=5', '10.0.0.2:4789 len=100 cut=0-64']) {
        const frame = forged(text)
        const before = made.drops(LAN)[DropReason.tunnelRecursion]!
        made.io.inject(SANDBOX, frame)
        made.run()
        assert.equal(made.drops(LAN)[DropReason.tunnelRecursion], before + 1, text)
        assert.deepEqual(made.io.collect(LAN), [])
      }
      // Once it is known where the endpoint is, the frame is for one port.
      made.io.inject(LAN, packetFrame('udp 10.0.0.2:1>10.0.0.9:2', address('192.0.2.9')).frame)
      made.run()
      made.io.collect(SANDBOX)
      made.io.inject(SANDBOX, forged('10.0.0.2:4789'))
      made.run()
      assert.deepEqual(made.io.collect(LAN), [])
      const steps = made.engine.explain(SANDBOX, forged('10.0.0.2:4789'), made.nowS)
      assert.deepEqual(
        steps.map(({ stage, verdict, reason }) => [stage, verdict, reason].join(' ')).at(-1),
        'egress drop tunnel-recursion',
      )
    })

    it('sends all else, and that too where no tunnel is', () => {
      const made = host(plain)
      for (const text of ['10.0.0.2:4790', '10.0.0.77:4789']) {
        made.io.inject(SANDBOX, forged(text))
        made.run()
        assert.equal(made.io.collect(LAN).length, 1, text)
      }
      made.engine.removePeer(201)
      made.engine.setOverlay(1, undefined)
      made.engine.removeTunnel(TUNNEL)
      made.io.inject(SANDBOX, forged('10.0.0.2:4789'))
      made.run()
      assert.equal(made.io.collect(LAN).length, 1)
    })
  })
}

describe('VXLAN over IPv6', () => {
  const PEER = Uint8Array.of(0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2)
  const OTHER = PEER.with(15, 3)

  /** With as many extension headers (destination options, of eight bytes) before UDP. */
  function frameTo(destination: Uint8Array, extensions: number): Uint8Array {
    const headers = Array.from({ length: extensions }, (_, i) => [
      i === extensions - 1 ? 17 : 60,
      0,
      1,
      4,
      0,
      0,
      0,
      0,
    ])
    const udp = [0xc3, 0x50, 4789 >>> 8, 4789 & 0xff, 0, 16, 0, 0, 8, 0, 0, 0, 0, 0, 1, 0]
    const packet = [...headers.flat(), ...udp]
    const first = [0x60, 0, 0, 0, 0, packet.length, extensions > 0 ? 60 : 17, 64]
    const stations = [2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 8]
    return Uint8Array.from([...stations, 0x86, 0xdd, ...first, ...OTHER, ...destination, ...packet])
  }

  for (const extensions of [0, 1, 8, 9, 20]) {
    it(`is known as such behind ${extensions} extension headers`, () => {
      const made = new TunnelHost(0, { tunnel: { local: PEER.with(15, 1) } })
      made.tap(1)
      made.engine.addPeer(300, { domain: 1, address: PEER, mtu: 1430 })
      made.io.attachPeer(300, TUNNEL, PEER, 4789)
      made.io.inject(1, frameTo(PEER, extensions))
      made.run()
      assert.equal(made.drops(300)[DropReason.tunnelRecursion], 1)
      made.io.inject(1, frameTo(OTHER, extensions))
      made.run()
      assert.equal(made.drops(300)[DropReason.tunnelRecursion], 1)
    })
  }
})
